//! The order of a change of passwords against a model of servers. Any server may be restarted, and
//! any link cut, after each half of each step and each undo. Every replica must still be able to
//! log in at its primary.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod against;

use super::super::tests::begin::InitialNode;
use super::super::tests::stage::Stage;
use super::*;
use crate::inventory::SecretSource;
use secrecy::SecretString;
use std::collections::BTreeSet;

const UP: [InitialNode; 3] = [
    InitialNode::FullPrimary,
    InitialNode::Replica { of: 0 },
    InitialNode::Replica { of: 0 },
];

/// What one server, or its file, has.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Side {
    /// None: it is open.
    takes: Vec<Secret>,
    requires: Secret,
    by_name: bool,
    login: Secret,
}

impl Side {
    fn new(secret: Secret) -> Self {
        let takes = match secret {
            Secret::None => Vec::new(),
            one @ (Secret::New | Secret::Old) => vec![one],
        };
        Self {
            takes,
            requires: secret,
            by_name: false,
            login: secret,
        }
    }

    fn kept(&self) -> PasswordSet {
        let is = |secret| match secret {
            Secret::None => Is::Nothing,
            Secret::New => Is::New,
            Secret::Old => Is::Other,
        };
        PasswordSet {
            open: self.takes.is_empty(),
            takes_new: self.takes.contains(&Secret::New),
            takes_others: self.takes.contains(&Secret::Old),
            requirepass: is(self.requires),
            masterauth: is(self.login),
            masteruser: self.by_name.then(|| "default".to_owned()),
        }
    }

    fn lets_in(&self, other: &Self) -> bool {
        match (other.login, other.by_name) {
            (Secret::None, _) => self.takes.is_empty(),
            (_, true) if self.takes.is_empty() => true,
            (secret, _) => self.takes.contains(&secret),
        }
    }

    fn apply(&mut self, action: &PasswordAction) {
        match action {
            Do::Login { by_name, secret } => (self.by_name, self.login) = (*by_name, *secret),
            Do::Require { secret } => {
                let (login, by_name) = (self.login, self.by_name);
                *self = Self {
                    by_name,
                    login,
                    ..Self::new(*secret)
                };
            }
            Do::Accept => self.takes.push(Secret::New),
            Do::Refuse => self.takes.retain(|s| *s != Secret::New),
            Do::Protect { .. } | Do::Prove { .. } | Do::ProveLink { .. } | Do::Sentinel { .. } => {}
        }
    }
}

/// Servers with their files.
#[derive(Debug, Clone)]
struct Model(BTreeMap<NodeName, [Side; 2]>);

impl Model {
    fn new(world: &Stage, sides: [Secret; 3]) -> Self {
        let names = world.inventory.nodes.iter().map(|n| n.name.clone());
        let sides = sides.map(|s| [Side::new(s), Side::new(s)]);
        Self(names.zip(sides).collect())
    }

    /// Whoever is restarted.
    fn links_hold(&self, what: &str) {
        let primary = &self.0[&NodeName::from("master")];
        for replica in ["slave1", "slave2"] {
            for own in &self.0[&NodeName::from(replica)] {
                for up in primary {
                    assert!(up.lets_in(own), "{what}: {up:?} refuses {own:?}");
                }
            }
        }
    }

    fn run(&mut self, node: &NodeName, action: &Action, what: &str) {
        let Action::Password(action) = action else {
            return;
        };
        for half in 0..2 {
            self.0.get_mut(node).unwrap()[half].apply(action);
            self.links_hold(what);
        }
    }

    fn held(&self) -> BTreeMap<NodeName, NodePasswords> {
        let one = |sides: &[Side; 2]| NodePasswords {
            live: Some(sides[0].kept()),
            file: Ok(sides[1].kept()),
            protected: Some(sides[0].takes.is_empty() && sides[0].requires == Secret::Old),
            acl_file: false,
            elsewhere: None,
        };
        self.0.iter().map(|(n, s)| (n.clone(), one(s))).collect()
    }
}

fn plan(
    world: &Stage,
    held: &BTreeMap<NodeName, NodePasswords>,
    keep: bool,
) -> Result<Plan, Vec<Refusal>> {
    watched((world, held, keep), None, &BTreeSet::new())
}

/// The same where Sentinels watch.
fn watched(
    (world, held, keep): (&Stage, &BTreeMap<NodeName, NodePasswords>, bool),
    watch: Option<&Watch>,
    confirmed: &BTreeSet<Address>,
) -> Result<Plan, Vec<Refusal>> {
    let op = Setup {
        nodes: Vec::new(),
        discard_data: Vec::new(),
    };
    let around = PasswordInput {
        held,
        watch,
        confirmed,
        keep_earlier: keep,
        partial: false,
        alone: &[],
        agree: true,
        quotes: false,
    };
    let of = (&op, &world.inventory, &world.topology);
    change(of, &world.hosts, &world.payload, &around)
}

fn world(password: bool) -> Stage {
    let mut world = Stage::new(UP);
    if password {
        world.inventory.auth = Auth::Password(SecretSource::Inline(SecretString::from("new")));
    }
    world
}

/// From what the servers have to what the inventory says.
fn ways() -> Vec<(Secret, bool)> {
    vec![
        (Secret::None, true),
        (Secret::Old, true),
        (Secret::Old, false),
    ]
}

#[test]
fn every_link_holds_after_each_half_of_each_step() {
    for (from, password) in ways() {
        let world = world(password);
        let mut model = Model::new(&world, [from; 3]);
        let plan = plan(&world, &model.held(), false).unwrap();
        for step in plan.steps() {
            model.run(&step.node, &step.action, &step.action.to_string());
        }
        for sides in model.0.values() {
            let wanted = Side::new(if password { Secret::New } else { Secret::None });
            assert_eq!(sides, &[wanted.clone(), wanted]);
        }
        // A second run has nothing to do.
        assert!(!model.held().values().any(|h| h.differs(password)));
    }
}

#[test]
fn every_stage_that_can_be_undone_is_undone_without_breaking_a_link() {
    for (from, password) in ways() {
        let world = world(password);
        let begun = Model::new(&world, [from; 3]);
        let plan = plan(&world, &begun.held(), false).unwrap();
        let together: Vec<&Step> = plan
            .stages
            .iter()
            .filter(|s| s.mode == Mode::Atomic)
            .flat_map(|s| &s.steps)
            .collect();
        assert!(!together.is_empty());
        for last in 0..together.len() {
            let mut model = begun.clone();
            for step in &together[..=last] {
                model.run(&step.node, &step.action, "on the way");
            }
            for step in together[..=last].iter().rev() {
                if let Undo::By(undo) = &step.undo {
                    model.run(&step.node, undo, &format!("back from step {last}"));
                }
            }
            assert_eq!(model.0, begun.0, "step {last}");
        }
        // What forgets the earlier password comes after all that needs it.
        let past = |s: &crate::engine::Stage| s.steps.iter().any(|s| s.undo == Undo::Impossible);
        let first = plan.stages.iter().position(past);
        let end = plan.stages.iter().rposition(|s| s.mode == Mode::Atomic);
        assert!(first.is_none_or(|first| Some(first) > end));
        assert!(plan.goes_back_whole());
    }
}

#[test]
fn the_earlier_password_is_kept_where_that_is_wished() {
    let world = world(true);
    let mut model = Model::new(&world, [Secret::Old; 3]);
    let first = plan(&world, &model.held(), true).unwrap();
    for step in first.steps() {
        model.run(&step.node, &step.action, "on the way");
    }
    for sides in model.0.values() {
        assert_eq!(sides[0].takes, [Secret::Old, Secret::New]);
    }
    let again = plan(&world, &model.held(), true).unwrap();
    let changes =
        |s: &Step| matches!(s.action, Action::Password(_)) && s.action.changes_something();
    assert!(!again.steps().any(changes) && !again.warnings.is_empty());
    let end = plan(&world, &model.held(), false).unwrap();
    for step in end.steps() {
        model.run(&step.node, &step.action, "to the end");
    }
    assert!(model.0.values().all(|s| s[0] == Side::new(Secret::New)));
}

/// The servers accept both passwords, and the inventory names the one in `requirepass` again. Then
/// they no longer accept the other one.
#[test]
fn a_change_that_is_called_off_leaves_no_other_password() {
    let world = world(true);
    let mut model = Model::new(&world, [Secret::New; 3]);
    for (i, sides) in model.0.values_mut().enumerate() {
        for side in sides {
            // On the last one, the change was already complete.
            if i < 2 {
                side.takes.push(Secret::Old);
            } else {
                *side = Side::new(Secret::Old);
            }
            side.login = Secret::Old;
        }
    }
    assert!(model.held().values().all(|h| h.differs(true)));
    let plan = plan(&world, &model.held(), false).unwrap();
    for step in plan.steps() {
        model.run(&step.node, &step.action, "back");
    }
    for sides in model.0.values() {
        assert_eq!(sides, &[Side::new(Secret::New), Side::new(Secret::New)]);
    }
}

#[test]
fn a_file_that_is_behind_its_server_is_written() {
    let world = world(true);
    let mut model = Model::new(&world, [Secret::New; 3]);
    let name = NodeName::from("slave1");
    model.0.get_mut(&name).unwrap()[1] = Side::new(Secret::Old);
    assert!(model.held()[&name].differs(true));
    let plan = plan(&world, &model.held(), false).unwrap();
    let changed: BTreeSet<&str> = plan
        .steps()
        .filter(|s| s.action.changes_something() && matches!(s.action, Action::Password(_)))
        .map(|s| s.node.0.as_str())
        .collect();
    assert_eq!(changed, BTreeSet::from(["slave1"]));
}

#[test]
fn what_servers_were_given_shows_whether_the_password_is_still_the_same() {
    let world = world(true);
    let mut model = Model::new(&world, [Secret::Old; 3]);
    let plan = plan(&world, &model.held(), false).unwrap();
    assert!(plan.given(&|_, _| false).is_empty());
    // Accept, Login and Require of each.
    assert_eq!(plan.given(&|_, _| true).len(), 9);
    for step in plan.steps() {
        model.run(&step.node, &step.action, "on the way");
        if let Action::Password(action) = &step.action
            && action.gives_new()
        {
            assert!(action.was_given(model.held()[&step.node].live.as_ref().unwrap()));
            // The inventory names another one, or the one from before again.
            let mut back = Side::new(Secret::New);
            back.takes.push(Secret::Old);
            back.login = Secret::Old;
            for other in [Side::new(Secret::Old), back] {
                let require = matches!(action, Do::Require { .. });
                let given = action.was_given(&other.kept());
                assert!(!given || require && other.requires == Secret::New);
            }
        }
    }
}

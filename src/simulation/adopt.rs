//! Servers that somebody else made, in every small deployment, and how they become replctl's: a
//! death at every journal line, resumed and rolled back; a failure of every step. Clients write all
//! the while, and every write that was acknowledged is there at the end.

pub(crate) mod model;

use super::harness::{Case, Counts};
use crate::engine::journal::Outcome;
use crate::engine::operation::Properties as _;
use crate::engine::{Accept, Adopt, Plan, Warning};
use crate::simulation::members::world::name;
use crate::topology::NodeName;
use model::{Adopting, World};
use std::cell::Cell;

/// One beginning, and what is to come of it.
struct Adoption<'a> {
    what: String,
    op: &'a Adopt,
    plan: Plan,
    begin: &'a World,
    /// Units start what is not adopted.
    unit: bool,
    /// Each death also with the loss of power, and with a boot of all hosts. In a deployment of
    /// three, each node goes through what it goes through in one of two.
    every_way: bool,
    rollbacks: &'a Cell<usize>,
}

impl Adoption<'_> {
    /// What is left is planned from what is seen, and done.
    fn runs_again(&self, world: &World, how: &str) {
        let again = world.lock().plan(self.op);
        let again = again.unwrap_or_else(|r| panic!("{}, {how}: refused: {r:?}", self.what));
        assert_eq!(
            world.start(&again),
            Outcome::Completed,
            "{}, {how}",
            self.what
        );
        self.reached(world, how);
    }

    fn rolled_back(&self, world: &World, how: &str) {
        let Ok(outcome) = world.roll_back(&self.plan) else {
            return;
        };
        assert!(
            matches!(outcome, Outcome::RolledBack { .. }),
            "{how}: {outcome:?}"
        );
        self.is_whole(world, &format!("{how}, rolled back"));
        if self.plan.goes_back_whole() {
            let adopted = world.lock().adopted();
            assert_eq!(adopted, self.begin.lock().adopted(), "{}, {how}", self.what);
        }
        self.rollbacks.set(self.rollbacks.get() + 1);
        self.runs_again(world, &format!("{how}, rolled back and run again"));
    }

    /// Nothing that was acknowledged is lost, and no node is half adopted.
    fn is_whole(&self, world: &World, how: &str) {
        let now = world.lock();
        let what = || format!("{}, {how} {:#?}", self.what, self.plan);
        assert!(now.violations.is_empty(), "{:?} {}", now.violations, what());
        assert_eq!(now.lost(), 0, "writes are lost: {}", what());
        for (node, host) in &now.hosts {
            assert!(host.is_whole(), "{node} is neither: {host:#?} {}", what());
            assert_eq!(
                host.is_adopted(),
                now.says_adopted(node),
                "{node}: {}",
                what()
            );
        }
    }
}

impl Case<Adopting> for Adoption<'_> {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn fresh(&self) -> World {
        self.begin.again()
    }

    fn reached(&self, world: &World, how: &str) {
        self.is_whole(world, how);
        let now = world.lock();
        let what = || format!("{}, {how} {:#?}", self.what, self.plan);
        let wanted = |n: &NodeName| self.op.nodes.is_empty() || self.op.nodes.contains(n);
        for (node, host) in now.hosts.iter().filter(|(n, _)| wanted(n)) {
            assert!(host.is_adopted(), "{node}: {}", what());
        }
        let again = now.plan(self.op);
        let again = again.unwrap_or_else(|r| panic!("{r:?} {}", what()));
        assert!(again.is_empty(), "{again:#?} {}", what());
    }

    fn died(&self, dead: &dyn Fn() -> World, how: &str) {
        self.resumed(&dead(), &format!("{how}, resumed"));
        if self.every_way {
            let dark = dead();
            dark.loses_power();
            self.resumed(&dark, &format!("{how}, its machine without power, resumed"));
        }
        let booted = dead();
        if self.every_way && self.unit && booted.lock().roles_are_written() {
            booted.lock().reboot();
            self.resumed(&booted, &format!("{how}, all hosts booted, resumed"));
        }
        self.rolled_back(&dead(), how);
        let begun = dead();
        if self.every_way && begun.lock().starts_formers() {
            let how = format!("{how}, a former server started by somebody");
            self.resumed(&begun, &format!("{how}, resumed"));
            let begun = dead();
            begun.lock().starts_formers();
            self.rolled_back(&begun, &how);
        }
    }

    fn failed(&self, world: &World, outcome: Outcome, how: &str) {
        match outcome {
            Outcome::RolledBack { .. } => {
                self.is_whole(world, how);
                self.runs_again(world, how);
            }
            Outcome::Stopped { .. } => self.resumed(world, how),
            Outcome::Incomplete { .. } => {
                world.crash();
                self.runs_again(world, how);
            }
            Outcome::Completed | Outcome::Halted { .. } => panic!("{}, {how}", self.what),
        }
    }
}

/// Whom each node follows.
const TREES: [&[Option<usize>]; 5] = [
    &[None],
    &[None, Some(0)],
    &[None, Some(0), Some(0)],
    &[None, Some(0), Some(1)],
    &[Some(1), None, Some(1)],
];

pub(crate) fn operation(nodes: &[usize], pause: bool) -> Adopt {
    Adopt {
        nodes: nodes.iter().map(|i| name(*i)).collect(),
        hand_back: false,
        pause,
    }
}

#[test]
fn servers_of_others_become_replctls_and_no_write_is_lost() {
    let (mut counts, rollbacks) = (Counts::default(), Cell::new(0));
    for tree in TREES {
        for foreign in 1..1usize << tree.len() {
            let mut ops = vec![operation(&[], false), operation(&[], true)];
            ops.extend((0..tree.len()).map(|i| operation(&[i], true)));
            // What starts them makes no other plan but for its own steps.
            let all = foreign + 1 == 1 << tree.len();
            let units = [true, false].into_iter().filter(|unit| *unit || all);
            let mut seen = Vec::new();
            for (unit, op) in units.flat_map(|u| ops.iter().map(move |o| (u, o))) {
                let begin = World::new(tree, foreign, unit);
                let planned = begin.lock().plan(op);
                let Ok(plan) = planned else {
                    counts.refused += 1;
                    continue;
                };
                if seen.contains(&plan.stages) {
                    continue;
                }
                seen.push(plan.stages.clone());
                let what = format!("{tree:?}, foreign {foreign:b}, unit {unit}, {}", op.line());
                let case = Adoption {
                    what,
                    op,
                    plan,
                    begin: &begin,
                    unit,
                    every_way: tree.len() < 3 || all && op.nodes.is_empty(),
                    rollbacks: &rollbacks,
                };
                case.exhaust(&mut counts);
            }
        }
    }
    counts.are_more_than(Counts {
        plans: 60,
        refused: 5,
        deaths: 2_000,
        failures: 3_000,
    });
    println!("{} rollbacks", rollbacks.get());
    assert!(rollbacks.get() > 500, "{} rollbacks", rollbacks.get());
}

/// Arguments that a process does not show may hold its role. Its file alone has none at first.
#[test]
fn a_server_whose_arguments_are_hidden_comes_back_with_its_file_alone() {
    let begin = World::new(TREES[1], 0b11, false);
    {
        let mut now = begin.lock();
        now.hides = true;
        let hosts = now.hosts.values_mut();
        hosts.for_each(|host| host.old.as_mut().unwrap().role = None);
    }
    let op = &operation(&[1], false);
    let plan = begin.lock().plan(op).unwrap();
    let words: Vec<String> = plan.stages[0]
        .steps
        .iter()
        .map(|s| s.action.to_string())
        .collect();
    let place = |part: &str| words.iter().position(|w| w.contains(part)).unwrap();
    assert!(
        place("write its role into its configuration file") < place("save its data and stop it")
    );
    let said: Vec<String> = plan.warnings.iter().map(Warning::text).collect();
    assert!(
        said.iter()
            .any(|w| w.contains("with that file and without arguments")),
        "{said:?}"
    );
    let (mut counts, rollbacks) = (Counts::default(), Cell::new(0));
    let case = Adoption {
        what: "hidden".to_owned(),
        op,
        plan,
        begin: &begin,
        unit: false,
        every_way: true,
        rollbacks: &rollbacks,
    };
    case.exhaust(&mut counts);
    assert!(rollbacks.get() > 5);
}

#[test]
fn an_operator_who_wants_to_stop_finds_nothing_changed() {
    let begin = World::new(TREES[2], 0b111, true);
    let plan = begin.lock().plan(&operation(&[], false)).unwrap();
    let world = begin.again();
    let outcome = world.start_and_stop(&plan);
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    let now = world.lock();
    assert!(now.adopted().is_empty() && now.hosts.values().all(model::Host::is_whole));
    assert_eq!(now.text, begin.lock().text);
}

/// Somebody makes a replica the primary that was just adopted, and then a step fails: its writes
/// are nowhere else, so it is neither stopped nor removed.
#[test]
fn a_node_that_was_promoted_meanwhile_is_not_put_back() {
    let begin = World::new(TREES[1], 0b11, true);
    let plan = begin.lock().plan(&operation(&[1], false)).unwrap();
    let steps = &plan.stages[0].steps;
    let starts = steps.iter().position(|s| {
        matches!(
            s.action,
            crate::actions::Action::Host(crate::actions::host::HostAction::StartServer(_))
        )
    });
    let starts = starts.unwrap();
    for call in starts + 2..steps.len() {
        let world = begin.again();
        world.lock().promoted_before = Some((call, name(1)));
        let outcome = world.start(&plan);
        let now = world.lock();
        let node = &now.hosts[&name(1)];
        assert!(node.base.of.is_none(), "{outcome:?}");
        assert!(node.is_adopted(), "call {call}: {outcome:?} {node:#?}");
    }
}

/// The place of the first step with these words.
fn place(plan: &Plan, words: &str) -> usize {
    let has = |s: &crate::engine::Step| s.action.to_string().contains(words);
    plan.stages[0].steps.iter().position(has).unwrap()
}

/// Somebody changes where the data is after the plan was made, or starts the former server between
/// the copy and the start of the new one. The copy is not the data then.
#[test]
fn data_that_is_not_what_was_planned_or_copied_puts_the_node_back() {
    let begin = World::new(TREES[1], 0b11, true);
    let plan = begin.lock().plan(&operation(&[1], false)).unwrap();
    let is_back = |world: &World, what: &str| {
        let outcome = world.start(&plan);
        let back = matches!(outcome, Outcome::RolledBack { .. });
        assert!(back, "{what}: {outcome:?}");
        let now = world.lock();
        assert!(now.adopted().is_empty(), "{what}");
        assert!(now.hosts.values().all(model::Host::is_whole), "{what}");
    };
    for call in 0..=place(&plan, "save its data and stop it") {
        for (name, value) in [
            ("appendonly", "yes"),
            ("dir", "/elsewhere"),
            ("dbfilename", "other.rdb"),
        ] {
            let world = begin.again();
            world.lock().changed_before = Some((call, name, value));
            is_back(&world, &format!("{name} before call {call}"));
        }
    }
    let copied = place(&plan, "copy the data");
    for call in copied + 1..=place(&plan, "has not changed since the copy") {
        let world = begin.again();
        world.lock().ran_before = Some((call, name(1)));
        is_back(&world, &format!("ran before call {call}"));
    }
}

#[test]
fn a_primary_alone_is_refused_unless_its_pause_is_accepted() {
    let world = World::new(TREES[0], 1, true);
    let refused = world.lock().plan(&operation(&[], false)).unwrap_err();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(refused[0].accept, Some(Accept::Pause));
    assert!(
        refused[0]
            .hint
            .ends_with("replctl adopt --all --ignore pause")
    );
}

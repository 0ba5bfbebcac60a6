//! Changes the password of a deployment that runs: from none to one, to none, or to another. After
//! each step, every replica can log in at its primary, whichever is restarted or loses its link.
//!
//! A server without a password accepts `AUTH default ANYTHING` and refuses `AUTH ANYTHING`. So
//! while only some servers want a password, replicas log in as `default`. The change runs alone:
//! other differences from the inventory, except for settings, are left to the next run.

mod checks;
mod left_out;
mod proofs;
#[cfg(test)]
mod tests;

pub(super) use checks::open_primary;

use super::roles::{self, Wiring};
use super::{Look, settings};
use crate::actions::Action;
use crate::actions::host::{HostAction, PayloadInfo};
use crate::actions::password::{Is, Key, NodePasswords, PasswordAction, PasswordSet, Secret};
use crate::actions::server::ServerAction;
use crate::engine::{Mode, Operation, Plan, Refusal, Setup, Stage, Step, Undo};
use crate::inventory::{Auth, Inventory};
use crate::operations::setup::checks as of_setup;
use crate::plan::facts::{HostFacts, Unseen};
use crate::plan::hosts::HostLook;
use crate::topology::sentinel::Watch;
use crate::topology::{Address, NodeName, Topology};
use PasswordAction as Do;
use std::collections::{BTreeMap, BTreeSet};

/// Writes the running server's state into its file.
const WRITE: Action = Action::Server(ServerAction::PersistRole);

/// The input that only a change of passwords needs.
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own
pub struct PasswordInput<'a> {
    /// What each node holds of passwords.
    pub held: &'a BTreeMap<NodeName, NodePasswords>,
    /// The Sentinels that watch.
    pub watch: Option<&'a Watch>,
    /// The Sentinels that the inventory names or their hosts confirm. No other one gets a password.
    pub confirmed: &'a BTreeSet<Address>,
    /// The servers accept the earlier password, too, until another run.
    pub keep_earlier: bool,
    /// Only some nodes were named.
    pub partial: bool,
    /// The nodes that were detached.
    pub alone: &'a [NodeName],
    /// All servers that had a password before had the same.
    pub agree: bool,
    /// The inventory's password has a quotation mark or a backslash.
    pub quotes: bool,
}

/// One node that runs, with what it holds.
struct Member<'a> {
    name: &'a NodeName,
    live: &'a PasswordSet,
    held: &'a NodePasswords,
}

/// Everything that the stages are made from.
struct Change<'a> {
    look: &'a Look<'a>,
    around: &'a PasswordInput<'a>,
    wiring: &'a Wiring,
    /// In inventory order.
    members: Vec<Member<'a>>,
    /// The inventory names a password.
    password: bool,
}

/// Whether the servers' passwords differ from the inventory's. If so, the passwords are changed
/// first, and replctl has to look for Sentinels.
pub fn wanted(
    inventory: &Inventory,
    topology: &Topology,
    held: &BTreeMap<NodeName, NodePasswords>,
) -> bool {
    let password = matches!(inventory.auth, Auth::Password(_));
    let differs = held.values().any(|held| held.differs(password));
    let locked = checks::locked_out(topology).next().is_some();
    let guarded = !password && inventory.nodes.iter().any(|n| checks::guarded(n, held));
    inventory.accounts.is_plain() && (differs || locked || guarded)
}

/// Plans the change; all refusals come at once, and one of them stops the whole change.
pub fn change(
    (op, inventory, topology): (&Setup, &Inventory, &Topology),
    hosts: &BTreeMap<NodeName, Result<HostFacts, Unseen>>,
    payload: &[PayloadInfo],
    around: &PasswordInput<'_>,
) -> Result<Plan, Vec<Refusal>> {
    let look = Look {
        op,
        at: HostLook::new(inventory, topology, hosts, payload),
        insists: false,
        adding: None,
    };
    let locked = checks::shut_out(&look, around);
    if !locked.is_empty() {
        return Err(locked);
    }
    let mut refusals = of_setup::refusals(&look);
    refusals.extend(checks::refusals(&look, around));
    let wiring = match roles::wiring(&look) {
        Ok(wiring) => wiring,
        Err(more) => {
            refusals.extend(more);
            return Err(refusals);
        }
    };
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let change = Change::new(&look, around, &wiring);
    Ok(change.plan())
}

fn step(node: &NodeName, action: PasswordAction, undo: Option<PasswordAction>) -> Step {
    let undo = undo.map_or(Undo::Nothing, |undo| Undo::By(Action::Password(undo)));
    Step::new(node, Action::Password(action), undo)
}

/// A step that cannot be undone: after it, the earlier password is stored nowhere.
fn forgets(node: &NodeName, action: PasswordAction) -> Step {
    Step::new(node, Action::Password(action), Undo::Impossible)
}

fn secret_of(is: Is) -> Secret {
    match is {
        Is::Nothing => Secret::None,
        Is::New => Secret::New,
        Is::Other => Secret::Old,
    }
}

impl<'a> Change<'a> {
    fn new(look: &'a Look<'a>, around: &'a PasswordInput<'a>, wiring: &'a Wiring) -> Self {
        let members = look.inventory.nodes.iter().filter_map(|node| {
            let held = around.held.get(&node.name)?;
            Some(Member {
                name: &node.name,
                live: held.live.as_ref()?,
                held,
            })
        });
        Self {
            members: members.collect(),
            password: matches!(look.inventory.auth, Auth::Password(_)),
            look,
            around,
            wiring,
        }
    }

    fn plan(&self) -> Plan {
        let settings = self.settings();
        let (mut stages, mut warnings) = if self.password {
            (self.to_password(&settings), self.of_password())
        } else {
            (self.to_none(&settings), self.of_none())
        };
        stages.retain(|s| !s.steps.is_empty());
        // Proofs alone are not worth a run.
        if !stages
            .iter()
            .flat_map(|s| &s.steps)
            .any(|s| s.action.changes_something())
        {
            stages.clear();
        }
        warnings.extend(checks::warnings(self.look));
        Plan {
            operation: Operation::Setup(self.look.op.clone()),
            stages,
            warnings,
            may_lose: None,
        }
    }

    /// None to one, and one to another.
    fn to_password(&self, settings: &[Step]) -> Vec<Stage> {
        let by_name = self.any_open();
        let first = self.accepted(by_name);
        let mut second = Vec::new();
        if by_name || self.left_by_name() {
            second.extend(self.without_name());
            second.extend(self.links(|_| true));
        }
        second.extend(settings.iter().cloned());
        let mut last = Vec::new();
        let mut proofs = Vec::new();
        let others = |m: &&Member<'_>| !m.live.open && !m.live.settled_but_name(true);
        if !self.around.keep_earlier {
            for m in self.members.iter().filter(others).chain(self.stale_files()) {
                let secret = Secret::New;
                last.push(forgets(m.name, Do::Require { secret }));
            }
        }
        if !last.is_empty() {
            proofs = self.proofs(&[Key::New], &[Key::Old, Key::Nothing]);
        }
        let proofs = self.with_write(proofs, &first);
        vec![
            Stage::new(self.first_title(), Mode::Atomic, first),
            Stage::new("set up the rest for it", Mode::Atomic, second),
            Stage::new("refuse the earlier password", Mode::KeepGoing, last),
            Stage::new("prove it", Mode::Gate, proofs),
        ]
    }

    /// All servers accept the new password, and log in with it. `by_name`: some had none.
    fn accepted(&self, by_name: bool) -> Vec<Step> {
        let lacks = |m: &&Member<'_>| !m.live.open && !m.live.takes_new;
        let lacking = self.members.iter().filter(lacks);
        let accept = |m: &Member<'_>| step(m.name, Do::Accept, Some(Do::Refuse));
        let mut first: Vec<Step> = lacking.map(accept).collect();
        let before = if by_name { Secret::None } else { Secret::Old };
        first.extend(self.sentinels(Secret::New, Some(before)));
        first.extend(self.logins(by_name, Secret::New));
        // In protected mode, a server without a password refuses other hosts until it has one.
        let reached = |m: &&Member<'_>| !(m.live.open && m.held.protected == Some(true));
        for m in self.members.iter().filter(reached) {
            let keys = if m.live.open {
                vec![Key::Nothing, Key::NewByName]
            } else {
                vec![Key::New]
            };
            first.push(self.proof(m.name, keys, vec![]));
        }
        first
            .extend(self.links(|with| self.members.iter().filter(reached).any(|m| m.name == with)));
        for m in self.members.iter().filter(|m| m.live.open) {
            let require = |secret| Do::Require { secret };
            let undo = Some(require(Secret::None));
            first.push(step(m.name, require(Secret::New), undo));
        }
        if by_name {
            for m in self.members.iter().filter(|m| m.live.open) {
                first.push(self.proof(m.name, vec![Key::New], vec![Key::Nothing]));
            }
            first.extend(self.links(|_| true));
        }
        first
    }

    /// One to none.
    fn to_none(&self, settings: &[Step]) -> Vec<Stage> {
        let mut first: Vec<Step> = Vec::new();
        for m in &self.members {
            if m.held.protected == Some(true) && !self.wants_protection(m.name) {
                let undo = Some(Do::Protect { on: true });
                first.push(step(m.name, Do::Protect { on: false }, undo));
            }
        }
        let shut = self.members.iter().any(|m| !m.live.open);
        if shut {
            first.extend(self.logins(true, Secret::Old));
            for m in &self.members {
                first.push(self.proof(m.name, vec![Key::OldByName], vec![]));
            }
            first.extend(self.links(|_| true));
        }
        for m in self
            .members
            .iter()
            .filter(|m| !m.live.open)
            .chain(self.stale_files())
        {
            let undo = Do::Require {
                secret: Secret::Old,
            };
            let secret = Secret::None;
            first.push(step(m.name, Do::Require { secret }, Some(undo)));
        }
        for m in &self.members {
            first.push(self.proof(m.name, vec![Key::Nothing], vec![]));
        }
        first.extend(self.links(|_| true));
        let mut last = Vec::new();
        if shut {
            last.extend(self.sentinels(Secret::None, None));
        }
        for m in &self.members {
            let nothing = m.live.masterauth == Is::Nothing && m.live.masteruser.is_none();
            if shut || !nothing {
                let login = Do::Login {
                    by_name: false,
                    secret: Secret::None,
                };
                last.push(forgets(m.name, login));
            }
        }
        let proofs = self.with_write(self.links(|_| true), &first);
        vec![
            Stage::new("take the password away", Mode::Atomic, first),
            Stage::new("set up the rest for it", Mode::Atomic, settings.to_vec()),
            Stage::new("forget the earlier password", Mode::KeepGoing, last),
            Stage::new("prove it", Mode::Gate, proofs),
        ]
    }

    fn first_title(&self) -> &'static str {
        if self.any_open() {
            "give every server the password"
        } else {
            "let every server take both passwords"
        }
    }

    fn any_open(&self) -> bool {
        self.members.iter().any(|m| m.live.open)
    }

    /// An earlier run ended before replicas logged in without a name again.
    fn left_by_name(&self) -> bool {
        let named = |kept: &PasswordSet| kept.masteruser.as_deref() == Some("default");
        self.members
            .iter()
            .any(|m| named(m.live) || m.held.file.as_ref().is_ok_and(named))
    }

    /// The running server is as it should be, and its file is not.
    fn stale_files(&self) -> impl Iterator<Item = &Member<'a>> {
        let password = self.password;
        self.members.iter().filter(move |m| {
            let settled = m.live.settled(password) || m.live.settled_but_name(password);
            let same =
                |file: &PasswordSet| file.settled(password) || file.settled_but_name(password);
            settled && m.held.file.as_ref().is_ok_and(|file| !same(file))
        })
    }

    /// The steps that change the login at a primary, on each node where it differs.
    fn logins(&self, by_name: bool, secret: Secret) -> Vec<Step> {
        let mut steps = Vec::new();
        for m in &self.members {
            let has = |kept: &PasswordSet| {
                let named = kept.masteruser.as_deref() == Some("default");
                named == by_name && secret_of(kept.masterauth) == secret
            };
            if has(m.live) && m.held.file.as_ref().is_ok_and(has) {
                continue;
            }
            let undo = Do::Login {
                by_name: m.live.masteruser.as_deref() == Some("default"),
                secret: secret_of(m.live.masterauth),
            };
            steps.push(step(m.name, Do::Login { by_name, secret }, Some(undo)));
        }
        steps
    }

    /// Removes the name from the logins: it is needed only during the change.
    fn without_name(&self) -> Vec<Step> {
        let login = |by_name| Do::Login {
            by_name,
            secret: Secret::New,
        };
        let all = self.members.iter();
        all.map(|m| step(m.name, login(false), Some(login(true))))
            .collect()
    }

    /// The settings of a changed inventory (`protected-mode` depends on the password), and the
    /// stamps of the files.
    fn settings(&self) -> Vec<Step> {
        let mut out = Vec::new();
        let all = settings::changes(self.look, self.wiring).steps;
        for m in &self.members {
            let mine = all.iter().filter(|s| s.node == *m.name);
            let kept: Vec<Step> = mine.filter(|s| self.is_setting(s)).cloned().collect();
            let sets = kept
                .iter()
                .any(|s| matches!(s.action, Action::Server(ServerAction::SetDirective { .. })));
            let stamps = kept.iter().any(|s| matches!(s.action, Action::Host(_)));
            if !sets && !stamps {
                continue;
            }
            if !sets {
                out.extend(kept.into_iter().filter(|s| s.action != WRITE));
                continue;
            }
            // Undone last: the file then matches the running server again.
            out.push(Step::new(m.name, WRITE, Undo::By(WRITE)));
            out.extend(kept);
        }
        out
    }

    /// Whether a step of the ordinary setup belongs here; passwords have their own order.
    fn is_setting(&self, step: &Step) -> bool {
        if let Action::Server(ServerAction::SetDirective { name, value }) = &step.action {
            return name != "protected-mode" || self.password || value == "yes";
        }
        step.action == WRITE || matches!(step.action, Action::Host(HostAction::StampConfig { .. }))
    }
}

//! The undo of a finished operation: an ordinary operation that restores the state before it; or
//! the reasons why there is none. Pure.
//!
//! The undo looks only at the present state. If the nodes are as the operation left them, it can be
//! undone, whatever happened in between.

mod members;

use super::root::{Root, walk};
use crate::actions::Action;
use crate::actions::local::LocalAction;
use crate::actions::role::RoleAction;
use crate::actions::service::ServiceAction;
use crate::engine::warning::change::Change;
use crate::engine::{Detach, Ground, Move, Operation, Plan, Promote, Refusal, Step, Undo, Warning};
use crate::topology::lineage::{Lineage, lineage, unknown_because};
use crate::topology::{Address, Node, NodeName, State, Topology, phrases};
use std::collections::BTreeMap;

const LOOK: &str = "see: replctl status";

/// A finished operation, from its journal.
#[derive(Debug, Clone)]
pub struct Past {
    /// What was asked for.
    pub operation: Operation,
    /// What was done.
    pub plan: Plan,
    /// The upstream of each node before it, if it had one. Nodes whose upstream is unknown are left
    /// out.
    pub followed: BTreeMap<NodeName, Option<NodeName>>,
    /// The id of the newest later operation on the same nodes.
    pub later: Option<String>,
}

/// The way to undo an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reverse {
    /// Nothing, and why.
    Nothing(String),
    /// This.
    Do(Operation),
}

/// The operation that undoes it, or everything that blocks that.
pub fn reverse(past: &Past, now: &Topology) -> Result<Reverse, Vec<Refusal>> {
    let found = past.operation.properties().reverse(past, now);
    found.map_err(|refusal| vec![refusal])
}

/// What stands against undoing an operation that brings servers to what the inventory says.
pub fn not_undoable(line: &str) -> Refusal {
    Refusal::new(
        Ground::Undo,
        format!("`{line}` cannot be undone: it brings servers to what the inventory says"),
        LOOK,
    )
}

/// Adds warnings about what the undo does not restore, and about what it may lose.
pub fn complete(past: &Past, plan: &mut Plan, now: &Topology) {
    match &past.operation {
        Operation::Promote(promoted) => {
            if let Operation::Promote(back) = &plan.operation {
                plan.warnings.extend(past.left_under(promoted, back, now));
            }
        }
        Operation::Detach(detached) => {
            if let Operation::Move(_) = &plan.operation {
                plan.may_lose = Some(format!(
                    "what is written to `{}` from now on until it follows again",
                    detached.node
                ));
            }
        }
        // What these change is either there again as a whole, or has no undo.
        Operation::Setup(_)
        | Operation::Move(_)
        | Operation::Sentinels(_)
        | Operation::Rejoin(_)
        | Operation::Repair(_)
        | Operation::Replay(_)
        | Operation::Add(_)
        | Operation::Remove(_)
        | Operation::Adopt(_)
        | Operation::FixHosts(_) => {}
    }
}

impl Past {
    /// The former primary again.
    pub fn promotion(&self, promoted: &Promote, now: &Topology) -> Result<Reverse, Refusal> {
        let new = &promoted.node;
        if !self.plan.changes_roles() {
            let why = format!("it made no other node the primary: `{new}` was it already");
            return Ok(Reverse::Nothing(why));
        }
        let Some(old) = self.old_primary(new) else {
            return Err(Refusal::new(
                Ground::Unknown,
                "its journal does not tell which node was the primary before it",
                "to choose it yourself: replctl promote",
            ));
        };
        let (Some(was), Some(is)) = (now.get(&old), now.get(new)) else {
            let gone = if now.get(new).is_none() { new } else { &old };
            return Err(Refusal::new(
                Ground::NoNode,
                format!("`{gone}` is no node of the inventory any more"),
                LOOK,
            ));
        };
        if let State::Down(trouble) = &was.state {
            return Err(Refusal::new(
                Ground::Unreachable,
                format!(
                    "`{old}`, the primary before it, does not answer: {}",
                    trouble.detail
                ),
                format!(
                    "bring it back as a replica first: replctl rejoin {old}; then: replctl promote {old}"
                ),
            ));
        }
        match (is.is_primary(), was.is_primary()) {
            (true, true) => Err(two_primaries(was, is)),
            (true, false) => Ok(Reverse::Do(Operation::Promote(Promote {
                node: old,
                accept: Vec::new(),
            }))),
            (false, true) => Ok(Reverse::Nothing(format!("`{old}` is the primary again"))),
            (false, false) => Err(self.changed_since(
                format!("`{new}` is not the primary any more"),
                format!("if `{old}` is to be the primary: replctl promote {old}"),
            )),
        }
    }

    /// The primary that a promotion of `new` replaced.
    pub fn old_primary(&self, new: &NodeName) -> Option<NodeName> {
        let others = || self.plan.steps().filter(|s| s.node != *new);
        let demoted = |s: &&Step| {
            let follows = matches!(
                s.action,
                Action::Role(RoleAction::Follow { .. } | RoleAction::Demote { .. })
            );
            follows && matches!(&s.undo, Undo::By(undo) if undo.restores_primary())
        };
        let replaced = |s: &&Step| {
            matches!(
                s.action,
                Action::Service(ServiceAction::FenceFile { .. } | ServiceAction::StopServer)
                    | Action::Local(LocalAction::RememberDemotion { .. })
            )
        };
        let planned = others().find(demoted).or_else(|| others().find(replaced));
        planned.map(|s| s.node.clone()).or_else(|| {
            let mut primaries = self.followed.iter().filter(|(_, up)| up.is_none());
            let (only, _) = primaries.next()?;
            // Other nodes may have been detached beside it.
            primaries.next().is_none().then(|| only.clone())
        })
    }

    /// The nodes that followed the promoted one before, and will follow the old primary.
    fn left_under(&self, promoted: &Promote, back: &Promote, now: &Topology) -> Vec<Warning> {
        let (new, old) = (&promoted.node, &back.node);
        let under = |node: &&Node| {
            let before = self.followed.get(&node.name);
            let there = now.upstream_of(node).is_some_and(|up| up.name == *new);
            node.name != *old && there && before == Some(&Some(new.clone()))
        };
        let all = now.nodes.iter().filter(under);
        all.map(|node| {
            let follows = Change::FollowsAnother {
                before: new.clone(),
                then: old.clone(),
            };
            Warning::of(&node.name, follows)
        })
        .collect()
    }

    /// The former upstream again.
    pub fn moved(&self, moved: &Move, now: &Topology) -> Result<Reverse, Refusal> {
        let name = &moved.node;
        let told = |s: &&Step| {
            s.node == *name && matches!(s.action, Action::Role(RoleAction::Follow { .. }))
        };
        let Some(step) = self.plan.steps().find(told) else {
            let why = format!("it gave `{name}` no other upstream{}", self.wished());
            return Ok(Reverse::Nothing(why));
        };
        let Undo::By(Action::Role(RoleAction::FollowAddress { address })) = &step.undo else {
            return Err(Refusal::new(
                Ground::Undo,
                format!(
                    "`{name}` was a primary of its own before it, and its keys were replaced: they do not come back"
                ),
                format!("to let it stand alone with the keys it has now: replctl detach {name}"),
            ));
        };
        let before = upstream(name, address, now)?;
        let now_under = now.get(name).and_then(|node| now.upstream_of(node));
        match now_under.map(|up| &up.name) {
            Some(up) if *up == before.name => Ok(Reverse::Nothing(format!(
                "`{name}` replicates from `{up}` again"
            ))),
            Some(up) if *up == moved.under => {
                self.role_is_kept(before, name)?;
                Ok(Reverse::Do(Operation::Move(Move {
                    node: name.clone(),
                    under: before.name.clone(),
                    discard_data: false,
                    update_inventory: moved.update_inventory,
                })))
            }
            Some(_) | None => Err(self.changed_since(
                format!(
                    "`{name}` does not replicate from `{}` any more",
                    moved.under
                ),
                format!("replctl move {name} --under {}", before.name),
            )),
        }
    }

    /// A replica again, if it has no writes of its own.
    pub fn detached(&self, detach: &Detach, now: &Topology) -> Result<Reverse, Refusal> {
        let name = &detach.node;
        let noted = self.plan.steps().find_map(|s| {
            if let Action::Local(LocalAction::NoteAlone { address }) = &s.action {
                Some(address)
            } else {
                None
            }
        });
        let Some(address) = noted else {
            let why = format!("it detached nothing: `{name}` stood alone already");
            return Ok(Reverse::Nothing(why));
        };
        let before = upstream(name, address, now)?;
        let Some(node) = now.get(name) else {
            return Err(Refusal::new(
                Ground::NoNode,
                format!("`{name}` is no node of the inventory any more"),
                LOOK,
            ));
        };
        if let Some(up) = now.upstream_of(node) {
            let why = format!("`{name}` replicates from `{}` again", up.name);
            return Ok(Reverse::Nothing(why));
        }
        self.role_is_kept(before, name)?;
        own_writes(node, before, now)?;
        Ok(attach(name, before))
    }

    /// Under a node whose role has changed since, it would not be where it was.
    fn role_is_kept(&self, before: &Node, name: &NodeName) -> Result<(), Refusal> {
        let was = self.followed.get(&before.name).map(Option::is_none);
        if before.server().is_none() || was.is_none_or(|primary| primary == before.is_primary()) {
            return Ok(());
        }
        let up = &before.name;
        let what = if before.is_primary() {
            format!("`{up}`, from which it replicated, was a replica then and is a primary now")
        } else {
            format!("`{up}`, from which it replicated, is not the primary any more")
        };
        Err(self.changed_since(what, format!("replctl move {name} --under {up}")))
    }

    /// The refusal because of a later change. The hint: undo that first, or name the wanted state.
    fn changed_since(&self, why: String, otherwise: String) -> Refusal {
        match &self.later {
            Some(id) => Refusal::new(
                Ground::Undo,
                format!("{why}: `{id}` came after it"),
                format!("undo that first: replctl undo {id}; or: {otherwise}"),
            ),
            None => Refusal::new(Ground::Undo, why, otherwise),
        }
    }
}

fn attach(name: &NodeName, under: &Node) -> Reverse {
    Reverse::Do(Operation::Move(Move {
        node: name.clone(),
        under: under.name.clone(),
        discard_data: true,
        update_inventory: false,
    }))
}

/// The former upstream of a node.
fn upstream<'a>(
    name: &NodeName,
    address: &Address,
    now: &'a Topology,
) -> Result<&'a Node, Refusal> {
    now.at(address).ok_or_else(|| {
        Refusal::new(
            Ground::NoNode,
            format!(
                "`{name}` replicated from {address} before it, which is no node of the inventory"
            ),
            format!("replctl move {name} --under NODE"),
        )
    })
}

fn two_primaries(old: &Node, new: &Node) -> Refusal {
    let (was, is) = (&old.name, &new.name);
    let own = match (old.server(), new.server()) {
        (Some(a), Some(b)) => match lineage(&a.replication, &b.replication) {
            Lineage::Same { .. } => {
                format!("it has no writes of its own that can be seen, and `{is}` goes on")
            }
            Lineage::Diverged { bytes } => {
                format!(
                    "it has {} of writes that `{is}` has not",
                    phrases::bytes(bytes)
                )
            }
            Lineage::Unknown => format!(
                "what only it has cannot be known: {}",
                unknown_because(a, b)
            ),
        },
        _ => String::new(),
    };
    Refusal::new(
        Ground::Role,
        format!("`{was}`, the primary before it, came back as a primary beside `{is}`: {own}"),
        format!(
            "see what only it has: replctl lost {was}; then bring it back as a replica: replctl rejoin {was}"
        ),
    )
}

/// A node that stood alone may have its own writes. They are discarded only if the operator names
/// it.
fn own_writes(node: &Node, before: &Node, now: &Topology) -> Result<(), Refusal> {
    let (name, up) = (&node.name, &before.name);
    let root = match walk(before, now) {
        Root::Primary(root) => root,
        // The planner of `move` reports these cases.
        Root::Down(_) | Root::Stranger | Root::Loop => return Ok(()),
    };
    let (Some(mine), Some(theirs)) = (node.server(), root.server()) else {
        return Ok(());
    };
    let why = match lineage(&mine.replication, &theirs.replication) {
        Lineage::Same { .. } => return Ok(()),
        Lineage::Diverged { bytes } => {
            format!(
                "`{name}` has {} of writes of its own since",
                phrases::bytes(bytes)
            )
        }
        Lineage::Unknown => format!(
            "whether `{name}` was written to since cannot be known: {}",
            unknown_because(mine, theirs)
        ),
    };
    Err(Refusal::new(
        Ground::DiscardData,
        format!("{why}; under `{up}` they are lost"),
        format!("if they may be: replctl move {name} --under {up} --discard-data {name}"),
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

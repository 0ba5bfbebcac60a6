//! Steps and stages that make nodes follow another one, get in sync, and write their roles. Pure.

use crate::actions::Action;
use crate::actions::role::RoleAction;
use crate::actions::server::ServerAction;
use crate::engine::{Mode, Stage, Step, Undo};
use crate::plan::root::{Root, walk};
use crate::topology::{Link, Node, NodeName, Topology};
use std::collections::HashSet;

/// How long a node may take to be in sync with its new upstream, ms. During a full resync, replctl
/// waits longer, as long as it progresses.
pub const IN_SYNC_MS: u64 = 15_000;

/// The steps that write the roles of `target` and of its new replicas into their files. They belong
/// into the stage that repoints, because a full copy may take long. Each node's role is written as
/// soon as it has that role, the new primary's at once: a host that loses power must not come back
/// in its old role.
pub fn write_roles(target: &Node, moved: &[&Node]) -> Vec<Step> {
    std::iter::once(&target)
        .chain(moved)
        .map(|n| {
            Step::new(
                &n.name,
                Action::Server(ServerAction::PersistRole),
                Undo::Nothing,
            )
        })
        .collect()
}

/// The stage that waits until they are in sync with `target`.
pub fn in_sync(target: &Node, nodes: &[&Node]) -> Stage {
    let steps = nodes.iter().map(|n| {
        let action = Action::Server(ServerAction::AwaitInSync {
            with: target.name.clone(),
            within_ms: IN_SYNC_MS,
        });
        Step::new(&n.name, action, Undo::Nothing)
    });
    Stage {
        title: "wait until in sync".to_owned(),
        mode: Mode::KeepGoing,
        steps: steps.collect(),
    }
}

/// The stage that writes their roles into their files.
pub fn persist(nodes: &[&Node]) -> Stage {
    let steps = nodes.iter().map(|n| {
        Step::new(
            &n.name,
            Action::Server(ServerAction::PersistRole),
            Undo::Nothing,
        )
    });
    Stage {
        title: "make the roles outlive a restart".to_owned(),
        mode: Mode::KeepGoing,
        steps: steps.collect(),
    }
}

/// The replicas that answer and will not be under `target` once it is the primary. They follow the
/// old primary directly, or their upstream does not answer, is no node of the deployment, or leads
/// nowhere. A replica under another good replica stays there.
pub fn loose<'a>(
    target: &'a Node,
    old: Option<&'a Node>,
    topology: &'a Topology,
) -> impl Iterator<Item = &'a Node> {
    topology.nodes.iter().filter(move |n| {
        if n.name == target.name || n.server().is_none() {
            return false;
        }
        let Some(upstream) = n.upstream() else {
            return false;
        };
        let Some(above) = topology.upstream_of(n) else {
            return true;
        };
        if above.name == target.name {
            return upstream.link == Link::Down
                && upstream.sync.is_none()
                && target.source_for(n.server()) != upstream.address;
        }
        if above.server().is_none() || old.is_some_and(|o| o.name == above.name) {
            return true;
        }
        match walk(n, topology) {
            Root::Loop | Root::Stranger | Root::Down(_) => passes_not(n, target, topology),
            Root::Primary(_) => false,
        }
    })
}

/// Whether the chain of upstreams of `node` avoids `target`: then no change to `target` brings
/// `node` back.
fn passes_not(node: &Node, target: &Node, topology: &Topology) -> bool {
    if topology.top_of(node).is_some() {
        return false;
    }
    let mut passed: HashSet<&NodeName> = HashSet::new();
    let mut at = node;
    while let Some(next) = topology.upstream_of(at) {
        if next.name == target.name {
            return false;
        }
        if !passed.insert(&next.name) {
            return true;
        }
        at = next;
    }
    false
}

/// `node` follows `target`; the undo repoints it to its former upstream.
pub fn follow_step(node: &Node, target: &Node) -> Step {
    let undo = node.upstream().map_or(Undo::Nothing, |was| {
        Undo::By(Action::Role(RoleAction::FollowAddress {
            address: was.address.clone(),
        }))
    });
    Step::new(&node.name, follow(node, target), undo)
}

/// `node` follows `target`, at the port for its kind of replication (with or without TLS).
pub fn follow(node: &Node, target: &Node) -> Action {
    Action::Role(RoleAction::Follow {
        upstream: target.name.clone(),
        address: target.source_for(node.server()),
    })
}

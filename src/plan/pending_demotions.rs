//! Pending demotions: old primaries that were replaced while they were down. The next change notes
//! them. They are demoted as soon as their hosts can be worked on. Pure.

use crate::actions::Action;
use crate::actions::local::LocalAction;
use crate::actions::service::ServiceAction;
use crate::engine::{Mode, Plan, Stage, Step, Successor, Undo};
use crate::topology::candidate::primaries;
use crate::topology::{Node, NodeName, PersistedRole, State, Topology};

/// What is known on the operator's machine.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The old primaries that have a note already.
    pub noted: Vec<NodeName>,
    /// The node that the last known plan promoted.
    pub last: Option<NodeName>,
    /// The primary in the inventory.
    pub first: Option<NodeName>,
}

/// Adds the steps for silent old primaries. A node that the plan itself changes is left out.
pub fn add(plan: &mut Plan, topology: &Topology, known: &Known) {
    let Some(successor) = successor(plan, topology) else {
        return;
    };
    let untouched = |node: &&Node| {
        node.name != successor.name && plan.steps().all(|step| step.node != node.name)
    };
    let steps: Vec<Step> = topology
        .nodes
        .iter()
        .filter(untouched)
        .flat_map(|node| steps_for(node, successor, topology, known))
        .collect();
    if !steps.is_empty() {
        plan.stages.push(Stage {
            title: "see to old primaries that were not told".to_owned(),
            mode: Mode::KeepGoing,
            steps,
        });
    }
}

/// The primary that all nodes are to follow after the plan.
fn successor<'a>(plan: &Plan, topology: &'a Topology) -> Option<&'a Node> {
    match plan.operation.answers().successor {
        Successor::Node(node) => topology.get(node),
        Successor::ThePrimary => match primaries(topology)[..] {
            [one] => Some(one),
            _ => None,
        },
        Successor::Unsaid => None,
    }
}

fn steps_for(node: &Node, successor: &Node, topology: &Topology, known: &Known) -> Vec<Step> {
    let State::Down(trouble) = &node.state else {
        return Vec::new();
    };
    // A node that is alive and only refuses access is left as it is.
    if trouble.kind.is_alive() {
        return Vec::new();
    }
    let noted = known.noted.contains(&node.name);
    let address = successor.source_for(node.server());
    let fence = Action::Service(ServiceAction::FenceFile {
        address: address.clone(),
    });
    let mut actions = Vec::new();
    match &node.persisted {
        Some(PersistedRole::ReplicaOf(_)) => return Vec::new(),
        Some(PersistedRole::Primary) => actions.push(fence),
        Some(PersistedRole::Unknown(_) | PersistedRole::Unwritten) | None => {
            if !was_primary(node, successor, topology, known) {
                return Vec::new();
            }
        }
    }
    if !noted {
        actions.push(Action::Local(LocalAction::RememberDemotion { address }));
    }
    let step = |action| Step::new(&node.name, action, Undo::Nothing);
    actions.into_iter().map(step).collect()
}

/// Whether a silent node whose file cannot be read is known to have been the primary before
/// `successor`.
fn was_primary(node: &Node, successor: &Node, topology: &Topology, known: &Known) -> bool {
    let Some(before) = successor
        .server()
        .and_then(|s| s.replication.replid2.as_ref())
    else {
        return false;
    };
    if known.last.as_ref() == Some(&node.name) {
        return true;
    }
    if known.last.is_none() && known.first.as_ref() == Some(&node.name) {
        return true;
    }
    // A replica waits for it, with the history that the present primary left.
    topology.nodes.iter().any(|other| {
        let waits = topology
            .upstream_of(other)
            .is_some_and(|up| up.name == node.name);
        let history = other.server().map(|s| &s.replication.replid);
        waits && history == Some(before)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::engine::Operation;
    use crate::engine::{Detach, Promote};
    use crate::topology::sample::{address, down, node, seed};
    use crate::topology::{Address, TroubleKind};

    /// slave1 took over from master, which is silent; slave2 follows it.
    fn replaced(persisted: Option<PersistedRole>) -> Topology {
        let mut topology = seed();
        topology.nodes[0] = down("master", 0);
        topology.nodes[0].persisted = persisted;
        topology.nodes[1] = node("slave1", 1, None);
        topology.nodes[2] = node("slave2", 2, Some(address(1)));
        if let State::Up(server) = &mut topology.nodes[1].state {
            let before = std::mem::replace(&mut server.replication.replid, "b".repeat(40));
            server.replication.replid2 = Some(before);
        }
        topology
    }

    fn run(topology: &Topology, known: &Known) -> Vec<String> {
        let operation = Operation::Detach(Detach {
            node: "slave2".into(),
        });
        let mut plan = Plan {
            operation,
            stages: Vec::new(),
            warnings: Vec::new(),
            may_lose: None,
        };
        add(&mut plan, topology, known);
        plan.steps()
            .map(|s| format!("{}: {}", s.node, s.action))
            .collect()
    }

    fn first() -> Known {
        Known {
            first: Some("master".into()),
            ..Known::default()
        }
    }

    const NOTE: &str = "master: note that it was replaced, until it follows 10.0.0.1:6380";

    #[test]
    fn one_that_was_replaced_by_hand_is_noted() {
        assert_eq!(run(&replaced(None), &first()), [NOTE]);
        let last = Known {
            last: Some("master".into()),
            ..Known::default()
        };
        assert_eq!(run(&replaced(None), &last), [NOTE]);
        let mut waiting = replaced(None);
        waiting.nodes[2] = node("slave2", 2, Some(address(0)));
        assert_eq!(run(&waiting, &Known::default()), [NOTE]);
        // After the note, nothing more can be done from here.
        let noted = Known {
            noted: vec!["master".into()],
            ..first()
        };
        assert!(run(&replaced(None), &noted).is_empty());
    }

    #[test]
    fn a_file_that_can_be_reached_is_changed() {
        let fence = "master: write `replicaof 10.0.0.1:6380` into its file, so that it returns as a replica";
        let primary = replaced(Some(PersistedRole::Primary));
        assert_eq!(run(&primary, &Known::default()), [fence, NOTE]);
        let noted = Known {
            noted: vec!["master".into()],
            ..Known::default()
        };
        assert_eq!(run(&primary, &noted), [fence]);
        let told = replaced(Some(PersistedRole::ReplicaOf(address(1))));
        assert!(run(&told, &noted).is_empty());
    }

    #[test]
    fn a_silent_replica_is_no_old_primary() {
        let mut topology = replaced(None);
        topology.nodes[0] = node("master", 0, Some(address(1)));
        topology.nodes[2] = down("slave2", 2);
        assert!(run(&topology, &first()).is_empty());
        // No node took over, as far as replctl can see.
        let mut headless = seed();
        headless.nodes[0] = down("master", 0);
        assert!(run(&headless, &first()).is_empty());
        let mut lives = replaced(Some(PersistedRole::Primary));
        if let State::Down(trouble) = &mut lives.nodes[0].state {
            trouble.kind = TroubleKind::PasswordRefused;
        }
        assert!(run(&lives, &first()).is_empty());
    }

    #[test]
    fn a_plan_that_deals_with_it_is_left_alone() {
        let topology = replaced(None);
        let operation = Operation::Promote(Promote {
            node: "slave1".into(),
            accept: Vec::new(),
        });
        let fence = Action::Service(ServiceAction::FenceFile {
            address: Address::new("x", 1),
        });
        let stage = Stage {
            title: String::new(),
            mode: Mode::Atomic,
            steps: vec![Step::new(&"master".into(), fence, Undo::Nothing)],
        };
        let mut plan = Plan {
            operation,
            stages: vec![stage],
            warnings: Vec::new(),
            may_lose: None,
        };
        add(&mut plan, &topology, &first());
        assert_eq!(plan.stages.len(), 1);
    }
}

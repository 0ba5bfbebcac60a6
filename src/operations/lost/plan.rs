//! Plans to replay on the new primary the commands that only an old one has. Pure.
//!
//! replctl never replays by itself. It replays only what is safe, unless the operator says
//! otherwise. It replays nothing twice: the new primary's own stream records each replay.

use crate::actions::Action;
use crate::actions::rescue::RescueAction;
use crate::actions::rescue::Source;
use crate::actions::server::ServerAction;
use crate::engine::warning::change::Change;
use crate::engine::{Ground, Mode, Operation, Plan, Refusal, Replay, Stage, Step, Undo, Warning};
use crate::rescue::split::Counts;
use crate::topology::{Link, Node, Topology};

/// How long a replica may take to receive what was replayed, ms.
const ARRIVED_MS: u64 = 15_000;

/// Plans `operation` with these counts.
pub fn plan(operation: &Replay, counts: Counts, topology: &Topology) -> Result<Plan, Vec<Refusal>> {
    let Replay {
        node,
        onto,
        source,
        conflicts,
    } = operation;
    let mut plan = Plan {
        operation: Operation::Replay(operation.clone()),
        stages: Vec::new(),
        warnings: Vec::new(),
        may_lose: None,
    };
    let Some(primary) = topology.get(onto).filter(|n| n.is_primary()) else {
        return Err(vec![Refusal::new(
            Ground::Role,
            format!("`{onto}` is no primary that answers, and takes no writes"),
            "see: replctl status",
        )]);
    };
    let commands = counts.safe + if *conflicts { counts.conflicts() } else { 0 };
    if commands == 0 {
        return Ok(plan);
    }
    if counts.conflicts() > 0 {
        let conflict = Change::Conflicts {
            commands: counts.conflicts(),
            replayed: *conflicts,
        };
        plan.warnings.push(Warning::of(onto, conflict));
    }
    if *conflicts && counts.conflicts() > 0 {
        plan.may_lose = Some(format!(
            "what clients wrote to `{onto}` since, on the keys of {}, which are changed by older commands",
            counted(counts.conflicts())
        ));
    }
    if topology.get(node).is_some_and(Node::is_primary) && matches!(source, Source::Stream { .. }) {
        plan.warnings.push(Warning::of(node, Change::StillWritten));
    }
    plan.stages = stages(operation, commands, primary, topology);
    Ok(plan)
}

/// The stages: the replay of so many commands, and the checks after it.
fn stages(operation: &Replay, commands: usize, primary: &Node, topology: &Topology) -> Vec<Stage> {
    let Replay {
        node, onto, source, ..
    } = operation;
    let replay = Action::Rescue(RescueAction::Replay {
        of: node.clone(),
        source: source.clone(),
        conflicts: operation.conflicts,
        commands,
    });
    let linked = |n: &&Node| {
        let under = topology.upstream_of(n).is_some_and(|up| up.name == *onto);
        under && n.upstream().is_some_and(|up| up.link == Link::Up)
    };
    let arrived = |n: &Node| {
        let wait = Action::Server(ServerAction::AwaitCaughtUp {
            with: onto.clone(),
            within_ms: ARRIVED_MS,
        });
        Step::new(&n.name, wait, Undo::Nothing)
    };
    let mut stages = vec![
        Stage {
            title: format!("replay on {onto} what only {node} has"),
            mode: Mode::KeepGoing,
            steps: vec![Step::new(&primary.name, replay, Undo::Impossible)],
        },
        Stage {
            title: "see it arrive on the replicas".to_owned(),
            mode: Mode::KeepGoing,
            steps: topology.nodes.iter().filter(linked).map(arrived).collect(),
        },
    ];
    stages.retain(|stage| !stage.steps.is_empty());
    stages
}

fn counted(commands: usize) -> String {
    if commands == 1 {
        "1 command".to_owned()
    } else {
        format!("{commands} commands")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::engine::Properties;
    use crate::topology::sample::{address, node, seed};

    fn run(conflicts: bool, counts: Counts) -> Plan {
        let mut topology = seed();
        topology.nodes[1] = node("slave1", 1, None);
        topology.nodes[2] = node("slave2", 2, Some(address(1)));
        let operation = Replay {
            node: "master".into(),
            onto: "slave1".into(),
            source: Source::Stream { up_to: 9 },
            conflicts,
        };
        plan(&operation, counts, &topology).unwrap()
    }

    #[test]
    fn only_what_is_safe_unless_asked_and_nothing_twice() {
        let mut counts = Counts {
            commands: 10,
            safe: 4,
            replayed: 3,
        };
        let safe = run(false, counts);
        let actions: Vec<String> = safe.steps().map(|s| s.action.to_string()).collect();
        assert_eq!(
            actions,
            [
                "replay 4 commands of master, each once",
                "wait until it has every byte of slave1"
            ]
        );
        assert_eq!(safe.may_lose, None);
        assert!(safe.warnings[0].text().contains("3 commands in conflict"));
        assert!(safe.warnings[1].text().contains("still takes writes"));
        let all = run(true, counts);
        assert!(all.may_lose.unwrap().contains("3 commands"));
        assert!(all.stages[0].steps[0].action.to_string().contains('7'));
        counts.safe = 0;
        assert!(run(false, counts).is_empty());
        assert!(!run(true, counts).is_empty());
    }

    #[test]
    fn a_replica_takes_no_replay() {
        let operation = Replay {
            node: "master".into(),
            onto: "slave2".into(),
            source: Source::Backup {
                folder: "/a b".into(),
            },
            conflicts: true,
        };
        let refused = plan(&operation, Counts::default(), &seed()).unwrap_err();
        assert!(refused[0].why.contains("`slave2` is no primary"));
        assert_eq!(
            operation.line(),
            "lost master --replay --backup '/a b' --with-conflicts"
        );
    }
}

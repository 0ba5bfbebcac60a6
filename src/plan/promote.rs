//! Plans another primary: which of the three cases it is, and the stages of each. Pure.
//!
//! * The primary answers: the hand-over that fences, drains, demotes the old primary first, compares offsets, and only then promotes.
//! * The primary is dead: see `failover`.
//! * The node is the primary already: only what hangs loose is attached to it.

use super::upstreams::{Root, loose, walk};
use super::{Action, Mode, Operation, Plan, Promote, Refusal, Stage, Step, Undo};
use super::{failover, preflight};
use crate::topology::{Node, NodeName, Product, Server, Topology, Version};
use std::collections::BTreeMap;

/// How long writes may stay stopped at most, ms. The fence of the old primary ends by itself after this time, so a replctl that dies
/// inside it stops nobody for longer. Hand-overs were measured at 3 to 30 ms; the waits inside the fence add up to less than this.
pub const FENCE_MS: u64 = 5_000;
/// How long the new primary may take to get the last bytes inside the fence, ms.
const DRAIN_MS: u64 = 2_000;
/// How long the other replicas are given inside the fence, ms: it only spares them a full resync, and they were near before it.
const DRAIN_OTHERS_MS: u64 = 100;
/// How long the comparison after the demotion may take, ms.
const VERIFY_MS: u64 = 500;
/// How long replicas may take to come near before the fence, ms.
const NEAR_MS: u64 = 30_000;
/// How long a node may take to be in sync with its new upstream, ms. A full resync under way is waited for longer by its progress.
pub const IN_SYNC_MS: u64 = 15_000;
/// The smallest distance that counts as near, bytes: a quarter of the server's default backlog of 1 MiB.
const NEAR_BYTES: u64 = 256 * 1024;

/// Whether a node's host can be worked on over SSH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// It answers and lets us work.
    Yes,
    /// It does not, and why.
    No(String),
}

/// Plans `operation`. `access` tells of the hosts of nodes that do not answer.
pub fn plan(
    operation: &Promote,
    topology: &Topology,
    access: &BTreeMap<NodeName, Access>,
) -> Result<Plan, Vec<Refusal>> {
    let Some(target) = topology.get(&operation.node) else {
        let known: Vec<&str> = topology.nodes.iter().map(|n| n.name.0.as_str()).collect();
        return Err(vec![Refusal::new(
            format!("the inventory has no node `{}`", operation.node),
            format!("its nodes are {}", known.join(", ")),
        )]);
    };
    let case = find_case(target, topology)?;
    let mut plan = Plan {
        operation: Operation::Promote(operation.clone()),
        stages: Vec::new(),
        warnings: unreachable_others(target, &case, topology),
        may_lose: None,
    };
    match case {
        Case::Already => plan.stages = gather(target, topology),
        Case::HandOver { old } => {
            preflight::hand_over(operation, target, old, topology, &mut plan.warnings)?;
            plan.stages = hand_over(target, old, topology);
        }
        Case::FailOver { old } => {
            failover::plan(operation, target, old, topology, access, &mut plan)?;
        }
    }
    plan.stages.retain(|s| !s.steps.is_empty());
    Ok(plan)
}

/// Which of the three it is.
enum Case<'a> {
    Already,
    HandOver { old: &'a Node },
    FailOver { old: Option<&'a Node> },
}

fn find_case<'a>(target: &'a Node, topology: &'a Topology) -> Result<Case<'a>, Vec<Refusal>> {
    let name = &target.name;
    preflight::answers(target)?;
    let primaries: Vec<&Node> = topology.primaries().collect();
    let others: Vec<&Node> = primaries
        .iter()
        .copied()
        .filter(|p| p.name != *name)
        .collect();
    if target.is_primary() {
        let Some(other) = others.first() else {
            return Ok(Case::Already);
        };
        let to = &target.announced;
        return Err(vec![Refusal::new(
            format!(
                "`{name}` and `{}` are both primaries: which of their writes are kept has to be decided first",
                other.name
            ),
            format!(
                "to keep those of `{name}` and DISCARD those only `{}` has: redis-cli -h {} -p {} replicaof {} {}",
                other.name, other.address.host, other.address.port, to.host, to.port
            ),
        )]);
    }
    match others[..] {
        [] => match walk(target, topology) {
            Root::Down(old) => Ok(Case::FailOver { old: Some(old) }),
            Root::Stranger => Ok(Case::FailOver { old: None }),
            Root::Loop => Err(vec![Refusal::new(
                format!("`{name}` is part of a loop of replicas, and there is no primary"),
                "an operation may have stopped half-way: replctl resume",
            )]),
            Root::Primary(old) => Ok(Case::HandOver { old }),
        },
        [old] => match walk(target, topology) {
            Root::Primary(root) if root.name == old.name => Ok(Case::HandOver { old }),
            Root::Primary(_) | Root::Down(_) | Root::Stranger | Root::Loop => {
                Err(vec![stray(target, old)])
            }
        },
        _ => {
            let names: Vec<&str> = others.iter().map(|n| n.name.0.as_str()).collect();
            Err(vec![Refusal::new(
                format!("there are {} primaries: {}", names.len(), names.join(", ")),
                "decide which of them is right, and make the others its replicas; see: replctl status",
            )])
        }
    }
}

fn stray(target: &Node, primary: &Node) -> Refusal {
    let follows = target
        .upstream()
        .map(|u| u.address.to_string())
        .unwrap_or_default();
    Refusal::new(
        format!(
            "`{}` does not replicate from the primary `{}` but from {follows}, so it lacks its data",
            target.name, primary.name
        ),
        format!("attach it first: replctl promote {}", primary.name),
    )
}

fn unreachable_others(target: &Node, case: &Case<'_>, topology: &Topology) -> Vec<String> {
    let old = match case {
        Case::HandOver { old } | Case::FailOver { old: Some(old) } => Some(&old.name),
        Case::FailOver { old: None } | Case::Already => None,
    };
    let silent = topology
        .nodes
        .iter()
        .filter(|n| n.server().is_none() && n.name != target.name && Some(&n.name) != old);
    silent
        .map(|n| {
            format!(
                "`{}` does not answer and is left as it is; when it is back: replctl promote {}",
                n.name, target.name
            )
        })
        .collect()
}

/// The hand-over with the old primary alive: replication.md's order, which lost nothing in any measured run.
fn hand_over(target: &Node, old: &Node, topology: &Topology) -> Vec<Stage> {
    let others: Vec<&Node> = loose(target, Some(old), topology)
        .filter(|n| n.name != old.name)
        .collect();
    let near = Stage {
        title: "wait for the replicas to be near".to_owned(),
        mode: Mode::Gate,
        steps: std::iter::once((target, false))
            .chain(others.iter().map(|n| (*n, true)))
            .map(|(n, optional)| {
                let with = old.name.clone();
                Step::new(
                    &n.name,
                    Action::AwaitNear {
                        with,
                        bytes: near_bytes(old),
                        within_ms: NEAR_MS,
                        optional,
                    },
                    Undo::Nothing,
                )
            })
            .collect(),
    };
    let (fence, unfence) = fence(old);
    let caught_up = |within_ms| {
        Step::new(
            &target.name,
            Action::AwaitCaughtUp {
                with: old.name.clone(),
                within_ms,
            },
            Undo::Nothing,
        )
    };
    let mut steps = vec![
        Step::new(&old.name, fence, Undo::By(unfence.clone())),
        caught_up(DRAIN_MS),
    ];
    if !others.is_empty() {
        let replicas = others.iter().map(|n| n.name.clone()).collect();
        steps.push(Step::new(
            &old.name,
            Action::DrainOthers {
                replicas,
                within_ms: DRAIN_OTHERS_MS,
            },
            Undo::Nothing,
        ));
    }
    steps.push(Step::new(
        &old.name,
        follow(target),
        Undo::By(Action::Promote),
    ));
    steps.push(caught_up(VERIFY_MS));
    steps.push(Step::new(&target.name, Action::Promote, Undo::Impossible));
    let hand_over = Stage {
        title: format!("hand over from {} to {}", old.name, target.name),
        mode: Mode::Atomic,
        steps,
    };

    let mut repoint = vec![Step::new(&old.name, unfence, Undo::Nothing)];
    repoint.extend(others.iter().map(|n| follow_step(n, target)));
    let moved: Vec<&Node> = std::iter::once(old).chain(others).collect();
    let mut stages = vec![
        near,
        hand_over,
        Stage {
            title: "repoint the others".to_owned(),
            mode: Mode::KeepGoing,
            steps: repoint,
        },
    ];
    stages.extend(verify_and_persist(target, &moved));
    stages
}

/// The target is the primary already: attach what hangs loose.
fn gather(target: &Node, topology: &Topology) -> Vec<Stage> {
    let moved: Vec<&Node> = loose(target, None, topology).collect();
    let unpersisted = target
        .persisted
        .as_ref()
        .is_some_and(|p| matches!(p, crate::topology::PersistedRole::ReplicaOf(_)));
    if moved.is_empty() && !unpersisted {
        return Vec::new();
    }
    let steps = moved.iter().map(|n| follow_step(n, target)).collect();
    let mut stages = vec![Stage {
        title: "attach what hangs loose".to_owned(),
        mode: Mode::KeepGoing,
        steps,
    }];
    stages.extend(verify_and_persist(target, &moved));
    stages
}

/// The stages that see every moved node in sync, and every role written into its file.
pub(super) fn verify_and_persist(target: &Node, moved: &[&Node]) -> [Stage; 2] {
    let in_sync = moved.iter().map(|n| {
        let action = Action::AwaitInSync {
            with: target.name.clone(),
            within_ms: IN_SYNC_MS,
        };
        Step::new(&n.name, action, Undo::Nothing)
    });
    let persist = std::iter::once(&target)
        .chain(moved.iter())
        .map(|n| Step::new(&n.name, Action::PersistRole, Undo::Nothing));
    [
        Stage {
            title: "wait until in sync".to_owned(),
            mode: Mode::KeepGoing,
            steps: in_sync.collect(),
        },
        Stage {
            title: "make the roles outlive a restart".to_owned(),
            mode: Mode::KeepGoing,
            steps: persist.collect(),
        },
    ]
}

/// `node` follows `target`, and back to where it was.
pub(super) fn follow_step(node: &Node, target: &Node) -> Step {
    let undo = node.upstream().map_or(Undo::Nothing, |was| {
        Undo::By(Action::FollowAddress {
            address: was.address.clone(),
        })
    });
    Step::new(&node.name, follow(target), undo)
}

fn follow(target: &Node) -> Action {
    Action::Follow {
        upstream: target.name.clone(),
        address: target.announced.clone(),
    }
}

fn near_bytes(old: &Node) -> u64 {
    let backlog = old
        .server()
        .and_then(|s| s.replication.backlog)
        .map_or(0, |b| b.size / 4);
    backlog.max(NEAR_BYTES)
}

/// What stops writes on this server, and what lets them go on.
fn fence(old: &Node) -> (Action, Action) {
    let Some(server) = old.server().filter(|s| lacks_pause_write(s)) else {
        return (Action::PauseWrites { ms: FENCE_MS }, Action::ResumeWrites);
    };
    let value = |name: &str, default: u64| {
        server
            .config
            .get(name)
            .and_then(|v| v.parse().ok())
            .unwrap_or(default)
    };
    let (to_write, max_lag) = (
        value("min-replicas-to-write", 0),
        value("min-replicas-max-lag", 10),
    );
    // A lag of 0 would switch the whole check off; 1000 replicas nobody has.
    let fence = Action::RequireReplicas {
        to_write: 1000,
        max_lag: if max_lag == 0 { 10 } else { max_lag },
    };
    (fence, Action::RequireReplicas { to_write, max_lag })
}

/// `CLIENT PAUSE … WRITE` came with Redis 6.2.
fn lacks_pause_write(server: &Server) -> bool {
    server.product == Product::Redis
        && server.version
            < Version {
                major: 6,
                minor: 2,
                patch: 0,
            }
}

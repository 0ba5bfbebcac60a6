//! The stages of a hand-over with the old primary alive: fence, drain, demote the old primary
//! first, compare offsets, and only then promote. Pure.

use super::follow::{follow_step, in_sync, loose, write_roles};
use super::{repoint, roles};
use crate::actions::Action;
use crate::actions::role::RoleAction;
use crate::actions::role::Was;
use crate::actions::server::ServerAction;
use crate::engine::warning::change::{Chained, Change};
use crate::engine::{Mode, Move, Refusal, Stage, Step, Undo, Warning};
use crate::topology::{Node, Product, Server, Topology, Version};

/// The longest time that writes stay stopped, ms. The fence of the old primary ends by itself after
/// this time, so a replctl that dies inside it stops writes no longer. Hand-overs were measured at
/// 3 to 30 ms; the waits inside the fence add up to less than this.
pub const FENCE_MS: u64 = 5_000;
/// How long the new primary may take to get the last bytes inside the fence, ms.
const DRAIN_MS: u64 = 2_000;
/// How long the other replicas get inside the fence, ms. This only spares them a full resync, and
/// they were near before it.
const DRAIN_OTHERS_MS: u64 = 100;
/// How long the comparison after the demotion may take, ms.
const VERIFY_MS: u64 = 500;
/// How long the new primary holds its first writes at most, ms, until its offset was compared. The
/// hold ends by itself; the comparison takes one round trip.
const HOLD_MS: u64 = 1_000;
/// The same on servers before 6.2, ms: bytes in flight arrive within a few.
const VERIFY_LEAKY_MS: u64 = 50;
/// How long replicas may take to come near before the fence, ms.
const NEAR_MS: u64 = 30_000;
/// The smallest distance that counts as near, bytes: a quarter of the server's default backlog of 1
/// MiB.
const NEAR_BYTES: u64 = 256 * 1024;

/// Brings a replica of a replica directly under a primary before 6.2, whose fence lets scripts
/// write. The demotion of such a primary ends its own links, so a direct replica stands still
/// during the comparison. A replica further down is still fed by the node between them. The old
/// primary may then begin to copy it before a script's write arrives there.
///
/// # Errors
/// The refusals of the move.
pub fn straight_first(
    target: &Node,
    old: &Node,
    topology: &Topology,
    warnings: &mut Vec<Warning>,
) -> Result<Option<Vec<Stage>>, Vec<Refusal>> {
    let above = topology.upstream_of(target);
    let above = above.filter(|above| above.name != old.name);
    let (Some(above), true) = (above, old.server().is_some_and(lacks_pause_write)) else {
        return Ok(None);
    };
    let operation = Move {
        node: target.name.clone(),
        under: old.name.clone(),
        discard_data: false,
        update_inventory: false,
    };
    let (stages, costs) = repoint::straight(&operation, target, old, topology)?;
    let moved = Change::MovedFirst {
        above: above.name.clone(),
        under: old.name.clone(),
        because: Chained::Scripts,
    };
    warnings.push(Warning::of(&target.name, moved));
    warnings.extend(costs);
    Ok(Some(stages))
}

/// A hand-over with the old primary alive. The sequence is the same whether replctl or Sentinel
/// promotes in the end, so it is written only here.
pub struct HandOver<'a> {
    target: &'a Node,
    old: &'a Node,
    topology: &'a Topology,
    /// An earlier stage has moved `target` directly under `old`.
    moved: bool,
    /// How long the fence holds at most, ms.
    fence_ms: u64,
    others: Vec<&'a Node>,
}

impl<'a> HandOver<'a> {
    /// From `old` to `target`. `moved`: an earlier stage has moved `target` directly under `old`.
    pub fn new(target: &'a Node, old: &'a Node, topology: &'a Topology, moved: bool) -> Self {
        let others = loose(target, Some(old), topology);
        Self {
            target,
            old,
            topology,
            moved,
            fence_ms: FENCE_MS,
            others: others.filter(|n| n.name != old.name).collect(),
        }
    }

    /// The same with a fence that ends earlier, after `ms`.
    pub fn fenced_for(self, ms: u64) -> Self {
        let fence_ms = ms.clamp(1, FENCE_MS);
        Self { fence_ms, ..self }
    }

    /// The nodes that get a new upstream: the old primary first.
    pub fn repointed(&self) -> Vec<&'a Node> {
        std::iter::once(self.old)
            .chain(self.others.iter().copied())
            .collect()
    }

    /// Waits until the replicas are near, so that the fence is short.
    pub fn near(&self) -> Vec<Step> {
        let target = std::iter::once((self.target, false));
        let others = self.others.iter().map(|n| (*n, true));
        target
            .chain(others)
            .map(|(n, optional)| {
                let near = Action::Server(ServerAction::AwaitNear {
                    with: self.old.name.clone(),
                    bytes: near_bytes(self.old),
                    within_ms: NEAR_MS,
                    optional,
                });
                Step::new(&n.name, near, Undo::Nothing)
            })
            .collect()
    }

    /// Fence, drain, demote, compare, promote: replication.md's order, which lost nothing in any
    /// measured run. From the demotion on, no acknowledged write can be lost, however long
    /// `promote` takes and whichever process dies.
    pub fn sequence(&self, promote: Step) -> Vec<Step> {
        let (target, old) = (self.target, self.old);
        let moved = self
            .moved
            .then(|| Was::ReplicaOf(old.source_for(target.server())));
        let moved = moved.as_ref().map(|was| (&target.name, was));
        let (fence, unfence) = self.fence();
        // Right before the fence. The look is old: hooks and waits came before this stage, and
        // Sentinels take time to see a priority.
        let mut steps = vec![
            roles::check_after(target, self.topology, moved),
            Step::new(&old.name, fence, Undo::By(unfence)),
        ];
        if !self.others.is_empty() {
            let drain = Action::Server(ServerAction::DrainOthers {
                replicas: self.others.iter().map(|n| n.name.clone()).collect(),
                within_ms: DRAIN_OTHERS_MS,
            });
            steps.push(Step::new(&old.name, drain, Undo::Nothing));
        }
        // Right before the demotion. A primary sends its replicas a PING every ten seconds, also
        // inside the fence. The demotion would cut off a PING between the two steps, and the
        // comparison would wait for those worthless bytes.
        steps.push(drain(target, old));
        steps.extend(demote(target, old, self.topology));
        steps.push(promote);
        steps
    }

    /// Lets the old primary, now a replica, take commands again.
    pub fn unfence(&self) -> Step {
        Step::new(&self.old.name, self.fence().1, Undo::Nothing)
    }

    fn fence(&self) -> (Action, Action) {
        fence_for(self.old, self.fence_ms)
    }
}

/// The stages where replctl itself promotes.
pub fn stages(target: &Node, old: &Node, topology: &Topology, moved: bool) -> Vec<Stage> {
    let hand_over = HandOver::new(target, old, topology, moved);
    let repointed = hand_over.repointed();
    let mut repoint = vec![hand_over.unfence()];
    let others = repointed.iter().skip(1);
    repoint.extend(others.map(|n| follow_step(n, target)));
    repoint.extend(write_roles(target, &repointed));
    vec![
        Stage {
            title: "wait for the replicas to be near".to_owned(),
            mode: Mode::Gate,
            steps: hand_over.near(),
        },
        Stage {
            title: format!("hand over from {} to {}", old.name, target.name),
            mode: Mode::Atomic,
            steps: hand_over.sequence(take_over(target, old)),
        },
        Stage {
            title: "repoint the others, and make the roles outlive a restart".to_owned(),
            mode: Mode::KeepGoing,
            steps: repoint,
        },
        in_sync(target, &repointed),
    ]
}

/// The last wait before the demotion, until the new primary has every byte that the old one sent.
fn drain(target: &Node, old: &Node) -> Step {
    let action = Action::Server(ServerAction::AwaitCaughtUp {
        with: old.name.clone(),
        within_ms: DRAIN_MS,
    });
    Step::new(&target.name, action, Undo::Nothing)
}

/// Demotes the old primary first, and compares its last offset.
fn demote(target: &Node, old: &Node, topology: &Topology) -> [Step; 2] {
    let demote = Action::Role(RoleAction::Demote {
        upstream: target.name.clone(),
        address: target.source_for(old.server()),
        others: roles::others(old, topology),
    });
    let undo = Undo::By(Action::Role(RoleAction::RestorePrimary {
        others: roles::others(old, topology),
    }));
    let compare = Action::Role(RoleAction::CompareOffsets {
        with: old.name.clone(),
        others: roles::others(target, topology),
        within_ms: verify_ms(old),
    });
    [
        Step::new(&old.name, demote, undo),
        Step::new(&target.name, compare, Undo::Nothing),
    ]
}

/// A script may write past the fence of a server before 6.2. A replica that is not directly under
/// it is still linked then. The old primary must not have the time to make a full copy from that
/// replica: such servers connect once a second.
fn verify_ms(old: &Node) -> u64 {
    let leaks = old.server().is_some_and(lacks_pause_write);
    if leaks { VERIFY_LEAKY_MS } else { VERIFY_MS }
}

fn take_over(target: &Node, old: &Node) -> Step {
    let pauses = target.server().is_some_and(|s| !lacks_pause_write(s));
    let action = Action::Role(RoleAction::TakeOver {
        from: old.name.clone(),
        hold_ms: pauses.then_some(HOLD_MS),
    });
    Step::new(&target.name, action, Undo::Impossible)
}

/// How near the target must be before writes are stopped, bytes: a quarter of the backlog, and at
/// least [`NEAR_BYTES`].
fn near_bytes(old: &Node) -> u64 {
    let backlog = old
        .server()
        .and_then(|s| s.replication.backlog)
        .map_or(0, |b| b.size / 4);
    backlog.max(NEAR_BYTES)
}

/// The action that stops writes on this server for at most `ms`, and the one that ends that. Before
/// 6.2 the stop does not end by itself.
pub fn fence_for(old: &Node, ms: u64) -> (Action, Action) {
    let Some(server) = old.server().filter(|s| lacks_pause_write(s)) else {
        return (
            Action::Server(ServerAction::PauseWrites { ms }),
            Action::Server(ServerAction::ResumeWrites),
        );
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
    // A lag of 0 would switch the whole check off. No deployment has 1000 replicas.
    let fence = Action::Server(ServerAction::RequireReplicas {
        to_write: 1000,
        max_lag: if max_lag == 0 { 10 } else { max_lag },
    });
    (
        fence,
        Action::Server(ServerAction::RequireReplicas { to_write, max_lag }),
    )
}

/// `CLIENT PAUSE … WRITE` came with Redis 6.2.
pub fn lacks_pause_write(server: &Server) -> bool {
    server.product == Product::Redis
        && server.version
            < Version {
                major: 6,
                minor: 2,
                patch: 0,
            }
}

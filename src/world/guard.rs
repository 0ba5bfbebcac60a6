//! A process of its own that lifts a fence which does not end by itself (servers before 6.2), where
//! replctl dies or freezes inside it.
//!
//! It is connected before the fence. It gets a message when the fence stands and when the fence is
//! gone. If the pipe ends in between, or is silent for too long, the guard puts back the earlier
//! settings. It knows the inventory's own secrets; typed secrets are not passed on.

use super::connections::Connections;
use crate::actions::Action;
use crate::actions::server::ServerAction;
use crate::engine::execute::Failure;
use crate::engine::{Plan, Undo};
use crate::topology::NodeName;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout};

/// How long it may take to be connected.
const READY: Duration = Duration::from_secs(8);
/// How long it goes on trying to lift a fence.
const LIFTING: Duration = Duration::from_mins(1);
/// Between two tries.
const AGAIN: Duration = Duration::from_millis(500);
/// A message to the guard: the fence stands, and lasts.
const STANDS: u8 = b'f';
/// The fence is gone.
const GONE: u8 = b'g';
/// What it says once it is connected.
pub const CONNECTED: &str = "connected";

/// How many replicas a write needs: what was set before the fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicasRequired {
    /// `min-replicas-to-write`.
    pub to_write: u64,
    /// `min-replicas-max-lag`, seconds.
    pub max_lag: u64,
}

/// The guard of one node's fence.
pub struct Guard {
    // It goes on after this process ends.
    child: Child,
    tell: ChildStdin,
}

impl Guard {
    async fn tell(&mut self, what: u8) {
        // If the guard has died, the process that raised the fence still lifts it.
        let _ = self.tell.write_all(&[what]).await;
        let _ = self.tell.flush().await;
    }

    async fn dismiss(mut self) {
        self.tell(GONE).await;
        drop(self.tell);
        let _ = timeout(Duration::from_secs(1), self.child.wait()).await;
    }
}

/// The guards of fences that do not end by themselves.
pub struct FenceGuards {
    /// The inventory, which each of them reads.
    inventory: PathBuf,
    standing: Mutex<BTreeMap<NodeName, Guard>>,
}

impl FenceGuards {
    /// None yet.
    pub(super) fn new(inventory: PathBuf) -> Self {
        Self {
            inventory,
            standing: Mutex::default(),
        }
    }

    /// Starts a guard for each fence of a plan that does not end by itself. Returns a message for
    /// each that cannot be started.
    pub async fn start_for(&self, plan: &Plan) -> Vec<String> {
        let mut missing = Vec::new();
        for step in plan.steps() {
            let Undo::By(Action::Server(ServerAction::RequireReplicas { to_write, max_lag })) =
                step.undo
            else {
                continue;
            };
            let before = ReplicasRequired { to_write, max_lag };
            match self.start(&step.node, before).await {
                Ok(guard) => {
                    let mut guards = self.standing.lock().await;
                    guards.insert(step.node.clone(), guard);
                }
                Err(why) => missing.push(format!(
                    "if replctl dies while the writes of `{}` are stopped, only `replctl resume` or `replctl rollback` lets them go on: {why}",
                    step.node
                )),
            }
        }
        missing
    }

    async fn start(&self, node: &NodeName, before: ReplicasRequired) -> Result<Guard, String> {
        let told = |e: std::io::Error| format!("no guard can be started: {e}");
        let program = std::env::current_exe().map_err(told)?;
        let mut command = Command::new(program);
        command
            .arg("--inventory")
            .arg(&self.inventory)
            .arg("fence-guard")
            .arg(&node.0)
            .arg(before.to_write.to_string())
            .arg(before.max_lag.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C is for replctl itself.
            .process_group(0);
        let mut child = command.spawn().map_err(told)?;
        let (Some(tell), Some(mut says)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("no guard can be spoken to".to_owned());
        };
        let mut heard = vec![0; CONNECTED.len()];
        match timeout(READY, says.read_exact(&mut heard)).await {
            Ok(Ok(_)) if heard == CONNECTED.as_bytes() => Ok(Guard { child, tell }),
            _ => Err("a guard cannot log in without asking".to_owned()),
        }
    }

    /// Tells the guard of a node that its fence is about to stand, or goes on standing.
    pub(super) async fn stands(&self, node: &NodeName) {
        if let Some(guard) = self.standing.lock().await.get_mut(node) {
            guard.tell(STANDS).await;
        }
    }

    /// Dismisses the guard of a node whose fence was seen to be gone.
    pub(super) async fn gone(&self, node: &NodeName) {
        let guard = self.standing.lock().await.remove(node);
        if let Some(guard) = guard {
            guard.dismiss().await;
        }
    }
}

/// Runs as the guard: waits for messages, and lifts the fence if no more come.
///
/// # Errors
/// The fence could not be lifted.
pub async fn stand_guard(
    connections: &Connections,
    node: &NodeName,
    before: ReplicasRequired,
) -> Result<(), Failure> {
    let mut told = tokio::io::stdin();
    let mut stands = false;
    let mut lasts: Option<Instant> = None;
    let mut byte = [0];
    loop {
        let too_long = async {
            match lasts {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            read = told.read(&mut byte) => match (read, byte) {
                (Ok(1..), [STANDS]) => {
                    stands = true;
                    lasts = Some(Instant::now() + Duration::from_millis(crate::plan::hand_over::FENCE_MS));
                }
                (Ok(1..), [GONE]) => return Ok(()),
                _ => break,
            },
            () = too_long => {
                lift(connections, node, before).await?;
                lasts = None;
            }
        }
    }
    if stands {
        lift(connections, node, before).await?;
    }
    Ok(())
}

/// Puts back the settings from before the fence, over a new connection if the old one is gone.
async fn lift(
    connections: &Connections,
    node: &NodeName,
    before: ReplicasRequired,
) -> Result<(), Failure> {
    let end = Instant::now() + LIFTING;
    loop {
        let lifted = async {
            let conn = connections.get(node).await?;
            super::replication::require_replicas(&conn, before.to_write, before.max_lag).await
        };
        match lifted.await {
            Ok(_) => return Ok(()),
            Err(failure) if Instant::now() >= end => return Err(failure),
            Err(_) => {
                connections.forget();
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

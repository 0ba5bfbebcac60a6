//! The steps of a plan that go through Sentinels. Each sees its effect before it reports success.

use super::{SentinelConnections, pace, set, unwatched};
use crate::actions::Action;
use crate::actions::sentinel::SentinelAction;
use crate::engine::Plan;
use crate::engine::execute::Failure;
use crate::engine::journal::{Evidence, Progress};
use crate::topology::sentinel::Sees;
use crate::topology::{Address, Node, NodeName};
use crate::world::connections::Connections;
use crate::world::last_seen::LastSeen;
use crate::world::replication::{Acted, look};
use crate::world::resp::REPLY;
use futures::future::join_all;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Pause between looks at Sentinels.
const CALM: Duration = Duration::from_millis(100);
/// How long to wait for a failover of an earlier run before its operation is resumed.
const SETTLE: Duration = Duration::from_secs(20);

/// What a Sentinel's answer still lacks during a wait.
pub(super) struct Lack {
    /// In words.
    pub why: String,
    /// It will not change, so the wait is over.
    pub lasts: bool,
}

impl From<String> for Lack {
    fn from(why: String) -> Self {
        Self { why, lasts: false }
    }
}

/// Whether a Sentinel's answer is the awaited one.
pub(super) type Content<'a> = dyn Fn(&Address, &Sees) -> Result<(), Lack> + Sync + 'a;

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What steps through Sentinels work with.
pub(in crate::world) struct SentinelSteps<'a> {
    pub sentinels: &'a SentinelConnections,
    /// Those to the servers.
    pub connections: &'a Connections,
    pub last_seen: &'a LastSeen,
}

impl SentinelSteps<'_> {
    /// Does one step.
    pub async fn act(&self, node: &NodeName, action: &SentinelAction) -> Acted {
        let to = self.sentinels;
        match action {
            SentinelAction::AwaitPriority {
                name,
                sentinels,
                replica,
                priority,
                within_ms,
            } => {
                let wanted = (replica, *priority);
                self.await_priority(node, (name, sentinels), wanted, *within_ms)
                    .await
            }
            SentinelAction::SetInfoPeriod { sentinels, ms } => {
                pace::set_info_period(to, sentinels, *ms).await
            }
            SentinelAction::RestoreInfoPeriod {
                sentinels,
                from_ms,
                within_ms,
            } => pace::restore_info_period(to, sentinels, *from_ms, *within_ms).await,
            SentinelAction::AwaitTurn {
                name,
                at,
                replica,
                age_ms,
            } => self.await_turn(node, (name, at), replica, *age_ms).await,
            SentinelAction::FailOver {
                name,
                at,
                or,
                within_ms,
                priority,
            } => {
                self.fail_over(node, name, (at, or), (*within_ms, *priority))
                    .await
            }
            SentinelAction::AwaitAgreed {
                name,
                sentinels,
                primary,
                within_ms,
            } => {
                self.await_agreed(node, (name, sentinels), primary, *within_ms)
                    .await
            }
            SentinelAction::Monitor { .. }
            | SentinelAction::Unmonitor { .. }
            | SentinelAction::Set { .. }
            | SentinelAction::SetAuth { .. }
            | SentinelAction::AwaitHears { .. }
            | SentinelAction::AwaitTogether { .. }
            | SentinelAction::Reset { .. }
            | SentinelAction::AwaitRelearned { .. } => set::tell_sentinel(to, action).await,
            SentinelAction::AwaitUnwatched { at_most, within_ms } => {
                unwatched::await_unwatched(self.connections, node, *at_most, *within_ms).await
            }
        }
    }

    /// A node as it was seen last, so that all its names are known; else as the inventory has it.
    pub(super) async fn node(&self, name: &NodeName) -> Result<Node, Failure> {
        let inventory = &self.sentinels.servers.inventory;
        self.last_seen.node_or_unseen(name, inventory).await
    }

    /// Waits until each of them takes the node for the primary and is at rest, and notes when the
    /// last one named it.
    async fn await_agreed(
        &self,
        node: &NodeName,
        (name, sentinels): (&str, &[Address]),
        primary: &Address,
        within_ms: u64,
    ) -> Acted {
        let known = self.node(node).await?;
        let begun = Instant::now();
        let named: Mutex<BTreeMap<Address, Instant>> = Mutex::default();
        let is_it = |at: &Address| at == primary || known.answers_to(at);
        let agrees = |sentinel: &Address, sees: &Sees| match &sees.primary {
            Some(at) if !is_it(at) => Err(format!("it says that {at} is the primary").into()),
            told => {
                if told.is_some() {
                    let mut named = named.lock().unwrap_or_else(PoisonError::into_inner);
                    named.entry(sentinel.clone()).or_insert_with(Instant::now);
                }
                if sees.is_quiet() {
                    Ok(())
                } else {
                    Err(format!("it says {}", sees.worries()).into())
                }
            }
        };
        let waited = self.await_all(sentinels, name, within_ms, &agrees).await;
        // Sentinel has disconnected the clients of every node whose role it changed, and so us,
        // too.
        self.connections.forget();
        waited?;
        let named = named.into_inner().unwrap_or_else(PoisonError::into_inner);
        let last = named
            .values()
            .max()
            .filter(|_| named.len() == sentinels.len());
        Ok(Evidence {
            text: format!(
                "all {} Sentinels say that {primary} is the primary",
                sentinels.len()
            ),
            named_ms: last.map(|at| ms(at.duration_since(begun))),
            ..Evidence::default()
        })
    }

    /// Asks every Sentinel again and again until each is content, or one of them never will be.
    pub(super) async fn await_all(
        &self,
        sentinels: &[Address],
        name: &str,
        within_ms: u64,
        content: &Content<'_>,
    ) -> Result<(), Failure> {
        let end = Instant::now() + Duration::from_millis(within_ms);
        let ended = &AtomicBool::new(false);
        let late: Vec<Lack> = join_all(sentinels.iter().map(|at| async move {
            let mut conn = self.sentinels.take(at);
            loop {
                let lack = match self.sentinels.glance(&mut conn, at, name).await {
                    Ok(sees) => match content(at, &sees) {
                        Ok(()) => {
                            if let Some(conn) = conn {
                                self.sentinels.keep(at, conn);
                            }
                            return None;
                        }
                        Err(lack) => lack,
                    },
                    Err(trouble) => trouble.detail.into(),
                };
                let why = format!("the Sentinel {at}: {}", lack.why);
                if lack.lasts {
                    ended.store(true, Ordering::Relaxed);
                }
                if Instant::now() >= end || ended.load(Ordering::Relaxed) {
                    return Some(Lack { why, ..lack });
                }
                tokio::time::sleep(CALM).await;
            }
        }))
        .await
        .into_iter()
        .flatten()
        .collect();
        if let Some(lasting) = late.iter().find(|lack| lack.lasts) {
            return Err(Failure::none(lasting.why.clone()));
        }
        if late.is_empty() {
            return Ok(());
        }
        let late: Vec<String> = late.into_iter().map(|lack| lack.why).collect();
        Err(Failure::none(format!(
            "after {} s: {}",
            within_ms / 1000,
            late.join("; ")
        )))
    }
}

/// A failover that an earlier run requested may still be running. This waits for its end before
/// anything is decided.
pub async fn settle_failovers(
    sentinels: &SentinelConnections,
    connections: &Connections,
    plan: &Plan,
    progress: &Progress,
) {
    for ((stage, index), step) in plan.numbered() {
        let at = crate::engine::journal::At { stage, step: index };
        let Action::Sentinel(SentinelAction::FailOver {
            name, at: sentinel, ..
        }) = &step.action
        else {
            continue;
        };
        if !progress.started.contains(&at) || progress.done.contains(&at) {
            continue;
        }
        let end = Instant::now() + SETTLE;
        let mut conn = None;
        while let Ok(sees) = sentinels.glance(&mut conn, sentinel, name).await
            && sees.says("failover_in_progress")
            && Instant::now() < end
        {
            let promoted = connections.get(&step.node).await.ok();
            if let Some(conn) = promoted
                && look(&conn, REPLY)
                    .await
                    .is_ok_and(|s| crate::world::replication::upstream(&s).is_none())
            {
                break;
            }
            tokio::time::sleep(CALM).await;
        }
        connections.forget();
    }
}

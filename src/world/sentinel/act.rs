//! The steps of a plan that go through Sentinels. Each sees its effect before it says it is done.

use super::glance;
use crate::actions::Action;
use crate::actions::sentinel::SentinelAction;
use crate::engine::Plan;
use crate::engine::execute::Failure;
use crate::engine::journal::{Progress, Seen};
use crate::topology::sentinel::Sees;
use crate::topology::{Address, NodeName, Trouble};
use crate::world::World;
use crate::world::replication::{Acted, look};
use crate::world::resp::{Conn, REPLY};
use futures::future::join_all;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Pause between looks at Sentinels.
const CALM: Duration = Duration::from_millis(100);
/// How long a failover of an earlier run is waited for before its operation is taken up.
const SETTLE: Duration = Duration::from_secs(20);

/// What a Sentinel that is waited for does not say yet.
pub(super) struct Lack {
    /// In words.
    pub why: String,
    /// It will not change: waiting is over.
    pub lasts: bool,
}

impl From<String> for Lack {
    fn from(why: String) -> Self {
        Self { why, lasts: false }
    }
}

/// Whether what one of them says is what is waited for.
pub(super) type Content<'a> = dyn Fn(&Address, &Sees) -> Result<(), Lack> + Sync + 'a;

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl World {
    /// Does one step.
    pub(in crate::world) async fn act_through_sentinel(
        &self,
        node: &NodeName,
        action: &SentinelAction,
    ) -> Acted {
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
                self.set_info_period(sentinels, *ms).await
            }
            SentinelAction::RestoreInfoPeriod {
                sentinels,
                from_ms,
                within_ms,
            } => {
                self.restore_info_period(sentinels, *from_ms, *within_ms)
                    .await
            }
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
            | SentinelAction::AwaitRelearned { .. } => self.tell_sentinel(action).await,
            SentinelAction::AwaitUnwatched { at_most, within_ms } => {
                self.await_unwatched(node, *at_most, *within_ms).await
            }
        }
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
        let known = self.seen_or_told(node).await?;
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
        // Sentinel has cut off the clients of every node it told a new role, us among them.
        self.connections.forget();
        waited?;
        let named = named.into_inner().unwrap_or_else(PoisonError::into_inner);
        let last = named
            .values()
            .max()
            .filter(|_| named.len() == sentinels.len());
        Ok(Seen {
            text: format!(
                "all {} Sentinels say that {primary} is the primary",
                sentinels.len()
            ),
            named_ms: last.map(|at| ms(at.duration_since(begun))),
            ..Seen::default()
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
            let mut conn = self.kept().remove(at);
            loop {
                let lack = match self.ask(&mut conn, at, name).await {
                    Ok(sees) => match content(at, &sees) {
                        Ok(()) => {
                            self.keep(at, conn);
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

    /// A glance over a connection that is kept as long as it works.
    pub(super) async fn ask(
        &self,
        conn: &mut Option<Conn>,
        at: &Address,
        name: &str,
    ) -> Result<Sees, Trouble> {
        let open = match conn.take() {
            Some(open) => open,
            None => self.sentinel(at).await?,
        };
        let sees = glance(&open, name).await?;
        *conn = Some(open);
        Ok(sees)
    }

    /// The connections to Sentinels that are kept for the step that must not wait.
    pub(super) fn kept(&self) -> std::sync::MutexGuard<'_, BTreeMap<Address, Conn>> {
        let kept = self.sentinel_conns.lock();
        kept.unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, at: &Address, conn: Option<Conn>) {
        if let Some(conn) = conn {
            self.kept().insert(at.clone(), conn);
        }
    }

    /// A failover that an earlier run asked for may still be running; its end is waited for before
    /// anything is decided.
    pub async fn settle_sentinels(&self, plan: &Plan, progress: &Progress) {
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
            while let Ok(sees) = self.ask(&mut conn, sentinel, name).await
                && sees.says("failover_in_progress")
                && Instant::now() < end
            {
                let promoted = self.connections.get(&step.node).await.ok();
                if let Some(conn) = promoted
                    && look(&conn, REPLY)
                        .await
                        .is_ok_and(|s| crate::world::replication::upstream(&s).is_none())
                {
                    break;
                }
                tokio::time::sleep(CALM).await;
            }
            self.connections.forget();
        }
    }
}

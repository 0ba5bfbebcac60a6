//! The steps of a plan that go through Sentinels. Each sees its effect before it says it is done.

use super::{fail_over, glance};
use crate::execute::Failure;
use crate::journal::{Progress, Seen};
use crate::plan::sentinel::SentinelAction;
use crate::plan::{Action, Plan};
use crate::topology::sentinel::Sees;
use crate::topology::{Address, NodeName};
use crate::world::World;
use crate::world::replication::{Acted, FENCED, doubtful, look, seen};
use crate::world::resp::{Conn, REPLY};
use crate::world::role::{self, LiveRole};
use futures::future::join_all;
use redis::cmd;
use std::time::{Duration, Instant};

/// Pause between looks at a node that is about to be promoted.
const QUICK: Duration = Duration::from_millis(2);
/// Pause between looks at Sentinels.
const CALM: Duration = Duration::from_millis(100);
/// How long a failover of an earlier run is waited for before its operation is taken up.
const SETTLE: Duration = Duration::from_secs(20);

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
                let known = self.seen_or_told(node).await?;
                let is_it = |at: &Address| at == replica || known.answers_to(at);
                let sees_it = |sees: &Sees| match sees.replicas.iter().find(|r| is_it(&r.address)) {
                    _ if sees.says("failover_in_progress") => {
                        Err("it has begun a failover".to_owned())
                    }
                    Some(known) if known.priority == *priority => Ok(()),
                    Some(known) => Err(format!("it still sees priority {}", known.priority)),
                    None => Err(format!("it does not know {replica}")),
                };
                self.await_all(sentinels, name, *within_ms, &sees_it)
                    .await?;
                Ok(seen(format!("all {} Sentinels see it", sentinels.len())))
            }
            SentinelAction::FailOver {
                name,
                at,
                or,
                within_ms,
            } => self.fail_over(node, name, (at, or), *within_ms).await,
            SentinelAction::AwaitAgreed {
                name,
                sentinels,
                primary,
                within_ms,
            } => {
                let known = self.seen_or_told(node).await?;
                let is_it = |at: &Address| at == primary || known.answers_to(at);
                let agrees = |sees: &Sees| match &sees.primary {
                    Some(at) if !is_it(at) => Err(format!("it says that {at} is the primary")),
                    _ if sees.is_quiet() => Ok(()),
                    _ => Err(format!("it says {}", sees.worries())),
                };
                let waited = self.await_all(sentinels, name, *within_ms, &agrees).await;
                // Sentinel has cut off the clients of every node it told a new role, us among them.
                self.connections.forget();
                waited?;
                Ok(seen(format!(
                    "all {} Sentinels say that {primary} is the primary",
                    sentinels.len()
                )))
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

    /// Asks every Sentinel again and again until each is content.
    async fn await_all(
        &self,
        sentinels: &[Address],
        name: &str,
        within_ms: u64,
        content: &(dyn Fn(&Sees) -> Result<(), String> + Sync),
    ) -> Result<(), Failure> {
        let end = Instant::now() + Duration::from_millis(within_ms);
        let late: Vec<String> = join_all(sentinels.iter().map(|at| async move {
            let mut conn = None;
            loop {
                let why = match self.ask(&mut conn, at, name).await {
                    Ok(sees) => match content(&sees) {
                        Ok(()) => {
                            self.keep(at, conn);
                            return None;
                        }
                        Err(why) => why,
                    },
                    Err(why) => why,
                };
                if Instant::now() >= end {
                    return Some(format!("the Sentinel {at}: {why}"));
                }
                tokio::time::sleep(CALM).await;
            }
        }))
        .await
        .into_iter()
        .flatten()
        .collect();
        if late.is_empty() {
            return Ok(());
        }
        Err(Failure::none(format!(
            "after {} s: {}",
            within_ms / 1000,
            late.join("; ")
        )))
    }

    /// A glance over a connection that is kept as long as it works.
    async fn ask(&self, conn: &mut Option<Conn>, at: &Address, name: &str) -> Result<Sees, String> {
        let open = match conn.take() {
            Some(open) => open,
            None => self.sentinel(at).await.map_err(|t| t.detail)?,
        };
        let sees = glance(&open, name).await.map_err(|t| t.detail)?;
        *conn = Some(open);
        Ok(sees)
    }

    /// `SENTINEL FAILOVER`, until `node` is the primary. A refusal has no effect; where the Sentinel has said yes, only what is seen counts.
    async fn fail_over(
        &self,
        node: &NodeName,
        name: &str,
        (at, or): (&Address, &[Address]),
        within_ms: u64,
    ) -> Acted {
        if self
            .is_primary(node)
            .await
            .is_ok_and(|offset| offset.is_some())
        {
            return Ok(seen("it is a primary"));
        }
        let (at, conn) = self.listening(at, or).await?;
        let begun = Instant::now();
        if let Err(trouble) = conn.call(&fail_over(name), REPLY).await
            && !doubtful(&trouble)
        {
            return Err(Failure::none(format!(
                "the Sentinel {at} refuses: {}",
                trouble.detail
            )));
        }
        loop {
            match self.is_primary(node).await {
                Ok(Some(offset)) => {
                    return Ok(Seen {
                        text: format!(
                            "it is a primary, {} ms after Sentinel was told",
                            begun.elapsed().as_millis()
                        ),
                        offset: Some(offset),
                        ..Seen::default()
                    });
                }
                Ok(None) => {}
                Err(_) => {
                    // Sentinel cuts off all clients of the node it promotes.
                    let _ = self.connections.renew(node).await;
                }
            }
            if begun.elapsed() >= Duration::from_millis(within_ms) {
                return Err(self.why_not(name, at, within_ms).await);
            }
            tokio::time::sleep(QUICK).await;
        }
    }

    /// The first of these Sentinels that answers at once. The connections were made before the fence, where that could be.
    async fn listening<'a>(
        &self,
        at: &'a Address,
        or: &'a [Address],
    ) -> Result<(&'a Address, Conn), Failure> {
        let mut why = Vec::new();
        for at in std::iter::once(at).chain(or) {
            let kept = self.kept().remove(at);
            let open = match kept {
                Some(conn) => Ok(conn),
                None => self.sentinel(at).await,
            };
            let heard = match open {
                Ok(conn) => conn.call(&cmd("PING"), FENCED).await.map(|_| conn),
                Err(trouble) => Err(trouble),
            };
            match heard {
                Ok(conn) => return Ok((at, conn)),
                Err(trouble) => why.push(format!("the Sentinel {at}: {}", trouble.detail)),
            }
        }
        Err(Failure::none(why.join("; ")))
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, std::collections::BTreeMap<Address, Conn>> {
        let kept = self.sentinel_conns.lock();
        kept.unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn keep(&self, at: &Address, conn: Option<Conn>) {
        if let Some(conn) = conn {
            self.kept().insert(at.clone(), conn);
        }
    }

    async fn is_primary(&self, node: &NodeName) -> Result<Option<u64>, Failure> {
        let conn = self.connections.get(node).await?;
        let reply = conn.call(&cmd("ROLE"), FENCED).await;
        let role = reply.map_err(|t| Failure::none(t.detail))?;
        Ok(match role::parse(&role) {
            Some(LiveRole::Primary { offset }) => Some(offset),
            Some(LiveRole::Replica { .. } | LiveRole::Sentinel) | None => None,
        })
    }

    /// What became of a failover that did not come about in time.
    async fn why_not(&self, name: &str, at: &Address, within_ms: u64) -> Failure {
        let late = format!(
            "Sentinel did not make it primary within {} s",
            within_ms / 1000
        );
        match self.ask(&mut None, at, name).await {
            Ok(sees) if sees.says("failover_in_progress") => {
                Failure::unknown(format!("{late}, and is still at it"))
            }
            Ok(sees) => Failure::none(format!(
                "{late}, and has given up: it says that {} is the primary",
                sees.primary
                    .map_or_else(|| "nobody".to_owned(), |a| a.to_string())
            )),
            Err(why) => Failure::unknown(format!("{late}, and cannot be asked: {why}")),
        }
    }

    /// A failover that an earlier run asked for may still be running; its end is waited for before anything is decided.
    pub async fn settle_sentinels(&self, plan: &Plan, progress: &Progress) {
        let asked = plan.stages.iter().enumerate().flat_map(|(stage, s)| {
            let at = move |(step, it)| (crate::journal::At { stage, step }, it);
            s.steps.iter().enumerate().map(at)
        });
        for (at, step) in asked {
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

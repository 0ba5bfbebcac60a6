//! `SENTINEL FAILOVER`, and the checks before and after it. Others may ask for a failover at the
//! same time. Its result is reported as it is.

use super::act::{Lack, SentinelSteps};
use super::fail_over;
use crate::engine::execute::Failure;
use crate::engine::journal::Evidence;
use crate::topology::detached::Observed;
use crate::topology::sentinel::Sees;
use crate::topology::{Address, Node, NodeName, Topology, TroubleKind};
use crate::world::directive::set_directive;
use crate::world::replication::{Acted, FENCED, seen};
use crate::world::resp::{Conn, REPLY};
use crate::world::role::{self, LiveRole};
use futures::future::join_all;
use redis::cmd;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Pause between looks at a node that is about to be promoted.
const QUICK: Duration = Duration::from_millis(2);
/// A running failover has promoted its node by then (measured: 130 to 270 ms). From then on, the
/// Sentinels are asked for their state.
const EXPECTED: Duration = Duration::from_millis(700);
/// Pause between questions to the Sentinels then.
const AGAIN: Duration = Duration::from_millis(250);
/// How long one of them may take to answer then.
const ANSWER: Duration = Duration::from_secs(1);
/// How long a Sentinel in TILT mode does nothing, with some reserve. It begins a failover that was
/// requested before only after that.
const TILT: Duration = Duration::from_secs(35);

/// What the Sentinels do about a failover that was asked for and is not seen yet.
enum Stands {
    /// One of them is doing it, and it cannot be cancelled. The longest time that it may take.
    Underway(Duration),
    /// Another node is the primary now, or may be.
    Elsewhere(String),
    /// None of them is doing it, and all that are asked name the old primary, which is no primary
    /// any more.
    Nothing,
    /// It cannot be told.
    Unclear(String),
}

impl SentinelSteps<'_> {
    /// Waits until those that could fail over see the priority. A failover by somebody else ends
    /// the wait, with the result of that failover.
    pub(super) async fn await_priority(
        &self,
        node: &NodeName,
        (name, sentinels): (&str, &[Address]),
        (replica, priority): (&Address, u32),
        within_ms: u64,
    ) -> Acted {
        let known = self.node(node).await?;
        let last = self.last_seen.get().map(Observed::into_all);
        let primaries: Vec<&Node> = last.iter().flat_map(Topology::primaries).collect();
        let called = |at: &Address| match last.as_ref().and_then(|t| t.at(at)) {
            Some(node) => format!("`{}` ({at})", node.name),
            None => at.to_string(),
        };
        let is_it = |at: &Address| at == replica || known.answers_to(at);
        let was = |at: &Address| primaries.is_empty() || primaries.iter().any(|p| p.answers_to(at));
        let sees_it = |_: &Address, sees: &Sees| {
            let other = sees.primary.as_ref().filter(|at| is_it(at) || !was(at));
            if sees.says("failover_in_progress") {
                return Err("somebody else's failover is running".to_owned().into());
            }
            if let Some(at) = other {
                let why = format!(
                    "it says that {} is the primary now, by a failover that replctl has not asked for",
                    called(at)
                );
                return Err(Lack { why, lasts: true });
            }
            if sees.tilt {
                return Err("it is in TILT mode and does nothing for 30 s"
                    .to_owned()
                    .into());
            }
            if let Some(why) = &sees.no_quorum {
                return Err(format!("it could get no failover agreed on: {why}").into());
            }
            match sees.replicas.iter().find(|r| is_it(&r.address)) {
                Some(known) if known.priority == priority => Ok(()),
                Some(known) => Err(format!("it still sees priority {}", known.priority).into()),
                None => Err(format!("it does not know {replica}").into()),
            }
        };
        let waited = self.await_all(sentinels, name, within_ms, &sees_it).await;
        if waited.is_err() {
            // A failover closes the connections of all whose role it changes.
            self.connections.forget();
        }
        waited?;
        let n = sentinels.len();
        Ok(seen(format!("all {n} Sentinels see it")))
    }

    /// `SENTINEL FAILOVER`, until `node` is the primary. A refusal has no effect. After the
    /// Sentinel's OK, only what is seen counts. `priority`: the node's priority to put back if
    /// another node was chosen.
    pub(super) async fn fail_over(
        &self,
        node: &NodeName,
        name: &str,
        (at, or): (&Address, &[Address]),
        (within_ms, priority): (u64, Option<u32>),
    ) -> Acted {
        if matches!(self.is_primary(node).await, Ok(Some(_))) {
            return Ok(seen("it is a primary"));
        }
        let (asked, conn) = self.listening(at, or).await?;
        let begun = Instant::now();
        if let Err(trouble) = conn.call(&fail_over(name), REPLY).await
            && !trouble.may_be_executed()
            // Somebody else has requested a failover already. The wait for it is the same as for
            // ours.
            && !trouble.detail.starts_with("INPROG")
        {
            return Err(Failure::none(format!(
                "the Sentinel {asked} refuses: {}",
                trouble.detail
            )));
        }
        let all: Vec<&Address> = std::iter::once(at).chain(or).collect();
        let patience = Duration::from_millis(within_ms);
        self.watch_failover(node, (name, asked, &all), (begun, patience), priority)
            .await
    }

    /// Looks at the node until it is the primary or will not be. If it is late, it looks at the
    /// Sentinels, too.
    async fn watch_failover(
        &self,
        node: &NodeName,
        (name, asked, all): (&str, &Address, &[&Address]),
        (begun, patience): (Instant, Duration),
        priority: Option<u32>,
    ) -> Acted {
        let (mut waited_for, mut end, mut look) = (false, begun + patience, begun + EXPECTED);
        let mut unclear = "no Sentinel has answered".to_owned();
        loop {
            match self.is_primary(node).await {
                Ok(Some(offset)) => return Ok(promoted(begun, offset, waited_for)),
                Ok(None) => {}
                Err(_) => {
                    // Sentinel cuts off all clients of the node it promotes.
                    let _ = self.connections.renew(node).await;
                }
            }
            if Instant::now() >= look {
                match self.stands(node, name, asked, all).await {
                    // It may have become true between the two looks.
                    _ if matches!(self.is_primary(node).await, Ok(Some(_))) => continue,
                    Stands::Nothing if self.is_primary(node).await.is_ok() => {
                        return Err(Failure::none(format!(
                            "no Sentinel is failing over, {} ms after the request to {asked}, and `{node}` is still a replica",
                            begun.elapsed().as_millis()
                        )));
                    }
                    Stands::Nothing => {
                        unclear =
                            format!("no Sentinel is failing over, and `{node}` gives no answer");
                    }
                    Stands::Elsewhere(who) => {
                        return Err(self.elsewhere(node, &who, priority).await);
                    }
                    Stands::Underway(most) => {
                        end = end.max(begun + most);
                        waited_for = true;
                        "a failover has begun, cannot be cancelled, and is not done"
                            .clone_into(&mut unclear);
                    }
                    Stands::Unclear(why) => unclear = why,
                }
                look = Instant::now() + AGAIN;
            }
            if Instant::now() >= end {
                return Err(Failure::unknown(format!(
                    "Sentinel did not make it primary within {} s: {unclear}",
                    begun.elapsed().as_secs()
                )));
            }
            tokio::time::sleep(QUICK).await;
        }
    }

    /// What all of them do just now, as far as they answer. `asked` is the Sentinel that got the
    /// request.
    async fn stands(
        &self,
        node: &NodeName,
        name: &str,
        asked: &Address,
        all: &[&Address],
    ) -> Stands {
        let asks = all.iter().map(|at| async move {
            let said = timeout(ANSWER, self.sentinels.glance(&mut None, at, name)).await;
            (*at, said)
        });
        let Ok(target) = self.node(node).await else {
            return Stands::Unclear("the node is not known".to_owned());
        };
        let (mut primaries, mut unclear, mut ended) = (Vec::new(), None, 0);
        for (at, said) in join_all(asks).await {
            match said {
                Ok(Ok(sees)) => {
                    let ours = sees.primary.as_ref().is_some_and(|p| target.answers_to(p));
                    if sees.says("failover_in_progress") || ours {
                        return Stands::Underway(longest(&sees));
                    }
                    primaries.extend(sees.primary);
                }
                // Its process has ended, and its request with it.
                Ok(Err(trouble)) if trouble.kind == TroubleKind::Refused => ended += 1,
                Ok(Err(trouble)) if at == asked => unclear = Some(trouble.detail),
                Err(_) if at == asked => unclear = Some(format!("the Sentinel {at} says nothing")),
                Ok(Err(_)) | Err(_) => {}
            }
        }
        primaries.sort_by_key(ToString::to_string);
        primaries.dedup();
        for at in &primaries {
            let last = self.last_seen.get().map(Observed::into_all);
            let Some(named) = last.as_ref().and_then(|t| t.at(at)) else {
                unclear = Some(format!(
                    "they say that {at} is the primary, which is no node of the inventory"
                ));
                continue;
            };
            match self.is_primary_anew(&named.name).await {
                Ok(None) => {}
                Ok(Some(_)) => return Stands::Elsewhere(format!("`{}` ({at})", named.name)),
                Err(failure) => unclear = Some(format!("`{}`: {}", named.name, failure.why)),
            }
        }
        if let Some(why) = unclear {
            return Stands::Unclear(why);
        }
        if primaries.is_empty() && ended < all.len() {
            return Stands::Unclear("no Sentinel can be asked".to_owned());
        }
        Stands::Nothing
    }

    /// Another node was made the primary. The old primary must stay what it is, and the priority is
    /// put back at once.
    async fn elsewhere(&self, node: &NodeName, who: &str, priority: Option<u32>) -> Failure {
        let why = format!(
            "the Sentinels have made {who} the primary, not `{node}`: somebody else asked for a failover, or they began one themselves"
        );
        self.connections.forget();
        let Some(priority) = priority else {
            return Failure::unknown(why);
        };
        let priority_text = priority.to_string();
        let set = set_directive(self.connections, node, "replica-priority", &priority_text).await;
        Failure::unknown(match set {
            Ok(_) => format!("{why}; the replica-priority of `{node}` is {priority} again"),
            Err(failure) => format!(
                "{why}; the replica-priority of `{node}` could not be set back to {priority}: {}",
                failure.why
            ),
        })
    }

    /// The first of these Sentinels that answers at once. The connections were made before the
    /// fence, where that could be.
    async fn listening<'a>(
        &self,
        at: &'a Address,
        or: &'a [Address],
    ) -> Result<(&'a Address, Conn), Failure> {
        let mut why = Vec::new();
        for at in std::iter::once(at).chain(or) {
            let heard = match self.sentinels.take_or_open(at).await {
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

    /// The same, over a new connection where the old one has been closed: a failover closes the
    /// connections of all nodes whose role it changes.
    async fn is_primary_anew(&self, node: &NodeName) -> Result<Option<u64>, Failure> {
        if let Ok(is) = self.is_primary(node).await {
            return Ok(is);
        }
        self.connections.renew(node).await?;
        self.is_primary(node).await
    }

    /// The offset of a node that is a primary; nothing of a replica.
    async fn is_primary(&self, node: &NodeName) -> Result<Option<u64>, Failure> {
        let conn = self.connections.get(node).await?;
        let reply = conn.call(&cmd("ROLE"), FENCED).await;
        let role = reply.map_err(|t| Failure::none(t.detail))?;
        Ok(match role::parse(&role) {
            Some(LiveRole::Primary { offset }) => Some(offset),
            Some(LiveRole::Replica { .. } | LiveRole::Sentinel) | None => None,
        })
    }
}

/// How long a Sentinel's failover may take by its own settings. It may have to wait for the end of
/// TILT mode first.
fn longest(sees: &Sees) -> Duration {
    Duration::from_millis(sees.failover_timeout_ms.saturating_add(1_000)) + TILT
}

fn promoted(begun: Instant, offset: u64, waited_for: bool) -> Evidence {
    let late = if waited_for {
        ": the failover had begun and could not be cancelled, so replctl waited for it"
    } else {
        ""
    };
    Evidence {
        text: format!(
            "it is a primary, {} ms after the request to Sentinel{late}",
            begun.elapsed().as_millis()
        ),
        offset: Some(offset),
        ..Evidence::default()
    }
}

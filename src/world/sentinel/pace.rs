//! How often Sentinels read `INFO` of the nodes while a promotion waits for them. The period is set
//! and put back; each is read back before it is reported. It decides nothing.

use super::{SentinelConnections, SentinelSteps, reply};
use crate::actions::sentinel::InfoPeriod;
use crate::engine::execute::Failure;
use crate::topology::{Address, NodeName, Trouble, TroubleKind};
use crate::world::replication::{Acted, seen};
use crate::world::resp::{Conn, REPLY};
use crate::world::unreachable::{silent, trouble};
use futures::future::join_all;
use redis::{Cmd, cmd};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// Pause before one that gave no answer is asked again.
const AGAIN: Duration = Duration::from_millis(100);
/// How long it may take to set the period at one Sentinel, including the way to it. More time is
/// not worth it: without it, they only look more slowly.
const TOLD: Duration = Duration::from_secs(4);
/// How long the wait for a turn may take, ms.
const TURN_MS: u64 = 1_000;

/// The result of putting back the period of one Sentinel.
enum Back {
    /// It says that it has it.
    Has,
    /// Somebody else has set it to that.
    Other(u64),
    /// Its process has ended, and its period with it.
    Ended,
}

fn debug() -> Cmd {
    let mut command = cmd("SENTINEL");
    command.arg("DEBUG");
    command
}

/// The period that it reports now.
async fn period(conn: &Conn) -> Result<u64, Trouble> {
    let said = conn.call(&debug(), REPLY).await?;
    let period = reply::info_period(&said);
    period.map_err(|_| trouble(TroubleKind::Other, "its SENTINEL DEBUG cannot be read"))
}

/// Sets the period, and reads it back.
async fn set(conn: &Conn, ms: u64) -> Result<(), Trouble> {
    let mut command = debug();
    command.arg("INFO-PERIOD").arg(ms);
    conn.call(&command, REPLY).await?;
    let now = period(conn).await?;
    if now == ms {
        Ok(())
    } else {
        let why = format!("it was told INFO-PERIOD {ms}, and says {now}");
        Err(trouble(TroubleKind::Other, why))
    }
}

/// The command that puts the period back by hand.
fn by_hand(at: &Address, ms: u64) -> String {
    format!(
        "redis-cli -h {} -p {} SENTINEL DEBUG INFO-PERIOD {ms}",
        at.host, at.port
    )
}

/// Sets the period at each of them, where it is still what the plan says.
pub(super) async fn set_info_period(
    sentinels: &SentinelConnections,
    periods: &[InfoPeriod],
    ms: u64,
) -> Acted {
    let all = periods.iter().map(|one| async move {
        let at = &one.at;
        let told = async {
            let conn = sentinels.take_or_open(at).await?;
            let now = period(&conn).await?;
            if now != one.ms && now != ms {
                let why = format!(
                    "its INFO-PERIOD is {now}, and was {}: somebody else has set it",
                    one.ms
                );
                return Err(trouble(TroubleKind::Other, why));
            }
            set(&conn, ms).await?;
            Ok(conn)
        };
        match timeout(TOLD, told)
            .await
            .unwrap_or_else(|_| Err(silent(TOLD)))
        {
            Ok(conn) => {
                sentinels.keep(at, conn);
                None
            }
            Err(trouble) => Some(format!("the Sentinel {at}: {}", trouble.detail)),
        }
    });
    let failed: Vec<String> = join_all(all).await.into_iter().flatten().collect();
    if failed.is_empty() {
        return Ok(seen(format!("each says INFO-PERIOD {ms}")));
    }
    Err(Failure::unknown(failed.join("; ")))
}

/// Puts the period back at each of them, and reads it back. One that gives no answer is asked again
/// for so long.
pub(super) async fn restore_info_period(
    sentinels: &SentinelConnections,
    periods: &[InfoPeriod],
    from_ms: u64,
    within_ms: u64,
) -> Acted {
    let end = Instant::now() + Duration::from_millis(within_ms);
    let all = periods.iter().map(|one| async move {
        loop {
            let why = match give_back(sentinels, one, from_ms).await {
                Ok(back) => return Ok((one, back)),
                Err(trouble) if trouble.kind == TroubleKind::Refused => {
                    return Ok((one, Back::Ended));
                }
                Err(trouble) => trouble.detail,
            };
            if Instant::now() >= end {
                let (at, back) = (&one.at, by_hand(&one.at, one.ms));
                return Err(format!(
                    "the Sentinel {at} does not say that its INFO-PERIOD is {} again, and it may be {from_ms}: {why}; when it answers: {back}",
                    one.ms
                ));
            }
            sleep(AGAIN).await;
        }
    });
    let (mut words, mut failed) = (Vec::new(), Vec::new());
    for back in join_all(all).await {
        match back {
            Ok((one, Back::Has)) => words.push(format!("{} says {}", one.at, one.ms)),
            Ok((one, Back::Other(ms))) => words.push(format!(
                "{} says {ms}, which somebody else has set and which stays",
                one.at
            )),
            Ok((one, Back::Ended)) => {
                words.push(format!("{} has ended, and the value with it", one.at));
            }
            Err(why) => failed.push(why),
        }
    }
    if failed.is_empty() {
        Ok(seen(format!("INFO-PERIOD: {}", words.join("; "))))
    } else {
        Err(Failure::unknown(failed.join("; ")))
    }
}

async fn give_back(
    sentinels: &SentinelConnections,
    one: &InfoPeriod,
    from_ms: u64,
) -> Result<Back, Trouble> {
    let told = async {
        let conn = sentinels.take_or_open(&one.at).await?;
        let now = period(&conn).await?;
        let back = if now == one.ms {
            Back::Has
        } else if now == from_ms {
            set(&conn, one.ms).await?;
            Back::Has
        } else {
            Back::Other(now)
        };
        sentinels.keep(&one.at, conn);
        Ok(back)
    };
    timeout(TOLD, told)
        .await
        .unwrap_or_else(|_| Err(silent(TOLD)))
}

impl SentinelSteps<'_> {
    /// Waits until that Sentinel's last `INFO` of the replica is so old. If that cannot be seen, it
    /// is no failure.
    pub(super) async fn await_turn(
        &self,
        node: &NodeName,
        (name, at): (&str, &Address),
        replica: &Address,
        age_ms: u64,
    ) -> Acted {
        let known = self.node(node).await?;
        let begun = Instant::now();
        let turn = async {
            let conn = self.sentinels.take_or_open(at).await?;
            let mut ask = cmd("SENTINEL");
            ask.arg("REPLICAS").arg(name);
            let said = conn.call(&ask, REPLY).await?;
            self.sentinels.keep(at, conn);
            let is_it = |a: &Address| a == replica || known.answers_to(a);
            let age = reply::info_age(&said, is_it);
            age.ok_or_else(|| trouble(TroubleKind::Other, "it does not tell"))
        };
        let within = Duration::from_millis(TURN_MS);
        let age = timeout(within, turn).await;
        Ok(seen(match age.unwrap_or_else(|_| Err(silent(within))) {
            Ok(age) if age < age_ms => {
                let left = Duration::from_millis(age_ms - age);
                let asked = begun.elapsed();
                sleep(left.min(within.saturating_sub(asked))).await;
                format!("it has read INFO of it {age_ms} ms ago")
            }
            Ok(age) => format!("it has read INFO of it {age} ms ago"),
            Err(trouble) => format!("not waited for: {}", trouble.detail),
        }))
    }
}

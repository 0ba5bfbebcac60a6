//! The actions of a plan on a server, over RESP: fences, waits, settings. Each sees its effect
//! before it reports success. Role changes are in `role_change`.
//!
//! Inside a fence, the connections are open and logged in already, and the wait for a reply is at
//! most [`FENCED`].

use super::info;
use super::login::Replicas;
use super::resp::{Conn, REPLY};
use crate::engine::execute::Failure;
use crate::engine::journal::Evidence;
use crate::inventory::secrets::is_secret;
use crate::topology::{Address, Link, NodeName, Role, Server, Trouble, TroubleKind, Upstream};
use futures::future::{join, join_all};
use redis::{Cmd, Value, cmd};
use secrecy::ExposeSecret;
use std::time::{Duration, Instant};

/// How long a reply may take inside a fence.
pub const FENCED: Duration = Duration::from_millis(400);
/// Pause between looks inside a fence: short at first, for the usual case of a round trip or two.
const QUICK: Duration = Duration::from_micros(500);
/// Pause between looks once it takes longer.
const STEADY: Duration = Duration::from_millis(2);
/// Pause between looks outside a fence.
pub const CALM: Duration = Duration::from_millis(50);

/// What an action comes to.
pub type Acted = Result<Evidence, Failure>;

/// In words.
pub fn seen(text: impl Into<String>) -> Evidence {
    Evidence {
        text: text.into(),
        ..Evidence::default()
    }
}

/// A command and its reply, outside any fence.
pub async fn ask(conn: &Conn, command: &Cmd) -> Result<Value, Failure> {
    conn.call(command, REPLY)
        .await
        .map_err(|t| Failure::none(t.detail))
}

/// What a server says of its replication.
pub async fn look(conn: &Conn, within: Duration) -> Result<Server, Trouble> {
    let reply = conn.call(cmd("INFO").arg("replication"), within).await?;
    let text = redis::from_redis_value::<Vec<u8>>(reply).unwrap_or_default();
    info::parse(&String::from_utf8_lossy(&text)).map_err(|e| Trouble {
        kind: TroubleKind::NotRedis,
        detail: e.to_string(),
    })
}

async fn look_or_fail(conn: &Conn, within: Duration) -> Result<Server, Failure> {
    look(conn, within)
        .await
        .map_err(|t| Failure::none(t.detail))
}

/// The bytes of the stream a server has: produced, or applied.
pub fn bytes(server: &Server) -> u64 {
    upstream(server).map_or(server.replication.offset, |u| u.offset)
}

/// A replica's end of its link.
pub fn upstream(server: &Server) -> Option<&Upstream> {
    match &server.replication.role {
        Role::Replica(upstream) => Some(upstream),
        Role::Primary => None,
    }
}

/// `CLIENT PAUSE … WRITE`.
pub async fn pause_writes(conn: &Conn, ms: u64) -> Acted {
    let mut command = cmd("CLIENT");
    command.arg("PAUSE").arg(ms).arg("WRITE");
    sent(conn.call(&command, FENCED).await, "writes are stopped")
}

/// `CLIENT UNPAUSE`, tried three times: the pause would end by itself, but only later.
pub async fn resume_writes(conn: &Conn) -> Acted {
    let mut last = Failure::none("not tried");
    for _ in 0..3 {
        match sent(
            conn.call(cmd("CLIENT").arg("UNPAUSE"), FENCED).await,
            "writes go on",
        ) {
            Ok(seen) => return Ok(seen),
            Err(failure) => last = failure,
        }
    }
    Err(last)
}

/// The fence of servers before 6.2, and its end.
pub async fn require_replicas(conn: &Conn, to_write: u64, max_lag: u64) -> Acted {
    for (name, value) in [
        ("min-replicas-max-lag", max_lag),
        ("min-replicas-to-write", to_write),
    ] {
        let mut command = cmd("CONFIG");
        command.arg("SET").arg(name).arg(value);
        sent(conn.call(&command, FENCED).await, "")?;
    }
    Ok(seen(format!("min-replicas-to-write is {to_write}")))
}

/// A reply that only confirms. A lost answer leaves a doubt, an error reply does not.
fn sent(reply: Result<Value, Trouble>, text: &str) -> Acted {
    match reply {
        Ok(_) => Ok(seen(text)),
        Err(t) if t.may_be_executed() => Err(Failure::unknown(t.detail)),
        Err(t) => Err(Failure::none(t.detail)),
    }
}

/// The words for a replica that is at `offset` and had to reach `wanted`. `first`: the bytes that
/// were missing at the first look.
pub fn caught_up(offset: u64, wanted: u64, first: u64, looks: u32) -> Evidence {
    Evidence {
        text: format!(
            "offset {offset} of {wanted}; {first} bytes were missing at the first of {looks} looks"
        ),
        wanted: Some(wanted),
        offset: Some(offset),
        resync: None,
        ..Evidence::default()
    }
}

/// Waits until `conn`'s server has what `with` had at the beginning.
pub async fn await_caught_up(
    conn: &Conn,
    with: &Conn,
    with_name: &NodeName,
    within_ms: u64,
) -> Acted {
    let begun = Instant::now();
    // Side by side: over a long way each look is a round trip in which writers wait.
    let (source, mine) = join(look_or_fail(with, FENCED), look_or_fail(conn, FENCED)).await;
    let (source, mut at_first) = (source?, Some(mine?));
    let wanted = source.replication.offset;
    let mut missing = None;
    let mut looks = 0_u32;
    loop {
        looks += 1;
        let mine = match at_first.take() {
            Some(mine) => mine,
            None => look_or_fail(conn, FENCED).await?,
        };
        if mine.replication.replid != source.replication.replid {
            return Err(Failure::none(format!(
                "it has another history than `{with_name}`"
            )));
        }
        let offset = bytes(&mine);
        let first = *missing.get_or_insert(wanted.saturating_sub(offset));
        if offset >= wanted {
            return Ok(caught_up(offset, wanted, first, looks));
        }
        // When its link ends, a replica drops the bytes that it has not read. It asks for them
        // again only over the next link.
        let cut = upstream(&mine).is_some_and(|up| up.link == Link::Down);
        if cut || begun.elapsed() >= Duration::from_millis(within_ms) {
            let why = if cut {
                "its link is down"
            } else {
                "it is late"
            };
            return Err(Failure::none(format!(
                "it has {offset} of the {wanted} bytes of `{with_name}` after {} ms: {why}",
                begun.elapsed().as_millis()
            )));
        }
        tokio::time::sleep(if begun.elapsed() < Duration::from_millis(10) {
            QUICK
        } else {
            STEADY
        })
        .await;
    }
}

/// The same after the demotion of `with`, whose offset no longer moves: not one byte less, and not
/// one more.
pub async fn await_exactly(
    conn: &Conn,
    with: &Conn,
    with_name: &NodeName,
    within_ms: u64,
) -> Acted {
    let seen = await_caught_up(conn, with, with_name, within_ms).await?;
    match (seen.wanted, seen.offset) {
        (Some(wanted), Some(offset)) if offset > wanted => Err(Failure::none(format!(
            "it has bytes that `{with_name}` never sent: it is at offset {offset}, and `{with_name}` ended at {wanted}"
        ))),
        _ => Ok(seen),
    }
}

/// Waits until the replica has what its upstream had at the beginning, and fewer than
/// `bytes_allowed` bytes are missing. Only the first condition shows that the stream flows: a new
/// replica gets nothing from the moment when its link is up to its first acknowledgement, a second
/// later.
pub async fn await_near(
    conn: &Conn,
    with: &Conn,
    bytes_allowed: u64,
    within_ms: u64,
    optional: bool,
) -> Acted {
    let begun = Instant::now();
    let mut at_first = None;
    loop {
        let theirs = look_or_fail(with, REPLY).await?.replication;
        let wanted = theirs.offset;
        let at_first = *at_first.get_or_insert(wanted);
        let mine = look_or_fail(conn, REPLY).await?;
        let offset = bytes(&mine);
        let missing = wanted.saturating_sub(offset);
        // A node that was just put back as a primary has begun another history. Its replicas learn
        // of it when they have linked again.
        let same = optional || mine.replication.replid == theirs.replid;
        if same && offset >= at_first && missing <= bytes_allowed {
            return Ok(Evidence {
                text: format!("{missing} bytes behind"),
                wanted: Some(wanted),
                offset: Some(offset),
                resync: None,
                ..Evidence::default()
            });
        }
        if begun.elapsed() >= Duration::from_millis(within_ms) {
            let seconds = within_ms / 1000;
            let text = if same {
                format!("still {missing} bytes behind after {seconds} s")
            } else {
                format!("still not of one history with the primary after {seconds} s")
            };
            return if optional {
                Ok(seen(text))
            } else {
                Err(Failure::none(text))
            };
        }
        tokio::time::sleep(CALM).await;
    }
}

/// Checks that no node of the same history has more.
pub async fn check_most_advanced(
    conn: &Conn,
    others: &[(NodeName, std::sync::Arc<Conn>)],
) -> Acted {
    let mine = look_or_fail(conn, REPLY).await?;
    let looks = join_all(
        others
            .iter()
            .map(|(node, other)| async move { (node, look(other, REPLY).await) }),
    )
    .await;
    for (node, look) in looks {
        let other =
            look.map_err(|t| Failure::none(format!("`{node}` cannot be compared: {}", t.detail)))?;
        let more = bytes(&other).saturating_sub(bytes(&mine));
        if more > 0 && other.replication.replid == mine.replication.replid {
            return Err(Failure::none(format!(
                "`{node}` has {more} bytes more; promote it, or accept the loss with --allow-data-loss"
            )));
        }
    }
    Ok(Evidence {
        text: "no other has more".to_owned(),
        offset: Some(bytes(&mine)),
        ..Evidence::default()
    })
}

/// Waits until two looks 200 ms apart see the same offset.
pub async fn await_quiet(conn: &Conn, within_ms: u64) -> Acted {
    let begun = Instant::now();
    let mut last = bytes(&look_or_fail(conn, REPLY).await?);
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = bytes(&look_or_fail(conn, REPLY).await?);
        if now == last {
            return Ok(Evidence {
                text: format!("offset {now} stands still"),
                offset: Some(now),
                ..Evidence::default()
            });
        }
        if begun.elapsed() >= Duration::from_millis(within_ms) {
            return Err(Failure::none(
                "data still arrives from its primary, which is therefore alive",
            ));
        }
        last = now;
    }
}

/// Waits until it lists no replica at one of these addresses.
pub async fn await_unlisted(
    conn: &Conn,
    addresses: &[Address],
    within_ms: u64,
    optional: bool,
) -> Acted {
    let begun = Instant::now();
    loop {
        let listed = look_or_fail(conn, REPLY).await?.replication.replicas;
        let left = listed.iter().filter(|line| line.address.port != 0);
        let mut left = left.map(|line| &line.address);
        let Some(still) = left.clone().find(|at| addresses.contains(at)) else {
            let count = left.by_ref().count();
            let s = if count == 1 { "" } else { "s" };
            return Ok(seen(format!("it lists {count} other replica{s}")));
        };
        if begun.elapsed() >= Duration::from_millis(within_ms) {
            let text = format!("it still lists {still}");
            return if optional {
                Ok(seen(format!("{text}, until its repl-timeout has passed")))
            } else {
                Err(Failure::none(format!("{text}: a server runs there")))
            };
        }
        tokio::time::sleep(CALM).await;
    }
}

/// `CONFIG SET`, read back.
pub async fn set_directive(conn: &Conn, name: &str, value: &str) -> Acted {
    let mut command = cmd("CONFIG");
    command.arg("SET").arg(name).arg(value);
    ask(conn, &command).await?;
    Ok(seen(if is_secret(name) {
        format!("{name} is set")
    } else {
        format!("{name} {value}")
    }))
}

/// `CONFIG SET masterauth`, with its user. The error repeats no word of the command.
pub async fn set_replica_auth(conn: &Conn, replicas: &Replicas) -> Acted {
    let Replicas::With(login) = replicas else {
        return Err(Failure::none("the inventory does not say what it is"));
    };
    let user = login.as_ref().and_then(|l| l.user.as_deref()).unwrap_or("");
    let secret = login.as_ref().map_or("", |l| l.password.expose_secret());
    for (name, value) in [("masteruser", user), ("masterauth", secret)] {
        let mut command = cmd("CONFIG");
        command.arg("SET").arg(name).arg(value);
        ask(conn, &command).await?;
    }
    Ok(seen("masterauth is what the inventory says"))
}

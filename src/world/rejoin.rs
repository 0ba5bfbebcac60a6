//! What only an old primary has, for the plan of its return; and the step that gives this up. The
//! server runs that step as a whole. If the server had more data than was known, the step is put
//! back at once.

use super::hosts::Hosts;
use super::lost::{Streams, judged};
use super::replication::{Acted, ask, seen, upstream};
use super::resp::{Conn, REPLY};
use super::service::service;
use super::unreachable::trouble;
use super::watch_sync::StreamPosition;
use super::{host, info, role_change};
use crate::actions::rescue::Covered;
use crate::engine::execute::Failure;
use crate::error::Error;
use crate::plan::divergence::{Disk, NoDisk, Own};
use crate::plan::facts::{HostFacts, Listener};
use crate::plan::hand_over::lacks_pause_write;
use crate::topology::lineage::{fork, position};
use crate::topology::{Address, Node, NodeName, Server, Trouble, TroubleKind, phrases};
use redis::cmd;
use std::path::Path;

/// A keep-alive that a server sends its replicas every ten seconds, bytes. No write is as short.
const PING: u64 = 14;

/// The data that `node` has and `successor` lacks.
pub async fn own(streams: &Streams, hosts: &Hosts, node: &Node, successor: &Node) -> Own {
    let (Some(was), Some(is)) = (node.server(), successor.server()) else {
        return Own::Silent(disk(hosts, node).await);
    };
    let (mine, theirs) = (&was.replication, &is.replication);
    let nothing = |up_to| Own::Nothing {
        replid: mine.replid.clone(),
        up_to,
    };
    match streams.lost(node, successor).await {
        Ok(None) => nothing(fork(mine, theirs).map_or(0, |from| from - 1)),
        Ok(Some(found)) if found.lost.commands == 0 => nothing(found.to),
        Ok(Some(found)) => match judged(&found).await {
            Ok(judged) => Own::Commands {
                bytes: (found.to + 1).saturating_sub(found.from),
                commands: judged.counts.commands,
                safe: judged.counts.safe,
                keys: judged.keys,
            },
            Err(error) => Own::Unknown(sentence(&error)),
        },
        Err(_) if was.key_count() == 0 && was.loading.is_none() => Own::Empty,
        Err(error) => Own::Unknown(sentence(&error)),
    }
}

/// What the host of a silent node says.
async fn disk(hosts: &Hosts, node: &Node) -> Result<Disk, NoDisk> {
    let mut facts = hosts.facts(std::slice::from_ref(&node.name)).await;
    let facts: HostFacts = match facts.remove(&node.name) {
        Some(seen) => seen.map_err(|unseen| NoDisk::Host(unseen.why))?,
        None => return Err(NoDisk::Host("it was not looked at".to_owned())),
    };
    let runs = facts.listener != Listener::Nobody;
    let service = match node.service.as_deref().filter(|s| s.is_seen()) {
        Some(service) => service.clone(),
        // The host may have been slow.
        None => service(hosts, &node.name, None).await,
    };
    let of_others = service.of_others().map_err(NoDisk::Settings)?;
    let Some(settings) = of_others else {
        return Ok(Disk {
            runs,
            configured: facts.config.is_some(),
            data: facts.data,
            history: facts.dumped,
            folder: None,
        });
    };
    let host = hosts.session(&node.name).await;
    let host = host.map_err(|e| NoDisk::Host(e.brief()))?;
    let user = service.user().unwrap_or_default();
    let stored = host::stored_in(host.as_ref(), &settings.data, user).await;
    let (data, history) = stored.map_err(NoDisk::Settings)?;
    Ok(Disk {
        runs,
        configured: service.file.is_some(),
        data,
        history,
        folder: settings.data.folder.clone(),
    })
}

/// Makes `node` a replica, unless it has more data than is covered. The server reports what it has
/// and becomes a replica in one transaction, so that nothing can come in between.
pub(super) async fn give_up(
    streams: &Streams,
    node: &NodeName,
    address: &Address,
    covered: &Covered,
) -> Acted {
    let mut limit = Limit::of(covered).map_err(Failure::none)?;
    let conn = streams.connections.get(node).await?;
    let before = whole(&conn).await.map_err(|t| Failure::none(t.detail))?;
    pass_over_greetings(streams, node, covered, &before, &mut limit).await;
    if upstream(&before).is_some_and(|up| up.address == *address) {
        return Ok(seen(format!("follows {address} already")));
    }
    if streams.connections.before(node).is_none() {
        streams
            .connections
            .remember(node, StreamPosition::of(&before));
    }
    if let Some(why) = limit.broken_by(&before) {
        let stop = writers(node, &before);
        return Err(Failure::none(format!("{why}; {stop}")));
    }
    let done = role_change::to_replica(&streams.connections, node, &conn, address, REPLY).await?;
    let Some(last) = done else {
        return Ok(seen(format!(
            "follows {address}, although its answer was lost"
        )));
    };
    let Some(why) = limit.passed_by(last, &before) else {
        return Ok(seen(format!(
            "follows {address}; it ended at offset {last}"
        )));
    };
    // No data is lost yet: the upstream's data come only after the handshake of the two.
    match ask(&conn, cmd("REPLICAOF").arg("NO").arg("ONE")).await {
        Ok(_) => Err(Failure::none(format!(
            "{why}; it was put back as it was; {}",
            writers(node, &before)
        ))),
        Err(failure) => Err(Failure::unknown(format!(
            "{why}; and putting it back failed: {}",
            failure.why
        ))),
    }
}

/// Sentinels greet each other through every server that they watch. The bytes since the plan may be
/// only such greetings, which are no data.
async fn pass_over_greetings(
    streams: &Streams,
    node: &NodeName,
    covered: &Covered,
    now: &Server,
    limit: &mut Limit,
) {
    let Covered::UpTo { replid, offset } = covered else {
        return;
    };
    let at = position(&now.replication);
    let same = now.replication.replid == *replid && at > *offset;
    if same && streams.no_commands(node, offset + 1, at).await {
        limit.offset = Some(at);
    }
}

/// The hint for a node that clients still write to.
fn writers(node: &NodeName, server: &Server) -> String {
    let scripts = if lacks_pause_write(server) {
        "; scripts write past the fence of servers before 6.2"
    } else {
        ""
    };
    format!(
        "stop the clients that write to it, which `replctl clients {node}` lists, and begin again{scripts}"
    )
}

/// What it may have.
struct Limit {
    replid: Option<String>,
    offset: Option<u64>,
    keys: u64,
}

impl Limit {
    fn of(covered: &Covered) -> Result<Self, String> {
        let (replid, offset) = match covered {
            Covered::UpTo { replid, offset } => (replid.clone(), *offset),
            Covered::Empty => {
                return Ok(Self {
                    replid: None,
                    offset: None,
                    keys: 0,
                });
            }
            Covered::Backup { folder } => {
                let manifest = super::backup::latest(Path::new(folder))?;
                let up_to = manifest
                    .up_to
                    .ok_or("the backup does not say up to where it goes")?;
                (manifest.replid, up_to)
            }
        };
        Ok(Self {
            replid: Some(replid),
            offset: Some(offset),
            keys: u64::MAX,
        })
    }

    /// What the server has beyond this limit, in a phrase.
    fn broken_by(&self, server: &Server) -> Option<String> {
        let now = &server.replication;
        if self.replid.as_ref().is_some_and(|id| *id != now.replid) {
            return Some("it began another history meanwhile".to_owned());
        }
        let keys = server.key_count();
        if keys > self.keys {
            return Some(format!("it has {} by now", phrases::keys(keys)));
        }
        self.passed_by(position(now), server)
    }

    /// The same, by the offset at which the server became a replica.
    fn passed_by(&self, last: u64, before: &Server) -> Option<String> {
        let allowed = self.offset.unwrap_or(position(&before.replication));
        let more = last.saturating_sub(allowed);
        (more > 0 && more != PING)
            .then(|| format!("{more} bytes were written to it meanwhile that are nowhere else"))
    }
}

async fn whole(conn: &Conn) -> Result<Server, Trouble> {
    let reply = conn.call(&cmd("INFO"), REPLY).await?;
    let text = redis::from_redis_value::<Vec<u8>>(reply).unwrap_or_default();
    info::parse(&String::from_utf8_lossy(&text))
        .map_err(|e| trouble(TroubleKind::NotRedis, e.to_string()))
}

/// An error in one line.
pub(super) fn sentence(error: &Error) -> String {
    let Some(first) = error.problems.first() else {
        return "the reason is not known".to_owned();
    };
    std::iter::once(&first.what)
        .chain(&first.causes)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(": ")
}

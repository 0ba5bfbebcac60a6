//! The logs of two servers whose link does not come up, read over SSH. It decides nothing.

use super::connections::Connections;
use super::hosts::{Hosts, short};
use super::resp::{Conn, REPLY};
use super::ssh::Host;
use crate::config::Paths;
use crate::inventory::NodeSpec;
use crate::topology::log::{Side, reason};
use crate::topology::phrases::name;
use crate::topology::{Link, NodeName, Topology};
use futures::StreamExt;
use redis::{Value, cmd};
use shlex::try_quote;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::timeout;

/// How long reading the logs of one pair may take.
const LOOK: Duration = Duration::from_secs(5);
/// So many links are examined. Further links have similar causes.
const MOST: usize = 8;
/// Prints the host's clock, then the end of a file or of a process's messages in the journal. A log
/// that is no ordinary file is not opened.
const END: &str = r#"LC_ALL=C date '+%d %b %Y %H:%M:%S'; if [ -n "$f" ]; then [ -f "$f" ] && timeout 3 tail -c 65536 "$f"; elif [ -n "$p" ]; then timeout 3 journalctl -q -o cat -n 400 "_PID=$p"; fi; true"#;

/// What the logs of both say, as sentences; none where nothing recent stands there, or they
/// cannot be read.
pub async fn logs_of(
    (hosts, connections): (&Hosts, &Connections),
    replica: &NodeName,
    primary: &NodeName,
) -> Vec<String> {
    let sides = [(replica, Side::Replica), (primary, Side::Primary)];
    let looks = sides.map(|(node, side)| async move {
        let said = timeout(LOOK, log_of((hosts, connections), node, side))
            .await
            .ok()??;
        Some(format!("the log of {} says: {said}", name(node)))
    });
    let said = futures::future::join_all(looks).await;
    said.into_iter().flatten().collect()
}

/// The same for the links that are down between nodes that answer, by replica.
pub async fn logs_of_links(
    (hosts, connections): (&Hosts, &Connections),
    topology: &Topology,
) -> BTreeMap<NodeName, Vec<String>> {
    let pairs = topology.nodes.iter().filter_map(|node| {
        let down = node.upstream().is_some_and(|up| up.link == Link::Down);
        let above = topology.upstream_of(node).filter(|_| down)?;
        above.server().map(|_| (node, above))
    });
    let looks = pairs.take(MOST).map(|(node, above)| async move {
        let said = logs_of((hosts, connections), &node.name, &above.name).await;
        (node.name.clone(), said)
    });
    futures::stream::iter(looks)
        .buffer_unordered(hosts.concurrency)
        .collect()
        .await
}

async fn log_of(
    (hosts, connections): (&Hosts, &Connections),
    node: &NodeName,
    side: Side,
) -> Option<String> {
    let spec = hosts.inventory.get(node)?;
    let host = hosts.session(node).await.ok()?;
    let (file, pid) = place((hosts, connections), spec).await;
    let file = try_quote(&file).ok()?.into_owned();
    let script = format!("f={file}; p={pid}; {END}");
    let output = Host::run(&host, &script, short(host.can_root()))
        .await
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (now, log) = text.split_once('\n')?;
    reason(log, now, side)
}

/// The file it logs to; or no file, and its process for a search in the journal. A server that does
/// not answer counts as one that `setup` made.
async fn place((hosts, connections): (&Hosts, &Connections), spec: &NodeSpec) -> (String, u64) {
    let made = || Paths::new(&hosts.inventory.server.directory, spec.address.port).log();
    let Ok(conn) = connections.get(&spec.name).await else {
        return (made(), 0);
    };
    let (Some(file), Some(folder)) = (setting(&conn, "logfile").await, setting(&conn, "dir").await)
    else {
        return (made(), 0);
    };
    if file.is_empty() {
        return (file, process(&conn).await.unwrap_or(0));
    }
    if file.starts_with('/') {
        return (file, 0);
    }
    (format!("{folder}/{file}"), 0)
}

async fn setting(conn: &Conn, directive: &str) -> Option<String> {
    let mut question = cmd("CONFIG");
    question.arg("GET").arg(directive);
    let said = conn.call(&question, REPLY).await.ok()?;
    let said: Vec<String> = redis::from_redis_value(said).ok()?;
    said.into_iter().nth(1)
}

async fn process(conn: &Conn) -> Option<u64> {
    let said: Value = conn.call(cmd("INFO").arg("server"), REPLY).await.ok()?;
    let info: String = redis::from_redis_value(said).ok()?;
    let line = info.lines().find_map(|l| l.strip_prefix("process_id:"))?;
    line.trim().parse().ok()
}

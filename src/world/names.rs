//! How hosts resolve names. A replica resolves its primary's name on its host, and the operator's
//! machine may know other names. It changes nothing.

use super::hosts::{Hosts, short};
use super::observe::also_called;
use crate::inventory::address::is_literal;
use crate::plan::names::There;
use crate::topology::{Address, Link, Node, NodeName, PersistedRole, State, Topology, TroubleKind};
use futures::StreamExt;
use shlex::try_quote;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

/// More names than this are not asked of one host, and no more addresses of one name are read.
const MOST: usize = 16;

/// Asks hosts how they resolve names. A host that cannot be asked, or has no way to look names up,
/// is left out.
pub async fn ask_hosts(hosts: &Hosts, questions: BTreeMap<NodeName, BTreeSet<String>>) -> There {
    let asked = questions.into_iter().map(|(node, names)| async move {
        let look = tokio::time::timeout(hosts.patience, ask_host(hosts, &node, &names));
        let told = look.await.ok()??;
        Some((node, told))
    });
    futures::stream::iter(asked)
        .buffer_unordered(hosts.concurrency)
        .filter_map(std::future::ready)
        .collect()
        .await
}

async fn ask_host(
    hosts: &Hosts,
    node: &NodeName,
    names: &BTreeSet<String>,
) -> Option<BTreeMap<String, Vec<String>>> {
    let names: Vec<&String> = names.iter().filter(|n| is_name(n)).take(MOST).collect();
    if names.is_empty() {
        return None;
    }
    let host = hosts.session(node).await.ok()?;
    let mut line = "command -v getent >/dev/null || exit 0; for n in".to_owned();
    for name in &names {
        let _ = write!(line, " {}", try_quote(name).ok()?);
    }
    let _ = write!(
        line,
        "; do echo =; getent ahosts \"$n\" | awk '{{ print $1 }}' | head -n {MOST}; done"
    );
    let output = host.run(&line, short(false)).await.ok()?;
    read(&names, &String::from_utf8_lossy(&output.stdout))
}

/// Asks the hosts of replicas how they resolve the upstream's name, if the upstream was not found
/// or is not reached. It also asks the hosts of silent nodes: while a server resolves a name, it
/// answers no client.
pub(super) async fn look_names_up(hosts: &Hosts, topology: &mut Topology) {
    let puzzling = |node: &Node| {
        let linked = node.upstream().is_some_and(|up| up.link == Link::Up);
        let puzzles = !linked || topology.upstream_of(node).is_none();
        let host = &follows(node).filter(|_| puzzles)?.host;
        is_name(host).then(|| (node.name.clone(), BTreeSet::from([host.clone()])))
    };
    let questions = topology.nodes.iter().filter_map(puzzling).collect();
    let there = ask_hosts(hosts, questions).await;
    for (name, told) in there {
        for (host, ips) in &told {
            let strange = topology
                .get(&name)
                .is_some_and(|n| topology.upstream_of(n).is_none());
            if strange {
                also_called(topology, host, ips);
            }
        }
        if let Some(node) = topology.nodes.iter_mut().find(|n| n.name == name) {
            node.names_there.extend(told);
        }
    }
}

/// The address that it follows. If it accepts connections and is silent: the address in its file.
fn follows(node: &Node) -> Option<&Address> {
    match (&node.state, &node.persisted) {
        (State::Up(_), _) => node.upstream().map(|up| &up.address),
        (State::Down(trouble), Some(PersistedRole::ReplicaOf(address))) => {
            (trouble.kind == TroubleKind::Frozen).then_some(address)
        }
        (State::Down(_), _) => None,
    }
}

/// Whether that is a name that may be sent to a host. Some names come from servers.
fn is_name(host: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    !is_literal(host)
        && !host.eq_ignore_ascii_case("localhost")
        && (1..=253).contains(&host.len())
        && host.bytes().all(plain)
        && !host.starts_with('-')
}

/// Reads what the host printed: a mark for each name, then its addresses. Pure.
fn read(names: &[&String], text: &str) -> Option<BTreeMap<String, Vec<String>>> {
    let mut parts = text.split("=\n");
    parts.next()?;
    let ips = |part: &str| {
        let all = part.lines().filter_map(|l| l.trim().parse::<IpAddr>().ok());
        let each_once: BTreeSet<String> = all.map(|ip| ip.to_canonical().to_string()).collect();
        each_once.into_iter().take(MOST).collect::<Vec<String>>()
    };
    let told: Vec<Vec<String>> = parts.map(ips).collect();
    (told.len() == names.len()).then(|| names.iter().map(|n| (*n).clone()).zip(told).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_says_of_names_is_read() {
        let (a, b) = ("a".to_owned(), "b.example.org".to_owned());
        let names = [&a, &b];
        let told = read(&names, "=\n10.0.0.1\n10.0.0.1\n::1\n=\n");
        let told = told.unwrap_or_default();
        assert_eq!(told["a"], ["10.0.0.1", "::1"]);
        assert!(told["b.example.org"].is_empty());
        // No getent, or an answer that was cut short: nothing is known.
        for text in ["", "=\n10.0.0.1\n", "rubbish"] {
            assert_eq!(read(&names, text), None, "{text}");
        }
    }

    #[test]
    fn only_names_are_asked() {
        for name in ["db1", "DB-1.example.org", "redis_1"] {
            assert!(is_name(name), "{name}");
        }
        for other in ["", "10.0.0.1", "::1", "localhost", "$(reboot)", "-h", "a b"] {
            assert!(!is_name(other), "{other}");
        }
    }
}

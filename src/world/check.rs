//! Collects the facts for `check`: one command on each host, all hosts at the same time, and one
//! round trip to each server. It changes nothing and judges nothing.

mod script_output;

use super::connections::Connections;
use super::host::owner::{OWNER, without_comments};
use super::host::prepared;
use super::host::script_output::SAID;
use super::hosts::Hosts;
use super::observe::{replication, second_text};
use super::resp::REPLY;
use super::ssh::{Host, RemoteCommand, SshError};
use crate::config::Paths;
use crate::inventory::address::is_literal;
use crate::topology::host::{
    HostLook, HostState, Hosts as HostLooks, Places, Target, Unseen, WriteRate, each_once, targets,
};
use crate::topology::{Address, Node, NodeName, Topology};
use futures::StreamExt;
use futures::future::{join, join_all};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::time::timeout;

/// The script. It explains its output.
const SCRIPT: &str = include_str!("host/scripts/check.sh");
/// The longest that the script may take. A healthy host takes a tenth of a second.
const LIMIT: Duration = Duration::from_secs(15);
/// How many names one host looks up.
const MOST_NAMES: usize = 32;
/// The settings that only `check` reads.
const SETTINGS: [&str; 7] = [
    "dir",
    "maxclients",
    "tcp-backlog",
    "repl-timeout",
    "client-output-buffer-limit",
    "aclfile",
    "tls-auth-clients",
];

/// The nodes on one host, and the session with that host.
struct Group<'a> {
    session: Result<Arc<Host>, SshError>,
    nodes: Vec<&'a Node>,
}

/// The questions for all hosts.
struct Questions {
    /// Names to look up.
    names: Vec<String>,
    /// How many more there are.
    names_left: usize,
    /// The servers that the host of each node should reach.
    targets: BTreeMap<NodeName, Vec<Target>>,
    /// The settings that the servers report.
    settings: BTreeMap<NodeName, BTreeMap<String, String>>,
}

/// Looks at the hosts of all nodes, and asks the servers for the settings that `check` judges. All
/// hosts try these Sentinels; with `matrix`, they try every other node, too.
pub async fn look(
    (hosts, connections): (&Hosts, &Connections),
    topology: &Topology,
    sentinels: &[Address],
    matrix: bool,
) -> HostLooks {
    let (groups, settings) = join(groups(hosts, topology), settings(connections, topology)).await;
    let mut targets = targets(topology, matrix);
    for wanted in targets.values_mut() {
        wanted.extend(sentinels.iter().map(|address| Target {
            node: None,
            address: address.clone(),
        }));
    }
    let (names, names_left) = names(topology);
    let questions = Questions {
        names,
        names_left,
        targets,
        settings,
    };
    let looks = groups.into_iter().map(|group| {
        let questions = &questions;
        async move { one(hosts, &group, questions).await }
    });
    // In the order of the inventory.
    let seen = futures::stream::iter(looks)
        .buffered(hosts.concurrency.max(1))
        .collect()
        .await;
    HostLooks {
        looks: each_once(seen),
        settings: questions.settings,
        rate: None,
        names_left: questions.names_left,
    }
}

/// Groups the nodes by the host that reaches them.
async fn groups<'a>(hosts: &Hosts, topology: &'a Topology) -> Vec<Group<'a>> {
    let mut sessions = hosts.sessions_within(hosts.patience).await;
    let mut groups: Vec<Group<'a>> = Vec::new();
    for node in &topology.nodes {
        let Some(session) = sessions.remove(&node.name) else {
            continue;
        };
        let same = |group: &&mut Group<'a>| match (&group.session, &session) {
            (Ok(one), Ok(other)) => Arc::ptr_eq(one, other),
            (Ok(_) | Err(_), _) => false,
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.nodes.push(node),
            None => groups.push(Group {
                session,
                nodes: vec![node],
            }),
        }
    }
    groups
}

/// The names (not the addresses) by which the nodes know each other, and how many are too many.
fn names(topology: &Topology) -> (Vec<String>, usize) {
    let usable =
        |host: &&str| !is_literal(host) && !host.eq_ignore_ascii_case("localhost") && is_name(host);
    let all = topology
        .nodes
        .iter()
        .flat_map(|node| [node.announced.host.as_str(), node.address.host.as_str()]);
    let names: BTreeSet<&str> = all.filter(usable).collect();
    let left = names.len().saturating_sub(MOST_NAMES);
    let names = names.into_iter().take(MOST_NAMES);
    (names.map(str::to_owned).collect(), left)
}

/// Whether this name may be sent to a host. Some names come from servers.
fn is_name(host: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    !host.is_empty() && !host.starts_with('-') && host.bytes().all(plain)
}

async fn one(hosts: &Hosts, group: &Group<'_>, questions: &Questions) -> HostLook {
    let nodes: Vec<NodeName> = group.nodes.iter().map(|node| node.name.clone()).collect();
    let state = match &group.session {
        Ok(host) => ask(hosts, host, group, questions).await,
        Err(error) => Err(Unseen {
            why: error.brief(),
            hint: error.problem().hint,
        }),
    };
    HostLook { nodes, state }
}

async fn ask(
    hosts: &Hosts,
    host: &Host,
    group: &Group<'_>,
    questions: &Questions,
) -> Result<HostState, Unseen> {
    let unseen = |why: String| Unseen { why, hint: None };
    let asked: Vec<(NodeName, Places)> = group
        .nodes
        .iter()
        .map(|node| (node.name.clone(), places(hosts, node, &questions.settings)))
        .collect();
    let targets = to_try(group, questions);
    let mut words = questions.names.clone();
    words.push("--".to_owned());
    for target in &targets {
        words.extend([target.address.host.clone(), target.address.port.to_string()]);
    }
    words.push("--".to_owned());
    for (node, (_, places)) in group.nodes.iter().zip(&asked) {
        words.extend(of_node(hosts, node, places));
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let script = without_comments(&[OWNER, SAID, SCRIPT]);
    let (line, stdin) = prepared(&script, &words, Vec::new());
    let how = RemoteCommand {
        stdin,
        root: host.can_root(),
        timeout: LIMIT,
    };
    let begun = now();
    let output = timeout(LIMIT, host.run(&line, how)).await;
    let output = output.map_err(|_| unseen("the look at the host took too long".to_owned()))?;
    let output = output.map_err(|e| Unseen {
        why: e.brief(),
        hint: e.problem().hint,
    })?;
    let text = String::from_utf8_lossy(&output.stdout);
    script_output::read(&text, &(begun..=now()), asked, targets).map_err(unseen)
}

/// The servers that the nodes of one host should reach, without duplicates.
fn to_try(group: &Group<'_>, questions: &Questions) -> Vec<Target> {
    let mut known = BTreeSet::new();
    let nodes = group.nodes.iter();
    let wanted = nodes.filter_map(|node| questions.targets.get(&node.name));
    let new = wanted.flatten().filter(|target| {
        let Address { host, port } = &target.address;
        let usable = is_literal(host) || is_name(host);
        usable && known.insert((&target.node, host, *port))
    });
    new.cloned().collect()
}

/// What replctl knows of the places of a server before it asks the host.
fn places(
    hosts: &Hosts,
    node: &Node,
    settings: &BTreeMap<NodeName, BTreeMap<String, String>>,
) -> Places {
    let service = node.service.as_deref();
    let live = settings.get(&node.name).and_then(|all| all.get("dir"));
    let stored = service.and_then(|s| s.data_files()?.folder.clone());
    let spec = hosts.inventory.get(&node.name);
    let planned = spec.map(|spec| Paths::of(&hosts.inventory, spec));
    let running = node.server().and_then(|server| server.config_file.clone());
    let file = running.or_else(|| service.and_then(|s| s.file.clone()));
    Places {
        folder: live.cloned().or(stored).or(planned.map(|p| p.data())),
        config_file: file,
        ..Places::default()
    }
}

/// The script's five words for a server.
fn of_node(hosts: &Hosts, node: &Node, places: &Places) -> [String; 5] {
    let process = node.service.as_deref().and_then(|s| s.process.as_ref());
    let program = process.and_then(|p| p.program.clone());
    let stored = node.service.as_deref().and_then(|s| s.data_files());
    let planned = || {
        let spec = hosts.inventory.get(&node.name)?;
        Some(Paths::of(&hosts.inventory, spec).program())
    };
    [
        process.map_or_else(String::new, |p| p.pid.to_string()),
        places.folder.clone().unwrap_or_default(),
        places.config_file.clone().unwrap_or_default(),
        program.or_else(planned).unwrap_or_default(),
        stored.map_or_else(String::new, |data| data.snapshot.clone()),
    ]
}

/// The settings of the servers that answer and allow CONFIG GET.
async fn settings(
    connections: &Connections,
    topology: &Topology,
) -> BTreeMap<NodeName, BTreeMap<String, String>> {
    let answering = topology.nodes.iter().filter(|node| node.server().is_some());
    let asked = answering.map(|node| async move {
        let conn = timeout(REPLY, connections.get(&node.name))
            .await
            .ok()?
            .ok()?;
        let mut questions = redis::pipe();
        for name in SETTINGS {
            questions.cmd("CONFIG").arg("GET").arg(name);
        }
        let replies = conn.exchange(&questions, REPLY).await.ok()?;
        let told = SETTINGS.iter().zip(&replies);
        let told = told.filter_map(|(name, reply)| Some(((*name).to_owned(), second_text(reply)?)));
        Some((node.name.clone(), told.collect()))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Measures how much is written to a primary. `None`: it did not answer at the beginning or at the
/// end, or another server answered at the end.
pub async fn rate(connections: &Connections, node: &NodeName, seconds: u64) -> Option<WriteRate> {
    let conn = timeout(REPLY, connections.get(node)).await.ok()?.ok()?;
    let before = replication(&conn, REPLY).await.ok()?;
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let after = replication(&conn, REPLY).await.ok()?;
    let took = begun.elapsed().as_millis().max(1);
    if before.replid != after.replid {
        return None;
    }
    let written = u128::from(after.offset.checked_sub(before.offset)?);
    Some(WriteRate {
        node: node.clone(),
        bytes_per_second: u64::try_from(written * 1000 / took).ok()?,
        seconds,
    })
}

/// Whole seconds since 1970 on the operator's clock.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}

//! Finds what will fail later on hosts and in settings. Each finding has the observed numbers and a
//! command for it. Unknown facts give no finding. Pure.

mod clock;
mod disk;
mod files;
mod kept;
mod kernel;
mod lifetime;
mod memory;
mod names;
mod rate;
mod reach;
mod settings;

pub(super) use clock::CLOCK_OFF;
pub(super) use disk::{DISK_ROOM, NOEXEC, READ_ONLY_DISK};
pub(super) use files::{CONFIG_READABLE, FOLDER_CLOSED, FOLDER_OPEN};
pub(super) use kernel::{HUGE_PAGES, LISTEN_BACKLOG, OPEN_FILES, OVERCOMMIT, PORT_EPHEMERAL};
pub(super) use lifetime::END_OF_LIFE;
pub(super) use memory::{MEMORY_OF_HOST, NO_MEMORY_LIMIT, SWAPPED};
pub(super) use names::{NAME_ELSEWHERE, NAME_UNKNOWN};
pub(super) use rate::{BACKLOG_SHORT, BUFFER_SHORT};
pub(super) use reach::{HOST_UNSEEN, NO_ROOT, NO_WAY, ONE_HOST};
pub(super) use settings::{
    MIN_REPLICAS, NOTHING_SAVED, OPEN_SERVER, SETTINGS_DIFFER, TIMEOUT_SHORT,
};

use super::{Context, Finding, Look};
use crate::actions::host::HostAction;
use crate::topology::host::{HostLook, HostState, Hosts, Places};
use crate::topology::{Node, NodeName, Topology};
use jiff::civil::Date;

/// A safe change, and its undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// The first node of the host: all changes of one host go back together.
    pub on: NodeName,
    /// The change.
    pub action: HostAction,
    /// The undo.
    pub undo: HostAction,
}

/// The input of the diagnoses of `check`.
struct Check<'a> {
    look: Look<'a>,
    topology: &'a Topology,
    seen: &'a Hosts,
    today: Date,
}

/// A host that was reached, with the nodes on it. There is at least one.
struct OnHost<'a> {
    state: &'a HostState,
    first: &'a Node,
    nodes: Vec<&'a Node>,
}

/// All findings of `check` that `status` does not have, the worst first.
pub fn of_hosts(topology: &Topology, context: &Context, seen: &Hosts, today: Date) -> Vec<Finding> {
    let check = Check {
        look: Look::of(topology, context),
        topology,
        seen,
        today,
    };
    let mut found = Vec::new();
    check.reach(&mut found);
    check.clocks(&mut found);
    for host in check.hosts() {
        check.kernel(&host, &mut found);
        check.memory(&host, &mut found);
        check.names(&host, &mut found);
    }
    for node in &topology.nodes {
        if let Some(places) = seen.places(&node.name) {
            check.files(node, places, &mut found);
            check.disk(node, places, &mut found);
        }
    }
    check.unlimited(&mut found);
    check.lifetimes(&mut found);
    check.settings(&mut found);
    check.rate(&mut found);
    found.sort_by_key(|finding| finding.severity);
    debug_assert!(found.iter().all(Finding::is_explained), "{found:?}");
    found
}

impl<'a> Check<'a> {
    /// The hosts that were reached.
    fn hosts(&self) -> impl Iterator<Item = OnHost<'a>> {
        let topology = self.topology;
        self.seen.looks.iter().filter_map(move |look| {
            let state = look.state.as_ref().ok()?;
            let nodes = nodes_on(topology, look);
            Some(OnHost {
                state,
                first: nodes.first()?,
                nodes,
            })
        })
    }

    fn places(&self, node: &Node) -> Option<&'a Places> {
        self.seen.places(&node.name)
    }

    /// A command that runs a line of sh as root on the host of a node.
    fn as_root(&self, node: &Node, line: &str) -> Option<String> {
        let begin = self.look.ssh_root(node);
        let once = format!("sh -c {}", shlex::try_quote(line).ok()?);
        if begin.starts_with("ssh ") {
            // ssh joins its arguments, and the shell of the host splits them again.
            return Some(format!("{begin} {}", shlex::try_quote(&once).ok()?));
        }
        Some(format!("{begin} {once}"))
    }
}

impl Finding {
    fn repaired_by(mut self, repairs: Vec<Repair>) -> Self {
        self.repairs = repairs;
        self
    }
}

fn nodes_on<'a>(topology: &'a Topology, look: &HostLook) -> Vec<&'a Node> {
    let found = look.nodes.iter().filter_map(|name| topology.get(name));
    found.collect()
}

/// Quotes a path for a line of sh.
fn word(path: &str) -> Option<String> {
    Some(shlex::try_quote(path).ok()?.into_owned())
}

#[cfg(test)]
mod tests;

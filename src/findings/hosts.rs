//! Finds what will fail later on hosts and in settings. Each finding has the observed numbers and a
//! command for it. Unknown facts give no finding. Pure.

mod clock;
mod disk;
mod files;
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
use crate::plan::facts::Ownership;
use crate::topology::host::{HostLook, HostState, Hosts, Owned, Places};
use crate::topology::{Node, Topology};
use jiff::civil::Date;

/// A safe change, and its undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
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

    /// A command that sets a kernel parameter now and for later boots.
    fn sysctl(&self, host: &OnHost<'_>, key: &str, value: &str) -> Option<String> {
        let file = format!("/proc/sys/{}", key.replace('.', "/"));
        let keep = match host.state.systemd {
            Some(true) => {
                let word = key.rsplit('.').next().unwrap_or(key);
                format!(
                    "mkdir -p /etc/sysctl.d && echo {key}={value} >/etc/sysctl.d/90-replctl-{word}.conf"
                )
            }
            Some(false) | None => format!("echo {key}={value} >>/etc/sysctl.conf"),
        };
        self.as_root(host.first, &format!("echo {value} >{file} && {keep}"))
    }
}

/// Sets a kernel parameter now and for later boots. Empty if the undo is unknown.
fn kernel_number(host: &OnHost<'_>, key: &str, (old, new): (&str, &str)) -> Vec<Repair> {
    let file = format!("/proc/sys/{}", key.replace('.', "/"));
    if host.state.systemd != Some(true) || !host.state.root {
        return Vec::new();
    }
    let name = key.rsplit('.').next().unwrap_or(key);
    let kept = format!("/etc/sysctl.d/90-replctl-{name}.conf");
    let text = format!("{key}={new}");
    vec![set(&file, old, new), keep(host, kept, text, false)]
}

/// Sets a kernel parameter to a number or a word.
fn set(file: &str, old: &str, new: &str) -> Repair {
    let to = |value: &str| HostAction::SetKernel {
        file: file.to_owned(),
        value: value.to_owned(),
    };
    Repair {
        action: to(new),
        undo: to(old),
    }
}

/// Writes a small file that root owns.
fn keep(host: &OnHost<'_>, path: String, text: String, reload: bool) -> Repair {
    let undo = match host.state.kept.get(&path) {
        Some(before) => HostAction::KeepFile {
            path: path.clone(),
            text: before.clone(),
            reload,
        },
        None => HostAction::DropFile {
            path: path.clone(),
            reload,
        },
    };
    let action = HostAction::KeepFile { path, text, reload };
    Repair { action, undo }
}

/// Changes the mode and the owner of a file or a folder.
fn own(path: &str, before: Owned, (mode, uid): (u32, u32)) -> Repair {
    let to = |mode, uid| vec![(path.to_owned(), Ownership { mode, uid })];
    Repair {
        action: HostAction::Own { all: to(mode, uid) },
        undo: HostAction::OwnAgain {
            all: to(before.mode, before.uid),
        },
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

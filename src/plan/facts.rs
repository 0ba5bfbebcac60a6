//! The facts about a host that `setup` plans with. Pure data without secrets; other modules gather
//! it.

pub mod boot;
mod left;
pub mod trial;

pub use left::left;

use crate::actions::host::Certificates;
use crate::config::directives::Directive;
use crate::config::server::Stamp;
use crate::config::{block, unit};
use crate::topology::PersistedRole;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trial::Trial;

/// Why a host could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    /// One phrase.
    pub why: String,
    /// What to do about it, if that is known.
    pub hint: Option<String>,
}

impl From<String> for Unseen {
    fn from(why: String) -> Self {
        Self { why, hint: None }
    }
}

/// One look at a node's host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own
pub struct HostFacts {
    /// `uname -m`.
    pub arch: String,
    /// `uname -r`.
    pub kernel: String,
    /// The host's name.
    pub host_name: String,
    /// The user of replctl on the host; `root` if it could become root.
    pub login: String,
    /// Whether replctl is root there.
    pub root: bool,
    /// systemd is pid 1.
    pub systemd: bool,
    /// The numeric id of the inventory's service user, or of the login where that is not root.
    /// `None`: there is no such user.
    pub owner_uid: Option<u32>,
    /// Free bytes where the directory is or will be.
    pub free_bytes: Option<u64>,
    /// `MemAvailable`, bytes.
    pub memory_bytes: Option<u64>,
    /// Seconds by which the host's clock is ahead of the operator's; negative: behind. To about a
    /// second.
    pub clock_ahead_seconds: Option<i64>,
    /// `vm.overcommit_memory`.
    pub overcommit: Option<u8>,
    /// Transparent huge pages are on for all processes.
    pub huge_pages: bool,
    /// Who listens on the node's port.
    pub listener: Listener,
    /// The process that listens there, where it was seen.
    pub holder: Option<Holder>,
    /// replctl can create the directories, or write to them.
    pub writable: bool,
    /// The mount point of the server programs' file system, if that is mounted `noexec`.
    pub noexec: Option<String>,
    /// Where replctl is root: the part of the path to the server programs that other users could
    /// change.
    pub not_alone: Option<String>,
    /// Uploaded servers: directory name and sha256 of `redis-server`.
    pub servers: BTreeMap<String, String>,
    /// Where the node's own link to its server points.
    pub current: Option<String>,
    /// Where the old link points that all servers of the host shared.
    pub shared: Option<String>,
    /// The distribution's server program, where it is installed.
    pub package: Option<String>,
    /// The host's package manager.
    pub package_manager: Option<String>,
    /// The node's configuration file.
    pub config: Option<ConfigFile>,
    /// The file's passwords differ from the inventory's. Only `setup` checks that, and only where
    /// the server does not run.
    pub stale_password: bool,
    /// Those of the node's directories that exist.
    pub directories: BTreeMap<String, Ownership>,
    /// What its directory takes on the disk, bytes.
    pub used_bytes: Option<u64>,
    /// What lies in the data directory.
    pub data: StoredData,
    /// The history and the offset that the snapshot names, where there is nothing else.
    pub dumped: Option<(String, u64)>,
    /// The node's systemd unit: its text.
    pub unit: Option<String>,
    /// Other servers on the host that replctl's units run: the deployment's name in the unit, by
    /// port.
    pub others: BTreeMap<u16, String>,
    /// The unit is started at boot.
    pub unit_enabled: bool,
    /// `/etc/hosts`.
    pub hosts: String,
    /// `/etc/rc.local`, where it exists and is run.
    pub rc_local: Option<String>,
    /// The certificates and the key that lie beside its configuration: path, sha256, mode and
    /// owner.
    pub certificates: BTreeMap<String, (String, Ownership)>,
    /// The certificates that the inventory wants there.
    pub wanted_certificates: Vec<Certificates>,
    /// Why the wanted certificates are unknown: what is wrong, and what to do.
    pub no_certificates: Vec<(String, Option<String>)>,
    /// The result of trying the inventory's directives on the program that will run.
    pub trial: Trial,
    /// Missing programs that replctl needs there.
    pub missing: Vec<String>,
    /// Missing programs for unpacking and building a source tarball.
    pub no_build: Vec<String>,
}

impl HostFacts {
    /// Whether the node starts through the old link that all servers of the host shared.
    pub fn by_shared_link(&self, port: u16) -> bool {
        self.current.is_none() && self.shared.is_some() && self.made(port)
    }

    /// Whether replctl made the node on `port`: its unit, its start line or the stamp in its file
    /// exists. One of them is enough, because an interrupted run leaves no more.
    pub fn made(&self, port: u16) -> bool {
        let line = self.rc_local.as_deref();
        self.unit.as_deref().is_some_and(unit::written)
            || line.is_some_and(|file| block::get(file, &port.to_string()).is_some())
            || self.config.as_ref().is_some_and(|c| c.stamp.is_some())
    }
}

/// A process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holder {
    /// Its id.
    pub pid: u32,
    /// The name of its user, or the number if the user has no name.
    pub user: Option<String>,
    /// Its program: the file, or else the first word of its command line.
    pub program: Option<String>,
    /// Name and id of its parent process, if that still runs and is not the host's first process.
    pub parent: Option<(String, u32)>,
}

/// Who listens on a port.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Listener {
    /// No process.
    #[default]
    Nobody,
    /// A process whose working directory is the node's data directory.
    Ours,
    /// Another process, as far as it could be seen.
    Foreign(String),
}

/// What the disk holds for a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoredData {
    /// No file.
    #[default]
    Nothing,
    /// A snapshot without a key.
    Empty,
    /// Keys, or something that may be keys.
    Keys,
}

/// A configuration file, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// The digests in its comment; `None`: replctl did not write it.
    pub stamp: Option<Stamp>,
    /// The role it gives.
    pub role: PersistedRole,
    /// Its directives, without passwords.
    pub directives: Vec<Directive>,
    /// Mode and owner.
    pub ownership: Ownership,
}

/// Mode and owner of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ownership {
    /// The permission bits.
    pub mode: u32,
    /// Numeric id.
    pub uid: u32,
}

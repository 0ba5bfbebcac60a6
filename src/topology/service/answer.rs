//! A host's answer about how a server is run. Pure data; nothing in it is trusted.

use super::Writable;
use super::chain::Files;
use std::collections::BTreeMap;

/// One look at a host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Something listens on the node's port there.
    pub listening: bool,
    /// The process behind the port, as far as it was seen.
    pub process: Option<SeenProcess>,
    /// The host runs systemd.
    pub systemd: bool,
    /// The unit whose cgroup the process is in.
    pub in_unit: Option<String>,
    /// Units that may be the server's: what `systemctl show` says of each.
    pub units: Vec<BTreeMap<String, String>>,
    /// The lines of `/etc/rc.local` that start servers.
    pub rc_local: Option<String>,
    /// Who reads files there: user, group, other groups.
    pub reader: Option<(u32, u32, Vec<u32>)>,
    /// What was read.
    pub files: Files,
    /// Whether the server's user may replace the file that CONFIG REWRITE writes.
    pub writable: Option<Writable>,
    /// A folder that the server cannot write to in its own view of the disk.
    pub confined: Option<String>,
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeenProcess {
    /// Its id.
    pub pid: u32,
    /// Its program.
    pub exe: Option<String>,
    /// `/proc/PID/cmdline` as it is.
    pub cmdline: Vec<u8>,
    /// Bytes of its arguments when it was started, with a NUL each.
    pub argument_bytes: Option<u64>,
    /// User, group, other groups.
    pub ids: (u32, u32, Vec<u32>),
    /// It runs in its own namespace, as in a container.
    pub nested: bool,
}

/// What is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subject {
    /// The port that the node is reached at.
    pub port: u16,
    /// The server answers.
    pub running: bool,
    /// The port it says it listens on.
    pub own_port: Option<u16>,
    /// Its process, by the number it has for itself.
    pub process: Option<u32>,
    /// The configuration file it names.
    pub config_file: Option<String>,
    /// Whether it expands patterns in includes. If that is unknown, this value does not decide it.
    pub patterns: bool,
    /// `unit` of the inventory.
    pub unit: Option<String>,
    /// `config_file` of the inventory.
    pub wanted_file: Option<String>,
    /// `managed` of the inventory.
    pub managed: Option<bool>,
    /// The unit that replctl makes.
    pub own_unit: String,
    /// The file that replctl makes.
    pub own_file: String,
}

//! One host in memory, with the server of its node in it.

use crate::actions::host::{HostAction as Do, PayloadInfo};
use crate::config::directives::{parse as directives, persisted_role};
use crate::config::server::{Stamp, Supervision, render};
use crate::config::{Paths, unit};
use crate::inventory::{Inventory, NodeSpec};
use crate::plan::facts::{ConfigFile, HostFacts, Listener, Ownership, StoredData};
use crate::topology::{Address, PersistedRole, Product, sample};

/// The initial state of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitialHost {
    /// The host has nothing.
    Bare,
    /// The host runs another server of replctl's.
    Beside,
    /// The server is stopped, its files exist, and nothing starts it.
    Stopped,
    /// It runs, as replctl has set it up.
    Runs,
    /// It runs, and was set up by somebody else.
    Foreign,
    /// It runs as a primary without a key.
    Empty,
    /// It is off.
    Dead,
}

/// The keys of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// None.
    None,
    /// The deployment's.
    Shared,
    /// Its own keys, which no other server has.
    Own,
}

/// One host and its server.
#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    pub facts: HostFacts,
    /// The host cannot be reached.
    pub dead: bool,
    /// What the server follows, while it runs.
    pub of: Option<Address>,
    pub keys: Keys,
}

const PRIVATE: Ownership = Ownership {
    mode: 0o750,
    uid: 998,
};

pub fn payload() -> PayloadInfo {
    PayloadInfo {
        arch: "x86_64".into(),
        product: Product::Redis,
        version: sample::version(7, 0, 15),
        sha256: "ab".repeat(32),
        bytes: 3_000_000,
    }
}

fn file(text: &str) -> ConfigFile {
    let directives = directives(text);
    ConfigFile {
        stamp: Stamp::of(text),
        role: persisted_role(&directives),
        directives,
        ownership: Ownership {
            mode: 0o600,
            uid: 998,
        },
    }
}

impl Host {
    /// The host in its initial state; `of`: the present or last upstream of its server.
    pub fn new(
        inventory: &Inventory,
        spec: &NodeSpec,
        begin: InitialHost,
        of: Option<Address>,
    ) -> Self {
        let mut facts = HostFacts {
            arch: "x86_64".into(),
            login: "root".into(),
            root: true,
            systemd: true,
            writable: true,
            free_bytes: Some(1 << 34),
            ..HostFacts::default()
        };
        let paths = Paths::of(inventory, spec);
        if !matches!(begin, InitialHost::Bare | InitialHost::Foreign) {
            facts.owner_uid = Some(998);
            facts.servers = [(payload().directory_name(), payload().sha256)].into();
            facts.current = Some(payload().directory_name());
            let shared = [paths.root().to_owned(), paths.servers()];
            for shared in paths.above().into_iter().chain(shared) {
                facts.directories.insert(shared, Ownership::default());
            }
        }
        let mut this = Self {
            facts,
            dead: begin == InitialHost::Dead,
            of: None,
            keys: Keys::None,
        };
        if matches!(
            begin,
            InitialHost::Stopped | InitialHost::Runs | InitialHost::Empty | InitialHost::Dead
        ) {
            let all = std::iter::once(paths.data()).chain(paths.below());
            this.facts.directories.extend(all.map(|d| (d, PRIVATE)));
            let of = of.clone().filter(|_| begin != InitialHost::Empty);
            let text = render(inventory, spec, Supervision::Systemd, of.as_ref()).text;
            this.facts.config = Some(file(&text));
            this.facts.unit =
                Some(unit::unit(&paths, inventory, spec)).filter(|_| begin != InitialHost::Stopped);
            this.facts.unit_enabled = begin != InitialHost::Stopped;
            this.set_keys(if begin == InitialHost::Empty {
                Keys::None
            } else {
                Keys::Shared
            });
        }
        match begin {
            InitialHost::Runs | InitialHost::Empty => this.facts.listener = Listener::Ours,
            InitialHost::Foreign => {
                this.facts.listener = Listener::Foreign("redis-server".to_owned());
                this.set_keys(Keys::Shared);
            }
            InitialHost::Bare | InitialHost::Beside | InitialHost::Stopped | InitialHost::Dead => {}
        }
        this.of = of.filter(|_| this.runs() && begin != InitialHost::Empty);
        this
    }

    pub fn runs(&self) -> bool {
        self.facts.listener != Listener::Nobody
    }

    pub fn set_keys(&mut self, keys: Keys) {
        self.keys = keys;
        self.facts.data = match keys {
            Keys::None => StoredData::Nothing,
            Keys::Shared | Keys::Own => StoredData::Keys,
        };
    }

    /// Removes the folders that nothing is in any more.
    fn remove_unused(&mut self, paths: &[String]) {
        let facts = &mut self.facts;
        for path in paths {
            let below = format!("{path}/");
            let used = facts.directories.keys().any(|d| d.starts_with(&below));
            if !used && (facts.servers.is_empty() || !path.ends_with("/server")) {
                facts.directories.remove(path);
            }
        }
    }

    /// Does a step, as a host would.
    pub fn on_host(&mut self, action: &Do) {
        let facts = &mut self.facts;
        match action.clone() {
            Do::MakeUser { .. } => facts.owner_uid = Some(998),
            Do::RemoveUser { unless, .. } => {
                if !facts.directories.contains_key(&unless) {
                    facts.owner_uid = None;
                }
            }
            Do::MakeDirectories {
                shared, private, ..
            } => {
                let shared = shared.into_iter().map(|d| (d, Ownership::default()));
                facts.directories.extend(shared);
                let private = private.into_iter().map(|d| (d, PRIVATE));
                facts.directories.extend(private);
            }
            Do::RemoveDirectories { paths } => self.remove_unused(&paths),
            Do::RemoveTree { path, .. } => {
                assert!(
                    facts.listener == Listener::Nobody,
                    "a server works in {path}"
                );
                facts.directories.retain(|d, _| !d.starts_with(&path));
                facts.config = None;
                self.set_keys(Keys::None);
            }
            Do::PutServer { server, .. } => {
                facts.servers.insert(server.directory_name(), server.sha256);
            }
            Do::RemoveServer { .. } => facts.servers.clear(),
            Do::LinkServer { target, .. } => facts.current = Some(target),
            Do::RemoveLink { .. } => facts.current = None,
            Do::WriteConfig { text, .. } => facts.config = Some(file(&text)),
            Do::RemoveConfig { .. } => facts.config = None,
            Do::WriteUnit { text, .. } => {
                facts.unit = Some(text);
                facts.unit_enabled = true;
            }
            Do::RemoveUnit { .. } => {
                facts.unit = None;
                facts.unit_enabled = false;
            }
            Do::StartServer(_) => {
                facts.listener = Listener::Ours;
                let config = facts.config.as_ref().expect("it starts with a file");
                self.of = if let PersistedRole::ReplicaOf(address) = &config.role {
                    Some(address.clone())
                } else {
                    None
                };
            }
            Do::StopServer(_) => {
                facts.listener = Listener::Nobody;
                self.of = None;
            }
            other => panic!("{other}"),
        }
    }
}

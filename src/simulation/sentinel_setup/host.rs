//! One host in memory, with its Sentinel in it.

use crate::actions::host::{HostAction as Do, PayloadInfo};
use crate::config::directives::{Directive, parse as directives};
use crate::config::sentinel::{SentinelFile, render, watches};
use crate::config::server::{Stamp, Supervision};
use crate::config::{Paths, unit};
use crate::inventory::{Inventory, NodeSpec, SentinelRules};
use crate::plan::facts::{ConfigFile, HostFacts, Listener, Ownership};
use crate::topology::{Address, PersistedRole, Product, sample};

/// The initial state of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitialSentinel {
    /// The host has nothing.
    Bare,
    /// The host runs a server of the deployment.
    Beside,
    /// It is stopped.
    Stopped,
    /// It is stopped, and its file names no deployment.
    StoppedIdle,
    /// It runs, and watches nothing.
    Idle,
    /// It watches by other rules.
    Otherwise,
    /// It watches as it should.
    Well,
}

impl InitialSentinel {
    pub const ALL: [Self; 7] = [
        Self::Bare,
        Self::Beside,
        Self::Stopped,
        Self::StoppedIdle,
        Self::Idle,
        Self::Otherwise,
        Self::Well,
    ];
}

const PRIVATE: Ownership = Ownership {
    mode: 0o750,
    uid: 998,
};

/// One host and its Sentinel.
#[derive(Debug, Clone, PartialEq)]
pub struct Box {
    pub facts: HostFacts,
    /// Its rules, while it runs.
    pub told: Option<SentinelRules>,
    /// How often a first file was written.
    pub begun: usize,
}

impl Box {
    pub fn runs(&self) -> bool {
        self.facts.listener == Listener::Ours
    }

    /// Writes the rules of a running Sentinel into its file.
    pub fn flush(&mut self, name: &str) {
        let told = self.told;
        let Some(file) = &mut self.facts.config else {
            return;
        };
        file.directives.retain(|d| d.name != "sentinel");
        let Some(rules) = told else { return };
        let mut line = |words: &[&str]| {
            let args = words.iter().map(|w| (*w).to_owned()).collect();
            let name = "sentinel".to_owned();
            file.directives.push(Directive { name, args });
        };
        let quorum = rules.quorum.to_string();
        line(&["monitor", name, "10.0.0.1", "6379", &quorum]);
        for (option, value) in crate::config::sentinel::options(&rules) {
            line(&[option, name, &value.to_string()]);
        }
    }
}

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
    ConfigFile {
        stamp: Stamp::of(text),
        role: PersistedRole::Primary,
        directives: directives(text),
        ownership: Ownership {
            mode: 0o600,
            uid: 998,
        },
    }
}

impl Box {
    /// A host as it is found.
    pub fn new(inventory: &Inventory, spec: &NodeSpec, begin: InitialSentinel) -> Self {
        let settings = inventory.sentinel.as_ref().unwrap();
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
        if begin != InitialSentinel::Bare {
            facts.owner_uid = Some(998);
            facts.servers = [(payload().directory_name(), payload().sha256)].into();
            facts.current = Some(payload().directory_name());
            let shared = [paths.root().to_owned(), paths.servers()];
            for shared in paths.above().into_iter().chain(shared) {
                facts.directories.insert(shared, Ownership::default());
            }
        }
        let mut this = Box {
            facts,
            told: None,
            begun: 0,
        };
        if !matches!(begin, InitialSentinel::Bare | InitialSentinel::Beside) {
            let all = std::iter::once(paths.data()).chain(paths.below());
            this.facts.directories.extend(all.map(|d| (d, PRIVATE)));
            this.facts.unit = Some(unit::of_sentinel(&paths, inventory, spec));
            this.facts.unit_enabled = true;
            this.facts.config = Some(file(&first_file(inventory, spec)));
            this.told = match begin {
                InitialSentinel::Otherwise => Some(SentinelRules {
                    quorum: 1,
                    down_after_ms: 7,
                    ..settings.rules
                }),
                InitialSentinel::Well | InitialSentinel::Stopped => Some(settings.rules),
                _ => None,
            };
            this.flush(&settings.name);
            if matches!(
                begin,
                InitialSentinel::Idle | InitialSentinel::Otherwise | InitialSentinel::Well
            ) {
                this.facts.listener = Listener::Ours;
            } else {
                this.told = None;
            }
        }
        this
    }
}

fn first_file(inventory: &Inventory, spec: &NodeSpec) -> String {
    let begin = SentinelFile {
        primary: &Address::new("10.0.0.1", 6379),
        names: false,
        modern: true,
    };
    let settings = inventory.sentinel.as_ref().unwrap();
    render(inventory, settings, spec, Supervision::Systemd, begin).text
}

impl Box {
    pub fn on_host(&mut self, action: &Do, name: &str) {
        let facts = &mut self.facts;
        match action.clone() {
            Do::MakeUser { .. } => facts.owner_uid = Some(998),
            Do::RemoveUser { .. } => facts.owner_uid = None,
            Do::MakeDirectories {
                shared, private, ..
            } => {
                let shared = shared.into_iter().map(|d| (d, Ownership::default()));
                facts.directories.extend(shared);
                facts
                    .directories
                    .extend(private.into_iter().map(|d| (d, PRIVATE)));
            }
            Do::RemoveDirectories { paths } => facts.directories.retain(|d, _| !paths.contains(d)),
            Do::PutServer { server, .. } => {
                facts.servers.insert(server.directory_name(), server.sha256);
            }
            Do::RemoveServer { .. } => facts.servers.clear(),
            Do::LinkServer { target, .. } => facts.current = Some(target),
            Do::RemoveLink { .. } => facts.current = None,
            Do::WriteConfig { text, .. } => {
                facts.config = Some(file(&text));
                self.begun += 1;
            }
            Do::RemoveConfig { .. } | Do::RemoveFiles { .. } => facts.config = None,
            Do::WriteUnit { text, .. } => {
                facts.unit = Some(text);
                facts.unit_enabled = true;
            }
            Do::RemoveUnit { .. } => {
                facts.unit = None;
                facts.unit_enabled = false;
            }
            Do::StartServer(launch) => {
                assert!(launch.sentinel);
                let file = facts.config.as_ref().expect("it starts with a file");
                self.told = watches(&file.directives, name).map(|(_, rules)| rules);
                facts.listener = Listener::Ours;
            }
            Do::StopServer(_) => {
                self.told = None;
                facts.listener = Listener::Nobody;
            }
            other => panic!("{other}"),
        }
    }
}

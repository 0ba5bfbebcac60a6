//! A deployment on this machine's sshds with a password, its operator, and checks of it that do not
//! go through replctl.

use crate::support::inventory::write_password;
use crate::support::process::Ran;
use crate::support::{InventoryText, Net, RawRedis, Replctl, Sshds, await_that};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

pub const NAMES: [&str; 3] = ["master", "slave1", "slave2"];
pub const PASSWORD: &str = "correct-horse-battery";

pub struct Bench {
    pub sshds: Sshds,
    pub text: InventoryText,
    pub operator: Replctl<'static>,
    folder: TempDir,
}

impl Bench {
    /// The first `count` nodes, with the embedded server.
    pub fn new(count: usize) -> Option<Self> {
        Self::with(count, None)
    }

    /// The same with a given server program.
    pub fn with(count: usize, server: Option<&Path>) -> Option<Self> {
        Some(Self::on(Sshds::start(count)?, server))
    }

    /// The same with more variables, `NAME=VALUE …`, in the sessions of the hosts.
    pub fn in_environment(count: usize, more: &str) -> Option<Self> {
        Some(Self::on(Sshds::in_environment(count, more)?, None))
    }

    fn on(sshds: Sshds, server: Option<&Path>) -> Self {
        let count = sshds.hosts().len();
        let folder = tempfile::Builder::new()
            .prefix("replctl-setup-")
            .tempdir()
            .unwrap();
        let password = write_password(folder.path(), PASSWORD);
        let text =
            InventoryText::on_sshds(&sshds, &NAMES[..count], server).password_file(&password);
        let operator = Replctl::new().inventory(&text.write(folder.path()));
        Self {
            sshds,
            text,
            operator,
            folder,
        }
    }

    /// Writes the inventory as it is now.
    pub fn write(&self) {
        self.text.write(self.folder.path());
    }

    /// Where the inventory and the password file lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a run of replctl may touch on this machine: the hosts' common folder.
    /// `directory` of the inventory.
    pub fn db(&self) -> PathBuf {
        self.sshds.folder().join("db")
    }

    /// A node's configuration file.
    pub fn config(&self, n: usize) -> PathBuf {
        self.db().join(format!("{}/conf/redis.cnf", self.port(n)))
    }

    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.operator.run(arguments)
    }

    pub fn port(&self, n: usize) -> u16 {
        self.text.nodes()[n].port
    }

    /// A connection to a node's server.
    #[track_caller]
    pub fn client(&self, n: usize) -> RawRedis {
        self.connect(n)
            .unwrap_or_else(|e| panic!("{}: {e}", NAMES[n]))
    }

    pub fn connect(&self, n: usize) -> std::io::Result<RawRedis> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port(n)));
        RawRedis::connect(
            &Net::Machine,
            address,
            Some(PASSWORD),
            Duration::from_secs(5),
        )
    }

    pub fn answers(&self, n: usize) -> bool {
        self.connect(n).is_ok()
    }

    /// That node is the primary, and all others follow it at its offset.
    #[track_caller]
    pub fn in_sync(&self, primary: usize) {
        let count = self.text.nodes().len();
        await_that(
            "the replicas to be in sync",
            Duration::from_secs(10),
            || {
                let top = self.client(primary).info("replication");
                assert_eq!(
                    top["role"], "master",
                    "{} is not the primary",
                    NAMES[primary]
                );
                (0..count).filter(|n| *n != primary).all(|n| {
                    let info = self.client(n).info("replication");
                    info["role"] == "slave"
                        && info["master_port"] == self.port(primary).to_string()
                        && info["master_link_status"] == "up"
                        && info["slave_repl_offset"] == top["master_repl_offset"]
                })
            },
        );
    }

    /// Ends the servers and removes everything, so that the hosts are bare again.
    pub fn strip(&self) {
        for pid in crate::support::process::living_in(&self.db()) {
            crate::support::process::signal(pid, libc::SIGKILL);
        }
        await_that("the servers' end", Duration::from_secs(5), || {
            crate::support::process::living_in(&self.db()).is_empty()
        });
        if self.db().exists() {
            std::fs::remove_dir_all(self.db()).unwrap();
        }
    }
}

/// Permission bits of a file.
pub fn mode(path: &Path) -> u32 {
    std::fs::metadata(path)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        .permissions()
        .mode()
        & 0o7777
}

/// Everything under a folder but logs: modes, owners and contents, and of folders their times.
pub fn listing(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(this) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&this) else {
            continue;
        };
        for entry in entries.map(Result::unwrap) {
            let path = entry.path();
            let meta = std::fs::symlink_metadata(&path).unwrap();
            let mut what = format!("{:o} {}:{}", meta.mode(), meta.uid(), meta.gid());
            if meta.is_dir() {
                open.push(path.clone());
                let _ = write!(what, " {}.{}", meta.mtime(), meta.mtime_nsec());
            } else if meta.is_symlink() {
                let _ = write!(what, " {}", std::fs::read_link(&path).unwrap().display());
            } else if path.extension().is_none_or(|e| e != "log") {
                let sum = Sha256::digest(std::fs::read(&path).unwrap());
                let _ = write!(what, " {}.{} {sum:?}", meta.mtime(), meta.mtime_nsec());
            }
            found.insert(path, what);
        }
    }
    found
}

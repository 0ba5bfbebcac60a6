//! What `setup` does on a host, as data. Pure. It holds no secret: a placeholder stands for the
//! password.

use super::former::FormerAction;
use crate::config::Paths;
use crate::config::server::Stamp;
use crate::inventory::{Inventory, NodeSpec};
use crate::plan::facts::Ownership;
use crate::topology::service::{Service, Starter};
use crate::topology::{Product, Version};
use serde::{Deserialize, Serialize};

mod words;

/// One change to a host. Each can be repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostAction {
    /// Make the user the server runs as.
    MakeUser {
        /// Its name.
        user: String,
    },
    /// Remove that user again, unless something of it is left.
    RemoveUser {
        /// Its name.
        user: String,
        /// The directory of its data.
        unless: String,
    },
    /// Make directories.
    MakeDirectories {
        /// Parents first. Every user may enter these.
        shared: Vec<String>,
        /// Parents first. Only the owner may enter these.
        private: Vec<String>,
        /// User name.
        owner: String,
    },
    /// Remove directories that this run made, where they are empty.
    RemoveDirectories {
        /// Children first.
        paths: Vec<String>,
    },
    /// Remove a node's data directory with everything in it. No process may be using it.
    RemoveTree {
        /// The directory.
        path: String,
        /// What was in it when it was planned, bytes.
        bytes: Option<u64>,
    },
    /// Upload a server program and see that it runs.
    PutServer {
        /// What is uploaded.
        server: PayloadInfo,
        /// The directory it is put into.
        into: String,
    },
    /// Remove an uploaded server that nothing starts.
    RemoveServer {
        /// Its directory.
        path: String,
        /// If this link points at the server, the server stays.
        unless: String,
        /// The node's data directory. If another node's data directory is beside it, the server
        /// stays.
        node: String,
    },
    /// Install the distribution's server.
    InstallPackage {
        /// The package; `None`: what the host's distribution has.
        name: Option<String>,
        /// The directory that gets a link to the installed program.
        into: String,
    },
    /// Unpack a source tarball and build it on the host.
    BuildTarball {
        /// A file on the operator's machine.
        file: String,
        /// Its hash, lower-case hex.
        sha256: String,
        /// The directory it is unpacked into.
        directory: String,
        /// The directory that gets links to the built programs.
        into: String,
    },
    /// Point the stable link at a server.
    LinkServer {
        /// The link.
        link: String,
        /// A directory beside it.
        target: String,
    },
    /// Remove a link.
    RemoveLink {
        /// The link.
        link: String,
        /// The node's data directory. If another node's data directory is beside it, a shared link
        /// stays.
        node: String,
    },
    /// Put certificates and a private key beside the configuration; only its owner reads the key.
    PutCertificates {
        /// What is put where; the operator's machine has it.
        files: Vec<Certificates>,
        /// The server program, which must have been built with TLS.
        program: String,
        /// User name.
        owner: String,
    },
    /// Write the server's configuration file, for its owner only. Keep an older file beside it.
    WriteConfig {
        /// The file.
        path: String,
        /// Its text, with a placeholder for the password.
        text: String,
        /// User name.
        owner: String,
    },
    /// Remove a configuration file that this run wrote.
    RemoveConfig {
        /// The file.
        path: String,
    },
    /// Remove files, and what was made on the way to them.
    RemoveFiles {
        /// The files.
        paths: Vec<String>,
    },
    /// Put back the configuration file that this run replaced.
    RestoreConfig {
        /// The file.
        path: String,
        /// Its permission bits before.
        #[serde(default)]
        mode: Option<u32>,
    },
    /// Give files and directories back the owners and modes that they had before this run.
    OwnAgain {
        /// Path, and what it had; parents first.
        all: Vec<(String, Ownership)>,
    },
    /// Give a configuration file back to its owner alone.
    ProtectConfig {
        /// The file.
        path: String,
        /// User name.
        owner: String,
    },
    /// Note in the file's first comment which settings the running server has taken.
    StampConfig {
        /// The file.
        path: String,
        /// The new digests.
        stamp: Stamp,
        /// User name.
        owner: String,
    },
    /// Write a systemd unit, and have it started at boot.
    WriteUnit {
        /// `….service`.
        name: String,
        /// Its text.
        text: String,
    },
    /// Remove a systemd unit.
    RemoveUnit {
        /// `….service`.
        name: String,
    },
    /// Write a block of lines into a file that replctl does not own.
    WriteBlock {
        /// The file.
        path: String,
        /// The word in the block's markers.
        owner: String,
        /// Its lines.
        lines: Vec<String>,
    },
    /// Remove such a block.
    RemoveBlock {
        /// The file.
        path: String,
        /// The word in the block's markers.
        owner: String,
    },
    /// Set the host's name, now and for the next boot.
    SetHostName {
        /// The name.
        name: String,
    },
    /// Set a number or a word of the kernel's, and read it back.
    SetKernel {
        /// The file that it is written to.
        file: String,
        /// What is written.
        value: String,
    },
    /// Write a small file of root's. What stood there is kept beside it.
    KeepFile {
        /// The file.
        path: String,
        /// Its text.
        text: String,
        /// systemd must read its units anew.
        reload: bool,
        /// It puts back this text where that one was written: the copy beside the file takes its
        /// place again. A file with another text stays.
        #[serde(default)]
        back: Option<String>,
    },
    /// Remove a small file of root's that was not there before. One with another text stays.
    DropFile {
        /// The file.
        path: String,
        /// The text that was written.
        #[serde(default)]
        text: String,
        /// systemd must read its units anew.
        reload: bool,
    },
    /// Start the server and see it listen.
    StartServer(Launch),
    /// Stop the server and see it gone.
    StopServer(Launch),
    /// What is done with a server that replctl did not make.
    Former(FormerAction),
}

/// A file of certificates or of a private key, for a host. Its content is not here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Certificates {
    /// Where it is to lie.
    pub path: String,
    /// The source files on the operator's machine.
    pub sources: Vec<String>,
    /// Hash of the whole file, lower-case hex.
    pub sha256: String,
}

/// A server program to put on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadInfo {
    /// As `uname -m` says.
    pub arch: String,
    /// The family.
    pub product: Product,
    /// Its version.
    pub version: Version,
    /// Of `redis-server`, lower-case hex.
    pub sha256: String,
    /// Of all its files together.
    pub bytes: u64,
}

/// How the server of one node is started and stopped: by its unit where there is one, else by
/// itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// TCP port.
    pub port: u16,
    /// The unit, used where systemd runs and has it.
    pub unit: String,
    /// The server program; empty: nothing but its unit starts it.
    pub program: String,
    /// Its configuration file.
    pub config: String,
    /// Its pid file.
    pub pid_file: String,
    /// Its log file.
    pub log_file: String,
    /// Its data directory, which is its working directory.
    pub data: String,
    /// The user that root starts it as.
    pub user: String,
    /// It is a Sentinel.
    #[serde(default)]
    pub sentinel: bool,
}

impl HostAction {
    /// Whether the server of its node ends or begins by it: no connection outlives that.
    pub fn restarts(&self) -> bool {
        matches!(
            self,
            Self::StartServer(_)
                | Self::StopServer(_)
                | Self::Former(FormerAction::Start(_) | FormerAction::StopOwn { .. })
        )
    }
}

impl PayloadInfo {
    /// The program name that the product uses.
    pub fn program(&self) -> &'static str {
        match self.product {
            Product::Redis => "redis-server",
            Product::Valkey => "valkey-server",
        }
    }

    /// The name of its directory: the version for people, the hash so that two builds of one
    /// version lie side by side.
    pub fn directory_name(&self) -> String {
        let product = match self.product {
            Product::Redis => "redis",
            Product::Valkey => "valkey",
        };
        format!(
            "{product}-{}-{}",
            self.version,
            self.sha256.get(..12).unwrap_or(&self.sha256)
        )
    }
}

impl Launch {
    /// How `node` is started.
    pub fn new(inventory: &Inventory, node: &NodeSpec) -> Self {
        let paths = Paths::of(inventory, node);
        let log = node.config.get("logfile").and_then(|v| v.last());
        Self {
            port: node.address.port,
            unit: paths.unit(),
            program: paths.program(),
            config: paths.config(),
            pid_file: paths.pid(),
            log_file: log.cloned().unwrap_or_else(|| paths.log()),
            data: paths.data(),
            user: inventory.server.user.clone(),
            sentinel: inventory.is_sentinel(&node.name),
        }
    }

    /// How the server is started that `service` describes. One that others have made is started by
    /// its own unit.
    ///
    /// # Errors
    /// Why replctl cannot start it, one phrase.
    pub fn by(self, service: &Service) -> Result<Self, String> {
        let Some(settings) = service.of_others()? else {
            return Ok(self);
        };
        match &service.starter {
            Starter::Unit(unit) => Ok(Self {
                unit: unit.name.clone(),
                config: service.file.clone().unwrap_or_default(),
                data: settings
                    .data
                    .folder
                    .clone()
                    .ok_or("the folder of its data is not known")?,
                user: unit.user.clone().unwrap_or_else(|| "root".to_owned()),
                program: String::new(),
                log_file: String::new(),
                pid_file: String::new(),
                ..self
            }),
            Starter::Script(_) | Starter::Container(_) | Starter::Nothing | Starter::Unknown(_) => {
                Err(
                    "no unit starts it, and others have made it: replctl does not know its command"
                        .to_owned(),
                )
            }
        }
    }

    /// What it is, with its port.
    pub fn what(&self) -> String {
        let what = if self.sentinel { "Sentinel" } else { "server" };
        format!("the {what} on port {}", self.port)
    }
}

#[cfg(test)]
mod tests;

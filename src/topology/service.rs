//! How a server is really run: its process, what starts it, and the files that its next start
//! reads. Pure: data, and conclusions from it.
//!
//! All of it comes from hosts and servers. It decides only what is reported and planned, never
//! which file is opened with more rights than its owner has.

pub mod access;
pub mod answer;
pub mod chain;
mod command;
mod keep;
mod phrases;
mod process;
pub mod resolve;
pub mod whole;

pub use chain::{Chain, DataFiles};
pub use keep::{Keep, Obstacle};

use super::{Address, PersistedRole};

/// How one node's server is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// What starts it.
    pub starter: Starter,
    /// Its process, where it was seen.
    pub process: Option<Process>,
    /// The configuration file that the next start reads; `None`: none.
    pub file: Option<String>,
    /// The file that CONFIG REWRITE writes: the one that the running server names.
    pub written: Option<String>,
    /// Its start arguments besides the file.
    pub arguments: Arguments,
    /// The roles in the file, in its includes and in the arguments; or the reason why they are
    /// unknown.
    pub settings: Result<Chain, String>,
    /// Whether the server's user may replace the file.
    pub writable: Writable,
    /// Made by replctl: its unit, or its stamp in the file.
    pub managed: bool,
}

/// A server's process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id on its host.
    pub pid: u32,
    /// Numeric id of its user.
    pub uid: u32,
    /// Numeric id of its group.
    pub gid: u32,
    /// Numeric ids of its other groups.
    pub groups: Vec<u32>,
    /// The program's file, as far as it could be seen.
    pub program: Option<String>,
}

/// What starts a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Starter {
    /// A systemd unit.
    Unit(Box<Unit>),
    /// A start script of root's, such as `/etc/rc.local`.
    Script(String),
    /// A container, by what its cgroup or the listener on its port says.
    Container(String),
    /// Nothing: it was started by hand.
    Nothing,
    /// Not known: the reason.
    Unknown(String),
}

/// A systemd unit that starts a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// `redis-server.service`.
    pub name: String,
    /// `User=`; `None`: root.
    pub user: Option<String>,
    /// Its file.
    pub fragment: Option<String>,
    /// Files that add to it.
    pub drop_ins: Vec<String>,
    /// `ExecStart=`, as systemd lists it.
    pub exec_start: String,
    /// Started at boot; `None`: not known.
    pub enabled: Option<bool>,
    /// Its settings that keep it from writing, `NAME=VALUE`.
    pub confined: Vec<String>,
}

/// What a server is started with besides its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arguments {
    /// These.
    Shown(Vec<String>),
    /// More than the file. The process does not show them any more; their length in bytes.
    Hidden(u64),
    /// Not known: the reason.
    Unknown(String),
}

/// Whether a server's user may put a new file in the place of its configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writable {
    /// It may.
    Yes,
    /// It may not: the reason, one phrase.
    No(String),
    /// Not known.
    Unknown,
}

impl Service {
    /// Only the server's own report: its host could not be read.
    pub fn unseen(written: Option<String>, why: impl Into<String>) -> Self {
        let why = why.into();
        Self {
            starter: Starter::Unknown(why.clone()),
            process: None,
            file: written.clone(),
            written,
            arguments: Arguments::Unknown(why.clone()),
            settings: Err(why),
            writable: Writable::Unknown,
            managed: false,
        }
    }

    /// The role that the next start gives it.
    pub fn next_role(&self) -> PersistedRole {
        let chain = match &self.settings {
            Ok(chain) => chain,
            Err(why) => return PersistedRole::Unknown(why.clone()),
        };
        match &self.arguments {
            Arguments::Shown(_) => chain.role(),
            Arguments::Hidden(_) => PersistedRole::Unknown(
                "it was started by hand with arguments that it does not show, and a role may stand there"
                    .to_owned(),
            ),
            Arguments::Unknown(why) => PersistedRole::Unknown(why.clone()),
        }
    }

    /// The role in its file and the file's includes, whatever its start arguments; `None`: unknown.
    pub fn role_in_file(&self) -> Option<PersistedRole> {
        let chain = self.settings.as_ref().ok()?;
        self.file.as_ref()?;
        Some(chain::role_of(chain.last_in_file()))
    }

    /// Whether it is started when its host starts; `None`: not known.
    pub fn starts_at_boot(&self) -> Option<bool> {
        match &self.starter {
            Starter::Unit(unit) => unit.enabled,
            Starter::Script(_) => Some(true),
            Starter::Nothing => Some(false),
            Starter::Container(_) | Starter::Unknown(_) => None,
        }
    }

    /// The unit, if one starts it.
    pub fn unit(&self) -> Option<&Unit> {
        match &self.starter {
            Starter::Unit(unit) => Some(unit),
            Starter::Script(_) | Starter::Container(_) | Starter::Nothing | Starter::Unknown(_) => {
                None
            }
        }
    }

    /// Whether it is known how it is run.
    pub fn is_seen(&self) -> bool {
        !matches!(self.starter, Starter::Unknown(_))
    }

    /// Whether it is known how it is run, and replctl did not make it.
    pub fn is_foreign(&self) -> bool {
        !self.managed && self.is_seen()
    }

    /// The settings of its next start; `None`: replctl made it, or its host has neither a file nor
    /// a unit for it, so that replctl's own paths count.
    ///
    /// # Errors
    /// Who made it, or what its next start reads, is not known: the reason, one phrase.
    pub fn of_others(&self) -> Result<Option<&Chain>, String> {
        if self.managed {
            return Ok(None);
        }
        if let Starter::Unknown(why) = &self.starter {
            return Err(why.clone());
        }
        if self.file.is_none() && self.unit().is_none() {
            return Ok(None);
        }
        let chain = self.settings.as_ref().map_err(String::clone)?;
        match &self.arguments {
            Arguments::Shown(_) => Ok(Some(chain)),
            Arguments::Hidden(_) => {
                Err("it was started with arguments that it does not show".to_owned())
            }
            Arguments::Unknown(why) => Err(why.clone()),
        }
    }

    /// The name of the user that its unit starts it as.
    pub fn user(&self) -> Option<&str> {
        let unit = self.unit()?;
        Some(unit.user.as_deref().unwrap_or("root"))
    }

    /// The files that its next start loads its data from; `None`: not known.
    pub fn data_files(&self) -> Option<&DataFiles> {
        Some(&self.settings.as_ref().ok()?.data)
    }

    /// Whether its present role can only come from hidden arguments, because its file gives another
    /// one.
    pub fn hides_role(&self, now: Option<&Address>) -> bool {
        let Arguments::Hidden(bytes) = self.arguments else {
            return false;
        };
        // ` --replicaof HOST PORT`
        let needed = now.map(|at| at.host.len() + at.port.to_string().len() + 14);
        let room = needed.is_some_and(|n| bytes >= n as u64);
        room && self.role_in_file().is_some_and(|role| match (role, now) {
            (PersistedRole::ReplicaOf(file), Some(now)) => file != *now,
            (PersistedRole::Primary, Some(_)) => true,
            _ => false,
        })
    }
}

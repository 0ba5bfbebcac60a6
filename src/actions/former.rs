//! What `adopt` does on a host with a server that replctl did not make, as data. Pure. No secret is
//! in it.

use super::host::Launch;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One change, or one look. Each can be repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FormerAction {
    /// Keep systemd from starting the unit's server again by itself, until the host boots.
    Hold {
        /// `….service`.
        unit: String,
    },
    /// Let systemd do as the unit says.
    Release {
        /// `….service`.
        unit: String,
    },
    /// Keep a unit from being started at boot: these links go, and nothing else.
    Disable {
        /// `….service`.
        unit: String,
        /// The links.
        links: Vec<Link>,
    },
    /// Have a unit started at boot again, by the very links that it had.
    Enable {
        /// `….service`.
        unit: String,
        /// The links.
        links: Vec<Link>,
    },
    /// See that its process is gone, and that nothing listens on its port.
    SeeStopped(Former),
    /// Start it as it was started before, and see it answer.
    Start(Former),
    /// Stop the node's own server, unless what it has taken would be lost by that.
    StopOwn {
        /// How it was started.
        launch: Launch,
        /// It is a primary that refuses writes; otherwise it must be a replica.
        fenced: bool,
    },
    /// Copy its data into the node's own directory. What is copied stays where it is.
    CopyData(DataCopy),
}

/// A symbolic link of systemd's that has a unit started.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Link {
    /// Where it lies.
    pub path: String,
    /// Where it leads to.
    pub target: String,
}

/// A server that replctl did not make, and how it is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    /// TCP port.
    pub port: u16,
    /// The unit that starts it; `None`: nothing does.
    pub unit: Option<String>,
    /// Its program.
    pub program: String,
    /// What stands behind the program where no unit starts it.
    pub arguments: Vec<String>,
    /// The directory of its data, in which it works.
    pub folder: String,
    /// Who it runs as.
    pub user: User,
    /// The node's own directory: a process that works there is another server.
    pub unless: String,
}

/// Who a server runs as, by numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Other groups.
    pub groups: Vec<u32>,
}

/// Files of data that are copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataCopy {
    /// Whose rights they are read with.
    pub reader: User,
    /// The directory they lie in.
    pub from: String,
    /// The directory they are copied into.
    pub to: String,
    /// User name of whoever owns the copies.
    pub owner: String,
    /// The snapshot: its name there, and its name here.
    pub dump: (String, String),
    /// The append-only file or the directory of such files, which has the same name here; `None`:
    /// it writes none.
    pub appended: Option<String>,
}

impl Former {
    /// What starts it, in words.
    fn how(&self) -> String {
        match &self.unit {
            Some(unit) => format!("the server of {unit}"),
            None => format!("{} on port {}", self.program, self.port),
        }
    }
}

impl fmt::Display for FormerAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hold { unit } => {
                write!(f, "keep systemd from starting {unit} again by itself")
            }
            Self::Release { unit } => write!(f, "let systemd restart {unit} again as it says"),
            Self::Disable { unit, .. } => write!(f, "keep {unit} from starting at boot"),
            Self::Enable { unit, .. } => write!(f, "have {unit} started at boot again"),
            Self::SeeStopped(former) => write!(f, "see that {} is gone", former.how()),
            Self::Start(former) => write!(f, "start {} again", former.how()),
            Self::StopOwn {
                launch,
                fenced: false,
            } => write!(f, "stop {}, if it is a replica", launch.what()),
            Self::StopOwn {
                launch,
                fenced: true,
            } => write!(f, "stop {}, if it has taken no write", launch.what()),
            Self::CopyData(copy) => {
                write!(f, "copy the data from {} to {}", copy.from, copy.to)
            }
        }
    }
}

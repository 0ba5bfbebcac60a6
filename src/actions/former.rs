//! What `adopt` does on a host with a server that replctl did not make, as data. Pure. It holds no
//! secret.

use super::host::Launch;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One change, or one check. Each can be repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FormerAction {
    /// Keep systemd from restarting the server of the unit, until the host boots.
    Hold {
        /// `….service`.
        unit: String,
    },
    /// Let systemd restart it again as the unit says.
    Release {
        /// `….service`.
        unit: String,
    },
    /// Keep a unit from starting at boot: remove these links, and nothing else.
    Disable {
        /// `….service`.
        unit: String,
        /// The links.
        links: Vec<Link>,
    },
    /// Let a unit start at boot again, by the same links as before.
    Enable {
        /// `….service`.
        unit: String,
        /// The links.
        links: Vec<Link>,
    },
    /// Check that its process is gone, and that nothing listens on its port.
    SeeStopped(Former),
    /// Start it as it was started before, and wait until it answers.
    Start(Former),
    /// Stop the node's own server, unless writes would be lost by that.
    StopOwn {
        /// How it was started.
        launch: Launch,
        /// It must be a primary that refuses writes; otherwise it must be a replica.
        fenced: bool,
    },
    /// Copy its data into the node's own directory. The original files stay.
    CopyData(DataCopy),
    /// Check that nobody has changed its data since the copy.
    SeeCopied(DataCopy),
}

/// A symbolic link that makes systemd start a unit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Link {
    /// Its path.
    pub path: String,
    /// Its target.
    pub target: String,
}

/// A server that replctl did not make, and how it is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    /// TCP port.
    pub port: u16,
    /// The unit that starts it; `None`: no unit does.
    pub unit: Option<String>,
    /// Its program.
    pub program: String,
    /// The arguments of the program if no unit starts it.
    pub arguments: Vec<String>,
    /// The directory of its data, which is also its working directory.
    pub folder: String,
    /// The user that it runs as.
    pub user: User,
    /// The node's own directory. A process that works there is another server.
    pub unless: String,
    /// How many files it may open if no unit starts it: the soft and the hard limit. `None`: not
    /// known.
    pub open_files: Option<(u64, u64)>,
}

/// The user of a server, as numbers.
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
    /// The user who reads them.
    pub reader: User,
    /// The directory of the originals.
    pub from: String,
    /// The directory of the copies.
    pub to: String,
    /// The name of the user who owns the copies.
    pub owner: String,
    /// The snapshot: its name in `from`, and its name in `to`.
    pub dump: (String, String),
    /// The append-only file, or the directory of such files. It has the same name in `to`. `None`:
    /// the server writes none.
    pub appended: Option<String>,
    /// The size of its data when the plan was made, bytes.
    pub bytes: Option<u64>,
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
            Self::Release { unit } => write!(
                f,
                "remove the setting that keeps systemd from restarting {unit}"
            ),
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
            Self::SeeCopied(copy) => {
                write!(
                    f,
                    "see that the data in {} has not changed since the copy",
                    copy.from
                )
            }
        }
    }
}

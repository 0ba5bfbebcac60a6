//! The obstacles to a role's survival of a restart, in words, and how to remove them. Pure.

use super::chain::Line;
use super::{Obstacle, Service, Starter};

/// `replicaof 10.0.0.1 6379`.
fn directive(line: &Line) -> String {
    line.follows.as_ref().map_or_else(
        || "replicaof no one".to_owned(),
        |at| format!("replicaof {} {}", at.host, at.port),
    )
}

impl Obstacle {
    /// Why, one phrase.
    pub fn why(&self, service: &Service) -> String {
        match self {
            Self::NoFile => "it runs without a configuration file".to_owned(),
            Self::CommandLine(Some(line)) => {
                format!("`{}` stands {}", directive(line), service.command())
            }
            Self::CommandLine(None) => {
                "its role is not in its file, and it was started with arguments that it does not show: the role stands there".to_owned()
            }
            Self::Include(line) => format!(
                "{}, which its configuration file includes, says `{}`, and that wins",
                line.file.as_deref().unwrap_or_default(),
                directive(line)
            ),
            Self::ReadOnly { file, why } => format!("{file} cannot be written: {why}"),
            Self::OtherFile { written, read } => format!(
                "CONFIG REWRITE writes {written}, and {} starts it with {read}",
                service.unit().map_or("its unit", |u| u.name.as_str())
            ),
        }
    }

    /// What removes it.
    pub fn remedy(&self, service: &Service) -> String {
        match self {
            Self::NoFile => "start it with a configuration file that its user may write".to_owned(),
            Self::CommandLine(line) => {
                let what = line
                    .as_ref()
                    .map_or_else(|| "replicaof".to_owned(), directive);
                match &service.starter {
                    Starter::Unit(unit) => format!(
                        "take `--{what}` out of ExecStart: systemctl edit --full {}",
                        unit.name
                    ),
                    Starter::Script(_) => format!("take `--{what}` out of /etc/rc.local"),
                    Starter::Container(_) | Starter::Nothing | Starter::Unknown(_) => {
                        "start it with its configuration file alone".to_owned()
                    }
                }
            }
            Self::Include(line) => format!(
                "take `{}` out of {}",
                directive(line),
                line.file.as_deref().unwrap_or_default()
            ),
            Self::ReadOnly { file, .. } => {
                let folder = file.rsplit_once('/').map_or("/", |(folder, _)| folder);
                match service.unit().filter(|u| !u.confined.is_empty()) {
                    Some(unit) => format!(
                        "let it write there, `[Service]` with `ReadWritePaths={folder}`: systemctl edit {}",
                        unit.name
                    ),
                    None => format!("let its user write in {folder}"),
                }
            }
            Self::OtherFile { read, .. } => match service.unit() {
                Some(unit) => format!("start it by its unit: systemctl restart {}", unit.name),
                None => format!("start it with {read}"),
            },
        }
    }
}

impl Service {
    /// What starts it, in one or two words; `None`: not known.
    pub fn run_by(&self) -> Option<&str> {
        match &self.starter {
            Starter::Unit(unit) => Some(&unit.name),
            Starter::Script(_) => Some("start script"),
            Starter::Container(_) => Some("container"),
            Starter::Nothing => Some("hand"),
            Starter::Unknown(_) => None,
        }
    }

    /// Where its command line is.
    fn command(&self) -> String {
        match &self.starter {
            Starter::Unit(unit) => format!("in ExecStart of {}", unit.name),
            Starter::Script(_) => "in /etc/rc.local".to_owned(),
            Starter::Container(_) | Starter::Nothing | Starter::Unknown(_) => {
                "on its command line".to_owned()
            }
        }
    }
}

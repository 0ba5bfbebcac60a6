//! Whether a role survives a restart after CONFIG REWRITE. Pure.

use super::chain::{Chain, ChainEntry, Line};
use super::{Arguments, Service};
use crate::topology::Address;

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// The role is the one that the next start reads.
    Yes,
    /// The next start reads another role: the obstacle.
    No(Obstacle),
    /// Not known: the reason, one phrase.
    Unknown(String),
}

/// The reason why a role does not survive a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// It runs without a configuration file.
    NoFile,
    /// The role is on its command line, which wins over the file. `None`: it must be there, and
    /// cannot be seen.
    CommandLine(Option<Line>),
    /// The role is in an included file, which wins.
    Include(Line),
    /// Its user may not replace the file: the reason.
    ReadOnly {
        /// The file.
        file: String,
        /// One phrase.
        why: String,
    },
    /// The next start reads another file than the one that is written.
    OtherFile {
        /// The one that is written.
        written: String,
        /// The one that is read.
        read: String,
    },
}

impl Service {
    /// Whether `role` (`None`: primary) survives a restart after CONFIG REWRITE has written it.
    /// `now`: its present upstream. `same`: whether two addresses are one node's.
    pub fn keeps(
        &self,
        role: Option<&Address>,
        now: Option<&Address>,
        same: impl Fn(&Address, &Address) -> bool,
    ) -> Keep {
        let Some(written) = &self.written else {
            return Keep::No(Obstacle::NoFile);
        };
        if let (Some(read), Some(_)) = (&self.file, self.unit())
            && read != written
        {
            return Keep::No(Obstacle::OtherFile {
                written: written.clone(),
                read: read.clone(),
            });
        }
        if let super::Writable::No(why) = &self.writable {
            return Keep::No(Obstacle::ReadOnly {
                file: written.clone(),
                why: why.clone(),
            });
        }
        let chain = match &self.settings {
            Ok(chain) => chain,
            Err(why) => return Keep::Unknown(why.clone()),
        };
        let after = rewritten(chain, role, written);
        let wins = after.last();
        let right = match (wins.and_then(|l| l.follows.as_ref()), role) {
            (None, None) => true,
            (Some(file), Some(role)) => same(file, role),
            (None, Some(_)) | (Some(_), None) => false,
        };
        match (right, wins) {
            (true, _) | (false, None) => self.beside_arguments(role, now, same),
            (false, Some(line)) if line.file.is_none() => {
                Keep::No(Obstacle::CommandLine(Some(line.clone())))
            }
            (false, Some(line)) => Keep::No(Obstacle::Include(line.clone())),
        }
    }

    /// For a file with the right role: whether the command line may still win.
    fn beside_arguments(
        &self,
        role: Option<&Address>,
        now: Option<&Address>,
        same: impl Fn(&Address, &Address) -> bool,
    ) -> Keep {
        match &self.arguments {
            Arguments::Shown(_) => Keep::Yes,
            Arguments::Hidden(_) if self.hides_role(now) => match (role, now) {
                (Some(role), Some(now)) if same(role, now) => Keep::Yes,
                _ => Keep::No(Obstacle::CommandLine(None)),
            },
            Arguments::Hidden(_) => Keep::Unknown(
                "it was started by hand with arguments that it does not show, and a role may stand there"
                    .to_owned(),
            ),
            Arguments::Unknown(why) => Keep::Unknown(why.clone()),
        }
    }
}

/// The chain after CONFIG REWRITE. The first line with a role gets the new one, the other such
/// lines are removed, and includes stay in place. Without such a line, the new one comes last. For
/// a primary, all such lines are removed. (Measured on Redis 6.0 to 8.0 and Valkey 8.1.)
fn rewritten(chain: &Chain, role: Option<&Address>, path: &str) -> Chain {
    let mut line = role.map(|follows| {
        ChainEntry::Role(Line {
            follows: Some(follows.clone()),
            file: Some(path.to_owned()),
        })
    });
    let mut file = Vec::new();
    for entry in &chain.file {
        match entry {
            ChainEntry::Role(_) => file.extend(line.take()),
            ChainEntry::Include(inner) => file.push(ChainEntry::Include(inner.clone())),
        }
    }
    file.extend(line);
    Chain {
        file,
        ..chain.clone()
    }
}

impl Chain {
    /// The chain after the fence: the file and its includes give the role of its last line, which
    /// is the new one. Arguments still come after it.
    pub fn fenced(&self, to: &Address, path: &str) -> Self {
        let includes = self.file.iter().filter(|entry| match entry {
            ChainEntry::Role(_) => false,
            ChainEntry::Include(_) => true,
        });
        let last = ChainEntry::Role(Line {
            follows: Some(to.clone()),
            file: Some(path.to_owned()),
        });
        Self {
            file: includes.cloned().chain([last]).collect(),
            ..self.clone()
        }
    }
}

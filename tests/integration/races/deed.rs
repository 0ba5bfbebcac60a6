//! What one operator does in a race, its preparation, and its promise if the exit code is 0.

use crate::races::field::{Field, name};
use crate::support::await_that;
use crate::support::program::Replctl;
use std::path::Path;
use std::time::Duration;

/// The time limit for an undisturbed command.
const ALONE: Duration = Duration::from_mins(1);

/// What one operator does. Nodes are numbers; n0 is the first primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Another primary.
    Promote(usize),
    /// A replica under another node.
    Move { node: usize, under: usize },
    /// A replica that stands alone.
    Detach(usize),
    /// n0 returns. It was replaced by that node while it was frozen.
    Rejoin { new: usize },
    /// The same by comparing the two.
    Repair { keep: usize },
    /// Undoes an earlier promotion of that node.
    Undo { of: usize },
    /// Resumes a promotion of that node that died after this number of journal lines.
    Resume { to: usize, line: usize },
    /// Rolls back such a promotion.
    Rollback { to: usize, line: usize },
}

/// What an exit code of 0 promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// That node is the primary.
    Primary(usize),
    /// That node is a replica of that one.
    Under(usize, usize),
    /// That node is a separate primary without replicas.
    Alone(usize),
    /// That node is a replica.
    Replica(usize),
}

impl Deed {
    /// What that operator types.
    pub fn words(self, operator: &Replctl<'_>) -> Vec<String> {
        let line = match self {
            Self::Promote(node) => format!("promote {}", name(node)),
            Self::Move { node, under } => format!("move {} --under {}", name(node), name(under)),
            Self::Detach(node) => format!("detach {}", name(node)),
            Self::Rejoin { .. } => format!("rejoin {}", name(0)),
            Self::Repair { keep } => format!("repair --keep {}", name(keep)),
            Self::Undo { .. } => format!("undo {}", newest(operator)),
            Self::Resume { .. } => "resume".to_owned(),
            Self::Rollback { .. } => "rollback".to_owned(),
        };
        let words = format!("{line} --yes");
        words.split(' ').map(str::to_owned).collect()
    }

    /// Whether two primaries take writes when it begins.
    pub fn is_of_two(self) -> bool {
        matches!(self, Self::Rejoin { .. } | Self::Repair { .. })
    }

    /// The node to detach: no client writes to it, because its writes would not count.
    pub fn alone(self) -> Option<usize> {
        match self {
            Self::Detach(node) => Some(node),
            Self::Promote(_)
            | Self::Move { .. }
            | Self::Rejoin { .. }
            | Self::Repair { .. }
            | Self::Undo { .. }
            | Self::Resume { .. }
            | Self::Rollback { .. } => None,
        }
    }

    /// The node that it moves under `upstream`, if it does.
    pub fn moved_under(self, upstream: usize) -> Option<usize> {
        let Self::Move { node, under } = self else {
            return None;
        };
        (under == upstream).then_some(node)
    }

    /// What its exit code 0 promises; `None`: only the printed sentence counts.
    pub fn promises(self) -> Option<Promise> {
        match self {
            Self::Promote(node) => Some(Promise::Primary(node)),
            Self::Move { node, under } => Some(Promise::Under(node, under)),
            Self::Detach(node) => Some(Promise::Alone(node)),
            Self::Rejoin { .. } => Some(Promise::Replica(0)),
            Self::Repair { keep } => Some(Promise::Primary(keep)),
            Self::Undo { .. } => Some(Promise::Primary(0)),
            Self::Resume { .. } | Self::Rollback { .. } => None,
        }
    }

    /// Makes two primaries before the clients begin: n0 is replaced by `new` while it is frozen,
    /// then thaws.
    pub fn part(field: &Field, operator: &Replctl<'_>, new: usize) {
        field.servers[0].pause();
        let words = ["promote", &name(new), "--yes", "--no-hooks"];
        let words = [&words[..], &["--accept-split-brain", "--allow-data-loss"]].concat();
        let mut ran = operator.run_within(ALONE, &words);
        // On a busy machine a node may need more work, as it says.
        for _ in 0..3 {
            if ran.code == Some(0) {
                break;
            }
            ran = operator.run_within(ALONE, &words);
        }
        ran.ok();
        field.servers[0].resume();
        await_that("the old primary to thaw", Duration::from_secs(10), || {
            field.primaries().contains(&0)
        });
    }

    /// The operator's earlier operation, under the clients' writes: a promotion to undo, or one
    /// that died.
    pub fn before(self, field: &Field, operator: &Replctl<'_>) {
        match self {
            Self::Undo { of } => {
                let words = ["promote", &name(of), "--yes", "--no-hooks"];
                operator.run_within(ALONE, &words).ok();
                field.whole(Duration::from_secs(20)).unwrap();
            }
            Self::Resume { to, line } | Self::Rollback { to, line } => {
                let mut command = operator.command(&["promote", &name(to), "--yes", "--no-hooks"]);
                command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
                crate::support::process::run(&mut command, ALONE);
            }
            Self::Promote(_)
            | Self::Move { .. }
            | Self::Detach(_)
            | Self::Rejoin { .. }
            | Self::Repair { .. } => {}
        }
    }
}

/// The id of an operator's last operation.
fn newest(operator: &Replctl<'_>) -> String {
    let journal = operator.home().join("state/replctl/race/journal");
    let files = std::fs::read_dir(journal).into_iter().flatten().flatten();
    let newest = files.map(|e| e.path()).max();
    let stem = newest.as_deref().and_then(Path::file_stem);
    stem.map(|s| s.to_string_lossy().into_owned())
        .unwrap_or_default()
}

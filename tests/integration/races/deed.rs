//! What one operator does in a race, what has to be there before, and what it promises where its
//! exit code is 0.

use crate::races::field::{Field, name};
use crate::support::await_that;
use crate::support::program::Replctl;
use std::path::Path;
use std::time::Duration;

/// How long a command that nobody disturbs may take.
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
    /// n0, which was replaced by that node while it was frozen, returns.
    Rejoin { new: usize },
    /// The same by comparing the two.
    Repair { keep: usize },
    /// Takes a promotion of that node back, which was done before.
    Undo { of: usize },
    /// Goes on with a promotion of that node, which died after so many journal lines.
    Resume { to: usize, line: usize },
    /// Puts such a promotion back.
    Rollback { to: usize, line: usize },
}

/// What is said to be so by an exit code 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// That node is the primary.
    Primary(usize),
    /// That node is a replica of that one.
    Under(usize, usize),
    /// That node is a primary of its own which nobody follows.
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

    /// The node that is to stand alone: nobody writes to it, since its writes are its own affair.
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

    /// What its exit code 0 promises. Where it is not the deed but the output that says so
    /// (`repair`, `undo`, `rollback` name the primary themselves), the sentence is what counts.
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

    /// Two primaries: n0 was replaced by `new` while it was frozen, and thawed. Before the clients
    /// begin.
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

    /// What the operator did earlier, under the clients' writes: a promotion that is to be taken
    /// back, or one that died.
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

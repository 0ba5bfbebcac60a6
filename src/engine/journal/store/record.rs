//! One operation, with what its resume needs: its plan, how far it came, how its last run ended.

use crate::actions::Action;
use crate::actions::server::ServerAction;
use crate::engine::Plan;
use crate::engine::journal::story::Story;
use crate::engine::journal::{At, Outcome, Progress};
use crate::topology::NodeName;

/// One operation whose journal could be read wholly.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its id, the file's name.
    pub id: String,
    /// The plan.
    pub plan: Plan,
    /// How far it came.
    pub progress: Progress,
    /// How its last run ended; `None`: it was killed.
    pub outcome: Option<Outcome>,
}

impl Record {
    /// What a story tells, if all of its journal could be read.
    pub fn of(story: Story) -> Option<Self> {
        if story.damage.is_some() {
            return None;
        }
        let outcome = story.outcome().cloned();
        Some(Self {
            id: story.id,
            plan: story.plan?,
            progress: story.progress,
            outcome,
        })
    }

    /// Whether it needs `resume` or `rollback`.
    pub fn unfinished(&self) -> bool {
        match &self.outcome {
            None | Some(Outcome::Stopped { .. } | Outcome::Halted { .. }) => true,
            Some(Outcome::Completed | Outcome::Incomplete { .. } | Outcome::RolledBack { .. }) => {
                false
            }
        }
    }

    /// Whether it reached its goal, but a hook after the promotion failed.
    pub fn hook_left(&self) -> bool {
        let Some(Outcome::Incomplete { failed }) = &self.outcome else {
            return false;
        };
        let step = |at: At| self.plan.stages.get(at.stage)?.steps.get(at.step);
        let hook = |at: At| step(at).is_some_and(|s| matches!(s.action, Action::Hook(_)));
        failed.iter().any(|f| hook(f.at))
    }

    /// The nodes whose role it tried to write into their files, and whether the role was seen
    /// there. Empty for a run that was put back.
    pub(super) fn roles_written(&self) -> Vec<(NodeName, bool)> {
        let ended = matches!(
            self.outcome,
            Some(Outcome::Completed | Outcome::Incomplete { .. })
        );
        let mut nodes = Vec::new();
        for (stage, s) in self.plan.stages.iter().enumerate().filter(|_| ended) {
            for (step, wrote) in s.steps.iter().enumerate() {
                if wrote.action == Action::Server(ServerAction::PersistRole) {
                    let done = self.progress.done.contains(&At { stage, step });
                    nodes.push((wrote.node.clone(), done));
                }
            }
        }
        nodes
    }
}

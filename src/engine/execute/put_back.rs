//! Puts back what a run has done: the steps of a failed stage. At the operator's request, also
//! everything of an interrupted run that can be put back.

use super::{Act, Executed, Execution, Failure, PassedSoFar, Watch, past_return};
use crate::actions::{Action, host::HostAction, sentinel::SentinelAction, server::ServerAction};
use crate::engine::journal::{At, BY_HAND, Effect, Entry, Journal, Outcome, Progress};
use crate::engine::{Mode, Stage, Step, Undo};
use crate::topology::Topology;

impl<A: Act, J: Journal, W: Watch> Execution<'_, A, J, W> {
    /// Puts back the interrupted stage, or returns the reason why it cannot. If the whole operation
    /// can be put back, it goes back to its beginning, and the roles are written into files again.
    pub async fn roll_back(&self, progress: &Progress, now: &Topology) -> Result<Executed, String> {
        let stages = || self.plan.stages.iter().enumerate();
        let passed = stages().find(|(index, stage)| past_return(stage, *index, progress, now));
        if let Some((_, stage)) = passed {
            return Err(format!(
                "it is past the point of no return of `{}`",
                stage.title
            ));
        }
        let whole = self.plan.goes_back_whole();
        // If the run died between two stages, nothing of the next stage was begun.
        let interrupted = self.interrupted(progress).map(|(index, _)| index);
        let last = progress.started.last().map(|at| at.stage);
        let mut outcome = Outcome::RolledBack {
            at: At {
                stage: interrupted.unwrap_or(0),
                step: 0,
            },
            why: BY_HAND.to_owned(),
        };
        for (index, stage) in stages().rev().filter(|(i, _)| Some(*i) <= last) {
            let reached = whole && stage.mode == Mode::Atomic;
            if Some(index) != interrupted && !reached {
                continue;
            }
            if let Err((at, why)) = self.undo(stage, index, progress).await {
                outcome = Outcome::Stopped { at, why };
                break;
            }
        }
        if whole && matches!(outcome, Outcome::RolledBack { .. }) {
            outcome = self.write_again(progress).await.unwrap_or(outcome);
        }
        // A step that is put back reports only that.
        Ok(PassedSoFar::default().with(self.end(outcome)))
    }

    /// Writes the roles into files again, now that all is put back. Returns the outcome if that
    /// fails.
    async fn write_again(&self, progress: &Progress) -> Option<Outcome> {
        for at in &progress.started {
            let step = self.plan.stages.get(at.stage)?.steps.get(at.step)?;
            if step.action != Action::Server(ServerAction::PersistRole) {
                continue;
            }
            if let Err(failure) = self.act.act(&step.node, &step.action).await {
                let why = format!("`{}`: {}", step.node, failure.why);
                return Some(Outcome::Stopped { at: *at, why });
            }
            let _ = self.journal.record(&Entry::Undone { at: *at }, false);
        }
        None
    }

    pub(super) async fn settle_atomic(
        &self,
        stage: &Stage,
        index: usize,
        at: At,
        failure: Failure,
    ) -> Outcome {
        let passed = stage
            .steps
            .iter()
            .take(at.step)
            .any(|s| s.undo == Undo::Impossible);
        let itself = stage
            .steps
            .get(at.step)
            .is_some_and(|s| s.undo == Undo::Impossible)
            && failure.effect == Effect::Unknown;
        if passed || itself {
            return Outcome::Stopped {
                at,
                why: failure.why,
            };
        }
        let places = |end| (0..end).map(|step| At { stage: index, step });
        let progress = Progress {
            started: places(at.step + 1).collect(),
            done: places(at.step).collect(),
            ..Progress::default()
        };
        match self.undo(stage, index, &progress).await {
            Ok(()) => Outcome::RolledBack {
                at,
                why: failure.why,
            },
            Err((_, why)) => Outcome::Stopped {
                at,
                why: format!("{}; and putting it back failed: {why}", failure.why),
            },
        }
    }

    /// Undoes the started steps of a stage, last first: the failed step too, because it may have
    /// taken effect before its answer was lost.
    pub(super) async fn undo(
        &self,
        stage: &Stage,
        index: usize,
        progress: &Progress,
    ) -> Result<(), (At, String)> {
        let mut left = Ok(());
        for (i, step) in stage.steps.iter().enumerate().rev() {
            let at = At {
                stage: index,
                step: i,
            };
            let Undo::By(undo) = &step.undo else { continue };
            if !progress.started.contains(&at) {
                continue;
            }
            // A later step of the plan itself has put it back.
            let done_by = |(step, later): (usize, &Step)| {
                later.action == *undo && progress.done.contains(&At { step, ..at })
            };
            if stage.steps.iter().enumerate().any(done_by) {
                let _ = self.journal.record(&Entry::Undone { at }, false);
                continue;
            }
            self.watch.undoing(step);
            if let Err(failure) = self.act.act(&step.node, undo).await {
                let _ = self.journal.record(
                    &Entry::UndoFailed {
                        at,
                        why: failure.why.clone(),
                    },
                    false,
                );
                let mut why = format!("`{}`: {}", step.node, failure.why);
                if matches!(undo, Action::Host(_)) && stands_alone(undo) {
                    why = format!("`{}`: {undo}: {}", step.node, failure.why);
                }
                left = Err((
                    at,
                    left.map_or_else(|(_, earlier)| format!("{earlier}; {why}"), |()| why.clone()),
                ));
                if stands_alone(undo) {
                    continue;
                }
                return left;
            }
            let _ = self.journal.record(&Entry::Undone { at }, false);
        }
        left
    }
}

/// Whether the other steps can be undone although this undo has failed: a change that stays at a
/// Sentinel, or a setting of a host that no other step needs.
fn stands_alone(undo: &Action) -> bool {
    matches!(
        undo,
        Action::Sentinel(SentinelAction::RestoreInfoPeriod { .. })
            | Action::Host(
                HostAction::SetKernel { .. }
                    | HostAction::KeepFile { .. }
                    | HostAction::DropFile { .. }
            )
    )
}

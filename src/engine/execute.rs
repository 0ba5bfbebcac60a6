//! Runs a plan: journal line, action, journal line; a stage's mode says what a failure does.
//!
//! Servers and hosts are behind [`Act`]. It prints nothing: progress goes to a [`Watch`].

mod past_return;
mod traits;

pub use traits::{Act, Failure, Watch};

use crate::actions::{Action, sentinel::SentinelAction, server::ServerAction};
use crate::engine::journal::{
    At, BY_HAND, Effect, Entry, INTERRUPTED, Journal, NodeFailure, Outcome, Progress,
};
use crate::engine::{Mode, Plan, Stage, Step, Undo};
use crate::topology::{NodeName, Topology};
use futures::StreamExt;
use past_return::past_return;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// One run of one plan.
pub struct Run<'a, A: Act, J: Journal, W: Watch> {
    /// The plan.
    pub plan: &'a Plan,
    /// The world.
    pub act: &'a A,
    /// Where lines go.
    pub journal: &'a J,
    /// Who looks on.
    pub watch: &'a W,
    /// How many nodes are worked on side by side.
    pub concurrency: usize,
    /// The operator wants to stop: the run ends before its next step, while it can be put back.
    pub interrupted: &'a AtomicBool,
}

/// How the steps of one node (or of one atomic stage) went.
enum Went {
    Through,
    Failed { at: At, failure: Failure },
}

impl<A: Act, J: Journal, W: Watch> Run<'_, A, J, W> {
    /// Runs the plan from its beginning.
    pub async fn start(&self) -> Outcome {
        self.go(&Progress::default()).await
    }

    /// Goes on where a run was cut short. `now` is what is seen now.
    ///
    /// An atomic stage that can still be undone is undone and starts over, with the waits before
    /// it, because what they proved no longer holds; past its irreversible step, the interrupted
    /// step is next. In the other stages every step that was not seen to be done is done again.
    pub async fn resume(&self, progress: &Progress, now: &Topology) -> Outcome {
        let mut progress = progress.clone();
        if let Some((index, stage)) = self.interrupted(&progress)
            && stage.mode == Mode::Atomic
            && !past_return(stage, index, &progress, now)
        {
            if let Err((at, why)) = self.undo(stage, index, &progress).await {
                return self.end(Outcome::Stopped { at, why });
            }
            let again = self.begins_with(index);
            progress.started.retain(|at| !again.contains(&at.stage));
            progress.done.retain(|at| !again.contains(&at.stage));
        }
        self.go(&progress).await
    }

    /// A stage with the waits right before it: undoing it may have cut the links they have seen.
    fn begins_with(&self, index: usize) -> RangeInclusive<usize> {
        let before = self.plan.stages.iter().take(index).rev();
        let waits = before.take_while(|stage| stage.mode == Mode::Gate).count();
        index - waits..=index
    }

    /// Puts back the interrupted stage, where it can be; the reason where it cannot. An operation
    /// all of which can be put back goes back to its beginning, and what it wrote into files is
    /// written again.
    pub async fn roll_back(&self, progress: &Progress, now: &Topology) -> Result<Outcome, String> {
        let stages = || self.plan.stages.iter().enumerate();
        let passed = stages().find(|(index, stage)| past_return(stage, *index, progress, now));
        if let Some((_, stage)) = passed {
            return Err(format!(
                "it is past the point of no return of `{}`",
                stage.title
            ));
        }
        let whole = self.plan.goes_back_whole();
        // Where it died between two stages nothing of the next was begun.
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
        Ok(self.end(outcome))
    }

    /// Writes the roles again, now that all is put back. Gives how it ended where that fails.
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

    /// The last stage that was begun and is not wholly done.
    fn interrupted(&self, progress: &Progress) -> Option<(usize, &Stage)> {
        let index = progress.started.last()?.stage;
        let stage = self.plan.stages.get(index)?;
        let whole =
            (0..stage.steps.len()).all(|step| progress.done.contains(&At { stage: index, step }));
        (!whole).then_some((index, stage))
    }

    async fn go(&self, progress: &Progress) -> Outcome {
        let mut incomplete = Vec::new();
        for (index, stage) in self.plan.stages.iter().enumerate() {
            let open: Vec<At> = (0..stage.steps.len())
                .map(|step| At { stage: index, step })
                .filter(|at| !progress.done.contains(at))
                .collect();
            if open.is_empty() || stage.mode == Mode::OnFailure {
                continue;
            }
            self.watch.stage(stage);
            match stage.mode {
                Mode::Atomic => {
                    if let Went::Failed { at, failure } = self.sequence(stage, &open).await {
                        let outcome = self.settle_atomic(stage, index, at, failure).await;
                        return self.end(outcome);
                    }
                }
                Mode::PerNode => {
                    let failed = self.side_by_side(stage, index, &open).await;
                    if !failed.is_empty() {
                        return self.end(Outcome::Halted { failed });
                    }
                }
                Mode::Gate => {
                    if let Some(first) = self
                        .side_by_side(stage, index, &open)
                        .await
                        .into_iter()
                        .next()
                    {
                        let why = format!("`{}`: {}", first.node, first.why);
                        return self.end(Outcome::RolledBack { at: first.at, why });
                    }
                }
                Mode::OnFailure => {}
                Mode::KeepGoing => incomplete.extend(self.side_by_side(stage, index, &open).await),
            }
        }
        let outcome = if incomplete.is_empty() {
            Outcome::Completed
        } else {
            Outcome::Incomplete { failed: incomplete }
        };
        self.end(outcome)
    }

    fn end(&self, outcome: Outcome) -> Outcome {
        // The outcome is true whether or not its line can be written; a missing line only makes
        // `resume` look again.
        let _ = self.journal.record(
            &Entry::Ended {
                outcome: outcome.clone(),
            },
            true,
        );
        outcome
    }

    async fn settle_atomic(
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

    /// Runs the nodes of a stage side by side; the failures, each put back where the mode says so.
    async fn side_by_side(&self, stage: &Stage, index: usize, open: &[At]) -> Vec<NodeFailure> {
        let mut nodes: Vec<&NodeName> = Vec::new();
        for step in &stage.steps {
            if !nodes.contains(&&step.node) {
                nodes.push(&step.node);
            }
        }
        let runs = nodes.into_iter().map(|node| async move {
            let mine = |at: &At| stage.steps.get(at.step).is_some_and(|s| s.node == *node);
            let steps: Vec<At> = open.iter().copied().filter(mine).collect();
            let Went::Failed { at, failure } = self.sequence(stage, &steps).await else {
                return None;
            };
            let put_back = if stage.mode == Mode::PerNode {
                let mut progress = Progress::default();
                // All of the node's steps up to the failed one, those of an earlier run of this
                // plan too.
                progress.started.extend(
                    (0..=at.step)
                        .map(|step| At { stage: index, step })
                        .filter(mine),
                );
                Some(self.undo(stage, index, &progress).await.is_ok())
            } else {
                None
            };
            Some(NodeFailure {
                at,
                node: node.clone(),
                why: failure.why,
                put_back,
            })
        });
        let results: Vec<Option<NodeFailure>> = futures::stream::iter(runs)
            .buffered(self.concurrency.max(1))
            .collect()
            .await;
        results.into_iter().flatten().collect()
    }

    async fn sequence(&self, stage: &Stage, steps: &[At]) -> Went {
        for (n, at) in steps.iter().enumerate() {
            let Some(step) = stage.steps.get(at.step) else {
                continue;
            };
            if let Some(why) = self.stops_before(*at) {
                return Went::Failed {
                    at: *at,
                    failure: Failure::none(why),
                };
            }
            // On disk before the first step of a stage is sent; inside a fence the time of an fsync
            // would be time without writes, and what those lines add can be found by looking at the
            // servers' roles.
            if let Err(e) = self.journal.record(&Entry::Started { at: *at }, n == 0) {
                let failure = Failure::none(format!("the journal cannot be written: {e}"));
                self.watch.failed(step, &failure.why);
                return Went::Failed { at: *at, failure };
            }
            self.watch.begun(step);
            let begun = Instant::now();
            match self.act.act(&step.node, &step.action).await {
                Ok(seen) => {
                    let took_ms = begun.elapsed().as_secs_f64() * 1e3;
                    let _ = self.journal.record(
                        &Entry::Done {
                            at: *at,
                            seen: seen.clone(),
                            took_ms,
                        },
                        false,
                    );
                    self.watch.done(step, &seen, took_ms);
                }
                Err(failure) => {
                    let entry = Entry::Failed {
                        at: *at,
                        why: failure.why.clone(),
                        effect: failure.effect,
                    };
                    let _ = self.journal.record(&entry, false);
                    self.watch.failed(step, &failure.why);
                    return Went::Failed { at: *at, failure };
                }
            }
        }
        Went::Through
    }

    /// Why the run is to stop, if all that was begun can be put back or stands by itself.
    fn stops_before(&self, at: At) -> Option<String> {
        let wanted = self.interrupted.load(Ordering::Relaxed);
        let why = if wanted {
            INTERRUPTED.to_owned()
        } else {
            self.act.lost()?
        };
        let irreversible = |(stage, step)| At { stage, step } < at;
        let mut steps = self.plan.numbered();
        let passed = steps.any(|(place, s)| s.undo == Undo::Impossible && irreversible(place));
        (!passed).then_some(why)
    }

    /// Undoes the started steps of a stage, last first: the failed step too, because it may have
    /// taken effect before its answer was lost.
    async fn undo(
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
            // A later step of the plan itself was seen to have put it back.
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
                let why = format!("`{}`: {}", step.node, failure.why);
                left = Err((
                    at,
                    left.map_or_else(|(_, earlier)| format!("{earlier}; {why}"), |()| why.clone()),
                ));
                // What stays at a Sentinel keeps nothing on the nodes from being put back.
                if matches!(
                    undo,
                    Action::Sentinel(SentinelAction::RestoreInfoPeriod { .. })
                ) {
                    continue;
                }
                return left;
            }
            let _ = self.journal.record(&Entry::Undone { at }, false);
        }
        left
    }
}

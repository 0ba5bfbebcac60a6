//! Runs a plan: journal line, action, journal line; a stage's mode says what a failure does.
//!
//! Servers and hosts are behind [`Act`]. It prints nothing: progress goes to a [`Watch`].

mod past_return;
mod put_back;
mod traits;

pub use traits::{Act, Failure, Transfers, Watch};

use crate::engine::journal::{
    At, Entry, Evidence, INTERRUPTED, Journal, NodeFailure, Outcome, Progress,
};
use crate::engine::run_facts::Passed;
use crate::engine::{Mode, Plan, Stage, Step, Undo};
use crate::topology::{NodeName, Topology};
use futures::StreamExt;
use past_return::past_return;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// One run of one plan.
pub struct Execution<'a, A: Act, J: Journal, W: Watch> {
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

/// A run that has ended.
#[derive(Debug)]
pub struct Executed {
    /// How it ended.
    pub outcome: Outcome,
    /// What its steps saw, in the order in which they ended.
    pub passed: Vec<Passed>,
}

/// What the steps saw so far.
#[derive(Default)]
struct PassedSoFar(Mutex<Vec<Passed>>);

impl PassedSoFar {
    fn push(&self, step: &Step, seen: &Evidence, (begun, ended): (Instant, Instant)) {
        let mut passed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        passed.push(Passed {
            step: step.clone(),
            seen: seen.clone(),
            begun,
            ended,
        });
    }

    fn with(self, outcome: Outcome) -> Executed {
        Executed {
            outcome,
            passed: self.0.into_inner().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// How the steps of one node (or of one atomic stage) went.
enum Went {
    Through,
    Failed { at: At, failure: Failure },
}

impl<A: Act, J: Journal, W: Watch> Execution<'_, A, J, W> {
    /// Runs the plan from its beginning.
    pub async fn start(&self) -> Executed {
        self.go(&Progress::default()).await
    }

    /// Resumes a run that was cut short. `now`: the topology as it is now.
    ///
    /// An atomic stage that can still be undone is undone and starts over. The waits before it
    /// start over, too, because their proof no longer holds. Past its irreversible step, the
    /// interrupted step is next. In other stages, every step that was not seen to be done is done
    /// again.
    pub async fn resume(&self, progress: &Progress, now: &Topology) -> Executed {
        let mut progress = progress.clone();
        if let Some((index, stage)) = self.interrupted(&progress)
            && stage.mode == Mode::Atomic
            && !past_return(stage, index, &progress, now)
        {
            if let Err((at, why)) = self.undo(stage, index, &progress).await {
                let outcome = self.end(Outcome::Stopped { at, why });
                return PassedSoFar::default().with(outcome);
            }
            let again = self.begins_with(index);
            progress.started.retain(|at| !again.contains(&at.stage));
            progress.done.retain(|at| !again.contains(&at.stage));
        }
        self.go(&progress).await
    }

    /// A stage with the waits right before it: its undo may have cut the links that the waits saw.
    fn begins_with(&self, index: usize) -> RangeInclusive<usize> {
        let before = self.plan.stages.iter().take(index).rev();
        let waits = before.take_while(|stage| stage.mode == Mode::Gate).count();
        index - waits..=index
    }

    /// The last stage that was begun and is not wholly done.
    fn interrupted(&self, progress: &Progress) -> Option<(usize, &Stage)> {
        let index = progress.started.last()?.stage;
        let stage = self.plan.stages.get(index)?;
        let whole =
            (0..stage.steps.len()).all(|step| progress.done.contains(&At { stage: index, step }));
        (!whole).then_some((index, stage))
    }

    async fn go(&self, progress: &Progress) -> Executed {
        let passed = PassedSoFar::default();
        let outcome = self.go_on(progress, &passed).await;
        passed.with(self.end(outcome))
    }

    /// Runs the open steps. Returns the outcome.
    async fn go_on(&self, progress: &Progress, passed: &PassedSoFar) -> Outcome {
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
                    let went = self.sequence(stage, &open, passed).await;
                    if let Went::Failed { at, failure } = went {
                        return self.settle_atomic(stage, index, at, failure).await;
                    }
                }
                Mode::PerNode => {
                    let failed = self.side_by_side(stage, (index, &open), passed).await;
                    if !failed.is_empty() {
                        return Outcome::Halted { failed };
                    }
                }
                Mode::Gate => {
                    let failed = self.side_by_side(stage, (index, &open), passed).await;
                    if let Some(first) = failed.into_iter().next() {
                        let why = first.named();
                        return Outcome::RolledBack { at: first.at, why };
                    }
                }
                Mode::OnFailure => {}
                Mode::KeepGoing => {
                    incomplete.extend(self.side_by_side(stage, (index, &open), passed).await);
                }
            }
        }
        if incomplete.is_empty() {
            Outcome::Completed
        } else {
            Outcome::Incomplete { failed: incomplete }
        }
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

    /// Runs the nodes of a stage side by side. Returns the failures; the mode decides whether each
    /// is put back.
    async fn side_by_side(
        &self,
        stage: &Stage,
        (index, open): (usize, &[At]),
        passed: &PassedSoFar,
    ) -> Vec<NodeFailure> {
        let mut nodes: Vec<&NodeName> = Vec::new();
        for step in &stage.steps {
            if !nodes.contains(&&step.node) {
                nodes.push(&step.node);
            }
        }
        let runs = nodes.into_iter().map(|node| async move {
            let mine = |at: &At| stage.steps.get(at.step).is_some_and(|s| s.node == *node);
            let steps: Vec<At> = open.iter().copied().filter(mine).collect();
            let Went::Failed { at, failure } = self.sequence(stage, &steps, passed).await else {
                return None;
            };
            let mut why = failure.why;
            let put_back = if stage.mode == Mode::PerNode {
                let mut progress = Progress::default();
                // All of the node's steps up to the failed one, those of an earlier run of this
                // plan too.
                progress.started.extend(
                    (0..=at.step)
                        .map(|step| At { stage: index, step })
                        .filter(mine),
                );
                let undone = self.undo(stage, index, &progress).await;
                if let Err((_, left)) = &undone {
                    why = format!("{why}; and putting it back failed: {left}");
                }
                Some(undone.is_ok())
            } else {
                None
            };
            Some(NodeFailure {
                at,
                node: node.clone(),
                why,
                put_back,
            })
        });
        let results: Vec<Option<NodeFailure>> = futures::stream::iter(runs)
            .buffered(self.concurrency.max(1))
            .collect()
            .await;
        results.into_iter().flatten().collect()
    }

    async fn sequence(&self, stage: &Stage, steps: &[At], passed: &PassedSoFar) -> Went {
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
            // The line of a stage's first step is on disk before that step is sent. Of the later
            // ones, those wait for it whose effect no look at the servers shows. The others do not:
            // inside a fence, writers would wait, too.
            let durable = n == 0 || stage.mode == Mode::Atomic && step.is_noted_first();
            if let Err(e) = self.journal.record(&Entry::Started { at: *at }, durable) {
                let failure = Failure::none(format!("the journal cannot be written: {e}"));
                self.watch.failed(step, &failure.why);
                return Went::Failed { at: *at, failure };
            }
            self.watch.begun(step);
            let begun = Instant::now();
            match self.act.act(&step.node, &step.action).await {
                Ok(seen) => {
                    let ended = Instant::now();
                    passed.push(step, &seen, (begun, ended));
                    let took_ms = (ended - begun).as_secs_f64() * 1e3;
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

    /// Why the run must stop, if everything begun can be put back or can stay as it is.
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
}

#[cfg(test)]
mod tests;

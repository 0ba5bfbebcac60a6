//! The result of each step of an operation, and for how long writes were stopped. Both come from
//! the journal's lines.

use super::snapshot::Snapshot;
use super::story::Story;
use super::{At, Effect, Entry, Evidence, Line, Moment};
use crate::actions::Action;
use crate::actions::server::ServerAction;
use crate::engine::{Mode, Undo};
use crate::topology::NodeName;
use jiff::Timestamp;

/// One step, done or put back once.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRecord {
    /// Which run of the operation, from 0.
    pub run: usize,
    /// Its place in the plan.
    pub at: At,
    /// It was put back, not done.
    pub back: bool,
    /// When it was begun.
    pub begun: Timestamp,
    /// How long it took, ms, where that is known.
    pub took_ms: Option<f64>,
    /// How it ended.
    pub end: End,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// It was seen to be done.
    Done(Evidence),
    /// It failed.
    Failed {
        /// Why.
        why: String,
        /// What is known of its effect; `None` if it was the undo of another step.
        effect: Option<Effect>,
    },
    /// The journal has no end for it.
    Open,
}

/// A time in which clients could not write.
#[derive(Debug, Clone, PartialEq)]
pub struct Stop {
    /// The node whose clients were stopped.
    pub node: NodeName,
    /// How long, ms; `None`: its end is not in the journal.
    pub ms: Option<f64>,
    /// It ended with the promotion of this node.
    pub promoted: Option<NodeName>,
    /// It ends by itself after that many ms; `None` where the server knows no such pause.
    pub at_most_ms: Option<u64>,
}

fn ms(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() * 1e3
}

impl Story {
    /// Every step that was begun or put back, in the order in which they were begun.
    pub fn steps(&self) -> Vec<StepRecord> {
        let mut told: Vec<StepRecord> = Vec::new();
        let mut run = 0;
        for line in &self.lines {
            match &line.entry {
                Entry::Resumed { .. } => run += 1,
                Entry::Started { at } => told.push(StepRecord {
                    run,
                    at: *at,
                    back: false,
                    begun: line.time,
                    took_ms: None,
                    end: End::Open,
                }),
                Entry::Done { at, seen, took_ms } => {
                    finish(&mut told, run, *at, Some(*took_ms), End::Done(seen.clone()));
                }
                Entry::Failed { at, why, effect } => {
                    let begun = told.iter().rfind(|t| t.at == *at).map(|t| t.begun);
                    let end = End::Failed {
                        why: why.clone(),
                        effect: Some(*effect),
                    };
                    finish(&mut told, run, *at, begun.map(|b| ms(b, line.time)), end);
                }
                Entry::Undone { at } => {
                    told.push(put_back(run, *at, line, End::Done(Evidence::default())));
                }
                Entry::UndoFailed { at, why } => {
                    let end = End::Failed {
                        why: why.clone(),
                        effect: None,
                    };
                    told.push(put_back(run, *at, line, end));
                }
                Entry::Planned { .. }
                | Entry::Observed { .. }
                | Entry::Connection { .. }
                | Entry::Hook { .. }
                | Entry::Ended { .. } => {}
            }
        }
        told
    }

    /// When writes were stopped, and for how long: from before the fence was sent to the end of the
    /// step that lifted it.
    pub fn stops(&self) -> Vec<Stop> {
        let mut stops = Vec::new();
        for (number, line) in self.lines.iter().enumerate() {
            let Entry::Started { at } = &line.entry else {
                continue;
            };
            let Some(step) = self.step(*at).filter(|s| s.action.fences()) else {
                continue;
            };
            let rest = &self.lines[number + 1..];
            let had_none = rest.iter().any(|l| {
                matches!(&l.entry, Entry::Failed { at: failed, effect: Effect::None, .. } if failed == at)
            });
            if had_none {
                continue;
            }
            let end = rest.iter().find_map(|l| self.ends(l, *at, &step.node));
            stops.push(Stop {
                node: step.node.clone(),
                ms: end.as_ref().map(|(time, _)| ms(line.time, *time)),
                promoted: end.and_then(|(_, promoted)| promoted),
                at_most_ms: if let Action::Server(ServerAction::PauseWrites { ms }) = step.action {
                    Some(ms)
                } else {
                    None
                },
            });
        }
        stops
    }

    /// When the fence of `at` on `node` ended, and which node was promoted, if that line tells it.
    fn ends(
        &self,
        line: &Line,
        fence: At,
        node: &NodeName,
    ) -> Option<(Timestamp, Option<NodeName>)> {
        match &line.entry {
            Entry::Done { at, .. } => {
                let step = self.step(*at)?;
                if step.action.promotes() {
                    return Some((line.time, Some(step.node.clone())));
                }
                (step.node == *node && step.action.unfences()).then_some((line.time, None))
            }
            Entry::Undone { at } if *at == fence => Some((line.time, None)),
            Entry::Undone { .. }
            | Entry::Planned { .. }
            | Entry::Observed { .. }
            | Entry::Connection { .. }
            | Entry::Hook { .. }
            | Entry::Started { .. }
            | Entry::Failed { .. }
            | Entry::UndoFailed { .. }
            | Entry::Resumed { .. }
            | Entry::Ended { .. } => None,
        }
    }

    /// The deployment before its first run, or after its last.
    pub fn snapshot(&self, wanted: Moment) -> Option<&Snapshot> {
        let mut seen = self.lines.iter().enumerate().filter_map(|(number, line)| {
            if let Entry::Observed { moment, snapshot } = &line.entry {
                (*moment == wanted).then_some((number, snapshot))
            } else {
                None
            }
        });
        let taken_up = self
            .lines
            .iter()
            .rposition(|l| matches!(l.entry, Entry::Resumed { .. }));
        match wanted {
            Moment::Before => seen.next(),
            // What was seen after an earlier run is not what the last one left.
            Moment::After => seen
                .next_back()
                .filter(|(number, _)| Some(*number) > taken_up),
        }
        .map(|(_, snapshot)| snapshot)
    }

    /// The steps of its plan that were not seen to be done, or were put back.
    pub fn undone(&self) -> Vec<At> {
        let stages = self
            .plan
            .iter()
            .flat_map(|plan| plan.stages.iter().enumerate());
        // Stages that are only for a failure do not count as undone.
        stages
            .filter(|(_, s)| s.mode != Mode::OnFailure)
            .flat_map(|(stage, s)| (0..s.steps.len()).map(move |step| At { stage, step }))
            .filter(|at| !self.progress.done.contains(at))
            .collect()
    }

    /// What puts that step back.
    pub fn undo_of(&self, at: At) -> Option<&Action> {
        match &self.step(at)?.undo {
            Undo::By(action) => Some(action),
            Undo::Nothing | Undo::Impossible => None,
        }
    }
}

fn put_back(run: usize, at: At, line: &Line, end: End) -> StepRecord {
    StepRecord {
        run,
        at,
        back: true,
        begun: line.time,
        took_ms: None,
        end,
    }
}

/// Ends the last step at that place that was begun and has no end yet. If the line of its beginning
/// is missing, there is nothing to end.
fn finish(told: &mut [StepRecord], run: usize, at: At, took_ms: Option<f64>, end: End) {
    let open = told
        .iter_mut()
        .rfind(|t| t.run == run && t.at == at && !t.back && t.end == End::Open);
    if let Some(step) = open {
        step.took_ms = took_ms;
        step.end = end;
    }
}

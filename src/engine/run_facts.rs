//! What the steps of a run saw. The executor provides it, and reports are made from it.

use crate::actions::Action;
use crate::engine::journal::{At, Evidence, Outcome};
use crate::engine::{Plan, Step};
use crate::topology::NodeName;
use std::collections::BTreeSet;
use std::time::Instant;

/// One step that was seen to be done.
#[derive(Debug, Clone)]
pub struct Passed {
    /// The step.
    pub step: Step,
    /// What it saw.
    pub seen: Evidence,
    /// When it was sent.
    pub begun: Instant,
    /// When its effect was seen.
    pub ended: Instant,
}

/// A run that has ended.
#[derive(Debug, Clone, Copy)]
pub struct RunFacts<'a> {
    /// Its id in the journal.
    pub id: &'a str,
    /// Its plan.
    pub plan: &'a Plan,
    /// What its steps saw.
    pub passed: &'a [Passed],
    /// The steps that an earlier run of the same plan had seen to be done.
    pub before: &'a BTreeSet<At>,
    /// How it ended.
    pub outcome: &'a Outcome,
}

impl<'a> RunFacts<'a> {
    /// Whether such a step was done, now or earlier, and was not put back.
    pub fn did(self, wanted: impl Fn(&Action) -> bool) -> bool {
        let stays = !matches!(self.outcome, Outcome::RolledBack { .. });
        let earlier = |at: &At| {
            let stage = self.plan.stages.get(at.stage);
            let step = stage.and_then(|s| s.steps.get(at.step));
            step.is_some_and(|s| wanted(&s.action) && !was_put_back(self.plan, self.outcome, s))
        };
        let now =
            |p: &Passed| wanted(&p.step.action) && !was_put_back(self.plan, self.outcome, &p.step);
        stays && (self.passed.iter().any(now) || self.before.iter().any(earlier))
    }

    /// Whether such a step on that node was done, now or earlier, and was not put back. After a
    /// rollback, other stages of the run may still stand.
    pub fn did_on(self, node: &NodeName, wanted: impl Fn(&Action) -> bool) -> bool {
        let back = |step: &Step| was_put_back(self.plan, self.outcome, step);
        let is = |step: &Step| step.node == *node && wanted(&step.action) && !back(step);
        let earlier = |at: &At| {
            let stage = self.plan.stages.get(at.stage);
            stage.and_then(|s| s.steps.get(at.step)).is_some_and(is)
        };
        self.passed.iter().any(|p| is(&p.step)) || self.before.iter().any(earlier)
    }

    /// What such a step has seen in this run, unless it was put back.
    pub fn saw(self, wanted: impl Fn(&Action) -> bool) -> Option<&'a Passed> {
        let stays = !matches!(self.outcome, Outcome::RolledBack { .. });
        let mut passed = self.passed.iter().filter(|_| stays);
        passed.find(|p| wanted(&p.step.action) && !was_put_back(self.plan, self.outcome, &p.step))
    }

    /// What such a step on that node has seen in this run.
    pub fn passed(self, node: &NodeName, wanted: impl Fn(&Action) -> bool) -> Option<&'a Passed> {
        let is = |p: &&Passed| p.step.node == *node && wanted(&p.step.action);
        self.passed.iter().find(is)
    }
}

/// Whether a step is one of what was put back.
pub fn was_put_back(plan: &Plan, outcome: &Outcome, step: &Step) -> bool {
    let within = |at: At| {
        let stage = plan.stages.get(at.stage);
        stage.is_some_and(|stage| stage.steps.contains(step))
    };
    match outcome {
        Outcome::RolledBack { at, .. } => within(*at),
        Outcome::Halted { failed } => failed
            .iter()
            .any(|f| f.put_back == Some(true) && f.node == step.node && within(f.at)),
        Outcome::Completed | Outcome::Incomplete { .. } | Outcome::Stopped { .. } => false,
    }
}

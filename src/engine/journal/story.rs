//! An operation as its journal tells it: its plan, who ran it, when, how far it came and how each
//! run ended. [`super::reader`] makes it.

use super::{At, BY_HAND, Entry, INTERRUPTED, Line, Outcome, Progress, reader};
use crate::actions::Action;
use crate::engine::{Operation, Plan, Step};
use crate::inventory::hooks::HookPoint;
use crate::topology::NodeName;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// One operation.
#[derive(Debug, Clone)]
pub struct Story {
    /// Its id.
    pub id: String,
    /// Why a part of its journal could not be read. What the operation did is then not known,
    /// whatever the other fields say.
    pub damage: Option<String>,
    /// The deployment that it names.
    pub deployment: Option<String>,
    /// When it began; `None` where neither the journal nor its name tells.
    pub begun: Option<Timestamp>,
    /// What was asked for; `None` where this replctl does not know such an operation.
    pub operation: Option<Operation>,
    /// Its plan; `None` where this replctl cannot read it.
    pub plan: Option<Plan>,
    /// The first run, and one for each time that it was taken up again.
    pub runs: Vec<PastRun>,
    /// How far it came.
    pub progress: Progress,
    /// Everything that could be read, in order.
    pub lines: Vec<Line>,
}

/// One run of an operation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PastRun {
    /// user@host.
    pub who: String,
    /// The process; old journals do not tell it.
    pub process: Option<u32>,
    /// What its claims on servers say of the process; old journals do not tell it.
    #[serde(skip)]
    pub claim: Option<String>,
    /// When it began.
    pub begun: Timestamp,
    /// When it wrote its last line.
    pub ended: Timestamp,
    /// How it ended; `None`: it was killed, or it is running.
    pub outcome: Option<Outcome>,
}

/// How an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stand {
    /// It is being worked on at this moment.
    Running,
    /// Every step was seen to be done.
    Done,
    /// The goal is reached; some nodes need more work.
    Incomplete,
    /// What was begun and had failed was put back.
    RolledBack,
    /// The operator's hook `before_promote` did not agree to it.
    Vetoed,
    /// Nodes failed and were put back, and the later stages were not begun.
    Halted,
    /// It could be neither finished nor put back.
    Stopped,
    /// The process that ran it died.
    CutShort,
    /// Not all of its journal can be read: what it did is not known.
    Unreadable,
}

/// A step that did not come to its end, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// Its place.
    #[serde(flatten)]
    pub at: At,
    /// Its node; `None` where the plan cannot be read.
    pub node: Option<NodeName>,
    /// What it was to do, in words.
    pub action: Option<String>,
    /// Why; `None`: the journal has no end for it.
    pub why: Option<String>,
}

impl Story {
    /// One of which nothing has been read yet.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            damage: None,
            deployment: None,
            begun: stamp(id),
            operation: None,
            plan: None,
            runs: Vec::new(),
            progress: Progress::default(),
            lines: Vec::new(),
        }
    }

    /// Notes that something of its journal cannot be read. The first reason stays.
    pub fn spoil(&mut self, why: String) {
        self.damage.get_or_insert(why);
    }

    /// Takes in the readable facts of an operation whose first line is not understood.
    pub(super) fn begin_unknown(&mut self, first: &[u8]) {
        let Some(head) = reader::head(first) else {
            return;
        };
        self.operation = serde_json::from_value(head.plan.operation).ok();
        self.begin(head.time, head.who, (head.process, head.claim));
    }

    /// Takes in one line.
    pub(super) fn take(&mut self, line: Line) {
        self.progress.take(&line.entry);
        match &line.entry {
            Entry::Planned {
                deployment,
                who,
                process,
                claim,
                plan,
                ..
            } => {
                self.deployment = Some(deployment.clone());
                self.operation = Some(plan.operation.clone());
                self.plan = Some((**plan).clone());
                self.begin(line.time, who.clone(), (*process, claim.clone()));
            }
            Entry::Resumed {
                who,
                process,
                claim,
            } => self.begin(line.time, who.clone(), (*process, claim.clone())),
            Entry::Connection { .. }
            | Entry::Observed { .. }
            | Entry::Started { .. }
            | Entry::Done { .. }
            | Entry::Failed { .. }
            | Entry::Undone { .. }
            | Entry::UndoFailed { .. }
            | Entry::Hook { .. }
            | Entry::Ended { .. } => {}
        }
        if let Some(run) = self.runs.last_mut() {
            // A look after the work does not count as work.
            if !matches!(line.entry, Entry::Observed { .. }) {
                run.ended = run.ended.max(line.time);
            }
            if let Entry::Ended { outcome } = &line.entry {
                run.outcome = Some(outcome.clone());
            }
        }
        self.lines.push(line);
    }

    fn begin(
        &mut self,
        time: Timestamp,
        who: String,
        (process, claim): (Option<u32>, Option<String>),
    ) {
        if self.runs.is_empty() {
            self.begun = Some(time);
        }
        self.runs.push(PastRun {
            who,
            process,
            claim,
            begun: time,
            ended: time,
            outcome: None,
        });
    }

    /// How its last run ended; `None`: it was killed, or it is running.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.runs.last()?.outcome.as_ref()
    }

    /// Whether it must be resumed, rolled back or abandoned before all is known to be well.
    /// `holder` as for [`Story::stand`].
    pub fn is_open(&self, holder: Option<&str>) -> bool {
        match self.stand(holder) {
            Stand::Halted | Stand::Stopped | Stand::CutShort | Stand::Unreadable => true,
            Stand::Running
            | Stand::Done
            | Stand::Incomplete
            | Stand::RolledBack
            | Stand::Vetoed => false,
        }
    }

    /// How it stands. `holder`: the present holder of the lock, in the lock's own words.
    pub fn stand(&self, holder: Option<&str>) -> Stand {
        let Some(run) = self.runs.last() else {
            return Stand::Unreadable;
        };
        if self.damage.is_some() {
            return if run.is(holder) {
                Stand::Running
            } else {
                Stand::Unreadable
            };
        }
        match &run.outcome {
            Some(Outcome::Completed) => Stand::Done,
            Some(Outcome::Incomplete { .. }) => Stand::Incomplete,
            Some(Outcome::RolledBack { at, why }) if self.is_veto(*at, why) => Stand::Vetoed,
            Some(Outcome::RolledBack { .. }) => Stand::RolledBack,
            Some(Outcome::Halted { .. }) => Stand::Halted,
            Some(Outcome::Stopped { .. }) => Stand::Stopped,
            None if run.is(holder) => Stand::Running,
            None => Stand::CutShort,
        }
    }

    fn is_veto(&self, at: At, why: &str) -> bool {
        let action = self.step(at).map(|s| &s.action);
        let by_the_operator = [BY_HAND, INTERRUPTED].contains(&why);
        !by_the_operator
            && matches!(action, Some(Action::Hook(hook)) if hook.point == HookPoint::BeforePromote)
    }

    /// Who ran it last.
    pub fn who(&self) -> Option<&str> {
        self.runs.last().map(|run| run.who.as_str())
    }

    /// How long its runs took together.
    pub fn took(&self) -> SignedDuration {
        let each = self.runs.iter().map(|r| r.ended.duration_since(r.begun));
        each.fold(SignedDuration::ZERO, SignedDuration::saturating_add)
    }

    /// What was typed behind `replctl`, if that is known; else the end of the id.
    pub fn line(&self) -> String {
        self.operation.as_ref().map_or_else(
            || {
                let name = self.id.split_once('-').map_or("", |(_, name)| name);
                name.replacen('-', " ", 1)
            },
            Operation::line,
        )
    }

    /// Whether a step of its plan is on that node.
    pub fn touches(&self, node: &NodeName) -> bool {
        let named = self.operation.as_ref().and_then(Operation::node) == Some(node);
        let plan = self.plan.as_ref();
        named || plan.is_some_and(|plan| plan.steps().any(|s| s.node == *node))
    }

    /// The step of that place.
    pub fn step(&self, at: At) -> Option<&Step> {
        self.plan.as_ref()?.stages.get(at.stage)?.steps.get(at.step)
    }

    /// The steps that its last run ended with; for a run that was killed, the one it died at.
    pub fn troubles(&self) -> Vec<Trouble> {
        let trouble = |at: At, why: Option<&str>| Trouble {
            at,
            node: self.step(at).map(|s| s.node.clone()),
            action: self.step(at).map(|s| s.action.to_string()),
            why: why.map(str::to_owned),
        };
        match self.runs.last().map(|run| &run.outcome) {
            Some(Some(Outcome::RolledBack { at, why } | Outcome::Stopped { at, why })) => {
                vec![trouble(*at, Some(why))]
            }
            Some(Some(Outcome::Incomplete { failed } | Outcome::Halted { failed })) => {
                let all = failed.iter().map(|f| trouble(f.at, Some(&f.why)));
                all.collect()
            }
            Some(None) => {
                let open = self.progress.started.difference(&self.progress.done);
                open.map(|at| trouble(*at, None)).collect()
            }
            Some(Some(Outcome::Completed)) | None => Vec::new(),
        }
    }
}

impl PastRun {
    /// Whether it is the one that holds the lock.
    fn is(&self, holder: Option<&str>) -> bool {
        self.process
            .is_some_and(|process| holder == Some(&super::holder(&self.who, process)))
    }
}

/// The time in the name of a journal.
pub(super) fn stamp(id: &str) -> Option<Timestamp> {
    let (stamp, _) = id.split_once('-')?;
    jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S%.fZ", stamp)
        .ok()?
        .to_zoned(jiff::tz::TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}

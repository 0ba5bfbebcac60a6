//! An operation as its journal tells it to people: who ran it, when, and how each run ended. It reads old journals, and of those that a newer replctl
//! wrote what it knows.

use super::{At, Entry, Line, Outcome, Progress};
use crate::inventory::hooks::HookPoint;
use crate::plan::{Action, Operation, Plan, Step};
use crate::topology::NodeName;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// One operation.
#[derive(Debug, Clone)]
pub struct Story {
    /// Its id.
    pub id: String,
    /// When it began; `None` where neither the journal nor its name tells.
    pub begun: Option<Timestamp>,
    /// What was asked for; `None` where this replctl does not know such an operation.
    pub operation: Option<Operation>,
    /// Its plan; `None` where this replctl cannot read it.
    pub plan: Option<Plan>,
    /// The first run, and one for each time that it was taken up again.
    pub runs: Vec<Run>,
    /// How far it came.
    pub progress: Progress,
    /// Everything that could be read, in order.
    pub lines: Vec<Line>,
}

/// One run of an operation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// user@host.
    pub who: String,
    /// The process; old journals do not tell it.
    pub process: Option<u32>,
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
    /// Whoever ran it died.
    CutShort,
    /// Its journal cannot be read.
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
    /// Why; `None`: nothing was heard of it any more.
    pub why: Option<String>,
}

/// What is told of an operation whose plan is not understood.
#[derive(Deserialize)]
struct Head {
    time: Timestamp,
    #[serde(default)]
    who: String,
    #[serde(default)]
    process: Option<u32>,
    #[serde(default)]
    plan: serde_json::Value,
}

impl Story {
    /// Reads the text of a journal. A last line that is cut, and lines this replctl does not know, are left out.
    pub fn read(id: &str, text: &[u8]) -> Self {
        let mut this = Self {
            id: id.to_owned(),
            begun: stamp(id),
            operation: None,
            plan: None,
            runs: Vec::new(),
            progress: Progress::default(),
            lines: Vec::new(),
        };
        for (number, line) in text.split(|b| *b == b'\n').enumerate() {
            if let Ok(line) = serde_json::from_slice::<Line>(line) {
                this.take(line);
            } else if let Some(head) = (number == 0)
                .then(|| serde_json::from_slice::<Head>(line).ok())
                .flatten()
            {
                let operation = head.plan.get("operation").cloned().unwrap_or_default();
                this.operation = serde_json::from_value(operation).ok();
                this.begin(head.time, head.who, head.process);
            }
        }
        this
    }

    fn take(&mut self, line: Line) {
        self.progress.take(&line.entry);
        match &line.entry {
            Entry::Planned {
                who, process, plan, ..
            } => {
                self.operation = Some(plan.operation.clone());
                self.plan = Some((**plan).clone());
                self.begin(line.time, who.clone(), *process);
            }
            Entry::Resumed { who, process } => self.begin(line.time, who.clone(), *process),
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
            // What was looked at afterwards is no part of the work.
            if !matches!(line.entry, Entry::Observed { .. }) {
                run.ended = run.ended.max(line.time);
            }
            if let Entry::Ended { outcome } = &line.entry {
                run.outcome = Some(outcome.clone());
            }
        }
        self.lines.push(line);
    }

    fn begin(&mut self, time: Timestamp, who: String, process: Option<u32>) {
        if self.runs.is_empty() {
            self.begun = Some(time);
        }
        self.runs.push(Run {
            who,
            process,
            begun: time,
            ended: time,
            outcome: None,
        });
    }

    /// How it stands. `holder`: whoever holds the lock now, in the lock's own words.
    pub fn stand(&self, holder: Option<&str>) -> Stand {
        let Some(run) = self.runs.last() else {
            return Stand::Unreadable;
        };
        match &run.outcome {
            Some(Outcome::Completed) => Stand::Done,
            Some(Outcome::Incomplete { .. }) => Stand::Incomplete,
            Some(Outcome::RolledBack { at, .. }) if self.is_veto(*at) => Stand::Vetoed,
            Some(Outcome::RolledBack { .. }) => Stand::RolledBack,
            Some(Outcome::Halted { .. }) => Stand::Halted,
            Some(Outcome::Stopped { .. }) => Stand::Stopped,
            None if run.is(holder) => Stand::Running,
            None => Stand::CutShort,
        }
    }

    fn is_veto(&self, at: At) -> bool {
        let action = self.step(at).map(|s| &s.action);
        matches!(action, Some(Action::Hook(hook)) if hook.point == HookPoint::BeforePromote)
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

    /// What was typed behind `replctl`, as far as it is known: the end of the id, else.
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

impl Run {
    /// Whether it is the one that holds the lock.
    fn is(&self, holder: Option<&str>) -> bool {
        self.process
            .is_some_and(|process| holder == Some(&super::holder(&self.who, process)))
    }
}

/// The time in the name of a journal.
fn stamp(id: &str) -> Option<Timestamp> {
    let (stamp, _) = id.split_once('-')?;
    jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S%.fZ", stamp)
        .ok()?
        .to_zoned(jiff::tz::TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// As the first replctl wrote it.
    const OLD: &str = concat!(
        r#"{"time":"2025-11-01T10:00:00Z","event":"planned","format":1,"deployment":"orders","who":"ann@ops","plan":{"operation":{"detach":{"node":"slave2"}},"#,
        r#""stages":[{"title":"detach slave2","mode":"atomic","steps":[{"node":"slave2","action":"promote","undo":"impossible"}]}],"warnings":[],"may_lose":null}}"#,
        "\n",
        r#"{"time":"2025-11-01T10:00:01Z","event":"started","at":{"stage":0,"step":0}}"#,
        "\n",
    );
    const ID: &str = "20251101T095959.500Z-detach-slave2";

    #[test]
    fn an_old_journal_that_was_cut_short_tells_its_step() {
        let story = Story::read(ID, OLD.as_bytes());
        assert_eq!(story.stand(None), Stand::CutShort);
        assert_eq!(
            story.stand(Some("ann@ops, process 7")),
            Stand::CutShort,
            "no process is known of it"
        );
        assert_eq!(
            (story.who(), story.line().as_str()),
            (Some("ann@ops"), "detach slave2")
        );
        assert_eq!(story.took().as_secs(), 1);
        let [trouble] = &story.troubles()[..] else {
            panic!("{:?}", story.troubles());
        };
        assert_eq!(trouble.action.as_deref(), Some("make it primary"));
        assert_eq!(trouble.why, None);
        assert!(story.touches(&"slave2".into()) && !story.touches(&"master".into()));
    }

    #[test]
    fn each_time_it_is_taken_up_is_a_run() {
        let text = format!(
            "{OLD}{{\"time\":\"2025-11-01T10:00:\n{}\n{}\n",
            r#"{"time":"2025-11-01T12:00:00Z","event":"resumed","who":"bob@ops","process":42}"#,
            r#"{"time":"2025-11-01T12:00:02Z","event":"of-tomorrow","more":1}"#,
        );
        let story = Story::read(ID, text.as_bytes());
        assert_eq!((story.runs.len(), story.who()), (2, Some("bob@ops")));
        assert_eq!(story.stand(Some("bob@ops, process 42")), Stand::Running);
        assert_eq!(story.stand(Some("bob@ops, process 43")), Stand::CutShort);
        let ended =
            r#"{"time":"2025-11-01T12:00:03Z","event":"ended","outcome":{"outcome":"completed"}}"#;
        let story = Story::read(ID, format!("{text}{ended}\n").as_bytes());
        assert_eq!(story.stand(None), Stand::Done);
        assert!(story.troubles().is_empty());
        // The two hours between the runs are not counted.
        assert_eq!(story.took().as_secs(), 1 + 3);
    }

    #[test]
    fn what_this_replctl_does_not_know_is_told_as_far_as_it_goes() {
        let plan = r#"{"time":"2025-11-01T10:00:00Z","event":"planned","format":2,"deployment":"orders","who":"ann@ops","plan":{"operation":{"teleport":{"node":"slave2"}}}}"#;
        let story = Story::read("20251101T100000.000Z-teleport-slave2", plan.as_bytes());
        assert_eq!(story.line(), "teleport slave2");
        assert_eq!(
            (story.who(), story.stand(None)),
            (Some("ann@ops"), Stand::CutShort)
        );
        let story = Story::read(ID, b"\xff\x00 not a journal");
        assert_eq!(
            (story.line().as_str(), story.stand(None)),
            ("detach slave2", Stand::Unreadable)
        );
        assert_eq!(story.begun.unwrap().to_string(), "2025-11-01T09:59:59.5Z");
        assert_eq!(Story::read("notes", b"").begun, None);
    }
}

//! The journal: one JSON line before and after each step of an operation, so that a run that died
//! can be resumed.
//!
//! It never holds a secret: plans carry placeholders, and servers' replies are cut to what was
//! asked for.

use crate::engine::Plan;
use crate::inventory::hooks::HookPoint;
use crate::topology::clients::Census;
use crate::topology::{Address, NodeName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use snapshot::Snapshot;
use std::collections::BTreeSet;
use std::io;

pub mod reader;
pub mod snapshot;
pub mod steps;
pub mod store;
pub mod story;

/// The recorded reason if the operator rolled an operation back.
pub const BY_HAND: &str = "the operator asked for it";
/// The recorded reason if an operation was put back after Ctrl-C.
pub const INTERRUPTED: &str = "interrupted";

/// The place of a step in its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct At {
    /// Index of the stage.
    pub stage: usize,
    /// Index of the step in its stage.
    pub step: usize,
}

/// What a line of the journal says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Entry {
    /// The first line: the whole plan, before anything is touched.
    Planned {
        /// Version of this format.
        format: u32,
        /// Its place in the order of all operations on this deployment from this machine,
        /// independent of the clock. The first journals had none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sequence: Option<u64>,
        /// The unfinished operations that it left behind: they can no longer be resumed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        overtakes: Vec<String>,
        /// The deployment's name.
        deployment: String,
        /// Who ran it: user@host.
        who: String,
        /// The process that ran it; journals had none at first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        process: Option<u32>,
        /// What its claims on servers say of the process; journals had none at first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        claim: Option<String>,
        /// The plan.
        plan: Box<Plan>,
    },
    /// The deployment as it was seen before a run, or after it. Journals had none at first.
    Observed {
        /// When.
        moment: Moment,
        /// What.
        snapshot: Snapshot,
    },
    /// The connection over which a promotion will be sent. Killing this connection resolves a doubt
    /// about the promotion.
    Connection {
        /// The node.
        node: NodeName,
        /// `CLIENT ID` there.
        client_id: u64,
    },
    /// A step is about to be sent.
    Started {
        /// Which.
        at: At,
    },
    /// A step was seen to be done.
    Done {
        /// Which.
        at: At,
        /// What was seen.
        seen: Evidence,
        /// Milliseconds it took.
        took_ms: f64,
    },
    /// A step failed.
    Failed {
        /// Which.
        at: At,
        /// Why, in one sentence.
        why: String,
        /// What is known about its effect.
        effect: Effect,
    },
    /// A step was put back.
    Undone {
        /// Which.
        at: At,
    },
    /// A step could not be put back.
    UndoFailed {
        /// Which.
        at: At,
        /// Why.
        why: String,
    },
    /// Another run took the operation up again.
    Resumed {
        /// Who.
        who: String,
        /// The process that ran it; journals had none at first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        process: Option<u32>,
        /// What its claims on servers say of the process; journals had none at first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        claim: Option<String>,
    },
    /// A hook was run: how it ended, and the last lines of what it said.
    Hook {
        /// Which.
        hook: HookPoint,
        /// Its exit status; `None` where a signal ended it.
        exit: Option<i32>,
        /// The signal that ended it, if replctl did not send it.
        signal: Option<i32>,
        /// It took too long and was ended.
        timed_out: bool,
        /// Milliseconds it took.
        took_ms: f64,
        /// The last lines of its output and its errors, escaped.
        output: Vec<String>,
    },
    /// The last line of a run.
    Ended {
        /// How.
        outcome: Outcome,
    },
}

/// Before a run, or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Before its first step.
    Before,
    /// After its last.
    After,
}

/// The evidence of a step, for the proof and for the reader of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// In words.
    pub text: String,
    /// The offset that had to be reached, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<u64>,
    /// The offset this node had, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// How the node got in sync.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resync: Option<Resync>,
    /// From the beginning of the step until the last Sentinel named the new primary, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named_ms: Option<u64>,
    /// The written role was read back as the next start reads it; `false`: the role was written,
    /// but not read back in this way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_back: Option<bool>,
    /// The clients of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<Box<Census>>,
    /// What the operator has to know in any case. [`Self::text`] has it, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// How a replica got in sync with a new upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resync {
    /// From the backlog: only what was missing was sent.
    Partial,
    /// All data was sent.
    Full,
}

/// What is known about the effect of a step that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It certainly has none.
    None,
    /// It may have one.
    Unknown,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// Every step was seen to be done.
    Completed,
    /// The goal is reached; some nodes need more work.
    Incomplete {
        /// Each with its reason.
        failed: Vec<NodeFailure>,
    },
    /// The failed stage was put back as a whole.
    RolledBack {
        /// The step that failed.
        at: At,
        /// Why.
        why: String,
    },
    /// Nodes failed and were put back; the others are as the plan made them; the later stages were
    /// not begun.
    Halted {
        /// Each with its reason.
        failed: Vec<NodeFailure>,
    },
    /// It could be neither finished nor put back: resume it.
    Stopped {
        /// The step that failed.
        at: At,
        /// Why.
        why: String,
    },
}

/// A node whose step failed in a stage where the others go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFailure {
    /// The step.
    pub at: At,
    /// The node.
    pub node: NodeName,
    /// Why.
    pub why: String,
    /// Whether the node was put back; `None` where nothing is put back in this kind of stage.
    pub put_back: Option<bool>,
}

impl NodeFailure {
    /// Why, with the node before it.
    pub fn named(&self) -> String {
        format!("{}{}", before(&self.node), self.why)
    }
}

/// Such a reason without the node before it.
pub fn unnamed<'a>(node: &NodeName, why: &'a str) -> &'a str {
    why.strip_prefix(&before(node)).unwrap_or(why)
}

fn before(node: &NodeName) -> String {
    format!("`{node}`: ")
}

/// One line: when, and what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When it was written.
    pub time: Timestamp,
    /// What it says.
    #[serde(flatten)]
    pub entry: Entry,
}

/// Where entries go.
pub trait Journal: Sync {
    /// Writes one entry. `durable`: it must outlive a power failure of the operator's machine, not
    /// only the end of this process.
    fn record(&self, entry: &Entry, durable: bool) -> io::Result<()>;
}

/// How far an operation came, as its journal tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Steps that were begun and not put back.
    pub started: BTreeSet<At>,
    /// Steps that were seen to be done and not put back.
    pub done: BTreeSet<At>,
    /// Connections over which promotions were sent.
    pub connections: Vec<(NodeName, u64)>,
}

impl Entry {
    /// Whether it records a failure, an undo, or the end of a run. The journal keeps disk space for
    /// such lines.
    pub fn tells_an_end(&self) -> bool {
        match self {
            Self::Failed { .. }
            | Self::Undone { .. }
            | Self::UndoFailed { .. }
            | Self::Ended { .. } => true,
            Self::Planned { .. }
            | Self::Observed { .. }
            | Self::Connection { .. }
            | Self::Started { .. }
            | Self::Done { .. }
            | Self::Resumed { .. }
            | Self::Hook { .. } => false,
        }
    }
}

impl Progress {
    /// Takes in one entry.
    pub fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Started { at } => {
                self.started.insert(*at);
                self.done.remove(at);
            }
            Entry::Done { at, .. } => {
                self.done.insert(*at);
            }
            Entry::Failed {
                at,
                effect: Effect::None,
                ..
            }
            | Entry::Undone { at } => {
                self.started.remove(at);
                self.done.remove(at);
            }
            Entry::Connection { node, client_id } => {
                self.connections.push((node.clone(), *client_id));
            }
            Entry::Planned { .. }
            | Entry::Observed { .. }
            | Entry::Failed {
                effect: Effect::Unknown,
                ..
            }
            | Entry::UndoFailed { .. }
            | Entry::Resumed { .. }
            | Entry::Hook { .. }
            | Entry::Ended { .. } => {}
        }
    }
}

/// The holder of the lock, in the lock's own words.
pub fn holder(who: &str, process: u32) -> String {
    format!("{who}, process {process}")
}

/// A pending demotion: a primary that was replaced and does not follow its successor yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingDemotion {
    /// The node.
    pub node: NodeName,
    /// Where it should replicate from.
    pub address: Address,
    /// Since when.
    pub since: Timestamp,
}

//! Nodes that replctl did not make, and makes its own. Pure.

use super::Matter;
use crate::topology::NodeName;
use crate::topology::phrases::bytes as size;

/// Nodes that replctl makes its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adopt {
    /// The node runs with these settings, and its file does not say so.
    ChangedLive(Vec<String>),
    /// Sentinels watch, and see it restart.
    Sentinels,
    /// The node is the primary, and this one takes over first.
    HandsOver {
        /// The new primary.
        to: NodeName,
        /// It gives that back at the end.
        back: bool,
    },
    /// The node is a primary without a replica: it is away for a while, with so many bytes.
    Pause(u64),
    /// Its primary refuses writes while it is restarted.
    TooFewReplicas(TooFew),
    /// Its server writes all that it runs with into this file, because its arguments are hidden.
    FileRewritten(String),
    /// What its former unit sets besides the program is not taken over.
    UnitStays {
        /// `….service`.
        unit: String,
        /// The files that add to it.
        drop_ins: Vec<String>,
        /// The words before the program in its command.
        before: String,
    },
    /// Its former files stay where they are.
    FilesStay(String),
}

/// A primary with too few replicas while one of them is restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooFew {
    /// The primary.
    pub primary: NodeName,
    /// `min-replicas-to-write`.
    pub wants: u64,
    /// Replicas in sync that are left.
    pub left: u64,
    /// The data of the replica, bytes.
    pub bytes: u64,
}

impl From<Adopt> for Matter {
    fn from(it: Adopt) -> Self {
        Self::Adopt(it)
    }
}

impl Adopt {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::ChangedLive(_) => "changed-at-run-time",
            Self::Sentinels => "sentinels-see-restart",
            Self::HandsOver { .. } => "hands-over-first",
            Self::Pause(_) => "pause",
            Self::TooFewReplicas(_) => "writes-refused",
            Self::FileRewritten(_) => "former-file-rewritten",
            Self::UnitStays { .. } => "former-unit-stays",
            Self::FilesStay(_) => "former-files-stay",
        }
    }

    pub(super) fn holds_for_many(&self) -> bool {
        matches!(self, Self::Sentinels)
    }

    pub(super) fn text(&self, node: &str) -> String {
        match self {
            Self::ChangedLive(settings) => {
                let all: Vec<String> = settings.iter().map(|s| format!("`{s}`")).collect();
                format!(
                    "`{node}` runs with {}, which its file does not have: `adopt` keeps these values",
                    all.join(", ")
                )
            }
            Self::Sentinels => format!(
                "Sentinels watch `{node}`, and it does not answer while it is restarted. If that takes longer than their `down-after-milliseconds`, they mark it as down until it answers. A replica that is down never makes them promote another node"
            ),
            Self::HandsOver { to, back: false } => format!(
                "`{node}` is the primary: `{to}` takes over before `{node}` is restarted, and stays the primary. Clients must then write to `{to}`. To make `{node}` the primary again afterwards: replctl promote {node}"
            ),
            Self::HandsOver { to, back: true } => format!(
                "`{node}` is the primary: `{to}` takes over before `{node}` is restarted; when this is done, `{node}` is promoted again"
            ),
            Self::Pause(bytes) => format!(
                "`{node}` has no replica that could take over: nobody can read or write until its {} are saved, copied and loaded again; that takes some seconds for each GiB",
                size(*bytes)
            ),
            Self::TooFewReplicas(it) => format!(
                "`{primary}` has `min-replicas-to-write {}`, and {} in sync while `{node}` is restarted: `{primary}` refuses writes until the {} of `{node}` are saved, copied and loaded again; that takes some seconds for each GiB",
                it.wants,
                replicas(it.left),
                size(it.bytes),
                primary = it.primary,
            ),
            Self::FileRewritten(file) => format!(
                "`{node}` was started by hand with arguments that its process does not show: `adopt` has the server write all its settings into {file} (CONFIG REWRITE). If the adoption fails, replctl starts it again with that file and without arguments, and the file stays as the server wrote it"
            ),
            Self::UnitStays {
                unit,
                drop_ins,
                before,
            } => unit_stays(node, unit, drop_ins, before),
            Self::FilesStay(folder) => format!(
                "the former files of `{node}` stay in {folder}: replctl uses them again if the adoption of `{node}` fails"
            ),
        }
    }
}

fn replicas(n: u64) -> String {
    match n {
        0 => "no replica".to_owned(),
        1 => "one replica".to_owned(),
        n => format!("{n} replicas"),
    }
}

fn unit_stays(node: &str, unit: &str, drop_ins: &[String], before: &str) -> String {
    let mut what = "its `Restart=`, its limits, its environment".to_owned();
    if !before.is_empty() {
        what = format!("{what}, `{before}` before its program");
    }
    if !drop_ins.is_empty() {
        what = format!("{what}, its drop-ins ({})", drop_ins.join(", "));
    }
    format!(
        "replctl's unit starts `{node}` at boot. It does not restart `{node}` after a crash. It keeps none of these of {unit}: {what}"
    )
}

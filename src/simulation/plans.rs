//! What each planner does, to be read: `tests/plans/*.txt` has for each case the topology in words,
//! the command and the plan. They are made anew here and compared, and so specify the planners.
//!
//! `UPDATE=1` writes them instead: what a change to a planner means is then seen in the diff.

mod adopt;
mod members;
mod returning;
mod roles;

use crate::engine::{Operation, Plan, Refusal, Undo};
use crate::output;
use crate::topology::{Link, Node, State, Topology};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// All planners, each with a file.
const PLANNERS: [&str; 13] = [
    "add",
    "adopt",
    "detach",
    "move",
    "promote",
    "promote-sentinel",
    "rejoin",
    "remove",
    "repair",
    "replay",
    "sentinel-remove",
    "sentinel-setup",
    "setup",
];

/// The cases of one planner, in order.
struct Snapshot {
    planner: &'static str,
    text: String,
}

impl Snapshot {
    fn of(planner: &'static str, what: &str) -> Self {
        assert!(PLANNERS.contains(&planner), "{planner} is not in the list");
        Self {
            planner,
            text: format!("{what}\n"),
        }
    }

    /// One case: what is so, what the operator asks for, and what comes of it. `besides`: what is
    /// known beside the topology, a line for each.
    fn case(
        &mut self,
        title: &str,
        topology: &Topology,
        besides: &[&str],
        operation: &Operation,
        planned: Result<Plan, Vec<Refusal>>,
    ) {
        let _ = write!(self.text, "\n## {title}\n\n{}", in_words(topology));
        for line in besides {
            let _ = writeln!(self.text, "{line}");
        }
        let _ = writeln!(self.text, "\n$ replctl {}", operation.line());
        match planned {
            Ok(plan) => {
                assert_eq!(plan.operation.line(), operation.line());
                self.text.push_str(&plan_in_words(&plan));
            }
            Err(refusals) => {
                assert!(!refusals.is_empty(), "refused without a reason");
                for Refusal { why, hint, .. } in refusals {
                    let _ = writeln!(self.text, "refused: {why}\n   hint: {hint}");
                }
            }
        }
    }

    /// Compares it with the file, or writes it.
    fn hold(&self) {
        let file = folder().join(format!("{}.txt", self.planner));
        if std::env::var_os("UPDATE").is_some_and(|v| v == "1") {
            std::fs::write(&file, &self.text).unwrap();
            return;
        }
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        let first = self.text.lines().zip(written.lines());
        let first = first.enumerate().find(|(_, (now, then))| now != then);
        assert!(
            self.text == written,
            "{} is not what is planned (UPDATE=1 writes it anew); the first line that differs: {first:?}",
            file.display()
        );
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans")
}

/// A line for each node.
fn in_words(topology: &Topology) -> String {
    let widest = topology.nodes.iter().map(|n| n.name.0.len()).max();
    let width = widest.unwrap_or(0);
    let mut out = String::new();
    for node in &topology.nodes {
        let _ = writeln!(
            out,
            "{:width$}  {}",
            node.name.0,
            one_in_words(node, topology)
        );
    }
    out
}

fn one_in_words(node: &Node, topology: &Topology) -> String {
    let server = match &node.state {
        State::Down(trouble) => return format!("does not answer: {}", trouble.detail),
        State::Up(server) => server,
    };
    let role = match node.upstream() {
        None => "primary".to_owned(),
        Some(up) => {
            let of = topology.upstream_of(node);
            let of = of.map_or_else(|| up.address.to_string(), |of| of.name.to_string());
            let link = match up.link {
                Link::Up => "",
                Link::Down => ", link down",
            };
            format!("replica of {of}{link}")
        }
    };
    let keys = match server.key_count() {
        0 => "no keys".to_owned(),
        n => format!("{n} keys"),
    };
    format!(
        "{role}, {} {}, offset {}, {keys}",
        format!("{:?}", server.product).to_lowercase(),
        server.version,
        server.replication.offset
    )
}

/// The stages with how they run, the steps, and what puts each back.
fn plan_in_words(plan: &Plan) -> String {
    if plan.is_empty() {
        return "nothing to do\n".to_owned();
    }
    let mut out = String::new();
    for (n, stage) in plan.stages.iter().enumerate() {
        let _ = writeln!(out, "{}. {} ({:?})", n + 1, stage.title, stage.mode);
        for step in &stage.steps {
            let _ = writeln!(out, "     {}: {}", step.node, step.action);
            let _ = match &step.undo {
                Undo::By(back) => writeln!(out, "        undone by: {back}"),
                Undo::Impossible => writeln!(out, "        cannot be undone"),
                Undo::Nothing => Ok(()),
            };
        }
    }
    for warning in output::plan::warnings(plan) {
        let _ = writeln!(out, "warning: {warning}");
    }
    if let Some(loss) = &plan.may_lose {
        let _ = writeln!(out, "loss: {loss}");
    }
    out
}

#[test]
fn each_planner_has_its_file_and_each_file_its_planner() {
    let files = std::fs::read_dir(folder()).unwrap();
    let names: BTreeSet<String> = files
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let wanted: BTreeSet<String> = PLANNERS.iter().map(|p| format!("{p}.txt")).collect();
    assert_eq!(names, wanted);
}

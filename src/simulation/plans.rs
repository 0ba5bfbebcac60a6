//! The work of each planner, in readable form: `tests/plans/*.txt` has for each case the topology
//! in words, the command and the plan. The tests make them again and compare them, so the files
//! specify the planners.
//!
//! `UPDATE=1` writes the files instead. The diff then shows the effect of a change to a planner.

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

/// How many planners there are at least.
const PLANNERS: usize = 12;

/// The cases of one planner, in order.
pub struct Snapshot {
    planner: &'static str,
    text: String,
}

impl Snapshot {
    /// That of a planner; `what`: the first line of its file.
    pub fn of(planner: &'static str, what: &str) -> Self {
        Self {
            planner,
            text: format!("{what}\n"),
        }
    }

    /// One case: the state, the operator's command, and the outcome. `besides`: other known facts,
    /// one per line.
    pub fn case(
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
    pub fn hold(&self) {
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

/// The stages with their modes, the steps, and the undo of each.
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

/// The planners of which there are cases, from the sources of the tests.
fn planners() -> BTreeSet<String> {
    let mut left = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut found = BTreeSet::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).unwrap();
            left.extend(entries.map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(path).unwrap();
            let cases = text.split(concat!("Snapshot", "::of(")).skip(1);
            let planners =
                cases.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
            found.extend(planners.map(str::to_owned));
        }
    }
    found
}

#[test]
fn each_planner_has_its_file_and_each_file_its_planner() {
    let files = std::fs::read_dir(folder()).unwrap();
    let names: BTreeSet<String> = files
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let planners = planners();
    // A search that finds too few would agree with files that are missing.
    assert!(planners.len() >= PLANNERS, "{planners:?}");
    let wanted: BTreeSet<String> = planners.iter().map(|p| format!("{p}.txt")).collect();
    assert_eq!(names, wanted);
}

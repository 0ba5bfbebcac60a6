//! The cost of a start: `--help`, and the answers to TAB, which a person waits for at the prompt.
//!
//! A build without optimization is checked for processor time and touched pages, which hardly
//! change on a busy machine. `make bench-start` names an optimized program in
//! `REPLCTL_BENCH_PROGRAM`, prints the medians, and requires times that a person does not notice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::cast_precision_loss)]

use crate::support::{InventoryText, NodeText, Replctl, figure};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

/// What one run took.
#[derive(Debug, Clone, Copy)]
struct Cost {
    /// On the clock, ms.
    wall: f64,
    /// Of the processor, ms.
    processor: f64,
    /// Pages that were touched for the first time.
    pages: f64,
}

/// A measured command line, a part of its answer, and its time limit in ms.
struct Case {
    name: &'static str,
    arguments: Vec<String>,
    /// Whether a shell asks for completions.
    tab: bool,
    answer: &'static str,
    /// Optimized.
    allowed_ms: f64,
    /// Without optimization.
    allowed_pages: f64,
}

impl Case {
    fn new(name: &'static str, line: &str, answer: &'static str, allowed_ms: f64) -> Self {
        let tab = line.starts_with("-- ");
        let arguments = line.split(' ').map(str::to_owned).collect();
        Self {
            name,
            arguments,
            tab,
            answer,
            allowed_ms,
            allowed_pages: 1200.0,
        }
    }

    fn run(&self, program: &Path, folder: &Path) -> Cost {
        let mut command = Command::new(program);
        command
            .args(&self.arguments)
            .env_clear()
            .env("HOME", folder)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if self.tab {
            let place = (self.arguments.len() - 2).to_string();
            command
                .env("COMPLETE", "bash")
                .env("_CLAP_COMPLETE_INDEX", place);
        }
        let (cost, said) = measured(&mut command);
        assert!(said.contains(self.answer), "{}: {said}", self.name);
        cost
    }
}

/// Runs it to its end: what it cost, and what it printed.
#[allow(clippy::zombie_processes)] // wait4 waits for it, and tells what it cost
fn measured(command: &mut Command) -> (Cost, String) {
    let begun = Instant::now();
    let mut child = command.spawn().unwrap();
    let mut said = String::new();
    let mut output = child.stdout.take().unwrap();
    output.read_to_string(&mut said).unwrap();
    let mut status = 0;
    // SAFETY: a struct of numbers, for which all bytes may be 0; wait4 writes into the two values,
    // which live long enough.
    #[allow(unsafe_code)]
    let used = unsafe {
        let mut used: libc::rusage = std::mem::zeroed();
        libc::wait4(child.id().cast_signed(), &raw mut status, 0, &raw mut used);
        used
    };
    let wall = begun.elapsed().as_secs_f64() * 1e3;
    assert_eq!(status, 0, "{command:?}");
    let ms = |time: libc::timeval| time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3;
    let cost = Cost {
        wall,
        processor: ms(used.ru_utime) + ms(used.ru_stime),
        pages: used.ru_minflt as f64,
    };
    (cost, said)
}

/// The value that `share` percent of all costs do not exceed.
fn quantile(costs: &[Cost], share: usize, of: fn(&Cost) -> f64) -> f64 {
    let mut all: Vec<f64> = costs.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() * share / 100]
}

fn inventories() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, count) in [("three.toml", 3), ("thousand.toml", 1000)] {
        let mut text = InventoryText::new("orders");
        for n in 1..=count {
            let node = NodeText::new(&format!("node{n}"), &format!("node{n}.example.invalid"));
            text = text.node(if n == 1 {
                node
            } else {
                node.replicaof("node1")
            });
        }
        std::fs::write(folder.path().join(file), text.text()).unwrap();
    }
    folder
}

/// Without optimization they touch 640 to 800 pages of 4 KiB, and 1,670 with 1,000 nodes. Unpacking
/// the embedded server would cost thousands more.
fn cases() -> Vec<Case> {
    let thousand = Case::new(
        "TAB: nodes, of 1,000",
        "-- replctl -i thousand.toml promote ",
        "node999",
        20.0,
    );
    vec![
        Case::new("--version", "--version", "replctl ", 3.0),
        Case::new("--help", "--help", "Commands:", 3.0),
        Case::new("promote --help", "promote --help", "Examples:", 3.0),
        Case::new("TAB: commands", "-- replctl ", "promote", 5.0),
        Case::new(
            "TAB: nodes, of 3",
            "-- replctl -i three.toml promote ",
            "node2",
            5.0,
        ),
        Case {
            allowed_pages: 2500.0,
            ..thousand
        },
    ]
}

#[test]
fn starting_costs_next_to_nothing() {
    let bench =
        std::env::var_os("REPLCTL_BENCH_PROGRAM").map(|p| PathBuf::from(p).canonicalize().unwrap());
    let rounds = std::env::var("REPLCTL_BENCH_ROUNDS").ok();
    let rounds = rounds.map_or(if bench.is_some() { 101 } else { 15 }, |n| {
        n.parse().unwrap()
    });
    let program = bench.clone().unwrap_or_else(Replctl::binary);
    let folder = inventories();
    let cases = cases();
    let nothing = Case::new("a program that does nothing", "", "", f64::MAX);
    let mut costs = vec![Vec::new(); cases.len()];
    let mut of_nothing = Vec::new();
    // In turns: what else the machine does meets all of them.
    for _ in 0..rounds {
        of_nothing.push(nothing.run(Path::new("/bin/true"), folder.path()));
        for (case, costs) in cases.iter().zip(&mut costs) {
            costs.push(case.run(&program, folder.path()));
        }
    }
    let mut slow = Vec::new();
    for (case, costs) in std::iter::once((&nothing, &of_nothing)).chain(cases.iter().zip(&costs)) {
        let median = |of| quantile(costs, 50, of);
        figure(&format!(
            "{:28} median {:5.2} ms, {:5.2} ms of the processor, {:4.0} pages",
            case.name,
            median(|c| c.wall),
            median(|c| c.processor),
            median(|c| c.pages)
        ));
        let within = if bench.is_some() {
            median(|c| c.wall) <= case.allowed_ms
        } else {
            // The faster quarter: other tests run at the same time.
            quantile(costs, 25, |c| c.processor) <= case.allowed_ms.max(5.0) * 5.0
                && quantile(costs, 25, |c| c.pages) <= case.allowed_pages
        };
        if !within {
            slow.push(case.name);
        }
    }
    assert!(slow.is_empty(), "too slow: {slow:?}");
}

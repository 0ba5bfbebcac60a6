//! The display of a running plan: one line per step, and spinners on a terminal. It stores nothing
//! of what the steps observed.
//!
//! Nothing is printed inside an atomic stage that may fence writes: a terminal that takes no output
//! must not prolong a fence.

use super::paint::{self, Tone};
use super::{escape, note};
use crate::actions::Action;
use crate::actions::rescue::RescueAction;
use crate::engine::execute::{Transfers, Watch};
use crate::engine::journal::Evidence;
use crate::engine::{Mode, Stage, Step};
use crate::topology::NodeName;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Default)]
struct Inner {
    held_back: Option<Vec<String>>,
    bars: BTreeMap<NodeName, ProgressBar>,
}

/// The watcher that prints.
pub struct Screen {
    inner: Mutex<Inner>,
    bars: MultiProgress,
    verbose: bool,
    width: usize,
}

impl Screen {
    /// `width`: of the longest node name.
    pub fn new(verbose: bool, width: usize) -> Self {
        Self {
            inner: Mutex::new(Inner::default()),
            bars: MultiProgress::with_draw_target(super::stream::progress()),
            verbose,
            width,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints what was held back, and removes the spinners. Call it at the end of the run.
    pub fn finish(&self) {
        let mut inner = self.inner();
        for line in inner.held_back.take().unwrap_or_default() {
            self.print(&line);
        }
        for (_, bar) in std::mem::take(&mut inner.bars) {
            bar.finish_and_clear();
        }
    }

    fn print(&self, line: &str) {
        self.bars.suspend(|| note(line));
    }

    fn say(&self, inner: &mut Inner, line: String) {
        match &mut inner.held_back {
            Some(lines) => lines.push(line),
            None => self.print(&line),
        }
    }

    fn line(&self, mark: &str, tone: Tone, step: &Step, more: &str) -> String {
        let width = self.width;
        let name = format!("{:width$}", escape(&step.node.0));
        format!(
            "  {} {name}  {}{}",
            paint::err(mark, tone),
            escape(&step.action.to_string()),
            paint::err(more, Tone::Dim)
        )
    }

    fn bar(&self, step: &Step) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new(0));
        if let Ok(style) = ProgressStyle::with_template(paint::RUNNING) {
            bar.set_style(style);
        }
        let width = self.width;
        bar.set_message(format!(
            "{:width$}  {}",
            escape(&step.node.0),
            escape(&step.action.to_string())
        ));
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }
}

impl Watch for Screen {
    fn stage(&self, stage: &Stage) {
        self.finish();
        self.print(&paint::err(&stage.title, Tone::Strong));
        // A step on a host takes long, and no fence waits for it.
        let on_hosts = |s: &Step| matches!(s.action, Action::Host(_));
        let quick = stage.mode == Mode::Atomic && !stage.steps.iter().any(on_hosts);
        self.inner().held_back = quick.then(Vec::new);
    }

    fn begun(&self, step: &Step) {
        let mut inner = self.inner();
        let long = matches!(
            step.action,
            Action::Rescue(
                RescueAction::BackUp { .. }
                    | RescueAction::BackUpFiles { .. }
                    | RescueAction::Replay { .. }
            )
        );
        if inner.held_back.is_none() || long {
            let bar = self.bar(step);
            inner.bars.insert(step.node.clone(), bar);
        }
    }

    fn done(&self, step: &Step, seen: &Evidence, took_ms: f64) {
        let mut inner = self.inner();
        if let Some(bar) = inner.bars.remove(&step.node) {
            bar.finish_and_clear();
        }
        let mut more = format!("  {}", duration(took_ms));
        if self.verbose && !seen.text.is_empty() {
            more = format!("{more}: {}", escape(&seen.text));
        } else {
            for note in &seen.notes {
                more = format!("{more}\n      {}", escape(note));
            }
        }
        let line = self.line("✓", Tone::Good, step, &more);
        self.say(&mut inner, line);
    }

    fn failed(&self, step: &Step, why: &str) {
        let mut inner = self.inner();
        if let Some(bar) = inner.bars.remove(&step.node) {
            bar.finish_and_clear();
        }
        let why: Vec<String> = why.lines().map(escape).collect();
        let why = format!("\n      {}", why.join("\n      "));
        let line = self.line("✗", Tone::Bad, step, &why);
        self.say(&mut inner, line);
    }

    fn undoing(&self, step: &Step) {
        let mut inner = self.inner();
        let line = self.line("↩", Tone::Warn, step, "  is being put back");
        self.say(&mut inner, line);
    }
}

impl Transfers for Screen {
    fn transferred(&self, node: &NodeName, bytes: u64, total: u64) {
        let inner = self.inner();
        if let Some(bar) = inner.bars.get(node) {
            bar.set_length(total);
            bar.set_position(bytes);
        }
    }
}

/// Milliseconds as people read them.
pub fn duration(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else if ms < 1000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.1} s", ms / 1000.0)
    }
}

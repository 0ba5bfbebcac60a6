//! What every command that changes something does: plan, show, ask, plan again, execute, report.

mod back;
mod first;
mod print;
mod promoting;
mod running;
mod verdict;
mod who;

use crate::engine::{Operation, Plan, claim};
pub use back::Left;
pub use first::{not_known, nothing_comes_first, nothing_unknown};
pub use print::print;
pub use verdict::verdict;
pub use who::who;

use running::{How, execute};

use super::interrupt::Interrupt;
use super::{info_period, pending_demotions};
use crate::cli;
use crate::engine::journal::snapshot::Snapshot;
use crate::engine::journal::store::Record;
use crate::engine::journal::{At, Entry, Journal, Outcome, Progress};
use crate::engine::run_facts::{Passed, RunFacts};
use crate::error::{Exit, Problem, Result};
use crate::output::ended::Shown;
use crate::output::{self, plan as plan_text};
use crate::topology::NodeName;
use crate::world::World;
use crate::world::claim::token;
use std::collections::{BTreeMap, BTreeSet};

/// The options of a run, from the command line.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools)] // each is a word of the operator's
pub struct RunOptions {
    /// Do not ask.
    pub yes: bool,
    /// Change nothing.
    pub dry_run: bool,
    /// Say more.
    pub verbose: bool,
    /// How many nodes are worked on side by side.
    pub concurrency: usize,
    /// End the connections of another operator's command first.
    pub take_over: bool,
    /// Leave what is unfinished as it is.
    pub abandon: bool,
    /// It follows a requested operation: its plan is not reported to programs.
    pub follows: bool,
}

impl RunOptions {
    /// From the command line.
    pub fn new(global: &cli::Global, yes: bool, dry_run: bool) -> Self {
        Self {
            yes,
            dry_run,
            verbose: global.verbose,
            concurrency: global.concurrency.into(),
            take_over: false,
            abandon: false,
            follows: false,
        }
    }

    /// The same with the options about other operators.
    pub fn with(self, others: cli::Others) -> Self {
        Self {
            take_over: others.take_over,
            ..self
        }
    }
}

/// A run that has ended.
pub struct Finished {
    /// Its id in the journal.
    pub id: String,
    /// What was to be done.
    pub plan: Plan,
    /// How it ended.
    pub outcome: Outcome,
    /// What the steps saw.
    pub passed: Vec<Passed>,
    /// The steps that an earlier run had seen to be done.
    pub before: BTreeSet<At>,
    /// The operator pressed Ctrl-C.
    pub interrupted: bool,
    /// How far it came, as its journal tells; `None`: that cannot be read.
    pub progress: Option<Progress>,
    /// An earlier attempt of the same command had changed something, and was put back.
    pub put_back_before: bool,
    /// What the nodes were when it had ended; `None`: not seen.
    pub after: Option<Snapshot>,
    /// What a look at the restored hosts has found there.
    pub left: BTreeMap<NodeName, Left>,
}

impl Finished {
    /// Whether its goal was reached, even if some nodes need more work.
    pub fn reached(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::Completed | Outcome::Incomplete { .. }
        )
    }

    /// As reports want it.
    pub fn facts(&self) -> RunFacts<'_> {
        RunFacts {
            id: &self.id,
            plan: &self.plan,
            passed: &self.passed,
            before: &self.before,
            outcome: &self.outcome,
        }
    }
}

/// What became of it.
pub enum Done {
    /// The plan was empty.
    Nothing {
        /// What was warned of.
        warnings: Vec<String>,
    },
    /// It was only to be shown.
    Shown,
    /// It was run.
    Ran(Box<Finished>),
}

/// Plans with `planner`, which looks anew each time it is called, and carries the plan out.
///
/// The deployment is claimed before the look that counts: after the question, if one is asked.
pub async fn carry_out(
    world: &World,
    asked: &RunOptions,
    operation: &Operation,
    planner: impl AsyncFn() -> Result<Plan>,
) -> Result<Done> {
    first::notes_known(&world.store)?;
    let _lock = if asked.dry_run {
        None
    } else {
        let lock = world.store.lock(&who())?;
        if !asked.abandon {
            first::still_nothing(world)?;
        }
        Some(lock)
    };
    let line = operation.line();
    let hosts = operation.properties().hosts(&world.inventory);
    let mut claimed = None;
    if asked.yes && !asked.dry_run {
        claimed = Some(claim::claim(world, asked, (&line, &line), &hosts).await?);
        info_period::put_all_back(world, asked.abandon).await;
    }
    let mut plan = pending_demotions::added(world, planner().await?);
    loop {
        if !asked.follows {
            output::form::noticed(&plan.warnings);
        }
        if plan.is_empty() {
            let warnings = plan_text::warnings(&plan);
            for warning in &warnings {
                output::not_to_be_missed(&Problem::new(warning));
            }
            return Ok(Done::Nothing { warnings });
        }
        if asked.dry_run {
            output::print(&Shown::of(&plan), || plan_text::text(&plan));
            return Ok(Done::Shown);
        }
        if asked.yes {
            output::note(&plan_text::text(&plan));
            break;
        }
        output::before_question(&plan_text::text(&plan));
        crate::engine::ask::confirm(&plan).await?;
        // The servers may have changed while the question waited.
        claimed = Some(claim::claim(world, asked, (&line, &line), &hosts).await?);
        info_period::put_all_back(world, asked.abandon).await;
        let again = pending_demotions::added(world, planner().await?);
        if again.stages == plan.stages {
            break;
        }
        output::before_question("What is seen has changed since. The plan is now:");
        plan = again;
        // The claim is not held while the question waits: other operators would wait for it.
        drop(claimed.take());
    }
    // First of all: if a signal comes after the journal exists, the journal must record the end.
    let interrupt = Interrupt::listen()?;
    let (id, journal) = world.store.begin(&plan, &who(), token())?;
    let with = (&journal, &interrupt);
    let finished = execute(world, asked, id, plan, with, How::Start).await?;
    drop(claimed);
    Ok(Done::Ran(Box::new(finished)))
}

/// Resumes or rolls back an operation that stopped half-way.
pub async fn take_up(
    world: &World,
    asked: &RunOptions,
    record: Record,
    back: bool,
) -> Result<Finished> {
    let hosts = claim::hosts_in(&record.plan);
    let line = record.plan.operation.line();
    let verb = if back { "rollback" } else { "resume" };
    let again = format!("{verb} {}", record.id);
    let _claimed = claim::claim(world, asked, (&line, &again), &hosts).await?;
    let interrupt = Interrupt::listen()?;
    let journal = world.store.go_on(&record.id, &record.plan)?;
    let entry = Entry::Resumed {
        who: who(),
        process: Some(std::process::id()),
        claim: Some(token().to_owned()),
    };
    journal.record(&entry, true).map_err(|e| {
        Problem::new("the journal cannot be written; nothing was touched")
            .cause(e)
            .exit(Exit::Failed)
    })?;
    let how = if back {
        How::RollBack(record.progress)
    } else {
        How::Resume(record.progress)
    };
    let with = (&journal, &interrupt);
    execute(world, asked, record.id, record.plan, with, how).await
}

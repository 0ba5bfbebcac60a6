//! Runs a plan that was shown and confirmed: the preparation before its first step, the run itself,
//! and the notes and looks after its end.

use super::promoting::promoting;
use super::{Finished, RunOptions, back, first, print, verdict};
use crate::actions::{Action, server::ServerAction};
use crate::engine::execute::{Executed, Execution};
use crate::engine::interrupt::Interrupt;
use crate::engine::journal::snapshot::Snapshot;
use crate::engine::journal::store::FileJournal;
use crate::engine::journal::{At, Entry, INTERRUPTED, Journal, Moment, Progress};
use crate::engine::run_facts::Passed;
use crate::engine::{Operation, Plan};
use crate::error::{Exit, Problem, Reason, Result};
use crate::output;
use crate::output::screen::Screen;
use crate::plan::roles;
use crate::topology::{NodeName, Topology};
use crate::world::World;
use crate::world::running::RunningOperation;
use std::collections::BTreeSet;
use std::sync::{Arc, atomic::Ordering};

/// Where a run begins.
pub enum How {
    /// At the beginning.
    Start,
    /// Where an earlier run was cut short.
    Resume(Progress),
    /// Backwards.
    RollBack(Progress),
}

/// Runs the plan and looks at what came of it.
///
/// # Errors
/// The run could not begin, or the rollback is not possible.
pub async fn execute(
    world: &World,
    asked: &RunOptions,
    id: String,
    plan: Plan,
    (journal, interrupt): (&FileJournal, &Interrupt),
    how: How,
) -> Result<Finished> {
    world.running.is(RunningOperation {
        id: id.clone(),
        may_lose: plan.may_lose.clone(),
        replicas: roles::replicas(&plan),
    });
    connect(world, &plan, journal, &how).await?;
    for warning in world.guards.start_for(&plan).await {
        output::warning(&Problem::new(warning));
    }
    let hosts = world.hosts.last_facts();
    let before = match &how {
        How::Start => BTreeSet::new(),
        How::Resume(progress) | How::RollBack(progress) => progress.done.clone(),
    };
    let executed = run(world, asked, (&id, &plan), (journal, interrupt), how).await?;
    verdict::unprinted(journal, &id, executed.as_ref().map(|run| &run.outcome));
    if let Ok(executed) = &executed {
        forget_demoted(world, &executed.passed);
    }
    let after = world.glance().await;
    note(journal, Moment::After, after.clone());
    let Executed { outcome, passed } = executed.map_err(|why| {
        Problem::new(format!("`{id}` cannot be put back: {why}"))
            .hint(format!("go on with it instead: replctl resume {id}"))
            .because(Reason::Undo)
            .exit(Exit::Refused)
    })?;
    let interrupted = interrupt.flag.load(Ordering::Relaxed);
    let left = back::look(world, &plan, &outcome, &hosts).await;
    let finished = Finished {
        left,
        progress: world.store.record(&id).map(|record| record.progress),
        id,
        outcome,
        passed,
        before,
        plan,
        interrupted,
        put_back_before: false,
        after,
    };
    print::note_change(&finished);
    Ok(finished)
}

/// Connects to the nodes that may be promoted, and notes the ids of the connections. A later run
/// needs them to resolve a doubt about a promotion.
async fn connect(world: &World, plan: &Plan, journal: &FileJournal, how: &How) -> Result<()> {
    for (node, client_id) in world.connections.open_to(&promoting(plan)).await {
        journal
            .record(&Entry::Connection { node, client_id }, false)
            .map_err(|e| {
                if matches!(how, How::Start) {
                    first::never_begun(journal, "the journal cannot be written");
                }
                Problem::new("the journal cannot be written; nothing was touched")
                    .cause(e)
                    .exit(Exit::Failed)
            })?;
    }
    Ok(())
}

/// The run itself, shown on a screen of its own; the reason where it cannot be put back.
async fn run(
    world: &World,
    asked: &RunOptions,
    (id, plan): (&str, &Plan),
    (journal, interrupt): (&FileJournal, &Interrupt),
    how: How,
) -> Result<Result<Executed, String>> {
    let widths = plan.steps().map(|s| s.node.0.chars().count());
    let screen = Arc::new(Screen::new(asked.verbose, widths.max().unwrap_or(0)));
    world.transfers.report_to(screen.clone());
    let execution = Execution {
        plan,
        act: world,
        journal,
        watch: screen.as_ref(),
        concurrency: asked.concurrency,
        interrupted: &interrupt.flag,
    };
    let executed = match how {
        How::Start if interrupt.flag.load(Ordering::Relaxed) => Ok(Executed {
            outcome: first::never_begun(journal, INTERRUPTED),
            passed: Vec::new(),
        }),
        How::Start => {
            note(journal, Moment::Before, world.last_seen.snapshot());
            Ok(execution.start().await)
        }
        How::Resume(progress) => {
            let now = world.observe().await;
            not_superseded(id, plan, &progress, now.all())?;
            note(journal, Moment::Before, world.last_seen.snapshot());
            Ok(execution.resume(&progress, now.all()).await)
        }
        How::RollBack(progress) => {
            let now = world.observe().await;
            note(journal, Moment::Before, world.last_seen.snapshot());
            execution.roll_back(&progress, now.all()).await
        }
    };
    screen.finish();
    Ok(executed)
}

/// A promotion is not resumed if another node was made primary since: its report would be wrong.
fn not_superseded(id: &str, plan: &Plan, progress: &Progress, now: &Topology) -> Result<()> {
    let Operation::Promote(_) = plan.operation else {
        return Ok(());
    };
    let began = |stage, step| progress.started.contains(&At { stage, step });
    let Some((made, primary)) = roles::superseded(plan, &began, now) else {
        return Ok(());
    };
    let (made, primary) = (output::escape(&made.0), output::escape(&primary.0));
    Err(Problem::new(format!(
        "`{id}` made `{made}` the primary, and `{primary}` is the primary now; nothing was touched"
    ))
    .hint(format!(
        "to leave it as it is: replctl promote {primary} --abandon-unfinished"
    ))
    .because(Reason::Role)
    .exit(Exit::Refused))
}

/// Notes the state of the deployment, for readers of the journal. Nothing else depends on it.
fn note(journal: &FileJournal, moment: Moment, snapshot: Option<Snapshot>) {
    if let Some(snapshot) = snapshot {
        let _ = journal.record(&Entry::Observed { moment, snapshot }, false);
    }
}

/// Forgets the pending demotions of nodes that were seen in sync, or that were made primaries. It
/// is only a note: if it cannot be written, `status` shows the demotions once more.
fn forget_demoted(world: &World, passed: &[Passed]) {
    let in_sync = |p: &&Passed| {
        matches!(
            p.step.action,
            Action::Server(ServerAction::AwaitInSync { .. })
        )
    };
    let nodes = |wanted: &dyn Fn(&&Passed) -> bool| -> Vec<NodeName> {
        let those = passed.iter().filter(wanted);
        those.map(|p| p.step.node.clone()).collect()
    };
    let demoted = nodes(&|p| p.step.action.promotes() || in_sync(p));
    let _ = world.store.forget(&demoted);
    let back = nodes(&in_sync);
    let _ = world.store.forget_alone(&back);
}

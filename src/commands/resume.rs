//! `resume` and `rollback`: what is done about an operation that stopped half-way.

use super::operate::{self, Asked};
use crate::cli;
use crate::error::{Exit, Problem, Result};
use crate::journal::Outcome;
use crate::journal::store::Record;
use crate::output;
use crate::plan::Operation;
use crate::world::World;

/// Runs `resume`, or `rollback` if `back`.
pub async fn run(
    world: &World,
    global: &cli::Global,
    args: &cli::Resume,
    back: bool,
) -> Result<Exit> {
    let _lock = world.store.lock(&operate::who())?;
    let Some(record) = find(world, args)? else {
        output::result("Nothing to do: no operation is unfinished.");
        return Ok(Exit::Done);
    };
    let verb = if back {
        "Putting back"
    } else {
        "Going on with"
    };
    output::note(&format!("{verb} {}", record.id));
    world.settle(&record.progress.connections).await?;
    world.settle_sentinels(&record.plan, &record.progress).await;
    let asked = Asked::new(global, args.yes, false);
    let operation = record.plan.operation.clone();
    let id = record.id.clone();
    let finished = operate::take_up(world, &asked, record, back).await?;
    if let (true, Outcome::RolledBack { .. }) = (back, &finished.outcome) {
        output::result(&format!(
            "{id} was put back; the stages before it stay as they are. See: replctl status"
        ));
        return Ok(Exit::Done);
    }
    if let Operation::Promote(promote) = &operation {
        super::promote::report(world, promote, &finished, false);
    } else if let Operation::Move(moved) = &operation {
        super::moves::report(world, moved, &finished);
    } else if finished.outcome == Outcome::Completed {
        output::result(&format!("{id} is done. See: replctl status"));
    }
    let again = match &operation {
        Operation::Promote(p) => format!("replctl promote {}", p.node),
        Operation::Setup(_) => "replctl setup".to_owned(),
        Operation::Detach(_) | Operation::Move(_) => format!("replctl {}", operation.line()),
    };
    operate::verdict(&finished, &again).map_or(Ok(Exit::Done), Err)
}

fn find(world: &World, args: &cli::Resume) -> Result<Option<Record>> {
    let Some(id) = &args.id else {
        return Ok(world.store.unfinished());
    };
    match world.store.record(id) {
        Some(record) if record.unfinished() => Ok(Some(record)),
        Some(_) => Ok(None),
        None => Err(Problem::new(format!("there is no operation `{id}`"))
            .hint("replctl status names the unfinished one")
            .exit(Exit::Usage)),
    }
}

//! The table of operations: one folder for each, with its arguments, plan, checks, report and run;
//! and who runs which.
//!
//! No operation imports another: what two of them share is in `plan`, `engine` or `output`.

pub mod abandon;
pub mod add;
pub mod adopt;
pub mod clients;
pub mod completions;
pub mod detach;
pub mod endpoint;
pub mod explain;
pub mod fence_guard;
pub mod history;
pub mod init;
pub mod lost;
pub mod man;
pub mod moves;
pub mod perform;
pub mod promote;
pub mod rejoin;
pub mod remove;
pub mod repair;
pub mod report;
pub mod resume;
pub mod sentinel;
pub mod server;
pub mod setup;
pub mod status;
pub mod undo;
pub mod working_inventory;

use crate::cli::{Cli, Command, Global};
use crate::engine::Operation;
use crate::engine::operate::Finished;
use crate::error::{Exit, Problem, Result};
use crate::output;
use crate::world::{World, WorldOptions};

/// Runs the command line.
pub fn run(cli: &Cli) -> Result<Exit> {
    let done = |result: Result<()>| result.map(|()| Exit::Done);
    match &cli.command {
        Command::Init(args) => done(init::run::run(&cli.global, args)),
        Command::Server(args) => done(server::run::run(args)),
        Command::Completions(args) => done(completions::run::run(args)),
        Command::Explain(args) => done(explain::run::run(args)),
        Command::Man(args) => done(man::run::run(args)),
        Command::History(args) => done(history::run::run(&cli.global, args)),
        Command::Report(args) => done(report::run::run(&cli.global, args)),
        Command::Abandon(args) => abandon::run::run(&cli.global, args),
        Command::Setup(_)
        | Command::Status(_)
        | Command::Endpoint(_)
        | Command::Clients(_)
        | Command::Promote(_)
        | Command::Sentinel(_)
        | Command::Move(_)
        | Command::Detach(_)
        | Command::Add(_)
        | Command::Adopt(_)
        | Command::Remove(_)
        | Command::Lost(_)
        | Command::Rejoin(_)
        | Command::Repair(_)
        | Command::Undo(_)
        | Command::Resume(_)
        | Command::FenceGuard(_)
        | Command::Rollback(_) => with_threads(in_world(&cli.global, &cli.command)),
    }
}

/// Prints what an operation that has run came to, in the words of its own command. `false`: its
/// command has none for that.
pub fn tell(world: &World, operation: &Operation, finished: &Finished) -> bool {
    match operation {
        Operation::Promote(promote) => promote::run::report(world, promote, finished),
        Operation::Rejoin(rejoin) => rejoin::run::report(rejoin, finished),
        Operation::Repair(repair) => repair::run::report(world, repair, finished),
        Operation::Replay(replay) => lost::run::told(replay, finished),
        Operation::Move(moved) => moves::run::report(world, moved, finished),
        Operation::Add(add) => add::run::report(world, add, finished),
        Operation::Adopt(adopt) => adopt::run::report(world, adopt, finished),
        Operation::Remove(remove) => remove::run::report(world, remove, finished),
        Operation::Setup(_) | Operation::Detach(_) | Operation::Sentinels(_) => return false,
    }
    true
}

/// Does what needs threads of the runtime.
pub fn with_threads<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|e| {
        Problem::new("no threads can be started")
            .cause(e)
            .exit(Exit::Failed)
    })?;
    let result = runtime.block_on(work);
    // A look-up or a session that hangs must not keep the program from ending.
    runtime.shutdown_background();
    result
}

async fn in_world(global: &Global, command: &Command) -> Result<Exit> {
    let working_inventory::Written { inventory, edit } = working_inventory::open(global, command)?;
    // A look must not stop to ask; what needs an answer is told as unknown.
    let looks = matches!(
        command,
        Command::Status(_) | Command::Endpoint(_) | Command::Clients(_) | Command::FenceGuard(_)
    ) || matches!(command, Command::Sentinel(args) if args.only_looks());
    if looks && global.accept_new_host_keys {
        output::warning(&Problem::new(
            "--accept-new-host-keys has no effect: this command writes nothing",
        ));
    }
    let options = WorldOptions {
        looks,
        accept_new_host_keys: global.accept_new_host_keys && !looks,
        ask: !looks && output::can_ask(),
        concurrency: usize::from(global.concurrency),
    };
    let world = World::enter(inventory, options).await?;
    let result = match command {
        Command::Setup(args) => setup::run::run(&world, global, args).await,
        Command::Status(args) => status::run::run(&world, global, args).await,
        Command::Endpoint(args) => endpoint::run::run(&world, args).await,
        Command::Clients(args) => clients::run::run(&world, args).await,
        Command::Promote(args) => promote::run::run(&world, global, args).await,
        Command::Sentinel(args) => sentinel::run::run(&world, global, args).await,
        Command::Detach(args) => detach::run::run(&world, global, args).await,
        Command::Move(args) => moves::run::run(&world, global, args).await,
        Command::Add(args) => add::run::run(&world, global, args, edit, setup::plan::of_one).await,
        Command::Adopt(args) => {
            let with = perform::hand_over();
            adopt::run::run(&world, global, args, with).await
        }
        Command::Remove(args) => remove::run::run(&world, global, args).await,
        Command::Undo(args) => undo::run::run(&world, global, args, edit).await,
        Command::Lost(args) => lost::run::run(&world, global, args).await,
        Command::Rejoin(args) => rejoin::run::run(&world, global, args).await,
        Command::Repair(args) => repair::run::run(&world, global, args).await,
        Command::FenceGuard(args) => fence_guard::run::run(&world, args).await,
        Command::Resume(args) => resume::run::run(&world, global, args, false).await,
        Command::Rollback(args) => resume::run::run(&world, global, args, true).await,
        Command::Init(_)
        | Command::Server(_)
        | Command::Completions(_)
        | Command::Explain(_)
        | Command::Man(_)
        | Command::History(_)
        | Command::Report(_)
        | Command::Abandon(_) => Ok(Exit::Done),
    };
    if result.is_ok() {
        // A signal that comes while the hosts are left must not cut the document.
        output::form::close();
    }
    world.leave().await;
    result
}

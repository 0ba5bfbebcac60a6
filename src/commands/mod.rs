//! One file per family of subcommands: arguments → observe → plan → confirm → execute → report.

mod abandon;
mod add;
mod choose;
mod clients;
pub mod completions;
mod detach;
mod endpoint;
mod guard;
mod history;
pub mod init;
pub mod line;
mod lost;
mod man;
mod moves;
mod promote;
mod rejoin;
mod remove;
mod repair;
pub mod report;
mod resume;
mod sentinel;
mod server;
mod setup;
pub mod status;
mod undo;

use crate::cli::{Cli, Command, Global};
use crate::engine::inventory_edit;
use crate::error::{Exit, Problem, Result};
use crate::output;
use crate::world::{Entry, World};

/// Runs the command line.
pub fn run(cli: &Cli) -> Result<Exit> {
    let done = |result: Result<()>| result.map(|()| Exit::Done);
    match &cli.command {
        Command::Init(args) => done(init::run(args)),
        Command::Server(args) => done(server::run(args)),
        Command::Completions(args) => done(completions::run(args)),
        Command::Man(args) => done(man::run(args)),
        Command::History(args) => done(history::run(&cli.global, args)),
        Command::Report(args) => done(report::run(&cli.global, args)),
        Command::Abandon(args) => abandon::run(&cli.global, args),
        Command::Setup(_)
        | Command::Status(_)
        | Command::Endpoint(_)
        | Command::Clients(_)
        | Command::Promote(_)
        | Command::Sentinel(_)
        | Command::Move(_)
        | Command::Detach(_)
        | Command::Add(_)
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

/// Does what needs threads of the runtime.
fn with_threads<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
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
    let inventory_edit::Written { inventory, edit } = inventory_edit::open(global, command)?;
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
    let entry = Entry {
        looks,
        accept_new_host_keys: global.accept_new_host_keys && !looks,
        ask: !looks && output::can_ask(),
        concurrency: usize::from(global.concurrency),
    };
    let world = World::enter(inventory, entry).await?;
    let result = match command {
        Command::Setup(args) => setup::run(&world, global, args).await,
        Command::Status(args) => status::run(&world, args).await,
        Command::Endpoint(args) => endpoint::run(&world, args).await,
        Command::Clients(args) => clients::run(&world, args).await,
        Command::Promote(args) => promote::run(&world, global, args).await,
        Command::Sentinel(args) => sentinel::run(&world, global, args).await,
        Command::Detach(args) => detach::run(&world, global, args).await,
        Command::Move(args) => moves::run(&world, global, args).await,
        Command::Add(args) => add::run(&world, global, args, edit).await,
        Command::Remove(args) => remove::run(&world, global, args).await,
        Command::Undo(args) => undo::run(&world, global, args, edit).await,
        Command::Lost(args) => lost::run(&world, global, args).await,
        Command::Rejoin(args) => rejoin::run(&world, global, args).await,
        Command::Repair(args) => repair::run(&world, global, args).await,
        Command::FenceGuard(args) => guard::run(&world, args).await,
        Command::Resume(args) => resume::run(&world, global, args, false).await,
        Command::Rollback(args) => resume::run(&world, global, args, true).await,
        Command::Init(_)
        | Command::Server(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::History(_)
        | Command::Report(_)
        | Command::Abandon(_) => Ok(Exit::Done),
    };
    world.leave().await;
    result
}

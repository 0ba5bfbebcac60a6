//! The operations: one folder for each, with its arguments, plan, checks, report and run. This file
//! runs the one that was asked for.
//!
//! A command has a line in each of the three tables below, and an operation that changes something
//! one more. What the rest asks of them, the folders answer: see `command`, `perform` and
//! `crate::engine::Properties`.
//!
//! No operation imports another: what two of them share is in `plan`, `engine` or `output`.

pub mod abandon;
pub mod add;
pub mod adopt;
pub mod check;
pub mod clients;
pub mod command;
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

use crate::cli::examples::Examples;
use crate::cli::{Cli, Command, Global};
use crate::engine::Operation;
use crate::error::{Exit, Problem, Result};
use crate::output;
use crate::world::{World, WorldOptions};
use command::{Kind, Remote, Surroundings};
use perform::Perform;

/// What answers for a command.
fn kind(command: &Command) -> Kind<'_> {
    use Kind::{Local, Remote};
    match command {
        Command::Init(args) => Local(&**args),
        Command::Setup(args) => Remote(args),
        Command::Status(args) => Remote(args),
        Command::Check(args) => Remote(args),
        Command::Explain(args) => Local(args),
        Command::Endpoint(args) => Remote(args),
        Command::Clients(args) => Remote(args),
        Command::Promote(args) => Remote(args),
        Command::Move(args) => Remote(args),
        Command::Detach(args) => Remote(args),
        Command::Add(args) => Remote(args),
        Command::Adopt(args) => Remote(args),
        Command::Remove(args) => Remote(args),
        Command::Lost(args) => Remote(args),
        Command::Rejoin(args) => Remote(args),
        Command::Repair(args) => Remote(args),
        Command::Resume(args) => Remote(args),
        Command::Rollback(args) => Remote(args),
        Command::Abandon(args) => Local(args),
        Command::Undo(args) => Remote(args),
        Command::History(args) => Local(args),
        Command::Report(args) => Local(args),
        Command::Sentinel(args) => Remote(args),
        Command::Server(args) => Local(args),
        Command::Completions(args) => Local(args),
        Command::FenceGuard(args) => Remote(args),
        Command::Man(args) => Local(args),
    }
}

/// What carries out an operation, and tells of it.
fn performer(operation: &Operation) -> &dyn Perform {
    match operation {
        Operation::Setup(it) => it,
        Operation::Promote(it) => it,
        Operation::Move(it) => it,
        Operation::Detach(it) => it,
        Operation::Sentinels(it) => it,
        Operation::Rejoin(it) => it,
        Operation::Repair(it) => it,
        Operation::Replay(it) => it,
        Operation::Add(it) => it,
        Operation::Remove(it) => it,
        Operation::Adopt(it) => it,
        Operation::FixHosts(it) => it,
    }
}

/// The examples of each command, by what is typed behind `replctl`, with a dash inside it.
pub const EXAMPLES: &[(&str, Examples)] = &[
    (
        "replctl",
        &[
            ("replctl init", "write an inventory by answering questions"),
            ("replctl setup", "install, start and wire its nodes"),
            ("replctl status", "what is, and what is wrong"),
            ("replctl promote slave1", "make slave1 the primary"),
        ],
    ),
    ("init", init::args::EXAMPLES),
    ("setup", setup::args::EXAMPLES),
    ("status", status::args::EXAMPLES),
    ("check", check::args::EXAMPLES),
    ("promote", promote::args::EXAMPLES),
    ("history", history::args::EXAMPLES),
    ("report", report::args::EXAMPLES),
    ("undo", undo::args::EXAMPLES),
    ("resume", resume::args::EXAMPLES),
    ("abandon", abandon::args::EXAMPLES),
    ("rollback", resume::args::EXAMPLES_OF_ROLLBACK),
    ("sentinel", sentinel::args::EXAMPLES),
    ("sentinel-setup", sentinel::args::EXAMPLES_OF_SETUP),
    ("sentinel-forget", sentinel::args::EXAMPLES_OF_FORGET),
    ("sentinel-remove", sentinel::args::EXAMPLES_OF_REMOVE),
    ("sentinel-status", sentinel::args::EXAMPLES_OF_STATUS),
    ("server", server::args::EXAMPLES),
    ("completions", completions::args::EXAMPLES),
    ("endpoint", endpoint::args::EXAMPLES),
    ("explain", explain::args::EXAMPLES),
    ("clients", clients::args::EXAMPLES),
    ("rejoin", rejoin::args::EXAMPLES),
    ("repair", repair::args::EXAMPLES),
    ("lost", lost::args::EXAMPLES),
    ("add", add::args::EXAMPLES),
    ("adopt", adopt::args::EXAMPLES),
    ("remove", remove::args::EXAMPLES),
    ("detach", detach::args::EXAMPLES),
    ("move", moves::args::EXAMPLES),
];

/// The examples of a command, by its key in the table; none for a hidden one.
pub fn examples(command: &str) -> Examples {
    let found = EXAMPLES.iter().find(|(name, _)| *name == command);
    found.map_or(&[], |(_, examples)| *examples)
}

/// Runs the command line.
pub fn run(cli: &Cli) -> Result<Exit> {
    match kind(&cli.command) {
        Kind::Local(command) => command.run(&cli.global),
        Kind::Remote(command) => with_threads(in_world(&cli.global, command)),
    }
}

/// Runs work that needs the threads of a runtime.
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

async fn in_world(global: &Global, command: &dyn Remote) -> Result<Exit> {
    let working_inventory::Written { inventory, edit } = working_inventory::open(global, command)?;
    // A command that only looks must not stop to ask. What needs an answer is reported as unknown.
    let looks = command.only_looks();
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
    let around = Surroundings {
        world: &world,
        global,
        edit,
    };
    let result = command.run(around).await;
    if result.is_ok() {
        // A signal while replctl leaves the hosts must not cut the document.
        output::form::close();
    }
    world.leave().await;
    result
}

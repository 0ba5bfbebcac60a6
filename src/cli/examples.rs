//! The examples of each command, in its help and in its man page: each operation has its own beside
//! its arguments.
//!
//! Text only; it must not say what the program does not do.

use crate::operations::{
    abandon, add, adopt, clients, completions, detach, endpoint, explain, history, init, lost,
    moves, promote, rejoin, remove, repair, report, resume, sentinel, server, setup, status, undo,
};

/// Lines to paste, each with what it is for.
pub type Examples = &'static [(&'static str, &'static str)];

/// Those of a command, by what is typed behind `replctl`, with a dash inside it.
pub fn examples(command: &str) -> Examples {
    match command {
        "replctl" => &[
            ("replctl init", "write an inventory by answering questions"),
            ("replctl setup", "install, start and wire its nodes"),
            ("replctl status", "what is, and what is wrong"),
            ("replctl promote slave1", "make slave1 the primary"),
        ],
        "init" => init::args::EXAMPLES,
        "setup" => setup::args::EXAMPLES,
        "status" => status::args::EXAMPLES,
        "promote" => promote::args::EXAMPLES,
        "history" => history::args::EXAMPLES,
        "report" => report::args::EXAMPLES,
        "undo" => undo::args::EXAMPLES,
        "resume" => resume::args::EXAMPLES,
        "abandon" => abandon::args::EXAMPLES,
        "rollback" => resume::args::EXAMPLES_OF_ROLLBACK,
        "sentinel" => sentinel::args::EXAMPLES,
        "sentinel-setup" => sentinel::args::EXAMPLES_OF_SETUP,
        "sentinel-forget" => sentinel::args::EXAMPLES_OF_FORGET,
        "sentinel-remove" => sentinel::args::EXAMPLES_OF_REMOVE,
        "sentinel-status" => sentinel::args::EXAMPLES_OF_STATUS,
        "server" => server::args::EXAMPLES,
        "completions" => completions::args::EXAMPLES,
        "endpoint" => endpoint::args::EXAMPLES,
        "explain" => explain::args::EXAMPLES,
        "clients" => clients::args::EXAMPLES,
        "rejoin" => rejoin::args::EXAMPLES,
        "repair" => repair::args::EXAMPLES,
        "lost" => lost::args::EXAMPLES,
        "add" => add::args::EXAMPLES,
        "adopt" => adopt::args::EXAMPLES,
        "remove" => remove::args::EXAMPLES,
        "detach" => detach::args::EXAMPLES,
        "move" => moves::args::EXAMPLES,
        _ => &[],
    }
}

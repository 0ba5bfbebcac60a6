//! replctl: from bare hosts to a verified replication deployment, and the safe change of its
//! primary.

mod actions;
mod cli;
mod config;
mod engine;
mod error;
mod findings;
mod hidden;
mod inventory;
mod operations;
mod output;
mod plan;
mod rescue;
#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm
)]
mod simulation;
mod topology;
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    // First: `ssh` may have started this program to ask a question. It takes all that is printed
    // for the answer.
    if let Some(socket) = std::env::var_os(world::ssh::ASKPASS) {
        return if world::ssh::answer_askpass(&socket) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    output::before_interruption(world::ssh::end_all);
    // Next: a shell may ask for completions. It must get no other output.
    clap_complete::CompleteEnv::with_factory(cli::candidates::command).complete();
    let exit = match cli::line::read() {
        Ok(cli) => operations::run(&cli).unwrap_or_else(|error| {
            output::form::failed(&error);
            error.exit
        }),
        Err(exit) => exit,
    };
    world::ssh::end_all();
    ExitCode::from(output::end(exit) as u8)
}

//! replctl: from bare hosts to a verified replication deployment, and the safe change of its primary.

mod cli;
mod commands;
mod error;
mod inventory;
mod output;
mod plan;
mod topology;
mod world;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let cli::Command::Server(args) = &cli.command else { return ExitCode::from(error::Exit::Usage as u8) };
    match commands::server::run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::note(&error.to_string());
            ExitCode::from(error.exit as u8)
        }
    }
}

//! replctl: from bare hosts to a verified replication deployment, and the safe change of its primary.

mod cli;
mod commands;
mod error;
mod inventory;
mod output;
mod plan;
mod topology;
mod world;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::note(&error.to_string());
            ExitCode::from(error.exit as u8)
        }
    }
}

fn run(cli: &cli::Cli) -> error::Result<()> {
    if let cli::Command::Init(args) = &cli.command {
        return commands::init::run(args);
    }
    world::inventory::load(&cli.global).map(drop)
}

//! replctl: from bare hosts to a verified replication deployment, and the safe change of its primary.

mod cli;
mod commands;
mod config;
mod error;
mod execute;
mod inventory;
mod journal;
mod output;
mod plan;
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

fn main() {}

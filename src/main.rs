//! replctl: from bare hosts to a verified replication deployment, and the safe change of its primary.

mod cli;
mod commands;
mod error;
mod inventory;
mod output;
mod plan;
mod topology;
mod world;

fn main() {}

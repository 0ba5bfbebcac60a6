//! One file per family of subcommands: arguments → observe → plan → confirm → execute → report.

pub mod completions;
pub mod server;

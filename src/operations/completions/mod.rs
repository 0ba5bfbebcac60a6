//! `completions`: scripts that complete the command line.

pub mod args;
pub mod run;

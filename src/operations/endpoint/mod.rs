//! `endpoint`: where the primary is, for programs.

pub mod args;
pub mod report;
pub mod run;

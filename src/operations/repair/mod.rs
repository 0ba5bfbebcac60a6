//! `repair`: one primary again.

pub mod args;
pub mod plan;
mod properties;
pub mod report;
pub mod run;

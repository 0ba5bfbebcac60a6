//! `repair`: one primary again.

pub mod args;
pub mod plan;
pub mod report;
pub mod run;

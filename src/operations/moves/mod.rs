//! `move`: another upstream for a replica.

pub mod args;
pub mod plan;
pub mod report;
pub mod run;

//! `move`: another upstream for a replica.

pub mod args;
pub mod plan;
mod properties;
pub mod report;
pub mod run;

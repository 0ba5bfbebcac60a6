//! `promote`: another primary.

pub mod args;
pub mod choose;
pub mod plan;
pub mod report;
pub mod run;

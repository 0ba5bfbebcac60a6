//! `promote`: another primary.

pub mod args;
pub mod choose;
pub mod plan;
mod properties;
pub mod report;
pub mod run;

//! `add`: a new node.

pub mod args;
pub mod plan;
mod properties;
pub mod report;
pub mod run;

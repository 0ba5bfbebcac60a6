//! `add`: a new node.

pub mod args;
pub mod plan;
pub mod report;
pub mod run;

//! `remove`: a node leaves for good.

pub mod args;
pub mod checks;
pub mod plan;
pub mod report;
pub mod run;

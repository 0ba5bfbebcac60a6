//! `check`: the deployment as planned against what is, and what will fail later.

pub mod args;
pub mod plan;
mod properties;
pub mod report;
pub mod run;

//! `check`: compares the deployment with its plan, and finds what will fail later.

pub mod args;
pub mod plan;
mod properties;
pub mod report;
pub mod run;

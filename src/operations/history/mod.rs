//! `history`: what was done to this deployment.

pub mod args;
pub mod report;
pub mod run;

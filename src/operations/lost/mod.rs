//! `lost`: the commands that only an old primary has.

pub mod args;
pub mod plan;
mod properties;
pub mod report;
pub mod run;

//! `adopt`: servers that somebody else made come under replctl's layout and unit, with their data.

pub mod args;
pub mod plan;
mod properties;
pub mod report;
pub mod run;

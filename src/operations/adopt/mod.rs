//! `adopt`: puts servers that somebody else made under the layout and the units of replctl, with
//! their data.

pub mod args;
pub mod plan;
mod properties;
pub mod report;
pub mod run;

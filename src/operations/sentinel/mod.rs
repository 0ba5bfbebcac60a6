//! `sentinel`: the Sentinels that watch.

pub mod args;
pub mod checks;
pub mod plan;
mod properties;
pub mod report;
pub mod run;

//! `sentinel`: the Sentinels that watch.

pub mod args;
pub mod checks;
pub mod plan;
pub mod report;
pub mod run;

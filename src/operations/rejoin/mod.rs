//! `rejoin`: an old primary comes back.

pub mod args;
pub mod checks;
pub mod plan;
mod properties;
pub mod run;

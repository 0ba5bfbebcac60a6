//! `rejoin`: an old primary comes back.

pub mod args;
pub mod checks;
pub mod plan;
pub mod run;

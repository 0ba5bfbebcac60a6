//! `server`: the embedded server.

pub mod args;
pub mod run;

//! `undo`: an operation that is done is taken back.

pub mod args;
pub mod run;

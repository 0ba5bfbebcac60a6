//! `resume` and `rollback`: an operation that stopped half-way goes on, or is put back.

pub mod args;
pub mod run;

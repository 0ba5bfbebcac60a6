//! `abandon`: an operation that stopped half-way is left as it is.

pub mod args;
pub mod run;

//! `man`: the man pages.

pub mod args;
pub mod run;

//! `fence-guard`: ends a fence that does not end by itself.

pub mod args;
pub mod run;

//! `status`: what is, and what is wrong.

pub mod args;
pub mod report;
pub mod run;

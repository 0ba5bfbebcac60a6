//! `explain`: what a finding of `status` means, how it comes to it, and the way out.

pub mod args;
pub mod report;
pub mod run;

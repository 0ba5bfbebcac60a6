//! `detach`: a replica that stands alone.

pub mod args;
pub mod plan;
pub mod report;
pub mod run;

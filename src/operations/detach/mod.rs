//! `detach`: a replica that stands alone.

pub mod args;
pub mod plan;
mod properties;
pub mod report;
pub mod run;

//! `report`: the post-mortem of one operation.

pub mod args;
#[allow(clippy::module_inception)] // each operation has its report in `report.rs`
pub mod report;
pub mod run;

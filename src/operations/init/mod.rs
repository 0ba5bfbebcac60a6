//! `init`: writes an inventory.

pub mod args;
pub mod plan;
pub mod report;
pub mod run;

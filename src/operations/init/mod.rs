//! `init`: writes an inventory.

pub mod args;
pub mod run;

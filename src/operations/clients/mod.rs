//! `clients`: who uses the servers.

pub mod args;
pub mod report;
pub mod run;

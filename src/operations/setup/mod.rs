//! `setup`: bare hosts to a running deployment.

pub mod args;
pub mod checks;
pub mod plan;
mod properties;
pub mod run;

//! `setup`: bare hosts to a running deployment.

pub mod args;
pub mod checks;
pub mod plan;
pub mod run;

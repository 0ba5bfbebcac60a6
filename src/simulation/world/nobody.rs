//! Nobody looks on while a plan runs.

use crate::engine::journal::Seen;

/// Nobody looks on.
pub struct Nobody;

impl crate::engine::execute::Watch for Nobody {
    fn stage(&self, _: &crate::engine::Stage) {}
    fn begun(&self, _: &crate::engine::Step) {}
    fn done(&self, _: &crate::engine::Step, _: &Seen, _: f64) {}
    fn failed(&self, _: &crate::engine::Step, _: &str) {}
    fn undoing(&self, _: &crate::engine::Step) {}
}

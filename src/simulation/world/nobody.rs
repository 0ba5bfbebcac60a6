//! Nobody looks on while a plan runs.

use crate::journal::Seen;

/// Nobody looks on.
pub struct Nobody;

impl crate::execute::Watch for Nobody {
    fn stage(&self, _: &crate::plan::Stage) {}
    fn begun(&self, _: &crate::plan::Step) {}
    fn done(&self, _: &crate::plan::Step, _: &Seen, _: f64) {}
    fn failed(&self, _: &crate::plan::Step, _: &str) {}
    fn undoing(&self, _: &crate::plan::Step) {}
}

//! The interfaces of the executor: the world that acts, and the observer.

use crate::actions::Action;
use crate::engine::journal::{Effect, Evidence};
use crate::engine::{Stage, Step};
use crate::topology::NodeName;
use std::future::Future;

/// What the executor asks of the world.
pub trait Act: Sync {
    /// Does one action on one node and sees its effect. Bounded in time.
    fn act(
        &self,
        node: &NodeName,
        action: &Action,
    ) -> impl Future<Output = Result<Evidence, Failure>> + Send;

    /// Why the run must stop while it can still be put back: another operator has taken over.
    fn lost(&self) -> Option<String> {
        None
    }
}

/// Why an action failed, and what is known of its effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// One sentence that names the cause.
    pub why: String,
    /// Whether it may have taken effect.
    pub effect: Effect,
}

impl Failure {
    /// A failure that certainly had no effect.
    pub fn none(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            effect: Effect::None,
        }
    }

    /// A failure that may have had its effect.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            effect: Effect::Unknown,
        }
    }
}

/// The observer of a running plan.
pub trait Watch: Sync {
    /// A stage begins.
    fn stage(&self, stage: &Stage);
    /// A step begins.
    fn begun(&self, step: &Step);
    /// A step was seen to be done; milliseconds it took.
    fn done(&self, step: &Step, seen: &Evidence, took_ms: f64);
    /// A step failed.
    fn failed(&self, step: &Step, why: &str);
    /// A step is being put back.
    fn undoing(&self, step: &Step);
}

/// Gets the progress of transfers to and from nodes.
pub trait Transfers: Send + Sync {
    /// `bytes` of `total` bytes have come.
    fn transferred(&self, node: &NodeName, bytes: u64, total: u64);
}

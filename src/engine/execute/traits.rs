//! What the executor is joined to: the world that acts, and whoever looks on.

use crate::actions::Action;
use crate::engine::journal::{Effect, Seen};
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
    ) -> impl Future<Output = Result<Seen, Failure>> + Send;

    /// Why nothing more may be begun that can still be put back: another operator has taken over.
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

/// Who looks on while a plan runs.
pub trait Watch: Sync {
    /// A stage begins.
    fn stage(&self, stage: &Stage);
    /// A step begins.
    fn begun(&self, step: &Step);
    /// A step was seen to be done; milliseconds it took.
    fn done(&self, step: &Step, seen: &Seen, took_ms: f64);
    /// A step failed.
    fn failed(&self, step: &Step, why: &str);
    /// A step is being put back.
    fn undoing(&self, step: &Step);
}

/// Who is told how far a transfer to or from a node has come.
pub trait Transfers: Send + Sync {
    /// So many bytes of so many.
    fn transferred(&self, node: &NodeName, bytes: u64, total: u64);
}

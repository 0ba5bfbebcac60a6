//! A run of a plan in the model, by how it ends: what its steps saw is of no matter there.

use crate::engine::Plan;
use crate::engine::execute::{Act, Execution, Watch};
use crate::engine::journal::{Journal, Outcome, Progress};
use crate::topology::Topology;
use std::sync::atomic::AtomicBool;

/// One run of one plan. The fields are those of [`Execution`].
pub struct Run<'a, A: Act, J: Journal, W: Watch> {
    pub plan: &'a Plan,
    pub act: &'a A,
    pub journal: &'a J,
    pub watch: &'a W,
    pub concurrency: usize,
    pub interrupted: &'a AtomicBool,
}

impl<A: Act, J: Journal, W: Watch> Run<'_, A, J, W> {
    fn execution(&self) -> Execution<'_, A, J, W> {
        Execution {
            plan: self.plan,
            act: self.act,
            journal: self.journal,
            watch: self.watch,
            concurrency: self.concurrency,
            interrupted: self.interrupted,
        }
    }

    pub async fn start(&self) -> Outcome {
        self.execution().start().await.outcome
    }

    pub async fn resume(&self, progress: &Progress, now: &Topology) -> Outcome {
        self.execution().resume(progress, now).await.outcome
    }

    pub async fn roll_back(&self, progress: &Progress, now: &Topology) -> Result<Outcome, String> {
        let ended = self.execution().roll_back(progress, now).await;
        ended.map(|executed| executed.outcome)
    }
}

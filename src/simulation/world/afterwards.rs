//! What becomes of a world when replctl dies, and what is to be seen of it afterwards.

use super::World;
use crate::topology::{Address, NodeName};

impl World {
    /// The process dies: fences run out, clients go on.
    pub fn crash(&self) {
        let mut inner = self.0.lock().unwrap();
        inner.life = None;
        for sim in &mut inner.sims {
            sim.fenced = false;
        }
        inner.traffic();
    }

    /// Forgets the injected failure, as a later run meets a healed world.
    pub fn heal(&self) {
        let mut inner = self.0.lock().unwrap();
        inner.fail_at = None;
        inner.life = None;
    }

    /// Acknowledged writes that `node` does not have.
    pub fn lost(&self, node: &NodeName) -> usize {
        let inner = self.0.lock().unwrap();
        let Some(sim) = inner.sims.iter().find(|s| s.name == *node) else {
            return usize::MAX;
        };
        inner.acked.iter().filter(|w| !sim.log.contains(w)).count()
    }

    pub fn shape(&self) -> Vec<(bool, Option<Address>)> {
        self.0
            .lock()
            .unwrap()
            .sims
            .iter()
            .map(|s| (s.up, s.of.clone()))
            .collect()
    }

    /// What the files say, for comparing too.
    pub fn persisted(&self) -> Vec<Option<Address>> {
        let inner = self.0.lock().unwrap();
        inner.sims.iter().map(|s| s.persisted_of.clone()).collect()
    }
}

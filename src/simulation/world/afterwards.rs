//! The observable state of the servers after a run.

use super::World;
use crate::topology::{Address, NodeName};

impl World {
    /// Acknowledged writes that `node` does not have.
    pub fn lost(&self, node: &NodeName) -> usize {
        let servers = self.lock();
        let Some(sim) = servers.sims.iter().find(|s| s.name == *node) else {
            return usize::MAX;
        };
        servers
            .acked
            .iter()
            .filter(|w| !sim.log.contains(w))
            .count()
    }

    pub fn shape(&self) -> Vec<(bool, Option<Address>)> {
        let sims = &self.lock().sims;
        sims.iter().map(|s| (s.up, s.of.clone())).collect()
    }

    /// What the files say, for comparing too.
    pub fn persisted(&self) -> Vec<Option<Address>> {
        let servers = self.lock();
        servers
            .sims
            .iter()
            .map(|s| s.persisted_of.clone())
            .collect()
    }
}

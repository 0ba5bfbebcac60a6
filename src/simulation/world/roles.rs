//! The looks at roles: what a plan was made from, and who is a primary by now.

use super::Inner;
use crate::actions::roles::{NodeRole, Was};
use crate::engine::execute::Failure;
use crate::topology::NodeName;

impl Inner {
    pub(super) fn check_roles(&self, roles: &[NodeRole]) -> Result<(), Failure> {
        for role in roles {
            let sim = &self.sims[self.index(&role.node)];
            let same = match &role.was {
                Was::Primary => sim.of.is_none(),
                Was::ReplicaOf(address) => sim.of.as_ref() == Some(address),
                Was::Silent => sim.of.is_some(),
            };
            if sim.up && !same {
                return Err(Failure::none(format!("{} has another role", role.node)));
            }
        }
        Ok(())
    }

    pub(super) fn none_is_primary(&self, others: &[NodeName]) -> Result<(), Failure> {
        let primary = |name: &&NodeName| {
            let sim = &self.sims[self.index(name)];
            sim.up && sim.of.is_none()
        };
        match others.iter().find(primary) {
            Some(other) => Err(Failure::none(format!("{other} is a primary"))),
            None => Ok(()),
        }
    }
}

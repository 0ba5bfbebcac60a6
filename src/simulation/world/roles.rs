//! Changes and checks of roles: the roles that a plan was made from, and the present primaries.

use super::Servers;
use crate::actions::role::{NodeRole, RoleAction, Was};
use crate::engine::execute::Failure;
use crate::simulation::sentinel::model;
use crate::topology::NodeName;

impl Servers {
    pub(super) fn on_role(&mut self, i: usize, action: &RoleAction) -> Result<(), Failure> {
        match action {
            RoleAction::Follow { address, .. } | RoleAction::FollowAddress { address } => {
                // Its writes since somebody else promoted it would be lost.
                let was_replica = self.seen_replica[i] || self.planned.contains(&self.sims[i].name);
                if was_replica && self.sims[i].of.is_none() {
                    return Err(Failure::none("it is a primary now"));
                }
                self.sims[i].of = Some(address.clone());
            }
            RoleAction::CheckRoles { roles } => self.check_roles(roles)?,
            RoleAction::Demote {
                address, others, ..
            } => {
                if self.sims[i].of.is_some() {
                    return Err(Failure::none("it is no primary any more"));
                }
                self.none_is_primary(others)?;
                model::before_demotion(self);
                self.sims[i].of = Some(address.clone());
            }
            RoleAction::CompareOffsets { with, others, .. } => {
                self.catch_up(i);
                let with = self.index(with);
                if !self.sims[with].up || self.sims[i].log != self.sims[with].log {
                    self.copied_back(i, with);
                    return Err(Failure::none("not equal"));
                }
                self.none_is_primary(others)?;
            }
            RoleAction::TakeOver { from, .. } => {
                let from = self.index(from);
                if self.sims[i].of.is_some() && self.sims[i].log != self.sims[from].log {
                    return Err(Failure::none("not equal, put back"));
                }
                self.sims[i].of = None;
            }
            RoleAction::RestorePrimary { others } => {
                if self.sims[i].of.is_some() {
                    self.none_is_primary(others)?;
                }
                self.sims[i].of = None;
            }
            RoleAction::Promote => self.sims[i].of = None,
        }
        Ok(())
    }

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

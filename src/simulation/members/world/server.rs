//! What a server that runs does when a step asks it.

use super::super::host::Keys;
use super::Members;
use crate::actions::Action;
use crate::actions::role::RoleAction;
use crate::actions::server::ServerAction;
use crate::engine::execute::Failure;
use crate::engine::journal::Evidence;
use crate::simulation::harness::not_simulated;
use crate::topology::{Address, NodeName, PersistedRole};
use std::sync::Arc;

impl Members {
    pub(super) fn on_server(
        &mut self,
        node: &NodeName,
        action: &Action,
    ) -> Result<Evidence, Failure> {
        if !self.hosts[node].runs() {
            return Err(Failure::none("connection refused"));
        }
        let host = Arc::make_mut(self.hosts.get_mut(node).unwrap());
        match action {
            Action::Server(action) => self.asked(node, action)?,
            Action::Role(RoleAction::Follow { address, .. }) => host.of = Some(address.clone()),
            Action::Role(RoleAction::Promote) => host.of = None,
            Action::Role(
                RoleAction::FollowAddress { .. }
                | RoleAction::CheckRoles { .. }
                | RoleAction::Demote { .. }
                | RoleAction::CompareOffsets { .. }
                | RoleAction::TakeOver { .. }
                | RoleAction::RestorePrimary { .. },
            )
            | Action::Rescue(_)
            | Action::Service(_)
            | Action::Local(_)
            | Action::Password(_)
            | Action::Sentinel(_)
            | Action::Hook(_)
            | Action::Host(_) => return Err(not_simulated(action)),
        }
        Ok(Evidence::default())
    }

    fn asked(&mut self, node: &NodeName, action: &ServerAction) -> Result<(), Failure> {
        let inventory = Arc::clone(&self.inventory);
        let at = |of: &Address| {
            let mut nodes = inventory.nodes.iter();
            nodes.find(|n| n.address == *of).map(|n| n.name.clone())
        };
        let host = Arc::make_mut(self.hosts.get_mut(node).unwrap());
        match action {
            ServerAction::AwaitAnswer { .. } | ServerAction::SetDirective { .. } => {}
            ServerAction::PersistRole => {
                let role = host.of.clone();
                let role = role.map_or(PersistedRole::Primary, PersistedRole::ReplicaOf);
                host.facts.config.as_mut().unwrap().role = role;
            }
            ServerAction::AwaitInSync { with, .. } => {
                if host.of.as_ref().and_then(at).as_ref() != Some(with) {
                    return Err(Failure::none("it follows another"));
                }
                assert_ne!(host.keys, Keys::Own, "keys that are nowhere else are lost");
                host.set_keys(Keys::Shared);
            }
            ServerAction::ProveWrite { replicas } => {
                assert_eq!(host.of, None, "{node} is no primary");
                let follows = |r: &NodeName| self.hosts[r].of.is_some();
                if !replicas.iter().all(follows) {
                    return Err(Failure::none("the write did not arrive"));
                }
            }
            ServerAction::PauseWrites { .. }
            | ServerAction::ResumeWrites
            | ServerAction::RequireReplicas { .. }
            | ServerAction::AwaitNear { .. }
            | ServerAction::AwaitCaughtUp { .. }
            | ServerAction::DrainOthers { .. }
            | ServerAction::CheckMostAdvanced { .. }
            | ServerAction::AwaitQuiet { .. }
            | ServerAction::AwaitUnlisted { .. }
            | ServerAction::CountClients
            | ServerAction::KickClients
            | ServerAction::ShutDown { .. }
            | ServerAction::AwaitLoaded { .. }
            | ServerAction::CompareKeys
            | ServerAction::SeeSettings { .. }
            | ServerAction::SetReplicaAuth => return Err(not_simulated(action)),
        }
        Ok(())
    }
}

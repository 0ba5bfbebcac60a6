//! The proofs over new connections, the Sentinels' login, and what the inventory says of protected
//! mode.

use super::{Address, Change, Do, Key, NodeName, PasswordAction, Secret, Step, step};
use crate::inventory::NodeSpec;
use crate::operations::setup::plan::hosts::wanted_config;
use crate::operations::setup::plan::prove;

impl Change<'_> {
    /// Checks which logins a node accepts and refuses, also from another host if there is one.
    pub(super) fn proof(&self, node: &NodeName, lets_in: Vec<Key>, refuses: Vec<Key>) -> Step {
        let from = self.other_host(node);
        let proof = Do::Prove {
            lets_in,
            refuses,
            from,
        };
        step(node, proof, None)
    }

    /// The same of all nodes.
    pub(super) fn proofs(&self, lets_in: &[Key], refuses: &[Key]) -> Vec<Step> {
        let all = self.members.iter();
        all.map(|m| self.proof(m.name, lets_in.to_vec(), refuses.to_vec()))
            .collect()
    }

    /// The logins of replicas at their upstreams, where those can be reached.
    pub(super) fn links(&self, reached: impl Fn(&NodeName) -> bool) -> Vec<Step> {
        let mut out = Vec::new();
        for m in &self.members {
            let Some(with) = self.wiring.upstream.get(m.name) else {
                continue;
            };
            let runs = self.members.iter().any(|m| m.name == with);
            let follows = self
                .look
                .topology
                .get(m.name)
                .is_some_and(|n| n.upstream().is_some());
            if runs && follows && reached(with) {
                let with = with.clone();
                out.push(step(m.name, PasswordAction::ProveLink { with }, None));
            }
        }
        out
    }

    /// What the Sentinels that watch log in with.
    pub(super) fn sentinels(&self, secret: Secret, before: Option<Secret>) -> Vec<Step> {
        let Some(watch) = self.around.watch else {
            return Vec::new();
        };
        let tell = |at: &Address, secret| Do::Sentinel {
            name: watch.name.clone(),
            at: at.clone(),
            secret,
        };
        let primary = &self.wiring.primary;
        let all = watch.up().map(|(at, _)| at);
        all.filter(|at| self.around.confirmed.contains(at))
            .map(|at| step(primary, tell(at, secret), before.map(|b| tell(at, b))))
            .collect()
    }

    /// A node on another host.
    fn other_host(&self, node: &NodeName) -> Option<NodeName> {
        let place = |spec: &NodeSpec| {
            let host = spec.ssh.host.clone();
            (
                host.unwrap_or_else(|| spec.address.host.clone()),
                spec.ssh.port,
            )
        };
        let own = place(self.look.inventory.get(node)?);
        let others = self.members.iter().filter_map(|m| {
            let spec = self.look.inventory.get(m.name)?;
            (place(spec) != own).then(|| m.name.clone())
        });
        others.into_iter().next()
    }

    /// Whether the inventory wants protected mode on.
    pub(super) fn wants_protection(&self, name: &NodeName) -> bool {
        let node = self.look.inventory.get(name);
        let Some((node, facts)) = node.zip(self.look.facts(name)) else {
            return true;
        };
        let wanted = wanted_config(self.look, self.wiring, node, facts).0;
        let mut lines = wanted.directives.iter();
        lines.any(|(name, value)| name == "protected-mode" && value.trim() == "yes")
    }

    /// Adds a write that is read on every replica.
    pub(super) fn with_write(&self, mut proofs: Vec<Step>, changes: &[Step]) -> Vec<Step> {
        proofs.extend(prove(self.look, self.wiring, changes, &[]));
        proofs
    }
}

//! The steps of `setup` on one host: those that any server needs, the file with its role, and the
//! names of the others.

use super::{ANSWER_MS, Look, Wiring};
use crate::actions::Action;
use crate::actions::host::HostAction as Do;
use crate::actions::server::ServerAction;
use crate::config::block;
use crate::config::server::{Rendered, render};
use crate::engine::{Step, Undo};
use crate::inventory::NodeSpec;
use crate::inventory::address::is_literal;
use crate::plan::facts::{ConfigFile, HostFacts};
use crate::plan::hosts::{Host, HostLook, start_step, supervision};
use crate::topology::{Address, NodeName, PersistedRole};

/// The file this node is to have, with the role it has or gets.
pub(super) fn wanted_config(
    look: &HostLook<'_>,
    wiring: &Wiring,
    node: &NodeSpec,
    facts: &HostFacts,
) -> (Rendered, Option<Address>) {
    let upstream = wiring
        .upstream
        .get(&node.name)
        .and_then(|u| look.inventory.get(u))
        .map(|u| u.announced().clone());
    let rendered = render(look.inventory, node, supervision(facts), upstream.as_ref());
    (rendered, upstream)
}

/// All steps before the start. For a running node, only those that do not touch its server.
pub(super) fn prepare(look: &Look<'_>, wiring: &Wiring, node: &NodeSpec) -> Vec<Step> {
    let Some(facts) = look.facts(&node.name) else {
        return Vec::new();
    };
    let mut host = Host::new(look, node, facts);
    if wiring.starts.contains(&node.name) {
        host.program();
        host.certificates();
        host.config(wiring);
    } else {
        host.protect();
        host.new_certificates();
    }
    host.at_boot();
    host.names();
    host.steps
}

/// What has to be built for a node that is started.
pub(super) fn build(look: &Look<'_>, name: &NodeName) -> Vec<Step> {
    let (Some(node), Some(facts)) = (look.inventory.get(name), look.facts(name)) else {
        return Vec::new();
    };
    let mut host = Host::new(look, node, facts);
    host.build();
    host.steps
}

/// The start of one node.
pub(super) fn start(look: &Look<'_>, name: &NodeName) -> Vec<Step> {
    let Some(node) = look.inventory.get(name) else {
        return Vec::new();
    };
    vec![
        start_step(look, node),
        Step::new(
            name,
            Action::Server(ServerAction::AwaitAnswer {
                within_ms: ANSWER_MS,
            }),
            Undo::Nothing,
        ),
    ]
}

impl Host<'_> {
    fn config(&mut self, wiring: &Wiring) {
        let (wanted, upstream) = wanted_config(self.look, wiring, self.node, self.facts);
        let path = self.paths.config();
        let undo = match &self.facts.config {
            Some(file) if self.is_as_wanted(file, &wanted, upstream.as_ref()) => return,
            Some(file) => Do::RestoreConfig {
                path: path.clone(),
                mode: Some(file.ownership.mode),
            },
            None => Do::RemoveConfig { path: path.clone() },
        };
        let owner = self.owner();
        let write = Do::WriteConfig {
            path,
            text: wanted.text,
            owner,
        };
        self.add(write, Some(undo));
    }

    fn is_as_wanted(
        &self,
        file: &ConfigFile,
        wanted: &Rendered,
        upstream: Option<&Address>,
    ) -> bool {
        let role = match (&file.role, upstream) {
            (PersistedRole::Primary, None) => true,
            (PersistedRole::ReplicaOf(have), Some(want)) => {
                have == want
                    || self
                        .look
                        .topology
                        .at(want)
                        .is_some_and(|n| n.answers_to(have))
            }
            (PersistedRole::Primary | PersistedRole::Unknown(_) | PersistedRole::Unwritten, _)
            | (PersistedRole::ReplicaOf(_), None) => false,
        };
        role && file.stamp.as_ref() == Some(&wanted.stamp)
            && !self.facts.stale_password
            && !self.is_open(file)
    }

    /// The managed block of `/etc/hosts` and the host's name, in this order: sudo complains about a
    /// host name that does not resolve. A node whose address is a name needs no entry: another name
    /// table has it already.
    fn names(&mut self) {
        if !self.look.inventory.server.hostnames || !self.facts.root {
            return;
        }
        let nodes = &self.look.inventory.nodes;
        let addressed = nodes.iter().filter(|n| is_literal(&n.announced().host));
        let pairs = addressed.map(|n| (n.announced().host.as_str(), n.name.0.as_str()));
        let lines = block::hosts_lines(pairs);
        let owner = self.look.inventory.name.clone();
        let file = self.facts.hosts.clone();
        self.block("/etc/hosts", owner, lines, &file);
        let name = self.node.name.0.clone();
        let alone = nodes
            .iter()
            .filter(|n| n.address.host == self.node.address.host)
            .count()
            == 1;
        if alone && self.facts.host_name != name {
            let undo = Do::SetHostName {
                name: self.facts.host_name.clone(),
            };
            self.add(Do::SetHostName { name }, Some(undo));
        }
    }
}

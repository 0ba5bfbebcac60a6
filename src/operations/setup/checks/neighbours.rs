//! Servers of the same deployment that run on a host and are not in the inventory, as after a
//! changed `port`. They are reported, and left as they are. Pure.

use crate::config::unit::printable;
use crate::engine::Warning;
use crate::engine::warning::host::{Host, Neighbour};
use crate::inventory::NodeSpec;
use crate::operations::setup::plan::Look;
use crate::topology::fed::strangers;
use crate::topology::one_address::Places;
use std::collections::BTreeSet;

/// One for each such server.
pub(super) fn warnings(look: &Look<'_>) -> Vec<Warning> {
    let mut told = BTreeSet::new();
    let mut out = Vec::new();
    for node in look.scope() {
        let mut ports: Vec<(u16, bool)> = by_units(look, node);
        ports.extend(fed(look, node).into_iter().map(|port| (port, false)));
        for (port, unit) in ports {
            if told.insert((host(node), port)) {
                out.push(neighbour(look, node, port, unit));
            }
        }
    }
    out
}

fn neighbour(look: &Look<'_>, node: &NodeSpec, port: u16, unit: bool) -> Warning {
    let at = &node.address.host;
    let ssh = node.ssh.as_root(at);
    let end = if unit {
        format!("to end it: {ssh} systemctl disable --now replctl-{port}.service")
    } else {
        format!("to end it, SHUTDOWN it with redis-cli -h {at} -p {port}")
    };
    let neighbour = Neighbour {
        deployment: look.inventory.name.clone(),
        port,
        at: at.clone(),
        end,
    };
    Warning::of(&node.name, Host::Neighbour(Box::new(neighbour)))
}

/// Found by the units of this deployment that replctl made and that run.
fn by_units(look: &Look<'_>, node: &NodeSpec) -> Vec<(u16, bool)> {
    let Some(facts) = look.facts(&node.name) else {
        return Vec::new();
    };
    let own = printable(&look.inventory.name);
    let lacks = |port: &u16| !has(look, node, *port);
    let running = facts.others.iter().filter(|(_, of)| **of == own);
    running
        .map(|(port, _)| *port)
        .filter(lacks)
        .map(|port| (port, true))
        .collect()
}

/// Found in the replica lists of the nodes.
fn fed(look: &Look<'_>, node: &NodeSpec) -> Vec<u16> {
    let places = Places::of(look.topology);
    let all = look.topology.nodes.iter();
    let found = all.filter_map(|n| strangers(n, &places, look.topology));
    found
        .flat_map(|s| s.among)
        .filter(|at| at.host == node.address.host && !has(look, node, at.port))
        .map(|at| at.port)
        .collect()
}

/// Whether the inventory has a node, or a Sentinel, on that port of the host of `node`.
fn has(look: &Look<'_>, node: &NodeSpec, port: u16) -> bool {
    let inventory = look.inventory;
    let mut all = inventory.nodes.iter().chain(inventory.sentinels());
    all.any(|n| host(n) == host(node) && n.address.port == port)
}

fn host(node: &NodeSpec) -> (String, Option<u16>) {
    let host = node.ssh.host.as_ref().unwrap_or(&node.address.host);
    (host.to_ascii_lowercase(), node.ssh.port)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::engine::Setup;
    use crate::engine::warning::sentences;
    use crate::operations::setup::plan::tests::begin::InitialNode;
    use crate::operations::setup::plan::tests::stage::Stage;
    use crate::topology::NodeName;

    fn told(change: impl FnOnce(&mut Stage)) -> Vec<String> {
        let mut world = Stage::new([
            InitialNode::FullPrimary,
            InitialNode::Replica { of: 0 },
            InitialNode::Replica { of: 0 },
        ]);
        change(&mut world);
        let op = Setup {
            nodes: Vec::new(),
            discard_data: Vec::new(),
        };
        sentences(&world.plan(&op).unwrap().warnings)
    }

    fn beside(world: &mut Stage, port: u16, deployment: &str) {
        let facts = world.hosts.get_mut(&NodeName::from("slave1")).unwrap();
        let facts = facts.as_mut().unwrap();
        facts.others.insert(port, deployment.to_owned());
    }

    #[test]
    fn an_old_server_of_the_deployment_is_told() {
        assert!(told(|_| {}).is_empty());
        assert!(told(|w| beside(w, 6380, "billing")).is_empty());
        assert!(told(|w| beside(w, 6379, "orders")).is_empty());
        let all = told(|w| beside(w, 6380, "orders"));
        assert_eq!(all.len(), 1);
        assert!(
            all[0].starts_with(
                "a server of `orders` runs on port 6380 of the host of `slave1`, and the inventory has no node there"
            ) && all[0].contains("systemctl disable --now replctl-6380.service"),
            "{all:?}"
        );
    }
}

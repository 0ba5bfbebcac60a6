//! `status --json`: the observed structures themselves with what was concluded from them.

use crate::findings::{Finding, healthy};
use crate::operations::status::report::Seen;
use crate::output::verdict::{deployment_of, verdict};
use crate::topology::candidate::primaries;
use crate::topology::lag::Lag;
use crate::topology::reboot::reboot;
use crate::topology::service::{Service, Starter};
use crate::topology::{Node, NodeName};
use serde::Serialize;

#[derive(Serialize)]
struct Status<'a> {
    deployment: &'a str,
    verdict: String,
    healthy: bool,
    /// The one primary; null where there is none or more than one.
    primary: Option<&'a NodeName>,
    nodes: Vec<NodeStatus<'a>>,
    findings: &'a [Finding],
    /// The roles after all hosts start again; absent if no host was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    after_reboot: Option<&'static str>,
}

/// What the next start of a server is.
#[derive(Serialize)]
struct Start<'a> {
    /// `unit`, `script`, `container`, `hand`, `unknown`.
    by: &'static str,
    unit: Option<&'a str>,
    config_file: Option<&'a str>,
    at_boot: Option<bool>,
    managed: bool,
    process: Option<u32>,
    uid: Option<u32>,
}

#[derive(Serialize)]
struct NodeStatus<'a> {
    #[serde(flatten)]
    node: &'a Node,
    role: Option<&'static str>,
    /// The node it replicates from, where that is one of the inventory.
    upstream: Option<&'a NodeName>,
    in_sync: Option<bool>,
    behind_bytes: Option<u64>,
    lag: Option<Lag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<Start<'a>>,
}

/// All of it.
pub fn status<'a>(seen: &'a Seen<'a>) -> impl Serialize + 'a {
    let deployment = deployment_of(seen.topology, seen.findings);
    Status {
        deployment: seen.deployment,
        verdict: verdict(seen.deployment, seen.topology, seen.findings),
        healthy: healthy(seen.findings),
        primary: match primaries(&deployment)[..] {
            [one] => seen.topology.get(&one.name).map(|node| &node.name),
            _ => None,
        },
        nodes: seen
            .topology
            .nodes
            .iter()
            .map(|node| of_node(seen, node))
            .collect(),
        findings: seen.findings,
        after_reboot: seen
            .topology
            .nodes
            .iter()
            .any(|n| n.service.is_some())
            .then(|| reboot(&deployment).code()),
    }
}

fn of_node<'a>(seen: &Seen<'a>, node: &'a Node) -> NodeStatus<'a> {
    NodeStatus {
        node,
        role: node.server().map(|_| {
            if node.is_primary() {
                "primary"
            } else {
                "replica"
            }
        }),
        upstream: seen
            .topology
            .upstream_of(node)
            .map(|upstream| &upstream.name),
        in_sync: seen.topology.in_sync(node),
        behind_bytes: seen.topology.behind(node),
        lag: seen.lags.and_then(|lags| lags.get(&node.name)).copied(),
        start: node.service.as_deref().map(start),
    }
}

fn start(service: &Service) -> Start<'_> {
    Start {
        by: match service.starter {
            Starter::Unit(_) => "unit",
            Starter::Script(_) => "script",
            Starter::Container(_) => "container",
            Starter::Nothing => "hand",
            Starter::Unknown(_) => "unknown",
        },
        unit: service.unit().map(|unit| unit.name.as_str()),
        config_file: service.file.as_deref(),
        at_boot: service.starts_at_boot(),
        managed: service.managed,
        process: service.process.as_ref().map(|p| p.pid),
        uid: service.process.as_ref().map(|p| p.uid),
    }
}

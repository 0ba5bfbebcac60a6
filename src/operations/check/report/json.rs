//! `check --json`: the facts of servers and hosts, and the findings.

use super::{Shown, live_role, planned_role};
use crate::findings::{Finding, healthy};
use crate::output::verdict::{deployment_of, verdict};
use crate::topology::candidate::primaries;
use crate::topology::host::{HostState, Places, Unseen, WriteRate};
use crate::topology::service::Service;
use crate::topology::{Address, Node, NodeName, Server, Version};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct Checked<'a> {
    deployment: &'a str,
    when: String,
    verdict: String,
    healthy: bool,
    /// The primary; null if there is none or more than one.
    primary: Option<&'a NodeName>,
    nodes: Vec<OfNode<'a>>,
    /// Absent if it was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    writes: Option<&'a WriteRate>,
    /// How many names of nodes were too many to look up on the hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    names_not_looked_up: Option<usize>,
    findings: &'a [Finding],
}

#[derive(Serialize)]
struct OfNode<'a> {
    name: &'a NodeName,
    address: &'a Address,
    /// `primary` or `replica`; null if the server gives no usable answer.
    role: Option<&'static str>,
    planned_role: &'static str,
    version: Option<Version>,
    starts_at_boot: Option<bool>,
    /// Null if the host was not reached. `host_error` has the reason.
    host: Option<&'a HostState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_error: Option<&'a Unseen>,
    places: Option<&'a Places>,
    settings: Option<&'a BTreeMap<String, String>>,
}

/// The whole document.
pub(super) fn check<'a>(seen: &'a Shown<'a>) -> impl Serialize + 'a {
    let deployment = deployment_of(seen.topology, seen.findings);
    Checked {
        deployment: seen.deployment,
        when: seen.when.to_string(),
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
        writes: seen.hosts.rate.as_ref(),
        names_not_looked_up: Some(seen.hosts.names_left).filter(|left| *left > 0),
        findings: seen.findings,
    }
}

fn of_node<'a>(seen: &Shown<'a>, node: &'a Node) -> OfNode<'a> {
    let look = seen.hosts.look(&node.name);
    let service = node.service.as_deref();
    OfNode {
        name: &node.name,
        address: &node.announced,
        role: live_role(node),
        planned_role: planned_role(seen, node),
        version: node.server().map(|server: &Server| server.version),
        starts_at_boot: service.and_then(Service::starts_at_boot),
        host: seen.hosts.of(&node.name),
        host_error: look.and_then(|look| look.state.as_ref().err()),
        places: seen.hosts.places(&node.name),
        settings: seen.hosts.settings.get(&node.name),
    }
}

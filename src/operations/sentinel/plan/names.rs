//! Whether the hosts of Sentinels know the primary by its name. A Sentinel gives out the address
//! that its own host has for the name. Pure.

use super::SentinelInput;
use crate::engine::{Ground, Plan, Refusal};
use crate::inventory::SentinelSettings;
use crate::inventory::address::{is_literal, is_loopback};
use crate::operations::sentinel::checks;
use crate::plan::names::There;
use crate::topology::NodeName;
use std::collections::{BTreeMap, BTreeSet};

/// The primary's name, for each host of a Sentinel in the plan: that host must look it up.
pub fn needed(
    plan: &Plan,
    settings: &SentinelSettings,
    around: &SentinelInput<'_>,
) -> BTreeMap<NodeName, BTreeSet<String>> {
    let Ok(primary) = checks::primary(around.topology) else {
        return BTreeMap::new();
    };
    let host = &primary.announced.host;
    let worked_on = |name: &NodeName| plan.steps().any(|s| s.node == *name);
    let all = settings.nodes.iter().map(|n| &n.name);
    all.filter(|name| !is_literal(host) && worked_on(name))
        .map(|name| (name.clone(), BTreeSet::from([host.clone()])))
        .collect()
}

/// Refuses hosts that do not know the name, or that take it for themselves.
pub fn refusals(there: &There) -> Vec<Refusal> {
    let mut out = Vec::new();
    for (sentinel, names) in there {
        for (host, ips) in names {
            let hint = |what: &str| {
                format!(
                    "{what}, or give the primary an IP address in the inventory: announce = \"…\""
                )
            };
            if ips.is_empty() {
                out.push(Refusal::new(
                    Ground::Host,
                    format!("the host of `{sentinel}` does not know the name `{host}`, which the primary has"),
                    hint("let it know the name (DNS or /etc/hosts there)"),
                ));
            } else if ips.iter().all(|ip| is_loopback(ip)) {
                out.push(Refusal::new(
                    Ground::Host,
                    format!(
                        "the host of `{sentinel}` takes `{host}` for {}, itself, and the Sentinel would send clients elsewhere there",
                        ips.join(", ")
                    ),
                    hint("take that line out of its /etc/hosts"),
                ));
            }
        }
    }
    out
}

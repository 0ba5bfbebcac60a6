//! Names of nodes that have another address on some host. Pure.

use super::super::{Code, Explanation, Finding, Severity};
use super::{Check, OnHost, nodes_on};
use crate::topology::Node;
use crate::topology::host::{HostLook, HostState, Target};
use crate::topology::phrases::name;
use std::collections::HashMap;
use std::net::IpAddr;

/// A look at a host lists so many addresses at most.
const MOST_ADDRESSES: usize = 2000;

impl Check<'_> {
    pub(super) fn names(&self, host: &OnHost<'_>, found: &mut Vec<Finding>) {
        let mut listed: HashMap<&str, Vec<&str>> = HashMap::new();
        for (ip, names) in &host.state.hosts_file {
            for name in names {
                listed.entry(name).or_default().push(ip);
            }
        }
        for node in &self.topology.nodes {
            let used = is_name(&node.announced.host);
            if used {
                found.extend(self.used(host, node));
            }
            if !used || node.name.0 != node.announced.host {
                found.extend(self.unused(host, node, &listed));
            }
        }
    }

    /// A name by which the nodes reach each other.
    fn used(&self, host: &OnHost<'_>, node: &Node) -> Option<Finding> {
        let called = node.announced.host.as_str();
        let there = host.state.names.get(called)?;
        let (own, on) = (name(&node.name), name(&host.first.name));
        let right = right(node);
        let hint = right.and_then(|ip| self.corrected(host, called, &ip));
        if there.is_empty() {
            let message = format!(
                "the host of {on} does not know the name {called} of {own}: nothing there can follow {own}"
            );
            return Some(
                Finding::about(host.first, Code::NameUnknown, Severity::Warning, message)
                    .maybe_hint(hint)
                    .with("name", called),
            );
        }
        let wrong: Vec<&String> = there
            .iter()
            .filter(|ip| self.leads_elsewhere(node, ip))
            .collect();
        let first = wrong.first()?;
        if self.has_reached(host, node, &wrong) {
            return None;
        }
        let hint = hint.filter(|_| wrong.iter().any(|ip| self.is_of_another(node, ip)));
        let what = if is_loopback(first) {
            "itself"
        } else {
            "another address"
        };
        let message = format!(
            "the host of {on} takes the name {called} of {own} for {what}: {first}{}",
            right_as_text(node)
        );
        Some(
            Finding::about(host.first, Code::NameElsewhere, Severity::Warning, message)
                .maybe_hint(hint)
                .with("name", called)
                .with("addresses", there.clone()),
        )
    }

    /// The name of a node that is in `/etc/hosts` only for people. On many systems, the host's own
    /// name has its loopback address.
    fn unused(
        &self,
        host: &OnHost<'_>,
        node: &Node,
        listed: &HashMap<&str, Vec<&str>>,
    ) -> Option<Finding> {
        let called = node.name.0.as_str();
        let mut ips = listed.get(called)?.iter().copied();
        let ip = ips.find(|ip| !is_loopback(ip) && self.leads_elsewhere(node, ip))?;
        let right = right(node)?;
        let hint = self.is_of_another(node, ip);
        let hint = hint.then(|| self.corrected(host, called, &right)).flatten();
        let message = format!(
            "`/etc/hosts` on the host of {} says {ip} for {called}, and {} is at {right}",
            name(&host.first.name),
            name(&node.name)
        );
        Some(
            Finding::about(host.first, Code::NameElsewhere, Severity::Note, message)
                .maybe_hint(hint)
                .with("name", called)
                .with("addresses", vec![ip]),
        )
    }

    /// Whether this is certainly no address of the node: its own host was seen and does not have
    /// it. The kernel gives addresses of the link to every interface.
    fn leads_elsewhere(&self, node: &Node, ip: &str) -> bool {
        if leads_to(node, ip) || is_of_link(ip) {
            return false;
        }
        if is_loopback(ip) {
            return true;
        }
        let own = self.seen.of(&node.name).map(|state| &state.own_addresses);
        own.is_some_and(|own| !own.is_empty() && own.len() < MOST_ADDRESSES && !own.contains(ip))
    }

    /// Whether the address is certainly that of another host, or of the host itself. Any other one
    /// may lead to the node by NAT.
    fn is_of_another(&self, node: &Node, ip: &str) -> bool {
        is_loopback(ip) || self.others_at(node, ip).next().is_some()
    }

    /// The other hosts that were seen and have this address.
    fn others_at<'a>(&'a self, node: &'a Node, ip: &'a str) -> impl Iterator<Item = &'a HostLook> {
        let looks = self.seen.looks.iter();
        looks.filter(move |look| {
            let has = |state: &HostState| state.own_addresses.contains(ip);
            !look.nodes.contains(&node.name) && look.state.as_ref().is_ok_and(has)
        })
    }

    /// Whether this host has reached the node by its name. It has not if another server may have
    /// answered: one with the same port at such an address.
    fn has_reached(&self, host: &OnHost<'_>, node: &Node, ips: &[&String]) -> bool {
        let to = |to: &Target| to.node.as_ref() == Some(&node.name) && to.address == node.announced;
        let mut all = host.state.reach.iter();
        let reached = all.any(|reach| reach.reached == Some(true) && to(&reach.to));
        let port = node.announced.port;
        let has = |nodes: &[&Node]| nodes.iter().any(|other| other.address.port == port);
        let mistaken = |ip: &String| {
            is_loopback(ip) && has(&host.nodes)
                || self
                    .others_at(node, ip)
                    .any(|look| has(&nodes_on(self.topology, look)))
        };
        reached && !ips.iter().any(|ip| mistaken(ip))
    }

    /// Removes the name from all lines of `/etc/hosts`, and adds a line for it. The old file stays
    /// beside the new one.
    fn corrected(&self, host: &OnHost<'_>, called: &str, ip: &str) -> Option<String> {
        let pattern = called.replace('.', "[.]");
        let line = format!(
            "b=/etc/hosts.before-replctl; while [ -e $b ]; do b=$b.1; done; cp -p /etc/hosts $b && {{ sed -E 's/([[:blank:]]){pattern}([[:blank:]]|$)/\\1\\2/g' $b; echo; echo {ip} {called}; }} >/etc/hosts"
        );
        self.as_root(host.first, &line)
    }
}

fn is_name(host: &str) -> bool {
    host.parse::<IpAddr>().is_err() && !host.eq_ignore_ascii_case("localhost")
}

fn is_of_link(ip: &str) -> bool {
    ip.parse::<IpAddr>().is_ok_and(|ip| match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    })
}

fn is_loopback(ip: &str) -> bool {
    ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether this is an address of the node. If none is known, any address counts.
fn leads_to(node: &Node, ip: &str) -> bool {
    let mut known = addresses(node).peekable();
    known.peek().is_none() || known.any(|known| known == ip)
}

/// The addresses of the node as this machine sees them.
fn addresses(node: &Node) -> impl Iterator<Item = String> {
    let all = [&node.announced.host, &node.address.host].into_iter();
    let all = all.chain(&node.resolved).chain(&node.reached);
    all.filter_map(|host| host.parse::<IpAddr>().ok())
        .map(|ip| ip.to_canonical().to_string())
}

/// The address for a line of the node.
fn right(node: &Node) -> Option<String> {
    addresses(node).find(|ip| !is_loopback(ip))
}

fn right_as_text(node: &Node) -> String {
    right(node).map_or_else(String::new, |ip| format!(", and it is at {ip}"))
}

pub(in super::super) const NAME_ELSEWHERE: Explanation = Explanation {
    severities: &[Severity::Warning, Severity::Note],
    meaning: "A host has an address for the name of a node that the node's own host does not have, or takes the name for itself. If nodes reach each other by that name, a replica or a Sentinel on that host goes elsewhere. If not, only people do.",
    cause: "An old line in `/etc/hosts`, or the line with `127.0.1.1` that an installer wrote for the host's own name.",
    way_out: "Correct `/etc/hosts` on that host. An address that is translated on the way to the node (NAT) is right. The hint is given only where the address is certainly that of another host. With `hostnames = true` under `[server]`, `setup` writes these lines.",
};

pub(in super::super) const NAME_UNKNOWN: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "A host does not know the name by which nodes are reached. A replica or a Sentinel on it cannot find that node, at the latest after a promotion.",
    cause: "The name stands in `/etc/hosts` of some hosts only, or the host uses another name server.",
    way_out: "Add a line to `/etc/hosts` on that host, or use addresses in the inventory.",
};

//! The names of the servers that were found: the host's own name, else its address. The port makes
//! a name unique. Pure.

use crate::inventory::address::{is_literal, is_loopback};
use crate::inventory::node::is_node_name;
use crate::topology::Address;
use std::collections::{BTreeMap, BTreeSet};

/// The longest name of a node, bytes.
const LONGEST: usize = 63;

/// A name for each, in this order; none of those that are `taken`.
pub fn names(nodes: &[(Option<String>, Address)], taken: &[String]) -> Vec<String> {
    let bases: Vec<String> = nodes
        .iter()
        .map(|(host, address)| base(host.as_deref(), address))
        .collect();
    let by_host: Vec<String> = nodes
        .iter()
        .map(|(_, address)| of_address(&address.host))
        .collect();
    let counted = |all: &[String]| {
        let mut counted: BTreeMap<String, usize> = BTreeMap::new();
        for name in all {
            *counted.entry(name.clone()).or_default() += 1;
        }
        counted
    };
    let with_port = |names: &[String]| -> Vec<String> {
        let all = names.iter().zip(nodes);
        all.map(|(name, (_, address))| join(name, address.port))
            .collect()
    };
    let ported = with_port(&bases);
    let (often, often_ported) = (counted(&bases), counted(&ported));
    let addressed = with_port(&by_host);
    let mut used: BTreeSet<String> = taken.iter().cloned().collect();
    let mut out = Vec::new();
    for (place, base) in bases.into_iter().enumerate() {
        let wanted = if often.get(&base) == Some(&1) {
            base
        } else if often_ported.get(&ported[place]) == Some(&1) {
            ported[place].clone()
        } else {
            addressed[place].clone()
        };
        let name = free(wanted, &ported[place], &used);
        used.insert(name.clone());
        out.push(name);
    }
    out
}

/// The name, or one like it that is not used.
fn free(wanted: String, ported: &str, used: &BTreeSet<String>) -> String {
    if !used.contains(&wanted) {
        return wanted;
    }
    if !used.contains(ported) {
        return ported.to_owned();
    }
    let mut number = 2;
    loop {
        let name = format!("{}-{number}", cut(ported, LONGEST - 6));
        if !used.contains(&name) {
            return name;
        }
        number += 1;
    }
}

/// The host's own name without the domain, else its address.
fn base(host: Option<&str>, address: &Address) -> String {
    let short = host.and_then(|name| name.split('.').next());
    // Every new machine is called localhost, so this name says nothing.
    let says = |name: &&str| is_node_name(name) && !name.eq_ignore_ascii_case("localhost");
    short
        .filter(says)
        .map_or_else(|| of_address(&address.host), str::to_owned)
}

fn of_address(host: &str) -> String {
    if is_loopback(host) {
        return "localhost".to_owned();
    }
    let text = if is_literal(host) {
        host.replace(':', "-").trim_matches('-').to_owned()
    } else {
        host.split('.').next().unwrap_or(host).to_owned()
    };
    if is_node_name(&text) {
        text
    } else {
        "node".to_owned()
    }
}

fn join(name: &str, port: u16) -> String {
    format!("{}-{port}", cut(name, LONGEST - 6))
}

/// Names have one byte a character.
fn cut(name: &str, most: usize) -> &str {
    name.get(..most).unwrap_or(name)
}

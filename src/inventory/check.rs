//! Checks of all nodes of one inventory together: they are unique, and form one tree with one first
//! primary. Pure.

use super::address::comparable;
use super::nearest::nearest;
use super::node::{RawNode, RawUpstream};
use super::place::Problems;
use super::section::{Found, list};
use crate::topology::Address;
use std::collections::{BTreeMap, BTreeSet};

/// Reports every name that appears twice.
pub fn names(nodes: &[RawNode], problems: &mut Problems) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for name in nodes.iter().filter_map(|node| node.name.as_ref()) {
        if let Some(first) = seen.get(name.value.as_str()) {
            let (line, _) = problems.line_column(*first);
            let what = format!(
                "two nodes have the `name` `{}`, the other is on line {line}",
                name.value
            );
            problems.hinted(name.at, what, "give every node a name of its own");
        } else {
            seen.insert(&name.value, name.at);
        }
    }
}

/// Reports every address and port that appears twice, also among announced ones.
pub fn addresses(nodes: &[RawNode], problems: &mut Problems) {
    let own = nodes
        .iter()
        .filter_map(|node| Some((node, node.address.as_ref()?)));
    unique(
        own,
        "address",
        "two servers on one host need different ports: add, for example, `port = 6380`",
        problems,
    );
    let announced = nodes
        .iter()
        .filter_map(|node| Some((node, node.announce.as_ref()?)));
    unique(
        announced,
        "announce",
        "each server is reached at an address of its own",
        problems,
    );
}

fn unique<'n>(
    places: impl Iterator<Item = (&'n RawNode, &'n Found<Address>)>,
    key: &str,
    hint: &str,
    problems: &mut Problems,
) {
    let mut seen: BTreeMap<(String, u16), &RawNode> = BTreeMap::new();
    for (node, found) in places {
        let place = (comparable(&found.value.host), found.value.port);
        if let Some(first) = seen.get(&place) {
            let what = format!(
                "`{key}` of {} is {}, and so is that of {}",
                node.called, found.value, first.called
            );
            problems.hinted(found.at, what, hint);
        } else {
            seen.insert(place, node);
        }
    }
}

/// Reports unknown upstreams, loops, and a number of first primaries other than one.
pub fn tree(nodes: &[RawNode], problems: &mut Problems) {
    let names: Vec<&str> = nodes
        .iter()
        .filter_map(|node| Some(node.name.as_ref()?.value.as_str()))
        .collect();
    let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        if let Some(name) = &node.name {
            by_name.entry(&name.value).or_insert(index);
        }
    }
    let mut upstreams: Vec<Option<usize>> = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let RawUpstream::Node(found) = &node.upstream else {
            upstreams.push(None);
            continue;
        };
        let upstream = by_name.get(found.value.as_str()).copied();
        match upstream {
            Some(same) if same == index => {
                let what = format!("{} is to replicate from itself", node.called);
                problems.hinted(
                    found.at,
                    what,
                    "leave `replicaof` out for the first primary",
                );
                upstreams.push(None);
            }
            Some(_) => upstreams.push(upstream),
            None => {
                let what = format!(
                    "`replicaof` of {} names an unknown node: `{}`",
                    node.called, found.value
                );
                problems.hinted(found.at, what, unknown_hint(&found.value, nodes, &names));
                upstreams.push(None);
            }
        }
    }
    loops(nodes, &upstreams, problems);
    roots(nodes, problems);
}

fn unknown_hint(wanted: &str, nodes: &[RawNode], names: &[&str]) -> String {
    // An address here means the node that has it.
    let by_address = nodes.iter().find(|node| {
        node.address
            .as_ref()
            .is_some_and(|found| found.value.host == wanted || found.value.to_string() == wanted)
    });
    let meant = by_address
        .and_then(|node| Some(node.name.as_ref()?.value.as_str()))
        .or_else(|| nearest(wanted, names.iter().copied()));
    match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if names.len() > 12 => {
            format!("it must be the `name` of one of the {} nodes", names.len())
        }
        None => format!("the nodes are {}", list(names)),
    }
}

/// Each loop is reported once, where its first node in file order names its upstream.
fn loops(nodes: &[RawNode], upstreams: &[Option<usize>], problems: &mut Problems) {
    let mut done: BTreeSet<usize> = BTreeSet::new();
    for start in 0..nodes.len() {
        let mut path: Vec<usize> = Vec::new();
        let mut on_path: BTreeSet<usize> = BTreeSet::new();
        let mut next = Some(start);
        while let Some(node) = next.filter(|node| !done.contains(node)) {
            if !on_path.insert(node) {
                let members: Vec<usize> = path
                    .iter()
                    .copied()
                    .skip_while(|member| *member != node)
                    .collect();
                tell_loop(nodes, &members, problems);
                break;
            }
            path.push(node);
            next = upstreams[node];
        }
        done.extend(path);
    }
}

fn tell_loop(nodes: &[RawNode], members: &[usize], problems: &mut Problems) {
    let Some(start) = members
        .iter()
        .enumerate()
        .min_by_key(|(_, node)| **node)
        .map(|(position, _)| position)
    else {
        return;
    };
    let mut order: Vec<usize> = members.to_vec();
    order.rotate_left(start);
    let names: Vec<String> = order
        .iter()
        .chain(order.first())
        .filter_map(|node| {
            nodes[*node]
                .name
                .as_ref()
                .map(|name| format!("`{}`", name.value))
        })
        .collect();
    if let RawUpstream::Node(found) = &nodes[order[0]].upstream {
        let what = format!("`replicaof` goes in a loop: {}", names.join(" → "));
        problems.hinted(
            found.at,
            what,
            "leave `replicaof` out for the first primary",
        );
    }
}

/// One deployment has one first primary. If there is none, a loop or an unknown upstream was
/// reported.
fn roots(nodes: &[RawNode], problems: &mut Problems) {
    let mut roots = nodes
        .iter()
        .filter(|node| matches!(node.upstream, RawUpstream::Nobody));
    let Some(first) = roots.next() else { return };
    let name = first.name.as_ref().map_or("…", |name| name.value.as_str());
    for other in roots {
        let what = format!(
            "{} has no `replicaof`, and neither has {}: a deployment begins with one primary",
            other.called, first.called
        );
        let at = other.name.as_ref().map_or(other.at, |name| name.at);
        problems.hinted(at, what, format!("add `replicaof = \"{name}\"`"));
    }
}

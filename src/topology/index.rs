//! An index of the nodes, made in one pass: by name, by address, the upstream of each, and the top
//! of each chain. Pure.
//!
//! It answers for all nodes at once what [`Node::answers_to`] answers for one. A test compares the
//! two.

use super::address_match::spots;
use super::{Address, Node, NodeName};
use core::net::IpAddr;
use std::collections::HashMap;

/// A host in one spelling, so that two texts of one host are equal: what `same_host` compares.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Host {
    Ip(IpAddr),
    Name(String),
}

/// An address in one spelling.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Spot {
    host: Host,
    port: u16,
}

impl Spot {
    /// A host in any of its spellings, and a port.
    pub(super) fn new(host: &str, port: u16) -> Self {
        let host = host.parse::<IpAddr>().map_or_else(
            |_| Host::Name(host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()),
            |ip| Host::Ip(ip.to_canonical()),
        );
        Self { host, port }
    }

    /// Of an address.
    pub(super) fn of(address: &Address) -> Self {
        Self::new(&address.host, address.port)
    }
}

/// Where a chain of upstreams ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Top {
    /// At the node at that place, which follows none of the nodes.
    Node(usize),
    /// Nowhere: it is a loop, or hangs under one.
    Loop,
}

/// Places of nodes, by what they are looked up by.
#[derive(Debug, Default)]
pub(super) struct Index {
    names: HashMap<NodeName, usize>,
    /// By `address` in the inventory: the first.
    real: HashMap<Spot, usize>,
    /// By all that the inventory or the server itself says: the first.
    called: HashMap<Spot, usize>,
    /// By the addresses of their names, and by their other port: all, in inventory order.
    behind: HashMap<Spot, Vec<usize>>,
    /// By an IP address and the port of `address`: the first.
    resolved: HashMap<Spot, usize>,
    /// Those that list a replica at that address, each with its first such line.
    listing: HashMap<Spot, Vec<(usize, usize)>>,
    /// The upstream of each.
    upstreams: Vec<Option<usize>>,
    tops: Vec<Top>,
    /// Whether each is a member of a circle.
    circling: Vec<bool>,
    /// The replicas of each, in inventory order.
    followers: Vec<Vec<usize>>,
    /// By the id of its process: the first, and whether there are several.
    processes: HashMap<String, (usize, bool)>,
}

impl Index {
    /// Of these nodes.
    pub(super) fn of(nodes: &[Node]) -> Self {
        let mut index = Self::default();
        for (place, node) in nodes.iter().enumerate() {
            index.take_in(place, node);
        }
        let upstream = |node: &Node| index.meant_by(node, &node.upstream()?.address);
        let upstreams: Vec<Option<usize>> = nodes.iter().map(upstream).collect();
        index.followers = vec![Vec::new(); nodes.len()];
        for (place, above) in upstreams.iter().enumerate() {
            if let Some(above) = above {
                index.followers[*above].push(place);
            }
        }
        index.tops = tops(&upstreams);
        index.circling = circling(&upstreams, &index.tops);
        index.upstreams = upstreams;
        index
    }

    fn take_in(&mut self, place: usize, node: &Node) {
        self.names.entry(node.name.clone()).or_insert(place);
        self.real.entry(Spot::of(&node.address)).or_insert(place);
        let spots = spots(node);
        for spot in spots.called {
            self.called.entry(spot).or_insert(place);
        }
        for spot in spots.behind {
            once(self.behind.entry(spot).or_default(), place);
        }
        for host in &node.resolved {
            let spot = Spot::new(host, node.address.port);
            self.resolved.entry(spot).or_insert(place);
        }
        let Some(server) = node.server() else {
            return;
        };
        for (number, line) in server.replication.replicas.iter().enumerate() {
            let listing = self.listing.entry(Spot::of(&line.address)).or_default();
            if listing.last().is_none_or(|(last, _)| *last != place) {
                listing.push((place, number));
            }
        }
        if !server.run_id.is_empty() {
            let known = self.processes.entry(server.run_id.clone());
            known
                .and_modify(|(_, several)| *several = true)
                .or_insert((place, false));
        }
    }

    /// The first node of that name.
    pub(super) fn named(&self, name: &NodeName) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// The first node whose server has that id.
    pub(super) fn process(&self, run_id: &str) -> Option<usize> {
        self.processes.get(run_id).map(|(place, _)| *place)
    }

    /// Whether several nodes are names of the server with that id.
    pub(super) fn has_names(&self, run_id: &str) -> bool {
        self.processes
            .get(run_id)
            .is_some_and(|(_, several)| *several)
    }

    /// The first line of the node at that place that lists `node`.
    pub(super) fn line(&self, place: usize, node: &Node) -> Option<usize> {
        let spots = spots(node);
        let all = spots.called.iter().chain(&spots.behind);
        let lines = all.filter_map(|spot| {
            let listing = self.listing.get(spot)?;
            let at = listing.binary_search_by_key(&place, |(place, _)| *place);
            Some(listing[at.ok()?].1)
        });
        lines.min()
    }

    /// Whether the node at that place is a member of a circle.
    pub(super) fn circles(&self, place: usize) -> bool {
        self.circling.get(place).copied().unwrap_or(false)
    }

    /// See [`super::Topology::at`].
    pub(super) fn at(&self, address: &Address) -> Option<usize> {
        let spot = Spot::of(address);
        self.written(&spot)
            .or_else(|| self.behind.get(&spot)?.first().copied())
    }

    fn written(&self, spot: &Spot) -> Option<usize> {
        let known = self.real.get(spot).or_else(|| self.called.get(spot));
        known.copied()
    }

    /// See [`super::Topology::meant_by`].
    pub(super) fn meant_by(&self, node: &Node, address: &Address) -> Option<usize> {
        let spot = Spot::of(address);
        if let Some(written) = self.written(&spot) {
            return Some(written);
        }
        match self.behind.get(&spot).map_or(&[][..], Vec::as_slice) {
            [] => self.neighbour(node, address),
            [one] => Some(*one),
            [first, ..] => {
                // A name may belong to several nodes. The one that lists `node` as its replica is
                // meant.
                let several = &self.behind[&spot];
                let spots = spots(node);
                let lists = spots.called.iter().chain(&spots.behind);
                let lists = lists.filter_map(|spot| self.listing.get(spot)).flatten();
                let serving = lists.map(|(place, _)| place);
                let serving = serving.filter(|place| several.binary_search(place).is_ok());
                serving.min().or(Some(first)).copied()
            }
        }
    }

    /// A loopback address means the host of `node`.
    fn neighbour(&self, node: &Node, address: &Address) -> Option<usize> {
        if !matches!(address.host.as_str(), "127.0.0.1" | "::1" | "localhost") {
            return None;
        }
        let at = |host: &str| Spot::new(host, address.port);
        let same_name = self.real.get(&at(&node.address.host));
        let ips = node.resolved.iter();
        let same_ip = ips.filter_map(|ip| self.resolved.get(&at(ip)));
        same_name.into_iter().chain(same_ip).min().copied()
    }

    /// The upstream of the node at that place.
    pub(super) fn upstream(&self, place: usize) -> Option<usize> {
        *self.upstreams.get(place)?
    }

    /// What is on top of the chain of the node at that place.
    pub(super) fn top(&self, place: usize) -> Option<Top> {
        self.tops.get(place).copied()
    }

    /// The replicas of the node at that place, in inventory order.
    pub(super) fn followers(&self, place: usize) -> &[usize] {
        self.followers.get(place).map_or(&[], Vec::as_slice)
    }
}

/// Places come in rising order, so a known place is the last one.
fn once(places: &mut Vec<usize>, place: usize) {
    if places.last() != Some(&place) {
        places.push(place);
    }
}

/// Where each chain ends. Each node is passed once.
fn tops(upstreams: &[Option<usize>]) -> Vec<Top> {
    let mut tops: Vec<Option<Top>> = vec![None; upstreams.len()];
    let mut on_way = vec![false; upstreams.len()];
    for start in 0..upstreams.len() {
        let mut way = Vec::new();
        let mut at = start;
        let top = loop {
            if let Some(known) = tops[at] {
                break known;
            }
            if on_way[at] {
                break Top::Loop;
            }
            on_way[at] = true;
            way.push(at);
            match upstreams[at] {
                Some(above) => at = above,
                None => break Top::Node(at),
            }
        };
        for passed in way {
            tops[passed] = Some(top);
        }
    }
    tops.into_iter()
        .map(|top| top.unwrap_or(Top::Loop))
        .collect()
}

/// The members of circles: nodes from which the chain leads back to themselves.
fn circling(upstreams: &[Option<usize>], tops: &[Top]) -> Vec<bool> {
    let looping = |place: usize| tops.get(place) == Some(&Top::Loop);
    // A node without replicas is in no circle. Removing such nodes again and again leaves only
    // circles.
    let mut followed = vec![0_usize; upstreams.len()];
    for above in upstreams.iter().flatten() {
        followed[*above] += 1;
    }
    let mut circling: Vec<bool> = (0..upstreams.len()).map(looping).collect();
    let mut ends: Vec<usize> = (0..upstreams.len())
        .filter(|place| circling[*place] && followed[*place] == 0)
        .collect();
    while let Some(end) = ends.pop() {
        circling[end] = false;
        if let Some(above) = upstreams[end] {
            followed[above] -= 1;
            if followed[above] == 0 {
                ends.push(above);
            }
        }
    }
    circling
}

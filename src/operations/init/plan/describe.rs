//! The inventory entries of the servers that were found: their order, their upstreams, and how each
//! is run. What is not certain becomes a comment. Pure.

mod entry;
mod tree;

use super::names::names;
use super::walk::{Bond, Fate, Walk, same};
use crate::inventory::found::FoundServer;
use crate::topology::sentinel::Watch;
use crate::topology::{Address, Node, NodeName, Topology};
use std::collections::{BTreeMap, BTreeSet};
use tree::Tree;

/// What was seen in the end.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The places.
    pub walk: &'a Walk,
    /// The last look at them.
    pub topology: &'a Topology,
    /// What the hosts call themselves.
    pub hosts: &'a BTreeMap<NodeName, String>,
    /// What the Sentinels say, where any watch.
    pub watch: Option<&'a Watch>,
    /// The first primary of the existing inventory, if there is one.
    pub root: Option<&'a str>,
}

/// One server that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What the inventory is to say of it.
    pub entry: FoundServer,
    /// The existing inventory has it already.
    pub given: bool,
    /// What it is now: `primary`, `replica`; `None`: it was not seen.
    pub role: Option<&'static str>,
    /// What starts it, in a few words; `None`: not known.
    pub run_by: Option<String>,
    /// What is missing, each in one phrase.
    pub missing: Vec<String>,
}

/// The servers in the order of the inventory: the primary, then each under its upstream.
pub fn found(facts: &Facts<'_>) -> Vec<Found> {
    let view = View::of(*facts);
    view.tree
        .order
        .iter()
        .map(|place| entry::of(&view, *place))
        .collect()
}

/// The directory of the servers that replctl made, where one was seen.
pub fn directory(topology: &Topology) -> Option<String> {
    topology.nodes.iter().find_map(|node| {
        let service = node.service.as_ref().filter(|service| service.managed)?;
        let end = format!("/{}/conf/redis.cnf", node.address.port);
        let directory = service.file.as_ref()?.strip_suffix(&end)?;
        (!directory.is_empty()).then(|| directory.to_owned())
    })
}

/// The user that replicas log in as at their primary, where one is set.
pub fn replication_user(topology: &Topology) -> Option<String> {
    topology.nodes.iter().find_map(|node| {
        let user = node.server()?.config.get("masteruser")?;
        (!user.is_empty()).then(|| user.clone())
    })
}

/// Everything that entries are made of.
struct View<'a> {
    facts: Facts<'a>,
    /// The address by which other servers know a place, if that address is a place of its own that
    /// cannot be reached.
    announced: BTreeMap<usize, Address>,
    /// Their names.
    names: BTreeMap<usize, String>,
    tree: Tree,
    /// Places that may be another address of a server that was seen.
    doubtful: BTreeSet<usize>,
}

impl<'a> View<'a> {
    fn of(facts: Facts<'a>) -> Self {
        let mut view = Self {
            facts,
            announced: BTreeMap::new(),
            names: BTreeMap::new(),
            tree: Tree::default(),
            doubtful: BTreeSet::new(),
        };
        let aliases = view.aliases();
        let kept = |place: &usize| {
            !matches!(view.facts.walk.places[*place].fate, Fate::Same(_))
                && !aliases.contains_key(place)
        };
        let chosen: Vec<usize> = (0..facts.walk.places.len()).filter(kept).collect();
        for (alias, place) in &aliases {
            let address = facts.walk.places[*alias].way().address.clone();
            view.announced.entry(*place).or_insert(address);
        }
        let chosen_doubtful = chosen
            .iter()
            .copied()
            .filter(|place| view.is_doubtful(*place));
        view.doubtful = chosen_doubtful.collect();
        view.tree = tree::of(&view, &chosen, &aliases);
        view.names = view.named(&chosen);
        view
    }

    fn node(&self, place: usize) -> Option<&'a Node> {
        let place = self.facts.walk.places.get(place)?;
        self.facts.topology.get(&place.name)
    }

    /// The node of a place, where it answered.
    fn seen(&self, place: usize) -> Option<&'a Node> {
        let seen = self.facts.walk.places[place].fate == Fate::Seen;
        self.node(place)
            .filter(|node| seen && node.server().is_some())
    }

    fn named(&self, chosen: &[usize]) -> BTreeMap<usize, String> {
        let places = &self.facts.walk.places;
        let given = chosen.iter().copied().filter(|p| places[*p].is_given());
        let mut all: BTreeMap<usize, String> =
            given.map(|p| (p, places[p].name.0.clone())).collect();
        let taken: Vec<String> = all.values().cloned().collect();
        let order: Vec<usize> = self.tree.order.clone();
        let new: Vec<usize> = order.into_iter().filter(|p| !all.contains_key(p)).collect();
        let wanted: Vec<(Option<String>, Address)> = new
            .iter()
            .map(|place| {
                let own = &places[*place];
                let host = self.facts.hosts.get(&own.name).cloned();
                let through = own.way().host.as_ref();
                let address = own.way().address.clone();
                // Through SSH every address is loopback, so the host's name says more.
                let host =
                    host.or_else(|| through.filter(|_| self.seen(*place).is_some()).cloned());
                (host, address)
            })
            .collect();
        let names = names(&wanted, &taken);
        all.extend(new.into_iter().zip(names));
        all
    }

    /// Silent places that are another address of a server that was seen. The proof is a replica of
    /// the silent place: it has that server's history, and that server lists it.
    fn aliases(&self) -> BTreeMap<usize, usize> {
        let places = &self.facts.walk.places;
        let silent = |place: usize| matches!(places[place].fate, Fate::Silent(_) | Fate::NotAsked);
        let seen: Vec<(usize, &Node)> = (0..places.len())
            .filter_map(|place| Some((place, self.seen(place)?)))
            .collect();
        let mut found = BTreeMap::new();
        for (_, follower) in &seen {
            let Some(upstream) = follower.upstream() else {
                continue;
            };
            let walk = self.facts.walk;
            let meant = walk.place_of(follower, &upstream.address, self.facts.topology);
            let Some(meant) = meant.filter(|place| silent(*place)) else {
                continue;
            };
            let history = follower.server().map(|s| s.replication.replid.as_str());
            let feeds = |other: &Node| {
                let server = other.server();
                server.map(|s| s.replication.replid.as_str()) == history
                    && self.facts.topology.line_of(other, follower).is_some()
            };
            let mut feeding = seen.iter().filter(|(_, other)| feeds(other));
            if let (Some((place, _)), None) = (feeding.next(), feeding.next()) {
                found.insert(meant, *place);
            }
        }
        found
    }

    /// Whether a replica that only its primary's list has may be one that was seen. This is
    /// possible if a seen replica is not in that list by any of its own addresses.
    fn is_doubtful(&self, place: usize) -> bool {
        let places = &self.facts.walk.places;
        let own = &places[place];
        if !matches!(own.fate, Fate::Silent(_)) || own.bond != Bond::Replica {
            return false;
        }
        let Some(upstream) = self.namer(place).and_then(|at| self.seen(at)) else {
            return false;
        };
        let topology = self.facts.topology;
        let mut followers = topology.followers_of(upstream);
        followers.any(|node| node.server().is_some() && topology.line_of(upstream, node).is_none())
    }

    /// The place of the server that named a place.
    fn namer(&self, place: usize) -> Option<usize> {
        let places = &self.facts.walk.places;
        let by = &places[place].by;
        let named = |other: &super::walk::Place| other.way().address.to_string() == *by;
        places.iter().position(named)
    }

    /// Whether another server or a Sentinel uses that address for a place.
    fn is_used(&self, address: &Address) -> bool {
        let nodes = self.facts.topology.nodes.iter();
        let mut servers = nodes.filter_map(Node::server);
        let of_servers = servers.any(|server| {
            let lines = server.replication.replicas.iter().map(|l| &l.address);
            lines
                .chain(upstream(server))
                .any(|other| same(other, address))
        });
        let views = self.facts.watch.into_iter().flat_map(Watch::up);
        let mut known = views.flat_map(|(_, sees)| {
            let replicas = sees.replicas.iter().map(|r| &r.address);
            sees.primary.iter().chain(replicas)
        });
        of_servers || known.any(|other| same(other, address))
    }
}

fn upstream(server: &crate::topology::Server) -> Option<&Address> {
    match &server.replication.role {
        crate::topology::Role::Replica(upstream) => Some(&upstream.address),
        crate::topology::Role::Primary => None,
    }
}

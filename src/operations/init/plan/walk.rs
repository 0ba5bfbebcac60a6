//! The places at which servers may be. A look adds to them: a server's upstream, the replicas that
//! it lists, and what Sentinels know. A server that is seen at two places counts once. Pure.

mod way;

pub use way::{Way, around, plain, same};

use crate::inventory::address::{comparable, is_loopback};
use crate::topology::{Address, Node, NodeName, State, Topology, Trouble, TroubleKind};
use std::collections::{BTreeMap, BTreeSet};
use way::{is_about_the_way, ports};

/// The largest number of places that are looked at.
pub const MOST: usize = 1024;

/// Who named a place, and as what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bond {
    /// The inventory that is there.
    Inventory,
    /// The operator.
    Start,
    /// A server that replicates from it.
    Upstream,
    /// A server that lists it as its replica.
    Replica,
    /// A Sentinel.
    Sentinel,
}

/// What became of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It was not looked at yet, or another way is left.
    Open,
    /// A server answers there.
    Seen,
    /// No server answers, by any way; the first reason.
    Silent(Trouble),
    /// The operator does not want it to be asked.
    NotAsked,
    /// The server of that other place answers there.
    Same(usize),
}

/// A place at which a server may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name during the search.
    pub name: NodeName,
    /// The ways to it, the best first.
    pub ways: Vec<Way>,
    /// The way that is tried, or that led there.
    pub at: usize,
    /// How it was named first.
    pub bond: Bond,
    /// Who named it first: an address, for people.
    pub by: String,
    /// What became of it.
    pub fate: Fate,
    /// Why the first way led nowhere.
    first: Option<Trouble>,
}

impl Place {
    /// The way that is tried, or that led there.
    pub fn way(&self) -> &Way {
        // `at` is always one of them.
        self.ways.get(self.at).unwrap_or(&self.ways[0])
    }

    /// Whether the inventory has it already.
    pub fn is_given(&self) -> bool {
        self.bond == Bond::Inventory
    }
}

/// All places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Walk {
    /// In the order in which they were named.
    pub places: Vec<Place>,
    /// What was named and is no address, or is beyond the limit.
    pub odd: Vec<String>,
    /// Whether SSH through hosts is allowed.
    pub ssh: bool,
}

impl Walk {
    /// Adds a place unless it is known; returns its index.
    pub fn add(&mut self, ways: Vec<Way>, bond: Bond, by: &str) -> Option<usize> {
        let first = ways.first()?;
        let known = |place: &Place| place.ways.iter().any(|way| way.is(first));
        if let Some(known) = self.places.iter().position(known) {
            return Some(known);
        }
        if self.places.len() >= MOST {
            self.odd(format!("{by} names more servers than {MOST}"));
            return None;
        }
        self.places.push(Place {
            name: NodeName(format!("n{}", self.places.len())),
            ways,
            at: 0,
            bond,
            by: by.to_owned(),
            fate: Fate::Open,
            first: None,
        });
        Some(self.places.len() - 1)
    }

    /// Adds a node that the inventory has already.
    pub fn given(&mut self, name: &NodeName, way: Way) {
        if let Some(place) = self.add(vec![way], Bond::Inventory, "") {
            self.places[place].name = name.clone();
        }
    }

    /// The places to look at now, no address twice. `last`: also the silent ones.
    pub fn open(&self, last: bool) -> Vec<&Place> {
        let mut taken: BTreeSet<(String, u16)> = BTreeSet::new();
        let wanted = |place: &&Place| match place.fate {
            Fate::Open | Fate::Seen => true,
            Fate::Silent(_) => last || place.is_given(),
            Fate::NotAsked | Fate::Same(_) => false,
        };
        let given = self.places.iter().filter(|place| place.is_given());
        let others = self.places.iter().filter(|place| !place.is_given());
        let all = given.chain(others).filter(wanted);
        all.filter(|place| {
            let at = &place.way().address;
            taken.insert((comparable(&at.host), at.port))
        })
        .collect()
    }

    /// The place with that name.
    pub fn named(&self, name: &NodeName) -> Option<usize> {
        self.places.iter().position(|place| place.name == *name)
    }

    /// Adds what was seen; returns whether there is more to look at.
    pub fn take_in(&mut self, topology: &Topology) -> bool {
        let before = self.places.len();
        let mut more = false;
        for place in 0..before {
            more |= self.settle(place, topology);
        }
        self.merge(topology);
        for place in 0..before {
            if self.places[place].fate == Fate::Seen
                && let Some(node) = topology.get(&self.places[place].name)
            {
                self.follow(place, node, topology);
            }
        }
        more || self.places.len() > before
    }

    /// Sets what became of one place; returns whether another way is left.
    fn settle(&mut self, place: usize, topology: &Topology) -> bool {
        let place = &mut self.places[place];
        if place.fate != Fate::Open {
            return false;
        }
        let trouble = match topology.get(&place.name).map(|node| &node.state) {
            Some(State::Up(_)) => {
                place.fate = Fate::Seen;
                return false;
            }
            Some(State::Down(trouble)) => trouble.clone(),
            None => Trouble {
                kind: TroubleKind::Refused,
                detail: "another server has this address already".to_owned(),
            },
        };
        let over_tls = matches!(trouble.kind, TroubleKind::NoTls | TroubleKind::WantsTls);
        let first = place.first.get_or_insert_with(|| trouble.clone()).clone();
        let left = place.ways.iter().enumerate().skip(place.at + 1);
        let mut fitting = left.filter(|(_, way)| way.other_port == over_tls);
        match fitting.next() {
            Some((next, _)) if is_about_the_way(trouble.kind) => {
                place.at = next;
                true
            }
            Some(_) | None => {
                place.at = 0;
                place.fate = Fate::Silent(first);
                false
            }
        }
    }

    /// Keeps one of the places at which the same process answers: a place of the inventory, else
    /// one that other machines can use, else one that other servers name, else the first.
    fn merge(&mut self, topology: &Topology) {
        let mut kept: BTreeMap<String, usize> = BTreeMap::new();
        let worth = |place: &Place| {
            let way = place.way();
            let inner = way.host.is_some() && is_loopback(&way.address.host);
            (place.is_given(), !inner, place.bond != Bond::Start)
        };
        for own in 0..self.places.len() {
            let place = &self.places[own];
            let node = topology
                .get(&place.name)
                .filter(|_| place.fate == Fate::Seen);
            let Some(server) = node.and_then(Node::server) else {
                continue;
            };
            let Some(other) = kept.get(&server.run_id).copied() else {
                if !server.run_id.is_empty() {
                    kept.insert(server.run_id.clone(), own);
                }
                continue;
            };
            let (stays, goes) = if worth(place) > worth(&self.places[other]) {
                (own, other)
            } else {
                (other, own)
            };
            if self.places[goes].is_given() {
                continue;
            }
            kept.insert(server.run_id.clone(), stays);
            self.places[goes].fate = Fate::Same(stays);
            // SSH reaches the host by this name, which may exist in ~/.ssh/config alone.
            let host = self.places[goes].way().host.clone();
            let stays = &mut self.places[stays];
            let (at, is_given) = (stays.at, stays.is_given());
            let way = stays.ways.get_mut(at).filter(|way| way.host.is_none());
            if let (Some(way), false) = (way, is_given) {
                way.host = host;
            }
        }
    }

    /// Adds what a server names.
    fn follow(&mut self, place: usize, node: &Node, topology: &Topology) {
        let by = self.places[place].way().address.to_string();
        let Some(server) = node.server() else { return };
        let upstream = node.upstream().map(|up| (&up.address, Bond::Upstream));
        let lines = server.replication.replicas.iter();
        // Port 0 is a client that reads the stream, no server.
        let lines = lines.filter(|line| line.address.port != 0);
        let lines = lines.map(|line| (&line.address, Bond::Replica));
        let named: Vec<(Address, Bond)> = upstream
            .into_iter()
            .chain(lines)
            .filter(|(address, _)| self.place_of(node, address, topology).is_none())
            .map(|(address, bond)| (address.clone(), bond))
            .collect();
        let ports = ports(node);
        for (address, bond) in named {
            let base = self.places[place].way().clone();
            match self.ways(&base, &address, ports) {
                Some(ways) => _ = self.add(ways, bond, &by),
                None => self.odd(format!(
                    "{by} names {address}, which is no address of one host"
                )),
            }
        }
    }

    /// Adds what a Sentinel knows.
    pub fn of_sentinel(&mut self, sentinel: &Way, address: &Address, topology: &Topology) {
        let by = sentinel.address.to_string();
        let Some(ways) = self.ways(sentinel, address, None) else {
            return self.odd(format!(
                "{by} names {address}, which is no address of one host"
            ));
        };
        let known = ways.first().and_then(|way| topology.at(&way.address));
        if known.is_none() {
            let _ = self.add(ways, Bond::Sentinel, &by);
        }
    }

    fn odd(&mut self, what: String) {
        if !self.odd.contains(&what) && self.odd.len() < MOST {
            self.odd.push(what);
        }
    }

    /// The place of an address that a server names.
    pub fn place_of(&self, node: &Node, address: &Address, topology: &Topology) -> Option<usize> {
        let meant = topology.meant_by(node, address);
        let meant = meant.and_then(|node| self.named(&node.name));
        let base = self.named(&node.name).map(|own| self.places[own].way());
        let written = || {
            let ways = self.ways(base?, address, None)?;
            let first = ways.first()?;
            let has = |place: &Place| place.ways.iter().any(|way| way.is(first));
            self.places.iter().position(has)
        };
        let place = meant.or_else(written)?;
        match self.places[place].fate {
            Fate::Same(other) => Some(other),
            Fate::Open | Fate::Seen | Fate::Silent(_) | Fate::NotAsked => Some(place),
        }
    }

    /// The ways to an address that a server or Sentinel at `base` names. A loopback address means
    /// the host of `base`. `ports`: the server's own two ports, without TLS and with it.
    fn ways(&self, base: &Way, address: &Address, ports: Option<(u16, u16)>) -> Option<Vec<Way>> {
        let address = plain(address)?;
        let mut ways = Vec::new();
        if is_loopback(&address.host) {
            let host = base.host.as_deref().unwrap_or(&base.address.host);
            if is_loopback(host) {
                ways.push(Way::to(address.clone()));
            } else {
                ways.extend(around(host, &base.address.host, address.port));
            }
        } else {
            ways.push(Way::to(address.clone()));
        }
        let other = ports.and_then(|(without, with)| {
            [(without, with), (with, without)]
                .into_iter()
                .find_map(|(one, other)| (one == address.port).then_some(other))
        });
        if let (Some(port), Some(first)) = (other, ways.first().cloned()) {
            ways.push(Way {
                address: Address::new(first.address.host, port),
                other_port: true,
                ..first
            });
        }
        if !self.ssh {
            ways.retain(|way| way.host.is_none());
        }
        (!ways.is_empty()).then_some(ways)
    }
}

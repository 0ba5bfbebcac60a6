//! Servers in a network that exists only in a test. A look at a place sees the server that answers
//! there.
#![allow(clippy::unwrap_used)]

use crate::inventory::found::{Access, text};
use crate::inventory::parse::parse;
use crate::operations::init::plan::describe::{Facts, Found, found};
use crate::operations::init::plan::walk::{Bond, Walk, Way, around};
use crate::topology::testing::{down, primary, replica};
use crate::topology::{Address, Node, NodeName, ReplicaLine, Topology, TroubleKind};
use std::collections::BTreeMap;
use std::path::Path;

/// `10.0.0.1:6379`.
pub fn at(text: &str) -> Address {
    let (host, port) = text.rsplit_once(':').unwrap();
    Address::new(host, port.parse().unwrap())
}

/// The servers by where they are reached: `10.0.0.1:6379`, or `127.0.0.1@10.0.0.1:6380` through a
/// host.
#[derive(Default)]
pub struct Net {
    servers: BTreeMap<String, Node>,
    refused: BTreeMap<String, TroubleKind>,
    names: BTreeMap<String, String>,
}

impl Net {
    pub fn primary(&mut self, place: &str) {
        let node = primary(place, "x", 100);
        self.servers.insert(place.to_owned(), node);
    }

    /// A replica. Its upstream lists it, if that is already a server.
    pub fn replica(&mut self, place: &str, upstream: &str) {
        let mut node = replica(place, "x", "x", 100);
        node.link().address = at(upstream);
        self.servers.insert(place.to_owned(), node);
        if self.servers.contains_key(upstream) && !place.contains('@') {
            self.list(upstream, place);
        } else if at(upstream).host == "127.0.0.1" {
            let host = place.split(':').next().unwrap();
            let real = upstream.replace("127.0.0.1", host);
            if self.servers.contains_key(&real) && !place.contains('@') {
                self.list(&real, &place.replace(host, "127.0.0.1"));
            }
        }
    }

    /// A server lists a replica.
    pub fn list(&mut self, place: &str, replica: &str) {
        let line = ReplicaLine {
            address: at(replica),
            state: "online".to_owned(),
            offset: None,
            ack_age_seconds: None,
        };
        let node = self.servers.get_mut(place).unwrap();
        node.up().replication.replicas.push(line);
    }

    /// A server lists that replica alone.
    pub fn relist(&mut self, place: &str, replica: &str) {
        let node = self.servers.get_mut(place).unwrap();
        node.up().replication.replicas.clear();
        self.list(place, replica);
    }

    /// A server is reached at another place, too.
    pub fn also(&mut self, place: &str, as_well_as: &str) {
        let node = self.servers[as_well_as].clone();
        self.servers.insert(place.to_owned(), node);
    }

    /// A server is reached at another place alone.
    pub fn hide(&mut self, place: &str, now: &str) {
        let node = self.servers.remove(place).unwrap();
        self.servers.insert(now.to_owned(), node);
    }

    pub fn announce(&mut self, place: &str, host: &str, port: u16) {
        let node = self.servers.get_mut(place).unwrap();
        node.up().config.extend([
            ("replica-announce-ip".to_owned(), host.to_owned()),
            ("replica-announce-port".to_owned(), port.to_string()),
        ]);
        node.announced = Address::new(host, port);
    }

    pub fn ports(&mut self, place: &str, plain: u16, tls: u16) {
        let node = self.servers.get_mut(place).unwrap();
        node.up().config.extend([
            ("port".to_owned(), plain.to_string()),
            ("tls-port".to_owned(), tls.to_string()),
        ]);
    }

    /// What a place without a server answers.
    pub fn refuse(&mut self, place: &str, kind: TroubleKind) {
        self.refused.insert(place.to_owned(), kind);
    }

    /// What a host calls itself.
    pub fn call(&mut self, host: &str, name: &str) {
        self.names.insert(host.to_owned(), name.to_owned());
    }

    pub fn found_from(&self, start: &str) -> Vec<Found> {
        self.walked_from(start).0
    }

    pub fn walked_from(&self, start: &str) -> (Vec<Found>, Walk) {
        let mut walk = Walk {
            ssh: true,
            ..Walk::default()
        };
        let start = at(start);
        walk.add(
            around(&start.host, &start.host, start.port),
            Bond::Start,
            "",
        );
        self.walked(walk)
    }

    pub fn found(&self, walk: Walk) -> Vec<Found> {
        self.walked(walk).0
    }

    /// Looks until nothing is new; the parser reads the result.
    pub fn walked(&self, walk: Walk) -> (Vec<Found>, Walk) {
        let (found, walk) = self.go(walk, None);
        let entries: Vec<_> = found.iter().map(|node| node.entry.clone()).collect();
        let access = Access {
            name: "x".to_owned(),
            ..Access::default()
        };
        let text = text(&[], &access, &entries);
        if found.iter().any(|node| !node.entry.only_comment) {
            parse(Path::new("i"), &text).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        }
        (found, walk)
    }

    /// The same beside an inventory whose first primary is `root`.
    pub fn found_beside(&self, walk: Walk, root: &str) -> Vec<Found> {
        self.go(walk, Some(root)).0
    }

    fn go(&self, mut walk: Walk, root: Option<&str>) -> (Vec<Found>, Walk) {
        for _ in 0..24 {
            let topology = self.look(&walk, false);
            if walk.take_in(&topology) {
                continue;
            }
            let topology = self.look(&walk, true);
            let hosts = walk.places.iter().filter_map(|place| {
                let way = place.way();
                let host = way.host.as_ref().unwrap_or(&way.address.host);
                Some((place.name.clone(), self.names.get(host)?.clone()))
            });
            let hosts: BTreeMap<NodeName, String> = hosts.collect();
            let found = found(&Facts {
                walk: &walk,
                topology: &topology,
                hosts: &hosts,
                watch: None,
                root,
            });
            return (found, walk);
        }
        panic!("it does not end");
    }

    fn look(&self, walk: &Walk, last: bool) -> Topology {
        let nodes = walk.open(last).into_iter().map(|place| {
            let way = place.way();
            let node = self.at(way);
            let mut node = node.unwrap_or_else(|| {
                let kind = self.refused.get(&way.address.to_string()).copied();
                down("", "x", kind.unwrap_or(TroubleKind::Refused), "nobody")
            });
            node.name = place.name.clone();
            node.address = way.address.clone();
            if node.announced.host == "x" {
                node.announced = way.address.clone();
            }
            node
        });
        let nodes: Vec<Node> = nodes.collect();
        Topology {
            nodes: nodes.into(),
        }
    }

    fn at(&self, way: &Way) -> Option<Node> {
        let place = match &way.host {
            Some(host) if way.address.host == "127.0.0.1" => {
                let inner = format!("127.0.0.1@{host}:{}", way.address.port);
                let outer = format!("{host}:{}", way.address.port);
                return [inner, outer]
                    .iter()
                    .find_map(|place| self.servers.get(place))
                    .cloned();
            }
            Some(_) | None => way.address.to_string(),
        };
        self.servers.get(&place).cloned()
    }
}

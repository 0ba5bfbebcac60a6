//! Finds the node that an address means: by the inventory's names, by the addresses of those names,
//! and by what a server announces. Pure.
//!
//! Servers, Sentinels and people write the same node in many ways: a name or an address, in
//! capitals or not, an IPv6 address in its short or its long form, the address behind a port
//! forward or the one before it.

use super::index::Spot;
use super::{Address, Node, ReplicaLine, Topology};
use core::net::IpAddr;
use std::collections::HashSet;

/// Whether two texts name one host, without a lookup: the same name, or the same IP address in two
/// spellings.
pub fn same_host(one: &str, other: &str) -> bool {
    #[cfg(test)]
    super::growth::count(1);
    if one == other {
        return true;
    }
    let plain = |host: &str| host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let ip = |host: &str| host.parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
    match (ip(one), ip(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => plain(one) == plain(other),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn same(one: &Address, other: &Address) -> bool {
    one.port == other.port && same_host(&one.host, &other.host)
}

impl Node {
    /// Whether `address` means this node.
    pub fn answers_to(&self, address: &Address) -> bool {
        self.is_called(address) || self.stands_behind(address)
    }

    /// The address that the server itself announces (`replica-announce-ip`,
    /// `replica-announce-port`), if any. In small letters: see `inventory::address`.
    pub fn own_announcement(&self) -> Option<Address> {
        let config = &self.server()?.config;
        let said = |key| config.get(key).map(String::as_str);
        let host = said("replica-announce-ip").filter(|host| !host.is_empty());
        let port = said("replica-announce-port").and_then(|port| port.parse().ok());
        let port: Option<u16> = port.filter(|port| *port > 0);
        if host.is_none() && port.is_none() {
            return None;
        }
        let host = host.unwrap_or(&self.address.host).to_ascii_lowercase();
        // The address comes from a server and goes to others, also into files.
        super::sentinel::address(&host, &port.unwrap_or(self.address.port).to_string())
    }

    /// Whether the address is literally in the inventory or announced by the server.
    fn is_called(&self, address: &Address) -> bool {
        same(&self.announced, address)
            || same(&self.address, address)
            || self
                .own_announcement()
                .is_some_and(|own| same(&own, address))
    }

    /// Whether a name of the node resolves to the address, or the other way round, or the address
    /// has the node's other port (TLS or plain).
    fn stands_behind(&self, address: &Address) -> bool {
        let among = |known: &[String]| known.iter().any(|host| same_host(host, &address.host));
        let itself = || {
            same_host(&self.announced.host, &address.host)
                || same_host(&self.address.host, &address.host)
                || among(&self.resolved)
        };
        address.port == self.announced.port && among(&self.reached)
            || address.port == self.address.port && among(&self.resolved)
            || itself() && self.listens_on(address.port)
    }
}

/// All addresses that mean a node, in one spelling.
pub(super) struct Spots {
    /// What the inventory or the server itself says literally: see `is_called`.
    pub called: Vec<Spot>,
    /// The addresses of its names, and its other port: see `stands_behind`.
    pub behind: Vec<Spot>,
}

/// The addresses for which [`Node::answers_to`] holds.
pub(super) fn spots(node: &Node) -> Spots {
    let own = node.own_announcement();
    let called = [&node.announced, &node.address].into_iter().chain(&own);
    let mut spots = Spots {
        called: called.map(Spot::of).collect(),
        behind: Vec::new(),
    };
    let mut behind = |hosts: &[String], port| {
        let all = hosts.iter().map(|host| Spot::new(host, port));
        spots.behind.extend(all);
    };
    behind(&node.reached, node.announced.port);
    behind(&node.resolved, node.address.port);
    for port in node.listening().into_iter().flatten() {
        behind(std::slice::from_ref(&node.announced.host), port);
        behind(std::slice::from_ref(&node.address.host), port);
        behind(&node.resolved, port);
    }
    spots
}

/// A set of addresses, to test many nodes against.
pub struct Addresses(HashSet<Spot>);

impl<'a> FromIterator<&'a Address> for Addresses {
    fn from_iter<I: IntoIterator<Item = &'a Address>>(addresses: I) -> Self {
        Self(addresses.into_iter().map(Spot::of).collect())
    }
}

impl Addresses {
    /// Whether one of the addresses means that node: see [`Node::answers_to`].
    pub fn mean(&self, node: &Node) -> bool {
        let spots = spots(node);
        let mut all = spots.called.iter().chain(&spots.behind);
        all.any(|spot| self.0.contains(spot))
    }
}

impl Topology {
    /// The node that `address` means. The inventory's address comes before the server's
    /// announcement, and a literal match before a resolved one.
    pub fn at(&self, address: &Address) -> Option<&Node> {
        self.placed(self.nodes.index().at(address))
    }

    /// The node that `address` means on the host of `node`. A loopback address means that host
    /// itself. If a name belongs to several nodes, it means the one that serves `node`.
    pub fn meant_by(&self, node: &Node, address: &Address) -> Option<&Node> {
        self.placed(self.nodes.index().meant_by(node, address))
    }

    /// The node that `node` replicates from, if it is one of the deployment.
    pub fn upstream_of(&self, node: &Node) -> Option<&Node> {
        #[cfg(test)]
        super::growth::count(1);
        match self.nodes.place(node) {
            Some(place) => self.placed(self.nodes.index().upstream(place)),
            None => self.meant_by(node, &node.upstream()?.address),
        }
    }

    /// Those that replicate from `node`, which is one of the nodes, in inventory order.
    pub fn followers_of(&self, node: &Node) -> impl Iterator<Item = &Node> {
        let place = self.nodes.place(node);
        let place = place.or_else(|| self.nodes.index().named(&node.name));
        let places = place.map_or(&[][..], |place| self.nodes.index().followers(place));
        places.iter().filter_map(|place| self.nodes.get(*place))
    }

    /// The first line with which `upstream`, one of the nodes, lists `node` as its replica.
    pub fn line_of(&self, upstream: &Node, node: &Node) -> Option<&ReplicaLine> {
        let place = self.nodes.place(upstream)?;
        let number = self.nodes.index().line(place, node)?;
        let server = self.nodes.get(place)?.server()?;
        server.replication.replicas.get(number)
    }

    /// The first node whose process has that id.
    pub fn process(&self, run_id: &str) -> Option<&Node> {
        self.placed(self.nodes.index().process(run_id))
    }

    pub(super) fn placed(&self, place: Option<usize>) -> Option<&Node> {
        self.nodes.get(place?)
    }
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::ReplicaLine;
    use super::super::testing::{primary, replica};
    use super::*;

    fn at(host: &str, port: u16) -> Address {
        Address::new(host, port)
    }

    fn name(node: Option<&Node>) -> &str {
        node.map_or("nobody", |n| n.name.0.as_str())
    }

    #[test]
    fn a_host_is_one_in_all_its_spellings() {
        for (one, other) in [
            ("DB1.Example.org", "db1.example.org."),
            ("2001:db8::7", "2001:DB8:0:0:0:0:0:7"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
        ] {
            assert!(same_host(one, other), "{one} {other}");
        }
        for (one, other) in [("db1", "db2"), ("10.0.0.1", "10.0.0.2"), ("::1", "1")] {
            assert!(!same_host(one, other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_forwarded_is_known_by_both_its_addresses_and_by_no_mixture() {
        // One gateway, two servers behind it. The port of one is the announced port of the other.
        let mut a = primary("a", "10.0.0.1", 1);
        a.address.port = 6379;
        a.announced = at("gate.example.org", 7001);
        a.resolved = vec!["10.0.0.1".into()];
        a.reached = vec!["192.0.2.1".into()];
        let mut b = replica("b", "10.0.0.2", "192.0.2.1", 1);
        b.address.port = 7001;
        b.announced = at("gate.example.org", 6379);
        b.resolved = vec!["10.0.0.2".into()];
        b.reached = vec!["192.0.2.1".into()];
        let topology = Topology {
            nodes: vec![a, b].into(),
        };
        let meant = |host, port| name(topology.at(&at(host, port)));
        assert_eq!(meant("192.0.2.1", 7001), "a");
        assert_eq!(meant("192.0.2.1", 6379), "b");
        assert_eq!(meant("GATE.example.org", 6379), "b");
        assert_eq!(meant("10.0.0.1", 6379), "a");
        assert_eq!(meant("10.0.0.1", 7001), "nobody");
    }

    #[test]
    fn what_a_server_announces_of_itself_means_it() {
        let mut a = primary("a", "10.0.0.1", 1);
        let own = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        a.up().config.extend([
            own("replica-announce-ip", ""),
            own("replica-announce-port", "0"),
        ]);
        assert_eq!(a.own_announcement(), None);
        for hostile in ["x y", "x\nrename-command", "-h", "$(reboot)"] {
            a.up().config.extend([own("replica-announce-ip", hostile)]);
            assert_eq!(a.own_announcement(), None, "{hostile}");
        }
        let plain = [
            own("replica-announce-ip", ""),
            own("replica-announce-port", "7001"),
        ];
        a.up().config.extend(plain);
        assert_eq!(a.own_announcement(), Some(at("10.0.0.1", 7001)));
        a.up()
            .config
            .extend([own("replica-announce-ip", "db.example.org")]);
        let topology = Topology {
            nodes: vec![a].into(),
        };
        assert_eq!(name(topology.at(&at("db.example.org", 7001))), "a");
        assert_eq!(name(topology.at(&at("10.0.0.1", 6379))), "a");
    }

    #[test]
    fn whoever_announces_the_address_of_another_is_not_taken_for_it() {
        let mut a = replica("a", "10.0.0.1", "10.0.0.2", 1);
        let own = ("replica-announce-ip".to_owned(), "10.0.0.2".to_owned());
        a.up().config.extend([own]);
        a.announced = at("10.0.0.2", 6379);
        let topology = Topology {
            nodes: vec![a, primary("b", "10.0.0.2", 1)].into(),
        };
        assert_eq!(name(topology.at(&at("10.0.0.2", 6379))), "b");
        assert_eq!(name(topology.upstream_of(&topology.nodes[0])), "b");
    }

    #[test]
    fn loopback_means_the_host_it_is_said_on() {
        let mut nodes = vec![
            primary("a", "10.0.0.1", 1),
            replica("b", "10.0.0.1", "127.0.0.1", 1),
            replica("c", "10.0.0.2", "127.0.0.1", 1),
        ];
        nodes[1].address.port = 6380;
        nodes[1].announced.port = 6380;
        let topology = Topology {
            nodes: nodes.into(),
        };
        assert_eq!(name(topology.upstream_of(&topology.nodes[1])), "a");
        // On that host it means the node itself.
        assert_eq!(name(topology.upstream_of(&topology.nodes[2])), "c");
    }

    #[test]
    fn of_several_behind_one_name_the_one_that_serves_is_meant() {
        let mut nodes = vec![
            primary("a", "10.0.0.1", 1),
            primary("b", "10.0.0.2", 1),
            replica("c", "10.0.0.3", "any.example.org", 1),
        ];
        for node in &mut nodes[..2] {
            node.resolved = vec!["any.example.org".into()];
        }
        let line = ReplicaLine {
            address: at("10.0.0.3", 6379),
            state: "online".into(),
            offset: None,
            ack_age_seconds: None,
        };
        nodes[1].up().replication.replicas = vec![line];
        let mut topology = Topology {
            nodes: nodes.into(),
        };
        assert_eq!(name(topology.upstream_of(&topology.nodes[2])), "b");
        topology.nodes[1].address = at("any.example.org", 6379);
        topology.nodes[0].up().replication.replicas =
            topology.nodes[1].up().replication.replicas.split_off(0);
        assert_eq!(name(topology.upstream_of(&topology.nodes[2])), "b");
    }
}

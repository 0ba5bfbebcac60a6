//! The TLS state of servers: their ports with and without TLS, how they replicate, and whether one
//! could follow another. Pure.

use super::{Address, Node, Server};
use serde::{Deserialize, Serialize};

/// A server's certificate, as it was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Until when it is valid.
    pub until: jiff::Timestamp,
    /// Seconds that were left when it was shown.
    pub left_seconds: i64,
}

/// The ports of a server; 0 is none.
struct Ports {
    plain: u16,
    tls: u16,
}

impl Server {
    /// Whether it replicates over TLS; `None` where CONFIG tells nothing.
    pub fn over_tls(&self) -> Option<bool> {
        self.ports()?;
        // A server that was built without TLS has no such directive.
        let said = self.config.get("tls-replication");
        Some(said.is_some_and(|value| value == "yes"))
    }

    fn ports(&self) -> Option<Ports> {
        let number = |name: &str| self.config.get(name)?.parse().ok();
        Some(Ports {
            plain: number("port")?,
            tls: number("tls-port").unwrap_or(0),
        })
    }
}

impl Node {
    /// The address from which `follower` replicates: `announce`, or else the port for the
    /// follower's kind of replication.
    pub fn source_for(&self, follower: Option<&Server>) -> Address {
        self.source_over(follower.or(self.server()).and_then(Server::over_tls))
    }

    /// The same for a follower with or without TLS.
    fn source_over(&self, over: Option<bool>) -> Address {
        let port = self.ports().map_or(0, |ports| match over {
            Some(true) => ports.tls,
            Some(false) => ports.plain,
            None => 0,
        });
        if port == 0 || self.announced != self.address {
            return self.announced.clone();
        }
        Address::new(self.address.host.clone(), port)
    }

    /// Its ports, if clients reach it at those. Behind an address translation they say nothing.
    fn ports(&self) -> Option<Ports> {
        let ports = self.server()?.ports()?;
        let known = [self.address.port, self.announced.port];
        (known.contains(&ports.plain) || known.contains(&ports.tls)).then_some(ports)
    }

    /// The other port it listens on: with TLS if its address has the plain one, or the reverse.
    /// Only if its address has one of its own ports. Behind a port forward the other port is not
    /// reachable there.
    pub(super) fn other_port(&self) -> Option<u16> {
        let own = self.server()?.ports()?;
        let at = self.address.port;
        let other = match (own.plain == at, own.tls == at) {
            (true, false) => own.tls,
            (false, true) => own.plain,
            (true, true) | (false, false) => 0,
        };
        (other != 0).then_some(other)
    }

    /// The ports it listens on, if clients reach it at those; each is one, or none.
    pub(super) fn listening(&self) -> [Option<u16>; 2] {
        let port = |port: u16| (port != 0).then_some(port);
        self.ports()
            .map_or([None, None], |own| [port(own.plain), port(own.tls)])
    }

    /// Whether that is one of the ports it listens on.
    pub(super) fn listens_on(&self, port: u16) -> bool {
        let own = self.ports();
        port != 0 && own.is_some_and(|own| own.plain == port || own.tls == port)
    }
}

/// Why `node` could not follow `upstream`, as the rest of a sentence about it; `None`: it could, or
/// that is not known.
pub fn could_not_follow(node: &Server, upstream: &Node) -> Option<String> {
    cannot_reach(node, upstream, &upstream.source_for(Some(node)))
}

/// The same for any follower with or without TLS: nothing else about the follower matters.
pub fn none_could_follow(over: bool, upstream: &Node) -> Option<String> {
    unreachable_over(over, upstream, &upstream.source_over(Some(over)))
}

/// The same, for the upstream address that it has.
pub fn cannot_reach(node: &Server, upstream: &Node, at: &Address) -> Option<String> {
    unreachable_over(node.over_tls()?, upstream, at)
}

fn unreachable_over(over: bool, upstream: &Node, at: &Address) -> Option<String> {
    let ports = upstream.server()?.ports()?;
    let name = &upstream.name;
    let how = if over {
        "it replicates over TLS (tls-replication yes)"
    } else {
        "it replicates without TLS (tls-replication no)"
    };
    let why = match over {
        true if ports.tls == 0 => format!("`{name}` has no tls-port"),
        false if ports.plain == 0 => format!("`{name}` takes nothing but TLS (port 0)"),
        true if at.port == ports.plain => format!("{at} is where `{name}` speaks no TLS"),
        false if at.port == ports.tls => format!("{at} is where `{name}` speaks TLS"),
        true | false => return None,
    };
    Some(format!("{how}, and {why}"))
}

#[cfg(test)]
pub mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::testing::{healthy, primary};
    use super::*;

    /// Its ports, and whether it replicates over TLS.
    pub fn set(node: &mut Node, plain: u16, tls: u16, over: bool) {
        let config = &mut node.up().config;
        config.insert("port".into(), plain.to_string());
        config.insert("tls-port".into(), tls.to_string());
        let over = if over { "yes" } else { "no" };
        config.insert("tls-replication".into(), over.into());
    }

    #[test]
    fn a_follower_is_sent_to_the_port_that_it_can_use() {
        let mut topology = healthy();
        let source = |topology: &super::super::Topology| {
            let [upstream, follower, _] = &topology.nodes[..] else {
                panic!("three nodes");
            };
            (
                upstream.source_for(follower.server()).port,
                could_not_follow(follower.server().unwrap(), upstream),
            )
        };
        // Nothing is known.
        assert_eq!(source(&topology), (6379, None));
        set(&mut topology.nodes[0], 6379, 6380, true);
        set(&mut topology.nodes[1], 6379, 6380, true);
        assert_eq!(source(&topology), (6380, None));
        set(&mut topology.nodes[1], 6379, 6380, false);
        assert_eq!(source(&topology), (6379, None));
        // The inventory names the port for TLS, as with `[tls]`.
        topology.nodes[0].address.port = 6380;
        topology.nodes[0].announced.port = 6380;
        assert_eq!(source(&topology), (6379, None));
        set(&mut topology.nodes[0], 0, 6380, true);
        let why = "it replicates without TLS (tls-replication no), and `master` takes nothing but TLS (port 0)";
        assert_eq!(source(&topology), (6380, Some(why.to_owned())));
        // Built without TLS.
        topology.nodes[1].up().config.remove("tls-replication");
        topology.nodes[1].up().config.remove("tls-port");
        assert_eq!(source(&topology).1.as_deref(), Some(why));
        set(&mut topology.nodes[1], 6379, 0, true);
        set(&mut topology.nodes[0], 6380, 0, true);
        let why = source(&topology).1.unwrap();
        assert!(why.ends_with("and `master` has no tls-port"), "{why}");
    }

    #[test]
    fn what_is_announced_is_taken_as_it_is_and_judged() {
        let mut node = primary("master", "10.0.0.1", 1);
        set(&mut node, 6379, 6380, true);
        node.announced.port = 6379;
        node.address.port = 6380;
        let server = node.server().unwrap();
        assert_eq!(node.source_for(Some(server)).port, 6379);
        let why = could_not_follow(server, &node).unwrap();
        assert!(
            why.contains("10.0.0.1:6379 is where `master` speaks no TLS"),
            "{why}"
        );
        // Behind an address translation, this is unknown.
        node.announced.port = 7001;
        node.address.port = 7002;
        assert_eq!(could_not_follow(node.server().unwrap(), &node), None);
        assert!(!node.listens_on(6379));
    }

    #[test]
    fn a_node_answers_to_both_its_ports() {
        let mut topology = healthy();
        let at = Address::new("192.168.0.120", 6380);
        assert!(topology.at(&at).is_none());
        set(&mut topology.nodes[0], 6379, 6380, true);
        assert_eq!(topology.at(&at).unwrap().name.0, "master");
        topology.nodes[0].resolved.push("db1".into());
        assert!(topology.at(&Address::new("db1", 6380)).is_some());
        assert!(topology.at(&Address::new("db1", 6381)).is_none());
    }
}

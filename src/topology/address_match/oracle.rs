//! Compares the index with the same question to each node.
#![allow(clippy::unwrap_used)]

use super::super::testing::{down, primary, replica};
use super::super::{Address, Node, ReplicaLine, Role, Topology, TroubleKind};
use super::{same, same_host};
use proptest::prelude::*;

fn at<'a>(topology: &'a Topology, address: &Address) -> Option<&'a Node> {
    written(topology, address).or_else(|| topology.nodes.iter().find(|n| n.stands_behind(address)))
}

fn written<'a>(topology: &'a Topology, address: &Address) -> Option<&'a Node> {
    let mut nodes = topology.nodes.iter();
    nodes
        .find(|n| same(&n.address, address))
        .or_else(|| topology.nodes.iter().find(|n| n.is_called(address)))
}

fn beside(node: &Node, other: &Node) -> bool {
    same_host(&node.address.host, &other.address.host)
        || node
            .resolved
            .iter()
            .any(|ip| other.resolved.iter().any(|o| same_host(ip, o)))
}

fn meant_by<'a>(topology: &'a Topology, node: &Node, address: &Address) -> Option<&'a Node> {
    if let Some(written) = written(topology, address) {
        return Some(written);
    }
    let behind = || topology.nodes.iter().filter(|n| n.answers_to(address));
    if behind().nth(1).is_some() {
        let serves = |n: &&Node| {
            let lines = n.server().map(|s| &s.replication.replicas);
            lines.is_some_and(|l| l.iter().any(|line| node.answers_to(&line.address)))
        };
        return behind().find(serves).or_else(|| behind().next());
    }
    at(topology, address).or_else(|| {
        let own = matches!(address.host.as_str(), "127.0.0.1" | "::1" | "localhost");
        let neighbour = |n: &&Node| n.address.port == address.port && beside(n, node);
        topology.nodes.iter().filter(|_| own).find(neighbour)
    })
}

fn top<'a>(topology: &'a Topology, node: &'a Node) -> Option<&'a Node> {
    let mut at = node;
    for _ in 0..=topology.nodes.len() {
        let next = at
            .upstream()
            .and_then(|up| meant_by(topology, at, &up.address));
        match next {
            Some(next) => at = next,
            None => return Some(at),
        }
    }
    None
}

const HOSTS: [&str; 12] = [
    "10.0.0.1",
    "10.0.0.2",
    "::ffff:10.0.0.1",
    "db1",
    "DB1.",
    "db2.example.org",
    "127.0.0.1",
    "localhost",
    "::1",
    "0:0:0:0:0:0:0:1",
    "gate",
    "10.0.0.3",
];
const PORTS: [u16; 4] = [6379, 6380, 7001, 7002];

fn address() -> impl Strategy<Value = Address> {
    (0..HOSTS.len(), 0..PORTS.len()).prop_map(|(h, p)| Address::new(HOSTS[h], PORTS[p]))
}

fn hosts() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec((0..HOSTS.len()).prop_map(|h| HOSTS[h].to_owned()), 0..3)
}

fn config() -> impl Strategy<Value = Vec<(String, String)>> {
    let host = (0..HOSTS.len()).prop_map(|h| HOSTS[h].to_owned());
    let host = prop_oneof![Just(String::new()), host, Just("x y".to_owned())];
    let port = prop_oneof![
        Just("0".to_owned()),
        (0..PORTS.len()).prop_map(|p| PORTS[p].to_string())
    ];
    let pair = |key: &str| {
        let key = key.to_owned();
        move |value: String| (key.clone(), value)
    };
    proptest::collection::vec(
        prop_oneof![
            host.prop_map(pair("replica-announce-ip")),
            port.clone().prop_map(pair("replica-announce-port")),
            port.clone().prop_map(pair("port")),
            port.prop_map(pair("tls-port")),
        ],
        0..4,
    )
}

fn node() -> impl Strategy<Value = Node> {
    let addresses = (address(), address(), prop::bool::ANY, address());
    let known = (hosts(), hosts(), config());
    let lines = proptest::collection::vec(address(), 0..3);
    (addresses, known, lines, 0..6_u8, 0..4_u8).prop_map(
        |((own, announced, moved, above), (resolved, reached, config), lines, kind, run)| {
            let mut node = match kind {
                0 => down("n", &own.host, TroubleKind::NoAnswer, ""),
                1 => primary("n", &own.host, 1),
                _ => replica("n", &own.host, &above.host, 1),
            };
            node.address = own;
            node.announced = if moved {
                announced
            } else {
                node.address.clone()
            };
            node.resolved = resolved;
            node.reached = reached;
            if kind > 0 {
                let server = node.up();
                server.config.extend(config);
                server.run_id = ["", "a", "b", "c"][usize::from(run)].to_owned();
                server.replication.replicas = lines
                    .into_iter()
                    .map(|address| ReplicaLine {
                        address,
                        state: "online".into(),
                        offset: None,
                        ack_age_seconds: None,
                    })
                    .collect();
                if let Role::Replica(up) = &mut server.replication.role {
                    up.address.port = above.port;
                }
            }
            node
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_index_says_what_each_node_says(
        mut nodes in proptest::collection::vec(node(), 0..9),
        asked in proptest::collection::vec(address(), 1..8),
    ) {
        for (n, node) in nodes.iter_mut().enumerate() {
            node.name = format!("n{n}").as_str().into();
        }
        let topology = Topology { nodes: nodes.into() };
        let place = |node: Option<&Node>| node.map(|n| n.name.0.clone());
        for address in &asked {
            prop_assert_eq!(place(topology.at(address)), place(at(&topology, address)));
            for node in &topology.nodes {
                let copy = node.clone();
                let wanted = place(meant_by(&topology, node, address));
                prop_assert_eq!(place(topology.meant_by(node, address)), wanted.clone());
                prop_assert_eq!(place(topology.meant_by(&copy, address)), wanted);
            }
        }
        for node in &topology.nodes {
            let copy = node.clone();
            let above = node.upstream().and_then(|up| meant_by(&topology, node, &up.address));
            prop_assert_eq!(place(topology.upstream_of(node)), place(above));
            prop_assert_eq!(place(topology.upstream_of(&copy)), place(above));
            prop_assert_eq!(place(topology.top_of(node)), place(top(&topology, node)));
            let under = topology.nodes.iter().filter(|n| {
                topology.upstream_of(n).is_some_and(|up| up.name == node.name)
            });
            let under: Vec<&Node> = under.collect();
            let listed: Vec<&Node> = topology.followers_of(node).collect();
            prop_assert_eq!(listed, under);
            prop_assert!(topology.get(&node.name).is_some_and(|n| std::ptr::eq(n, node)));
        }
    }
}

#[test]
fn the_index_is_made_anew_after_a_change() {
    let mut topology = super::super::testing::healthy();
    let slave = Address::new("192.168.0.130", 6379);
    assert_eq!(topology.at(&slave).unwrap().name.0, "slave1");
    topology.nodes[1].address.port = 1;
    topology.nodes[1].announced.port = 1;
    assert_eq!(topology.at(&slave), None);
    topology.nodes.remove(0);
    assert_eq!(topology.get(&"master".into()), None);
    for node in &mut topology.nodes {
        node.name = format!("new-{}", node.name).as_str().into();
    }
    assert!(topology.get(&"new-slave1".into()).is_some());
}

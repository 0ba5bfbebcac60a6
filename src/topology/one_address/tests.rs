#![allow(clippy::unwrap_used)]

use super::super::testing::{down, healthy, primary, replica};
use super::super::{Elsewhere, Topology, TroubleKind, Tunnel};
use super::*;

fn announce(node: &mut Node, ip: &str, port: u16) {
    let config = &mut node.up().config;
    config.insert("replica-announce-ip".into(), ip.into());
    config.insert("replica-announce-port".into(), port.to_string());
}

/// Three nodes on one host, at ports 1, 2 and 3.
fn on_one_host(host: &str) -> Topology {
    let mut topology = healthy();
    for (port, node) in (1..).zip(&mut topology.nodes) {
        node.address = Address::new(host, port);
        node.announced = node.address.clone();
    }
    topology
}

fn told(topology: &Topology) -> Vec<String> {
    let with = |with: &With<'_>| match with {
        With::Node(node, claim) => format!("{} {claim:?}", node.name),
        With::Process(node) => format!("{} answers", node.name),
        With::Stranger => "stranger".to_owned(),
    };
    clashes(topology)
        .iter()
        .map(|c| {
            format!(
                "{} {:?} {} = {}",
                c.node.name,
                c.claim,
                c.address,
                with(&c.with)
            )
        })
        .collect()
}

#[test]
fn well_kept_deployments_have_none() {
    assert!(told(&healthy()).is_empty());
    assert!(told(&on_one_host("127.0.0.1")).is_empty());
    let mut topology = on_one_host("127.0.0.1");
    announce(&mut topology.nodes[1], "", 2);
    announce(&mut topology.nodes[2], "203.0.113.7", 6379);
    assert!(told(&topology).is_empty());
}

#[test]
fn what_is_announced_is_compared_with_what_is_real() {
    let mut topology = on_one_host("127.0.0.1");
    announce(&mut topology.nodes[1], "", 1);
    assert_eq!(
        told(&topology),
        ["slave1 Announces 127.0.0.1:1 = master Real"]
    );
    // As a look at a node leaves it, if the inventory gives no `announce`.
    topology.nodes[1].announced = Address::new("127.0.0.1", 1);
    assert_eq!(
        told(&topology),
        ["slave1 Announces 127.0.0.1:1 = master Real"]
    );
    let mut topology = on_one_host("127.0.0.1");
    topology.nodes[1].announced = Address::new("127.0.0.1", 3);
    assert_eq!(
        told(&topology),
        ["slave1 Inventory 127.0.0.1:3 = slave2 Real"]
    );
}

#[test]
fn two_that_announce_a_third_address_are_told_once() {
    let mut topology = on_one_host("127.0.0.1");
    announce(&mut topology.nodes[1], "203.0.113.7", 7001);
    announce(&mut topology.nodes[2], "203.0.113.7", 7001);
    assert_eq!(
        told(&topology),
        ["slave2 Announces 203.0.113.7:7001 = slave1 Announces"]
    );
}

#[test]
fn an_address_is_the_same_in_all_its_spellings() {
    for (real, said) in [
        ("2001:db8::7", "2001:DB8:0:0:0:0:0:7"),
        ("10.0.0.1", "::ffff:10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("db1.example.org", "DB1.example.org."),
    ] {
        let mut topology = on_one_host(real);
        announce(&mut topology.nodes[1], said, 1);
        assert_eq!(told(&topology).len(), 1, "{real} {said}");
    }
}

#[test]
fn a_name_is_what_it_stands_for() {
    let mut topology = healthy();
    announce(&mut topology.nodes[1], "db.example.org", 6379);
    topology.nodes[1].sight.elsewhere = vec![Elsewhere {
        address: Address::new("db.example.org", 6379),
        ips: vec!["192.168.0.120".into()],
        answers: None,
    }];
    assert_eq!(
        told(&topology),
        ["slave1 Announces db.example.org:6379 = master Real"]
    );
    // The name of the other one, looked up.
    let mut topology = healthy();
    topology.nodes[0].address.host = "db1".into();
    topology.nodes[0].announced.host = "db1".into();
    topology.nodes[0].resolved = vec!["192.168.0.130".into()];
    assert_eq!(told(&topology).len(), 1);
    // A name of several nodes is no address of one.
    let mut topology = healthy();
    for node in &mut topology.nodes {
        node.resolved = vec![node.address.host.clone(), "any.example.org".into()];
    }
    assert!(told(&topology).is_empty());
}

#[test]
fn who_answers_there_is_known_by_its_process() {
    let mut topology = healthy();
    let there = |run: Option<&str>| Elsewhere {
        address: Address::new("203.0.113.7", 6379),
        ips: Vec::new(),
        answers: run.map(str::to_owned),
    };
    announce(&mut topology.nodes[1], "203.0.113.7", 6379);
    for (run, wanted) in [
        (None, None),
        (Some("run of slave1"), None),
        (Some("run of master"), Some("master answers")),
        (Some("another"), Some("stranger")),
    ] {
        topology.nodes[1].sight.elsewhere = vec![there(run)];
        let wanted: Vec<String> = wanted
            .into_iter()
            .map(|with| format!("slave1 Announces 203.0.113.7:6379 = {with}"))
            .collect();
        assert_eq!(told(&topology), wanted);
    }
}

#[test]
fn loopbacks_of_two_hosts_are_two_addresses() {
    let mut topology = on_one_host("127.0.0.1");
    announce(&mut topology.nodes[1], "", 1);
    let through = |host: &str| {
        Some(Tunnel {
            host: host.into(),
            because: None,
        })
    };
    topology.nodes[0].sight.through = through("h1");
    topology.nodes[1].sight.through = through("h2");
    assert!(told(&topology).is_empty());
}

#[test]
fn the_other_port_of_a_server_is_an_address_of_it() {
    use super::super::tls::tests::set;
    let mut topology = on_one_host("10.0.0.1");
    set(&mut topology.nodes[0], 1, 9, false);
    announce(&mut topology.nodes[1], "", 9);
    assert_eq!(
        told(&topology),
        ["slave1 Announces 10.0.0.1:9 = master OtherPort"]
    );
    // Behind a port forward, nobody reaches the server's own port at that address: two containers
    // of one host have the same.
    let mut topology = on_one_host("10.0.0.1");
    for node in &mut topology.nodes {
        set(node, 6379, 0, false);
    }
    assert!(told(&topology).is_empty());
}

#[test]
fn a_silent_node_keeps_its_address() {
    let mut topology = healthy();
    topology.nodes[0] = down("master", "192.168.0.120", TroubleKind::Refused, "refused");
    announce(&mut topology.nodes[2], "192.168.0.120", 6379);
    assert_eq!(
        told(&topology),
        ["slave2 Announces 192.168.0.120:6379 = master Real"]
    );
}

#[test]
fn two_names_of_one_process_are_no_clash_of_addresses() {
    let mut topology = Topology {
        nodes: vec![
            primary("a", "10.0.0.1", 1),
            replica("b", "10.0.0.2", "10.0.0.1", 1),
            primary("c", "10.0.0.1", 1),
        ]
        .into(),
    };
    topology.nodes[2].up().run_id = "run of a".into();
    topology.nodes[2].announced.host = "10.0.0.1".into();
    assert!(told(&topology).is_empty());
    let same = same_server(&topology);
    assert_eq!(same.len(), 1);
    assert_eq!((&*same[0].0.name.0, &*same[0].1.name.0), ("c", "a"));
    topology.nodes[0].up().run_id = String::new();
    topology.nodes[2].up().run_id = String::new();
    assert!(same_server(&topology).is_empty());
}

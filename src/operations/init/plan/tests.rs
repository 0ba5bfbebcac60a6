//! Finds made-up networks of servers. Each look sees what can be reached by then, and the parser
//! reads the result.

#![allow(clippy::unwrap_used)]

mod names;
mod net;

use super::describe::Found;
use super::walk::{Bond, Fate, Walk, Way, around};
use crate::topology::{Address, TroubleKind};
use net::{Net, at};

/// Name, address and `replicaof` of what is written as a node.
fn written(found: &[Found]) -> Vec<(String, String, Option<String>)> {
    let nodes = found.iter().filter(|node| !node.entry.only_comment);
    nodes
        .map(|node| {
            let entry = &node.entry;
            let address = entry.address.to_string();
            (entry.name.clone(), address, entry.replicaof.clone())
        })
        .collect()
}

fn node(name: &str, address: &str, up: Option<&str>) -> (String, String, Option<String>) {
    (name.to_owned(), address.to_owned(), up.map(str::to_owned))
}

#[test]
fn a_chain_is_found_from_each_of_its_servers() {
    let mut net = Net::default();
    net.primary("10.0.0.1:6379");
    net.replica("10.0.0.2:6379", "10.0.0.1:6379");
    net.replica("10.0.0.3:6379", "10.0.0.2:6379");
    net.replica("10.0.0.4:6380", "10.0.0.3:6379");
    let wanted = [
        node("10.0.0.1", "10.0.0.1:6379", None),
        node("10.0.0.2", "10.0.0.2:6379", Some("10.0.0.1")),
        node("10.0.0.3", "10.0.0.3:6379", Some("10.0.0.2")),
        node("10.0.0.4", "10.0.0.4:6380", Some("10.0.0.3")),
    ];
    for start in ["10.0.0.1:6379", "10.0.0.3:6379", "10.0.0.4:6380"] {
        let found = net.found_from(start);
        assert_eq!(written(&found), wanted, "{start}");
        assert!(found.iter().all(|node| node.missing.is_empty()));
    }
}

#[test]
fn names_of_hosts_and_ports_name_the_nodes() {
    let mut net = Net::default();
    net.primary("10.0.0.1:6379");
    net.replica("10.0.0.1:6380", "127.0.0.1:6379");
    net.replica("10.0.0.2:6379", "10.0.0.1:6379");
    net.call("10.0.0.1", "db1.example.org");
    net.call("10.0.0.2", "db2.example.org");
    assert_eq!(
        written(&net.found_from("10.0.0.2:6379")),
        [
            node("db1-6379", "10.0.0.1:6379", None),
            node("db1-6380", "10.0.0.1:6380", Some("db1-6379")),
            node("db2", "10.0.0.2:6379", Some("db1-6379")),
        ]
    );
}

#[test]
fn loopback_is_the_host_that_names_it() {
    let mut net = Net::default();
    net.primary("10.0.0.1:6379");
    // A replica that no other machine reaches.
    net.replica("127.0.0.1@10.0.0.1:6380", "127.0.0.1:6379");
    net.list("10.0.0.1:6379", "127.0.0.1:6380");
    let found = net.found_from("10.0.0.1:6379");
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].entry.address, at("127.0.0.1:6380"));
    assert_eq!(found[1].entry.ssh_host.as_deref(), Some("10.0.0.1"));
    assert_eq!(found[1].role, Some("replica"));
    // Without SSH there is no way to it.
    let mut walk = Walk::default();
    walk.add(vec![Way::to(at("10.0.0.1:6379"))], Bond::Start, "");
    let found = net.found(walk);
    assert_eq!(found[1].role, None);
    assert_eq!(found[1].entry.address, at("10.0.0.1:6380"));
}

#[test]
fn a_server_at_two_addresses_counts_once() {
    let mut net = Net::default();
    net.primary("10.0.0.1:6379");
    net.replica("10.0.0.2:6379", "10.0.0.1:6379");
    net.also("203.0.113.5:16379", "10.0.0.1:6379");
    let found = net.found_from("203.0.113.5:16379");
    // The address by which the others know it counts.
    assert_eq!(
        written(&found),
        [
            node("10.0.0.1", "10.0.0.1:6379", None),
            node("10.0.0.2", "10.0.0.2:6379", Some("10.0.0.1")),
        ]
    );
}

#[test]
fn an_address_behind_a_forward_is_announced() {
    let mut net = Net::default();
    // It is reached at another address than the one by which its replica knows it.
    net.primary("10.0.0.1:6379");
    net.replica("203.0.113.6:6379", "10.0.0.1:6379");
    net.hide("10.0.0.1:6379", "203.0.113.5:16379");
    let found = net.found_from("203.0.113.6:6379");
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].role, None, "it is not known where it is reached");
    let mut walk = Walk::default();
    for start in ["203.0.113.5:16379", "203.0.113.6:6379"] {
        walk.add(vec![Way::to(at(start))], Bond::Start, "");
    }
    let found = net.found(walk);
    assert_eq!(
        written(&found),
        [
            node("203.0.113.5", "203.0.113.5:16379", None),
            node("203.0.113.6", "203.0.113.6:6379", Some("203.0.113.5")),
        ]
    );
    assert_eq!(found[0].entry.announce, Some(at("10.0.0.1:6379")));
}

#[test]
fn what_servers_announce_is_written_where_others_use_it() {
    let mut net = Net::default();
    net.primary("10.0.0.1:6379");
    net.announce("10.0.0.1:6379", "gate.example.org", 7001);
    net.replica("10.0.0.2:6379", "gate.example.org:7001");
    net.announce("10.0.0.2:6379", "gate.example.org", 7002);
    net.list("10.0.0.1:6379", "gate.example.org:7002");
    let mut walk = Walk::default();
    for start in ["10.0.0.1:6379", "10.0.0.2:6379"] {
        walk.add(vec![Way::to(at(start))], Bond::Start, "");
    }
    let found = net.found(walk);
    let announced: Vec<_> = found.iter().map(|n| n.entry.announce.clone()).collect();
    assert_eq!(
        announced,
        [
            Some(at("gate.example.org:7001")),
            Some(at("gate.example.org:7002"))
        ]
    );
    // No other server knows this one by what it announces.
    let mut alone = Net::default();
    alone.primary("10.0.0.1:6379");
    alone.announce("10.0.0.1:6379", "gate.example.org", 7001);
    let found = alone.found_from("10.0.0.1:6379");
    assert_eq!(found[0].entry.announce, None);
    assert!(found[0].entry.below[0].contains("gate.example.org:7001"));
}

#[test]
fn two_primaries_are_both_written_and_said() {
    let mut net = Net::default();
    net.primary("10.0.0.1:6379");
    net.replica("10.0.0.2:6379", "10.0.0.1:6379");
    net.primary("10.0.0.3:6379");
    let mut walk = Walk::default();
    for start in ["10.0.0.3:6379", "10.0.0.2:6379"] {
        walk.add(vec![Way::to(at(start))], Bond::Start, "");
    }
    let found = net.found(walk);
    assert_eq!(
        written(&found),
        [
            node("10.0.0.1", "10.0.0.1:6379", None),
            node("10.0.0.2", "10.0.0.2:6379", Some("10.0.0.1")),
            node("10.0.0.3", "10.0.0.3:6379", Some("10.0.0.1")),
        ]
    );
    assert_eq!(found[2].missing, ["it is a primary beside `10.0.0.1`"]);
    assert!(found[2].entry.above[1].starts_with("it is a primary, too;"));
}

#[test]
fn circles_have_a_beginning_in_the_inventory() {
    let mut net = Net::default();
    net.replica("10.0.0.1:6379", "10.0.0.2:6379");
    net.replica("10.0.0.2:6379", "10.0.0.1:6379");
    let found = net.found_from("10.0.0.2:6379");
    assert_eq!(
        written(&found),
        [
            node("10.0.0.2", "10.0.0.2:6379", None),
            node("10.0.0.1", "10.0.0.1:6379", Some("10.0.0.2")),
        ]
    );
    assert_eq!(found[0].missing, ["it is in a circle of replicas"]);
    assert!(found[0].entry.below[0].starts_with("replicaof = \"10.0.0.1\""));
}

#[test]
fn a_dead_primary_is_written_and_a_dead_replica_of_a_sentinel_is_a_comment() {
    let mut net = Net::default();
    net.replica("10.0.0.2:6379", "10.0.0.1:6379");
    net.replica("10.0.0.3:6379", "10.0.0.1:6379");
    let mut walk = Walk::default();
    let nobody = crate::topology::Topology {
        nodes: Vec::new().into(),
    };
    let sentinel = Way::to(at("10.0.0.9:26379"));
    for known in [
        "10.0.0.1:6379",
        "10.0.0.2:6379",
        "10.0.0.3:6379",
        "10.0.0.4:6379",
    ] {
        walk.of_sentinel(&sentinel, &at(known), &nobody);
    }
    let found = net.found(walk);
    assert_eq!(
        written(&found),
        [
            node("10.0.0.1", "10.0.0.1:6379", None),
            node("10.0.0.2", "10.0.0.2:6379", Some("10.0.0.1")),
            node("10.0.0.3", "10.0.0.3:6379", Some("10.0.0.1")),
        ]
    );
    assert!(found[0].missing[0].starts_with("not reached: "));
    assert_eq!(found[3].entry.name, "10.0.0.4");
    assert!(found[3].entry.only_comment);
}

#[test]
fn a_list_behind_a_forward_names_nobody_for_sure() {
    let mut net = Net::default();
    net.primary("10.0.0.1:6379");
    net.replica("10.0.0.2:6379", "10.0.0.1:6379");
    // The primary sees its replica at an address of a forward.
    net.relist("10.0.0.1:6379", "172.17.0.1:6379");
    let mut walk = Walk::default();
    for start in ["10.0.0.1:6379", "10.0.0.2:6379"] {
        walk.add(vec![Way::to(at(start))], Bond::Start, "");
    }
    let found = net.found(walk);
    let doubtful = &found[2].entry;
    assert!(doubtful.only_comment);
    assert!(doubtful.above.last().unwrap().contains("another address"));
}

#[test]
fn what_is_no_address_is_not_taken_in() {
    let mut net = Net::default();
    net.primary("10.0.0.1:6379");
    for hostile in [
        "$(reboot):6379",
        "0.0.0.0:6379",
        "-oProxyCommand=x:1",
        "a b:1",
        "client:0",
    ] {
        net.list("10.0.0.1:6379", hostile);
    }
    let (found, walk) = net.walked_from("10.0.0.1:6379");
    assert_eq!(found.len(), 1);
    assert_eq!(walk.odd.len(), 4, "{:?}", walk.odd);
}

#[test]
fn who_names_servers_without_end_is_stopped() {
    let mut net = Net::default();
    net.primary("10.0.0.1:6379");
    for n in 0..3000 {
        net.list(
            "10.0.0.1:6379",
            &format!("10.1.{}.{}:6379", n / 250, n % 250 + 1),
        );
    }
    let (found, walk) = net.walked_from("10.0.0.1:6379");
    assert_eq!(found.len(), super::walk::MOST);
    assert_eq!(walk.odd.len(), 1, "{:?}", walk.odd);
}

#[test]
fn the_other_of_two_ports_is_tried_over_tls_alone() {
    let mut net = Net::default();
    net.primary("10.0.0.1:6379");
    net.ports("10.0.0.1:6379", 6379, 6390);
    net.replica("10.0.0.2:6390", "10.0.0.1:6379");
    net.relist("10.0.0.1:6379", "10.0.0.2:6379");
    net.refuse("10.0.0.2:6379", TroubleKind::WantsTls);
    let found = net.found_from("10.0.0.1:6379");
    assert_eq!(written(&found)[1].1, "10.0.0.2:6390");
    net.refuse("10.0.0.2:6379", TroubleKind::Refused);
    let found = net.found_from("10.0.0.1:6379");
    assert_eq!(written(&found)[1].1, "10.0.0.2:6379");
}

#[test]
fn of_the_ways_to_a_place_each_is_tried_once() {
    let net = Net::default();
    let mut walk = Walk {
        ssh: true,
        ..Walk::default()
    };
    walk.add(around("db1", "db1", 6379), Bond::Start, "");
    let (_, walk) = net.walked(walk);
    assert!(
        matches!(&walk.places[0].fate, Fate::Silent(first) if first.kind == TroubleKind::Refused)
    );
    assert_eq!(walk.places[0].way(), &Way::to(Address::new("db1", 6379)));
}

#[test]
fn the_inventory_that_is_there_keeps_its_names_and_its_first() {
    let mut net = Net::default();
    net.primary("10.0.0.2:6379");
    net.replica("10.0.0.1:6379", "10.0.0.2:6379");
    net.replica("10.0.0.3:6379", "10.0.0.2:6379");
    net.call("10.0.0.3", "first");
    let mut walk = Walk::default();
    walk.given(&"first".into(), Way::to(at("10.0.0.1:6379")));
    walk.add(vec![Way::to(at("10.0.0.3:6379"))], Bond::Start, "");
    let found = net.found_beside(walk, "first");
    let given: Vec<_> = found
        .iter()
        .map(|n| (n.entry.name.as_str(), n.given))
        .collect();
    assert_eq!(
        given,
        [("10.0.0.2", false), ("first", true), ("first-6379", false)]
    );
    assert_eq!(found[0].entry.replicaof.as_deref(), Some("first"));
    assert!(found[0].entry.above[1].starts_with("it is a primary now;"));
    assert_eq!(found[2].entry.replicaof.as_deref(), Some("10.0.0.2"));
}

//! What is refused and why, and what is planned, for the seed's three nodes and what can become of
//! them.

use super::plan;
use crate::actions::Action;
use crate::actions::server::ServerAction;
use crate::engine::{Accept, Plan, Promote, Refusal};
use crate::plan::case::Access;
use crate::plan::difference::Difference;
use crate::topology::sample::{address, down, node, seed, version};
use crate::topology::{
    Address, Link, PersistedRole, ReplicaAuth, Role, Server, State, SyncProgress, Topology,
    TroubleKind, Upstream,
};
use std::collections::BTreeMap;

mod lost;

fn promote(name: &str, accept: &[Accept]) -> Promote {
    Promote {
        node: name.into(),
        accept: accept.to_vec(),
    }
}

fn server(topology: &mut Topology, i: usize) -> &mut Server {
    match &mut topology.nodes[i].state {
        State::Up(server) => server,
        State::Down(_) => panic!("it is down"),
    }
}

fn upstream(topology: &mut Topology, i: usize) -> &mut Upstream {
    match &mut server(topology, i).replication.role {
        Role::Replica(upstream) => upstream,
        Role::Primary => panic!("it is a primary"),
    }
}

fn run(name: &str, topology: &Topology, accept: &[Accept]) -> Result<Plan, Vec<Refusal>> {
    plan(&promote(name, accept), topology, &BTreeMap::new())
}

fn reasons(result: Result<Plan, Vec<Refusal>>) -> String {
    match result {
        Ok(plan) => format!("planned: {plan:#?}"),
        Err(refusals) => refusals
            .iter()
            .map(|r| format!("{} | {}", r.why, r.hint))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

fn actions(plan: &Plan) -> Vec<String> {
    plan.steps()
        .map(|s| format!("{}: {}", s.node, s.action))
        .collect()
}

#[test]
fn the_hand_over_demotes_before_it_promotes() {
    let plan = run("slave1", &seed(), &[]).unwrap();
    assert_eq!(
        actions(&plan),
        [
            "slave1: wait until less than 256.0 KiB behind master",
            "slave2: wait until less than 256.0 KiB behind master",
            "slave1: see that nobody else has changed a role",
            "master: pause writes (for at most 5000 ms)",
            "master: let slave2 catch up too",
            "slave1: wait until it has every byte of master",
            "master: replicate from slave1 (10.0.0.1:6380), and tell its last offset",
            "slave1: see that it has exactly what master has",
            "slave1: make it primary, if it is still where master ended",
            "master: resume writes",
            "slave2: replicate from slave1 (10.0.0.1:6380)",
            "slave1: write its role into its configuration file and read it back",
            "master: write its role into its configuration file and read it back",
            "slave2: write its role into its configuration file and read it back",
            "master: wait until in sync with slave1",
            "slave2: wait until in sync with slave1",
        ]
    );
    assert_eq!(plan.may_lose, None);
}

#[test]
fn a_server_before_6_2_is_fenced_by_asking_for_replicas_nobody_has() {
    let mut topology = seed();
    for i in 0..3 {
        server(&mut topology, i).version = version(6, 0, 16);
    }
    server(&mut topology, 0)
        .config
        .insert("min-replicas-max-lag".to_owned(), "0".to_owned());
    let plan = run("slave1", &topology, &[]).unwrap();
    let fence = plan.steps().find(|s| s.node.0 == "master").unwrap();
    assert_eq!(
        fence.action,
        Action::Server(ServerAction::RequireReplicas {
            to_write: 1000,
            max_lag: 10
        })
    );
    assert_eq!(
        fence.undo,
        crate::engine::Undo::By(Action::Server(ServerAction::RequireReplicas {
            to_write: 0,
            max_lag: 0
        }))
    );
}

#[test]
fn what_is_already_so_is_left_out() {
    assert!(run("master", &seed(), &[]).unwrap().is_empty());
}

/// The tutorial's author pointed slave2 at 192.168.1.130. Promoting the primary it has gathers it.
#[test]
fn the_seeds_typo_is_gathered_by_promoting_the_primary_again() {
    let mut topology = Topology {
        nodes: vec![
            down("master", 0),
            node("slave1", 1, None),
            node("slave2", 2, Some(Address::new("192.168.1.130", 6379))),
        ]
        .into(),
    };
    upstream(&mut topology, 2).link = Link::Down;
    let plan = run("slave1", &topology, &[]).unwrap();
    assert_eq!(
        actions(&plan),
        [
            "slave2: replicate from slave1 (10.0.0.1:6380)",
            "slave1: write its role into its configuration file and read it back",
            "slave2: write its role into its configuration file and read it back",
            "slave2: wait until in sync with slave1",
        ]
    );
    let refused = reasons(run("slave2", &topology, &[]));
    assert_eq!(
        refused,
        "`slave2` does not replicate from the primary `slave1` but from 192.168.1.130:6379, so it lacks its data | attach it first: replctl promote slave1"
    );
}

#[test]
fn a_replica_in_a_chain_stays_under_its_upstream_unless_that_is_the_old_primary() {
    let mut topology = seed();
    topology.nodes.push(node("leaf", 3, Some(address(2))));
    let plan = run("slave1", &topology, &[]).unwrap();
    assert!(
        !actions(&plan).iter().any(|a| a.starts_with("leaf:")),
        "{:?}",
        actions(&plan)
    );
    // The leaf itself is promoted: the node between goes directly under it.
    let plan = run("leaf", &topology, &[]).unwrap();
    assert!(actions(&plan).contains(&"slave2: replicate from leaf (10.0.0.1:6382)".to_owned()));
}

#[test]
fn everything_against_a_hand_over_is_said_at_once() {
    let mut topology = seed();
    server(&mut topology, 0).used_memory = Some(2_000_000);
    for (name, value) in [("databases", "16"), ("save", "3600 1")] {
        let config = &mut server(&mut topology, 0).config;
        config.insert(name.to_owned(), value.to_owned());
    }
    server(&mut topology, 0).sentinels = Some(3);
    server(&mut topology, 0).replica_auth = Some(ReplicaAuth::Unset);
    let target = server(&mut topology, 1);
    target.maxmemory = Some(1_000_000);
    target.has_password = Some(true);
    target.replication.priority = Some(0);
    target.config.insert("databases".to_owned(), "1".to_owned());
    target
        .config
        .insert("min-replicas-to-write".to_owned(), "3".to_owned());
    target.config.insert("save".to_owned(), String::new());
    upstream(&mut topology, 1).read_only = false;
    server(&mut topology, 2).version = version(6, 2, 6);
    let text = reasons(run("slave1", &topology, &[]));
    for part in [
        "3 Sentinels watch `master`",
        "`master` has no masterauth",
        "maxmemory 976.6 KiB",
        "1 databases, the primary has 16",
        "priority 0",
        "takes writes although it is a replica",
        "min-replicas-to-write 3, and would have 2 replicas",
        "keeps nothing on disk",
        "`slave2` (Redis 6.2.6) cannot load a full copy from `slave1` (Redis 7.0.15)",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    for (hint, part) in [
        ("memory-limit", "maxmemory 976.6 KiB"),
        ("fewer-databases", "1 databases"),
        ("priority-0", "priority 0"),
        ("writable-replica", "takes writes"),
        ("min-replicas", "min-replicas-to-write 3"),
        ("no-persistence", "keeps nothing on disk"),
        ("version-order", "cannot load a full copy from `slave1`"),
    ] {
        let line = text.lines().find(|l| l.contains(part)).unwrap_or_default();
        assert!(
            line.ends_with(&format!("replctl promote slave1 --ignore {hint}")),
            "{line}"
        );
    }
    // Each difference is accepted alone, and the hints for the others keep the option.
    let one = Accept::Difference(Difference::MemoryLimit);
    let fewer = reasons(run("slave1", &topology, &[one]));
    assert_eq!(fewer.lines().count(), text.lines().count() - 1, "{fewer}");
    assert!(!fewer.contains("maxmemory"), "{fewer}");
    let next = "--ignore memory-limit --ignore fewer-databases";
    assert!(fewer.contains(next), "{fewer}");
    // The wide override covers the settings and nothing else.
    let text = reasons(run("slave1", &topology, &[Accept::Drift]));
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn a_replica_that_could_not_follow_is_told_of_and_keeps_nobody_back() {
    let mut topology = seed();
    server(&mut topology, 0).replica_auth = Some(ReplicaAuth::Right);
    server(&mut topology, 1).has_password = Some(true);
    server(&mut topology, 2).replica_auth = Some(ReplicaAuth::Wrong);
    let plan = run("slave1", &topology, &[]).unwrap();
    assert!(
        plan.warnings[0]
            .text()
            .starts_with("`slave2` could not log in at `slave1`"),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn who_could_not_follow_because_of_tls_stands_against_it_and_can_be_accepted() {
    let mut topology = seed();
    let ports = |server: &mut Server, tls: &str, over: &str| {
        let config = &mut server.config;
        config.insert("port".into(), "6379".into());
        config.insert("tls-port".into(), tls.into());
        config.insert("tls-replication".into(), over.into());
    };
    for i in 0..3 {
        ports(server(&mut topology, i), "6380", "yes");
    }
    let plan = run("slave1", &topology, &[]).unwrap();
    let told = actions(&plan);
    let follow = "master: replicate from slave1 (10.0.0.1:6380), and tell its last offset";
    assert!(told.iter().any(|a| a == follow), "{told:#?}");
    ports(server(&mut topology, 1), "0", "no");
    let text = reasons(run("slave1", &topology, &[]));
    assert_eq!(
        text.lines().next().unwrap(),
        "`master` could not follow `slave1`: it replicates over TLS (tls-replication yes), and `slave1` has no tls-port \
         | change it, or accept it: replctl promote slave1 --ignore tls-replication"
    );
    assert_eq!(text.lines().count(), 2, "{text}");
    let accepted = Accept::Difference(Difference::TlsReplication);
    let plan = run("slave1", &topology, &[accepted]).unwrap();
    assert_eq!(plan.warnings.len(), 2, "{:?}", plan.warnings);
}

#[test]
fn a_node_that_is_not_ready_is_not_promoted() {
    let mut topology = seed();
    upstream(&mut topology, 1).link = Link::Down;
    upstream(&mut topology, 1).down_since_seconds = Some(348);
    assert_eq!(
        reasons(run(
            "slave1",
            &topology,
            &[Accept::Drift, Accept::DataLoss, Accept::SplitBrain]
        )),
        "`slave1` is not ready: its link to 10.0.0.1:6379 is down since 348 s | see why: replctl status"
    );
    upstream(&mut topology, 1).sync = Some(SyncProgress {
        read: Some(1),
        total: None,
        idle_seconds: None,
    });
    assert!(reasons(run("slave1", &topology, &[])).contains("in the middle of a full resync"));
    let mut topology = seed();
    server(&mut topology, 1).replication.replid = "b".repeat(40);
    assert!(reasons(run("slave1", &topology, &[])).contains("another history"));
    let mut topology = seed();
    server(&mut topology, 1).cluster_enabled = true;
    assert!(reasons(run("slave1", &topology, &[])).contains("cluster mode"));
}

#[test]
fn two_primaries_and_unknown_names_are_refused() {
    let topology = Topology {
        nodes: vec![node("master", 0, None), node("slave1", 1, None)].into(),
    };
    assert!(reasons(run("slave1", &topology, &[])).contains("both primaries"));
    assert!(reasons(run("slave9", &topology, &[])).contains("no node `slave9`"));
    let topology = Topology {
        nodes: vec![
            node("a", 0, None),
            node("b", 1, None),
            node("c", 2, Some(address(0))),
        ]
        .into(),
    };
    assert!(reasons(run("c", &topology, &[])).contains("2 primaries: a, b"));
}

#[test]
fn roles_that_end_with_a_restart_and_links_that_are_down_are_put_right() {
    let mut topology = seed();
    topology.nodes[0].persisted = Some(PersistedRole::Primary);
    topology.nodes[1].persisted = Some(PersistedRole::Primary);
    topology.nodes[2].persisted = Some(PersistedRole::ReplicaOf(address(0)));
    let plan = run("master", &topology, &[]).unwrap();
    let persisted = "slave1: write its role into its configuration file and read it back";
    assert_eq!(actions(&plan), [persisted]);
    topology.nodes[1].persisted = None;
    upstream(&mut topology, 2).link = Link::Down;
    let plan = run("master", &topology, &[]).unwrap();
    assert_eq!(actions(&plan), ["slave2: wait until in sync with master"]);
}

#[test]
fn every_node_down_is_refused() {
    let topology = Topology {
        nodes: vec![down("master", 0), down("slave1", 1)].into(),
    };
    assert!(reasons(run("slave1", &topology, &[])).contains("cannot be promoted"));
}

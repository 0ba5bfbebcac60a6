#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;
use crate::topology::testing::{down, healthy, primary, replica, typo};
use crate::topology::{
    Link, Loading, PersistedRole, ReplicaAuth, ReplicaLine, SyncProgress, TroubleKind, Version,
};

pub(super) fn context() -> Context {
    let wanted = |name: &str, follows: Option<&str>| Wanted {
        name: name.into(),
        follows: follows.map(NodeName::from),
        priority: None,
        tls: None,
        directives: BTreeMap::new(),
        ssh: "ssh host".into(),
        ssh_root: "ssh host".into(),
    };
    Context {
        deployment: "orders".into(),
        wanted: vec![
            wanted("master", None),
            wanted("slave1", Some("master")),
            wanted("slave2", Some("master")),
        ],
        user: None,
        users: false,
        password: true,
        unfinished: Vec::new(),
        unread: Vec::new(),
        under_way: Vec::new(),
        pending_demotions: Vec::new(),
        alone: Vec::new(),
        logs: BTreeMap::new(),
        counted: BTreeMap::new(),
    }
}

/// `code: message | hint`, one per finding.
pub(super) fn told(topology: &Topology, context: &Context) -> Vec<String> {
    findings(topology, context)
        .iter()
        .map(|f| {
            let code = serde_json::to_value(f.code).unwrap();
            let hint = f
                .hint
                .as_ref()
                .map(|hint| format!(" | {hint}"))
                .unwrap_or_default();
            format!("{}: {}{hint}", code.as_str().unwrap(), f.message)
        })
        .collect()
}

/// A change to the healthy deployment, and its findings.
type Case = (fn(&mut Topology), &'static str);

/// The findings after `change` to the healthy deployment.
fn after(change: impl FnOnce(&mut Topology)) -> Vec<String> {
    let mut topology = healthy();
    change(&mut topology);
    told(&topology, &context())
}

mod forecast;
mod growth;
mod links;
mod settings;
mod tls;

#[test]
fn a_healthy_deployment_has_no_findings() {
    assert_eq!(told(&healthy(), &context()), [""; 0]);
    assert!(super::healthy(&findings(&healthy(), &context())));
}

#[test]
fn a_dead_primary_is_told_with_the_best_successor_first() {
    let mut topology = healthy();
    topology.nodes[0] = down(
        "master",
        "192.168.0.120",
        TroubleKind::Refused,
        "connection refused: nothing listens there",
    );
    topology.nodes[1].link_down(Some(12));
    topology.nodes[2].link_down(Some(12));
    topology.nodes[2].link().offset = 5100;
    assert_eq!(
        told(&topology, &context()),
        [
            "no-primary: there is no primary: `slave1` and `slave2` are replicas, `master` does not answer | replctl promote slave2",
            "unreachable: `master` (192.168.0.120:6379) cannot be observed: connection refused: nothing listens there",
            "link-down: the link of `slave1` to `master` has been down for 12 s: `master` does not answer",
            "link-down: the link of `slave2` to `master` has been down for 12 s: `master` does not answer",
        ]
    );
    topology.nodes[1].link().link = Link::Up;
    topology.nodes[1].link().last_io_seconds = Some(7);
    let found = told(&topology, &context());
    assert!(
        found[1].ends_with("; the link of `slave1` to it is up, last heard from 7 s ago"),
        "{found:?}"
    );
}

#[test]
fn with_nobody_there_no_successor_is_named() {
    let gone = |name: &str| down(name, name, TroubleKind::NoAnswer, "no answer");
    let nobody = Topology {
        nodes: vec![gone("a"), gone("b")].into(),
    };
    assert_eq!(
        told(&nobody, &context())[0],
        "no-primary: there is no primary: no node answers"
    );
    let one = Topology {
        nodes: vec![gone("a")].into(),
    };
    assert_eq!(
        told(&one, &context())[0],
        "no-primary: there is no primary: `a` does not answer"
    );
}

#[test]
fn two_primaries_are_told_with_what_each_has() {
    let split = |old_offset: u64| {
        after(|t| {
            t.nodes[0].up().replication.offset = old_offset;
            t.nodes[1] = primary("slave1", "192.168.0.130", 5300);
            let new = &mut t.nodes[1].up().replication;
            new.replid2 = Some(std::mem::replace(&mut new.replid, "of slave1".into()));
            new.second_offset = Some(5001);
        })
    };
    assert_eq!(
        split(9331)[0],
        "several-primaries: `master` and `slave1` are both primaries and both take writes; `master` has 4.2 KiB of its stream that `slave1` has not \
         (replctl lost master lists them) | replctl rejoin master"
    );
    assert!(
        split(5000)[0].contains("; `slave1` has all that `master` has"),
        "{:?}",
        split(5000)
    );
    let strangers = after(|t| {
        for (node, history) in t.nodes.iter_mut().zip(["a", "b", "c"]) {
            let host = node.address.host.clone();
            *node = primary(&node.name.0.clone(), &host, 100);
            node.up().replication.replid = history.into();
        }
    });
    assert!(
        strangers[0]
            .starts_with("several-primaries: `master`, `slave1` and `slave2` are all primaries"),
        "{strangers:?}"
    );
    assert!(
        strangers[0].ends_with(
            "cannot be known, because of `slave2`: its history is unrelated to the other's, begun when it was started 60 min ago at the earliest | replctl rejoin slave1 --under master; replctl rejoin slave2 --under master"
        ),
        "{strangers:?}"
    );
}

#[test]
fn loops_are_found_and_told_once() {
    let pair = after(|t| {
        t.nodes[1].link().address.host = "192.168.0.140".into();
        t.nodes[2].link().address.host = "192.168.0.130".into();
    });
    assert_eq!(
        pair,
        [
            "loop: `slave1` and `slave2` replicate from each other: no write reaches them | replctl promote master"
        ]
    );
    let itself = after(|t| t.nodes[2].link().address.host = "192.168.0.140".into());
    assert_eq!(
        itself,
        ["loop: `slave2` replicates from itself | replctl promote master"]
    );
    let all = after(|t| t.nodes[0] = replica("master", "192.168.0.120", "192.168.0.130", 5000));
    assert!(all[0].starts_with("no-primary"), "{all:?}");
    assert_eq!(
        all[1],
        "loop: `master` and `slave1` replicate from each other: no write reaches them | replctl repair"
    );
    // The same circle, hidden behind a second name of one server.
    let hidden = after(|t| {
        t.nodes[1].link().address.host = "192.168.0.140".into();
        t.nodes[2] = replica("slave2", "192.168.0.140", "192.168.0.120", 5000);
        t.nodes[2].up().run_id = t.nodes[1].up().run_id.clone();
    });
    assert!(
        hidden
            .iter()
            .any(|f| f.starts_with("loop: `slave1` replicates from itself")),
        "{hidden:?}"
    );
}

#[test]
fn one_server_behind_two_names_is_not_two_primaries() {
    let found = after(|t| {
        t.nodes[1] = primary("slave1", "192.168.0.130", 5000);
        t.nodes[1].up().run_id = t.nodes[0].up().run_id.clone();
    });
    assert_eq!(
        found,
        [
            "two-names-one-server: `master` (192.168.0.120:6379) and `slave1` (192.168.0.130:6379) are one and the same server \
          | correct `address` or `port` of `slave1` in the inventory, or take `slave1` out"
        ]
    );
}

#[test]
fn operations_that_stopped_half_way_are_told() {
    let mut context = context();
    context.unfinished = vec![
        Unfinished {
            id: "20261123-063400-promote".into(),
            unknown: None,
        },
        Unfinished {
            id: "20261123-063500-move".into(),
            unknown: Some("line 3 is not UTF-8".into()),
        },
    ];
    let found = told(&typo(), &context);
    assert_eq!(
        found[0],
        "unfinished-operation: operation 20261123-063400-promote stopped half-way | replctl resume 20261123-063400-promote"
    );
    assert_eq!(
        found[1],
        "unfinished-operation: operation 20261123-063500-move is unfinished, and what it did is not known: its journal cannot be read \
         (line 3 is not UTF-8) | replctl abandon 20261123-063500-move"
    );
}

#[test]
fn an_old_primary_is_told_until_it_is_a_replica() {
    let mut context = context();
    let pending = PendingDemotion {
        node: "master".into(),
        address: Address::new("192.168.0.130", 6379),
        since: "2026-11-23T06:34:00Z".parse().unwrap(),
    };
    context.pending_demotions = vec![pending];
    let found = told(&typo(), &context);
    assert_eq!(
        found[0],
        "unfenced-old-primary: `master` was replaced by `slave1` on 2026-11-23 06:34 UTC and has not been told: no answer to the connection \
         attempt within 2 s; if it comes back it takes writes that are lost later | when its host answers again: replctl rejoin master"
    );
    assert!(
        !found.iter().any(|f| f.starts_with("unreachable")),
        "one cause, one finding: {found:?}"
    );
    let mut fenced = typo();
    fenced.nodes[0].persisted = Some(PersistedRole::ReplicaOf(Address::new(
        "192.168.0.130",
        6379,
    )));
    let found = told(&fenced, &context);
    assert!(
        found.contains(
            &"unreachable: `master` was replaced by `slave1` on 2026-11-23 06:34 UTC and is not back: no answer to the connection attempt \
              within 2 s; its file says that it returns as a replica | replctl rejoin master"
                .to_owned()
        ),
        "{found:?}"
    );
    let mut back = typo();
    back.nodes[0] = primary("master", "192.168.0.120", 1270);
    assert!(told(&back, &context)[0].contains(
        "; `master` was replaced by `slave1` on 2026-11-23 06:34 UTC | replctl rejoin master"
    ));
    let mut settled = typo();
    settled.nodes[0] = replica("master", "192.168.0.120", "192.168.0.130", 1270);
    assert!(
        !told(&settled, &context)
            .iter()
            .any(|f| f.starts_with("unfenced"))
    );
}

#[test]
fn the_codes_are_kebab_case_and_the_facts_are_there() {
    let found = serde_json::to_value(findings(&typo(), &context())).unwrap();
    assert_eq!(found[1]["code"], "upstream-unknown");
    assert_eq!(found[1]["severity"], "problem");
    assert_eq!(found[1]["data"]["closest"], "slave1");
    assert_eq!(found[1]["data"]["down_since_seconds"], 348);
    assert_eq!(serde_json::to_value(Code::Priority0).unwrap(), "priority-0");
}

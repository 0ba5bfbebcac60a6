//! What is refused and why, and what is planned, over chains and what can become of them.

use super::plan;
use crate::engine::warning::sentences;
use crate::engine::{Move, Plan, Refusal};
use crate::topology::sample::{address, down, node, version};
use crate::topology::{
    Backlog, Link, PersistedRole, ReplicaAuth, Role, Server, State, SyncProgress, Topology,
    Upstream,
};

/// master ← a ← b, and c under master.
fn chain() -> Topology {
    let mut topology = Topology {
        nodes: vec![
            node("master", 0, None),
            node("a", 1, Some(address(0))),
            node("b", 2, Some(address(1))),
            node("c", 3, Some(address(0))),
        ]
        .into(),
    };
    for i in 0..4 {
        let server = server(&mut topology, i);
        server.keys.insert(0, 50);
        server.replication.backlog = Some(Backlog {
            first: 1,
            held: 100,
            size: 1 << 20,
        });
    }
    topology
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

fn run(name: &str, under: &str, topology: &Topology) -> Result<Plan, Vec<Refusal>> {
    let operation = Move {
        node: name.into(),
        under: under.into(),
        discard_data: false,
        update_inventory: false,
    };
    plan(&operation, topology)
}

fn discarding(name: &str, under: &str, topology: &Topology) -> Result<Plan, Vec<Refusal>> {
    let operation = Move {
        node: name.into(),
        under: under.into(),
        discard_data: true,
        update_inventory: false,
    };
    plan(&operation, topology)
}

fn reasons(result: Result<Plan, Vec<Refusal>>) -> Vec<String> {
    match result {
        Ok(plan) => panic!("planned: {plan:#?}"),
        Err(refusals) => refusals
            .iter()
            .map(|r| format!("{} | {}", r.why, r.hint))
            .collect(),
    }
}

fn actions(plan: &Plan) -> Vec<String> {
    plan.steps()
        .map(|s| format!("{}: {}", s.node, s.action))
        .collect()
}

#[test]
fn a_replica_goes_under_another_after_that_one_has_what_it_has() {
    let plan = run("c", "a", &chain()).unwrap();
    assert_eq!(
        actions(&plan),
        [
            "a: wait until it has every byte of c",
            "c: see that nobody else has changed a role",
            "c: replicate from a (10.0.0.1:6380)",
            "c: wait until in sync with a",
            "c: write its role into its configuration file and read it back",
        ]
    );
    assert_eq!(
        sentences(&plan.warnings),
        ["expected: a partial resync; `c` is at offset 100, and the backlog of `a` holds 1 to 100"]
    );
    assert_eq!(plan.may_lose, None);
}

#[test]
fn those_under_it_are_named_and_seen_again() {
    let plan = run("a", "c", &chain()).unwrap();
    assert!(actions(&plan).contains(&"b: wait until in sync with a".to_owned()));
    assert_eq!(
        plan.warnings[1].text(),
        "`b` stays under `a` and links again after it"
    );
}

#[test]
fn nothing_goes_in_a_circle() {
    assert_eq!(
        reasons(run("a", "a", &chain())),
        ["`a` cannot replicate from itself | name another node after --under"]
    );
    assert_eq!(
        reasons(run("a", "b", &chain())),
        [
            "`b` has its data from `a`: with `a` under it they would go round in a circle and get no writes | move `b` away first: replctl move b --under master"
        ]
    );
    assert_eq!(
        reasons(run("master", "b", &chain())),
        [
            "`master` is the primary, and `b` has its data from it | to let them change places: replctl promote b"
        ]
    );
    let mut twins = chain();
    server(&mut twins, 3).run_id = format!("{:040}", 1);
    assert_eq!(
        reasons(run("c", "a", &twins)),
        [
            "`c` and `a` are one and the same server process | check their addresses in the inventory"
        ]
    );
    // `c` is another name of `a`, and `b` is under `a`.
    assert!(reasons(run("c", "b", &twins))[0].contains("in a circle"));
}

#[test]
fn what_stands_against_it_comes_all_at_once() {
    let mut topology = chain();
    upstream(&mut topology, 1).link = Link::Down;
    server(&mut topology, 1).version = version(8, 0, 0);
    server(&mut topology, 1).has_password = Some(true);
    server(&mut topology, 1).keys.insert(0, 24);
    server(&mut topology, 0).sentinels = Some(3);
    let reasons = reasons(run("c", "a", &topology));
    assert_eq!(reasons.len(), 5, "{reasons:#?}");
    for (reason, part) in reasons.iter().zip([
        "`a` is not in sync: its link to 10.0.0.1:6379 is down",
        "3 Sentinels watch, and put a replica of the replica `a` back under the primary | replctl move c --under master",
        "`c` (Redis 7.0.15) cannot load a full copy from `a` (Redis 8.0.0), so it would never get in sync",
        "`c` has no masterauth, so it could not replicate from `a` | let replctl set both on every node: replctl setup c a",
        "`c` would lose keys under `a`: far fewer are there; it holds 50, `a` 24 | if they may be replaced by those of `a`: replctl move c --under a --discard-data c",
    ]) {
        assert!(reason.contains(part), "{reason}");
    }
}

#[test]
fn an_upstream_that_is_not_ready_is_refused() {
    let mut topology = chain();
    topology.nodes[1] = down("a", 1);
    let refused = reasons(run("c", "a", &topology));
    assert_eq!(
        refused,
        ["`a` cannot be replicated from: connection refused | see: replctl status"]
    );
    // `b` hangs under the silent `a`.
    assert!(reasons(run("c", "b", &topology))[0].contains("ends at `a`, which does not answer"));
    let mut topology = chain();
    upstream(&mut topology, 1).sync = Some(SyncProgress {
        read: None,
        total: None,
        idle_seconds: None,
    });
    assert!(
        reasons(run("c", "b", &topology))[0]
            .starts_with("`a` is in the middle of a full resync, and `b` has its data from there")
    );
    let mut topology = chain();
    server(&mut topology, 0).sentinels = Some(3);
    run("b", "master", &topology).unwrap();
    server(&mut topology, 2).replica_auth = Some(ReplicaAuth::Right);
    assert!(reasons(run("b", "master", &topology))[0].contains("no password"));
}

#[test]
fn keys_of_another_history_are_not_replaced_unless_named() {
    let mut topology = chain();
    server(&mut topology, 3).replication.replid = "b".repeat(40);
    upstream(&mut topology, 3).link = Link::Down;
    let refused = reasons(run("c", "a", &topology));
    assert!(
        refused[0].contains("no history in common that can be seen; it holds 50, `a` 50"),
        "{refused:?}"
    );
    let plan = discarding("c", "a", &topology).unwrap();
    assert_eq!(
        plan.may_lose.as_deref(),
        Some("what is among the 50 keys of `c` and not in `a`")
    );
    assert!(
        plan.warnings[0].text().starts_with("expected: a full resync, because they have no history in common; `a` sends all its data (50 keys, 976.6 KiB in its memory)"),
        "{:?}",
        plan.warnings
    );
    // A node without data loses none.
    server(&mut topology, 3).keys.clear();
    assert_eq!(run("c", "a", &topology).unwrap().may_lose, None);
}

#[test]
fn a_primary_of_its_own_comes_back_only_when_named() {
    let mut topology = chain();
    server(&mut topology, 3).replication.role = Role::Primary;
    let refused = reasons(run("c", "a", &topology));
    assert!(refused[0].contains("it is a primary with data of its own"));
    let plan = discarding("c", "a", &topology).unwrap();
    assert!(plan.may_lose.is_some());
    assert!(plan.warnings[0].text().contains("`c` is a primary"));
}

#[test]
fn the_forecast_follows_the_backlog() {
    let mut topology = chain();
    server(&mut topology, 1).replication.backlog = Some(Backlog {
        first: 200,
        held: 10,
        size: 1024,
    });
    server(&mut topology, 3).maxmemory = Some(1024);
    let plan = run("c", "a", &topology).unwrap();
    assert!(
        plan.warnings[0]
            .text()
            .contains("`c` is at offset 100, and the backlog of `a` begins later"),
        "{:?}",
        plan.warnings
    );
    assert!(
        plan.warnings[1]
            .text()
            .contains("`c` may use 1.0 KiB of memory")
    );
    // The look at `c` came a little after that at `a`. That alone refuses nothing.
    let mut topology = chain();
    upstream(&mut topology, 3).offset = 140;
    assert!(
        run("c", "a", &topology).unwrap().warnings[0]
            .text()
            .contains("a partial resync")
    );
    // An upstream that is late has few keys yet. Keys that the missing bytes cannot explain are
    // another matter.
    upstream(&mut topology, 3).offset = 900;
    server(&mut topology, 1).keys.clear();
    run("c", "a", &topology).unwrap();
    upstream(&mut topology, 3).offset = 700;
    assert!(reasons(run("c", "a", &topology))[0].contains("far fewer"));
}

#[test]
fn what_is_done_is_not_done_again() {
    let mut topology = chain();
    assert!(run("b", "a", &topology).unwrap().is_empty());
    topology.nodes[2].persisted = Some(PersistedRole::ReplicaOf(address(0)));
    upstream(&mut topology, 2).link = Link::Down;
    assert_eq!(
        actions(&run("b", "a", &topology).unwrap()),
        [
            "b: wait until in sync with a",
            "b: write its role into its configuration file and read it back",
        ]
    );
}

#[test]
fn a_move_under_another_primary_says_what_no_longer_arrives() {
    let mut topology = chain();
    let told = |plan: &Plan| {
        let mut warnings = plan.warnings.iter();
        warnings.any(|w| w.text().contains("is a primary beside"))
    };
    assert!(!told(&run("c", "a", &topology).unwrap()));
    server(&mut topology, 1).replication.role = Role::Primary;
    let plan = run("c", "b", &topology).unwrap();
    let wanted =
        "`a` is a primary beside `master`: what is written to `master` will not reach `c` any more";
    assert!(plan.warnings.iter().any(|w| w.text() == wanted), "{plan:?}");
}

#[test]
fn a_link_to_another_server_is_not_taken_for_the_one_that_is_wanted() {
    let mut topology = chain();
    // From the host of `b`, the address of `a` leads to a server with another history.
    server(&mut topology, 2).replication.replid = "b".repeat(40);
    assert_eq!(
        reasons(run("b", "a", &topology)),
        [
            "the link of `b` is up, but its history is not that of `a`: 10.0.0.1:6380 may lead to another server from the host of `b` | correct where the address leads there, as this says: replctl explain another-history"
        ]
    );
    // It follows `a` by a known name, and the move would set another address.
    topology.nodes[1].resolved = vec!["db.example.org".to_owned()];
    upstream(&mut topology, 2).address.host = "db.example.org".to_owned();
    assert!(reasons(run("b", "a", &topology))[0].contains("no history in common"));
    let plan = discarding("b", "a", &topology).unwrap();
    assert!(actions(&plan).contains(&"b: replicate from a (10.0.0.1:6380)".to_owned()));
    // With the history of `a` that name is as good as the address.
    server(&mut topology, 2).replication.replid = "a".repeat(40);
    assert!(run("b", "a", &topology).unwrap().is_empty());
}

//! The primary is lost: who takes over, what is done to the old one, and what is refused.

use super::*;

fn dead_primary() -> Topology {
    let mut topology = seed();
    topology.nodes[0] = down("master", 0);
    for i in 1..3 {
        let up = upstream(&mut topology, i);
        up.link = Link::Down;
        up.last_io_seconds = None;
    }
    topology
}

fn with_ssh(name: &str, topology: &Topology, accept: &[Accept]) -> Result<Plan, Vec<Refusal>> {
    plan(
        &promote(name, accept),
        topology,
        &BTreeMap::from([("master".into(), Access::Yes)]),
    )
}

#[test]
fn a_dead_primary_is_stopped_and_fenced_where_its_host_answers() {
    let plan = with_ssh("slave1", &dead_primary(), &[]).unwrap();
    assert_eq!(
        actions(&plan),
        [
            "master: stop the server over SSH",
            "slave1: wait until nothing more arrives from the old primary",
            "slave2: wait until nothing more arrives from the old primary",
            "slave1: see that it has no less data than slave2",
            "slave1: see that nobody else has changed a role",
            "slave1: make it primary",
            "slave2: replicate from slave1 (10.0.0.1:6380)",
            "master: write `replicaof 10.0.0.1:6380` into its file, so that it returns as a replica",
            "master: note that it was replaced, until it follows 10.0.0.1:6380",
            "slave1: write its role into its configuration file and read it back",
            "slave2: write its role into its configuration file and read it back",
            "slave2: wait until in sync with slave1",
        ]
    );
    assert_eq!(
        plan.may_lose.as_deref(),
        Some("writes the old primary acknowledged and no replica received")
    );
}

#[test]
fn an_old_primary_that_cannot_be_stopped_needs_a_word() {
    let text = reasons(run("slave1", &dead_primary(), &[]));
    assert!(
        text.contains("`master` cannot be stopped")
            && text.contains("replctl promote slave1 --accept-split-brain"),
        "{text}"
    );
    let plan = run("slave1", &dead_primary(), &[Accept::SplitBrain]).unwrap();
    assert!(
        actions(&plan)
            .iter()
            .any(|a| a.starts_with("master: note that it was replaced"))
    );
    assert!(
        plan.warnings
            .iter()
            .any(|w| w.text().contains("cannot be stopped"))
    );
}

#[test]
fn a_worse_candidate_needs_a_word_and_the_loss_is_named() {
    let mut topology = dead_primary();
    server(&mut topology, 2).replication.offset = 4_000;
    let text = reasons(with_ssh("slave1", &topology, &[]));
    assert_eq!(
        text,
        "`slave1` is 3.8 KiB behind `slave2` | replctl promote slave2, or accept the loss: replctl promote slave1 --allow-data-loss"
    );
    let plan = with_ssh("slave1", &topology, &[Accept::DataLoss]).unwrap();
    assert!(plan.may_lose.unwrap().starts_with("the 3.8 KiB"));
}

#[test]
fn a_primary_that_lives_is_not_failed_over() {
    // It answers. Only our password is wrong.
    let mut topology = dead_primary();
    if let State::Down(trouble) = &mut topology.nodes[0].state {
        trouble.kind = TroubleKind::PasswordRefused;
    }
    assert!(reasons(run("slave1", &topology, &[Accept::SplitBrain])).contains("is alive"));
    // The replicas still hear it.
    let mut topology = dead_primary();
    upstream(&mut topology, 2).link = Link::Up;
    upstream(&mut topology, 2).last_io_seconds = Some(1);
    assert!(reasons(run("slave1", &topology, &[])).contains("`slave2` heard from it a moment ago"));
    // A frozen primary shows as up. Only the time since the last byte grows.
    upstream(&mut topology, 2).last_io_seconds = Some(30);
    assert!(!reasons(run("slave1", &topology, &[])).contains("heard from it"));
}

#[test]
fn an_empty_replica_does_not_come_to_power() {
    let mut topology = dead_primary();
    server(&mut topology, 1).replication.offset = 0;
    upstream(&mut topology, 1).offset = 0;
    server(&mut topology, 1).keys.clear();
    assert!(
        reasons(with_ssh("slave1", &topology, &[Accept::DataLoss])).contains("never had the data")
    );
    // A former primary that came back has keys: the operator decides.
    server(&mut topology, 1).keys.insert(0, 7);
    assert!(reasons(with_ssh("slave1", &topology, &[])).contains("never had the data"));
    let plan = with_ssh("slave1", &topology, &[Accept::DataLoss]).unwrap();
    assert!(
        plan.warnings
            .iter()
            .any(|w| w.text().contains("replace all of theirs")),
        "{plan:?}"
    );
}

#[test]
fn a_candidate_that_cannot_be_compared_needs_a_word() {
    // `slave2` was started anew. It has its keys from its disk, and a new history.
    let mut topology = dead_primary();
    server(&mut topology, 1).keys.insert(0, 100);
    server(&mut topology, 2).keys.insert(0, 100);
    server(&mut topology, 2).replication.replid = "anew".into();
    let plan = with_ssh("slave1", &topology, &[]).unwrap();
    let told = |plan: &Plan| {
        plan.warnings
            .iter()
            .any(|w| w.text().contains("cannot be known"))
    };
    assert!(told(&plan), "{plan:?}");
    // replctl does not compare offsets with it: the histories differ.
    let asked = |plan: &Plan| {
        let mut steps = plan.stages.iter().flat_map(|s| &s.steps);
        steps.any(|s| {
            matches!(
                s.action,
                Action::Server(ServerAction::CheckMostAdvanced { .. })
            )
        })
    };
    assert!(!asked(&plan), "{plan:?}");
    // It holds more.
    server(&mut topology, 2).keys.insert(0, 101);
    let text = reasons(with_ssh("slave1", &topology, &[]));
    assert!(
        text.starts_with("it cannot be known what `slave2` has and `slave1` lacks (")
            && text.ends_with("its 101 keys would be replaced | compare them: replctl repair --dry-run; or accept it: replctl promote slave1 --allow-data-loss"),
        "{text}"
    );
    assert!(told(
        &with_ssh("slave1", &topology, &[Accept::DataLoss]).unwrap()
    ));
    // The history that most share is another one: of three, the odd one is asked for.
    let mut third = topology.nodes[1].clone();
    third.name = "slave3".into();
    third.address = address(3);
    third.announced = address(3);
    topology.nodes.push(third);
    let text = reasons(with_ssh("slave2", &topology, &[]));
    assert!(
        text.contains(
            "replctl promote slave1, or accept it: replctl promote slave2 --allow-data-loss"
        ),
        "{text}"
    );
    // A node without keys loses none.
    let mut topology = dead_primary();
    server(&mut topology, 2).replication.replid = "anew".into();
    server(&mut topology, 2).keys.clear();
    assert!(!told(&with_ssh("slave1", &topology, &[]).unwrap()));
}

#[test]
fn a_circle_of_replicas_is_opened_at_the_node_with_most_data() {
    let topology = Topology {
        nodes: vec![
            node("master", 0, Some(address(1))),
            node("slave1", 1, Some(address(0))),
        ]
        .into(),
    };
    let plan = run("slave1", &topology, &[]).unwrap();
    assert_eq!(
        actions(&plan),
        [
            "slave1: wait until nothing more arrives from the old primary",
            "master: wait until nothing more arrives from the old primary",
            "slave1: see that it has no less data than master",
            "slave1: see that nobody else has changed a role",
            "slave1: make it primary",
            "slave1: write its role into its configuration file and read it back",
            "master: write its role into its configuration file and read it back",
            "master: wait until in sync with slave1",
        ]
    );
    assert_eq!(plan.may_lose, None, "nobody took a write");
    let mut topology = topology;
    server(&mut topology, 0).replication.offset = 9_000;
    assert!(reasons(run("slave1", &topology, &[])).contains("replctl promote master"));
    // A silent node may be the primary.
    topology.nodes.push(down("slave2", 2));
    assert!(reasons(run("master", &topology, &[])).contains("`slave2` cannot be stopped"));
}

//! What is proposed, what each choice costs, and what is planned.

use super::compare::compare;
use super::{Own, Owns, Plan, plan};
use crate::engine::{Refusal, Repair};
use crate::topology::sample::{down, node, seed};
use crate::topology::situation::situation;
use crate::topology::{Link, NodeName, Role, Server, State, Topology};

fn up(topology: &mut Topology, i: usize) -> &mut Server {
    match &mut topology.nodes[i].state {
        State::Up(server) => server,
        State::Down(_) => panic!("it is down"),
    }
}

/// slave1 took over from master, which came back; slave2 still follows master.
fn parted() -> Topology {
    let mut topology = seed();
    topology.nodes[1] = node("slave1", 1, None);
    let new = up(&mut topology, 1);
    new.replication.replid2 = Some(std::mem::replace(
        &mut new.replication.replid,
        "b".repeat(40),
    ));
    new.replication.second_offset = Some(90);
    for i in 0..3 {
        up(&mut topology, i).keys.insert(0, 50);
    }
    topology
}

/// master came back with nothing.
fn emptied() -> Topology {
    let mut topology = seed();
    up(&mut topology, 0).replication.replid = "f".repeat(40);
    for i in 1..3 {
        let server = up(&mut topology, i);
        server.keys.insert(0, 50);
        if let Role::Replica(link) = &mut server.replication.role {
            link.link = Link::Down;
        }
    }
    topology
}

fn owns(pairs: &[(&str, &str, Own)]) -> Owns {
    let pair = |(a, b, own): &(&str, &str, Own)| (((*a).into(), (*b).into()), own.clone());
    pairs.iter().map(pair).collect()
}

fn run(keep: &str, owns: &Owns, topology: &Topology) -> Result<Plan, Vec<Refusal>> {
    let operation = Repair {
        keep: keep.into(),
        backup: "/b/now".to_owned(),
        discard_data: Vec::new(),
    };
    plan(&operation, owns, topology)
}

fn lines(plan: &Plan) -> Vec<String> {
    plan.steps()
        .map(|s| format!("{}: {}", s.node, s.action))
        .collect()
}

fn some() -> Own {
    Own::Commands {
        bytes: 11,
        commands: 3,
        safe: 2,
        keys: 2,
    }
}

#[test]
fn of_two_primaries_the_later_is_kept_and_the_other_backed_up_first() {
    let topology = parted();
    let owns = owns(&[("master", "slave1", some()), ("slave1", "master", some())]);
    let told = compare(&situation(&topology), None, &owns, None, &topology);
    assert_eq!(told.situation, "several-primaries");
    assert_eq!(told.proposed, Some("slave1".into()));
    assert_eq!(told.because.unwrap(), "it took over from `master`");
    assert_eq!(
        told.nodes[1].costs.clone().unwrap(),
        [
            "3 commands that only `master` has (11 B) are backed up, and 2 of them can be replayed afterwards"
        ]
    );
    let plan = run("slave1", &owns, &topology).unwrap();
    let lines = lines(&plan);
    let at = |what: &str| {
        lines
            .iter()
            .position(|l| l == what)
            .unwrap_or_else(|| panic!("{what}: {lines:?}"))
    };
    let backed_up = at("master: back up all it has into /b/now-master");
    let gave_up = lines
        .iter()
        .position(|l| l.starts_with("master: replicate from slave1 (10.0.0.1:6380), unless"))
        .unwrap();
    let along = at("slave2: replicate from slave1 (10.0.0.1:6380)");
    assert!(backed_up < gave_up && gave_up < along);
    assert_eq!(
        plan.may_lose.unwrap(),
        "3 commands that only `master` has (backed up first)"
    );
    // The other way round, if the operator says so.
    let plan = run("master", &owns, &topology).unwrap();
    assert!(plan.steps().all(|s| s.node.0 != "slave2"));
    assert!(
        run("slave2", &owns, &topology).unwrap_err()[0]
            .hint
            .contains("master, slave1")
    );
}

#[test]
fn three_primaries_are_one_plan() {
    let mut topology = parted();
    topology.nodes[2] = node("slave2", 2, None);
    let plan = run("slave1", &Owns::new(), &topology).unwrap();
    let of = |name: &str| {
        plan.steps()
            .filter(|s| s.node == NodeName::from(name))
            .count()
    };
    assert!(of("master") > 4 && of("slave2") > 4);
    assert!(plan.may_lose.unwrap().contains("`slave2`"));
}

#[test]
fn from_an_emptied_primary_the_fullest_is_taken_away_first_of_all() {
    let topology = emptied();
    let owns = owns(&[("master", "slave1", Own::Empty)]);
    let told = compare(&situation(&topology), None, &owns, None, &topology);
    assert_eq!(told.proposed, Some("slave1".into()));
    assert_eq!(
        told.nodes[1].costs.clone().unwrap(),
        ["`master` holds no key"]
    );
    let plan = run("slave1", &owns, &topology).unwrap();
    let lines = lines(&plan);
    assert_eq!(lines[0], "slave1: see that nobody else has changed a role");
    assert_eq!(lines[1], "slave1: make it primary");
    assert_eq!(lines[2], "slave2: replicate from slave1 (10.0.0.1:6380)");
    assert!(
        lines.contains(
            &"master: replicate from slave1 (10.0.0.1:6380), unless it has a key by then"
                .to_owned()
        ),
        "{lines:?}"
    );
    assert!(!lines.iter().any(|l| l.contains("back up")));
    assert_eq!(plan.may_lose, None);
    // It took some writes since. They are backed up.
    let mut topology = emptied();
    up(&mut topology, 0).keys.insert(0, 3);
    let plan = run("slave1", &Owns::new(), &topology).unwrap();
    assert!(
        plan.steps()
            .any(|s| s.action.to_string().contains("/b/now-master"))
    );
    up(&mut topology, 0).sentinels = Some(3);
    assert!(
        run("slave1", &owns, &topology).unwrap_err()[0]
            .why
            .contains("3 Sentinels watch")
    );
}

#[test]
fn without_a_primary_they_are_compared_by_what_they_have() {
    let mut topology = seed();
    topology.nodes[0] = down("master", 0);
    if let Role::Replica(link) = &mut up(&mut topology, 2).replication.role {
        link.offset = 300;
    }
    let told = compare(&situation(&topology), None, &Owns::new(), None, &topology);
    assert_eq!(told.situation, "no-primary");
    assert_eq!(told.proposed, Some("slave2".into()));
    assert_eq!(
        told.nodes[0].costs.clone().unwrap(),
        ["200 B that `slave2` has more are lost"]
    );
    assert_eq!(told.nodes[1].costs, Some(Vec::new()));
}

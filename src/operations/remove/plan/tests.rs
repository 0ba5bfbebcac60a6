//! What is planned for a node that leaves, and what stands against it.

use super::*;
use crate::plan::facts::Ownership;
use crate::topology::sample::{address, down, node, seed};
use crate::topology::{NodeName, PersistedRole, ReplicaLine, State};

const TEXT: &str = "[deployment]\nname = \"orders\"\nauth = \"none\"\n\
    [[node]]\nname = \"master\"\naddress = \"10.0.0.1\"\n[[node]]\nname = \"slave1\"\naddress = \"10.0.0.1:6380\"\nreplicaof = \"master\"\n\
    [[node]]\nname = \"slave2\"\naddress = \"10.0.0.1:6381\"\nreplicaof = \"master\"\n";

fn host() -> HostFacts {
    HostFacts {
        root: true,
        systemd: true,
        listener: Listener::Ours,
        unit: Some("[Unit]".to_owned()),
        directories: [("/db/redis/6381".to_owned(), Ownership::default())].into(),
        used_bytes: Some(5 << 20),
        current: Some("redis-7.0.15-ab".to_owned()),
        ..HostFacts::default()
    }
}

struct PlanInput {
    text: String,
    topology: Topology,
    alone: Vec<NodeName>,
    notes: Notes,
    host: Result<HostFacts, Unseen>,
}

impl Default for PlanInput {
    fn default() -> Self {
        Self {
            text: TEXT.to_owned(),
            topology: seed(),
            alone: Vec::new(),
            notes: Notes::default(),
            host: Ok(host()),
        }
    }
}

fn gone() -> Result<HostFacts, Unseen> {
    Err(Unseen::from("no route to host".to_owned()))
}

fn run(line: &str, seen: &PlanInput) -> Result<Plan, Vec<Refusal>> {
    let op = Remove {
        node: line.split(' ').next().unwrap().into(),
        purge: line.contains("--purge"),
        leave_running: line.contains("--leave-running"),
    };
    let inventory = parse(Path::new("/ops/i.toml"), &seen.text).unwrap();
    let around = RemoveInput {
        inventory: &inventory,
        text: &seen.text,
        seen: &Observed::new(seen.topology.clone(), &seen.alone),
        notes: seen.notes.clone(),
        host: Some(&seen.host).filter(|_| !op.leave_running),
        watch: None,
    };
    plan(&op, &around)
}

fn actions(plan: &Plan) -> Vec<String> {
    plan.steps()
        .map(|s| format!("{}: {}", s.node, s.action))
        .collect()
}

#[track_caller]
fn refused(line: &str, seen: &PlanInput) -> String {
    let refused = run(line, seen).unwrap_err();
    let all: Vec<String> = refused
        .into_iter()
        .map(|r| format!("{} > {}", r.why, r.hint))
        .collect();
    all.join("\n")
}

fn listed(topology: &mut Topology, ages: &[(usize, u64)]) {
    if let State::Up(server) = &mut topology.nodes[0].state {
        server.replication.replicas = ages
            .iter()
            .map(|(i, age)| ReplicaLine {
                address: address(*i),
                state: "online".to_owned(),
                offset: Some(100),
                ack_age_seconds: Some(*age),
            })
            .collect();
    }
}

#[test]
fn it_is_stopped_first_and_taken_out_of_the_inventory_last() {
    let plan = run("slave2", &PlanInput::default()).unwrap();
    assert_eq!(
        actions(&plan),
        [
            "slave2: stop the server on port 6381",
            "slave2: remove the unit replctl-6381.service",
            "master: see that it lists slave2 as a replica no more",
            "slave2: take lines 11 to 14 out of /ops/i.toml",
        ]
    );
    assert!(plan.goes_back_whole() && plan.warnings.is_empty() && plan.may_lose.is_none());
    let plan = run("slave2 --purge", &PlanInput::default()).unwrap();
    let all = actions(&plan);
    assert_eq!(
        all[3],
        "slave2: remove /db/redis/6381 and all that is in it (5.0 MiB)"
    );
    assert!(all.last().unwrap().contains("out of /ops/i.toml") && !plan.goes_back_whole());
    assert_eq!(
        all.len(),
        5,
        "the others on that host need the program: {all:?}"
    );
    let apart = PlanInput {
        text: format!("{TEXT}ssh = \"cellar\"\n"),
        ..PlanInput::default()
    };
    let all = actions(&run("slave2 --purge", &apart).unwrap());
    assert_eq!(
        all[4..7],
        [
            "slave2: remove the link /db/redis/server/current-6381",
            "slave2: remove /db/redis/server/redis-7.0.15-ab where no other node needs it",
            "slave2: remove /db/redis/server, /db/redis where empty"
        ]
    );
    let noted = PlanInput {
        notes: Notes {
            pending: Some(address(0)),
            alone: Some(address(0)),
        },
        ..PlanInput::default()
    };
    let all = actions(&run("slave2", &noted).unwrap());
    assert_eq!(
        all[3..5],
        [
            "slave2: forget that it was replaced",
            "slave2: forget that it stands alone"
        ]
    );
    let plan = run("slave2 --leave-running", &PlanInput::default()).unwrap();
    assert_eq!(actions(&plan).len(), 1);
    assert!(
        plan.warnings[0]
            .text()
            .contains("`master` goes on listing it"),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn a_first_primary_that_was_replaced_leaves_its_place_to_the_present_one() {
    let mut topology = seed();
    topology.nodes[0] = down("master", 0);
    topology.nodes[0].persisted = Some(PersistedRole::Primary);
    topology.nodes[1] = node("slave1", 1, None);
    topology.nodes[2] = node("slave2", 2, Some(address(1)));
    let seen = PlanInput {
        topology,
        ..PlanInput::default()
    };
    let plan = run("master --purge", &seen).unwrap();
    let edit = plan.steps().find_map(|s| {
        let Action::Local(LocalAction::EditInventory(edit)) = &s.action else {
            return None;
        };
        Some(edit.clone())
    });
    let after = edit.unwrap().apply(TEXT).unwrap();
    let nodes = parse(Path::new("i"), &after).unwrap().nodes;
    assert_eq!(
        (nodes[0].replicaof.as_ref(), nodes[1].replicaof.as_ref()),
        (None, Some(&"slave1".into()))
    );
    assert_eq!(
        plan.may_lose.unwrap(),
        "writes that only `master` has on its disk, from before it was replaced"
    );
}

#[test]
fn the_primary_and_what_others_need_stays() {
    assert!(
        refused("master", &PlanInput::default())
            .contains("is the primary > make another the primary first")
    );
    let mut seen = PlanInput::default();
    seen.topology.nodes[2] = node("slave2", 2, Some(address(1)));
    assert_eq!(
        refused("slave1", &seen),
        "`slave2` has its data from `slave1` > replctl move slave2 --under master"
    );
    assert!(refused("slave1 --leave-running", &seen).contains("has its data from"));
    seen.topology.nodes[0] = down("master", 0);
    assert!(refused("slave2", &seen).contains("no primary answers"));
    assert_eq!(run("slave2", &seen).unwrap_err()[0].ground, Ground::Role);
    seen.topology = seed();
    seen.topology.nodes[2] = node("slave2", 2, None);
    assert!(refused("slave2", &seen).contains("replctl rejoin slave2"));
    assert!(refused("slave1", &seen).contains("`master` and `slave2` run as primaries"));
    // A detached node is no primary of the deployment, and its data is its own.
    seen.alone = vec!["slave2".into()];
    assert!(run("slave2", &seen).unwrap().may_lose.is_none());
    assert!(
        run("slave2 --purge", &seen)
            .unwrap()
            .may_lose
            .unwrap()
            .contains("was detached")
    );
    assert!(refused("nobody", &seen).contains("its nodes are master, slave1, slave2"));
}

#[test]
fn a_dead_host_is_left_behind_and_one_that_only_cannot_be_reached_is_not() {
    let mut seen = PlanInput {
        host: gone(),
        ..PlanInput::default()
    };
    assert!(refused("slave2", &seen).contains("answers, and cannot be stopped"));
    seen.topology.nodes[2] = down("slave2", 2);
    listed(&mut seen.topology, &[(1, 0), (2, 1)]);
    assert!(refused("slave2", &seen).contains("`master` heard from `slave2` 1 s ago"));
    listed(&mut seen.topology, &[(1, 0), (2, 40)]);
    let plan = run("slave2 --purge", &seen).unwrap();
    assert_eq!(actions(&plan).len(), 2);
    assert!(
        plan.warnings[0]
            .text()
            .contains("(no route to host): what starts its server there and its files stay"),
        "{:?}",
        plan.warnings
    );
    assert!(plan.steps().any(|s| matches!(
        s.action,
        Action::Server(ServerAction::AwaitUnlisted { optional: true, .. })
    )));
}

#[test]
fn writes_are_not_stopped_for_want_of_replicas() {
    let mut seen = PlanInput::default();
    listed(&mut seen.topology, &[(1, 0), (2, 0)]);
    if let State::Up(server) = &mut seen.topology.nodes[0].state {
        server.config = [
            ("min-replicas-to-write", "2"),
            ("min-replicas-max-lag", "10"),
        ]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
    }
    assert!(refused("slave2", &seen).contains("takes writes only with 2 replicas"));
    assert!(run("slave2 --leave-running", &seen).is_ok());
    // A replica that does not count already makes nothing worse.
    listed(&mut seen.topology, &[(1, 0), (2, 90)]);
    assert!(run("slave2", &seen).is_ok());
    seen.topology.nodes[1] = down("slave1", 1);
    seen.topology.nodes[1].persisted = Some(PersistedRole::ReplicaOf(address(2)));
    listed(&mut seen.topology, &[]);
    let warnings = run("slave2", &seen).unwrap().warnings;
    assert!(
        warnings[0]
            .text()
            .contains("is the last replica that answers"),
        "{warnings:?}"
    );
    assert!(
        warnings[1]
            .text()
            .contains("replctl move slave1 --under master"),
        "{warnings:?}"
    );
}

#[test]
fn what_replctl_has_not_set_up_or_cannot_edit_is_said() {
    let mut seen = PlanInput::default();
    let foreign = Listener::Foreign("`redis-server *:6381`".to_owned());
    seen.host = Ok(HostFacts {
        listener: foreign,
        ..host()
    });
    assert!(refused("slave2", &seen).contains("was not set up by replctl"));
    assert!(run("slave2 --leave-running", &seen).is_ok());
    seen.host = Ok(HostFacts {
        listener: Listener::Nobody,
        ..host()
    });
    assert!(refused("slave2", &seen).contains("is two machines"));
    seen = PlanInput {
        text: format!("{TEXT}[sentinel]\nnodes = [\"slave2\"]\n"),
        ..PlanInput::default()
    };
    assert!(refused("slave2", &seen).contains("write \"10.0.0.1:26379\" in its place"));
    seen.text = TEXT.replace(
        "[[node]]\nname = \"slave2\"",
        "[[node]]\nconfig.tls-key-file-pass = \"s3cret\"\nname = \"slave2\"",
    );
    let why = refused("slave2", &seen);
    assert!(why.contains("a secret") && !why.contains("s3cret"), "{why}");
}

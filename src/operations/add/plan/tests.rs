//! What is planned for a new node, and what stands against it.

use super::*;
use crate::inventory::edit::{self, NewNode};
use crate::inventory::parse::parse;
use crate::plan::facts::StoredData;
use crate::topology::sample::{down, node, version};
use crate::topology::{Address, Node, Product, State};
use std::path::Path;

const TEXT: &str = "[deployment]\nname = \"orders\"\nauth = \"none\"\n[server]\nhostnames = false\n\
    [[node]]\nname = \"master\"\naddress = \"10.0.0.1\"\n[[node]]\nname = \"slave1\"\naddress = \"10.0.0.1:6380\"\nreplicaof = \"master\"\n";

fn op(replicaof: Option<&str>) -> Add {
    Add {
        node: "new".into(),
        address: Address::new("10.0.0.1", 6381),
        replicaof: replicaof.map(NodeName::from),
        announce: None,
        priority: None,
        ssh: None,
        discard_data: false,
    }
}

fn host() -> HostFacts {
    HostFacts {
        arch: "x86_64".into(),
        login: "root".into(),
        root: true,
        systemd: true,
        writable: true,
        free_bytes: Some(1 << 34),
        ..HostFacts::default()
    }
}

/// master and slave1 run, slave1 is the primary if `changed`; the new node is as given.
fn topology(new: Node, changed: bool) -> Topology {
    let at = crate::topology::sample::address;
    let (a, b) = if changed {
        (Some(at(1)), None)
    } else {
        (None, Some(at(0)))
    };
    Topology {
        nodes: vec![node("master", 0, a), node("slave1", 1, b), new].into(),
    }
}

fn run(
    op: &Add,
    text: &str,
    topology: &Topology,
    host: Result<HostFacts, Unseen>,
) -> Result<Plan, Vec<Refusal>> {
    let new = NewNode {
        name: op.node.clone(),
        address: op.address.clone(),
        replicaof: op.replicaof.clone().unwrap_or_else(|| "master".into()),
        announce: None,
        priority: None,
        ssh: None,
    };
    let edit = edit::add("/ops/i.toml", text, &new).unwrap();
    let inventory = parse(Path::new("/ops/i.toml"), &edit.apply(text).unwrap()).unwrap();
    let payload = PayloadInfo {
        arch: "x86_64".into(),
        product: Product::Redis,
        version: version(7, 0, 15),
        sha256: "ab".repeat(32),
        bytes: 3_000_000,
    };
    let around = AddInput {
        inventory: &inventory,
        topology,
        hosts: &[(op.node.clone(), host)].into(),
        payload: &[payload],
        set_up: crate::operations::setup::plan::of_one,
    };
    plan(op, &edit, &around)
}

fn actions(plan: &Plan) -> Vec<String> {
    plan.steps()
        .map(|s| format!("{}: {}", s.node, s.action))
        .collect()
}

#[test]
fn it_is_written_down_set_up_and_proved_in_one() {
    let plan = run(
        &op(None),
        TEXT,
        &topology(down("new", 2), false),
        Ok(host()),
    )
    .unwrap();
    let [stage] = &plan.stages[..] else {
        panic!("{plan:#?}")
    };
    assert_eq!(stage.mode, Mode::Atomic);
    assert!(plan.goes_back_whole());
    let all = actions(&plan);
    assert!(
        all[0].starts_with("new: write it into /ops/i.toml after line 12: [[node]], name"),
        "{all:?}"
    );
    assert_eq!(
        all[all.len() - 2..],
        [
            "new: wait until in sync with master",
            "master: write a key here, read it on new, and see writes refused there"
        ]
    );
    // Its own directory is removed with what its server has left in it. The others are removed only
    // if they are empty.
    let undone: Vec<String> = plan
        .steps()
        .filter_map(|s| match &s.undo {
            Undo::By(action) => Some(action.to_string()),
            Undo::Nothing | Undo::Impossible => None,
        })
        .collect();
    assert!(
        undone.contains(&"remove /db/redis/6381 and all that is in it".to_owned()),
        "{undone:?}"
    );
    assert!(
        undone.contains(&"remove /db/redis/server, /db/redis, /db where empty".to_owned()),
        "{undone:?}"
    );
}

#[test]
fn it_follows_the_primary_there_is_or_whom_it_was_told_to() {
    let under = |replicaof, changed| {
        let plan = run(
            &op(replicaof),
            TEXT,
            &topology(down("new", 2), changed),
            Ok(host()),
        );
        plan.map(|p| {
            let waits = |s: &Step| {
                let Action::Server(ServerAction::AwaitInSync { with, .. }) = &s.action else {
                    return None;
                };
                Some(with.0.clone())
            };
            p.steps().find_map(waits).unwrap()
        })
    };
    assert_eq!(under(None, false).unwrap(), "master");
    assert_eq!(under(None, true).unwrap(), "slave1");
    assert_eq!(under(Some("slave1"), false).unwrap(), "slave1");
    assert_eq!(under(Some("master"), true).unwrap(), "master");
    let mut lost = topology(down("new", 2), false);
    lost.nodes[1] = down("slave1", 1);
    let refused = run(&op(Some("slave1")), TEXT, &lost, Ok(host())).unwrap_err();
    assert!(
        refused[0].why.contains("does not lead to the primary"),
        "{refused:?}"
    );
    // Sentinel would put it elsewhere.
    let mut watched = topology(down("new", 2), false);
    if let State::Up(server) = &mut watched.nodes[0].state {
        server.sentinels = Some(3);
    }
    let refused = run(&op(Some("slave1")), TEXT, &watched, Ok(host())).unwrap_err();
    assert!(refused[0].why.starts_with("3 Sentinels watch"));
    assert!(run(&op(None), TEXT, &watched, Ok(host())).is_ok());
}

#[test]
fn one_that_replicates_already_is_only_written_down() {
    let at = crate::topology::sample::address;
    let runs = topology(node("new", 2, Some(at(0))), false);
    let foreign = HostFacts {
        listener: Listener::Foreign("redis-server".into()),
        ..host()
    };
    for host in [Ok(foreign), Err(Unseen::from("no route".to_owned()))] {
        let plan = run(&op(None), TEXT, &runs, host.clone()).unwrap();
        assert_eq!(actions(&plan).len(), 3);
        assert!(
            plan.warnings[0]
                .text()
                .contains("only taken into the inventory")
        );
        let refused = run(&op(Some("slave1")), TEXT, &runs, host).unwrap_err();
        assert_eq!(
            refused[0].hint,
            "leave out --replicaof, and then: replctl move new --under slave1"
        );
    }
    // Users of access lists, which nobody here makes.
    let users = TEXT.replace("auth = \"none\"", "password.env = \"X\"\nuser = \"ops\"");
    assert!(run(&op(None), &users, &runs, Err(Unseen::from(String::new()))).is_ok());
    let refused = run(
        &op(None),
        &users,
        &topology(down("new", 2), false),
        Ok(host()),
    )
    .unwrap_err();
    assert!(refused[0].why.contains("access lists"));
}

#[test]
fn what_stands_against_it() {
    let first = |topology: &Topology, host| {
        let refused = run(&op(None), TEXT, topology, host).unwrap_err();
        format!("{}; {}", refused[0].why, refused[0].hint)
    };
    let bare = topology(down("new", 2), false);
    assert!(
        first(&bare, Err(Unseen::from("no route".to_owned())))
            .contains("cannot look at the host of `new`: no route")
    );
    let own = topology(node("new", 2, None), false);
    assert!(first(&own, Ok(host())).contains("as a primary of its own"));
    let mut same = bare.clone();
    same.nodes[2] = same.nodes[1].clone();
    same.nodes[2].name = "new".into();
    assert!(first(&same, Ok(host())).contains("answers the server of `slave1`"));
    let data = HostFacts {
        data: StoredData::Keys,
        ..host()
    };
    assert!(first(&bare, Ok(data)).contains(
        "if that data may go: replctl add new --address 10.0.0.1:6381 --discard-data new"
    ));
    let mut headless = bare.clone();
    headless.nodes[0] = down("master", 0);
    assert!(first(&headless, Ok(host())).contains("no primary runs"));
}

//! Single cases of `setup`: what is in the plan, what is refused, and in which words.

use super::begin::InitialNode;
use super::stage::{NAMES, Stage, config_file};
use crate::actions::Action;
use crate::actions::host::HostAction;
use crate::config::server::Stamp;
use crate::engine::{Plan, Setup};
use crate::inventory::ServerSource;
use crate::plan::facts::Listener;
use crate::topology::{Address, NodeName, State, Trouble, TroubleKind, sample};

const UP: [InitialNode; 3] = [
    InitialNode::FullPrimary,
    InitialNode::Replica { of: 0 },
    InitialNode::Replica { of: 0 },
];

fn op(nodes: &[&str]) -> Setup {
    Setup {
        nodes: nodes.iter().map(|n| NodeName::from(*n)).collect(),
        discard_data: Vec::new(),
    }
}

fn words(plan: &Plan, stage: &str) -> Vec<String> {
    let stage = plan.stages.iter().find(|s| s.title == stage);
    stage.map_or(Vec::new(), |s| {
        let steps = s.steps.iter();
        steps.map(|s| format!("{}: {}", s.node, s.action)).collect()
    })
}

fn refusals(world: &Stage) -> Vec<String> {
    let refusals = world.plan(&op(&[])).expect_err("it should be refused");
    refusals.into_iter().map(|r| r.why).collect()
}

fn facts(world: &mut Stage, i: usize) -> &mut crate::plan::facts::HostFacts {
    let host = world.hosts.get_mut(&NodeName::from(NAMES[i]));
    host.unwrap().as_mut().unwrap()
}

fn trouble(kind: TroubleKind, detail: &str) -> State {
    State::Down(Trouble {
        kind,
        detail: detail.into(),
    })
}

#[test]
fn bare_hosts_get_everything_in_order() {
    let plan = Stage::new([InitialNode::Bare; 3]).plan(&op(&[])).unwrap();
    let titles: Vec<&str> = plan.stages.iter().map(|s| s.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "set up the primary",
            "set up the replicas",
            "wait until in sync",
            "apply settings",
            "prove it"
        ]
    );
    let of_slave1: Vec<String> = words(&plan, "set up the replicas")
        .into_iter()
        .filter_map(|w| w.strip_prefix("slave1: ").map(str::to_owned))
        .collect();
    assert_eq!(
        of_slave1,
        [
            "make the user redis",
            "make /db/redis/server and /db/redis/6379/{conf,logs,pid} for redis",
            "upload redis-server 7.0.15 for x86_64 (3 MB) to /db/redis/server/redis-7.0.15-abababababab",
            "point /db/redis/server/current-6379 at redis-7.0.15-abababababab",
            "write /db/redis/6379/conf/redis.cnf",
            "write the unit replctl-6379.service and start it at boot",
            "write 3 lines into /etc/hosts",
            "set the host name slave1",
            "start the server on port 6379",
            "wait until it answers",
        ]
    );
    assert_eq!(
        words(&plan, "set up the primary").split_off(8),
        [
            "master: start the server on port 6379",
            "master: wait until it answers",
            "master: set repl-diskless-sync no"
        ]
    );
    assert_eq!(
        words(&plan, "apply settings"),
        ["master: set repl-diskless-sync yes"]
    );
    assert_eq!(
        words(&plan, "prove it"),
        ["master: write a key here, read it on slave1, slave2, and see writes refused there"]
    );
}

#[test]
fn every_step_on_a_host_can_be_put_back_or_needs_not() {
    let plan = Stage::new([InitialNode::Bare; 3]).plan(&op(&[])).unwrap();
    let impossible = plan
        .steps()
        .any(|s| s.undo == crate::engine::Undo::Impossible);
    assert!(!impossible);
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
}

#[test]
fn an_ordinary_user_gets_no_unit_no_user_no_names() {
    let mut world = Stage::new([InitialNode::Bare; 3]);
    world.inventory.server.hostnames = false;
    for i in 0..3 {
        let facts = facts(&mut world, i);
        (facts.root, facts.login, facts.owner_uid) = (false, "ops".into(), Some(1000));
    }
    let plan = world.plan(&op(&[])).unwrap();
    let all: Vec<String> = plan.steps().map(|s| s.action.to_string()).collect();
    let all = all.join("\n");
    assert!(
        !all.contains("unit") && !all.contains("make the user") && !all.contains("/etc"),
        "{all}"
    );
    let config = plan.steps().find_map(|s| match &s.action {
        Action::Host(HostAction::WriteConfig { text, owner, .. }) => Some((text, owner)),
        _ => None,
    });
    let (text, owner) = config.unwrap();
    assert!(text.contains("\ndaemonize yes\n") && owner == "ops");
    assert!(
        plan.warnings
            .iter()
            .any(|w| w.text().contains("`ops` is not root")),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn all_refusals_come_at_once() {
    let mut world = Stage::new([InitialNode::Bare; 3]);
    facts(&mut world, 0).arch = "riscv64".into();
    facts(&mut world, 0).free_bytes = Some(1 << 20);
    facts(&mut world, 1).listener = Listener::Foreign("`nginx` (pid 7)".into());
    facts(&mut world, 1).root = false;
    world
        .hosts
        .insert("slave2".into(), Err("connection refused".to_owned().into()));
    let config = &mut world.inventory.nodes[0].config;
    config.insert("slaveof".into(), vec!["a 1".into()]);
    let all = refusals(&world);
    for part in [
        "carries no server for riscv64",
        "has 1 MB free",
        "port 6379 of the host of `slave1` is taken by `nginx` (pid 7)",
        "may not set the host name of `slave1`",
        "cannot look at the host of `slave2`: connection refused",
        "sets `slaveof`",
    ] {
        assert!(all.iter().any(|r| r.contains(part)), "{part}: {all:?}");
    }
    assert_eq!(all.len(), 6, "{all:?}");
}

#[test]
fn a_server_is_built_only_where_there_is_something_to_build_it_with() {
    let mut world = Stage::new([InitialNode::Bare; 3]);
    world.inventory.server.source = ServerSource::Tarball {
        file: "redis-6.2.6.tar.gz".into(),
        sha256: "ab".repeat(32),
    };
    // What this tarball is not packed with may be missing.
    facts(&mut world, 0).no_build = vec!["bzip2".into(), "xz".into()];
    facts(&mut world, 1).no_build = vec!["cc".into(), "make".into()];
    let built = "source-abababababab".to_owned();
    facts(&mut world, 2).no_build = vec!["cc".into()];
    facts(&mut world, 2).servers.insert(built, "cd".repeat(32));
    assert_eq!(
        refusals(&world),
        ["the host of `slave1` has no cc, make to build a server with"]
    );
    facts(&mut world, 1).no_build.clear();
    let plan = world.plan(&op(&[])).unwrap();
    let built: Vec<&str> = plan
        .steps()
        .filter(|s| s.action.to_string().starts_with("build "))
        .map(|s| s.node.0.as_str())
        .collect();
    assert_eq!(built, ["master", "slave1"]);
}

#[test]
fn a_server_that_does_not_answer_or_answers_elsewhere_is_not_started_again() {
    let mut world = Stage::new(UP);
    world.topology.nodes[1].state = trouble(TroubleKind::PasswordRefused, "wrong password");
    facts(&mut world, 2).listener = Listener::Nobody;
    let all = refusals(&world);
    assert!(
        all[0].contains("`slave1` runs and gives no usable answer: wrong password"),
        "{all:?}"
    );
    assert!(all[1].contains("`slave2` is two machines"), "{all:?}");
}

#[test]
fn live_roles_win_over_the_inventory() {
    let world = Stage::new([
        InitialNode::Bare,
        InitialNode::FullPrimary,
        InitialNode::Replica { of: 1 },
    ]);
    let plan = world.plan(&op(&[])).unwrap();
    let text = plan.steps().find_map(|s| match &s.action {
        Action::Host(HostAction::WriteConfig { text, .. }) => Some(text.clone()),
        _ => None,
    });
    assert!(text.unwrap().ends_with("\nreplicaof 192.168.0.130 6379\n"));
    assert_eq!(
        words(&plan, "wait until in sync"),
        ["master: wait until in sync with slave1"]
    );
    assert!(words(&plan, "attach the replicas").is_empty());
}

#[test]
fn named_nodes_are_worked_on_alone() {
    let world = Stage::new([
        InitialNode::FullPrimary,
        InitialNode::Bare,
        InitialNode::Bare,
    ]);
    let plan = world.plan(&op(&["slave2"])).unwrap();
    assert!(
        plan.steps()
            .all(|s| s.node.0 == "slave2" || s.node.0 == "master")
    );
    assert_eq!(words(&plan, "set up the replicas").len(), 10);
    let nobody = Stage::new([InitialNode::Bare; 3]).plan(&op(&["slave2"]));
    assert!(
        nobody.unwrap_err()[0]
            .why
            .contains("the primary `master` does not run")
    );
    let typo = world.plan(&op(&["slave9"])).unwrap_err();
    assert!(typo[0].why.contains("no node `slave9`"));
}

#[test]
fn a_changed_setting_is_applied_to_the_running_server_once() {
    let mut world = Stage::new(UP);
    let config = &mut world.inventory.nodes[1].config;
    config.insert("maxmemory".into(), vec!["1gb".into()]);
    let plan = world.plan(&op(&[])).unwrap();
    assert_eq!(
        words(&plan, "apply settings"),
        [
            "slave1: set maxmemory 1gb",
            "slave1: write its role into its configuration file and read it back",
            "slave1: note in /db/redis/6379/conf/redis.cnf that its settings are applied",
        ]
    );
    world.carry_out(&plan, None, "maxmemory");
    assert!(world.plan(&op(&[])).unwrap().is_empty());
}

#[test]
fn what_needs_a_restart_is_told_and_not_done() {
    let mut world = Stage::new(UP);
    world.inventory.server.databases = 32;
    let plan = world.plan(&op(&[])).unwrap();
    assert!(plan.is_empty(), "{:?}", plan.stages);
    assert!(
        plan.warnings[0]
            .text()
            .contains("`master` takes `databases 32` only at a restart"),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn a_file_that_others_may_read_is_closed_again() {
    let mut world = Stage::new(UP);
    facts(&mut world, 0).config.as_mut().unwrap().ownership.mode = 0o644;
    let plan = world.plan(&op(&[])).unwrap();
    assert_eq!(
        words(&plan, "bring the hosts up to date"),
        ["master: make /db/redis/6379/conf/redis.cnf readable by redis alone"]
    );
    assert_eq!(plan.steps().count(), 1);
}

#[test]
fn a_file_of_others_is_left_alone_while_it_is_in_use() {
    let mut world = Stage::new(UP);
    let file = config_file("port 6379\n");
    assert_eq!(file.stamp, None::<Stamp>);
    facts(&mut world, 0).config = Some(file);
    let plan = world.plan(&op(&[])).unwrap();
    assert!(plan.is_empty());
    assert!(
        plan.warnings[0].text().contains("did not write"),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn a_replica_older_than_its_primary_is_refused() {
    let mut world = Stage::new([
        InitialNode::FullPrimary,
        InitialNode::Bare,
        InitialNode::Bare,
    ]);
    if let State::Up(server) = &mut world.topology.nodes[0].state {
        server.version = sample::version(7, 2, 4);
    }
    let all = refusals(&world);
    assert_eq!(all.len(), 2);
    assert!(
        all[0].contains(
            "`slave1` (Redis 7.0.15) cannot load a full copy from `master` (Redis 7.2.4)"
        ),
        "{all:?}"
    );
}

#[test]
fn the_diskless_setting_of_a_cut_run_is_put_back() {
    let mut world = Stage::new(UP);
    if let State::Up(server) = &mut world.topology.nodes[0].state {
        server
            .config
            .insert("repl-diskless-sync".into(), "no".into());
    }
    let plan = world.plan(&op(&[])).unwrap();
    assert_eq!(
        words(&plan, "apply settings"),
        ["master: set repl-diskless-sync yes"]
    );
    // With keys in it, a primary's first sync is the operator's business.
    let full = Stage::new([
        InitialNode::FullPrimary,
        InitialNode::Bare,
        InitialNode::Bare,
    ]);
    assert!(words(&full.plan(&op(&[])).unwrap(), "apply settings").is_empty());
}

#[test]
fn keys_go_only_where_they_are_named() {
    let mut world = Stage::new([
        InitialNode::FullPrimary,
        InitialNode::FullPrimary,
        InitialNode::Bare,
    ]);
    let why = &refusals(&world)[0];
    assert_eq!(
        why,
        "`master` and `slave1` all run as primaries, and setup does not choose between them"
    );
    let op = Setup {
        nodes: Vec::new(),
        discard_data: vec!["slave1".into()],
    };
    let plan = world.plan(&op).unwrap();
    assert_eq!(
        plan.may_lose.as_deref(),
        Some("the 10 keys of `slave1` will be replaced by the data of `master`")
    );
    world.carry_out(&plan, Some(1), "discard");
    world.is_one_tree("discard");
}

#[test]
fn an_announced_address_is_what_replicas_are_told() {
    let mut world = Stage::new([InitialNode::Bare; 3]);
    world.inventory.nodes[0].announce = Some(Address::new("db1.example", 7000));
    let plan = world.plan(&op(&[])).unwrap();
    let texts: Vec<&str> = plan
        .steps()
        .filter_map(|s| match &s.action {
            Action::Host(HostAction::WriteConfig { text, .. }) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert!(texts[0].contains("\nreplica-announce-ip db1.example\nreplica-announce-port 7000\n"));
    assert!(texts[1].ends_with("\nreplicaof db1.example 7000\n"));
}

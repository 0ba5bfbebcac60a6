use crate::engine::{Refusal, Setup};
use crate::operations::setup::plan::tests::begin::InitialNode;
use crate::operations::setup::plan::tests::stage::{Stage, config_file};
use crate::plan::facts::{ConfigFile, Holder, Listener};
use crate::topology::service::{Arguments, Service, Starter, Unit, Writable};
use crate::topology::{NodeName, State};

fn op(nodes: &[&str]) -> Setup {
    Setup {
        nodes: nodes.iter().map(|n| NodeName::from(*n)).collect(),
        discard_data: Vec::new(),
    }
}

fn refused(world: &Stage, nodes: &[&str]) -> Vec<Refusal> {
    world.plan(&op(nodes)).unwrap_err()
}

fn facts(world: &mut Stage, i: usize) -> &mut crate::plan::facts::HostFacts {
    let name = NodeName::from(crate::operations::setup::plan::tests::stage::NAMES[i]);
    world.hosts.get_mut(&name).unwrap().as_mut().unwrap()
}

/// The first node runs, and nothing of replctl's is on its host.
fn by_hand() -> Stage {
    let mut world = Stage::new([
        InitialNode::FullPrimary,
        InitialNode::Bare,
        InitialNode::Bare,
    ]);
    let of = facts(&mut world, 0);
    of.unit = None;
    of.unit_enabled = false;
    let own: ConfigFile = config_file("port 6379\n");
    of.config = Some(own);
    of.holder = Some(Holder {
        pid: 77,
        user: Some("redis".into()),
        program: Some("/usr/local/bin/redis-server".into()),
        parent: None,
    });
    started(&mut world, 0, Starter::Nothing);
    world
}

fn started(world: &mut Stage, i: usize, starter: Starter) {
    let node = &mut world.topology.nodes[i];
    let file = Some("/db/redis/6379/conf/redis.cnf".to_owned());
    if let State::Up(server) = &mut node.state {
        server.config_file.clone_from(&file);
    }
    node.service = Some(Box::new(Service {
        starter,
        process: None,
        file: file.clone(),
        written: file,
        arguments: Arguments::Shown(Vec::new()),
        settings: Err(String::new()),
        writable: Writable::Yes,
        managed: false,
    }));
}

fn unit(name: &str, enabled: bool) -> Starter {
    Starter::Unit(Box::new(Unit {
        name: name.into(),
        user: None,
        fragment: None,
        drop_ins: Vec::new(),
        exec_start: String::new(),
        enabled: Some(enabled),
        confined: Vec::new(),
    }))
}

#[test]
fn a_server_at_our_place_that_nobody_of_ours_made() {
    let world = by_hand();
    let all = refused(&world, &[]);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(
        all[0].why,
        "replctl did not make the server of `master`, and leaves it as it is: /usr/local/bin/redis-server (process 77, \
         user redis) runs on port 6379 with /db/redis/6379/conf/redis.cnf, started by hand as far as can be seen"
    );
    assert!(
        all[0]
            .hint
            .ends_with("to set up the others alone: replctl setup slave1 slave2"),
        "{}",
        all[0].hint
    );
    // Bare nodes that are named are set up under it.
    let plan = world.plan(&op(&["slave1"])).unwrap();
    assert!(plan.steps().all(|s| s.node.0 != "slave2"));
    assert!(
        plan.steps()
            .filter(|s| s.node.0 == "master")
            .all(|s| !matches!(s.action, crate::actions::Action::Host(_))),
        "{:?}",
        plan.stages
    );
}

#[test]
fn one_trace_of_ours_is_enough() {
    let ours = |change: fn(&mut crate::plan::facts::HostFacts)| {
        let mut world = by_hand();
        change(facts(&mut world, 0));
        world.plan(&op(&[])).is_ok()
    };
    assert!(!ours(|_| {}));
    assert!(ours(
        |f| f.unit = Some("# Written by replctl from the inventory\n".into())
    ));
    assert!(!ours(
        |f| f.unit = Some("[Unit]\n# Written by replctl \n".into())
    ));
    let stamp = format!("# replctl {0} {0}\n", "ab".repeat(16));
    let text: &'static str = Box::leak(stamp.into_boxed_str());
    let mut world = by_hand();
    facts(&mut world, 0).config = Some(config_file(text));
    assert!(world.plan(&op(&[])).is_ok());
    assert!(ours(|f| {
        f.rc_local = Some("# replctl 6379 begin\nx\n# replctl 6379 end\n".into());
    }));
    assert!(!ours(|f| {
        f.rc_local = Some("# replctl 6380 begin\nx\n# replctl 6380 end\n".into());
    }));
    // What the inventory says outweighs what is seen.
    let mut world = by_hand();
    world.inventory.nodes[0].service.managed = Some(true);
    assert!(world.plan(&op(&[])).is_ok());
    let mut world = Stage::new([
        InitialNode::FullPrimary,
        InitialNode::Bare,
        InitialNode::Bare,
    ]);
    world.inventory.nodes[0].service.managed = Some(false);
    assert!(refused(&world, &[])[0].why.contains("`managed = false`"));
}

#[test]
fn what_starts_it_is_named() {
    let mut world = by_hand();
    started(&mut world, 0, unit("redis-server.service", true));
    facts(&mut world, 0).listener = Listener::Foreign("`redis-server`".into());
    let why = &refused(&world, &[])[0].why;
    assert!(why.ends_with("started by redis-server.service"), "{why}");
    started(&mut world, 0, Starter::Nothing);
    let parent = Some(("supervisord".to_owned(), 9));
    facts(&mut world, 0).holder.as_mut().unwrap().parent = parent;
    let why = &refused(&world, &[])[0].why;
    assert!(
        why.ends_with("started by `supervisord` (process 9)"),
        "{why}"
    );
    started(
        &mut world,
        0,
        Starter::Container("it runs in a container".into()),
    );
    let why = &refused(&world, &[])[0].why;
    assert!(why.ends_with("it runs in a container"), "{why}");
}

#[test]
fn a_stopped_server_of_somebody_elses() {
    let mut world = Stage::new([InitialNode::Bare; 3]);
    started(&mut world, 1, unit("redis-server.service", true));
    let why = &refused(&world, &[])[0].why;
    assert!(
        why.contains("`slave1`") && why.contains("redis-server.service, which is stopped"),
        "{why}"
    );
    // setup itself has turned off the package's unit.
    started(&mut world, 1, unit("redis-server.service", false));
    assert!(world.plan(&op(&[])).is_ok());
    let mut world = Stage::new([InitialNode::Bare; 3]);
    facts(&mut world, 2).config = Some(config_file("port 6379\n"));
    let why = &refused(&world, &[])[0].why;
    assert!(
        why.contains("conf/redis.cnf was written by somebody else"),
        "{why}"
    );
}

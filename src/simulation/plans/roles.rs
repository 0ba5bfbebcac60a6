//! Planners that change roles: `promote`, the same through Sentinels, `move`, `detach`.

use super::Snapshot;
use crate::engine::{Accept, Detach, Move, Operation, Promote};
use crate::operations::{detach, moves, promote};
use crate::simulation::{access, sentinel};
use crate::topology::detached::Observed;
use crate::topology::sample::{address, down, node, seed, version};
use crate::topology::{NodeName, Server, State, Topology};

/// The server of a node that answers.
pub fn server(topology: &mut Topology, i: usize) -> &mut Server {
    match &mut topology.nodes[i].state {
        State::Up(server) => server,
        State::Down(_) => panic!("it is down"),
    }
}

/// slave2 follows slave1.
fn chain() -> Topology {
    let mut topology = seed();
    topology.nodes[2] = node("slave2", 2, Some(address(1)));
    topology
}

/// The primary does not answer; `ahead`: the bytes that slave2 has more than slave1.
fn headless(ahead: u64) -> Topology {
    let mut topology = seed();
    topology.nodes[0] = down("master", 0);
    for i in 1..3 {
        let server = server(&mut topology, i);
        server.keys.insert(0, 50);
        if let crate::topology::Role::Replica(up) = &mut server.replication.role {
            up.link = crate::topology::Link::Down;
            up.last_io_seconds = None;
        }
    }
    server(&mut topology, 2).replication.offset += ahead;
    topology
}

/// Two primaries: slave2 follows nobody.
fn apart() -> Topology {
    let mut topology = seed();
    topology.nodes[2] = node("slave2", 2, None);
    topology
}

/// Servers whose fence lets scripts write.
fn old(mut topology: Topology) -> Topology {
    for i in 0..topology.nodes.len() {
        server(&mut topology, i).version = version(6, 0, 20);
    }
    topology
}

fn wish(node: &str, accept: &[Accept]) -> Promote {
    Promote {
        node: node.into(),
        accept: accept.to_vec(),
    }
}

/// Promotions while the primary answers.
fn hand_overs() -> Vec<(&'static str, Topology, Promote)> {
    let straight = "servers before 6.2: the replica is brought straight under the primary first";
    vec![
        ("the primary hands over", seed(), wish("slave1", &[])),
        ("it is the primary already", seed(), wish("master", &[])),
        ("a replica of a replica", chain(), wish("slave2", &[])),
        ("one that another follows", chain(), wish("slave1", &[])),
        (straight, old(chain()), wish("slave2", &[])),
        ("there are two primaries", apart(), wish("slave1", &[])),
        ("there is no such node", seed(), wish("slave9", &[])),
    ]
}

/// Promotions without an answer of the primary; its host can be reached, or cannot.
fn failovers() -> Vec<(&'static str, bool, Topology, Promote)> {
    let both = [Accept::DataLoss, Accept::SplitBrain];
    let (can, cannot) = (true, false);
    let may_return = wish("slave1", &[Accept::SplitBrain]);
    let plain = || wish("slave1", &[]);
    let back = "the same, and the operator accepts that it may come back";
    vec![
        ("the primary is dead", can, headless(0), plain()),
        ("its host cannot be reached", cannot, headless(0), plain()),
        (back, cannot, headless(0), may_return),
        ("another replica has more", can, headless(20), plain()),
        (
            "the loss is accepted",
            can,
            headless(20),
            wish("slave1", &both),
        ),
        ("it does not answer", can, headless(0), wish("master", &[])),
    ]
}

#[test]
fn promote_plans() {
    let mut snapshot = Snapshot::of("promote", "What `replctl promote` plans.");
    for (title, topology, wish) in hand_overs() {
        let planned = promote::plan::plan(&wish, &topology, &access(&topology, true));
        snapshot.case(title, &topology, &[], &Operation::Promote(wish), planned);
    }
    for (title, reached, topology, wish) in failovers() {
        let planned = promote::plan::plan(&wish, &topology, &access(&topology, reached));
        let besides = if reached {
            "hosts of nodes that do not answer can be reached over SSH"
        } else {
            "hosts of nodes that do not answer cannot be reached over SSH"
        };
        snapshot.case(
            title,
            &topology,
            &[besides],
            &Operation::Promote(wish),
            planned,
        );
    }
    let seen = Observed::new(apart(), &["slave2".into()]);
    let (rest, wish) = (seen.deployment(), wish("slave1", &[]));
    let planned = promote::plan::plan(&wish, &rest, &access(&rest, true));
    let besides = ["slave2 was detached, and is no part of the deployment"];
    let title = "a detached node is left as it is";
    snapshot.case(title, &rest, &besides, &Operation::Promote(wish), planned);
    snapshot.hold();
}

#[test]
fn plans_of_promote_through_sentinels() {
    let what = "What `replctl promote` plans where Sentinels watch.";
    let mut snapshot = Snapshot::of("promote-sentinel", what);
    for (title, topology, node) in [
        ("the primary hands over", seed(), "slave1"),
        ("a replica of a replica", chain(), "slave2"),
        ("the primary is dead", headless(0), "slave1"),
        ("it is the primary already", seed(), "master"),
    ] {
        let watch = sentinel::watch(&topology, &address(0));
        let wish = wish(node, &[]);
        let planned = promote::plan::sentinel::plan(&wish, &topology, Some(&watch));
        let besides = ["three Sentinels watch, and agree"];
        snapshot.case(
            title,
            &topology,
            &besides,
            &Operation::Promote(wish),
            planned,
        );
    }
    let mut topology = seed();
    server(&mut topology, 0).sentinels = Some(3);
    let wish = wish("slave1", &[]);
    let planned = promote::plan::sentinel::plan(&wish, &topology, None);
    let besides = ["three Sentinels are connected to master, and none was found"];
    let title = "Sentinels that cannot be asked";
    snapshot.case(
        title,
        &topology,
        &besides,
        &Operation::Promote(wish),
        planned,
    );
    snapshot.hold();
}

#[test]
fn move_plans() {
    let mut snapshot = Snapshot::of("move", "What `replctl move` plans.");
    for (title, topology, node, under, discard_data) in [
        ("under another replica", seed(), "slave2", "slave1", false),
        ("back under the primary", chain(), "slave2", "master", false),
        ("it is there already", seed(), "slave2", "master", false),
        (
            "a node that another follows, where it is already",
            chain(),
            "slave1",
            "master",
            false,
        ),
        ("it would follow itself", chain(), "slave1", "slave2", false),
        (
            "the primary cannot be moved",
            seed(),
            "master",
            "slave1",
            false,
        ),
        (
            "a primary with keys of its own",
            own_keys(),
            "slave2",
            "master",
            false,
        ),
        (
            "the same, and they may go",
            own_keys(),
            "slave2",
            "master",
            true,
        ),
        (
            "under one that does not answer",
            headless(0),
            "slave1",
            "master",
            false,
        ),
    ] {
        let wish = Move {
            node: node.into(),
            under: under.into(),
            discard_data,
            update_inventory: false,
        };
        let planned = moves::plan::plan(&wish, &topology);
        snapshot.case(title, &topology, &[], &Operation::Move(wish), planned);
    }
    snapshot.hold();
}

/// slave2 follows nobody, and has keys.
fn own_keys() -> Topology {
    let mut topology = apart();
    for i in [0, 2] {
        server(&mut topology, i).keys.insert(0, 50);
    }
    topology
}

#[test]
fn detach_plans() {
    let mut snapshot = Snapshot::of("detach", "What `replctl detach` plans.");
    let noted: [NodeName; 1] = ["slave2".into()];
    for (title, topology, node, noted) in [
        ("a replica", seed(), "slave2", &[][..]),
        ("a replica that another one follows", chain(), "slave1", &[]),
        ("the primary", seed(), "master", &[]),
        ("it is detached already", apart(), "slave2", &noted),
        ("its primary is dead", headless(0), "slave1", &[]),
    ] {
        let seen = Observed::new(topology.clone(), noted);
        let wish = Detach { node: node.into() };
        let planned = detach::plan::plan(&wish, &seen);
        let besides: Vec<String> = noted.iter().map(|n| format!("{n} was detached")).collect();
        let besides: Vec<&str> = besides.iter().map(String::as_str).collect();
        snapshot.case(
            title,
            &topology,
            &besides,
            &Operation::Detach(wish),
            planned,
        );
    }
    snapshot.hold();
}

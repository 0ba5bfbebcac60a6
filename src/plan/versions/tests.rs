//! Every plan that makes a node follow another uses one table. So all of them refuse, warn about or
//! accept the same pairs.

use crate::engine::Warning;
use crate::engine::{Accept, Move, Plan, Promote, Refusal, Rejoin, Repair};
use crate::operations::{promote, repair};
use crate::plan::difference::Difference;
use crate::topology::sample::{address, node, seed, version};
use crate::topology::{Link, Node, Product, Role, Server, State, Topology};
use std::collections::BTreeMap;

type Program = (Product, u16, u16);
type Outcome = Result<Plan, Vec<Refusal>>;

const NEVER: [(Program, Program); 3] = [
    ((Product::Redis, 8, 0), (Product::Valkey, 9, 1)),
    ((Product::Redis, 7, 0), (Product::Redis, 6, 2)),
    ((Product::Valkey, 9, 1), (Product::Redis, 7, 0)),
];
const PERHAPS: [(Program, Program); 4] = [
    ((Product::Valkey, 9, 1), (Product::Valkey, 8, 0)),
    ((Product::Valkey, 9, 1), (Product::Redis, 8, 0)),
    ((Product::Redis, 8, 2), (Product::Redis, 8, 0)),
    ((Product::Valkey, 9, 0), (Product::Valkey, 8, 0)),
];
const ALWAYS: [(Program, Program); 3] = [
    ((Product::Redis, 6, 2), (Product::Redis, 6, 0)),
    ((Product::Valkey, 8, 0), (Product::Redis, 8, 2)),
    ((Product::Redis, 7, 0), (Product::Valkey, 9, 1)),
];

fn up(node: &mut Node) -> &mut Server {
    match &mut node.state {
        State::Up(server) => server,
        State::Down(_) => panic!("it is down"),
    }
}

fn runs(node: &mut Node, (product, major, minor): Program) {
    let server = up(node);
    (server.product, server.version) = (product, version(major, minor, 1));
    server.keys.insert(0, 50);
}

/// slave1 and slave2 follow `master`; all but slave2 run the same.
fn three((above, below): (Program, Program)) -> Topology {
    let mut topology = seed();
    for node in &mut topology.nodes {
        runs(node, above);
    }
    runs(&mut topology.nodes[2], below);
    topology
}

fn handed_over(pair: (Program, Program)) -> Outcome {
    promoted(&three(pair), &[])
}

fn promoted(topology: &Topology, accept: &[Accept]) -> Outcome {
    let operation = Promote {
        node: "slave1".into(),
        accept: accept.to_vec(),
    };
    promote::plan::plan(&operation, topology, &BTreeMap::new())
}

/// `slave1` is the primary already, and `slave2` is loose.
fn gathered(pair: (Program, Program)) -> Outcome {
    let mut topology = three(pair);
    topology.nodes.remove(0);
    topology.nodes[0] = node("slave1", 1, None);
    runs(&mut topology.nodes[0], pair.0);
    promoted(&topology, &[])
}

fn failed_over(pair: (Program, Program)) -> Outcome {
    let mut topology = three(pair);
    topology.nodes[0] = crate::topology::sample::down("master", 0);
    for i in [1, 2] {
        if let Role::Replica(link) = &mut up(&mut topology.nodes[i]).replication.role {
            link.link = Link::Down;
        }
    }
    promoted(&topology, &[Accept::DataLoss, Accept::SplitBrain])
}

fn moved(pair: (Program, Program)) -> Outcome {
    let operation = Move {
        node: "slave2".into(),
        under: "slave1".into(),
        discard_data: false,
        update_inventory: false,
    };
    crate::operations::moves::plan::plan(&operation, &three(pair))
}

/// `slave2` is a primary of its own.
fn returned(pair: (Program, Program)) -> Outcome {
    let mut topology = three(pair);
    topology.nodes[2] = node("slave2", 2, None);
    runs(&mut topology.nodes[2], pair.1);
    let operation = Rejoin {
        node: "slave2".into(),
        under: None,
        backup: Some("/b".to_owned()),
    };
    let both = crate::operations::rejoin::checks::pair(&operation, &topology, &[], false)?;
    let own = crate::plan::divergence::Own::Unknown("it was not counted".to_owned());
    crate::operations::rejoin::plan::plan(&operation, both, &own, &topology)
}

/// Two primaries, and `slave2` under the one to demote.
fn repaired(pair: (Program, Program)) -> Outcome {
    let mut topology = three(pair);
    topology.nodes[1] = node("slave1", 1, None);
    runs(&mut topology.nodes[1], pair.0);
    up(&mut topology.nodes[1]).replication.replid = "b".repeat(40);
    assert_eq!(topology.nodes[2].upstream().unwrap().address, address(0));
    let operation = Repair {
        keep: "slave1".into(),
        backup: "/b".to_owned(),
        discard_data: Vec::new(),
    };
    repair::plan::plan(&operation, &BTreeMap::new(), &topology)
}

type Planner = fn((Program, Program)) -> Outcome;

const ALL: [(&str, Planner); 6] = [
    ("promote", handed_over),
    ("promote of the primary", gathered),
    ("promote of a dead primary's replica", failed_over),
    ("move", moved),
    ("rejoin", returned),
    ("repair", repaired),
];

#[test]
fn what_can_never_get_in_sync_is_refused_by_every_plan() {
    for (name, plan) in ALL {
        for pair in NEVER {
            let refusals = plan(pair).unwrap_err();
            let about = |r: &&Refusal| {
                r.why.contains("`slave2`") && r.why.contains("cannot load a full copy from")
            };
            let found = refusals.iter().filter(about).count();
            assert_eq!(found, 1, "{name} {pair:?}: {refusals:#?}");
        }
    }
}

#[test]
fn what_depends_or_is_not_known_is_told_by_every_plan() {
    for (name, plan) in ALL {
        for pair in PERHAPS {
            let planned = plan(pair).unwrap_or_else(|r| panic!("{name} {pair:?}: {r:#?}"));
            let about = |w: &&Warning| {
                let w = w.text();
                let unsure = w.contains("only as long as") || w.contains("not known whether");
                unsure && w.contains("`slave2`")
            };
            let found = planned.warnings.iter().filter(about).count();
            assert_eq!(found, 1, "{name} {pair:?}: {:#?}", planned.warnings);
        }
    }
}

#[test]
fn what_always_works_is_not_talked_about() {
    for (name, plan) in ALL {
        for pair in ALWAYS {
            let planned = plan(pair).unwrap_or_else(|r| panic!("{name} {pair:?}: {r:#?}"));
            let said = planned
                .warnings
                .iter()
                .any(|w| w.text().contains("full copy from"));
            assert!(!said, "{name} {pair:?}: {:#?}", planned.warnings);
        }
    }
}

#[test]
fn a_promotion_may_leave_one_behind_where_that_is_accepted() {
    let topology = three(NEVER[0]);
    let one = Accept::Difference(Difference::VersionOrder);
    let planned = promoted(&topology, &[one]).unwrap();
    let told = |w: &Warning| {
        w.text()
            .ends_with("it could follow only until its first full resync")
    };
    assert!(planned.warnings.iter().any(told), "{:?}", planned.warnings);
}

#[test]
fn one_that_stays_under_another_replica_is_not_asked() {
    let mut topology = three(NEVER[0]);
    // slave2 under slave3, which understands it, and stays there.
    let mut between = node("slave3", 3, Some(address(0)));
    runs(&mut between, NEVER[0].0);
    topology.nodes.push(between);
    topology.nodes[2] = node("slave2", 2, Some(address(3)));
    runs(&mut topology.nodes[2], NEVER[0].1);
    promoted(&topology, &[]).unwrap();
}

//! Planners for old primaries: `rejoin`, `repair`, and the replay of an old primary's divergence.

use super::Snapshot;
use super::roles::server;
use crate::actions::rescue::Source;
use crate::engine::{Operation, Rejoin, Repair, Replay};
use crate::operations::{lost, rejoin, repair};
use crate::plan::divergence::{NoDisk, Own};
use crate::rescue::split::Counts;
use crate::topology::sample::{address, down, node, seed};
use crate::topology::{Backlog, Topology};

/// slave1 took over from master, which came back as a primary; slave2 follows slave1.
fn parted() -> Topology {
    let mut topology = seed();
    topology.nodes[1] = node("slave1", 1, None);
    topology.nodes[2] = node("slave2", 2, Some(address(1)));
    let new = server(&mut topology, 1);
    let before = std::mem::replace(&mut new.replication.replid, "b".repeat(40));
    new.replication.replid2 = Some(before);
    new.replication.second_offset = Some(101);
    new.replication.backlog = Some(Backlog {
        first: 1,
        held: 100,
        size: 1 << 20,
    });
    for i in 0..3 {
        server(&mut topology, i).keys.insert(0, 50);
    }
    topology
}

/// The same, and master does not answer.
fn silent() -> Topology {
    let mut topology = parted();
    topology.nodes[0] = down("master", 0);
    topology
}

fn some() -> Own {
    Own::Commands {
        bytes: 4_331,
        commands: 12,
        safe: 10,
        keys: 7,
    }
}

fn nothing() -> Own {
    Own::Nothing {
        replid: "a".repeat(40),
        up_to: 100,
    }
}

#[test]
fn rejoin_plans() {
    let mut snapshot = Snapshot::of("rejoin", "What `replctl rejoin` plans.");
    let has_some = "master has 12 commands that slave1 has not";
    let refused = Own::Silent(Err(NoDisk::Host("its host cannot be reached".to_owned())));
    for (title, topology, own, known, backup) in [
        ("with writes of its own", parted(), some(), has_some, true),
        ("the same, which may go", parted(), some(), has_some, false),
        (
            "without a write of its own",
            parted(),
            nothing(),
            "master has nothing that slave1 has not",
            true,
        ),
        (
            "what it has cannot be known",
            parted(),
            Own::Unknown("its backlog is too short".to_owned()),
            "what only master has cannot be known: its backlog is too short",
            true,
        ),
        (
            "it does not answer, nor does its host",
            silent(),
            refused,
            "the host of master cannot be reached",
            true,
        ),
        ("it never was a primary", seed(), nothing(), "", true),
    ] {
        let wish = Rejoin {
            node: "master".into(),
            under: None,
            backup: backup.then(|| "/backups/20260101T000000Z-master".to_owned()),
        };
        let planned = rejoin::checks::pair(&wish, &topology, &[], false)
            .and_then(|pair| rejoin::plan::plan(&wish, pair, &own, &topology));
        let besides: Vec<&str> = Some(known).filter(|k| !k.is_empty()).into_iter().collect();
        snapshot.case(
            title,
            &topology,
            &besides,
            &Operation::Rejoin(wish),
            planned,
        );
    }
    snapshot.hold();
}

#[test]
fn repair_plans() {
    let mut snapshot = Snapshot::of("repair", "What `replctl repair` plans.");
    let owns: repair::plan::Owns = [
        (("master".into(), "slave1".into()), some()),
        (("slave1".into(), "master".into()), nothing()),
    ]
    .into();
    let has = [
        "master has 12 commands that slave1 has not",
        "slave1 has nothing that master has not",
    ];
    for (title, topology, keep, discard) in [
        ("the new primary is kept", parted(), "slave1", &[][..]),
        ("the old primary is kept", parted(), "master", &[]),
        (
            "what the old one has may go",
            parted(),
            "slave1",
            &["master".into()],
        ),
        ("a replica cannot be kept", parted(), "slave2", &[]),
    ] {
        let wish = Repair {
            keep: keep.into(),
            backup: "/backups/20260101T000000Z".to_owned(),
            discard_data: discard.to_vec(),
        };
        let planned = repair::plan::plan(&wish, &owns, &topology);
        snapshot.case(title, &topology, &has, &Operation::Repair(wish), planned);
    }
    snapshot.hold();
}

#[test]
fn replay_plans() {
    let what = "What `replctl lost NODE --replay` plans.";
    let mut snapshot = Snapshot::of("replay", what);
    let counts = Counts {
        commands: 10,
        safe: 4,
        replayed: 3,
    };
    let done = Counts {
        commands: 3,
        safe: 0,
        replayed: 3,
    };
    for (title, counts, conflicts, onto) in [
        ("what is safe", counts, false, "slave1"),
        ("what is in conflict, too", counts, true, "slave1"),
        ("all was replayed before", done, false, "slave1"),
        ("onto a replica", counts, false, "slave2"),
    ] {
        let wish = Replay {
            node: "master".into(),
            onto: onto.into(),
            source: Source::Stream { up_to: 140 },
            conflicts,
        };
        let topology = parted();
        let planned = lost::plan::plan(&wish, counts, &topology);
        let known = format!(
            "only master has {} commands: {} can be replayed without harm, {} are replayed already",
            counts.commands, counts.safe, counts.replayed
        );
        let operation = Operation::Replay(wish);
        snapshot.case(title, &topology, &[&known], &operation, planned);
    }
    snapshot.hold();
}

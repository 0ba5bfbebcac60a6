#![allow(clippy::unwrap_used, clippy::expect_used)]
use crate::topology::lineage::{Lineage, can_send, fork, lineage, never_synced};
use crate::topology::{Replication, Role};
use crate::world::info;

fn sample(name: &str) -> Replication {
    let file = format!(
        "{}/tests/info-samples/{name}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    info::parse(&std::fs::read_to_string(file).unwrap())
        .unwrap()
        .replication
}

const SERVERS: [&str; 5] = [
    "redis-6.0.16",
    "redis-6.2.14",
    "redis-7.0.15",
    "redis-8.0.2",
    "valkey-8.1.1",
];

#[test]
fn a_replica_and_its_primary_are_of_one_history_in_every_version() {
    for server in SERVERS {
        let primary = sample(&format!("{server}-master-2online"));
        let replica = sample(&format!("{server}-replica-linkup"));
        assert_eq!(
            lineage(&replica, &primary),
            Lineage::Same { partial: true },
            "{server}"
        );
        assert_eq!(
            lineage(&sample(&format!("{server}-replica-neverlinked")), &primary),
            Lineage::Unknown,
            "{server}"
        );
    }
}

#[test]
fn a_promoted_node_is_followed_partially_by_what_stopped_in_time() {
    for server in &SERVERS[1..] {
        let promoted = sample(&format!("{server}-master-promoted"));
        let left_behind = sample(&format!("{server}-replica-linkdown"));
        assert_eq!(
            promoted.replid2.as_ref(),
            Some(&left_behind.replid),
            "{server}"
        );
        assert_eq!(
            lineage(&left_behind, &promoted),
            Lineage::Same { partial: true },
            "{server}"
        );
    }
}

#[test]
fn what_an_old_primary_wrote_after_the_promotion_is_counted() {
    let promoted = sample("redis-7.0.15-master-promoted");
    let mut old = sample("redis-7.0.15-master-failover-inprogress-aborted");
    assert_eq!((old.offset, promoted.second_offset), (160, Some(161)));
    assert_eq!(lineage(&old, &promoted), Lineage::Same { partial: true });
    old.offset = 161;
    assert_eq!(lineage(&old, &promoted), Lineage::Diverged { bytes: 1 });
    old.offset = 260;
    assert_eq!(lineage(&old, &promoted), Lineage::Diverged { bytes: 100 });
    // The other way round, the promoted node's own 14 bytes would be lost.
    assert_eq!(lineage(&promoted, &old), Lineage::Diverged { bytes: 14 });
    // Another promotion from the same history.
    let mut third = promoted.clone();
    third.replid = "0".repeat(39) + "1";
    third.offset = 200;
    third.second_offset = Some(151);
    assert_eq!(lineage(&third, &promoted), Lineage::Diverged { bytes: 50 });
    assert_eq!(lineage(&promoted, &third), Lineage::Diverged { bytes: 24 });
}

#[test]
fn a_backlog_that_begins_too_late_means_a_full_resync() {
    let mut primary = sample("redis-7.0.15-master-2online");
    let mut replica = sample("redis-7.0.15-replica-linkup");
    primary.offset = 1000;
    primary.backlog.as_mut().unwrap().first = 84;
    assert_eq!(
        lineage(&replica, &primary),
        Lineage::Same { partial: false }
    );
    primary.backlog.as_mut().unwrap().first = 83;
    assert_eq!(lineage(&replica, &primary), Lineage::Same { partial: true });
    primary.backlog = None;
    assert_eq!(
        lineage(&replica, &primary),
        Lineage::Same { partial: false }
    );
    // A node that is ahead would lose its extra bytes.
    let Role::Replica(up) = &mut replica.role else {
        panic!()
    };
    up.offset = 1024;
    assert_eq!(lineage(&replica, &primary), Lineage::Diverged { bytes: 24 });
}

#[test]
fn a_replica_that_never_had_data_is_known() {
    for server in SERVERS {
        assert!(
            never_synced(&sample(&format!("{server}-replica-neverlinked"))),
            "{server}"
        );
        assert!(
            !never_synced(&sample(&format!("{server}-replica-linkup"))),
            "{server}"
        );
    }
}

#[test]
fn the_fork_of_two_histories_is_where_the_promotion_was() {
    let promoted = sample("redis-7.0.15-master-promoted");
    let mut old = sample("redis-7.0.15-master-failover-inprogress-aborted");
    assert_eq!(fork(&old, &promoted), Some(161));
    // Started anew from a dump that ends before the fork: its own bytes begin where the dump ended.
    old.replid2 = Some(std::mem::replace(&mut old.replid, "0".repeat(40)));
    old.second_offset = Some(101);
    assert_eq!(fork(&old, &promoted), Some(101));
    old.second_offset = Some(261);
    assert_eq!(fork(&old, &promoted), Some(161));
    old.replid2 = None;
    assert_eq!(fork(&old, &promoted), None);
}

#[test]
fn only_what_surely_stays_in_the_backlog_is_asked_for() {
    let mut server = sample("redis-7.0.15-master-2online");
    server.offset = 100_000;
    let mut backlog = crate::topology::Backlog {
        first: 1,
        held: 100_000,
        size: 1 << 20,
    };
    server.backlog = Some(backlog);
    assert!(can_send(&server, 1, 0), "there is room for all");
    assert!(!can_send(&server, 1, 1 << 20), "too many bytes come");
    assert!(!can_send(&server, 100_002, 0), "not produced yet");
    backlog.first = 60_001;
    backlog.held = 40_000;
    backlog.size = 40_000;
    server.backlog = Some(backlog);
    assert!(!can_send(&server, 60_000, 0), "dropped");
    assert!(!can_send(&server, 60_001, 0), "the next byte drops it");
    assert!(can_send(&server, 70_000, 0));
    server.backlog = None;
    assert!(!can_send(&server, 70_000, 0));
}

use super::*;

#[test]
fn the_slip_of_the_tutorial_is_named() {
    let found = told(&typo(), &context());
    assert_eq!(
        found[1],
        "upstream-unknown: `slave2` replicates from 192.168.1.130:6379, which is no node of the inventory (closest: `slave1`, 192.168.0.130:6379), \
         and the link has been down for 348 s | replctl promote slave1"
    );
    assert_eq!(found.len(), 2, "{found:?}");
    let mut far = typo();
    far.nodes[2].link().address.host = "10.20.30.40".into();
    far.nodes[2].link_down(None);
    let far = told(&far, &context());
    assert!(
        far[1].contains("no node of the inventory, and the link has never been up"),
        "{far:?}"
    );
    let mut linked = typo();
    linked.nodes[2].link().link = Link::Up;
    let all = findings(&linked, &context());
    assert_eq!(
        (all[1].code, all[1].severity),
        (Code::UpstreamUnknown, Severity::Warning)
    );
}

/// Why a link has never been up, and its finding.
const DOWN: [Case; 8] = [
    (
        |t| t.nodes[1].up().replica_auth = Some(ReplicaAuth::Unset),
        ": `master` wants a password and `slave1` has no `masterauth` | replctl setup slave1",
    ),
    (
        |t| t.nodes[1].up().replica_auth = Some(ReplicaAuth::Wrong),
        ": `masterauth` of `slave1` is not what the inventory says | replctl setup slave1",
    ),
    (
        |t| t.nodes[0].up().has_password = Some(false),
        ": `slave1` has a `masterauth` and `master` has no password, so it refuses the login | replctl setup",
    ),
    (
        |t| {
            t.nodes[0].up().has_password = Some(false);
            t.nodes[0]
                .up()
                .config
                .insert("protected-mode".into(), "yes".into());
            t.nodes[1].up().replica_auth = Some(ReplicaAuth::Unset);
        },
        ": `master` is in protected mode and has no password | replctl setup",
    ),
    (
        |t| {
            t.nodes[1].up().version = Version {
                major: 6,
                minor: 2,
                patch: 14,
            }
        },
        ": `slave1` (Redis 6.2.14) cannot load a full copy from `master` (Redis 7.0.15) | bring `slave1` to the version of `master`",
    ),
    (
        |t| {
            let log = "/var/log/it's/redis.log".into();
            t.nodes[1].up().config.insert("logfile".into(), log);
        },
        ": both are well seen from here, so `slave1` may not reach 192.168.0.120:6379 from its host; its log says why | ssh host tail -n 20 \"/var/log/it's/redis.log\"",
    ),
    (
        |t| t.nodes[0].up().loading = Some(Loading { percent: None }),
        ": `master` is loading its data",
    ),
    (
        |_| (),
        ": both are well seen from here, so `slave1` may not reach 192.168.0.120:6379 from its host; its log says why",
    ),
];

#[test]
fn each_reason_for_a_link_that_is_down_is_told() {
    let because = |change: fn(&mut Topology)| {
        let found = after(|t| {
            t.nodes[1].link_down(None);
            change(t);
        });
        found
            .into_iter()
            .find(|f| f.starts_with("never-linked"))
            .unwrap()
    };
    let begin = "never-linked: the link of `slave1` to `master` has never been up";
    for (change, end) in DOWN {
        assert_eq!(because(change), format!("{begin}{end}"));
    }
}

#[test]
fn a_link_below_one_that_is_down_is_told_so() {
    let chain = after(|t| {
        t.nodes[1].link_down(Some(5));
        t.nodes[2].link().address.host = "192.168.0.130".into();
        t.nodes[2].link_down(Some(5));
    });
    assert!(
        chain[1].ends_with("down for 5 s: `slave1` has no link to its own upstream"),
        "{chain:?}"
    );
}

#[test]
fn data_that_a_returning_node_would_lose_is_told() {
    let found = after(|t| {
        t.nodes[1].link_down(Some(9));
        t.nodes[1].link().offset = 5200;
    });
    assert!(found.contains(&"diverged: `slave1` has 200 B of its stream that `master` has not: it loses them when it follows".to_owned()), "{found:?}");
}

#[test]
fn a_full_resync_shows_how_far_it_is() {
    let sync = |read, total| {
        after(|t| {
            t.nodes[2].link_down(None);
            t.nodes[2].link().sync = Some(SyncProgress {
                read,
                total,
                idle_seconds: None,
            });
        })
    };
    assert_eq!(
        sync(Some(12 << 20), Some(30 << 20)),
        ["full-sync-running: `slave2` gets a full copy from `master`: 40 % (12.0 MiB of 30.0 MiB)"]
    );
    assert_eq!(
        sync(Some(12 << 20), None),
        ["full-sync-running: `slave2` gets a full copy from `master`: 12.0 MiB so far"]
    );
    assert_eq!(
        sync(None, None),
        ["full-sync-running: `slave2` waits for a full copy from `master`"]
    );
    let prepared = after(|t| {
        t.nodes[2].link_down(None);
        let line = ReplicaLine {
            address: t.nodes[2].address.clone(),
            state: "wait_bgsave".into(),
            offset: None,
            ack_age_seconds: None,
        };
        t.nodes[0].up().replication.replicas.push(line);
    });
    assert_eq!(
        prepared,
        ["full-sync-running: `slave2` waits for a full copy from `master`"]
    );
}

#[test]
fn chains_are_told_unless_wanted() {
    let chain = |t: &mut Topology| t.nodes[2].link().address.host = "192.168.0.130".into();
    assert_eq!(
        after(chain),
        [
            "replica-of-replica: `slave2` replicates from `slave1`, which is a replica itself | replctl move slave2 --under master"
        ]
    );
    let mut topology = healthy();
    chain(&mut topology);
    let mut context = context();
    context.wanted[2].follows = Some("slave1".into());
    assert_eq!(told(&topology, &context), [""; 0]);
}

#[test]
fn far_behind_and_other_histories_are_told() {
    let far = after(|t| t.nodes[0].up().replication.offset += 600 << 10);
    assert_eq!(
        far[0],
        "behind: `slave1` is 600.0 KiB behind, and the backlog has 1.0 MiB: an interruption now means a full resync"
    );
    assert_eq!(far.len(), 2);
    let strange = after(|t| t.nodes[1].up().replication.replid = "another".into());
    assert_eq!(
        strange,
        [
            "another-history: the link of `slave1` is up, but its history is not that of `master`: 192.168.0.120:6379 may lead elsewhere from its host \
          | find out where 192.168.0.120:6379 leads from the host of `slave1`, and correct that; then let it connect anew, which replaces its data \
          by that of `master`: redis-cli --askpass -h 192.168.0.130 -p 6379 client kill type master"
        ]
    );
}

#[test]
fn a_link_that_cannot_succeed_is_no_full_resync() {
    let met = |read: Option<u64>, change: fn(&mut Topology)| {
        let found = after(|t| {
            t.nodes[1].link_down(None);
            t.nodes[1].link().sync = Some(SyncProgress {
                read,
                total: None,
                idle_seconds: None,
            });
            change(t);
        });
        found[0].split(':').next().unwrap().to_owned()
    };
    let unset = |t: &mut Topology| t.nodes[1].up().replica_auth = Some(ReplicaAuth::Unset);
    assert_eq!(met(None, unset), "never-linked");
    assert_eq!(met(Some(4096), unset), "full-sync-running");
    let old = |t: &mut Topology| t.nodes[1].up().version.major = 6;
    assert_eq!(met(Some(4096), old), "never-linked");
    assert_eq!(met(None, |_| ()), "full-sync-running");
}

#[test]
fn a_link_over_which_nothing_comes_is_not_up() {
    let silent = |seconds: u64| {
        after(|t| {
            let above = &mut t.nodes[0].up().config;
            above.insert("repl-ping-replica-period".into(), "4".into());
            t.nodes[1].link().last_io_seconds = Some(seconds);
        })
    };
    assert_eq!(silent(7), [""; 0]);
    assert_eq!(
        silent(8),
        [
            "link-silent: the link of `slave1` to `master` is up in name only: `slave1` heard nothing for 8 s, and `master` sends something every few seconds"
        ]
    );
    let mut topology = healthy();
    topology.nodes[1].link().last_io_seconds = Some(14);
    assert_eq!(topology.in_sync(&topology.nodes[1]), Some(false));
}

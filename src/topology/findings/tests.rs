#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;
use crate::topology::testing::{down, healthy, primary, replica, typo};
use crate::topology::{
    Link, Loading, PersistedRole, ReplicaAuth, ReplicaLine, SyncProgress, TroubleKind, Version,
};

fn context() -> Context {
    let wanted = |name: &str, follows: Option<&str>| Wanted {
        name: name.into(),
        follows: follows.map(NodeName::from),
        priority: None,
    };
    Context {
        deployment: "orders".into(),
        wanted: vec![
            wanted("master", None),
            wanted("slave1", Some("master")),
            wanted("slave2", Some("master")),
        ],
        password: true,
        unfinished: None,
        debts: Vec::new(),
    }
}

/// `code: message | hint`, one per finding.
fn told(topology: &Topology, context: &Context) -> Vec<String> {
    findings(topology, context)
        .iter()
        .map(|f| {
            let code = serde_json::to_value(f.code).unwrap();
            let hint = f
                .hint
                .as_ref()
                .map(|hint| format!(" | {hint}"))
                .unwrap_or_default();
            format!("{}: {}{hint}", code.as_str().unwrap(), f.message)
        })
        .collect()
}

/// What is told once `change` was made to the healthy deployment.
fn after(change: impl FnOnce(&mut Topology)) -> Vec<String> {
    let mut topology = healthy();
    change(&mut topology);
    told(&topology, &context())
}

#[test]
fn a_healthy_deployment_has_no_findings() {
    assert_eq!(told(&healthy(), &context()), [""; 0]);
    assert!(super::healthy(&findings(&healthy(), &context())));
}

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

#[test]
fn a_dead_primary_is_told_with_the_best_heir_first() {
    let mut topology = healthy();
    topology.nodes[0] = down(
        "master",
        "192.168.0.120",
        TroubleKind::Refused,
        "connection refused: nothing listens there",
    );
    topology.nodes[1].link_down(Some(12));
    topology.nodes[2].link_down(Some(12));
    topology.nodes[2].link().offset = 5100;
    assert_eq!(
        told(&topology, &context()),
        [
            "no-primary: there is no primary: `slave1` and `slave2` are replicas, `master` does not answer | replctl promote slave2",
            "unreachable: `master` (192.168.0.120:6379) cannot be looked at: connection refused: nothing listens there",
            "link-down: the link of `slave1` to `master` has been down for 12 s: `master` does not answer",
            "link-down: the link of `slave2` to `master` has been down for 12 s: `master` does not answer",
        ]
    );
    topology.nodes[1].link().link = Link::Up;
    topology.nodes[1].link().last_io_seconds = Some(7);
    let found = told(&topology, &context());
    assert!(
        found[1].ends_with("; the link of `slave1` to it is up, last heard from 7 s ago"),
        "{found:?}"
    );
}

#[test]
fn with_nobody_there_no_heir_is_named() {
    let gone = |name: &str| down(name, name, TroubleKind::NoAnswer, "no answer");
    let nobody = Topology {
        nodes: vec![gone("a"), gone("b")],
    };
    assert_eq!(
        told(&nobody, &context())[0],
        "no-primary: there is no primary: no node answers"
    );
    let one = Topology {
        nodes: vec![gone("a")],
    };
    assert_eq!(
        told(&one, &context())[0],
        "no-primary: there is no primary: `a` does not answer"
    );
}

#[test]
fn two_primaries_are_told_with_what_each_has() {
    let split = |old_offset: u64| {
        after(|t| {
            t.nodes[0].up().replication.offset = old_offset;
            t.nodes[1] = primary("slave1", "192.168.0.130", 5300);
            let new = &mut t.nodes[1].up().replication;
            new.replid2 = Some(std::mem::replace(&mut new.replid, "of slave1".into()));
            new.second_offset = Some(5001);
        })
    };
    assert_eq!(
        split(9331)[0],
        "several-primaries: `master` and `slave1` are both primaries and both take writes; `master` has 4.2 KiB of its stream that `slave1` has not \
         | replctl promote slave1"
    );
    assert!(
        split(5000)[0].contains("; `slave1` has all that `master` has"),
        "{:?}",
        split(5000)
    );
    let strangers = after(|t| {
        for (node, history) in t.nodes.iter_mut().zip(["a", "b", "c"]) {
            let host = node.address.host.clone();
            *node = primary(&node.name.0.clone(), &host, 100);
            node.up().replication.replid = history.into();
        }
    });
    assert!(
        strangers[0]
            .starts_with("several-primaries: `master`, `slave1` and `slave2` are all primaries"),
        "{strangers:?}"
    );
    assert!(
        strangers[0].ends_with("cannot be known | replctl setup"),
        "{strangers:?}"
    );
}

#[test]
fn loops_are_found_and_told_once() {
    let pair = after(|t| {
        t.nodes[1].link().address.host = "192.168.0.140".into();
        t.nodes[2].link().address.host = "192.168.0.130".into();
    });
    assert_eq!(
        pair,
        [
            "loop: `slave1` and `slave2` replicate from each other: no write reaches them | replctl promote master"
        ]
    );
    let itself = after(|t| t.nodes[2].link().address.host = "192.168.0.140".into());
    assert_eq!(
        itself,
        ["loop: `slave2` replicates from itself | replctl promote master"]
    );
    let all = after(|t| t.nodes[0] = replica("master", "192.168.0.120", "192.168.0.130", 5000));
    assert!(all[0].starts_with("no-primary"), "{all:?}");
    assert_eq!(
        all[1],
        "loop: `master` and `slave1` replicate from each other: no write reaches them | replctl promote master"
    );
    // The same circle, hidden behind a second name of one server.
    let hidden = after(|t| {
        t.nodes[1].link().address.host = "192.168.0.140".into();
        t.nodes[2] = replica("slave2", "192.168.0.140", "192.168.0.120", 5000);
        t.nodes[2].up().run_id = t.nodes[1].up().run_id.clone();
    });
    assert!(
        hidden
            .iter()
            .any(|f| f.starts_with("loop: `slave1` replicates from itself")),
        "{hidden:?}"
    );
}

#[test]
fn one_server_behind_two_names_is_not_two_primaries() {
    let found = after(|t| {
        t.nodes[1] = primary("slave1", "192.168.0.130", 5000);
        t.nodes[1].up().run_id = t.nodes[0].up().run_id.clone();
    });
    assert_eq!(
        found,
        [
            "two-names-one-server: `master` (192.168.0.120:6379) and `slave1` (192.168.0.130:6379) are one and the same server \
          | correct `address` or `port` of `slave1` in the inventory"
        ]
    );
}

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
    let cases: [(fn(&mut Topology), &str); 7] = [
        (
            |t| t.nodes[1].up().replica_auth = Some(ReplicaAuth::Unset),
            ": `master` wants a password and `slave1` has no `masterauth` | replctl setup slave1",
        ),
        (
            |t| t.nodes[1].up().replica_auth = Some(ReplicaAuth::Wrong),
            ": `masterauth` of `slave1` is not the deployment's password | replctl setup slave1",
        ),
        (
            |t| t.nodes[0].up().has_password = Some(false),
            ": `slave1` has a `masterauth` and `master` has no password, so it refuses the login | replctl setup slave1",
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
            ": `master` is in protected mode and has no password | replctl setup master",
        ),
        (
            |t| {
                t.nodes[1].up().version = Version {
                    major: 6,
                    minor: 2,
                    patch: 14,
                }
            },
            ": `slave1` (Redis 6.2.14) cannot read what `master` (Redis 7.0.15) sends | bring `slave1` to the version of `master`",
        ),
        (
            |t| {
                drop(
                    t.nodes[1]
                        .up()
                        .config
                        .insert("logfile".into(), "/var/log/it's/redis.log".into()),
                )
            },
            " | ssh 192.168.0.130 tail -n 20 \"/var/log/it's/redis.log\"",
        ),
        (|_| (), ""),
    ];
    for (change, end) in cases {
        assert_eq!(because(change), format!("{begin}{end}"));
    }
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
            t.nodes[2].link().sync = Some(SyncProgress { read, total });
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
fn what_settings_promise_for_later_is_told() {
    let cases: [(fn(&mut Topology), &str); 14] = [
        (
            |t| t.nodes[1].link().read_only = false,
            "writable-replica: `slave1` is a replica and takes writes: what is written there is nowhere else \
             | redis-cli -h 192.168.0.130 -p 6379 config set replica-read-only yes",
        ),
        (
            |t| t.nodes[1].up().replication.priority = Some(0),
            "priority-0: `slave1` has priority 0: it is never to be promoted, which the inventory does not say \
             | set `priority = 0` for `slave1` in the inventory, or `replica-priority` on the server to 100",
        ),
        (
            |t| t.nodes[1].persisted = Some(PersistedRole::Primary),
            "unpersisted-role: `slave1` follows `master`, but not in its configuration file: restarted, it is a primary | replctl promote master",
        ),
        (
            |t| {
                t.nodes[0].persisted = Some(PersistedRole::ReplicaOf(Address::new(
                    "192.168.0.130",
                    6379,
                )))
            },
            "unpersisted-role: `master` is primary, but not in its configuration file: restarted, it follows `slave1` | replctl promote master",
        ),
        (
            |t| t.nodes[1].persisted = Some(PersistedRole::ReplicaOf(Address::new("10.0.0.1", 1))),
            "unpersisted-role: `slave1` follows `master`, but its configuration file says 10.0.0.1:1: restarted, it follows that | replctl promote master",
        ),
        (
            |t| t.nodes[1].persisted = Some(PersistedRole::Unknown("permission denied".into())),
            "persisted-unknown: the role in the configuration file of `slave1` is not known: permission denied",
        ),
        (
            |t| t.nodes[1].up().loading = Some(Loading { percent: Some(27) }),
            "loading: `slave1` is loading its data: 27 %",
        ),
        (
            |t| t.nodes[0].up().replication.failover = Some("waiting-for-sync".into()),
            "failover-running: a FAILOVER command runs on `master` (waiting-for-sync) | redis-cli -h 192.168.0.120 -p 6379 failover abort",
        ),
        (
            |t| t.nodes[0].up().cluster_enabled = true,
            "cluster-mode: `master` runs in cluster mode, which replctl does not manage",
        ),
        (
            |t| t.nodes[1].up().has_password = Some(false),
            "no-password: `slave1` lets everybody in: it has no password, and the inventory wants one | replctl setup slave1",
        ),
        (
            |t| t.nodes[0].up().replica_auth = Some(ReplicaAuth::Unset),
            "replica-auth-missing: `master` has no `masterauth`: it could not follow another node | replctl setup master",
        ),
        (
            |t| t.nodes[1].up().maxmemory = Some(1 << 20),
            "memory-limit: the memory limit of `slave1` (1.0 MiB) is smaller than what `master` uses (1.5 MiB): promoted, it drops keys or refuses writes",
        ),
        (
            |t| {
                t.nodes[1].up().version = Version {
                    major: 6,
                    minor: 0,
                    patch: 16,
                }
            },
            "version-order: `slave1` (6.0.16) cannot read a full copy from `master` (7.0.15): the next full resync empties it",
        ),
        (
            |t| t.nodes[0].up().sentinels = Some(3),
            "sentinel-watches: 3 Sentinels watch `master`, and may change the primary by themselves",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(after(change), [expected]);
    }
    let same_by_other_name = after(|t| {
        t.nodes[0].resolved.push("db1".into());
        t.nodes[1].persisted = Some(PersistedRole::ReplicaOf(Address::new("db1", 6379)));
    });
    assert_eq!(same_by_other_name, [""; 0]);
    let few = after(|t| {
        t.nodes[0]
            .up()
            .config
            .insert("databases".into(), "16".into());
        t.nodes[1]
            .up()
            .config
            .insert("databases".into(), "1".into());
    });
    assert!(
        few[0].starts_with("fewer-databases: `slave1` has `databases 1` and `master` `databases 16`:"),
        "{few:?}"
    );
}

#[test]
fn chains_are_told_unless_wanted() {
    let chain = |t: &mut Topology| t.nodes[2].link().address.host = "192.168.0.130".into();
    assert_eq!(
        after(chain),
        [
            "replica-of-replica: `slave2` replicates from `slave1`, which is a replica itself | replctl promote master"
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
          | replctl promote master"
        ]
    );
}

#[test]
fn what_operations_left_behind_is_told_until_it_is_done() {
    let mut context = context();
    context.unfinished = Some("20261123-063400-promote".into());
    let debt = Debt {
        node: "master".into(),
        address: Address::new("192.168.0.130", 6379),
        since: "2026-11-23T06:34:00Z".parse().unwrap(),
    };
    context.debts = vec![debt];
    let found = told(&typo(), &context);
    assert_eq!(
        found[0],
        "unfinished-operation: operation 20261123-063400-promote stopped half-way | replctl resume"
    );
    assert_eq!(
        found[1],
        "unfenced-old-primary: `master` was replaced by `slave1` on 2026-11-23 06:34 UTC and has not been told: if it comes back it takes writes \
         that are lost later | replctl promote slave1"
    );
    let mut settled = typo();
    settled.nodes[0] = replica("master", "192.168.0.120", "192.168.0.130", 1270);
    assert!(
        !told(&settled, &context)
            .iter()
            .any(|f| f.starts_with("unfenced"))
    );
}

#[test]
fn the_codes_are_kebab_case_and_the_facts_are_there() {
    let found = serde_json::to_value(findings(&typo(), &context())).unwrap();
    assert_eq!(found[1]["code"], "upstream-unknown");
    assert_eq!(found[1]["severity"], "problem");
    assert_eq!(found[1]["data"]["closest"], "slave1");
    assert_eq!(found[1]["data"]["down_since_seconds"], 348);
    assert_eq!(serde_json::to_value(Code::Priority0).unwrap(), "priority-0");
}

use super::*;

#[test]
fn what_a_replica_would_be_as_a_primary_is_told() {
    let cases: [Case; 6] = [
        (
            |t| t.nodes[1].up().disk.append_failed = true,
            "disk-fails: `slave1` would refuse every write as a primary: it cannot write to its append-only file \
             | make room on the disk it writes to: redis-cli --askpass -h 192.168.0.130 -p 6379 config get dir",
        ),
        (
            |t| t.nodes[0].up().disk.dump_failed = true,
            "disk-fails: `master` refuses every write: its last dump to the disk failed \
             | make room on the disk it writes to: redis-cli --askpass -h 192.168.0.120 -p 6379 config get dir",
        ),
        (
            |t| t.nodes[1].link().read_only = false,
            "writable-replica: `slave1` is a replica and takes writes: what is written there is nowhere else \
             | redis-cli --askpass -h 192.168.0.130 -p 6379 config set replica-read-only yes",
        ),
        (
            |t| t.nodes[1].up().replication.priority = Some(0),
            "priority-0: `slave1` has priority 0: it is never to be promoted, which the inventory does not say \
             | redis-cli --askpass -h 192.168.0.130 -p 6379 config set replica-priority 100",
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
            "version-order: `slave1` (Redis 6.0.16) cannot load a full copy from `master` (Redis 7.0.15): its next full resync never ends",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(after(change), [expected]);
    }
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
    assert_eq!(
        few,
        [
            "fewer-databases: `slave1` has `databases 1` and `master` `databases 16`: a key beyond them breaks replication \
             | set `databases 16` in the configuration file of `slave1`, and in the inventory where that sets it, and restart it"
        ]
    );
}

#[test]
fn roles_that_a_restart_would_change_are_told() {
    let cases: [Case; 4] = [
        (
            |t| t.nodes[1].persisted = Some(PersistedRole::Primary),
            "unpersisted-role: `slave1` follows `master`, but not by its configuration file: restarted, it is a primary | replctl promote master",
        ),
        (
            |t| {
                t.nodes[0].persisted = Some(PersistedRole::ReplicaOf(Address::new(
                    "192.168.0.130",
                    6379,
                )));
            },
            "unpersisted-role: `master` is primary, but not by its configuration file: restarted, it follows `slave1`, which follows it: there is no primary then | replctl promote master",
        ),
        (
            |t| t.nodes[1].persisted = Some(PersistedRole::ReplicaOf(Address::new("10.0.0.1", 1))),
            "unpersisted-role: `slave1` follows `master`, but by its configuration file it follows 10.0.0.1:1: restarted, it does | replctl promote master",
        ),
        (
            |t| t.nodes[1].persisted = Some(PersistedRole::Unknown("permission denied".into())),
            "persisted-unknown: the role of `slave1` after a restart is not known: permission denied",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(after(change), [expected]);
    }
    let both = after(|t| {
        for node in &mut t.nodes[..2] {
            node.persisted = Some(PersistedRole::Unknown("permission denied".into()));
        }
    });
    assert_eq!(
        both,
        [
            "persisted-unknown: the roles of `master` and `slave1` after a restart are not known; of `master`: permission denied"
        ]
    );
    let same_by_other_name = after(|t| {
        t.nodes[0].resolved.push("db1".into());
        t.nodes[1].persisted = Some(PersistedRole::ReplicaOf(Address::new("db1", 6379)));
    });
    assert_eq!(same_by_other_name, [""; 0]);
}

#[test]
fn states_and_passwords_are_told() {
    let cases: [Case; 7] = [
        (
            |t| t.nodes[1].up().loading = Some(Loading { percent: Some(27) }),
            "loading: `slave1` is loading its data: 27 %",
        ),
        (
            |t| t.nodes[0].up().replication.failover = Some("waiting-for-sync".into()),
            "failover-running: a FAILOVER command runs on `master` (waiting-for-sync) | redis-cli --askpass -h 192.168.0.120 -p 6379 failover abort",
        ),
        (
            |t| t.nodes[0].up().cluster_enabled = true,
            "cluster-mode: `master` runs in cluster mode, which replctl does not manage",
        ),
        (
            |t| t.nodes[1].up().has_password = Some(false),
            "no-password: `slave1` lets everybody in: it has no password, and the inventory wants one | replctl setup",
        ),
        (
            |t| t.nodes[0].up().replica_auth = Some(ReplicaAuth::Unset),
            "replica-auth-missing: `master` has no `masterauth`: it could not follow another node | replctl setup master",
        ),
        (
            |t| t.nodes[0].up().sentinels = Some(1),
            "sentinel-watches: a Sentinel watches `master`, and may change the primary by itself",
        ),
        (
            |t| t.nodes[0].up().sentinels = Some(3),
            "sentinel-watches: 3 Sentinels watch `master`, and may change the primary by themselves",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(after(change), [expected]);
    }
}

#[test]
fn how_a_node_was_looked_at_and_what_it_is_older_than_is_a_note() {
    let mut topology = healthy();
    topology.nodes[1].sight.through = Some(crate::topology::Tunnel {
        host: "bastion".into(),
        because: Some("no answer to the connection attempt within 2 s".into()),
    });
    topology.nodes[2].up().version = Version {
        major: 5,
        minor: 0,
        patch: 14,
    };
    let found = findings(&topology, &context());
    let notes = found.iter().filter(|f| f.severity == Severity::Note);
    let notes: Vec<&str> = notes.map(|f| f.message.as_str()).collect();
    assert_eq!(
        notes,
        [
            "`slave1` (192.168.0.130:6379) does not answer here: no answer to the connection attempt within 2 s; it was seen through its host `bastion`, over SSH",
            "`slave2` runs Redis 5.0.14, and replctl is not tested with servers before 6.0"
        ]
    );
    // No finding where the inventory wants the way through the host.
    topology.nodes[1].sight.through = Some(crate::topology::Tunnel {
        host: "bastion".into(),
        because: None,
    });
    let found = findings(&topology, &context());
    assert!(found.iter().all(|f| f.code != Code::SeenThroughHost));
}

#[test]
fn an_old_primary_that_does_not_run_leads_to_rejoin() {
    let mut topology = healthy();
    topology.nodes[1] = down(
        "slave1",
        "192.168.0.130",
        TroubleKind::Refused,
        "connection refused",
    );
    for (persisted, verb) in [
        (Some(PersistedRole::Primary), "rejoin"),
        (
            Some(PersistedRole::ReplicaOf(Address::new(
                "192.168.0.120",
                6379,
            ))),
            "setup",
        ),
        (None, "setup"),
    ] {
        topology.nodes[1].persisted = persisted;
        let told = told(&topology, &context());
        assert!(
            told[0].ends_with(&format!("| replctl {verb} slave1")),
            "{told:?}"
        );
    }
}

#[test]
fn what_is_not_set_up_and_does_not_run_leads_to_setup() {
    let refused = |name: &str, host: &str| {
        let mut node = down(name, host, TroubleKind::Refused, "connection refused");
        let why = "/db/redis/6379/conf/redis.cnf is not there";
        node.persisted = Some(PersistedRole::Unknown(why.into()));
        node
    };
    let mut topology = healthy();
    topology.nodes[1] = refused("slave1", "192.168.0.130");
    assert_eq!(
        told(&topology, &context()),
        [
            "unreachable: `slave1` (192.168.0.130:6379) cannot be observed: connection refused; replctl has not set it up: /db/redis/6379/conf/redis.cnf is not there | replctl setup slave1"
        ]
    );
    topology.nodes[0] = refused("master", "192.168.0.120");
    topology.nodes[2] = refused("slave2", "192.168.0.140");
    let said = told(&topology, &context());
    assert_eq!(
        said[0],
        "no-primary: there is no primary: no node answers | replctl setup"
    );
    let mut users = context();
    users.users = true;
    assert!(
        !told(&topology, &users)[0].contains("setup"),
        "setup makes no users"
    );
    topology.nodes[2] = down(
        "slave2",
        "192.168.0.140",
        TroubleKind::NoAnswer,
        "no answer",
    );
    assert!(!told(&topology, &context())[0].contains("setup"));
}

#[test]
fn who_lives_and_cannot_be_looked_at_is_not_replaced() {
    let mut topology = healthy();
    let busy = "a script keeps it from answering: BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";
    topology.nodes[0] = down("master", "192.168.0.120", TroubleKind::Busy, busy);
    let said = told(&topology, &context());
    assert_eq!(
        said[0],
        format!(
            "no-primary: no primary can be looked at: `master`, which `slave1` and `slave2` follow, lives: {busy} | redis-cli --askpass -h 192.168.0.120 -p 6379 function kill"
        )
    );
    // A module's command cannot be ended.
    let module = "a script keeps it from answering: BUSY Redis is busy running a module command.";
    topology.nodes[0] = down("master", "192.168.0.120", TroubleKind::Busy, module);
    assert!(!told(&topology, &context())[0].contains("kill"));
    // No node follows it, so it is not known to be the primary. It is listed with the others.
    let mut topology = healthy();
    topology.nodes[0] = down("master", "192.168.0.120", TroubleKind::Refused, "refused");
    topology.nodes[2] = down("slave2", "192.168.0.140", TroubleKind::Busy, busy);
    assert_eq!(
        told(&topology, &context())[0],
        "no-primary: there is no primary: `slave1` is a replica, `master` does not answer, `slave2` cannot be looked at | replctl promote slave1"
    );
    // Several nodes are alive, and none of them can be read.
    for node in &mut topology.nodes {
        let (name, host) = (node.name.0.clone(), node.address.host.clone());
        *node = down(
            &name,
            &host,
            TroubleKind::PasswordMissing,
            "it wants a password",
        );
    }
    assert_eq!(
        told(&topology, &context())[0],
        "no-primary: no primary can be looked at: `master` lives: it wants a password; nor can 2 others that live | give `password` under `[deployment]` in the inventory; or, to take the password away from servers that setup made: replctl setup"
    );
}

#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;
use proptest::prelude::*;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::LazyLock;

/// Name and text of every captured INFO, read once.
static SAMPLES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/info-samples");
    let mut found: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    found.sort();
    found
});

fn sample(name: &str) -> Server {
    let (_, text) = SAMPLES.iter().find(|(n, _)| n == name).unwrap();
    parse(text).unwrap()
}

/// One line per sample: what was understood of it.
fn summary(server: &Server) -> String {
    let r = &server.replication;
    let mut out = String::new();
    match &r.role {
        Role::Primary => out.push_str("primary"),
        Role::Replica(up) => {
            let _ = write!(
                out,
                "replica of {} {:?} at {}",
                up.address, up.link, up.offset
            );
            let _ = write!(
                out,
                " io={:?} down={:?} ro={}",
                up.last_io_seconds, up.down_since_seconds, up.read_only
            );
            if let Some(sync) = up.sync {
                let _ = write!(out, " sync={:?}/{:?}", sync.read, sync.total);
            }
        }
    }
    let id = |id: &str| id.get(..6).unwrap_or("-").to_owned();
    let _ = write!(
        out,
        " offset={} id={} id2={:?}@{:?}",
        r.offset,
        id(&r.replid),
        r.replid2.as_deref().map(id),
        r.second_offset
    );
    if let Some(b) = r.backlog {
        let _ = write!(out, " backlog={}+{}/{}", b.first, b.held, b.size);
    }
    for line in &r.replicas {
        let _ = write!(
            out,
            " [{} {} {:?} {:?}]",
            line.address, line.state, line.offset, line.ack_age_seconds
        );
    }
    if let Some(failover) = &r.failover {
        let _ = write!(out, " failover={failover}");
    }
    if let Some(priority) = r.priority {
        let _ = write!(out, " priority={priority}");
    }
    if let Some(loading) = server.loading {
        let _ = write!(out, " loading={:?}", loading.percent);
    }
    out.push_str(&process(server));
    out
}

/// What the other sections told, where they are there.
fn process(server: &Server) -> String {
    if server.run_id.is_empty() {
        return String::new();
    }
    let id = &server.run_id[..6];
    format!(
        " {:?} {} run={} up={:?} mem={:?}/{:?} keys={:?} full={:?} partial={:?} file={:?}",
        server.product,
        server.version,
        id,
        server.uptime_seconds,
        server.used_memory,
        server.maxmemory,
        server.keys,
        server.sync_full,
        server.sync_partial_ok,
        server.config_file
    )
}

#[test]
fn every_captured_sample_is_understood() {
    let mut table = String::new();
    for (name, text) in SAMPLES.iter() {
        let line = match parse(text) {
            Ok(server) => summary(&server),
            Err(trouble) => trouble.to_string(),
        };
        let _ = writeln!(table, "{name}: {line}");
    }
    assert!(table.lines().count() > 150, "samples are missing");
    insta::assert_snapshot!("samples", table);
}

#[test]
fn a_sample_of_persistence_alone_tells_that_it_loads() {
    for (name, text) in SAMPLES
        .iter()
        .filter(|(n, _)| n.ends_with("replica-loading.persistence"))
    {
        let server = parse(&format!("{text}role:slave\r\n")).unwrap();
        assert!(server.loading.is_some(), "{name}");
    }
}

#[test]
fn valkey_is_told_from_the_version_it_pretends_to_be() {
    let server = sample("valkey-8.1.1-master-2online.full");
    assert_eq!(server.product, Product::Valkey);
    assert_eq!(
        server.version,
        Version {
            major: 8,
            minor: 1,
            patch: 1
        }
    );
}

#[test]
fn two_channels_of_one_replica_are_one_replica() {
    let server = sample("valkey-8.1.1-master-dualchannel-sync");
    let lines = &server.replication.replicas;
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].state, "bg_transfer");
}

#[test]
fn the_unix_time_of_6_0_is_not_a_duration() {
    let Role::Replica(up) = sample("redis-6.0.16-replica-neverlinked").replication.role else {
        panic!()
    };
    assert_eq!((up.link, up.down_since_seconds), (Link::Down, None));
}

#[test]
fn the_sample_of_the_tutorial_is_understood() {
    // Redis 6.2: some of the later fields are not there.
    let text = "# Replication\r\nrole:slave\r\nmaster_host:192.168.1.130\r\nmaster_port:6379\r\nmaster_link_status:down\r\n\
                master_last_io_seconds_ago:-1\r\nmaster_sync_in_progress:0\r\nslave_repl_offset:1270\r\nmaster_link_down_since_seconds:348\r\n\
                slave_priority:100\r\nslave_read_only:1\r\nconnected_slaves:0\r\nmaster_failover_state:no-failover\r\n";
    let Role::Replica(up) = parse(text).unwrap().replication.role else {
        panic!()
    };
    assert_eq!(
        (up.address, up.link),
        (Address::new("192.168.1.130", 6379), Link::Down)
    );
    assert_eq!(
        (up.down_since_seconds, up.last_io_seconds, up.offset),
        (Some(348), None, 1270)
    );
}

#[test]
fn the_present_words_host_names_and_ipv6_are_understood() {
    let text = "role:replica\nprimary_host:fe80::1\nprimary_port:6379\nprimary_link_status:up\nreplica_repl_offset:7\nreplica_priority:5\nprimary_replid:abc\n\
                replica0:ip=db.example.net,port=6380,state=online,offset=9,lag=1\nslave1:ip=::1,port=6381,state=online,offset=9,lag=0,type=replica\n\
                slave2:ip=1.2.3.4,port=99999,state=online,offset=9,lag=0\nslaves:ip=1.2.3.4,port=1,state=x\n";
    let r = parse(text).unwrap().replication;
    let Role::Replica(up) = &r.role else { panic!() };
    assert_eq!(
        (up.address.clone(), up.link, up.offset),
        (Address::new("fe80::1", 6379), Link::Up, 7)
    );
    assert_eq!((r.priority, r.replid.as_str()), (Some(5), "abc"));
    let addresses: Vec<String> = r.replicas.iter().map(|l| l.address.to_string()).collect();
    assert_eq!(addresses, ["db.example.net:6380", "[::1]:6381"]);
}

#[test]
fn what_is_no_data_server_is_refused() {
    assert_eq!(parse(""), Err(ParseTrouble::NoRole));
    assert_eq!(parse("HTTP/1.1 400 Bad Request"), Err(ParseTrouble::NoRole));
    assert_eq!(
        parse("role:king"),
        Err(ParseTrouble::StrangeRole("king".into()))
    );
    assert_eq!(
        parse("redis_mode:sentinel\nrole:master"),
        Err(ParseTrouble::Sentinel)
    );
    assert_eq!(parse(&"x".repeat(MAX_TEXT + 1)), Err(ParseTrouble::TooLong));
}

#[test]
fn nothing_a_server_sends_grows_without_bound() {
    let mut text = format!(
        "role:slave\nmaster_host:{}\nrun_id:{}\n",
        "h".repeat(100_000),
        "é".repeat(100_000)
    );
    for n in 0..20_000 {
        let _ = writeln!(text, "slave{n}:ip=1.2.3.4,port=1,state=online");
    }
    let server = parse(&text).unwrap();
    assert_eq!(server.run_id.chars().count(), MAX_WORD);
    assert_eq!(server.replication.replicas.len(), MAX_REPLICAS);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let _ = parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn known_keys_with_arbitrary_values_never_panic(values in proptest::collection::vec(("[-0-9.,=:a-zé%]{0,30}", 0usize..30), 1..40)) {
        const KEYS: [&str; 30] = [
            "role", "master_host", "master_port", "master_link_status", "slave_repl_offset", "master_repl_offset", "master_link_down_since_seconds",
            "slave0", "slave1", "slave99999999999", "db0", "db4294967296", "dbx", "redis_version", "valkey_version", "run_id", "loading",
            "loading_loaded_perc", "loading_total_bytes", "master_sync_in_progress", "master_sync_total_bytes", "master_sync_read_bytes",
            "repl_backlog_active", "repl_backlog_size", "repl_backlog_histlen", "repl_backlog_first_byte_offset", "second_repl_offset",
            "master_replid2", "slave_priority", "maxmemory",
        ];
        let mut text = String::from("role:slave\n");
        for (value, key) in values {
            let _ = writeln!(text, "{}:{value}", KEYS[key]);
        }
        prop_assert!(parse(&text).is_ok());
    }

    #[test]
    fn mutated_samples_never_panic(pick in any::<prop::sample::Index>(), edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..30)) {
        let all = &*SAMPLES;
        let mut bytes = all[pick.index(all.len())].1.clone().into_bytes();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(server) = parse(&String::from_utf8_lossy(&bytes)) {
            prop_assert!(server.replication.replicas.len() <= 3);
        }
    }
}

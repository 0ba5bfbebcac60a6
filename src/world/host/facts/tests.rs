//! What a host may answer, and how it is read.
#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;
use crate::topology::{Address, PersistedRole};
use proptest::prelude::*;
use std::fmt::Write as _;

fn say(pairs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (key, value) in pairs {
        let hex = value.bytes().fold(String::new(), |mut hex, b| {
            write!(hex, "{b:02x}").unwrap();
            hex
        });
        writeln!(out, "{key}={hex}").unwrap();
    }
    out
}

#[test]
fn a_look_is_read() {
    let stamp = format!("# replctl {} {}", "a".repeat(32), "b".repeat(32));
    let output = say(&[
        ("uid", "0"),
        ("user_uid", "998"),
        ("epoch", "1010"),
        ("free_kb", "2"),
        ("server", "7.0.15-abc 0123"),
        ("config_owner", "-rw-r--r-- 998"),
        (
            "config",
            &format!("{stamp}\nport 6379\nreplicaof 10.0.0.1 6379\n"),
        ),
        ("directory", "drwxr-x--- 998 /db/redis/6379"),
        ("listening", "1"),
        ("ours", "1"),
        ("thp", "[always] madvise never"),
        ("end", ""),
    ]);
    let facts = read(&output, 999..=1000).unwrap();
    assert!(facts.root && facts.huge_pages);
    assert_eq!(
        (facts.owner_uid, facts.free_bytes, facts.clock_ahead_seconds),
        (Some(998), Some(2048), Some(10))
    );
    assert_eq!(facts.listener, Listener::Ours);
    assert_eq!(facts.servers["7.0.15-abc"], "0123");
    assert_eq!(
        facts.directories["/db/redis/6379"],
        Ownership {
            mode: 0o750,
            uid: 998
        }
    );
    let config = facts.config.unwrap();
    assert_eq!(
        config.role,
        PersistedRole::ReplicaOf(Address::new("10.0.0.1", 6379))
    );
    assert_eq!(
        (config.ownership.mode, config.stamp.unwrap().to_string()),
        (0o644, stamp)
    );
}

#[test]
fn the_clock_is_compared_with_the_whole_time_of_the_look() {
    let skews: Vec<i64> = [7, 9, 10, 15, 17]
        .into_iter()
        .map(|there| ahead(there, &(9..=15)))
        .collect();
    assert_eq!(skews, [-2, 0, 0, 0, 2]);
    assert_eq!(ahead(i64::MIN, &(9..=15)), i64::MIN);
}

#[test]
fn a_cut_answer_is_no_answer() {
    assert!(read(&say(&[("uid", "0")]), 0..=0).is_err());
}

#[test]
fn who_holds_the_port_is_told() {
    let facts = |extra: &[(&str, &str)]| {
        read(
            &say(&[&[("listening", "1"), ("end", "")], extra].concat()),
            0..=0,
        )
        .unwrap()
    };
    assert_eq!(
        facts(&[]).listener,
        Listener::Foreign("a process of another user".into())
    );
    let nginx = facts(&[("pid", "7"), ("ours", ""), ("command", "nginx -g x ")]);
    assert_eq!(
        nginx.listener,
        Listener::Foreign("`nginx -g x` (pid 7)".into())
    );
}

#[test]
fn an_empty_snapshot_is_told_from_one_with_keys() {
    let head = b"REDIS0010\xfa\x09redis-ver\x067.0.15\xfa\x0aredis-bits\xc0\x40\xfa\x05ctime\xc2\x01\x02\x03\x04";
    assert!(snapshot_is_empty(
        &[head.as_slice(), b"\xff12345678"].concat()
    ));
    assert!(!snapshot_is_empty(
        &[
            head.as_slice(),
            b"\xfe\x00\xfb\x01\x00\x00\x01a\x01b\xff12345678"
        ]
        .concat()
    ));
    assert!(!snapshot_is_empty(head));
    assert!(!snapshot_is_empty(b"something else"));
}

proptest! {
    #[test]
    fn any_answer_is_read_without_a_panic(output in "(([a-z_]{1,12}|end|config|config_owner|dump|directory|server)=([0-9a-f]{0,40}|\\PC*)\n){0,20}end=\n") {
        let _ = read(&output, 0..=0);
    }

    #[test]
    fn any_snapshot_is_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = snapshot_is_empty(&[b"REDIS0011".as_slice(), &bytes].concat());
    }
}

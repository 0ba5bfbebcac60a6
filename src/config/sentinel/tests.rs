//! The whole text of a Sentinel's file, and what changes it.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::config::directives::parse as directives;
use crate::inventory::parse::parse;
use std::path::Path;

fn inventory(sentinel: &str) -> Inventory {
    let text = format!(
        "[deployment]\nname = \"orders\"\npassword = {{ env = \"X\" }}\n[[node]]\nname = \"a\"\naddress = \"10.0.0.1\"\n[[node]]\nname = \"b\"\naddress = \"10.0.0.2\"\nannounce = \"203.0.113.2\"\nreplicaof = \"a\"\n[sentinel]\n{sentinel}\n"
    );
    parse(Path::new("i"), &text).unwrap()
}

fn rendered(inventory: &Inventory, n: usize, names: bool) -> Rendered {
    let settings = inventory.sentinel.as_ref().unwrap();
    let begin = SentinelFile {
        primary: &Address::new("10.0.0.1", 6379),
        names,
        modern: true,
    };
    render(
        inventory,
        settings,
        &settings.nodes[n],
        Supervision::Systemd,
        begin,
    )
}

/// The file of the Sentinel beside `a`, below its stamp.
const WHOLE: &str = "\
# Begun by replctl. The Sentinel itself keeps it: who it is, what it has learned, its last failover.
# Change the inventory and run `replctl sentinel setup`, which tells it by SENTINEL SET.

# in the foreground: systemd keeps it running
daemonize no
supervised no

# the addresses to listen on: the host's own, and loopback for tools on it
bind 10.0.0.1 127.0.0.1

# whether to refuse other hosts while no password is set: the other Sentinels are such
protected-mode no

# the port to listen on
port 26379

# where the pid file and the log file are kept
pidfile /db/redis/26379/pid/sentinel_26379.pid
logfile /db/redis/26379/logs/sentinel_26379.log

# its own directory
dir /db/redis/26379/

# where the other Sentinels and the clients reach it
sentinel announce-ip 10.0.0.1
sentinel announce-port 26379

# the deployment it watches
sentinel monitor orders 10.0.0.1 6379 2
sentinel auth-pass orders ${replctl:password}
sentinel down-after-milliseconds orders 5000
sentinel failover-timeout orders 60000
sentinel parallel-syncs orders 1
";

#[test]
fn a_file_says_who_it_is_and_whom_it_watches() {
    let inventory = inventory("nodes = [\"a\", \"b\", \"10.0.0.9\"]");
    let text = rendered(&inventory, 0, false).text;
    let (stamp, rest) = text.split_once('\n').unwrap();
    assert!(Stamp::of(stamp).is_some(), "{stamp}");
    assert_eq!(rest, WHOLE);
    let other = rendered(&inventory, 1, false).text;
    assert!(
        other.contains("\nsentinel announce-ip 203.0.113.2\nsentinel announce-port 26379\n"),
        "{other}"
    );
}

#[test]
fn a_password_of_their_own_closes_it() {
    let inventory =
        inventory("nodes = [\"a\", \"b\", \"db9.example.org\"]\npassword = { env = \"S\" }");
    let text = rendered(&inventory, 2, true).text;
    for line in [
        "protected-mode yes",
        "requirepass ${replctl:sentinel-password}",
        "sentinel sentinel-pass ${replctl:sentinel-password}",
        "sentinel resolve-hostnames yes",
    ] {
        assert!(text.lines().any(|l| l == line), "no `{line}` in {text}");
    }
    assert!(!text.contains("announce-ip"), "{text}");
}

#[test]
fn the_stamp_is_of_what_takes_a_restart() {
    let stamp = |sentinel: &str| rendered(&inventory(sentinel), 0, false).stamp;
    let usual = stamp("nodes = [\"a\", \"b\"]");
    assert_eq!(
        usual,
        stamp("nodes = [\"a\"]\nquorum = 1\nfailover-timeout = 7")
    );
    assert_ne!(usual, stamp("nodes = [\"a\", \"b\"]\nport = 26380"));
    assert_ne!(
        usual,
        stamp("nodes = [\"a\", \"b\"]\npassword = { env = \"S\" }")
    );
}

#[test]
fn what_a_sentinel_has_made_of_its_file_is_read() {
    let text = "port 26379\nsentinel myid 8f7e\nsentinel monitor other 10.9.9.9 6379 1\nsentinel monitor orders 10.0.0.2 6380 2\nsentinel down-after-milliseconds orders 6000\nsentinel failover-timeout other 7\nsentinel config-epoch orders 3\n";
    let (primary, rules) = watches(&directives(text), "orders").unwrap();
    assert_eq!(primary, Address::new("10.0.0.2", 6380));
    let wanted = SentinelRules {
        quorum: 2,
        down_after_ms: 6_000,
        failover_timeout_ms: 180_000,
        parallel_syncs: 1,
    };
    assert_eq!(rules, wanted);
    assert_eq!(watches(&directives(text), "m"), None);
    assert_eq!(
        watches(&directives("sentinel monitor m x\nsentinel"), "m"),
        None
    );
    // What is written can be read.
    let inventory = inventory("nodes = [\"a\", \"b\", \"10.0.0.9\"]");
    let own = directives(&rendered(&inventory, 0, false).text);
    let rules = inventory.sentinel.unwrap().rules;
    assert_eq!(
        watches(&own, "orders"),
        Some((Address::new("10.0.0.1", 6379), rules))
    );
}

//! Deployments that Sentinels watch, found from a Sentinel or from a server.

use super::{Finder, at, print};
use crate::support::Trio;
use crate::support::rotation::each_family;
use crate::support::sentinel::{LocalSentinel, NAME, three};
use crate::support::server::Family;
use crate::support::{await_that, inventory::write_password};
use std::time::Duration;

#[test]
fn a_sentinel_is_a_start_as_good_as_a_server() {
    each_family(|_, family| {
        let trio = Trio::start(family, &[]);
        let sentinels = three(family, trio.servers[0].port, 60_000, None);
        let before: Vec<String> = trio.servers.iter().map(print).collect();
        for start in [sentinels[1].port, trio.servers[2].port] {
            let finder = Finder::new();
            let ran = finder.run(&at(start), &[]).ok();
            ran.says(&format!(
                "3 servers; 3 Sentinels watch them as `{NAME}`, quorum 2"
            ));
            let text = finder.text();
            let table: toml::Table = text.parse().unwrap();
            assert_eq!(table["deployment"]["name"].as_str(), Some(NAME));
            assert_eq!(table["sentinel"]["name"].as_str(), Some(NAME));
            assert!(table["sentinel"].get("nodes").is_none(), "{text}");
            for sentinel in &sentinels {
                assert!(text.contains(&at(sentinel.port)), "{text}");
            }
            finder.is_used(2);
            let told = finder.operator.run(&["sentinel", "status"]).ok();
            told.says(&at(sentinels[0].port));
        }
        let after: Vec<String> = trio.servers.iter().map(print).collect();
        assert_eq!(after, before, "{}", family.name);
    });
}

#[test]
fn sentinels_with_a_password_of_their_own_are_named() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[]);
    let sentinels = three(family, trio.servers[0].port, 60_000, Some("hush-sentinel"));
    for start in [sentinels[0].port, trio.servers[0].port] {
        let finder = Finder::new();
        let secret = write_password(finder.operator.home(), "hush-sentinel");
        let words = ["--sentinel-password-file", secret.to_str().unwrap()];
        // The other Sentinels would get it.
        let refused = finder.run(&at(start), &words).code(3);
        refused.says("the password of the Sentinels would go to addresses");
        finder.assert_nothing();
        let words = [&words[..], &["--yes"]].concat();
        finder.run(&at(start), &words).ok();
        let text = finder.text();
        assert!(!text.contains("hush"), "{text}");
        let table: toml::Table = text.parse().unwrap();
        let nodes = table["sentinel"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), 3, "{text}");
        assert_eq!(table["sentinel"]["quorum"].as_integer(), Some(2));
        finder.is_used(2);
        finder.operator.run(&["sentinel", "status"]).ok();
    }
}

/// A primary with two replicas, and a Sentinel that knows all of them and acts on no death.
fn watched(family: &'static Family) -> (Trio, LocalSentinel) {
    let trio = Trio::start(family, &[]);
    let sentinel = LocalSentinel::start(family, trio.servers[0].port, 600_000, None);
    await_that("the replicas to be known", Duration::from_secs(30), || {
        sentinel.field("num-slaves") == "2"
    });
    (trio, sentinel)
}

#[test]
fn a_sentinel_knows_replicas_of_a_dead_primary() {
    let Some(family) = Family::debian() else {
        return;
    };
    let (trio, sentinel) = watched(family);
    trio.servers[0].kill9();
    let finder = Finder::new();
    let ran = finder.run(&at(sentinel.port), &[]).ok();
    ran.says("2 servers")
        .says("not reached: connection refused");
    let port = |i: usize| trio.servers[i].port;
    let mut nodes = finder.nodes();
    nodes.sort_unstable();
    let mut wanted = vec![
        (port(0), None),
        (port(1), Some(port(0))),
        (port(2), Some(port(0))),
    ];
    wanted.sort_unstable();
    assert_eq!(nodes, wanted);
}

#[test]
fn of_several_deployments_of_a_sentinel_one_is_chosen_by_name() {
    let Some(family) = Family::debian() else {
        return;
    };
    let (one, other) = (family.start(&[]), family.start(&[]));
    let lines = [format!("sentinel monitor Other 127.0.0.1 {} 1", other.port)];
    let sentinel = LocalSentinel::start_with(family, one.port, 60_000, None, &lines);
    let finder = Finder::new();
    let refused = finder.run(&at(sentinel.port), &[]).code(2);
    refused
        .says("watches 2 deployments")
        .says("--name")
        .says("Other");
    finder.assert_nothing();
    finder.run(&at(sentinel.port), &["--name", NAME]).ok();
    assert_eq!(finder.nodes(), [(one.port, None)]);
}

/// A replica that somebody detached: both are primaries, and the Sentinel knows both.
#[test]
fn two_primaries_are_both_written_and_said() {
    let Some(family) = Family::debian() else {
        return;
    };
    let (trio, sentinel) = watched(family);
    // Within the ten seconds that a Sentinel takes to make it a replica again.
    let told = trio.servers[2]
        .client()
        .command(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(told.text(), "OK");
    let finder = Finder::new();
    let ran = finder.run(&at(sentinel.port), &[]).ok();
    ran.says("it is a primary beside `localhost-");
    let port = |i: usize| trio.servers[i].port;
    let nodes = finder.nodes();
    assert_eq!(nodes[0], (port(0), None));
    assert!(nodes.contains(&(port(2), Some(port(0)))), "{nodes:?}");
    assert!(finder.text().contains("# it is a primary, too;"));
}

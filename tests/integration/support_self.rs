//! Tests of the test tools: a writer that misses a loss would make every other test worthless. The
//! hosts are in `support_hosts.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::support::{
    Family, InventoryText, Load, LocalServer, RawRedis, Reply, Sshds, Style, Writer,
    allowing_for_load, figure, not_run_on, process, rotation, server,
};
use std::process::Command;
use std::time::{Duration, Instant};

const ALL_STYLES: [Style; 5] = [
    Style::Set,
    Style::Transaction,
    Style::Lua,
    Style::Pipelined(50),
    Style::Blocking,
];

fn debian(directives: &[&str]) -> Option<LocalServer> {
    Family::debian().map(|f| f.start(directives))
}

#[test]
fn a_writer_loses_nothing_on_a_stable_server_and_is_fast() {
    let Some(server) = debian(&[]) else { return };
    let started = Instant::now();
    let writer = Writer::start(Load::plain(&[server.port]));
    writer.await_more(20_000, Duration::from_secs(20));
    let tally = writer.stop();
    let rate = tally.acknowledged() as u128 * 1000 / started.elapsed().as_millis();
    figure(&format!(
        "{rate} acknowledged writes/s over 4 connections, longest gap {:.1} ms",
        tally.longest_gap_ms()
    ));
    assert!(rate > 5_000, "only {rate} acknowledged writes per second");
    assert!(tally.errors().is_empty(), "{:?}", tally.errors());
    tally.nothing_lost(server.address());
}

#[test]
fn every_family_takes_every_style_of_write() {
    rotation::each_family(|_, family| {
        let server = family.start(&[]);
        let writer = Writer::start(Load::plain(&[server.port]).styles(&ALL_STYLES));
        writer.await_more(5_000, Duration::from_secs(20));
        let tally = writer.stop();
        assert!(
            tally.errors().is_empty(),
            "{}: {:?}",
            family.name,
            tally.errors()
        );
        tally.nothing_lost(server.address());
    });
}

#[test]
fn every_lost_write_is_found_whatever_its_style() {
    let Some(server) = debian(&[]) else { return };
    for style in ALL_STYLES {
        let writer = Writer::start(Load::plain(&[server.port]).styles(&[style]));
        writer.await_more(50, Duration::from_secs(10));
        let tally = writer.stop();
        tally.nothing_lost(server.address());
        assert_eq!(server.client().command(&["FLUSHALL"]).text(), "OK");
        let keys = if style == Style::Transaction { 2 } else { 1 };
        assert_eq!(
            tally.lost(server.address()).len(),
            tally.acknowledged() * keys,
            "{style:?}"
        );
    }
}

#[test]
fn a_single_lost_write_is_found() {
    let Some(server) = debian(&[]) else { return };
    let writer = Writer::start(Load::plain(&[server.port]));
    writer.await_more(1_000, Duration::from_secs(10));
    let tally = writer.stop();
    assert_eq!(server.client().command(&["DEL", "w2:7"]), Reply::Integer(1));
    assert_eq!(
        server
            .client()
            .command(&["SET", "w3:8", "another value"])
            .text(),
        "OK"
    );
    assert_eq!(tally.lost(server.address()), ["w2:7", "w3:8"]);
}

#[test]
fn a_writer_goes_to_the_next_node_and_shows_the_gap() {
    let (Some(first), Some(second)) = (debian(&[]), debian(&[])) else {
        return;
    };
    let writer = Writer::start(Load::plain(&[first.port, second.port]).styles(&ALL_STYLES));
    writer.await_more(500, Duration::from_secs(10));
    // The first stays frozen for a while, and then dies.
    first.pause();
    std::thread::sleep(Duration::from_millis(300));
    first.kill9();
    writer.await_more(500, Duration::from_secs(10));
    let tally = writer.stop();
    assert!(
        tally.longest_gap_ms() >= 290.0 && tally.longest_gap_ms() < 5_000.0,
        "{}",
        tally.longest_gap_ms()
    );
    assert!(!tally.errors().is_empty());
    let lost = tally.lost(second.address()).len();
    assert!(
        lost >= 500 && lost < tally.acknowledged() * 2,
        "what only the first had is lost: {lost}"
    );
}

#[test]
fn a_writer_leaves_a_server_that_became_a_replica() {
    let (Some(first), Some(second)) = (debian(&[]), debian(&[])) else {
        return;
    };
    let writer = Writer::start(Load::plain(&[first.port, second.port]));
    writer.await_more(500, Duration::from_secs(10));
    first.follow(&second);
    writer.await_more(500, Duration::from_secs(10));
    let tally = writer.stop();
    assert!(
        tally.errors().keys().any(|e| e.starts_with("READONLY")),
        "{:?}",
        tally.errors()
    );
    assert!(
        !tally.lost(second.address()).is_empty(),
        "a careless change of the primary loses what was written before"
    );
}

#[test]
fn a_throttled_writer_keeps_its_pace() {
    let Some(server) = debian(&[]) else { return };
    let mut load = Load::plain(&[server.port]);
    load.per_second = Some(20);
    let writer = Writer::start(load);
    std::thread::sleep(Duration::from_secs(1));
    let count = writer.stop().acknowledged();
    assert!(
        (20..=84).contains(&count),
        "{count} writes in a second over 4 connections"
    );
}

#[test]
fn the_client_reads_what_servers_say() {
    let Some(server) = debian(&["requirepass secret", "databases 7"]) else {
        return;
    };
    let mut client = server.client();
    assert!(client.command(&["GET", "k"]).text().starts_with("NOAUTH"));
    let wrong = RawRedis::connect(
        &crate::support::Net::Machine,
        server.address(),
        Some("wrong"),
        Duration::from_secs(5),
    );
    assert!(wrong.is_err_and(|e| e.to_string().contains("WRONGPASS")));
    assert_eq!(client.command(&["AUTH", "secret"]).text(), "OK");
    assert_eq!(client.command(&["GET", "k"]), Reply::Bulk(None));
    assert_eq!(
        client.command(&["SET", "k", "a\r\nb"]),
        Reply::Simple("OK".into())
    );
    assert_eq!(client.command(&["GET", "k"]).text(), "a\r\nb");
    assert_eq!(
        client.command(&["MGET", "k", "l"]).items(),
        [Reply::Bulk(Some(b"a\r\nb".to_vec())), Reply::Bulk(None)]
    );
    assert_eq!(client.command(&["INCRBY", "n", "-3"]), Reply::Integer(-3));
    assert_eq!(client.config("databases"), "7");
    assert_eq!(client.info("replication")["role"], "master");
    server.pause();
    let started = Instant::now();
    let mut hurried = RawRedis::connect(
        &crate::support::Net::Machine,
        server.address(),
        None,
        Duration::from_millis(200),
    )
    .unwrap();
    assert!(
        hurried.try_command(&["PING"]).is_err(),
        "a frozen server does not answer"
    );
    assert!(started.elapsed() < allowing_for_load(Duration::from_secs(2)));
    server.resume();
}

#[test]
fn a_server_ends_and_starts_again() {
    let Some(mut server) = debian(&[]) else {
        return;
    };
    let pid = server.pid();
    assert!(server.is_alive());
    server.kill9();
    crate::support::await_that("its end", Duration::from_secs(5), || !server.is_alive());
    server.restart();
    assert_ne!(server.pid(), pid);
    let pid = server.pid();
    drop(server);
    assert!(
        !std::path::Path::new(&format!("/proc/{pid}")).exists(),
        "it outlives its test"
    );
}

#[test]
fn a_command_that_hangs_is_killed_and_its_output_shown() {
    let hung = std::panic::catch_unwind(|| {
        let line = "echo so far; sleep 600 & echo $! >&2; wait";
        process::run(
            Command::new("sh").args(["-c", line]),
            Duration::from_millis(500),
        )
    });
    let message = *hung.expect_err("no deadline").downcast::<String>().unwrap();
    assert!(message.contains("so far"), "{message}");
    let child = message.rsplit_once("-- stderr\n").unwrap().1.trim();
    crate::support::await_that("the end of what it started", Duration::from_secs(5), || {
        std::fs::read_to_string(format!("/proc/{child}/stat")).map_or(true, |s| s.contains(") Z "))
    });
}

#[test]
fn inventories_are_written_as_they_should_be() {
    let Some(sshds) = Sshds::start(2) else { return };
    let mut text =
        InventoryText::on_sshds(&sshds, &["master", "slave1"], None).config("maxmemory", "1gb");
    text.node_mut("slave1").lines.push("priority = 10".into());
    let file = crate::support::inventory::write_password(sshds.folder(), "secret");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let written = std::fs::read_to_string(text.password_file(&file).write(sshds.folder())).unwrap();
    let parsed: toml::Table = written.parse().unwrap();
    assert_eq!(
        parsed["deployment"]["password"]["file"].as_str(),
        file.to_str()
    );
    assert_eq!(
        parsed["server"]["config"]["maxmemory"].as_str(),
        Some("1gb")
    );
    let nodes = parsed["node"].as_array().unwrap();
    assert_eq!(nodes[1]["replicaof"].as_str(), Some("master"));
    assert_eq!(
        nodes[1]["ssh"]["port"].as_integer(),
        Some(sshds.hosts()[1].port.into())
    );
    assert_ne!(nodes[0]["port"], nodes[1]["port"]);
}

#[test]
fn what_cannot_run_is_said() {
    let list = tempfile::NamedTempFile::new().unwrap();
    let said = std::panic::catch_unwind(|| not_run_on(list.path(), "only a test of saying so"));
    assert_eq!(said.is_err(), crate::support::strict());
    let text = std::fs::read_to_string(list.path()).unwrap();
    assert_eq!(
        text.contains("what_cannot_run_is_said: only a test of saying so"),
        said.is_ok()
    );
}

/// Otherwise a server would be tested nowhere, and no one would notice.
#[test]
fn every_server_has_its_turn_and_each_scenario_has_one_of_each_kind() {
    let there: Vec<&str> = server::every_server().iter().map(|f| f.name).collect();
    let mut left = there.clone();
    for scenario in ["lost::one", "lost::two", "undo::some_other", "undo::a"] {
        let chosen = rotation::chosen(scenario, &there);
        assert_eq!(chosen, rotation::chosen(scenario, &there));
        assert!(chosen.contains(&"redis-6.0") || !there.contains(&"redis-6.0"));
        let same = |name: &&&str| ["debian", "embedded"].contains(*name);
        assert!(chosen.iter().filter(same).count() <= 1, "{chosen:?}");
        left.retain(|name| !chosen.contains(name));
    }
    assert!(left.is_empty(), "no turn for {left:?} of {there:?}");
    assert_eq!(rotation::chosen("x", &["redis-6.2"]), ["redis-6.2"]);
}

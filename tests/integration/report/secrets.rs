//! No secret is in a report, a journal or any output, whoever repeats it.

use super::*;
use crate::report::bench::{Bench, PASSWORD};
use crate::support::inventory::write_password;
use crate::support::process::Ran;
use crate::support::{Net, RawRedis, await_that};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// Every file below a folder that holds the text.
fn holding(folder: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(this) = open.pop() {
        for entry in std::fs::read_dir(&this).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(text) {
                found.push(path);
            }
        }
    }
    found
}

#[track_caller]
fn silent(ran: Ran, secret: &str) -> Ran {
    assert!(
        !ran.stdout.contains(secret) && !ran.stderr.contains(secret),
        "{ran}"
    );
    ran
}

/// Two servers with that password, the second a replica of the first.
fn guarded(family: &Family, secret: &str) -> [LocalServer; 2] {
    let protect = [
        format!("requirepass {secret}"),
        format!("masterauth {secret}"),
        BACKLOG.to_owned(),
    ];
    let protect: Vec<&str> = protect.iter().map(String::as_str).collect();
    let servers = [(); 2].map(|()| family.start(&protect));
    let connect = |n: usize| {
        let (address, within) = (servers[n].address(), Duration::from_secs(5));
        RawRedis::connect(&Net::Machine, address, Some(secret), within).unwrap()
    };
    connect(1).command(&["REPLICAOF", "127.0.0.1", &servers[0].port.to_string()]);
    connect(0).command(&["SET", "k", "v"]);
    await_that("the key to arrive", Duration::from_secs(10), || {
        connect(1).command(&["GET", "k"]).text() == "v"
    });
    servers
}

/// A port without a real server may repeat everything it gets, the password first.
#[test]
fn a_port_that_repeats_the_password_gets_it_nowhere() {
    const CANARY: &str = "canary-canary-canary";
    let Some(family) = Family::debian() else {
        return;
    };
    let servers = guarded(family, CANARY);
    let echo = echo();
    let operator = Replctl::new();
    let password = write_password(operator.home(), CANARY);
    let mut text = InventoryText::new("orders")
        .without_sudo()
        .password_file(&password);
    for (name, port) in [
        ("master", servers[0].port),
        ("slave1", servers[1].port),
        ("slave2", echo),
    ] {
        let node = NodeText::new(name, "127.0.0.1").port(port).ssh_port(1);
        text = text.node(if name == "master" {
            node
        } else {
            node.replicaof("master")
        });
    }
    let file = text.write(operator.home());
    let operator = operator.inventory(&file);
    silent(operator.run(&["status"]), CANARY).says("something else than a Redis");
    silent(operator.run(&["status", "--json"]), CANARY);
    silent(
        operator
            .run(&["move", "slave2", "--under", "slave1"])
            .code(3),
        CANARY,
    )
    .says("something else than a Redis");
    silent(
        operator.run(&["promote", "slave1", "--yes", "--verbose"]),
        CANARY,
    )
    .ok();
    silent(operator.run(&["report", "last"]).ok(), CANARY);
    silent(operator.run(&["history", "--json"]).ok(), CANARY);
    assert_eq!(holding(operator.home(), CANARY), [password]);
}

/// A port that sends back what it gets.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = [0; 4096];
            let got = stream.read(&mut bytes).unwrap_or(0);
            let _ = stream.write_all(&bytes[..got]);
        }
    });
    port
}

/// A setup sends the password, and the operator's own secrets in the directives. Servers without
/// CONFIG repeat its arguments.
#[test]
fn a_report_of_a_setup_has_no_secret() {
    let Some(mut bench) = Bench::new(2) else {
        return;
    };
    bench.run(&["setup", "--yes"]).ok();
    let first = report(&bench.operator);
    assert!(!first.contains(PASSWORD), "{first}");
    assert!(first.contains("a script over SSH"), "{first}");
    assert!(row(under(&first, "The deployment before"), "master").contains("| no answer |"));
    assert!(
        row(under(&first, "The deployment after"), "slave1").contains("| replica | master | up |")
    );
    let proved = under(&first, "What was proved");
    assert!(proved.contains("a write was read on 1 replica"), "{proved}");
    assert_eq!(under(&first, "What was left").trim(), "Nothing.");
    // The running server gets another masterauth by hand; setup mends it, under a server that
    // repeats what it is told.
    assert_eq!(
        bench
            .client(1)
            .command(&["CONFIG", "SET", "masterauth", "of-somebody-else"])
            .text(),
        "OK"
    );
    bench.text = bench
        .text
        .clone()
        .config("tls-key-file-pass", "canary-in-the-config");
    bench.write();
    let ran = bench.run(&["setup", "--yes", "--verbose"]);
    let second = report(&bench.operator);
    for secret in [PASSWORD, "canary-in-the-config", "of-somebody-else"] {
        assert!(!second.contains(secret), "{second}");
        silent(ran.clone(), secret);
    }
    assert!(
        second.contains("`CONFIG SET masterauth (secret)`"),
        "{second}"
    );
    assert!(
        second.contains("takes `tls-key-file-pass (secret)` only at a restart"),
        "{second}"
    );
    figure(&format!("report of a setup: {} bytes", first.len()));
}

//! The whole program through each transport: `setup` of bare hosts, `status` through tunnels, a
//! promotion, and nothing left to do; and the messages about hosts that refuse access. The
//! installed `ssh` makes one connection, asks on the terminal, and leaves nothing behind.

use super::bench::{Bench, NAMES};
use crate::support::{await_that, figure};
use std::process::Command;
use std::time::Duration;

/// A bench whose hosts are reached only through that transport, also for `status`.
fn bench(transport: &str) -> Option<Bench> {
    let mut bench = Bench::new(2)?;
    bench.text = bench.text.clone().each_node("via = \"ssh\"");
    if transport == "local" {
        for name in &NAMES[..2] {
            let node = bench.text.node_mut(name);
            node.ssh_port = None;
            node.lines
                .push("ssh = { transport = \"local\" }".to_owned());
        }
    } else {
        bench.text = bench.text.clone().ssh("transport", transport);
    }
    bench.write();
    let runtime = bench.folder().join("runtime");
    std::fs::create_dir(&runtime).unwrap();
    bench.operator =
        std::mem::take(&mut bench.operator).env("XDG_RUNTIME_DIR", runtime.to_str().unwrap());
    Some(bench)
}

/// How many logins the hosts have seen.
fn logins(bench: &Bench) -> usize {
    let host = |name: &str| {
        let log = bench.sshds.folder().join(name).join("log");
        let text = std::fs::read_to_string(log).unwrap_or_default();
        text.matches("Accepted publickey").count()
    };
    host("h1") + host("h2")
}

/// The remains of the installed `ssh`: folders of control sockets, and processes with them in their
/// command lines.
fn left(bench: &Bench) -> Vec<String> {
    let runtime = bench.folder().join("runtime");
    let folders = std::fs::read_dir(&runtime).unwrap().flatten();
    let mut found: Vec<String> = folders.map(|e| e.path().display().to_string()).collect();
    let needle = format!("ControlPath={}", runtime.display());
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).contains(&needle) {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

#[track_caller]
fn nothing_left(bench: &Bench) {
    await_that("the end of every ssh", Duration::from_secs(5), || {
        left(bench).is_empty()
    });
}

fn story(transport: &str) {
    let Some(bench) = bench(transport) else {
        return;
    };
    killed(&bench);
    let first = bench.run(&["setup", "--yes"]).ok().says("with 1 replica");
    bench.in_sync(0);
    let before = logins(&bench);
    let looked = bench.run(&["status"]).ok();
    match transport {
        "openssh" => assert_eq!(
            logins(&bench) - before,
            2,
            "not one connection a host: {looked}"
        ),
        "local" => {
            assert_eq!(logins(&bench), 0);
            // The home of its own that the operator has does not count: all hold the same lock.
            assert!(!bench.operator.home().join(".replctl.lock").exists());
        }
        _ => assert!(logins(&bench) > before),
    }
    bench.run(&["promote", "slave1", "--yes"]).ok();
    bench.in_sync(1);
    bench.run(&["setup", "--yes"]).ok().says("Nothing to do");
    nothing_left(&bench);
    figure(&format!(
        "{transport}: setup {:?}, status {:?}",
        first.took, looked.took
    ));
    if transport == "openssh" {
        refused(&bench);
        on_a_terminal(&bench);
    }
}

/// Hosts that let nobody in, and those that are not trusted.
fn refused(bench: &Bench) {
    let known = bench.sshds.known_hosts();
    let text = std::fs::read_to_string(&known).unwrap();
    std::fs::write(&known, "").unwrap();
    let ran = bench.run(&["setup", "--yes"]);
    assert_ne!(ran.code, Some(0), "{ran}");
    let ran = ran
        .says("Host key verification failed")
        .says("--accept-new-host-keys");
    assert!(std::fs::read_to_string(&known).unwrap().is_empty(), "{ran}");
    bench
        .run(&["setup", "--yes", "--accept-new-host-keys"])
        .ok()
        .says("Nothing to do");
    assert_eq!(std::fs::read_to_string(&known).unwrap().lines().count(), 2);
    let swapped: Vec<&str> = text.lines().rev().collect();
    let port = |line: &str| line.split(' ').next().unwrap().to_owned();
    let key = |line: &str| line.split_once(' ').unwrap().1.to_owned();
    let wrong = format!(
        "{} {}\n{} {}\n",
        port(swapped[0]),
        key(swapped[1]),
        port(swapped[1]),
        key(swapped[0])
    );
    std::fs::write(&known, wrong).unwrap();
    let ran = bench.run(&["setup", "--yes"]);
    assert_ne!(ran.code, Some(0), "{ran}");
    ran.says("HAS CHANGED");
    std::fs::write(&known, text).unwrap();
    nothing_left(bench);
}

/// `ssh` asks for a passphrase: once, though there are two hosts.
fn on_a_terminal(bench: &Bench) {
    let key = bench.sshds.key();
    let passphrase = |old: &str, new: &str| {
        let mut command = Command::new("ssh-keygen");
        command
            .args(["-q", "-p", "-P", old, "-N", new, "-f"])
            .arg(&key);
        assert!(command.status().unwrap().success());
    };
    passphrase("", "open sesame");
    let ran = bench.run(&["setup", "--yes"]);
    assert_ne!(ran.code, Some(0), "{ran}");
    ran.says("Permission denied");
    let mut terminal = bench.operator.terminal(30, &["setup", "--yes"]);
    terminal.exp_string("Passphrase of").unwrap();
    terminal.send_line("open sesame").unwrap();
    let rest = terminal.exp_string("Nothing to do").unwrap();
    assert!(rest.matches("[hidden]").count() == 1, "asked twice: {rest}");
    terminal.exp_eof().unwrap();
    passphrase("open sesame", "");
    nothing_left(bench);
}

/// The shells that do scripts on the hosts of this bench: begun by sshd, or by that operator.
fn shells(bench: &Bench, operator: i32) -> Vec<i32> {
    let ports: Vec<String> = bench
        .text
        .nodes()
        .iter()
        .filter_map(|node| node.ssh_port)
        .map(|port| format!(" {port}"))
        .collect();
    let is_one = |pid: i32| {
        let file = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let text = |name: &str| String::from_utf8_lossy(&file(name)).into_owned();
        let by_sshd = |line: &str| {
            line.starts_with("SSH_CONNECTION=") && ports.iter().any(|port| line.ends_with(port))
        };
        let by_us =
            |(_, after): (&str, &str)| after.split(' ').nth(1) == Some(&operator.to_string());
        text("cmdline").contains("read -r replctl_m")
            && (text("stat").rsplit_once(") ").is_some_and(by_us)
                || text("environ").split('\0').any(by_sshd))
    };
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    all.filter(|pid| is_one(*pid)).collect()
}

/// replctl is killed during a look: its connections, and the shells on its hosts, end with it.
/// Only an empty folder stays.
fn killed(bench: &Bench) {
    let connections = || {
        left(bench)
            .iter()
            .filter(|l| l.starts_with("/proc"))
            .count()
    };
    let caught = (0..10).find_map(|_| {
        let mut running = bench.operator.start(&["setup", "--dry-run"]);
        let mut found = Vec::new();
        while found.is_empty() && !running.has_ended() {
            found = shells(bench, running.pid());
        }
        let caught = !found.is_empty() && !running.has_ended();
        running.kill9();
        caught.then_some(found)
    });
    let caught = caught.expect("it is too fast to be killed");
    await_that(
        "the end of every shell and ssh",
        Duration::from_secs(5),
        || {
            let runs = |pid: &i32| {
                let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                String::from_utf8_lossy(&line).contains("read -r replctl_m")
            };
            connections() == 0 && !caught.iter().any(runs)
        },
    );
    for folder in left(bench) {
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn the_same_through_each_transport() {
    std::thread::scope(|scope| {
        for transport in ["builtin", "openssh", "local"] {
            scope.spawn(move || story(transport));
        }
    });
}

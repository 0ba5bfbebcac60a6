//! `setup` on separate bare hosts: with systemd, without it, and with only busybox. Failures are in
//! `setup_lab/faults.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod bench;
mod cost;
mod faults;
mod foreign;
mod logins;
pub mod many;
mod others;
mod refused;

use crate::support::{Flavour, Lab, NodeText, await_that, figure};
use bench::{Bench, NAMES, hosts};
use std::time::Duration;

/// Who owns what and who may read it, on a host where the service user exists.
fn files_are_closed(bench: &Bench, host: &str) {
    let line = "cd /db/redis/6379 && stat -c '%a %U %n' . conf conf/redis.cnf logs pid && ps -o user= -p $(cat pid/redis_6379.pid)";
    let said = bench.lab.inside(host, line).ok().stdout;
    let user = bench
        .lab
        .inside(host, "stat -c %U /db/redis/6379")
        .ok()
        .stdout
        .trim()
        .to_owned();
    assert_ne!(user, "root");
    for name in [".", "conf", "logs", "pid"] {
        assert!(
            said.lines().any(|l| l == format!("750 {user} {name}")),
            "{host}: {said}"
        );
    }
    assert!(
        ["600", "640"].iter().any(|m| said
            .lines()
            .any(|l| l == format!("{m} {user} conf/redis.cnf"))),
        "{host}: {said}"
    );
    assert_eq!(
        said.lines().last().map(str::trim),
        Some(user.as_str()),
        "{host}"
    );
}

/// The unit runs, starts at boot, and confines the server. The kernel's view of the process shows
/// that, not the unit's own text.
fn unit_is_closed(lab: &Lab, host: &str) {
    lab.inside(
        host,
        "systemctl is-active replctl-6379 && systemctl is-enabled replctl-6379",
    )
    .ok();
    let line = "p=$(cat /db/redis/6379/pid/redis_6379.pid); grep NoNewPrivs /proc/$p/status; grep 'core file' /proc/$p/limits; grep -cE ' /etc [^ ]+ ro' /proc/$p/mounts";
    let said = lab.inside(host, line).ok().stdout;
    let words: Vec<&str> = said.split_whitespace().collect();
    assert_eq!(words[..2], ["NoNewPrivs:", "1"], "{said}");
    assert_eq!(words[2..7], ["Max", "core", "file", "size", "0"], "{said}");
    assert_eq!(words.last(), Some(&"1"), "{said}");
}

/// A replica is rebooted and comes back by itself.
fn a_replica_reboots(bench: &Bench) {
    let lab = bench.lab;
    let boot = lab
        .inside("slave1", "cat /proc/sys/kernel/random/boot_id")
        .ok()
        .stdout;
    lab.start_inside("slave1", "systemctl reboot")
        .wait(Duration::from_secs(20));
    await_that("the reboot", Duration::from_secs(30), || {
        let now = lab.inside("slave1", "cat /proc/sys/kernel/random/boot_id");
        now.code == Some(0) && now.stdout != boot
    });
    bench.in_sync(0, &[1, 2]);
}

/// With its old snapshot it would make its replicas lose what they have.
fn a_crashed_primary_stays_down(bench: &Bench) {
    let lab = bench.lab;
    lab.inside("slave1", "kill -9 $(cat /db/redis/6379/pid/redis_6379.pid)")
        .ok();
    await_that("the unit to have failed", Duration::from_secs(10), || {
        lab.inside("slave1", "systemctl is-failed replctl-6379")
            .code
            == Some(0)
    });
    std::thread::sleep(Duration::from_secs(3));
    assert!(!bench.answers(1), "systemd started a crashed primary");
    assert_eq!(bench.client(0).command(&["GET", "kept"]).text(), "1");
    // Its log of what happened, and its replicas, are there for whoever decides.
    bench.run(&["promote", "master", "--yes"]).ok();
    bench.in_sync(0, &[2]);
}

#[test]
fn systemd_hosts_from_bare_and_over_reboots() {
    let Some(lab) = hosts(Flavour::Systemd, &[]) else {
        return;
    };
    let bench = Bench::new(&lab);
    let first = bench.run(&["setup", "--yes"]).ok();
    bench.in_sync(0, &[1, 2]);
    let second = bench.nothing_to_do();
    figure(&format!(
        "setup of three systemd hosts: first {:?}, second {:?}",
        first.took, second.took
    ));
    bench.run(&["status"]).ok();
    for host in NAMES {
        unit_is_closed(&lab, host);
        assert_eq!(
            bench
                .client(NAMES.iter().position(|n| *n == host).unwrap())
                .command(&["CONFIG", "REWRITE"])
                .text(),
            "OK"
        );
        files_are_closed(&bench, host);
    }
    assert_eq!(bench.client(0).command(&["SET", "kept", "1"]).text(), "OK");

    a_replica_reboots(&bench);
    // Roles are those of the last promotion, after all of them have been without power.
    bench.run(&["promote", "slave1", "--yes"]).ok();
    for host in NAMES {
        lab.start_inside(host, "systemctl stop replctl-6379")
            .wait(Duration::from_secs(20))
            .ok();
    }
    for host in NAMES {
        lab.kill(host);
        lab.boot(host);
    }
    lab.wait();
    bench.in_sync(1, &[0, 2]);
    assert_eq!(bench.client(0).command(&["GET", "kept"]).text(), "1");
    bench.nothing_to_do();

    a_crashed_primary_stays_down(&bench);
}

#[test]
fn light_hosts_from_bare_and_over_a_power_failure() {
    let Some(lab) = hosts(Flavour::Light, &[]) else {
        return;
    };
    let bench = Bench::new(&lab);
    // slave1 has a place for what starts at boot, the others have none.
    lab.inside(
        "slave1",
        "printf '#!/bin/sh -e\\n\\nexit 0\\n' >/etc/rc.local && chmod 755 /etc/rc.local",
    )
    .ok();
    let first = bench
        .run(&["setup", "--yes"])
        .ok()
        .says("nothing starts the server of `master` when its host boots");
    let warning = first
        .stderr
        .lines()
        .find(|l| l.contains("nothing starts the server"))
        .unwrap();
    assert!(
        warning.contains("`slave2`") && !warning.contains("`slave1`"),
        "{warning}"
    );
    bench.in_sync(0, &[1, 2]);
    let second = bench.nothing_to_do();
    figure(&format!(
        "setup of three hosts without systemd: first {:?}, second {:?}",
        first.took, second.took
    ));
    bench.run(&["status"]).ok();
    for host in NAMES {
        files_are_closed(&bench, host);
    }
    for host in ["slave1", "slave2"] {
        lab.kill(host);
        lab.boot(host);
        lab.wait_for(host);
    }
    bench.in_sync(0, &[1]);
    files_are_closed(&bench, "slave1");
    assert!(!bench.answers(2));
    bench.run(&["setup", "--yes"]).ok();
    bench.in_sync(0, &[1, 2]);
    bench.nothing_to_do();
}

#[test]
fn busybox_hosts_from_bare() {
    let Some(lab) = hosts(Flavour::Busybox, &[]) else {
        return;
    };
    let bench = Bench::new(&lab);
    let first = bench.run(&["setup", "--yes"]).ok();
    bench.in_sync(0, &[1, 2]);
    let second = bench.nothing_to_do();
    figure(&format!(
        "setup of three busybox hosts: first {:?}, second {:?}",
        first.took, second.took
    ));
    bench.run(&["status"]).ok();
    for host in NAMES {
        let said = lab
            .inside(host, "cd /db/redis/6379 && stat -c '%a %U' conf/redis.cnf && stat -c %U /proc/$(cat pid/redis_6379.pid)")
            .ok()
            .stdout;
        assert_eq!(said, "600 redis\nredis\n", "{host}");
    }
    bench.run(&["promote", "slave2", "--yes"]).ok();
    bench.nothing_to_do();
}

#[test]
fn several_nodes_share_their_hosts() {
    let Some(lab) = crate::support::Lab::up() else {
        return;
    };
    lab.host("master", "192.168.0.120", Flavour::Light);
    lab.host("slave1", "192.168.0.130", Flavour::Systemd);
    lab.wait();
    let mut bench = Bench::new(&lab);
    bench.change(|mut t| {
        t.node_mut("slave2").address = "192.168.0.120".to_owned();
        for (n, port) in [
            (6380, "192.168.0.120"),
            (6380, "192.168.0.130"),
            (6381, "192.168.0.130"),
        ] {
            let name = format!("more{}", t.nodes().len());
            t = t.node(NodeText::new(&name, port).port(n).replicaof("master"));
        }
        t.node_mut("slave2").port = 6381;
        t
    });
    let rc = "printf '#!/bin/sh -e\\n\\nexit 0\\n' >/etc/rc.local && chmod 755 /etc/rc.local";
    lab.inside("master", rc).ok();
    bench.run(&["setup", "--yes"]).ok().says("with 5 replicas");
    bench.nothing_to_do();
    for host in ["master", "slave1"] {
        lab.kill(host);
        lab.boot(host);
    }
    lab.wait();
    // All six are there again, each by its own line or unit.
    await_that(
        "six nodes after a power failure",
        Duration::from_secs(20),
        || bench.run(&["status"]).code == Some(0),
    );
    bench.nothing_to_do();
}

#[test]
fn names_are_set_together_with_the_hosts_file() {
    let Some(lab) = crate::support::Lab::up() else {
        return;
    };
    for (name, address) in [
        ("master", "192.168.0.120"),
        ("slave1", "192.168.0.130"),
        ("slave2", "192.168.0.140"),
    ] {
        lab.host_with(
            name,
            address,
            Flavour::Systemd,
            &[&format!("hostname=bare-{name}")],
        );
    }
    lab.wait();
    let mut bench = Bench::new(&lab);
    bench.change(|t| t.ssh("user", "deploy").server_raw("hostnames = true"));
    bench.run(&["setup", "--yes"]).ok();
    bench.in_sync(0, &[1, 2]);
    for host in NAMES {
        assert_eq!(
            lab.inside(host, "cat /etc/hostname; hostname").ok().stdout,
            format!("{host}\n{host}\n")
        );
        let hosts = lab
            .inside(host, "cat /etc/hosts; stat -c %a /etc/hosts")
            .ok()
            .stdout;
        for line in [
            "192.168.0.120 master",
            "192.168.0.130 slave1",
            "192.168.0.140 slave2",
            "644",
        ] {
            assert_eq!(
                hosts.lines().filter(|l| *l == line).count(),
                1,
                "{host}: {hosts}"
            );
        }
        // sudo has nothing to complain of.
        let sudo = lab.inside(host, "su deploy -c 'sudo -n true'").ok();
        assert_eq!(sudo.stderr, "", "{host}");
    }
    bench.nothing_to_do();
}

#[test]
fn the_distributions_package() {
    let Some(lab) = hosts(Flavour::Systemd, &[]) else {
        return;
    };
    let mut bench = Bench::new(&lab);
    bench.change(|t| t.server("source", "package"));
    // One host has a server of the distribution's already, which somebody uses: it is not touched.
    let first = bench.run(&["setup", "--yes"]).ok();
    bench.in_sync(0, &[1, 2]);
    let second = bench.nothing_to_do();
    figure(&format!(
        "setup of three systemd hosts with source = \"package\": first {:?}, second {:?}",
        first.took, second.took
    ));
    for host in NAMES {
        lab.inside(host, "systemctl is-active replctl-6379").ok();
        lab.inside(host, "systemctl is-active redis-server").code(3);
    }
    bench.run(&["status"]).ok();
}

//! Hosts with foreign servers: the distribution's package, the tutorial's own deployment at the
//! same path, a supervisor's, a container's. Their state is compared before and after, with
//! programs that are not ours.

use crate::setup_lab::bench::{Bench, PASSWORD, hosts};
use crate::support::{Flavour, Lab, NodeText, await_that};
use std::time::Duration;

/// All of /etc and of the servers' folders, and what systemd has: one hash each.
const PRINT: &str = "cd /; for d in etc db var/lib/redis; do [ -e $d ] || continue; \
    find $d -xdev -printf '%p %y %m %U %G %l\\n' | sort | sha256sum; \
    find $d -xdev -type f ! -name '*.log' -exec sha256sum {} + | sort | sha256sum; done; \
    systemctl list-unit-files --no-legend --no-pager | sort | sha256sum; \
    systemctl list-units --all --plain --no-legend --no-pager '*redis*' '*replctl*' '*valkey*' | awk '{ print $1, $2, $3 }'";

/// Everybody's password and a primary's address, as the servers' own files have them.
fn common(role: &str) -> String {
    format!(
        "requirepass {PASSWORD}\\nmasterauth {PASSWORD}\\nsave \"\"\\nbind 0.0.0.0\\nprotected-mode no\\n{role}"
    )
}

const REPLICA: &str = "replicaof 192.168.0.120 6379\\n";

fn prints(lab: &Lab) -> Vec<String> {
    let of = |host: &&str| lab.inside(host, PRINT).ok().stdout;
    ["master", "slave1", "slave2"].iter().map(of).collect()
}

/// The package on two hosts. On the second it is switched off, and three servers are started by
/// other means.
fn by_others(lab: &Lab) {
    let install =
        "apt-get update -qq >/dev/null 2>&1; apt-get install -y -qq redis-server >/dev/null 2>&1";
    let running: Vec<_> = ["master", "slave1"]
        .map(|h| lab.start_inside(h, install))
        .into_iter()
        .collect();
    for ran in running {
        ran.wait(Duration::from_mins(1)).ok();
    }
    let package = format!(
        "sed -i '/^bind/d; /^save/d' /etc/redis/redis.conf; printf '{}' >>/etc/redis/redis.conf; systemctl restart redis-server",
        common("")
    );
    lab.inside("master", &package).ok();
    let place = |port: u16| format!("/db/redis/{port}");
    let file = |port: u16, more: &str| {
        let own = place(port);
        format!(
            "mkdir -p {own}/conf {own}/logs {own}/pid; printf 'port {port}\\ndir {own}/\\npidfile {own}/pid/redis_{port}.pid\\nlogfile {own}/logs/redis_{port}.log\\n{}{more}' >{own}/conf/redis.cnf; chown -R ops {own}; ",
            common(REPLICA)
        )
    };
    lab.inside(
        "slave1",
        &format!(
            "systemctl disable --now redis-server 2>/dev/null; {}{}",
            file(6379, "daemonize yes\\n"),
            file(6380, "")
        ),
    )
    .ok();
    lab.inside(
        "slave1",
        "su ops -c 'redis-server /db/redis/6379/conf/redis.cnf'",
    )
    .ok();
    let keep = "cp /bin/bash /usr/local/bin/supervisord; \
        setsid /usr/local/bin/supervisord -c 'while :; do su ops -c \"exec redis-server /db/redis/6380/conf/redis.cnf\"; sleep 1; done' </dev/null >/dev/null 2>&1 &";
    lab.inside("slave1", keep).ok();
    let contained = format!(
        "mkdir -p /box; printf 'port 6381\\ndir /box\\n{}' >/box/redis.conf; setsid unshare --pid --fork redis-server /box/redis.conf </dev/null >/dev/null 2>&1 &",
        common(REPLICA)
    );
    lab.inside("slave1", &contained).ok();
}

/// `setup` names each and its kind, and changes nothing anywhere.
fn are_refused(bench: &Bench) {
    let lab = bench.lab;
    let before = prints(lab);

    let ran = bench.run(&["setup", "--yes"]).code(3);
    for what in [
        "server of `master`, and leaves it as it is: /usr/bin/redis-check-rdb (process ",
        "user redis) runs on port 6379 with /etc/redis/redis.conf, started by redis-server.service",
        "user ops) runs on port 6379 with /db/redis/6379/conf/redis.cnf, started by hand",
        "user ops) runs on port 6380 with /db/redis/6380/conf/redis.cnf, started by `su` (process ",
        "server of `boxed`",
        "it runs in a container",
        "promote, move, detach, rejoin and repair work on it",
        "to set up the others alone: replctl setup slave2",
    ] {
        assert!(ran.stderr.contains(what), "{what}: {ran}");
    }
    assert_eq!(
        ran.stderr.matches("replctl did not make").count(),
        4,
        "{ran}"
    );
    assert_eq!(prints(lab), before);
    assert!(bench.is_bare("slave2"));
    bench
        .run(&["setup", "slave1", "--yes"])
        .code(3)
        .says("replctl did not make the server of `slave1`");
    assert_eq!(prints(lab), before);
}

/// Stopped foreign servers are refused, too.
fn are_refused_when_stopped(bench: &Bench) {
    let lab = bench.lab;
    lab.inside("master", "systemctl stop redis-server").ok();
    lab.inside(
        "slave1",
        "mkdir -p /db/redis/6382/conf; echo 'port 6382' >/db/redis/6382/conf/redis.cnf",
    )
    .ok();
    let before = prints(lab);
    bench
        .run(&["setup", "master", "--yes"])
        .code(3)
        .says("redis-server.service, which is stopped, starts a server on this port with /etc/redis/redis.conf when the host boots");
    bench
        .run(&["add", "more", "--address", "192.168.0.130:6382", "--yes"])
        .code(3)
        .says("/db/redis/6382/conf/redis.cnf was written by somebody else");
    assert_eq!(prints(lab), before);
    lab.inside("master", "systemctl start redis-server").ok();
    bench.in_sync(1, &[0, 2]);
}

#[test]
fn what_others_have_set_up_is_left_alone() {
    let Some(lab) = hosts(Flavour::Systemd, &[]) else {
        return;
    };
    by_others(&lab);
    let mut bench = Bench::new(&lab);
    bench.change(|t| {
        let node = |name: &str, port| {
            NodeText::new(name, "192.168.0.130")
                .port(port)
                .replicaof("master")
        };
        t.node(node("kept", 6380)).node(node("boxed", 6381))
    });
    bench.in_sync(0, &[1]);
    await_that("the others to be linked", Duration::from_secs(20), || {
        let count = bench.client(0).info("replication")["connected_slaves"].clone();
        count == "3"
    });
    are_refused(&bench);
    // What is said to work does.
    bench.run(&["status"]).says("slave1");
    let promote = [
        "promote",
        "slave1",
        "--yes",
        "--ignore",
        "drift",
        "--ignore",
        "no-config-file",
    ];
    bench.run(&promote).ok();
    bench.in_sync(1, &[0]);

    // The bare one is set up because it is named.
    let before = prints(&lab);
    bench.run(&["setup", "slave2", "--yes"]).ok();
    bench.in_sync(1, &[0, 2]);
    assert_eq!(prints(&lab)[..2], before[..2]);
    lab.inside("slave2", "systemctl is-active replctl-6379")
        .ok();
    bench
        .run(&["setup", "slave2", "--yes"])
        .ok()
        .says("Nothing to do");

    are_refused_when_stopped(&bench);
    two_deployments(&lab, &bench);
}

/// The program of the server on a port of a host, after a restart of its unit.
fn restarted(lab: &Lab, unit: &str, port: u16) -> String {
    let line = format!(
        "systemctl restart {unit} && for i in 1 2 3 4 5 6 7 8 9; do sleep 0.3; p=$(cat /db/redis/{port}/pid/redis_{port}.pid) && [ -d /proc/$p ] && break; done; readlink /proc/$p/exe"
    );
    lab.inside("slave2", &line).ok().stdout.trim().to_owned()
}

/// A second deployment with another server on the host of the first one's replica.
fn two_deployments(lab: &Lab, first: &Bench) {
    let mine = restarted(lab, "replctl-6379", 6379);
    assert!(mine.starts_with("/db/redis/server/redis-"), "{mine}");
    let mut second = Bench::new(lab);
    second.change(|t| {
        let mut t = t.named("other").server("source", "package").alone("slave2");
        t.node_mut("slave2").port = 6390;
        t
    });
    second.run(&["setup", "--yes"]).ok();
    let other = restarted(lab, "replctl-6390", 6390);
    assert!(other.starts_with("/usr/bin/"), "{other}");
    assert_eq!(restarted(lab, "replctl-6379", 6379), mine);

    // As it was made before each had a link of its own.
    let old = "cd /db/redis/server && ln -sn $(readlink current-6379) current && rm current-6379 && \
        sed -i s,/current-6379/,/current/, /etc/systemd/system/replctl-6379.service && systemctl daemon-reload";
    lab.inside("slave2", old).ok();
    assert_eq!(restarted(lab, "replctl-6379", 6379), mine);
    first.in_sync(1, &[2]);
    let look = "cat /etc/systemd/system/replctl-6379.service; ls -l /db/redis/server";
    let before = lab.inside("slave2", look).ok().stdout;
    first
        .run(&["setup", "slave2", "--yes"])
        .ok()
        .says("`slave2` is started by /db/redis/server/current,")
        .says("but what the warnings say");
    assert_eq!(lab.inside("slave2", look).ok().stdout, before);
    first
        .run(&["status"])
        .says("pending: `slave2` is started by server/current");
    // The second is set up anew meanwhile, and does not touch it.
    lab.inside("slave2", "systemctl stop replctl-6390").ok();
    second.run(&["setup", "--yes"]).ok();
    assert_eq!(restarted(lab, "replctl-6379", 6379), mine);
    // Started for another reason, it gets its own.
    lab.inside("slave2", "systemctl stop replctl-6379").ok();
    first.run(&["setup", "slave2", "--yes"]).ok();
    first.in_sync(1, &[2]);
    assert_eq!(restarted(lab, "replctl-6379", 6379), mine);
    lab.inside("slave2", "grep -q /current-6379/ /etc/systemd/system/replctl-6379.service && rm /db/redis/server/current").ok();
    assert_eq!(restarted(lab, "replctl-6379", 6379), mine);
    first.in_sync(1, &[2]);
    first
        .run(&["setup", "slave2", "--yes"])
        .ok()
        .says("Nothing to do: ");
}

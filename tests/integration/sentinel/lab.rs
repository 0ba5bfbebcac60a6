//! Sentinels on separate hosts, over a deployment with a password that replctl has set up: replctl
//! finds them, promotes through them, and believes them.

use crate::support::deployed::{Deployed, PASSWORD, address};
use crate::support::redis::{RawRedis, Reply};
use crate::support::writer::Writer;
use crate::support::{Flavour, Lab, await_that, figure};
use std::time::{Duration, Instant};

const HOSTS: [&str; 3] = ["master", "slave1", "slave2"];

/// Starts a Sentinel on each host, from the server that `setup` has put there.
fn start_sentinels(lab: &Lab) {
    for host in HOSTS {
        let conf = format!(
            "port 26379\\ndaemonize yes\\ndir /tmp\\nlogfile /tmp/sentinel.log\\nsentinel monitor orders 192.168.0.120 6379 2\\nsentinel auth-pass orders {PASSWORD}\\nsentinel down-after-milliseconds orders 3000\\nsentinel failover-timeout orders 20000\\n"
        );
        lab.inside(
            host,
            &format!("printf '{conf}' >/tmp/sentinel.conf && /db/redis/server/current-6379/redis-sentinel /tmp/sentinel.conf"),
        )
        .ok();
    }
}

fn sentinel(lab: &Lab, host: &str, words: &[&str]) -> Reply {
    let mut at = address(host);
    at.set_port(26379);
    let mut client = RawRedis::connect(&lab.net(), at, None, Duration::from_secs(5)).unwrap();
    client.command(words)
}

fn told(lab: &Lab, host: &str) -> String {
    let reply = sentinel(
        lab,
        host,
        &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "orders"],
    );
    let Reply::Array(Some(parts)) = reply else {
        panic!("{reply:?}");
    };
    parts[0].text()
}

fn await_all_well(deployed: &Deployed) {
    await_that("the Sentinels to be well", Duration::from_secs(40), || {
        deployed.operator.run(&["sentinel", "status"]).code == Some(0)
            && HOSTS.iter().all(|h| {
                let Reply::Array(Some(all)) =
                    sentinel(deployed.lab, h, &["SENTINEL", "MASTER", "orders"])
                else {
                    return false;
                };
                let all: Vec<String> = all.iter().map(Reply::text).collect();
                all.chunks(2)
                    .any(|p| p[0] == "num-other-sentinels" && p[1] == "2")
                    && all.chunks(2).any(|p| p[0] == "num-slaves" && p[1] == "2")
            })
    });
}

/// For a minute nothing happens by itself while a client writes: Sentinels undo changes beside them
/// within half a minute. Their logs show this, too.
fn quiet_for_a_minute(deployed: &Deployed, writer: &Writer) {
    let lab = deployed.lab;
    for host in HOSTS {
        lab.inside(host, ": >/tmp/sentinel.log").ok();
    }
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_mins(1) {
        for host in HOSTS {
            let since = begun.elapsed();
            assert_eq!(told(lab, host), "192.168.0.130", "undone after {since:?}");
        }
        assert_eq!(deployed.info("slave1", "role"), "master");
        writer.await_more(100, Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(500));
    }
    for host in HOSTS {
        let log = lab.inside(host, "cat /tmp/sentinel.log").ok().stdout;
        let events = [
            "+sdown",
            "+odown",
            "failover",
            "+switch-master",
            "+convert",
            "+fix",
        ];
        let loud = events.iter().find(|event| log.contains(**event));
        assert_eq!(loud, None, "{host}: {log}");
    }
}

/// Runs beside the promotions on loopback, because it spends most of its time waiting.
pub fn sentinels_on_hosts_are_gone_through_and_their_own_failover_is_seen() {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    // The servers are reached through SSH alone, and so are the Sentinels.
    let deployed = Deployed::set_up_with(&lab, |inventory| {
        inventory
            .each_node("via = \"ssh\"")
            .raw("[sentinel]\nnodes = [\"master\", \"slave1\", \"slave2\"]\n")
    });
    deployed
        .operator
        .run(&["sentinel", "status"])
        .code(4)
        .says("0 of 3 Sentinels answer");
    start_sentinels(&lab);
    await_all_well(&deployed);
    let load = deployed.load("master");
    let writer = Writer::start(load);
    writer.await_more(500, Duration::from_secs(20));
    is_promoted(&deployed);
    await_all_well(&deployed);
    quiet_for_a_minute(&deployed, &writer);
    let tally = writer.stop();
    tally.nothing_lost(address("slave1"));
    figure(&format!(
        "3 Sentinels and 3 nodes on lab hosts: quiet for 60 s after the promotion, {} acknowledged writes, 0 lost",
        tally.acknowledged()
    ));
    dies_and_comes_back(&deployed);
}

/// `slave1` is promoted through the Sentinels, and they and the files say so.
fn is_promoted(deployed: &Deployed) {
    let lab = deployed.lab;
    let ran = deployed
        .operator
        .run_within(
            Duration::from_mins(1),
            &["promote", "slave1", "--yes", "--json"],
        )
        .ok();
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    figure(&format!(
        "promote through Sentinel on lab hosts: writes stopped {:.0} ms",
        json["writes_stopped_ms"].as_f64().unwrap()
    ));
    deployed.await_primary("slave1", &["master", "slave2"]);
    for host in HOSTS {
        assert_eq!(told(lab, host), "192.168.0.130", "{host}");
    }
    assert_eq!(deployed.persisted("slave1"), "");
    assert_eq!(deployed.persisted("master"), "replicaof 192.168.0.130 6379");
    let mode = lab
        .inside("slave1", "stat -c %a /db/redis/6379/conf/redis.cnf")
        .ok();
    assert_eq!(mode.stdout.trim(), "600", "Sentinel had the file rewritten");
}

/// The primary dies: Sentinel replaces it by itself, and replctl's report is true.
fn dies_and_comes_back(deployed: &Deployed) {
    let lab = deployed.lab;
    lab.inside(
        "slave1",
        "systemctl kill -s KILL --kill-whom=all replctl-6379.service",
    )
    .ok();
    await_that("Sentinel's own failover", Duration::from_secs(40), || {
        HOSTS.iter().all(|h| told(lab, h) != "192.168.0.130")
    });
    let chosen = if told(lab, "master") == "192.168.0.120" {
        "master"
    } else {
        "slave2"
    };
    let other = if chosen == "master" {
        "slave2"
    } else {
        "master"
    };
    deployed.await_primary(chosen, &[other]);
    deployed
        .operator
        .run(&["status"])
        .code(4)
        .says("slave1")
        .says("3 Sentinels watch");
    let said = deployed.operator.run(&["sentinel", "status"]);
    assert!(
        said.stdout.contains(&format!("{chosen} (192.168.0.")),
        "{said}"
    );
    // Back again, it is made a replica, by its file or by Sentinel.
    lab.inside("slave1", "systemctl start replctl-6379.service")
        .ok();
    deployed.await_primary(chosen, &["slave1", other]);
    await_all_well(deployed);
}

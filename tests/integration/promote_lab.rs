//! Promotions on real hosts: planned ones under writers, and those after a failure of the primary,
//! its process, its host or its network.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::support::deployed::address;
use crate::support::{
    Deployed, Flavour, Lab, Style, Writer, allowing_for_load, await_that, figure, process,
};
use std::time::Duration;

const THREE: Flavour = Flavour::Light;

#[test]
fn planned_under_writers_and_back_the_same_way() {
    let Some(lab) = Lab::of_three(THREE) else {
        return;
    };
    let deployed = Deployed::set_up(&lab);
    let mut primary = "master";
    for target in ["slave1", "master", "slave2", "master"] {
        let styles = [
            Style::Set,
            Style::Transaction,
            Style::Lua,
            Style::Pipelined(8),
        ];
        let writer = Writer::start(deployed.load(primary).styles(&styles));
        writer.await_more(1_000, Duration::from_secs(20));
        let ran = deployed
            .operator
            .run(&["promote", target, "--yes", "--json"])
            .ok();
        writer.await_more(1_000, Duration::from_secs(20));
        let tally = writer.stop();
        tally.nothing_lost(address(target));
        let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        figure(&format!(
            "promote {target} on lab hosts: writes stopped {:.1} ms, longest gap of the clients {:.0} ms, {} acknowledged writes, 0 lost",
            json["writes_stopped_ms"].as_f64().unwrap(),
            tally.longest_gap_ms(),
            tally.acknowledged()
        ));
        for node in json["nodes"].as_array().unwrap() {
            assert_eq!(node["persisted"], true, "{json:#}");
            assert!(
                node["node"] == target || node["resync"] == "partial",
                "{json:#}"
            );
        }
        primary = target;
    }
    deployed.await_primary("master", &["slave1", "slave2"]);
    assert_eq!(deployed.persisted("master"), "");
    assert_eq!(deployed.persisted("slave1"), "replicaof 192.168.0.120 6379");
    deployed.status("after four promotions", 0);
    interrupted_and_resumed(&deployed);
    interrupted_and_then_the_old_primary_is_lost(&deployed);
}

/// `promote slave1`, killed after so many lines of its journal.
fn dies_after(deployed: &Deployed<'_>, lines: u32) {
    let mut command = deployed.operator.command(&["promote", "slave1", "--yes"]);
    command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", lines.to_string());
    let ran = process::run(&mut command, Duration::from_secs(30));
    assert_eq!(ran.signal, Some(9), "{ran}");
}

/// The journal line after the point of no return, and before the others were repointed.
const PROMOTED: u32 = 26;

fn interrupted_and_resumed(deployed: &Deployed<'_>) {
    // The old primary is a replica already, and nobody is promoted yet: no writes anywhere, until
    // it is resumed.
    dies_after(deployed, PROMOTED - 4);
    deployed
        .status("promotion cut short", 4)
        .says("stopped half-way")
        .says("hint: replctl resume");
    deployed
        .operator
        .run(&["promote", "slave2", "--yes"])
        .code(3)
        .says("replctl resume");
    deployed.paste("unfinished-operation").ok();
    deployed.await_primary("slave1", &["master", "slave2"]);
    deployed.await_healthy();
    deployed.operator.run(&["promote", "master", "--yes"]).ok();
}

fn interrupted_and_then_the_old_primary_is_lost(deployed: &Deployed<'_>) {
    dies_after(deployed, PROMOTED);
    deployed.lab.kill("master");
    let ran = deployed
        .operator
        .run(&["resume"])
        .code(5)
        .says("`master` cannot be asked for the result of the operation; nothing was touched")
        .says("--abandon-unfinished");
    figure(&format!(
        "resume, old primary lost meanwhile: {:.1} s",
        ran.took.as_secs_f64()
    ));
    deployed
        .operator
        .run(&["promote", "slave1", "--yes", "--abandon-unfinished"])
        .ok();
    deployed.await_primary("slave1", &["slave2"]);
    assert_eq!(deployed.persisted("slave1"), "");
    assert_eq!(deployed.persisted("slave2"), "replicaof 192.168.0.130 6379");
}

#[test]
fn the_primarys_host_loses_power() {
    let Some(lab) = Lab::of_three(THREE) else {
        return;
    };
    let deployed = Deployed::set_up(&lab);
    deployed.ask("master", &["SET", "before", "1"]);
    lab.kill("master");
    deployed
        .status("primary's host powered off", 4)
        .says("NO PRIMARY")
        .says("hint: replctl promote slave1");
    deployed
        .operator
        .run(&["promote", "slave1", "--yes"])
        .code(3)
        .says("replctl promote slave1 --accept-split-brain");
    assert_eq!(deployed.info("slave1", "role"), "slave");
    let ran = deployed
        .operator
        .run(&["promote", "slave1", "--yes", "--accept-split-brain"])
        .ok()
        .says("may be lost");
    figure(&format!(
        "promote, primary's host powered off: {:.1} s",
        ran.took.as_secs_f64()
    ));
    deployed.await_primary("slave1", &["slave2"]);
    assert_eq!(deployed.ask("slave2", &["GET", "before"]), "1");
    let debt = deployed
        .status("unfenced old primary", 4)
        .says("`master` was replaced by `slave1` on")
        .says("if it comes back it takes writes that are lost later");
    assert_eq!(debt.stdout.matches("problem: ").count(), 1, "{debt}");
    comes_back_as_a_second_primary(&deployed);
}

/// As an init script would start it.
fn comes_back_as_a_second_primary(deployed: &Deployed<'_>) {
    let lab = deployed.lab;
    lab.boot("master");
    lab.wait_for("master");
    deployed
        .operator
        .run(&["setup", "master", "--dry-run"])
        .ok()
        .says("start the server");
    let start = "setsid runuser -u redis -- /db/redis/server/current-6379/redis-server /db/redis/6379/conf/redis.cnf </dev/null >/dev/null 2>&1 &";
    lab.inside("master", start);
    await_that("the old primary", Duration::from_secs(10), || {
        lab.inside("master", "cat /db/redis/6379/pid/*").code == Some(0)
    });
    let two = deployed
        .status("two primaries", 4)
        .says("2 PRIMARIES")
        .says("; `master` was replaced by `slave1` on")
        .says("hint: replctl rejoin master");
    assert_eq!(two.stdout.matches("problem: ").count(), 1, "{two}");
    deployed
        .operator
        .run(&["promote", "slave1", "--yes"])
        .code(3)
        .says("replctl rejoin master --under slave1");
    deployed.paste("several-primaries").ok();
    deployed.await_primary("slave1", &["master", "slave2"]);
    deployed.await_healthy();
    assert_eq!(deployed.persisted("master"), "replicaof 192.168.0.130 6379");
}

#[test]
fn a_frozen_process_is_killed_before_another_is_promoted_and_a_frozen_host_needs_a_word() {
    let Some(lab) = Lab::of_three(THREE) else {
        return;
    };
    let deployed = Deployed::set_up(&lab);
    let pid = deployed.pid("master");
    deployed.signal("master", "-STOP");
    deployed
        .status("primary's process frozen", 4)
        .says("it accepts connections and says nothing")
        .says("frozen");
    let ran = deployed
        .operator
        .run(&["promote", "slave1", "--yes"])
        .ok()
        .says("make sure that master is stopped")
        .says("stopped; its file says it returns as a replica");
    figure(&format!(
        "promote, primary's process frozen: {:.1} s",
        ran.took.as_secs_f64()
    ));
    assert!(
        ran.took < allowing_for_load(Duration::from_secs(9)),
        "a frozen process ends at no request; {ran}"
    );
    lab.inside("master", &format!("kill -0 {pid}")).code(1);
    assert_eq!(deployed.persisted("master"), "replicaof 192.168.0.130 6379");
    let fenced = deployed
        .status("fenced old primary", 4)
        .says("warning: `master` was replaced by `slave1` on")
        .says("its file says that it returns as a replica")
        .says("hint: replctl rejoin master");
    assert!(!fenced.stdout.contains("problem: "), "{fenced}");
    deployed.paste("unreachable").ok();
    deployed.await_primary("slave1", &["master", "slave2"]);
    deployed.await_healthy();

    lab.pause("slave1");
    deployed
        .status("primary's host frozen", 4)
        .says("it accepts connections and says nothing");
    deployed
        .operator
        .run(&["promote", "slave2", "--yes"])
        .code(3)
        .says("`slave1` cannot be stopped")
        .says("--accept-split-brain");
    lab.resume("slave1");
    deployed.await_primary("slave1", &["master", "slave2"]);
    deployed.await_healthy();
}

#[test]
fn a_killed_primary_returns_as_a_replica_from_a_reboot() {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    let deployed = Deployed::set_up(&lab);
    // Its unit would start it again at once, and that is as good.
    lab.inside("master", "systemctl kill -s KILL --kill-whom=all replctl-6379.service; systemctl stop replctl-6379.service; true");
    await_that("the death", Duration::from_secs(10), || {
        lab.net()
            .connect(address("master"), Duration::from_secs(1))
            .is_err()
    });
    deployed
        .status("primary's process killed", 4)
        .says("nothing listens there");
    deployed.operator.run(&["promote", "slave1", "--yes"]).ok();
    assert_eq!(deployed.persisted("master"), "replicaof 192.168.0.130 6379");
    deployed.await_primary("slave1", &["slave2"]);
    lab.kill("master");
    lab.boot("master");
    lab.wait_for("master");
    await_that("the old primary's server", Duration::from_secs(30), || {
        lab.net()
            .connect(address("master"), Duration::from_secs(1))
            .is_ok()
    });
    deployed.await_primary("slave1", &["master", "slave2"]);
    deployed.await_healthy();
    // And the new primary's reboot, in order: it is the primary again, and nobody else.
    lab.inside("slave1", "systemctl reboot");
    await_that("the host to go down", Duration::from_secs(20), || {
        lab.net()
            .connect(address("slave1"), Duration::from_secs(1))
            .is_err()
    });
    lab.wait_for("slave1");
    deployed.await_healthy();
    deployed.await_primary("slave1", &["master", "slave2"]);
}

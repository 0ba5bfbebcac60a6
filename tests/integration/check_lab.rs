//! `check` on real hosts: each planted fault is named, and its command fixes it; on healthy hosts
//! nothing is named. What is the machine's own (overcommit, huge pages, clock, swap) are stand-ins
//! of the lab.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod faults;
mod fix;
mod many;

use crate::support::deployed::PASSWORD;
use crate::support::process::run;
use crate::support::{Deployed, Flavour, Lab, allowing_for_load, figure};
use faults::{ON_HOSTS, ON_SERVERS, Remedy};
use serde_json::Value;
use std::time::Duration;

/// What `check --json` says, with any exit code.
#[track_caller]
fn check(deployed: &Deployed<'_>) -> Value {
    let ran = deployed.operator.run(&["check", "--json"]);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran}"))
}

/// The findings of that code.
fn of_code(json: &Value, code: &str) -> Vec<Value> {
    let all = json["findings"].as_array().unwrap().iter();
    all.filter(|f| f["code"] == code).cloned().collect()
}

/// The codes of what needs doing.
fn needs_doing(json: &Value) -> Vec<String> {
    let all = json["findings"].as_array().unwrap().iter();
    all.filter(|f| f["severity"] != "note")
        .map(|f| format!("{}: {}", f["code"], f["message"]))
        .collect()
}

/// Hosts as an administrator leaves them who knows what these servers need.
fn made_healthy(lab: &Lab) {
    for host in lab.hosts() {
        // A host of busybox has no stand-in of its own.
        let line = "f=/proc/sys/vm/overcommit_memory; { echo 1 >$f; } 2>/dev/null || \
            { echo 1 >/run/overcommit && mount --bind /run/overcommit $f; }";
        lab.inside(&host, line).ok();
    }
}

/// Runs a hint as it stands, as an operator who pastes it and gives the password.
#[track_caller]
fn pasted(deployed: &Deployed<'_>, hint: &str) {
    if let Some(words) = hint.strip_prefix("replctl ") {
        let mut words: Vec<&str> = words.split(' ').collect();
        words.push("--yes");
        deployed.operator.run(&words).ok();
        return;
    }
    let mut command = deployed.lab.operator("/bin/sh".as_ref());
    let hint = hint.replace(" --askpass", "");
    command.args(["-c", &hint]).env("REDISCLI_AUTH", PASSWORD);
    let ran = run(&mut command, Duration::from_secs(20)).ok();
    assert!(!ran.stdout.contains("ERR"), "{hint}: {ran}");
}

/// The fault is named, and gone after it was fixed.
#[track_caller]
fn named_and_fixed(deployed: &Deployed<'_>, code: &str, host: &str, remedy: &Remedy) {
    let json = check(deployed);
    let found = of_code(&json, code);
    let on_it = |f: &&Value| host.is_empty() || f.to_string().contains(host);
    let found = found.iter().find(on_it);
    let found = found.unwrap_or_else(|| panic!("{code} on {host}: {:#}", json["findings"]));
    let hosts = if host.is_empty() {
        deployed.lab.hosts()
    } else {
        vec![host.to_owned()]
    };
    let inside = |line: &str| {
        for host in &hosts {
            deployed.lab.inside(host, line).ok();
        }
    };
    match remedy {
        Remedy::Inside(line) => inside(line),
        Remedy::Ask(words) => drop(deployed.ask(host, words)),
        Remedy::Paste | Remedy::PasteAnd(_) => {
            let hint = found["hint"].as_str();
            let hint = hint.unwrap_or_else(|| panic!("no hint: {found:#}"));
            pasted(deployed, hint);
            if let Remedy::PasteAnd(line) = remedy {
                inside(line);
            }
        }
    }
    let json = check(deployed);
    let left = of_code(&json, code);
    assert!(left.is_empty(), "{code} is still there: {left:#?}");
}

/// Whatever is planted is named, and its fix works.
#[test]
fn each_planted_fault_is_named_and_fixed() {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    let deployed = Deployed::set_up_with(&lab, |inventory| {
        inventory.config("repl-ping-replica-period", "5")
    });
    made_healthy(&lab);
    let before = needs_doing(&check(&deployed));
    assert!(before.is_empty(), "{before:#?}");
    for (code, host, plant, remedy) in &ON_HOSTS {
        let hosts = if host.is_empty() {
            lab.hosts()
        } else {
            vec![(*host).to_owned()]
        };
        for host in hosts {
            lab.inside(&host, plant).ok();
        }
        named_and_fixed(&deployed, code, host, remedy);
    }
    for (code, host, words, remedy) in &ON_SERVERS {
        deployed.ask(host, words);
        named_and_fixed(&deployed, code, host, remedy);
        if words.contains(&"maxmemory") {
            deployed.ask(host, &["CONFIG", "SET", "maxmemory", "0"]);
        }
    }
    deployed.await_healthy();
    kept_over_a_restart_of_the_host(&deployed);
}

/// What a hint has set is there after the next start of the host.
fn kept_over_a_restart_of_the_host(deployed: &Deployed<'_>) {
    let lab = deployed.lab;
    lab.kill("slave1");
    lab.boot("slave1");
    lab.wait_for("slave1");
    deployed.await_healthy();
    for (file, value) in [
        ("/proc/sys/vm/overcommit_memory", "1"),
        ("/sys/kernel/mm/transparent_hugepage/enabled", "madvise"),
    ] {
        let there = lab.inside("slave1", &format!("cat {file}")).ok();
        // A stand-in is a file, which is written over from its beginning.
        assert!(there.stdout.starts_with(value), "{file}: {there}");
    }
}

/// Nothing is named on hosts on which nothing is wrong.
#[track_caller]
fn nothing_on_healthy_hosts(flavour: Flavour) {
    let Some(lab) = Lab::of_three(flavour) else {
        return;
    };
    let deployed = Deployed::set_up(&lab);
    made_healthy(&lab);
    for number in 1..=20 {
        let ran = deployed.operator.run(&["check", "--json"]).code(0);
        let json: Value = serde_json::from_str(&ran.stdout).unwrap();
        let named = needs_doing(&json);
        assert!(named.is_empty(), "run {number}: {named:#?}");
        for node in json["nodes"].as_array().unwrap() {
            let unseen = &node["host"];
            assert!(unseen["memory_bytes"].is_u64(), "run {number}: {node:#}");
            assert!(node["places"]["disk_free_bytes"].is_u64(), "{node:#}");
        }
        if number == 1 {
            figure(&format!(
                "check, {flavour:?}: {:.2} s",
                ran.took.as_secs_f64()
            ));
        }
        assert!(
            ran.took < allowing_for_load(Duration::from_secs(6)),
            "{ran}"
        );
    }
    let text = deployed.operator.run(&["check"]).ok();
    text.says("0.120").says("no problems, no warnings");
    let report = deployed.operator.run(&["check", "--report"]).ok();
    report.says("# Inspection of ").says("## Address plan");
}

#[test]
fn nothing_is_named_on_healthy_systemd_hosts() {
    nothing_on_healthy_hosts(Flavour::Systemd);
}

#[test]
fn nothing_is_named_on_healthy_light_hosts() {
    nothing_on_healthy_hosts(Flavour::Light);
}

#[test]
fn nothing_is_named_on_healthy_busybox_hosts() {
    nothing_on_healthy_hosts(Flavour::Busybox);
}

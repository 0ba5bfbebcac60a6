//! Fifty light hosts: what `check` takes beyond a login to each of them.

use crate::setup_lab::bench::Bench;
use crate::setup_lab::bench::NAMES;
use crate::setup_lab::many::{MORE, address, boot, name};
use crate::support::process::run;
use crate::support::{Lab, NodeText, allowing_for_load, figure};
use std::time::Duration;

#[test]
fn fifty_hosts_take_four_seconds_more_than_a_login() {
    let Some(lab) = Lab::up() else {
        return;
    };
    boot(&lab);
    let mut bench = Bench::new(&lab);
    bench.change(|text| {
        (0..MORE).fold(text, |text, n| {
            text.node(NodeText::new(&name(n), &address(n)).replicaof(NAMES[0]))
        })
    });
    bench.run(&["--concurrency", "64", "setup", "--yes"]).ok();
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let login = logins(&lab);
        let ran = bench.run(&["--concurrency", "64", "check", "--json"]);
        let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let nodes = json["nodes"].as_array().unwrap();
        let seen = nodes.iter().filter(|node| node["host"].is_object()).count();
        assert_eq!(seen, 50, "{}", json["findings"]);
        let more = ran.took.saturating_sub(login);
        figure(&format!(
            "check of 50 light hosts: {:.2} s, and a login to each by xargs -P50: {:.2} s",
            ran.took.as_secs_f64(),
            login.as_secs_f64()
        ));
        best = best.min(more);
    }
    assert!(
        best <= allowing_for_load(Duration::from_secs(4)),
        "{best:?} more than the logins"
    );
}

/// `ssh HOST true` on all hosts, side by side.
fn logins(lab: &Lab) -> Duration {
    let hosts = lab.hosts().join("\n");
    let config = lab.ssh_config();
    let mut command = lab.operator("/bin/sh".as_ref());
    let line = format!(
        "printf '%s\\n' '{hosts}' | xargs -P50 -I% ssh -F {} % true",
        config.display()
    );
    command.args(["-c", &line]);
    run(&mut command, Duration::from_mins(2)).ok().took
}

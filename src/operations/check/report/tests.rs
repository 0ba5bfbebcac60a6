#![allow(clippy::unwrap_used)]

use super::*;
use crate::topology::NodeName;
use crate::topology::host::{HostLook, Places, Unseen};
use crate::topology::testing::healthy;
use std::collections::BTreeMap;

const OPTIONS: Options = Options {
    width: None,
    utf8: true,
    colour: false,
};

fn state(name: &str) -> HostState {
    let places = Places {
        disk_bytes: Some(20 << 30),
        disk_free_bytes: Some(12 << 30),
        open_files: Some(65_536),
        swapped_bytes: Some(0),
        ..Places::default()
    };
    HostState {
        os: Some("CentOS Linux 7 \u{1b}[31m|".to_owned()),
        root: true,
        systemd: Some(true),
        cpus: Some(2),
        memory_bytes: Some(2 << 30),
        clock_ahead_seconds: Some(if name == "master" { -3 } else { 0 }),
        overcommit: Some(1),
        huge_pages: Some("madvise".to_owned()),
        somaxconn: Some(4096),
        nodes: BTreeMap::from([(NodeName::from(name), places)]),
        ..HostState::default()
    }
}

fn hosts() -> Hosts {
    let look = |name: &str, state| HostLook {
        nodes: vec![NodeName::from(name)],
        state,
    };
    let refused = Unseen {
        why: "the login is refused".to_owned(),
        hint: None,
    };
    Hosts {
        names_left: 0,
        looks: vec![
            look("master", Ok(state("master"))),
            look("slave1", Ok(state("slave1"))),
            look("slave2", Err(refused)),
        ],
        settings: BTreeMap::new(),
        rate: None,
    }
}

fn planned() -> Vec<Wanted> {
    let wanted = |name: &str, follows: Option<&str>| Wanted {
        name: name.into(),
        follows: follows.map(NodeName::from),
        priority: None,
        tls: None,
        directives: BTreeMap::new(),
        ssh: "ssh host".into(),
        ssh_root: "ssh host".into(),
    };
    vec![
        wanted("master", None),
        wanted("slave1", None),
        wanted("slave2", Some("master")),
    ]
}

/// The output for the healthy deployment on these hosts.
fn shown<T>(found: &[Finding], of: impl FnOnce(&Shown<'_>) -> T) -> T {
    let (topology, hosts, planned) = (healthy(), hosts(), planned());
    of(&Shown {
        deployment: "orders",
        topology: &topology,
        hosts: &hosts,
        planned: &planned,
        findings: found,
        codes: true,
        matrix: false,
        measured: true,
        when: Timestamp::UNIX_EPOCH,
    })
}

fn found() -> Vec<Finding> {
    let (topology, hosts) = (healthy(), hosts());
    let context = crate::findings::Context::default();
    let today = jiff::civil::date(2026, 11, 30);
    crate::findings::hosts::of_hosts(&topology, &context, &hosts, today)
}

#[test]
fn the_plan_stands_beside_what_is() {
    let text = shown(&[], |seen| render(seen, OPTIONS));
    let rows: Vec<&str> = text.lines().map(str::trim_end).collect();
    assert_eq!(
        rows[0],
        "orders: primary master (192.168.0.120:6379), 2 replicas in sync"
    );
    assert!(rows[2].starts_with("node    role"), "{text}");
    assert!(
        rows[3].contains("CentOS Linux 7 \\u{1b}[31m|    2  2.0 GiB  12.0 GiB free of 20.0 GiB"),
        "{text}"
    );
    assert!(rows[4].contains("replica (planned: primary)"), "{text}");
    assert!(rows[5].ends_with("-        -  -"), "{text}");
    assert!(
        rows[8].contains("root") && rows[8].contains("3 s behind"),
        "{text}"
    );
    assert!(rows[10].contains(" no "), "{text}");
    assert!(
        text.ends_with("no problems, no warnings, no notes"),
        "{text}"
    );
}

#[test]
fn a_report_has_tables_and_commands() {
    let text = shown(&found(), super::markdown::render);
    assert!(
        text.starts_with("# Inspection of orders\n\n1970-01-01 00:00:00 UTC. orders: primary"),
        "{text}"
    );
    assert!(text.contains("| node | role | address |"), "{text}");
    assert!(text.contains("\\u{1b}\\[31m\\|"), "{text}");
    assert!(
        text.contains(
            "2. **clock-off**: the clock of the host of `master` is 3 s behind this machine's"
        ),
        "{text}"
    );
    assert!(text.contains("   ```\n   ssh 192.168.0.120 "), "{text}");
}

#[test]
fn names_that_were_too_many_are_told() {
    let with = |seen: &Shown<'_>| {
        let hosts = Hosts {
            names_left: 2,
            ..hosts()
        };
        let seen = Shown {
            hosts: &hosts,
            ..*seen
        };
        render(&seen, OPTIONS) + &super::markdown::render(&seen)
    };
    let told = shown(&[], with);
    let line = "2 further names of nodes: not looked up on the hosts";
    assert_eq!(told.matches(line).count(), 2, "{told}");
}

#[test]
fn programs_get_the_facts_and_the_reasons() {
    let json = shown(&found(), |seen| {
        serde_json::to_value(json::check(seen)).unwrap()
    });
    assert_eq!(json["healthy"], false);
    assert_eq!(json["nodes"][0]["host"]["cpus"], 2);
    assert_eq!(json["nodes"][0]["places"]["disk_free_bytes"], 12u64 << 30);
    assert_eq!(json["nodes"][1]["planned_role"], "primary");
    assert_eq!(json["nodes"][2]["host"], serde_json::Value::Null);
    assert_eq!(
        json["nodes"][2]["host_error"]["why"],
        "the login is refused"
    );
    let codes: Vec<_> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["code"].as_str().unwrap().to_owned())
        .collect();
    assert!(codes.contains(&"host-unseen".to_owned()), "{codes:?}");
}

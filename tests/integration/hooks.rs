//! The operator's own commands around real promotions: their input and their time, the veto of one,
//! the end of a slow one with all its processes, and their place in resume and rollback.

#![allow(clippy::unwrap_used)]

mod afterwards;
mod deaths;
mod hooked;

use crate::support::inventory::write_password;
use crate::support::program::Replctl;
use crate::support::rotation::each_family;
use crate::support::server::Family;
use crate::support::trio::NAMES;
use crate::support::{allowing_for_load, await_that, figure};
use hooked::{Hooked, journal};
use std::path::Path;
use std::time::Duration;

/// The hook has the whole change on its standard input, and the names in its environment.
fn is_told_of_the_hand_over(hooked: &Hooked) {
    let told = hooked.told("after_promote");
    let id = told["id"].as_str().unwrap();
    assert!(id.ends_with("-promote-slave1"), "{id}");
    let party = |n: usize| {
        serde_json::json!({
            "name": NAMES[n],
            "address": { "host": "127.0.0.1", "port": hooked.trio.servers[n].port },
        })
    };
    let node = |n: usize| {
        let mut node = party(n);
        node["tls"] = false.into();
        node
    };
    assert_eq!(
        told,
        serde_json::json!({
            "format": 1,
            "hook": "after_promote",
            "deployment": "orders",
            "id": id,
            "change": "hand-over",
            "old_primary": party(0),
            "new_primary": party(1),
            "nodes": [node(0), node(1), node(2)],
            "may_lose": null,
            "outcome": null,
        })
    );
    assert_eq!(
        hooked.variables("before_promote"),
        [
            "REPLCTL_CHANGE=hand-over".to_owned(),
            "REPLCTL_DEPLOYMENT=orders".to_owned(),
            "REPLCTL_HOOK=before_promote".to_owned(),
            format!("REPLCTL_ID={id}"),
            "REPLCTL_NEW_PRIMARY=slave1".to_owned(),
            "REPLCTL_NEW_PRIMARY_HOST=127.0.0.1".to_owned(),
            format!("REPLCTL_NEW_PRIMARY_PORT={}", hooked.trio.servers[1].port),
            "REPLCTL_NEW_PRIMARY_TLS=no".to_owned(),
            "REPLCTL_OLD_PRIMARY=master".to_owned(),
            "REPLCTL_OLD_PRIMARY_HOST=127.0.0.1".to_owned(),
            format!("REPLCTL_OLD_PRIMARY_PORT={}", hooked.trio.servers[0].port),
        ]
    );
}

#[test]
fn hooks_are_told_of_the_change_before_and_after_it() {
    each_family(|_, family| {
        let hooked = Hooked::start(family, &[]);
        let operator = hooked.operator();
        let ran = operator.run(&["promote", "slave1", "--dry-run"]).ok();
        for hook in ["before_promote", "after_promote", "on_failure"] {
            assert!(ran.stdout.contains(&format!("hook {hook}: ")), "{ran}");
        }
        assert!(hooked.log().is_empty(), "a dry run ran a hook");
        operator.run(&["promote", "slave1", "--yes"]).ok();
        assert_eq!(
            hooked.log(),
            [
                format!("before_promote {}", hooked.at(0)),
                format!("after_promote {}", hooked.at(1))
            ]
        );
        is_told_of_the_hand_over(&hooked);
        // Left out on request, and of no matter where no primary changes.
        operator
            .run(&["promote", "master", "--yes", "--no-hooks"])
            .ok()
            .says("the hooks of the inventory are left out: before_promote, after_promote, on_failure");
        operator.run(&["promote", "master", "--yes"]).ok();
        assert!(hooked.log().is_empty());
    });
}

#[test]
fn a_veto_changes_nothing_and_says_why() {
    let Some(family) = Family::debian() else {
        return;
    };
    let hooked = Hooked::start(family, &[]);
    let operator = hooked.operator();
    hooked.does(
        "before_promote",
        "seq 1 9; echo 'the \x1b[31mbackup\x1b[0m runs' >&2; exit 7",
    );
    let ran = operator
        .run(&["promote", "slave1", "--yes"])
        .code(3)
        .says("the hook before_promote forbids it; nothing was changed")
        .says("it ended with exit status 7")
        .says("the \\u{1b}[31mbackup\\u{1b}[0m runs")
        .says("replctl promote slave1 --no-hooks");
    assert!(!ran.stderr.contains("\x1b[31mbackup"), "{ran}");
    hooked.trio.assert_primary(0);
    assert_eq!(
        hooked.log(),
        [
            format!("before_promote {}", hooked.at(0)),
            format!("on_failure {}", hooked.at(0))
        ]
    );
    let told = hooked.told("on_failure");
    assert_eq!(told["outcome"]["outcome"], "rolled-back", "{told}");
    assert!(
        hooked
            .variables("on_failure")
            .contains(&"REPLCTL_OUTCOME=rolled-back".to_owned())
    );
    let lines = journal(&operator);
    let of = |hook: &str| lines.iter().find(|l| l["hook"] == hook).unwrap();
    assert_eq!(of("before_promote")["exit"], 7);
    let said: Vec<&str> = of("before_promote")["output"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l.as_str().unwrap())
        .collect();
    assert_eq!(said.len(), 10, "{said:?}");
    assert_eq!(of("on_failure")["exit"], 0);
    // A veto is no half-way stop.
    operator.run(&["resume"]).ok().says("Nothing to do");
    hooked.does("before_promote", "");
    operator.run(&["promote", "slave1", "--yes"]).ok();
    hooked.trio.assert_primary(1);
}

#[test]
fn a_slow_hook_is_ended_with_all_it_started() {
    let Some(family) = Family::debian() else {
        return;
    };
    let mut hooked = Hooked::start(family, &[]);
    hooked.more = "timeout = 1\n".to_owned();
    let operator = hooked.operator();
    // One child ignores the polite signal.
    hooked.does(
        "before_promote",
        "echo waiting; (trap '' TERM; while :; do sleep 1; done) & echo $! >$D/pids; sleep 60 & echo $! >>$D/pids; wait",
    );
    let ran = operator
        .run(&["promote", "slave1", "--yes"])
        .code(3)
        .says("it did not end within 1.0 s and was stopped")
        .says("waiting");
    assert!(
        ran.took < allowing_for_load(Duration::from_secs(12)),
        "{ran}"
    );
    hooked.trio.assert_primary(0);
    let pids = std::fs::read_to_string(hooked.folder.path().join("pids")).unwrap();
    assert_eq!(pids.lines().count(), 2);
    for pid in pids.lines() {
        await_that("its processes to be gone", Duration::from_secs(5), || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        });
    }
    assert!(journal(&operator).iter().any(|l| l["timed_out"] == true));
    // One that leaves something running behind is not waited for.
    hooked.does("before_promote", "sleep 30 & echo left $!");
    let ran = operator.run(&["promote", "slave1", "--yes"]).ok();
    assert!(
        ran.took < allowing_for_load(Duration::from_secs(10)),
        "{ran}"
    );
    let left = journal(&operator);
    let left = left.iter().find(|l| l["hook"] == "before_promote").unwrap();
    let left = left["output"][0].as_str().unwrap();
    let pid: i32 = left.strip_prefix("left ").unwrap().parse().unwrap();
    crate::support::process::signal(pid, libc::SIGKILL);
    hooked.trio.assert_primary(1);
}

#[test]
fn one_is_run_when_the_promotion_fails_and_is_put_back() {
    let Some(family) = Family::debian() else {
        return;
    };
    let hooked = Hooked::start(family, &[]);
    let operator = hooked.operator();
    let target = hooked.trio.servers[1].pid();
    hooked.does("before_promote", &format!("kill -STOP {target}"));
    hooked.does("on_failure", &format!("kill -CONT {target}"));
    operator
        .run(&["promote", "slave1", "--yes"])
        .code(1)
        .says("nothing was changed; the hook before_promote had run")
        .says("hook on_failure: ");
    assert_eq!(hooked.log().len(), 2);
    hooked.trio.assert_primary(0);
}

#[test]
fn a_lost_primary_is_told_as_such() {
    let Some(family) = Family::debian() else {
        return;
    };
    let hooked = Hooked::start(family, &[]);
    let operator = hooked.operator();
    let mut client = hooked.trio.servers[0].client();
    assert_eq!(client.command(&["SET", "k", "v"]).text(), "OK");
    await_that("the write to arrive", Duration::from_secs(5), || {
        let arrived = |n: usize| {
            hooked.trio.servers[n]
                .client()
                .command(&["GET", "k"])
                .text()
        };
        arrived(1) == "v" && arrived(2) == "v"
    });
    hooked.trio.servers[0].kill9();
    await_that("the server to end", Duration::from_secs(5), || {
        !hooked.trio.servers[0].is_alive()
    });
    operator
        .run(&["promote", "slave1", "--yes", "--accept-split-brain"])
        .ok();
    assert_eq!(
        hooked.log(),
        [
            "before_promote ".to_owned(),
            format!("after_promote {}", hooked.at(1))
        ]
    );
    let told = hooked.told("before_promote");
    assert_eq!(told["change"], "fail-over");
    assert_eq!(told["old_primary"]["name"], "master");
    assert!(
        told["may_lose"]
            .as_str()
            .unwrap()
            .contains("no replica received")
    );
}

#[test]
fn no_hook_is_told_a_password() {
    const SECRET: &str = "s3cret-of-the-test";
    let Some(family) = Family::debian() else {
        return;
    };
    let mut hooked = Hooked::start(family, &[]);
    for server in &hooked.trio.servers {
        let mut client = server.client();
        for name in ["masterauth", "requirepass"] {
            let set = client.command(&["CONFIG", "SET", name, SECRET]);
            assert_eq!(set.text(), "OK");
        }
    }
    hooked.more = "timeout = 10\n".to_owned();
    let sources = [
        "password = { env = \"OF_SERVERS\" }".to_owned(),
        format!(
            "password = {{ file = {:?} }}",
            write_password(hooked.folder.path(), SECRET)
        ),
    ];
    for (target, source) in [1, 0].into_iter().zip(sources) {
        let file = hooked.inventory();
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replacen("auth = \"none\"", &source, 1)).unwrap();
        let operator = Replctl::new()
            .inventory(&file)
            .env("D", hooked.folder.path().to_str().unwrap())
            .env("REPLCTL", Replctl::binary().to_str().unwrap());
        let operator = if source.contains("env") {
            operator.env("OF_SERVERS", SECRET)
        } else {
            operator
        };
        let ran = operator
            .run(&["promote", NAMES[target], "--yes", "--verbose"])
            .ok();
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(SECRET));
        assert_eq!(hooked.log().len(), 2);
        for hook in ["before_promote", "after_promote"] {
            for told in ["env", "json"] {
                let file = hooked.folder.path().join(format!("{hook}.{told}"));
                let text = std::fs::read_to_string(file).unwrap();
                assert!(!text.contains(SECRET), "{hook}: {text}");
            }
        }
        assert!(
            !journal(&operator)
                .iter()
                .any(|l| l.to_string().contains(SECRET))
        );
    }
}

#[test]
fn connections_outlive_a_hook_that_takes_longer_than_servers_keep_idle_ones() {
    let Some(family) = Family::debian() else {
        return;
    };
    let hooked = Hooked::start(family, &["timeout 2"]);
    let operator = hooked.operator();
    hooked.does("before_promote", "sleep 5");
    let ran = operator.run(&["promote", "slave1", "--yes", "--json"]).ok();
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let stopped = json["writes_stopped_ms"].as_f64().unwrap();
    assert!(
        stopped < allowing_for_load(Duration::from_secs(1)).as_secs_f64() * 1e3,
        "the hook was run inside the fence: {ran}"
    );
    figure(&format!(
        "a hook of 5 s before the fence: writes stopped for {stopped:.1} ms"
    ));
    hooked.trio.assert_primary(1);
}

#[test]
fn one_that_cannot_be_started_forbids() {
    let Some(family) = Family::debian() else {
        return;
    };
    let hooked = Hooked::start(family, &[]);
    let file = hooked.trio.inventory();
    let text = std::fs::read_to_string(&file).unwrap();
    for (line, why) in [
        ("before_promote = [\"./nowhere\"]", "it cannot be started: "),
        ("before_promote = \"./nowhere\"", "exit status 127"),
    ] {
        std::fs::write(&file, format!("{text}\n[hooks]\n{line}\n")).unwrap();
        let operator = Replctl::new().inventory(&file);
        operator
            .run(&["promote", "slave1", "--yes"])
            .code(3)
            .says(why);
    }
    hooked.trio.assert_primary(0);
    // A program is meant from the inventory's folder.
    let here: &Path = file.parent().unwrap();
    std::fs::copy("/bin/true", here.join("agree")).unwrap();
    std::fs::write(
        &file,
        format!("{text}\n[hooks]\nbefore_promote = [\"./agree\"]\n"),
    )
    .unwrap();
    let operator = Replctl::new().inventory(&file);
    operator.run(&["promote", "slave1", "--yes"]).ok();
    hooked.trio.assert_primary(1);
}

//! One primary out of several, of none, of a circle, or of one that came back empty.

#![allow(clippy::unwrap_used)]

use crate::support::process::run;
use crate::support::rotation::each_family;
use crate::support::server::Family;
use crate::support::trio::{BACKLOG, Trio};
use crate::support::{Ran, Replctl, await_that, figure};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// `slave1` takes over while `master` is frozen. `master` comes back: then each has its own key,
/// and one that both wrote.
fn part(trio: &Trio, operator: &Replctl<'_>) {
    trio.servers[0].client().command(&["SET", "before", "1"]);
    await_that("the write to arrive", Duration::from_secs(10), || {
        (1..3).all(|i| get(trio, i, "before") == "1")
    });
    trio.servers[0].pause();
    let taken = ["promote", "slave1", "--yes", "--accept-split-brain"];
    operator
        .run(&[&taken[..], &["--allow-data-loss"]].concat())
        .ok();
    trio.servers[0].resume();
    await_that("the old primary to thaw", Duration::from_secs(10), || {
        trio.role(0) == "master"
    });
    for (i, key) in [(0, "old"), (0, "both"), (1, "new"), (1, "both")] {
        let value = if i == 0 { "master" } else { "slave1" };
        trio.servers[i].client().command(&["SET", key, value]);
    }
}

fn get(trio: &Trio, i: usize, key: &str) -> String {
    trio.servers[i].client().command(&["GET", key]).text()
}

fn compared(operator: &Replctl<'_>) -> Value {
    let ran = operator.run(&["repair", "--dry-run", "--json"]).ok();
    serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran}"))
}

fn backup(operator: &Replctl<'_>, node: &str) -> PathBuf {
    let base = operator.home().join(".local/state/replctl/orders/backup");
    let mut entries = std::fs::read_dir(base).unwrap().flatten();
    let of = |path: &PathBuf| path.to_str().unwrap().ends_with(&format!("-{node}"));
    entries.find(|e| of(&e.path())).unwrap().path()
}

/// Whether the last line of the newest journal says that a node is about to be promoted.
fn about_to_promote(operator: &Replctl<'_>) -> bool {
    let folder = operator.home().join(".local/state/replctl/orders/journal");
    let files = std::fs::read_dir(folder).unwrap().flatten();
    let text = std::fs::read_to_string(files.map(|f| f.path()).max().unwrap()).unwrap();
    let mut lines = text
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap());
    let plan = lines.next().unwrap()["plan"].take();
    let Some(last) = lines.next_back().filter(|l| l["event"] == "started") else {
        return false;
    };
    let index = |key: &str| usize::try_from(last["at"][key].as_u64().unwrap()).unwrap();
    plan["stages"][index("stage")]["steps"][index("step")]["action"]
        .get("take-over")
        .is_some()
}

fn healthy(operator: &Replctl<'_>, trio: &Trio, primary: usize, after: &Ran) {
    trio.assert_primary(primary);
    let ran = operator.run(&["status", "--no-ssh"]);
    assert_eq!(ran.code, Some(0), "{ran}\nafter\n{after}");
    let again = operator.run(&["repair", "--yes"]).ok();
    assert!(again.stdout.contains("Nothing to do"), "{again}");
}

#[test]
fn two_primaries_either_way_round() {
    each_family(|n, family| {
        let trio = Trio::start(family, &[BACKLOG]);
        let operator = trio.operator();
        part(&trio, &operator);
        let told = compared(&operator);
        assert_eq!(told["situation"], "several-primaries");
        assert_eq!(told["proposed"], "slave1");
        let costs = told["nodes"][1]["costs"][0].as_str().unwrap();
        assert!(
            costs.contains("2 commands that only `master` has"),
            "{costs}"
        );
        assert!(
            costs.contains("1 of them can be replayed afterwards"),
            "{costs}"
        );
        operator
            .run(&["status", "--no-ssh"])
            .code(4)
            .says("2 commands on 2 keys");
        // Every other family keeps the old one.
        let other_way = n % 2 == 1;
        let (keep, old) = if other_way { (0, 1) } else { (1, 0) };
        let mut words = vec!["repair", "--yes"];
        if other_way {
            words.extend(["--keep", "master"]);
        }
        let ran = operator.run(&words).ok();
        healthy(&operator, &trio, keep, &ran);
        let (kept, gone) = if other_way {
            ("old", "new")
        } else {
            ("new", "old")
        };
        assert_ne!(get(&trio, keep, kept), "", "{ran}");
        for i in 0..3 {
            await_that("all to be alike", Duration::from_secs(10), || {
                get(&trio, i, "both") == get(&trio, keep, "both")
            });
        }
        let names = ["master", "slave1"];
        let folder = backup(&operator, names[old]);
        assert!(folder.join("manifest.json").exists());
        let path = folder.to_str().unwrap();
        operator
            .run(&["lost", names[old], "--backup", path, "--replay", "--yes"])
            .ok();
        assert_eq!(get(&trio, keep, gone), names[old]);
        assert_eq!(get(&trio, keep, "both"), names[keep]);
    });
    figure(
        "repair: two primaries made one on every family, each way round; what was given up was in the backup and replayed",
    );
}

#[test]
fn killed_at_every_journal_line_and_resumed() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[BACKLOG]);
    let operator = trio.operator();
    let mut deaths = 0;
    for line in 1.. {
        if get(&trio, 0, "before") != "1" || trio.role(0) != "master" {
            operator.run(&["promote", "master", "--yes"]).ok();
        }
        part(&trio, &operator);
        let mut command = operator.command(&["repair", "--yes"]);
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
        let ran = run(&mut command, Duration::from_mins(1));
        if ran.code == Some(0) {
            healthy(&operator, &trio, 1, &ran);
            break;
        }
        deaths += 1;
        let resumed = operator.run(&["resume", "--yes"]);
        assert_eq!(resumed.code, Some(0), "died after {line} lines: {resumed}");
        // What was not begun is begun anew.
        let ran = operator.run(&["repair", "--yes"]).ok();
        healthy(&operator, &trio, 1, &ran);
        let found = trio.servers[0].client().command(&["SET", "old", "1"]);
        assert!(
            found.failed(),
            "a fence or a role is left wrong at line {line}"
        );
    }
    assert!(deaths > 15, "{deaths} lines");
    figure(&format!(
        "repair: killed at each of {deaths} journal lines and resumed"
    ));
}

#[test]
fn from_a_primary_that_came_back_empty_the_replicas_keep_their_data() {
    each_family(|_, family| {
        let directives = [BACKLOG, "save \"\"", "repl-diskless-sync yes"];
        let mut trio = Trio::start(family, &directives);
        let operator = trio.operator();
        for n in 0..500 {
            let key = format!("k{n}");
            trio.servers[0].client().command(&["SET", &key, "v"]);
        }
        await_that("all to have it", Duration::from_secs(10), || {
            (1..3).all(|i| get(&trio, i, "k499") == "v")
        });
        // The time in which somebody can still do something; it is 5 s by default.
        let delay = ["CONFIG", "SET", "repl-diskless-sync-delay", "30"];
        trio.servers[0].client().command(&delay);
        trio.servers[0].client().command(&["CONFIG", "REWRITE"]);
        trio.servers[0].kill9();
        trio.servers[0].restart();
        await_that("the replicas to lose it", Duration::from_secs(20), || {
            let link = |i: usize| {
                trio.servers[i].client().info("replication")["master_link_status"].clone()
            };
            trio.role(0) == "master" && link(1) == "down" && link(2) == "down"
        });
        operator
            .run(&["status", "--no-ssh"])
            .code(4)
            .says("HAS LOST ITS DATA")
            .says("hint: replctl repair");
        let told = compared(&operator);
        assert_eq!(told["situation"], "emptied-primary");
        assert_eq!(told["nodes"][1]["keys"], 500);
        operator
            .run(&["promote", "slave1", "--yes"])
            .code(3)
            .says("replctl repair --keep slave1");
        operator
            .run(&["repair", "--yes", "--keep", "master"])
            .code(3)
            .says("those are slave1, slave2");
        // It answers writes, and these are somebody's. (One family's dump waits for that delay.)
        let written = family.name == "debian";
        if written {
            trio.servers[0].client().command(&["SET", "since", "1"]);
        }
        let ran = operator.run(&["repair", "--yes"]).ok();
        healthy(&operator, &trio, 1, &ran);
        for i in 0..3 {
            let size = trio.servers[i].client().command(&["DBSIZE"]).text();
            assert_eq!(size, "500", "{}: {ran}", family.name);
        }
        if written {
            let dump = backup(&operator, "master").join("dump.rdb");
            let dump = std::fs::read(dump).unwrap();
            assert!(dump.windows(5).any(|w| w == b"since"), "{ran}");
        }
    });
    figure(
        "repair: an emptied primary became a replica on every family, and 500 keys of 500 stayed on all nodes",
    );
}

/// A new primary is killed before its role is in its file. It comes back as a replica of the old
/// one, and its disk has the writes it acknowledged. With these directives, servers write each
/// change to their file before they answer.
const DURABLE: [&str; 3] = [BACKLOG, "appendonly yes", "appendfsync no"];

/// Three such servers with a hundred keys, and the content of slave1's file while it is a replica.
fn logged(family: &Family) -> (Trio, Vec<u8>) {
    let trio = Trio::start(family, &DURABLE);
    for i in 0..100 {
        let key = format!("k{i}");
        trio.servers[0].client().command(&["SET", &key, "1"]);
    }
    await_that("the keys", Duration::from_secs(10), || {
        get(&trio, 1, "k99") == "1"
    });
    trio.servers[1].client().command(&["CONFIG", "REWRITE"]);
    let before = std::fs::read(trio.servers[1].config_file()).unwrap();
    (trio, before)
}

/// slave1, the primary, takes a write alone, is killed, and comes back as a replica.
fn forget(trio: &mut Trio, n: usize, before: &[u8]) -> &'static str {
    // Every other family changes what it had, and holds no key more than the others.
    let key = if n.is_multiple_of(2) {
        "only-there"
    } else {
        "k1"
    };
    for i in [0, 2] {
        trio.servers[i].pause();
    }
    let told = trio.servers[1].client().command(&["SET", key, "2"]);
    assert_eq!(told.text(), "OK");
    std::fs::write(trio.servers[1].config_file(), before).unwrap();
    trio.servers[1].restart();
    for i in [0, 2] {
        trio.servers[i].resume();
    }
    await_that("a circle", Duration::from_secs(10), || {
        (0..3).all(|i| trio.role(i) == "slave")
    });
    key
}

#[test]
fn a_primary_that_forgot_it_is_known_again() {
    each_family(|n, family| {
        let (mut trio, before) = logged(family);
        let operator = trio.operator();
        operator.run(&["promote", "slave1", "--yes"]).ok();
        trio.assert_primary(1);
        let key = forget(&mut trio, n, &before);
        operator
            .run(&["status", "--no-ssh"])
            .code(4)
            .says("replctl repair");
        let told = compared(&operator);
        assert_eq!(told["proposed"], "slave1", "{}: {told}", family.name);
        operator
            .run(&["repair", "--yes"])
            .code(3)
            .says("--allow-data-loss");
        let ran = operator.run(&["repair", "--yes", "--allow-data-loss"]).ok();
        healthy(&operator, &trio, 1, &ran);
        assert_eq!(get(&trio, 0, key), "2", "{}: {ran}", family.name);
    });
}

/// `promote` was killed before it knew that it had promoted: the old primary stays a replica.
#[test]
fn a_new_primary_that_forgot_it_while_replctl_was_dead_is_made_primary_again() {
    each_family(|n, family| {
        let (mut trio, before) = logged(family);
        let operator = trio.operator();
        for line in 1.. {
            assert!(line < 60, "{}: no line before it", family.name);
            let mut command = operator.command(&["promote", "slave1", "--yes"]);
            command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
            run(&mut command, Duration::from_mins(1));
            if about_to_promote(&operator) {
                break;
            }
            operator.run(&["rollback", "--yes"]).ok();
            trio.assert_primary(0);
        }
        let told = trio.servers[1]
            .client()
            .command(&["REPLICAOF", "NO", "ONE"]);
        assert_eq!(told.text(), "OK");
        let key = forget(&mut trio, n, &before);
        operator
            .run(&["rollback", "--yes"])
            .code(3)
            .says("replctl resume");
        let ran = operator.run(&["resume", "--yes"]).ok();
        trio.assert_primary(1);
        for i in 0..3 {
            assert_eq!(get(&trio, i, key), "2", "{}: {ran}", family.name);
        }
    });
}

#[test]
fn none_a_circle_and_nothing_to_choose_by() {
    each_family(|_, family| {
        let trio = Trio::start(family, &[BACKLOG]);
        let operator = trio.operator();
        trio.servers[0].client().command(&["SET", "a", "1"]);
        let told = compared(&operator);
        assert_eq!(told["situation"], "sound");
        operator
            .run(&["repair", "--keep", "slave1", "--yes"])
            .code(3)
            .says("replctl promote slave1");
        let port = trio.servers[1].port.to_string();
        let turn = ["REPLICAOF", "127.0.0.1", &port];
        trio.servers[0].client().command(&turn);
        let told = compared(&operator);
        assert_eq!(told["situation"], "circle");
        let ran = operator.run(&["repair", "--yes"]).ok();
        // Which one had most may change while they go round in a circle.
        let primary = (0..3).find(|i| trio.role(*i) == "master").unwrap();
        healthy(&operator, &trio, primary, &ran);
        // Two that know nothing of each other, without a replica: a person has to say.
        for i in 0..3 {
            trio.servers[i]
                .client()
                .command(&["REPLICAOF", "NO", "ONE"]);
            trio.servers[i]
                .client()
                .command(&["SET", "own", &i.to_string()]);
        }
        let told = compared(&operator);
        assert_eq!(told["nodes"].as_array().unwrap().len(), 3);
        if told["because"]
            .as_str()
            .unwrap()
            .starts_with("nothing sets it apart")
        {
            operator.run(&["repair", "--yes"]).code(3).says("--keep");
        }
        let ran = operator.run(&["repair", "--keep", "slave2", "--yes"]).ok();
        healthy(&operator, &trio, 2, &ran);
        assert_eq!(get(&trio, 0, "own"), "2");
        trio.servers[2].kill9();
        await_that("the death", Duration::from_secs(5), || {
            !trio.servers[2].is_alive()
        });
        operator
            .run(&["repair", "--yes"])
            .code(3)
            .says("--accept-split-brain");
        operator
            .run(&["repair", "--yes", "--accept-split-brain"])
            .ok()
            .says("is the primary");
        for server in &trio.servers {
            server.kill9();
        }
        await_that("the deaths", Duration::from_secs(5), || {
            trio.servers.iter().all(|s| !s.is_alive())
        });
        operator.run(&["repair"]).code(1).says("no node answers");
    });
}

//! Every example of help and man pages runs on three nodes behind sshds of this machine. Examples
//! that cannot run are parsed, and named here with the reason.

mod unlike;

use crate::support::process::run;
use crate::support::{Replctl, await_that};
use crate::words::bench::NAMES;
use crate::words::group::Group;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

/// What is done with an example.
enum How {
    /// It is run as it stands.
    Run,
    /// The same with `--yes`, because no person can answer.
    Yes,
    /// The same with `--dry-run`: the real run would not fit this deployment, or cannot be undone.
    Dry,
    /// From a server or a Sentinel that there is, with its password.
    Found,
    /// It is only parsed: the reason.
    Parsed(&'static str),
    /// No example: a preparation for the next ones.
    Make(fn(&Group)),
}
use How::{Dry, Found, Make, Parsed, Run, Yes};

const ELSEWHERE: &str =
    "its host is none of this machine; tests/members.rs adds a node on one that is";
const AFTER_ADD: &str = "it needs the node that the example of `add` adds; tests/members.rs has it";

/// All examples, in an order in which each has what it needs.
const ALL: &[(&str, How)] = &[
    (
        "replctl init",
        Parsed("it asks on a terminal; tests/init.rs answers it"),
    ),
    (
        "replctl init --yes --name orders master=192.168.0.120 slave1=192.168.0.130 slave2=192.168.0.140",
        Run,
    ),
    ("replctl setup --dry-run", Run),
    ("replctl setup", Yes),
    ("replctl init --from 192.168.0.120", Found),
    ("replctl init --from 192.168.0.150 --merge", Found),
    ("replctl setup slave2", Yes),
    ("replctl setup --keep-earlier-password", Yes),
    ("replctl status", Run),
    ("replctl status --seconds", Run),
    ("replctl check", Run),
    ("replctl check --seconds", Run),
    ("replctl check --matrix", Run),
    (
        "replctl check --fix --dry-run",
        Parsed("it would change the machine of the tests; tests/check_lab/fix.rs has hosts for it"),
    ),
    (
        "replctl check --fix",
        Parsed("it would change the machine of the tests; tests/check_lab/fix.rs has hosts for it"),
    ),
    ("replctl check --report > inspection.md", Run),
    (
        "replctl check --json | jq -r '.findings[] | .hint // empty'",
        Run,
    ),
    ("replctl explain", Run),
    ("replctl explain no-primary", Run),
    ("replctl endpoint", Run),
    (
        "env=$(replctl endpoint --format env) && eval \"$env\" && echo \"$REPLCTL_PRIMARY_HOST\"",
        Run,
    ),
    ("replctl endpoint --json | jq -er .url", Run),
    ("replctl clients", Run),
    ("replctl clients master", Run),
    (
        "replctl clients --json | jq '.nodes[] | {node, count: .clients.count}'",
        Run,
    ),
    (
        "replctl promote",
        Parsed("it asks on a terminal; tests/words/candidates.rs answers it"),
    ),
    ("replctl promote slave1 --dry-run", Run),
    ("replctl promote slave1 --allow-data-loss", Dry),
    ("replctl promote slave1 --no-hooks", Dry),
    ("replctl promote slave1 --without-sentinel", Dry),
    ("replctl promote slave1 --kick-clients", Dry),
    ("replctl promote slave1", Yes),
    ("replctl undo last --dry-run", Run),
    ("replctl undo 20251124T2217", Dry),
    ("replctl undo last", Yes),
    ("replctl history", Run),
    ("replctl history slave1", Run),
    (
        "replctl history --json | jq -r '.operations[] | select(.unfinished).id'",
        Run,
    ),
    ("replctl report last", Run),
    ("replctl report 20251124T2217 --output incident.md", Run),
    ("replctl abandon 20251124T2217", Yes),
    ("replctl resume", Run),
    ("replctl resume --no-hooks", Run),
    ("replctl rollback", Run),
    ("replctl server", Run),
    ("replctl server --extract ./bin", Run),
    ("source <(replctl completions bash)", Run),
    ("source <(replctl completions zsh)", Run),
    ("replctl completions fish | source", Run),
    ("replctl move slave2 --under slave1 --dry-run", Run),
    ("replctl move slave2 --under slave1", Yes),
    ("replctl move slave2 --under slave1 --update-inventory", Yes),
    ("replctl move slave2 --under master", Yes),
    ("replctl detach slave2 --dry-run", Run),
    ("replctl detach slave2", Yes),
    ("a note", Make(stands_alone)),
    ("replctl status --json | jq -r '.findings[].message'", Run),
    ("replctl status --json | jq -r '.findings[].code'", Run),
    (
        "replctl move slave2 --under master --discard-data slave2",
        Yes,
    ),
    (
        "replctl add slave3 --address 192.168.0.150 --dry-run",
        Parsed(ELSEWHERE),
    ),
    (
        "replctl add slave3 --address 192.168.0.150",
        Parsed(ELSEWHERE),
    ),
    (
        "replctl add slave3 --address db4.example.org:6380 --ssh ops@gate:2222 --priority 0",
        Parsed(ELSEWHERE),
    ),
    ("replctl adopt slave1 --dry-run", Run),
    ("replctl adopt --all", Yes),
    ("replctl adopt --all --hand-back", Yes),
    (
        "replctl adopt cache --ignore pause",
        Parsed("the node is another deployment's"),
    ),
    ("replctl remove slave3 --dry-run", Parsed(AFTER_ADD)),
    ("replctl remove slave3", Parsed(AFTER_ADD)),
    ("replctl remove slave3 --purge", Parsed(AFTER_ADD)),
    ("replctl remove slave3 --leave-running", Parsed(AFTER_ADD)),
    ("two primaries", Make(part)),
    ("replctl lost master", Run),
    ("replctl lost master --output rescued.resp", Run),
    ("replctl repair --dry-run", Run),
    ("replctl repair --keep master", Dry),
    ("replctl rejoin master --dry-run", Run),
    ("replctl rejoin master --under slave1", Dry),
    ("replctl rejoin master --discard-data master", Dry),
    ("replctl lost master --replay", Yes),
    ("replctl rejoin master", Yes),
    ("replctl lost master --backup BACKUP --replay", Yes),
    (
        "replctl lost master --backup ~/.local/state/replctl/orders/backup/20261125T030000Z-master --replay",
        Yes,
    ),
    ("the nodes as they were", Make(whole)),
    ("replctl setup master --discard-data master", Dry),
    ("replctl repair", Yes),
    ("replctl sentinel setup --dry-run", Run),
    ("replctl sentinel setup", Yes),
    ("replctl sentinel status", Run),
    (
        "replctl init --from 192.168.0.120:26379 --user root --password-file orders.password",
        Found,
    ),
    (
        "replctl sentinel status --json | jq '.watch.views[].address'",
        Run,
    ),
    (
        "replctl sentinel forget slave2 --dry-run",
        Parsed(
            "slave2 lives, and is not forgotten; tests/sentinel_setup/forget.rs has one that is gone",
        ),
    ),
    (
        "replctl sentinel forget slave2",
        Parsed(
            "slave2 lives, and is not forgotten; tests/sentinel_setup/forget.rs has one that is gone",
        ),
    ),
    (
        "replctl sentinel forget 10.0.0.9:26379",
        Parsed(
            "no Sentinel here knows that one; tests/sentinel_setup/forget.rs has one that is gone",
        ),
    ),
    ("replctl sentinel remove --dry-run", Run),
    ("replctl sentinel remove", Yes),
    ("replctl sentinel remove --purge", Yes),
];

#[test]
fn every_example_is_run() {
    let listed = ALL.iter().filter(|(_, how)| !matches!(how, Make(_)));
    let listed: BTreeSet<String> = listed.map(|(line, _)| (*line).to_owned()).collect();
    assert_eq!(
        listed,
        shown(),
        "examples of help that this test does not know, or that are gone"
    );
    if Command::new("jq").arg("--version").output().is_err() {
        return crate::support::not_run("jq is not installed");
    }
    let Some(group) = Group::new(None) else {
        return;
    };
    let path = path_with_the_program(&group);
    let mut wrong = Vec::new();
    for (line, how) in ALL {
        match how {
            Make(make) => make(&group),
            Run => wrong.extend(trouble_with(&group, &path, line)),
            Yes => wrong.extend(trouble_with(&group, &path, &format!("{line} --yes"))),
            Dry => wrong.extend(trouble_with(&group, &path, &format!("{line} --dry-run"))),
            Found => wrong.extend(trouble_with(
                &group,
                &path,
                &unlike::from_there(&group, line),
            )),
            Parsed(why) => {
                assert!(!why.is_empty(), "{line} is not run, and nobody says why");
                unlike::parsed(&group, line);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The examples below the options of each command, and of the commands below it. Man pages are made
/// of the same lines; tests/generated.rs sees to it.
fn shown() -> BTreeSet<String> {
    let operator = Replctl::new();
    let mut found = BTreeSet::new();
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(path) = open.pop() {
        let mut words: Vec<&str> = path.iter().map(String::as_str).collect();
        words.push("--help");
        let help = operator.run(&words).ok().stdout;
        let section = |title: &str| {
            let rest = help
                .split(&format!("{title}:\n"))
                .nth(1)
                .unwrap_or_default();
            rest.lines()
                .take_while(|l| !l.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let is_head = |l: &&String| l.starts_with("  ") && !l.starts_with("   ");
        let lines = section("Examples");
        assert!(!lines.is_empty(), "{path:?} has no examples");
        found.extend(lines.iter().filter(is_head).map(|l| l.trim().to_owned()));
        let below = section("Commands");
        let names = below
            .iter()
            .filter(is_head)
            .filter_map(|l| l.split_whitespace().next());
        open.extend(
            names
                .filter(|n| *n != "help")
                .map(|n| [&path[..], &[n.to_owned()]].concat()),
        );
    }
    assert!(found.len() > 50, "{found:?}");
    found
}

/// A `PATH` by which `replctl` is the program under test.
fn path_with_the_program(group: &Group) -> String {
    let folder = group.bench.folder().join("program");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(Replctl::binary(), folder.join("replctl")).unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

/// A line with the existing operation and backup, in place of the example's.
fn filled(group: &Group, line: &str) -> String {
    let operator = &group.bench.operator;
    let newest = || operator.run(&["history", "--json"]).ok().stdout;
    let mut line = line.to_owned();
    if line.contains("20251124T2217") {
        let history: serde_json::Value = serde_json::from_str(&newest()).unwrap();
        line = line.replace(
            "20251124T2217",
            history["operations"][0]["id"].as_str().unwrap(),
        );
    }
    let of_orders = "~/.local/state/replctl/orders/backup/20261125T030000Z-master";
    if line.contains("BACKUP") || line.contains(of_orders) {
        let folder = operator.home().join(".local/state/replctl/loop/backup");
        let mut backups = std::fs::read_dir(folder).unwrap().flatten();
        let backup = backups.next().unwrap().path();
        let backup = backup.to_str().unwrap();
        line = line.replace("BACKUP", backup).replace(of_orders, backup);
    }
    line
}

/// Runs a line with its own shell. Returns what is wrong, if it fails or prints nothing.
fn trouble_with(group: &Group, path: &str, line: &str) -> Option<String> {
    let shell = ["zsh", "fish"]
        .into_iter()
        .find(|shell| line.contains(&format!("completions {shell}")));
    let shell = shell.unwrap_or("bash");
    if Command::new(shell).arg("--version").output().is_err() {
        crate::support::not_run(&format!("{shell} is not installed"));
        return None;
    }
    let operator = &group.bench.operator;
    let line = filled(group, line);
    let (before, after) = unlike::around(shell, line.contains("completions"));
    let mut command = operator.command(&[]);
    let environment: Vec<_> = command
        .get_envs()
        .map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned)))
        .collect();
    command = Command::new(shell);
    command.env_clear();
    for (name, value) in environment {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command
        .args(["-c", &format!("{before}{line}{after}")])
        .current_dir(operator.home())
        .env("PATH", path);
    let ran = run(&mut command, Duration::from_mins(1));
    // A look at what needs doing says so by its exit code.
    let status = line.starts_with("replctl status") && line.contains("jq");
    let looks = status || line.starts_with("replctl check");
    let done = matches!((ran.code, looks), (Some(0), _) | (Some(4), true));
    let prints = (line.contains("jq") && !line.contains("unfinished")) || line.contains("echo");
    let empty = prints && ran.stdout.trim().is_empty();
    let null = ran.stdout.lines().any(|l| l == "null");
    (!done || empty || null).then(|| format!("{line}: {ran}"))
}

fn stands_alone(group: &Group) {
    group.bench.run(&["status"]).says("slave2");
}

/// slave1 is a primary, too, and each has a key of its own.
fn part(group: &Group) {
    let bench = &group.bench;
    bench.in_sync(0);
    let said = bench.client(1).command(&["REPLICAOF", "NO", "ONE"]).text();
    assert_eq!(said, "OK", "{}", NAMES[1]);
    bench
        .client(2)
        .command(&["REPLICAOF", "127.0.0.1", &bench.port(1).to_string()]);
    for (n, key) in [(0, "old"), (1, "new")] {
        assert_eq!(bench.client(n).command(&["SET", key, "1"]).text(), "OK");
    }
    await_that("slave2 to follow slave1", Duration::from_secs(10), || {
        bench.client(2).command(&["GET", "new"]).text() == "1"
    });
}

/// All follow slave1, and files say so.
fn whole(group: &Group) {
    group.bench.run(&["promote", "slave1", "--yes"]).ok();
    await_that("all to be well", Duration::from_secs(20), || {
        group.bench.run(&["status"]).code == Some(0)
    });
}

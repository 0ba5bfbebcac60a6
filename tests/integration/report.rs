//! Compares reports with reality: their commands are those that the servers got, their times are
//! those of the proof, and they contain no secret.

#![allow(clippy::unwrap_used)]

use crate::setup_sshd::bench;
mod secrets;

use crate::support::figure;
use crate::support::inventory::{InventoryText, NodeText};
use crate::support::program::Replctl;
use crate::support::rotation::each_family;
use crate::support::server::{Family, LocalServer};
use crate::support::trio::{BACKLOG, NAMES, Trio};
use bench::mode;
use std::collections::BTreeSet;
use std::time::Duration;

/// Makes a server record every command it gets: MONITOR does not show administrative ones.
const KEEPS_ALL: [&str; 3] = [
    BACKLOG,
    "slowlog-log-slower-than 0",
    "slowlog-max-len 100000",
];

/// The commands that a server got and that change something, each once.
fn heard(server: &LocalServer) -> BTreeSet<String> {
    let all = server.client().command(&["SLOWLOG", "GET", "100000"]);
    let words = |entry: crate::support::Reply| {
        let words = entry.items().swap_remove(3).items();
        words
            .iter()
            .map(crate::support::Reply::text)
            .collect::<Vec<_>>()
            .join(" ")
    };
    all.items()
        .into_iter()
        .map(words)
        .filter(|line| changes(line))
        .collect()
}

fn changes(line: &str) -> bool {
    const BEGINNINGS: [&str; 6] = [
        "REPLICAOF",
        "CLIENT PAUSE",
        "CLIENT UNPAUSE",
        "CONFIG SET",
        "CONFIG REWRITE",
        "SHUTDOWN",
    ];
    BEGINNINGS.iter().any(|b| line.starts_with(b))
}

/// The commands to a node by the report, if they change something.
fn told(report: &str, node: &str) -> BTreeSet<String> {
    let done = report.split("## What was done").nth(1).unwrap();
    let done = done.split("\n## ").next().unwrap();
    let rows = done.lines().map(|l| l.split(" | ").collect::<Vec<_>>());
    rows.filter(|cells| cells.len() == 6 && cells[1] == node)
        .flat_map(|cells| {
            cells[3]
                .split(", ")
                .map(|c| c.trim_matches('`').to_owned())
                .collect::<Vec<_>>()
        })
        .filter(|c| changes(c))
        .collect()
}

/// The text below a heading.
fn under<'t>(report: &'t str, heading: &str) -> &'t str {
    let text = report.split(&format!("\n## {heading}\n\n")).nth(1);
    let text = text.unwrap_or_else(|| panic!("no {heading:?} in\n{report}"));
    text.split("\n\n## ").next().unwrap()
}

fn report(operator: &Replctl<'_>) -> String {
    operator.run(&["report", "last"]).ok().stdout
}

#[test]
fn it_names_what_the_servers_heard() {
    each_family(|_, family| {
        let deployment = Trio::start(family, &KEEPS_ALL);
        let operator = deployment.operator();
        for server in &deployment.servers {
            server.client().command(&["SLOWLOG", "RESET"]);
        }
        let ran = operator.run(&["promote", "slave1", "--yes", "--json"]).ok();
        let report = report(&operator);
        for (server, name) in deployment.servers.iter().zip(NAMES) {
            let heard = heard(server);
            assert!(!heard.is_empty(), "{}: {name} heard nothing", family.name);
            assert_eq!(
                told(&report, name),
                heard,
                "{}: {name}\n{report}",
                family.name
            );
        }
        // The plan is the one that was shown, to the letter.
        let shown = ran.stderr.split("\n\n").next().unwrap();
        let plan = under(&report, "The plan as it was shown");
        let first: Vec<&str> = plan.lines().skip(1).take(5).collect();
        assert!(shown.contains(&first.join("\n")), "{first:?}\n{ran}");
        let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        agrees_on_the_time(&report, &json);
        let before = under(&report, "The deployment before");
        let after = under(&report, "The deployment after");
        assert!(
            row(before, "master").contains("| primary | - |"),
            "{before}"
        );
        assert!(
            row(before, "slave2").contains("| replica | master | up |"),
            "{before}"
        );
        assert!(row(after, "slave1").contains("| primary | - |"), "{after}");
        assert!(
            row(after, "master").contains("| replica | slave1 | up |"),
            "{after}"
        );
        let proved = under(&report, "What was proved");
        for line in [
            "equal: no acknowledged write is lost",
            "- slave1 was seen to be the primary.",
            "- slave2 was in sync with slave1 by a partial resync, at offset",
        ] {
            assert!(proved.contains(line), "{line}\n{report}");
        }
        // There is no SSH to read them back by.
        let left = under(&report, "What was left");
        assert_eq!(left.matches("not read back").count(), 3, "{left}");
        assert_eq!(left.trim().lines().count(), 3, "{left}");
        assert!(!report.contains("Not recorded"), "{report}");
    });
}

fn row<'t>(table: &'t str, node: &str) -> &'t str {
    let begin = format!("| {node} |");
    let row = table.lines().find(|l| l.starts_with(&begin));
    row.unwrap_or_else(|| panic!("no {node} in\n{table}"))
}

/// The report's time without writes agrees with the proof's. It is measured a little before and
/// after, at the lines of the journal.
fn agrees_on_the_time(report: &str, json: &serde_json::Value) {
    let writes = under(report, "Writes");
    let words: Vec<&str> = writes.split_whitespace().collect();
    let at = words.iter().position(|w| *w == "for").unwrap();
    let told: f64 = words[at + 1].parse().unwrap();
    let told = if words[at + 2].starts_with("ms") {
        told
    } else {
        told * 1000.0
    };
    let proved = json["writes_stopped_ms"].as_f64().unwrap();
    assert!(
        told >= proved - 1.0 && told < proved + 30.0,
        "{told} ms in the report, {proved} ms in the proof"
    );
}

#[test]
fn what_was_cut_short_is_told_with_the_way_on() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = Trio::start(family, &[BACKLOG]);
    let operator = deployment.operator();
    operator
        .run(&["report", "last"])
        .code(2)
        .says("no operation on `orders`");
    // Line by line until it dies inside the fence.
    let (mut line, mut seen) = (8, String::new());
    while !seen.contains("the end is not recorded") {
        let mut command = operator.command(&["promote", "slave1", "--yes"]);
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
        let ran = crate::support::process::run(&mut command, Duration::from_mins(1));
        assert_eq!(ran.code, None, "it never died inside the fence; {ran}");
        seen = report(&operator);
        assert!(seen.contains("**It is unfinished.** Go on with it by `replctl resume 2"));
        assert!(seen.contains("or put back what can be put back by `replctl rollback 2"));
        assert_eq!(under(&seen, "The deployment after").trim(), "Not recorded.");
        assert!(under(&seen, "What was left").contains(
            "- Not done, or put back: slave1: make it primary, if it is still where master ended."
        ));
        operator.run(&["rollback", "--yes"]).ok();
        line += 1;
    }
    assert!(
        seen.contains("it ended by itself after 5000 ms at the latest"),
        "{seen}"
    );
    let after = report(&operator);
    assert!(!after.contains("It is unfinished"), "{after}");
    assert!(after.contains("| rolled back |"), "{after}");
    assert!(
        under(&after, "Writes").contains("until its fence was lifted"),
        "{after}"
    );
    assert!(
        after.contains("**put back:** resume writes | `CLIENT UNPAUSE`"),
        "{after}"
    );
    assert!(row(under(&after, "The deployment after"), "master").contains("| primary |"));
    // A file of one's own; one that is there is left alone.
    let file = operator.home().join("incident.md");
    let path = file.to_str().unwrap();
    operator.run(&["report", "last", "--output", path]).ok();
    assert_eq!(mode(&file), 0o600);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), after);
    operator
        .run(&["report", "last", "--output", path])
        .code(1)
        .says("name a file that is not there yet");
    operator
        .run(&["report", "2"])
        .code(2)
        .says("operations begin with `2`");
}

#[test]
fn an_old_journal_is_told_as_far_as_it_goes_and_commands_nothing() {
    let operator = Replctl::new();
    let text = InventoryText::new("orders").node(NodeText::new("master", "127.0.0.1").port(1));
    let operator = {
        let file = text.write(operator.home());
        operator.inventory(&file)
    };
    let folder = operator.home().join(".local/state/replctl/orders/journal");
    std::fs::create_dir_all(&folder).unwrap();
    let journal = concat!(
        r#"{"time":"2025-11-01T10:00:00Z","event":"planned","format":1,"deployment":"orders","who":"ann@ops","plan":{"operation":{"detach":{"node":"slave2"}},"#,
        r#""stages":[{"title":"detach `x` ```","mode":"atomic","steps":[{"node":"<b>slave|2","action":"promote","undo":"impossible"}]}],"warnings":["`a` **b**"],"may_lose":null}}"#,
        "\n",
        r#"{"time":"2025-11-01T10:00:01Z","event":"started","at":{"stage":0,"step":0}}"#,
        "\n",
        r#"{"time":"2025-11-01T10:00:01.5Z","event":"failed","at":{"stage":0,"step":0},"why":"it says: \u001b]0;x\u0007<script>| [x](y)\n## Fake","effect":"unknown"}"#,
        "\n",
        r#"{"time":"2025-11-01T10:00:02Z","event":"ended","outcome":{"outcome":"stopped","at":{"stage":0,"step":0},"why":"\u202egnp"}}"#,
        "\n",
    );
    std::fs::write(
        folder.join("20251101T100000.000Z-detach-slave2.jsonl"),
        journal,
    )
    .unwrap();
    let seen = report(&operator);
    assert!(
        !seen.chars().any(|c| c != '\n' && c.is_control()),
        "{seen:?}"
    );
    assert!(!seen.contains('\u{202e}'));
    assert_eq!(seen.matches("\n## ").count(), 7, "{seen}");
    assert!(
        seen.contains(
            r"\<b\>slave\|2 | make it primary | `MULTI`, `ROLE`, `REPLICAOF NO ONE`, `ROLE`, `EXEC` | **failed:** it says: "
        ),
        "{seen}"
    );
    assert!(seen.contains("500 ms"), "{seen}");
    assert!(seen.contains("````\n1. detach `x` ```\n"), "{seen}");
    assert_eq!(
        under(&seen, "The deployment before").trim(),
        "Not recorded."
    );
    assert_eq!(under(&seen, "Writes").trim(), "Writes were not stopped.");
    // One that cannot be read at all.
    std::fs::write(folder.join("20251102T100000.000Z-setup.jsonl"), "\u{0}").unwrap();
    let seen = report(&operator);
    assert!(seen.contains("its journal cannot be read"), "{seen}");
    assert!(seen.matches("Not recorded.").count() >= 6, "{seen}");
}

#[test]
fn what_hooks_said_is_told_and_a_veto_is_called_one() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = Trio::start(family, &[BACKLOG]);
    let file = deployment.inventory();
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str("\n[hooks]\nbefore_promote = \"echo 'the ```backup``` runs'; exit 7\"\n");
    std::fs::write(&file, text).unwrap();
    let operator = Replctl::new().inventory(&file);
    operator.run(&["promote", "slave1", "--yes"]).code(3);
    operator
        .run(&["history"])
        .ok()
        .says("forbidden by the hook before_promote");
    let seen = report(&operator);
    let said = under(&seen, "Output of the hooks");
    assert!(
        said.starts_with("**before\\_promote**: exit status 7, after "),
        "{said}"
    );
    assert!(
        said.contains("\n````\nthe ```backup``` runs\n````"),
        "{said}"
    );
    assert_eq!(under(&seen, "Writes").trim(), "Writes were not stopped.");
    assert!(
        seen.contains(" | a command on this machine | **failed:** "),
        "{seen}"
    );
}

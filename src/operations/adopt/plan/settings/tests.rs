//! Tests which directives of a former configuration the inventory gets.

use super::*;
use crate::config::directives::parse as directives;
use crate::config::server::{Supervision, render};
use crate::inventory::parse::parse;
use crate::topology::sample;
use std::path::Path;

fn stated(text: &str) -> Vec<Stated> {
    let mut comment = Vec::new();
    let mut out = Vec::new();
    for line in text.lines() {
        if let Some(words) = line.strip_prefix('#') {
            comment.push(words.trim().to_owned());
        } else if let Some(line) = directives(line).pop() {
            out.push(Stated {
                comment: std::mem::take(&mut comment),
                line,
                file: Some("/etc/redis/redis.conf".to_owned()),
            });
        } else {
            comment.clear();
        }
    }
    out
}

fn kept(file: &str, live: &[(&str, &str)], config: &str) -> Settings {
    kept_in("", file, live, config)
}

fn rendered(of_all: &str, config: &str) -> (NodeSpec, Rendered) {
    let text = format!(
        "[deployment]\nname = \"x\"\nauth = \"none\"\n{of_all}[[node]]\nname = \"a\"\naddress = \"10.0.0.1\"\n{config}"
    );
    let inventory = parse(Path::new("/i"), &text).unwrap_or_else(|p| panic!("{p:?}"));
    let node = inventory.nodes[0].clone();
    let rendered = render(&inventory, &node, Supervision::Systemd, None);
    (node, rendered)
}

fn kept_in(of_all: &str, file: &str, live: &[(&str, &str)], config: &str) -> Settings {
    let (node, rendered) = rendered(of_all, config);
    let stated = stated(file);
    let live = live.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    let former = Former {
        stated: &stated,
        live: &live.collect(),
        server: &sample::server(),
    };
    settings(&former, &node, &rendered)
}

fn lines(settings: &Settings) -> Vec<String> {
    let line =
        |k: &AdoptedDirective| format!("{}|{}|{}", k.comment.join("/"), k.name, k.values.join("+"));
    settings.kept.iter().map(line).collect()
}

#[test]
fn what_is_default_or_replctls_own_is_left_out() {
    let file = "port 6379\ndir /var/lib/redis\nlogfile /var/log/redis.log\ndaemonize yes\nreplicaof h 1\n\
        tcp-keepalive 300\nrequirepass\nuser\nappendonly no\ndatabases 16\nslave-priority 100\n";
    let live = [
        ("tcp-keepalive", "300"),
        ("appendonly", "no"),
        ("dir", "/x"),
    ];
    assert_eq!(kept(file, &live, ""), Settings::default());
}

#[test]
fn what_the_operator_has_set_is_kept_with_its_comment() {
    let file = "# for the shop\n# 2019\nmaxmemory 1gb\nmaxmemory-policy allkeys-lru\nslave-serve-stale-data no\nrename-command FLUSHALL \"\"\nrename-command KEYS X\n";
    let live = [
        ("maxmemory", "1073741824"),
        ("maxmemory-policy", "allkeys-lru"),
        ("replica-serve-stale-data", "no"),
    ];
    let settings = kept(file, &live, "");
    assert_eq!(
        lines(&settings),
        [
            "for the shop/2019|maxmemory|1gb",
            "|maxmemory-policy|allkeys-lru",
            "|replica-serve-stale-data|no",
            "|rename-command|FLUSHALL \"\"+KEYS X",
        ]
    );
    assert_eq!(settings.changed, [""; 0]);
}

#[test]
fn what_the_inventory_says_for_all_does_not_win_over_a_default_that_runs() {
    // The server would start empty, from an append-only file that does not exist.
    let text = "[server.config]\nappendonly = \"yes\"\nsave = \"60 1\"\n";
    let live = [("appendonly", "no"), ("save", ""), ("hz", "10")];
    let settings = kept_in(text, "", &live, "");
    assert_eq!(lines(&settings), ["|appendonly|no", "|save|"]);
    assert_eq!(settings.changed, [""; 0]);
}

#[test]
fn an_empty_bind_is_written_as_what_it_means() {
    let settings = kept("", &[("bind", "")], "");
    assert_eq!(lines(&settings), ["|bind|* -::*"]);
}

#[test]
fn afterwards_it_runs_as_before_but_for_what_the_new_file_says() {
    let live = [
        ("x-unknown", "7"),
        ("dir", "/var/lib/redis"),
        ("maxclients", "4064"),
        ("repl-backlog-size", "1048576"),
    ];
    let (node, rendered) = rendered("", "");
    let live = live.map(|(n, v)| (n.to_owned(), v.to_owned()));
    let former = Former {
        stated: &[],
        live: &live.into(),
        server: &sample::server(),
    };
    let pair = |n: &str, v: &str| (n.to_owned(), v.to_owned());
    assert_eq!(
        expected(&former, &node, &rendered),
        [pair("maxclients", "4064"), pair("x-unknown", "7")]
    );
}

#[test]
fn a_setting_with_two_names_is_kept_once() {
    let file = "hash-max-ziplist-entries 256\nlua-time-limit 7\n";
    let live = [
        ("hash-max-listpack-entries", "256"),
        ("busy-reply-threshold", "9"),
    ];
    let settings = kept(file, &live, "");
    assert_eq!(
        lines(&settings),
        ["|hash-max-listpack-entries|256", "|busy-reply-threshold|9"]
    );
    assert_eq!(settings.changed, ["busy-reply-threshold 9"]);
    let config = "[node.config]\nlua-time-limit = 9\n";
    let live = [("busy-reply-threshold", "9")];
    assert_eq!(kept("", &live, config), Settings::default());
}

#[test]
fn a_value_with_blanks_is_one_argument_and_the_case_of_flags_counts() {
    let live = [
        ("proc-title-template", "{title} of \"x\""),
        ("notify-keyspace-events", "xE"),
    ];
    let settings = kept("notify-keyspace-events xe\n", &live, "");
    assert_eq!(
        lines(&settings),
        [
            "|notify-keyspace-events|xE",
            "|proc-title-template|\"{title} of \\\"x\\\"\""
        ]
    );
}

#[test]
fn the_last_line_counts_and_of_some_all() {
    let file = "timeout 5\ntimeout 9\nsave 900 1\nsave 300 10\n";
    let live = [("timeout", "9"), ("save", "900 1 300 10")];
    assert_eq!(
        lines(&kept(file, &live, "")),
        ["|timeout|9", "|save|900 1+300 10"]
    );
}

#[test]
fn what_runs_counts_and_is_told_where_the_file_says_otherwise() {
    let file = "maxmemory 1gb\nsave 900 1\n";
    let live = [
        ("maxmemory", "2147483648"),
        ("save", "60 1 10 100"),
        ("slowlog-max-len", "1000"),
        ("hz", "10"),
        ("cluster-node-timeout", "7"),
    ];
    let settings = kept(file, &live, "");
    assert_eq!(
        lines(&settings),
        [
            "|maxmemory|2147483648",
            "|save|60 1+10 100",
            "|slowlog-max-len|1000"
        ]
    );
    assert_eq!(
        settings.changed,
        [
            "maxmemory 2147483648",
            "save 60 1 10 100",
            "slowlog-max-len 1000"
        ]
    );
}

#[test]
fn what_the_inventory_says_already_is_not_said_twice() {
    let config = "[node.config]\nmaxmemory = \"1gb\"\n";
    let live = [("maxmemory", "1073741824")];
    assert_eq!(kept("maxmemory 1gb\n", &live, config), Settings::default());
    let live = [("maxmemory", "5")];
    assert_eq!(
        lines(&kept("maxmemory 5\n", &live, config)),
        ["|maxmemory|5"]
    );
}

#[test]
fn where_it_listens_and_whom_it_lets_in_stays() {
    // replctl would write other values.
    let live = [("bind", "0.0.0.0"), ("protected-mode", "yes"), ("save", "")];
    let settings = kept("bind 0.0.0.0\n", &live, "");
    assert_eq!(
        lines(&settings),
        ["|bind|0.0.0.0", "|protected-mode|yes", "|save|"]
    );
    assert_eq!(settings.changed, [""; 0]);
}

#[test]
fn a_comment_that_may_hold_a_password_is_left_out() {
    let file = "# requirepass canary\n# tls-key-file-pass canary\n# user bob on >canary\n# the PWD is canary\n# redis://:canary@h\n\
         # 密码 canary\n# fine\nhz 20\n";
    let settings = kept(file, &[("hz", "20")], "");
    assert_eq!(lines(&settings), ["fine|hz|20"]);
    let long: Vec<String> = (0..40).map(|n| format!("# line {n}")).collect();
    let settings = kept(
        &format!("{}\nhz 20\n", long.join("\n")),
        &[("hz", "20")],
        "",
    );
    assert_eq!(settings.kept[0].comment.len(), COMMENT);
    assert_eq!(settings.kept[0].comment[11], "line 39");
}

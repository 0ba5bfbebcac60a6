//! replctl as an ACL user with minimal rights; replicas that log in as another user; and the
//! messages about missing rights, before any change.

#![allow(clippy::unwrap_used)]

use crate::support::inventory::{InventoryText, write_password};
use crate::support::program::Replctl;
use crate::support::rotation::each_family;
use crate::support::sentinel::LocalSentinel;
use crate::support::server::Family;
use crate::support::trio::{BACKLOG, NAMES, Trio};
use crate::support::writer::{Load, Writer};
use crate::support::{figure, repository};
use std::time::Duration;

/// The rule of docs/access-lists.md, word for word.
fn rule() -> Vec<String> {
    let page = std::fs::read_to_string(repository().join("docs/access-lists.md")).unwrap();
    let begin = "ACL SETUSER replctl on '>SECRET' ";
    let (_, rest) = page.split_once(begin).unwrap();
    let rule = rest.split("\n```").next().unwrap();
    rule.split_whitespace()
        .map(|word| word.trim_matches(['\'', '\\']).to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Three servers with the user `replctl` by that rule, and the user `repl` for the replicas' login.
fn deployment(family: &Family, rule: &[String]) -> Trio {
    // Access lists of 6.0 know no channels.
    let channels = family.name != "redis-6.0";
    let rule: Vec<&str> = rule
        .iter()
        .map(String::as_str)
        .filter(|word| channels || !(word.starts_with('&') || *word == "resetchannels"))
        .collect();
    let user = format!("user replctl on >hush-replctl {}", rule.join(" "));
    let directives = [
        BACKLOG,
        &user,
        "user repl on >hush-repl -@all +ping +psync +replconf",
        "masteruser repl",
        "masterauth hush-repl",
    ];
    Trio::start(family, &directives)
}

fn operator(trio: &Trio) -> Replctl<'static> {
    let secret = write_password(trio.folder(), "hush-replctl");
    let text = InventoryText::new("orders")
        .password_file(&secret)
        .deployment("user = \"replctl\"")
        .deployment("masteruser = \"repl\"")
        .deployment("masterauth = { env = \"REPL_SECRET\" }");
    Replctl::new()
        .inventory(&trio.inventory_of(text))
        .env("REPL_SECRET", "hush-repl")
}

#[test]
fn the_smallest_user_looks_and_promotes_on_every_family() {
    each_family(|_, family| {
        let trio = deployment(family, &rule());
        let operator = operator(&trio);
        operator.run(&["status", "--no-ssh"]).ok();
        let mut load = Load::plain(&trio.ports());
        load.per_second = Some(500);
        let writer = Writer::start(load);
        for target in [1, 2, 0] {
            writer.await_more(100, Duration::from_secs(20));
            let ran = operator.run(&["promote", NAMES[target], "--yes"]).ok();
            // What its files come to cannot be seen without SSH, and is warned of.
            let lacks = ["may not run", "does not let", "cannot be known"];
            assert!(
                !lacks.iter().any(|text| ran.stderr.contains(text)),
                "{}: {ran}",
                family.name
            );
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert!(!said.contains("hush"), "{ran}");
            trio.assert_primary(target);
        }
        operator
            .run(&["move", "slave2", "--under", "slave1", "--yes"])
            .ok();
        operator.run(&["detach", "slave2", "--yes"]).ok();
        writer.stop().nothing_lost(trio.servers[0].address());
        let home = operator.home().to_str().unwrap().to_owned();
        let mut grep = std::process::Command::new("grep");
        let found = grep.args(["-rl", "hush", &home]).output().unwrap();
        assert_eq!(found.status.code(), Some(1), "a secret in {found:?}");
        for server in &trio.servers {
            let denied = server.client().command(&["ACL", "LOG"]).items();
            assert!(denied.is_empty(), "{}: {denied:?}", family.name);
        }
        figure(&format!(
            "{}: 3 promotions, a move and a detachment by a user with {} rules, nothing denied",
            family.name,
            rule().len()
        ));
    });
}

/// Rules, and the command that each of them lets through.
const NEEDED: [(&str, &str); 15] = [
    ("+info", "INFO"),
    ("+role", "ROLE"),
    ("+replicaof", "REPLICAOF"),
    ("+client|id", "CLIENT ID"),
    ("+client|kill", "CLIENT KILL"),
    ("+client|pause", "CLIENT PAUSE"),
    ("+client|unpause", "CLIENT UNPAUSE"),
    ("+config|get", "CONFIG GET"),
    ("+config|set", "CONFIG SET"),
    ("+config|rewrite", "CONFIG REWRITE"),
    ("+pubsub|numsub", "PUBSUB NUMSUB"),
    ("+multi", "MULTI"),
    ("+exec", "EXEC"),
    ("+client|list", "CLIENT LIST"),
    ("+client|setname", "CLIENT SETNAME"),
];

/// Each rule is needed. Without it, promote or lost reports the node, the user and the command, and
/// changes nothing.
#[test]
fn whatever_is_missing_is_said_before_anything_is_changed() {
    each_family(|_, family| {
        let rule = rule();
        let trio = deployment(family, &rule);
        let operator = operator(&trio);
        let fence_by_settings = family.name == "redis-6.0";
        // 6.0 knows no rules of channels.
        let known = |r: &&str| !fence_by_settings || !(r.starts_with('&') || *r == "resetchannels");
        let all: Vec<&str> = rule.iter().map(String::as_str).filter(known).collect();
        let mut refused = 0;
        for (word, command) in NEEDED {
            assert!(rule.iter().any(|r| r == word), "{word} is not in the rule");
            let needless = if fence_by_settings {
                word.starts_with("+client|pause") || word.starts_with("+client|unpause")
            } else {
                word == "+config|set"
            };
            if needless {
                continue;
            }
            let fewer: Vec<&str> = all.iter().copied().filter(|r| *r != word).collect();
            let primary = &trio.servers[0];
            let set = [&["ACL", "SETUSER", "replctl", "-@all"][..], &fewer].concat();
            assert_eq!(primary.client().command(&set).text(), "OK", "{fewer:?}");
            let ran = operator.run(&["promote", "slave1", "--yes"]).code(3);
            if word == "+info" {
                // Without INFO it is not seen at all.
                assert!(ran.stderr.contains("NOPERM"), "{ran}");
            } else {
                let wanted = format!("the user `replctl` may not run {command} on `master`");
                let line = format!(
                    "redis-cli -h 127.0.0.1 -p {} ACL SETUSER replctl '{word}'",
                    primary.port
                );
                assert!(ran.stderr.contains(&wanted), "{}: {ran}", family.name);
                assert!(ran.stderr.contains(&line), "{}: {ran}", family.name);
            }
            trio.assert_primary(0);
            refused += 1;
            let set = [&["ACL", "SETUSER", "replctl"][..], &all].concat();
            assert_eq!(primary.client().command(&set).text(), "OK");
        }
        assert!(refused >= 9, "only {refused}");
        operator.run(&["promote", "slave1", "--yes"]).ok();
    });
}

#[test]
fn what_can_be_done_without_can_be_accepted() {
    let Some(family) = Family::debian() else {
        return;
    };
    let rule: Vec<String> = rule()
        .into_iter()
        .filter(|r| r != "+config|rewrite")
        .collect();
    let trio = deployment(family, &rule);
    let operator = operator(&trio);
    operator
        .run(&["promote", "slave1", "--yes"])
        .code(3)
        .says("or go without: replctl promote slave1 --ignore permissions");
    let go = ["promote", "slave1", "--yes", "--ignore", "permissions"];
    operator
        .run(&go)
        .says("does not let `replctl` run CONFIG REWRITE")
        .says("role NOT written: a restart may undo it")
        .ok();
    trio.assert_primary(1);
}

#[test]
fn a_command_that_is_disabled_is_told_from_one_that_is_forbidden() {
    each_family(|_, family| {
        let disabled = ["rename-command CONFIG \"\"", BACKLOG];
        let trio = Trio::start(family, &disabled);
        let operator = trio.operator();
        let ran = operator.run(&["promote", "slave1", "--yes"]).code(3);
        let wanted = "`master` does not know CONFIG: renamed or disabled by `rename-command`";
        assert!(ran.stderr.contains(wanted), "{}: {ran}", family.name);
        trio.assert_primary(0);
    });
}

#[test]
fn replicas_that_would_not_be_let_in_are_found_by_trying() {
    each_family(|_, family| {
        let trio = deployment(family, &rule());
        let operator = operator(&trio);
        let target = &trio.servers[1];
        let mut at_target = target.client();
        // It is let in, and may not replicate. Servers before 7.0 cannot be asked about others.
        if !["redis-6.0", "redis-6.2"].contains(&family.name) {
            let less = ["ACL", "SETUSER", "repl", "-replconf"];
            assert_eq!(at_target.command(&less).text(), "OK");
            let ran = operator.run(&["promote", "slave1", "--yes"]).code(3);
            let wanted = "`master` could not log in at `slave1` as a replica: its user `repl` may not run REPLCONF there";
            assert!(ran.stderr.contains(wanted), "{}: {ran}", family.name);
            assert!(ran.stderr.contains("ACL SETUSER repl '+replconf'"), "{ran}");
            trio.assert_primary(0);
        }
        // It has another password there.
        let again = ["ACL", "SETUSER", "repl", "+replconf", "resetpass", ">other"];
        assert_eq!(at_target.command(&again).text(), "OK");
        operator
            .run(&["promote", "slave1", "--yes"])
            .code(3)
            .says("`master` could not log in at `slave1`, so it could not replicate from it")
            .says("it refuses the user `repl` or its password");
        trio.assert_primary(0);
    });
}

#[test]
fn a_wrong_user_is_a_row_with_its_name_and_setup_says_what_it_does_not_do() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = deployment(family, &rule());
    let secret = write_password(trio.folder(), "hush-replctl");
    let text = InventoryText::new("orders")
        .password_file(&secret)
        .deployment("user = \"nobody\"");
    let stranger = Replctl::new().inventory(&trio.inventory_of(text));
    let ran = stranger.run(&["status", "--no-ssh"]).code(4);
    ran.says("it refuses the user `nobody` or its password")
        .says("ACL GETUSER nobody");
    stranger
        .run(&["setup", "--yes"])
        .code(3)
        .says("setup makes no users of access lists");
    // What the replicas log in with is compared with what the inventory says.
    let mut client = trio.servers[1].client();
    assert_eq!(
        client.command(&["CONFIG", "SET", "masteruser", ""]).text(),
        "OK"
    );
    operator(&trio)
        .run(&["status", "--no-ssh"])
        .code(4)
        .says("`masterauth` of `slave1` is not what the inventory says")
        .says("redis-cli --user replctl --askpass -h 127.0.0.1");
}

#[test]
fn lost_needs_two_commands_more_and_names_them() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = deployment(family, &rule());
    let operator = operator(&trio);
    let mut old = trio.servers[0].client();
    // Parted by hand: slave1 is promoted, and the old primary takes a write of its own.
    trio.await_in_sync();
    let mut new = trio.servers[1].client();
    assert_eq!(new.command(&["REPLICAOF", "NO", "ONE"]).text(), "OK");
    assert_eq!(old.command(&["SET", "k", "only here"]).text(), "OK");
    operator
        .run(&["lost", "master"])
        .code(1)
        .says("NOPERM")
        .says(&format!(
            "redis-cli -h 127.0.0.1 -p {} ACL SETUSER replctl '+replconf' '+psync'",
            trio.servers[0].port
        ));
    for server in &trio.servers[..2] {
        let more = ["ACL", "SETUSER", "replctl", "+replconf", "+psync"];
        assert_eq!(server.client().command(&more).text(), "OK");
    }
    operator.run(&["lost", "master"]).ok().says("SET k");
}

#[test]
fn sentinels_have_users_of_their_own() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = deployment(family, &rule());
    let sentinel = LocalSentinel::start(family, trio.servers[0].port, 5_000, None);
    for words in [
        &["ACL", "SETUSER", "watcher", "on", ">hush-watcher", "+@all"][..],
        &["ACL", "SETUSER", "default", "off"],
    ] {
        assert_eq!(sentinel.ask(words).text(), "OK");
    }
    let at = |user: &str| {
        let text = InventoryText::new("orders")
            .password_file(&write_password(trio.folder(), "hush-replctl"))
            .deployment("user = \"replctl\"")
            .raw(&format!(
                "[sentinel]\nname = \"m\"\nnodes = [\"127.0.0.1:{}\"]\nuser = \"{user}\"\npassword = {{ env = \"S\" }}\n",
                sentinel.port
            ));
        Replctl::new()
            .inventory(&trio.inventory_of(text))
            .env("S", "hush-watcher")
    };
    let said = at("watcher").run(&["sentinel", "status"]);
    assert!(
        said.stdout.contains(&trio.servers[0].port.to_string()),
        "{said}"
    );
    at("nobody")
        .run(&["sentinel", "status"])
        .says("it refuses the user `nobody` or its password");
}

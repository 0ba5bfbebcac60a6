//! Input and output: words of other tools, a promotion without a node, JSON against its schema, the
//! amount of output and its colours, and every example of the help.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::setup_sshd::bench;
mod candidates;
mod examples;
use crate::sentinel_setup::group;
mod json;
mod reasons;
mod schema;

use crate::support::{Family, Replctl, Trio};

#[test]
fn words_of_other_tools_lead_to_ours() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[]);
    let operator = trio.operator();
    for (typed, hint) in [
        (&["failover"][..], "replctl promote"),
        (&["failover", "slave1"], "replctl promote slave1"),
        (&["switchover", "--yes"], "replctl promote"),
        (&["topology"], "replctl status"),
        (&["list"], "replctl status"),
        (&["destroy"], "replctl remove slave2 --dry-run"),
        (&["delete", "slave1"], "replctl remove slave1 --dry-run"),
        (&["fence"], "replctl promote --dry-run"),
        (&["slaveof", "127.0.0.1", "6379"], "replctl move --help"),
        (
            &["repoint", "slave1", "slave2"],
            "replctl move slave1 --under slave2",
        ),
        (&["sentinel", "failover"], "replctl promote"),
        (&["sentinel", "ckquorum"], "replctl sentinel status"),
        (&["fence-guar"], "replctl --help"),
    ] {
        let ran = operator.run(typed).code(2);
        assert!(ran.stdout.is_empty(), "{ran}");
        let shown = if typed[0] == "sentinel" {
            typed.join(" ")
        } else {
            typed[0].to_owned()
        };
        let mut lines = ran.stderr.lines();
        let first = lines.next().unwrap();
        let said = format!("error: no command `{shown}`");
        assert!(
            first == said || first.starts_with(&format!("{said}: ")),
            "{ran}"
        );
        assert_eq!(
            lines.next(),
            Some(format!(" hint: {hint}").as_str()),
            "{ran}"
        );
        assert_eq!(lines.next(), None, "{ran}");
    }
    // What is pasted works, as far as that can be without a terminal.
    for hint in [
        "promote slave1 --dry-run",
        "move slave2 --under master --dry-run",
        "status",
        "sentinel status",
    ] {
        let words: Vec<&str> = hint.split(' ').collect();
        operator.run(&words).ok();
    }
    quiet_and_colours(&operator, &trio);
}

/// Only errors on stderr; colours on request, in help too.
fn quiet_and_colours(operator: &Replctl<'_>, trio: &Trio) {
    let loud = operator.run(&["promote", "slave1", "--yes"]).ok();
    assert!(!loud.stderr.is_empty(), "{loud}");
    let quiet = operator.run(&["promote", "master", "--yes", "-q"]).ok();
    assert!(quiet.stderr.is_empty(), "{quiet}");
    assert!(quiet.stdout.contains("is the primary"), "{quiet}");
    trio.assert_primary(0);
    let failed = operator
        .run(&["promote", "nobody", "--yes", "--quiet"])
        .code(2);
    assert!(
        failed
            .stderr
            .starts_with("error: the inventory has no node `nobody`"),
        "{failed}"
    );
    operator.run(&["status", "-q", "-v"]).code(2);

    let coloured = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = operator.command(arguments);
        command.envs(variables.iter().copied());
        let out = command.output().unwrap();
        out.stdout.contains(&0x1b) || out.stderr.contains(&0x1b)
    };
    for arguments in [&["status"][..], &["--help"], &["promote", "nobody"]] {
        let with = |color: &'static str| [arguments, &["--color", color]].concat();
        assert!(!coloured(&[], arguments), "{arguments:?}: no terminal");
        assert!(coloured(&[], &with("always")), "{arguments:?}");
        assert!(
            coloured(&[("NO_COLOR", "1")], &with("always")),
            "{arguments:?}"
        );
        assert!(
            coloured(&[("CLICOLOR_FORCE", "1")], &with("auto")),
            "{arguments:?}"
        );
        assert!(
            !coloured(&[("CLICOLOR_FORCE", "0")], &with("auto")),
            "{arguments:?}"
        );
        assert!(
            !coloured(&[("CLICOLOR_FORCE", "1")], &with("never")),
            "{arguments:?}"
        );
        let both = [("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")];
        assert!(!coloured(&both, arguments), "{arguments:?}");
    }
}

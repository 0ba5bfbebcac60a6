//! The text below the options in each command's help, and the man page sections that clap does not
//! write.
//!
//! Text only. The text must not promise what the program does not do.

use crate::operations::examples;
use crate::output::paint::{self, Tone};
use std::fmt::Write as _;

/// A heading, and terms with what they mean.
pub struct Section {
    /// In capitals in the man pages.
    pub title: &'static str,
    /// Term and meaning.
    pub terms: &'static [(&'static str, &'static str)],
}

/// The exit codes, which `crate::error::Exit` has in types.
pub const EXIT: Section = Section {
    title: "Exit status",
    terms: &[
        ("0", "done, or healthy"),
        (
            "1",
            "failed; nothing was changed, or every change was undone; or the result could not be written to stdout: stderr says whether the change is done",
        ),
        ("2", "the command line or the inventory is wrong"),
        ("3", "refused; nothing was touched"),
        (
            "4",
            "status or check found problems, endpoint no primary to name, or clients a node that cannot be asked",
        ),
        ("5", "stopped half-way; go on with `replctl resume`"),
        ("130", "interrupted"),
    ],
};

/// The variables that are read.
pub const ENVIRONMENT: Section = Section {
    title: "Environment",
    terms: &[
        (
            "REPLCTL_INVENTORY",
            "the inventory file, where --inventory names none",
        ),
        (
            "XDG_CONFIG_HOME",
            "the configuration folder, for an inventory of last resort (~/.config)",
        ),
        (
            "XDG_STATE_HOME",
            "where journals, notes and the lock are kept (~/.local/state)",
        ),
        (
            "XDG_RUNTIME_DIR",
            "where the control sockets of `transport = \"openssh\"` are while it runs (/tmp)",
        ),
        (
            "SSH_AUTH_SOCK",
            "the SSH agent that is asked before key files are",
        ),
        (
            "SSL_CERT_FILE, SSL_CERT_DIR",
            "certificate authorities of the system, for `[tls]` without `ca`",
        ),
        (
            "NO_COLOR, CLICOLOR_FORCE, CLICOLOR, FORCE_COLOR",
            "whether to print in colour, where --color is auto; the first counts most",
        ),
        (
            "a variable of your own",
            "the servers' password, where the inventory says `password = { env = \"NAME\" }`",
        ),
    ],
};

/// The operator's own commands around a promotion.
pub const HOOKS: Section = Section {
    title: "Hooks",
    terms: &[
        (
            "[hooks]",
            "in the inventory: commands of your own around `promote`, run on this machine from the inventory's folder. A list of strings is a program with its arguments, a string is a line for /bin/sh -c. Each is a step of the plan. If replctl is killed while a command runs, the command may run a second time: make it repeatable. What it prints and how it ends goes into the journal; the command itself does not",
        ),
        (
            "before_promote",
            "run after the question and before anything is changed. Any other exit status than 0 forbids the promotion (exit status 3), and so does taking too long. It is not run again by `resume` once it has agreed",
        ),
        (
            "after_promote",
            "run as soon as there is a new primary and the other nodes were told to follow it, before they are in sync. If it fails, replctl prints a warning and undoes nothing. The exit status is 5, and `replctl resume` runs the command again",
        ),
        (
            "on_failure",
            "run when a promotion was forbidden, failed, was put back (by `rollback` too) or stopped half-way. How it ends changes nothing",
        ),
        (
            "timeout",
            "seconds for each of them, 30 by default; then its whole process group is ended. Ctrl-C ends a hook, too",
        ),
        (
            "REPLCTL_HOOK, REPLCTL_DEPLOYMENT, REPLCTL_ID, REPLCTL_INVENTORY",
            "in its environment: which hook it is, the deployment, the operation's id in the journal, the inventory",
        ),
        (
            "REPLCTL_CHANGE, REPLCTL_OUTCOME",
            "hand-over (the old primary was alive) or fail-over; for on_failure: rolled-back or stopped",
        ),
        (
            "REPLCTL_OLD_PRIMARY, REPLCTL_OLD_PRIMARY_HOST, REPLCTL_OLD_PRIMARY_PORT",
            "the primary before, where it is known; the same with NEW for the other one. Addresses are those that clients use",
        ),
        (
            "standard input",
            "the same as JSON (`\"format\": 1`), with all nodes. There is no password in either; a variable that holds one is not passed on",
        ),
    ],
};

/// `error.reason` in JSON.
pub const REASONS: Section = Section {
    title: "Reasons of errors in JSON",
    terms: &[
        ("usage", "the command line is wrong (exit status 2)"),
        (
            "inventory",
            "the inventory is not there, cannot be read, or is wrong (2, or 3 where a plan cannot be made of it)",
        ),
        (
            "refused",
            "the operation is refused for a reason that has no word of its own (3)",
        ),
        ("claimed", "another operator changes the deployment (3)"),
        ("locked", "another operation runs on this machine (3)"),
        (
            "unfinished",
            "an operation that stopped half-way comes first (3)",
        ),
        (
            "unknown",
            "what an earlier operation did, or left, cannot be read (3)",
        ),
        ("not_confirmed", "the question was answered with no (3)"),
        (
            "no_terminal",
            "there is nobody to ask, and --yes was not given (3)",
        ),
        (
            "secret",
            "a password cannot be read, servers do not accept such a password, or it cannot be changed (3)",
        ),
        (
            "hook",
            "before_promote forbids it (3, or 1 where an earlier attempt was put back)",
        ),
        (
            "data_loss",
            "acknowledged writes would be lost: --allow-data-loss (3)",
        ),
        (
            "split_brain",
            "the old primary may come back and take writes: --accept-split-brain (3)",
        ),
        ("discard_data", "keys would be replaced: --discard-data (3)"),
        (
            "difference",
            "something differs, or a role would not outlive a restart: --ignore (3)",
        ),
        (
            "permission",
            "the user of the servers may not run what is needed (3)",
        ),
        (
            "sentinel",
            "Sentinels cannot be asked, do not agree, or are at work (3)",
        ),
        (
            "not_ready",
            "a node does not have its data yet, or is in the middle of a failover (3)",
        ),
        ("no_node", "the inventory has no node of that name (3)"),
        (
            "role",
            "a node does not have the role that this needs; or there is no primary, or more than one (3)",
        ),
        ("topology", "the replication topology does not allow it (3)"),
        (
            "foreign",
            "replctl has not made the server, the Sentinel or the file (3)",
        ),
        ("version", "the version of a server does not allow it (3)"),
        (
            "unsupported",
            "replctl does not do that, as for Redis Cluster (3)",
        ),
        ("host", "a host lacks something, or does not allow it (3)"),
        (
            "login",
            "a replica could not log in at, or connect to, the node that it is to follow (3)",
        ),
        (
            "undo",
            "what was done cannot be undone, or something else was done since (3)",
        ),
        (
            "unreachable",
            "a server or its host does not answer (3, or 5 where an operation is unfinished)",
        ),
        ("failed", "it failed, and nothing was changed (1)"),
        (
            "failed_put_back",
            "it failed, and what had been changed was put back (1)",
        ),
        (
            "failed_half_way",
            "it failed half-way, and some of it is done (5)",
        ),
        ("problems", "a look found problems (4)"),
        ("interrupted", "Ctrl-C (130)"),
    ],
};

/// The files that are read and written on the operator's machine and on the hosts.
pub const FILES: Section = Section {
    title: "Files",
    terms: &[
        (
            "./inventory.toml, ~/.config/replctl/inventory.toml",
            "the inventory, in this order, where neither --inventory nor $REPLCTL_INVENTORY names one; changed by add, remove and `move --update-inventory` alone",
        ),
        (
            "~/.local/state/replctl/NAME/journal/*.jsonl",
            "one journal for each operation on the deployment NAME: its plan, then a line before and after each step",
        ),
        (
            "~/.local/state/replctl/NAME/debts.json",
            "old primaries that could not be stopped and may come back as primaries",
        ),
        (
            "~/.local/state/replctl/NAME/alone.json",
            "nodes that were detached on purpose",
        ),
        (
            "~/.local/state/replctl/NAME/backup/*-NODE/",
            "what NODE had before `rejoin` made it a replica: dump.rdb, lost.resp, manifest.json",
        ),
        (
            "~/.local/state/replctl/NAME/lock",
            "held while an operation changes something",
        ),
        (
            "/run/replctl.lock",
            "on a host that is set up: kept open by the operation that works there; in the home folder of a login that cannot become root: .replctl.lock",
        ),
        (
            "~/.ssh/config, ~/.ssh/known_hosts",
            "as ssh reads them; a key that is accepted is added to known_hosts",
        ),
        (
            "DIRECTORY/PORT/{conf,logs,pid}",
            "on the hosts: the server's configuration (conf/redis.cnf, conf/sentinel.cnf), log and process id; DIRECTORY is /db/redis unless the inventory says otherwise",
        ),
        (
            "/etc/systemd/system/replctl-PORT.service, replctl-sentinel-PORT.service, /etc/rc.local",
            "on hosts where systemd runs, or else in rc.local where that is there: what starts the node, or the Sentinel, when its host boots",
        ),
    ],
};

/// The examples of a command as they stand below its options.
pub fn example_help(command: &str) -> String {
    let terms = examples(command);
    let mut text = heading("Examples");
    for (line, what) in terms {
        let _ = write!(text, "\n  {line}\n      {what}");
    }
    text
}

/// The text below the options of `replctl` itself.
pub fn main_help() -> String {
    let mut text = example_help("replctl");
    let _ = write!(text, "\n\n{}", heading(EXIT.title));
    for (code, what) in EXIT.terms {
        let _ = write!(text, "\n  {code:<3}  {what}");
    }
    text
}

/// A heading as clap prints its own. clap removes the colour sequences where there is no colour.
fn heading(title: &str) -> String {
    paint::always(&format!("{title}:"), Tone::Heading)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::REASONS;
    use crate::error::Reason;

    #[test]
    fn each_reason_is_in_the_man_page_and_in_the_schema() {
        // For an unknown word, serde's error lists all known ones.
        let error = serde_json::from_str::<Reason>("\"none\"").unwrap_err();
        let error = error.to_string();
        let known: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
        assert!(known.len() > 20, "{error}");
        let told: Vec<&str> = REASONS.terms.iter().map(|(word, _)| *word).collect();
        assert_eq!(told, known);
        let schema = include_str!("../../schema/replctl.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        let listed = schema["$defs"]["reason"]["enum"].as_array().unwrap();
        let listed: Vec<&str> = listed.iter().filter_map(|w| w.as_str()).collect();
        assert_eq!(listed, known);
    }
}

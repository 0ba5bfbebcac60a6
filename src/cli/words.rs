//! The command words of other tools, each with the replctl command for it: redis-cli, Sentinel,
//! redis-trib, orchestrator, repmgr, Patroni, Vitess and configuration managers.
//!
//! Data only. None of these words is a command of replctl. Each command that is named here works as
//! it stands, once its placeholders are filled.

/// A placeholder in a command: a replica of the inventory.
pub const REPLICA: &str = "{replica}";
/// A placeholder in a command: the inventory's first primary.
pub const PRIMARY: &str = "{primary}";

/// Words that mean the same.
pub struct Word {
    /// As they are typed, separated by `, `. An entry has two words where the first alone is
    /// ambiguous.
    words: &'static str,
    /// A fact that the user should know: there is no such command, or another one does the job.
    pub truth: Option<&'static str>,
    /// What to type behind `replctl`.
    pub command: &'static str,
}

impl Word {
    fn all(&self) -> impl Iterator<Item = &'static str> {
        self.words.split(", ")
    }
}

const fn word(words: &'static str, command: &'static str) -> Word {
    Word {
        words,
        truth: None,
        command,
    }
}

const fn answer(words: &'static str, truth: &'static str, command: &'static str) -> Word {
    Word {
        words,
        truth: Some(truth),
        command,
    }
}

/// All of them.
pub const WORDS: &[Word] = &[
    // Another primary.
    word(
        "failover, fail-over, switchover, switch-over, switch, takeover, take-over, handover, \
         hand-over, reparent, elect, set-primary, set-master, make-primary, make-master, \
         graceful-master-takeover, graceful-master-takeover-auto, force-master-failover, \
         force-master-takeover, planned-reparent-shard, emergency-reparent-shard, \
         cluster failover, standby promote, standby switchover, sentinel failover, \
         sentinel promote",
        "promote",
    ),
    answer(
        "demote, stepdown, step-down",
        "a primary is demoted by promoting another node",
        "promote",
    ),
    answer(
        "slaveof no, replicaof no",
        "`promote` makes a node the primary of all; `detach` lets a replica stand alone",
        "promote",
    ),
    answer(
        "fence, unfence, read-only, readonly",
        "`promote` stops writes for the milliseconds of a hand-over; no command stops them for longer",
        "promote --dry-run",
    ),
    // The present state.
    word(
        "topology, tree, list, ls, show, info, health, healthcheck, test, \
         describe, get, state, stat, stats, ps, nodes, members, \
         replicas, slaves, role, roles, lag, replication, discover, ping, cluster show, \
         cluster check, cluster info, cluster nodes, cluster crosscheck, cluster matrix, \
         node check, node status, replication-analysis, topology-tabulated",
        "status",
    ),
    word(
        "verify, diagnose, doctor, inspect, inspection, audit-hosts, preflight, precheck, lint",
        "check",
    ),
    answer(
        "monitor, watch, top, daemon",
        "`status` looks once, and no command keeps looking",
        "status",
    ),
    word(
        "primary, master, leader, masters, where, address, url, dsn, which-master, \
         which-cluster-master, get-master-addr-by-name, sentinel get-master-addr-by-name, \
         sentinel get-primary-addr-by-name",
        "endpoint",
    ),
    word("client, client-list, connections, who, sessions", "clients"),
    word(
        "log, logs, events, audit, journal, operations, jobs, cluster event",
        "history",
    ),
    word("diff, missing, lost-writes, divergence", "lost {primary}"),
    word("replay", "lost {primary} --replay"),
    // Nodes that come, go or change their place.
    word(
        "slaveof, replicaof, repoint, relocate, follow, replicate, rehome, move-up, move-below, \
         move-replica, repoint-replicas, relocate-replicas, regroup-replicas, enslave, \
         cluster replicate, standby follow",
        "move {replica} --under {primary}",
    ),
    word(
        "join, register, attach, clone, scale, expand, add-node, add-replica, add-slave, \
         cluster meet, standby clone, standby register, primary register",
        "add --help",
    ),
    word(
        "delete, del, rm, drop, evict, decommission, unregister, leave, kick, del-node, \
         forget-node, delete-node, cluster forget, standby unregister, primary unregister",
        "remove {replica} --dry-run",
    ),
    answer(
        "destroy, teardown, tear-down, uninstall, purge, wipe, nuke, down, clean, cleanup",
        "no command ends a whole deployment; one node after another can leave, but not the primary",
        "remove {replica} --dry-run",
    ),
    answer(
        "flushall, flushdb, flush, truncate",
        "replctl empties no running node",
        "status",
    ),
    answer(
        "forget, reset",
        "it is a command of `replctl sentinel`",
        "sentinel forget {replica} --dry-run",
    ),
    word(
        "reinit, reinitialize, rebuild, reseed, resync",
        "setup {replica} --discard-data {replica} --dry-run",
    ),
    word("node rejoin, return, readmit", "rejoin {primary} --dry-run"),
    word(
        "fix, heal, recover, recovery, recover-lite, split-brain, resolve",
        "repair --dry-run",
    ),
    answer(
        "backup, bgsave, save, dump, snapshot, restore",
        "no command backs a node up by itself: `rejoin` and `repair` do so before a node gives data up",
        "rejoin --help",
    ),
    // Servers and their settings.
    word(
        "install, create, bootstrap, provision, apply, up, build, run, launch, converge, play, \
         create-cluster, cluster create",
        "setup --dry-run",
    ),
    word(
        "new, generate, template, scaffold, configure",
        "init --help",
    ),
    answer(
        "import, onboard, take-in",
        "`init --from HOST` writes the inventory of a deployment that runs, and `adopt` makes its servers replctl's",
        "adopt --help",
    ),
    answer(
        "start",
        "`setup` starts what does not run",
        "setup --dry-run",
    ),
    answer(
        "restart, reboot, bounce",
        "no command restarts a server; `setup` starts one that does not run",
        "setup --dry-run",
    ),
    answer(
        "stop, shutdown, kill, halt",
        "no command stops a server for a while; `remove` stops one permanently",
        "remove {replica} --dry-run",
    ),
    answer(
        "pause, maintenance",
        "there is nothing to pause: replctl does nothing between its commands",
        "status",
    ),
    answer(
        "upgrade, update, update-server",
        "no command replaces the program of a running server",
        "server",
    ),
    answer(
        "config, set, edit-config, show-config, reload",
        "settings are in the inventory, and `setup` brings them to the hosts",
        "setup --dry-run",
    ),
    answer(
        "password, passwd, rotate, rotate-password, auth, acl",
        "the password is changed in the inventory, and `setup` brings it to the servers",
        "setup --dry-run",
    ),
    answer(
        "slots, reshard, rebalance, add-slots, cluster addslots",
        "replctl does not work with the slots of Redis Cluster",
        "status",
    ),
    // Operations.
    word("continue, proceed, retry, go-on", "resume"),
    word("revert, cancel, abort, back", "rollback"),
    word("completion", "completions --help"),
    word("version", "--version"),
    // Sentinels.
    word(
        "sentinels, quorum, ckquorum, sentinel list, sentinel ls, sentinel show, sentinel info, \
         sentinel check, sentinel masters, sentinel master, sentinel primaries, \
         sentinel primary, sentinel replicas, sentinel slaves, sentinel sentinels, \
         sentinel ckquorum, sentinel myid, sentinel ping",
        "sentinel status",
    ),
    word(
        "sentinel monitor, sentinel install, sentinel create, sentinel start, sentinel add, \
         sentinel apply",
        "sentinel setup --dry-run",
    ),
    word(
        "sentinel stop, sentinel delete, sentinel destroy, sentinel rm, sentinel uninstall",
        "sentinel remove --dry-run",
    ),
];

/// The entry of a word. `before`: the command that stands before it; `after`: the word that
/// follows.
pub fn meant(before: Option<&str>, word: &str, after: Option<&str>) -> Option<&'static Word> {
    let word = word.to_ascii_lowercase();
    let has = |wanted: &str| {
        WORDS
            .iter()
            .find(|entry| entry.all().any(|word| word == wanted))
    };
    if let Some(before) = before {
        return has(&format!("{before} {word}"));
    }
    let pair = after.map(|after| format!("{word} {}", after.to_ascii_lowercase()));
    pair.and_then(|pair| has(&pair)).or_else(|| has(&word))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::{CommandFactory, Parser};
    use std::collections::BTreeSet;

    #[test]
    fn each_command_that_is_named_can_be_given() {
        for entry in WORDS {
            let line = format!("replctl {}", entry.command)
                .replace(REPLICA, "slave1")
                .replace(PRIMARY, "master");
            let parsed = Cli::try_parse_from(line.split(' '));
            let help = entry.command.ends_with("--help") || entry.command == "--version";
            let kind = parsed.as_ref().err().map(clap::Error::kind);
            match kind {
                None => assert!(!help, "{line}"),
                Some(
                    clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion,
                ) => {
                    assert!(help, "{line}");
                }
                Some(kind) => panic!("{line}: {kind}"),
            }
            // The first word of it is no hidden command.
            let first = line.split(' ').nth(1).unwrap();
            let command = Cli::command();
            let found = command.get_subcommands().find(|c| c.get_name() == first);
            assert!(found.is_some_and(|c| !c.is_hide_set()) || help, "{line}");
        }
    }

    #[test]
    fn no_word_is_a_command_and_none_stands_twice() {
        let mut command = Cli::command();
        command.build();
        let mut ours: BTreeSet<String> = BTreeSet::new();
        for sub in command.get_subcommands() {
            for name in std::iter::once(sub.get_name()).chain(sub.get_all_aliases()) {
                ours.insert(name.to_owned());
                for below in sub.get_subcommands() {
                    let below = std::iter::once(below.get_name()).chain(below.get_all_aliases());
                    ours.extend(below.map(|below| format!("{name} {below}")));
                }
            }
        }
        assert!(ours.contains("deploy") && ours.contains("sentinel reset"));
        let mut seen = BTreeSet::new();
        for word in WORDS.iter().flat_map(Word::all) {
            assert!(!ours.contains(word), "`{word}` is a command");
            assert!(seen.insert(word), "`{word}` stands twice");
        }
    }

    #[test]
    fn the_second_word_may_decide() {
        let command = |before, word, after| meant(before, word, after).map(|w| w.command);
        assert_eq!(command(None, "Failover", None), Some("promote"));
        assert_eq!(command(None, "slaveof", Some("NO")), Some("promote"));
        assert_eq!(
            command(None, "slaveof", Some("10.0.0.1")),
            Some("move {replica} --under {primary}")
        );
        assert_eq!(command(None, "cluster", Some("show")), Some("status"));
        assert_eq!(command(Some("sentinel"), "failover", None), Some("promote"));
        assert_eq!(command(Some("sentinel"), "destory", None), None);
    }
}

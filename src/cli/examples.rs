//! The examples of each command, in its help and in its man page.
//!
//! Text only; it must not say what the program does not do.

mod members;

/// Lines to paste, each with what it is for.
pub fn examples(command: &str) -> &'static [(&'static str, &'static str)] {
    match command {
        "replctl" => &[
            ("replctl init", "write an inventory by answering questions"),
            ("replctl setup", "install, start and wire its nodes"),
            ("replctl status", "what is, and what is wrong"),
            ("replctl promote slave1", "make slave1 the primary"),
        ],
        "init" => &[
            ("replctl init", "ask for everything"),
            (
                "replctl init --yes --name orders master=192.168.0.120 slave1=192.168.0.130 slave2=192.168.0.140",
                "ask nothing",
            ),
        ],
        "setup" => &[
            ("replctl setup --dry-run", "show the plan only"),
            ("replctl setup", "show the plan, ask, and carry it out"),
            ("replctl setup slave2", "one node, for example a new one"),
            (
                "replctl setup --keep-earlier-password",
                "after the inventory's password was changed: let both be taken for a while",
            ),
            (
                "replctl setup master --discard-data master",
                "bring back a node whose keys are to be replaced",
            ),
        ],
        "status" => &[
            ("replctl status", "one look at every node"),
            ("replctl status --seconds", "how late each replica is, too"),
            (
                "replctl status --json | jq -r '.findings[].message'",
                "for scripts",
            ),
        ],
        "promote" => &[
            (
                "replctl promote",
                "show the candidates, and ask which it is to be",
            ),
            ("replctl promote slave1 --dry-run", "show the plan only"),
            ("replctl promote slave1", "show the plan, ask, hand over"),
            (
                "replctl promote slave1 --allow-data-loss",
                "the primary is lost, and another replica has more data or cannot be asked",
            ),
            (
                "replctl promote slave1 --kick-clients",
                "and disconnect the clients that are left on the old primary",
            ),
            (
                "replctl promote slave1 --no-hooks",
                "without the commands that the inventory has under [hooks]",
            ),
            (
                "replctl promote slave1 --without-sentinel",
                "Sentinels are still counted on the nodes, and are gone for good",
            ),
        ],
        "history" => &[
            ("replctl history", "the last 20 operations"),
            ("replctl history slave1", "those that slave1 took part in"),
            (
                "replctl history --json | jq -r '.operations[] | select(.unfinished).id'",
                "for scripts",
            ),
        ],
        "report" => &[
            ("replctl report last", "the newest operation"),
            (
                "replctl report 20251124T2217 --output incident.md",
                "one of `replctl history`, into a file",
            ),
        ],
        "undo" => &[
            ("replctl undo last --dry-run", "show what would undo it"),
            ("replctl undo last", "show the plan, ask, take it back"),
        ],
        "resume" => &[
            ("replctl resume", "go on with what is unfinished"),
            ("replctl resume --no-hooks", "and run none of its hooks"),
        ],
        "abandon" => &[(
            "replctl abandon 20251124T2217",
            "one of `replctl history` that says unfinished",
        )],
        "rollback" => &[("replctl rollback", "put back what is unfinished")],
        "add" | "remove" | "move" | "detach" => members::examples(command),
        other if other.starts_with("sentinel") => examples_of_sentinels(other),
        other => examples_of_others(other),
    }
}

/// Those of the commands about Sentinels.
fn examples_of_sentinels(command: &str) -> &'static [(&'static str, &'static str)] {
    match command {
        "sentinel" => &[
            (
                "replctl sentinel status",
                "what each Sentinel says, and what is wrong with it",
            ),
            (
                "replctl sentinel setup",
                "bring those that `[sentinel] nodes` names",
            ),
        ],
        "sentinel-setup" => &[
            ("replctl sentinel setup --dry-run", "show the plan only"),
            (
                "replctl sentinel setup",
                "show the plan, ask, and carry it out",
            ),
        ],
        "sentinel-forget" => &[
            (
                "replctl sentinel forget slave2 --dry-run",
                "show the plan only",
            ),
            (
                "replctl sentinel forget slave2",
                "a node whose server is stopped and will not come back",
            ),
            (
                "replctl sentinel forget 10.0.0.9:26379",
                "a Sentinel that is gone, and counts for the majority all the same",
            ),
        ],
        "sentinel-remove" => &[
            ("replctl sentinel remove --dry-run", "show the plan only"),
            ("replctl sentinel remove", "stop them; their files stay"),
            (
                "replctl sentinel remove --purge",
                "leave nothing of them on their hosts",
            ),
        ],
        "sentinel-status" => &[
            ("replctl sentinel status", "for people"),
            (
                "replctl sentinel status --json | jq '.watch.views[].address'",
                "for scripts",
            ),
        ],
        _ => &[],
    }
}

/// Those of the commands that bring nodes back, or look at one thing.
fn examples_of_others(command: &str) -> &'static [(&'static str, &'static str)] {
    match command {
        "server" => &[
            ("replctl server", "its version, sizes and checksums"),
            (
                "replctl server --extract ./bin",
                "write redis-server and redis-cli to ./bin",
            ),
        ],
        "completions" => &[
            ("source <(replctl completions bash)", "in ~/.bashrc"),
            ("source <(replctl completions zsh)", "in ~/.zshrc"),
            ("replctl completions fish | source", "in config.fish"),
        ],
        "endpoint" => &[
            ("replctl endpoint", "HOST:PORT"),
            (
                "env=$(replctl endpoint --format env) && eval \"$env\" && echo \"$REPLCTL_PRIMARY_HOST\"",
                "in a shell script",
            ),
            ("replctl endpoint --json | jq -er .url", "redis://HOST:PORT"),
        ],
        "clients" => &[
            ("replctl clients", "of every node"),
            ("replctl clients master", "of one"),
            (
                "replctl clients --json | jq '.nodes[] | {node, count: .clients.count}'",
                "for scripts",
            ),
        ],
        "rejoin" => &[
            (
                "replctl rejoin master --dry-run",
                "show the plan, and how much only master has",
            ),
            (
                "replctl rejoin master",
                "back it up, and make it a replica of the present primary",
            ),
            (
                "replctl lost master --backup BACKUP --replay",
                "replay on the present primary what can be replayed",
            ),
        ],
        "repair" => &[
            (
                "replctl repair --dry-run",
                "compare the nodes, and show the plan",
            ),
            ("replctl repair", "do what is proposed, after a question"),
            (
                "replctl repair --keep master",
                "the other way round: master is right",
            ),
        ],
        "lost" => &[
            (
                "replctl lost master",
                "what only master has, since slave1 took over",
            ),
            (
                "replctl lost master --output rescued.resp",
                "write it to rescued.resp (safe to replay) and rescued.resp.conflicts",
            ),
            (
                "replctl lost master --replay",
                "do the safe part again on slave1, each command once",
            ),
            (
                "replctl lost master --backup ~/.local/state/replctl/orders/backup/20261125T030000Z-master --replay",
                "the same after master came back, out of the backup",
            ),
        ],
        _ => &[],
    }
}

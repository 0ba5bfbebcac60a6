//! The commands that a user must be allowed to run on a server. Pure.

/// A command that a user must be allowed to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// The command with arguments, as it could be sent.
    pub words: &'static [&'static str],
    /// What allows it in an access list.
    pub rule: &'static str,
    /// What an operation does without it; `None`: the operation needs it.
    pub without: Option<&'static str>,
}

/// To look at a server.
pub const INFO: Need = need(&["INFO"], "+info");
/// To look at a role.
pub const ROLE: Need = need(&["ROLE"], "+role");
/// To change a role.
pub const REPLICAOF: Need = need(&["REPLICAOF", "NO", "ONE"], "+replicaof");
/// To stop writes.
pub const PAUSE: Need = need(&["CLIENT", "PAUSE", "1", "WRITE"], "+client|pause");
/// To let writes go on.
pub const UNPAUSE: Need = need(&["CLIENT", "UNPAUSE"], "+client|unpause");
/// To change a setting.
pub const CONFIG_SET: Need = need(&["CONFIG", "SET", "maxmemory", "0"], "+config|set");
/// To compare settings.
pub const CONFIG_GET: Need = Need {
    without: Some("its settings are not compared"),
    ..need(&["CONFIG", "GET", "maxmemory"], "+config|get")
};
/// To write a role into its file.
pub const REWRITE: Need = Need {
    without: Some("its role is not written into its file, and ends with its process"),
    ..need(&["CONFIG", "REWRITE"], "+config|rewrite")
};
/// To end a connection whose answer was lost.
pub const KILL: Need = Need {
    without: Some("if the answer to a role change is lost, its result stays unknown"),
    ..need(&["CLIENT", "KILL", "ID", "1"], "+client|kill")
};
/// To disconnect clients.
pub const KILL_CLIENTS: Need = need(&["CLIENT", "KILL", "ID", "1"], "+client|kill");
/// To list clients.
pub const LIST: Need = need(&["CLIENT", "LIST"], "+client|list");
/// To see other operators.
pub const SEE_CLAIMS: Need = Need {
    without: Some("another operator who works on it at the same time is not seen"),
    ..need(&["CLIENT", "LIST"], "+client|list")
};
/// To be seen by other operators.
pub const CLAIM: Need = Need {
    without: Some("this operation is not seen by other operators"),
    ..need(&["CLIENT", "SETNAME", "replctl:x"], "+client|setname")
};
/// To know its own connection.
pub const ID: Need = Need {
    without: KILL.without,
    ..need(&["CLIENT", "ID"], "+client|id")
};
/// To save and end. With a word that no server takes: wherever these words came to be run, they
/// would end nothing.
pub const SHUTDOWN: Need = need(&["SHUTDOWN", "SAVE", "nothing"], "+shutdown");
/// To ask for the time of its host.
pub const TIME: Need = need(&["TIME"], "+time");
/// To begin a transaction.
pub const MULTI: Need = need(&["MULTI"], "+multi");
/// To run a transaction.
pub const EXEC: Need = need(&["EXEC"], "+exec");
/// To change a role in a transaction, so that a lost answer can be resolved.
pub const CHANGE_ROLE: [Need; 7] = [INFO, REPLICAOF, ROLE, MULTI, EXEC, KILL, ID];
/// To replay what only an old primary has.
pub const REPLAY: [Need; 7] = [
    INFO,
    OF_REPLICAS[0],
    OF_REPLICAS[1],
    need(&["WATCH", "replctl:replay"], "+watch"),
    MULTI,
    EXEC,
    need(&["PUBLISH", "replctl:replay", "0"], "+publish"),
];
/// To see Sentinels.
pub const NUMSUB: Need = Need {
    without: Some("Sentinels that watch it are not seen"),
    ..need(
        &["PUBSUB", "NUMSUB", "__sentinel__:hello"],
        "+pubsub|numsub",
    )
};

/// The commands that a replica's user must be allowed to run at its primary.
pub const OF_REPLICAS: [Need; 2] = [
    need(&["REPLCONF", "capa", "psync2"], "+replconf"),
    need(&["PSYNC", "?", "-1"], "+psync"),
];

const fn need(words: &'static [&'static str], rule: &'static str) -> Need {
    Need {
        words,
        rule,
        without: None,
    }
}

impl Need {
    /// Its name without its arguments: a command, or a command and its subcommand.
    pub fn name(&self) -> String {
        let parts = if self.rule.contains('|') { 2 } else { 1 };
        self.words[..parts].join(" ")
    }
}

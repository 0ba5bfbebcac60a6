//! What a server's settings and state mean for later: for a restart, a promotion, or the next full
//! resync.

use super::{Code, Explanation, Finding, Look, Severity};
use crate::config::paths::starts_by_shared_link;
use crate::topology::persistence::refuses_writes;
use crate::topology::phrases::{bytes, list, name};
use crate::topology::service::Starter;
use crate::topology::{Link, Node, Product, ReplicaAuth, Server};
use std::collections::HashSet;

/// The oldest major version of Redis that the tests run with.
const OLDEST: u16 = 6;

impl Look<'_> {
    pub(super) fn settings(&self, found: &mut Vec<Finding>) {
        // A node that announces another node's address is a problem of its own.
        let clashes = found.iter().filter(|f| f.code == Code::AddressClash);
        let clashing: HashSet<String> = clashes
            .flat_map(Finding::nodes)
            .map(str::to_owned)
            .collect();
        for node in &self.topology.nodes {
            let Some(server) = node.server() else {
                continue;
            };
            looked_at(found, node, server);
            self.state(found, node, server);
            self.passwords(found, node, server);
            if node.upstream().is_some() {
                self.replica(found, node, server);
            }
            found.extend(self.next_start(node));
            found.extend(self.drift(node, server));
            found.extend(shared_link(node));
            if !clashing.contains(&node.name.0) {
                found.extend(super::names::announced(node));
            }
        }
        self.forecast(found);
        found.extend(self.sentinels());
    }

    /// A node that loads its data can do little yet. That explains everything else about it.
    pub(super) fn loading(&self, found: &mut Vec<Finding>) {
        for node in &self.topology.nodes {
            let Some(loading) = node.server().and_then(|server| server.loading) else {
                continue;
            };
            let own = name(&node.name);
            let so_far = loading
                .percent
                .map_or_else(String::new, |percent| format!(": {percent} %"));
            let (severity, until) = if node.is_primary() {
                (
                    Severity::Problem,
                    "; it takes no writes and feeds no replica until that is done",
                )
            } else {
                (Severity::Warning, "")
            };
            let message = format!("{own} is loading its data{so_far}{until}");
            found.push(
                Finding::about(node, Code::Loading, severity, message)
                    .with("percent", loading.percent),
            );
        }
    }

    fn state(&self, found: &mut Vec<Finding>, node: &Node, server: &Server) {
        let own = name(&node.name);
        if let Some(why) = refuses_writes(server) {
            let (severity, message) = if node.is_primary() {
                (
                    Severity::Problem,
                    format!("{own} refuses every write: {why}"),
                )
            } else {
                let message = format!("{own} would refuse every write as a primary: {why}");
                (Severity::Warning, message)
            };
            let look = format!(
                "make room on the disk it writes to: {} config get dir",
                self.cli(node)
            );
            found.push(Finding::about(node, Code::DiskFails, severity, message).hint(look));
        }
        if let Some(failover) = &server.replication.failover {
            let message = format!("a FAILOVER command runs on {own} ({failover})");
            found.push(
                Finding::about(node, Code::FailoverRunning, Severity::Warning, message)
                    .hint(format!("{} failover abort", self.cli(node)))
                    .with("state", failover.as_str()),
            );
        }
        if server.cluster_enabled {
            let message = format!("{own} runs in cluster mode, which replctl does not manage");
            found.push(Finding::about(
                node,
                Code::ClusterMode,
                Severity::Problem,
                message,
            ));
        }
    }

    fn passwords(&self, found: &mut Vec<Finding>, node: &Node, server: &Server) {
        let own = name(&node.name);
        // A changed password concerns all nodes.
        let setup = if self.context.password && server.has_password == Some(true) {
            format!("replctl setup {}", node.name)
        } else {
            "replctl setup".to_owned()
        };
        if self.context.password && server.has_password == Some(false) {
            let message =
                format!("{own} lets everybody in: it has no password, and the inventory wants one");
            found.push(
                Finding::about(node, Code::NoPassword, Severity::Warning, message)
                    .hint(setup.as_str())
                    .by_setup(),
            );
        }
        // If the setting already keeps a link down, the finding about the link reports it.
        if node.upstream().is_some_and(|link| link.link == Link::Down) {
            return;
        }
        let (code, message) = match (server.replica_auth, self.context.password) {
            (Some(ReplicaAuth::Unset), true) => (
                Code::ReplicaAuthMissing,
                format!("{own} has no `masterauth`: it could not follow another node"),
            ),
            (Some(ReplicaAuth::Wrong), true) => (
                Code::ReplicaAuthWrong,
                format!(
                    "`masterauth` of {own} is not what the inventory says: it could not follow another node"
                ),
            ),
            (Some(ReplicaAuth::Wrong), false) => (
                Code::ReplicaAuthWrong,
                format!("{own} has a `masterauth`, and a node without a password refuses it"),
            ),
            (Some(ReplicaAuth::Right) | None, _) | (Some(ReplicaAuth::Unset), false) => return,
        };
        found.push(
            Finding::about(node, code, Severity::Warning, message)
                .hint(setup)
                .by_setup(),
        );
    }

    fn replica(&self, found: &mut Vec<Finding>, node: &Node, server: &Server) {
        let own = name(&node.name);
        if node.upstream().is_some_and(|link| !link.read_only) {
            let message = format!(
                "{own} is a replica and takes writes: what is written there is nowhere else"
            );
            let hint = format!("{} config set replica-read-only yes", self.cli(node));
            found.push(
                Finding::about(node, Code::WritableReplica, Severity::Warning, message).hint(hint),
            );
        }
        let wished = self.wanted(node).and_then(|wanted| wanted.priority);
        if server.replication.priority == Some(0) && wished != Some(0) {
            let message = format!(
                "{own} has priority 0: it is never to be promoted, which the inventory does not say"
            );
            let hint = format!("{} config set replica-priority 100", self.cli(node));
            found
                .push(Finding::about(node, Code::Priority0, Severity::Warning, message).hint(hint));
        }
        let Some(top) = self.topology.top_of(node).filter(|top| top.is_primary()) else {
            return;
        };
        let Some(above) = top.server() else { return };
        room(found, node, (server, above), top);
    }

    fn sentinels(&self) -> Option<Finding> {
        let watched = || {
            self.topology
                .nodes
                .iter()
                .filter(|n| n.server().is_some_and(|s| s.sentinels.unwrap_or(0) > 0))
        };
        let most = watched().filter_map(|n| n.server()?.sentinels).max()?;
        let (who, whose) = if most == 1 {
            ("a Sentinel watches".to_owned(), "by itself")
        } else {
            (format!("{most} Sentinels watch"), "by themselves")
        };
        let message = format!(
            "{who} {}, and may change the primary {whose}",
            list(watched())
        );
        Some(
            Finding::of_all(Code::SentinelWatches, Severity::Note, message).with("sentinels", most),
        )
    }
}

/// A server from an older replctl: all servers of a host shared one link to the program.
fn shared_link(node: &Node) -> Option<Finding> {
    let service = node.service.as_ref().filter(|s| s.managed)?;
    let command = match &service.starter {
        Starter::Unit(unit) => &unit.exec_start,
        Starter::Script(line) => line,
        Starter::Container(_) | Starter::Nothing | Starter::Unknown(_) => return None,
    };
    starts_by_shared_link(command).then(|| {
        let message = format!(
            "pending: {} is started by server/current, the link that all servers of its host shared; it gets its own when setup starts it the next time, and a changed link would change its program until then",
            name(&node.name)
        );
        Finding::about(node, Code::SharedLink, Severity::Note, message)
    })
}

/// How replctl reached the server, and whether its version is older than any that was tested.
fn looked_at(found: &mut Vec<Finding>, node: &Node, server: &Server) {
    let own = name(&node.name);
    let through = node.sight.through.as_ref();
    if let Some((through, because)) = through.and_then(|t| Some((t, t.because.as_ref()?))) {
        let message = format!(
            "{own} ({}) does not answer here: {because}; it was seen through its host `{}`, over SSH",
            node.address, through.host
        );
        found.push(
            Finding::about(node, Code::SeenThroughHost, Severity::Note, message)
                .with("host", through.host.as_str()),
        );
    }
    let oldest = server.product == Product::Redis && server.version.major < OLDEST;
    if oldest && server.version.major > 0 {
        let message = format!(
            "{own} runs Redis {}, and replctl is not tested with servers before {OLDEST}.0",
            server.version
        );
        found.push(Finding::about(
            node,
            Code::UntestedVersion,
            Severity::Note,
            message,
        ));
    }
}

fn room(found: &mut Vec<Finding>, node: &Node, (server, above): (&Server, &Server), top: &Node) {
    let own = name(&node.name);
    let up = name(&top.name);
    let limit = server.maxmemory.filter(|limit| *limit > 0);
    if let Some((limit, used)) = limit
        .zip(above.used_memory)
        .filter(|(limit, used)| limit < used)
    {
        let message = format!(
            "the memory limit of {own} ({}) is smaller than what {up} uses ({}): promoted, it drops keys or refuses writes",
            bytes(limit),
            bytes(used)
        );
        found.push(
            Finding::about(node, Code::MemoryLimit, Severity::Warning, message)
                .with("limit_bytes", limit)
                .with("used_bytes", used),
        );
    }
    let databases = |server: &Server| server.config.get("databases")?.parse::<u64>().ok();
    if let Some((few, many)) = databases(server)
        .zip(databases(above))
        .filter(|(few, many)| few < many)
    {
        let message = format!(
            "{own} has `databases {few}` and {up} `databases {many}`: a key beyond them breaks replication"
        );
        found.push(
            Finding::about(node, Code::FewerDatabases, Severity::Warning, message)
                .hint(format!(
                    "set `databases {many}` in the configuration file of {own}, and in the inventory where that sets it, and restart it"
                ))
                .with("databases", few),
        );
    }
}

pub(super) const CLUSTER_MODE: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "The server runs in cluster mode, which replctl does not manage.",
    cause: "`cluster-enabled yes` in its configuration.",
    way_out: "Take it out of the inventory, or start it without cluster mode.",
};

pub(super) const DISK_FAILS: Explanation = Explanation {
    severities: &[Severity::Problem, Severity::Warning],
    meaning: "The server refuses every write because it cannot save. On a replica it is a warning: it would refuse writes as a primary.",
    cause: "The last save or the append-only file failed, mostly because the disk is full, and `stop-writes-on-bgsave-error` is on.",
    way_out: "Make room on the disk that `CONFIG GET dir` names. The server takes writes again after the next save that succeeds.",
};

pub(super) const FAILOVER_RUNNING: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "A `FAILOVER` command of the server itself is under way. Roles may change at any moment.",
    cause: "Somebody, or a tool, sent `FAILOVER`.",
    way_out: "Wait until it has ended, or end it: `FAILOVER ABORT`. `promote` does nothing beside it.",
};

pub(super) const FEWER_DATABASES: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The replica has fewer databases than the primary. A key in a database beyond them breaks its replication.",
    cause: "`databases` differs between their configuration files.",
    way_out: "Give the replica as many. The server reads `databases` only when it starts.",
};

pub(super) const MEMORY_LIMIT: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The replica may use less memory than the primary uses. Promoted, it drops keys or refuses writes.",
    cause: "`maxmemory` of the replica is lower than what the primary has in use.",
    way_out: "Raise `maxmemory` on the replica, in its file too, or promote another one.",
};

pub(super) const NO_PASSWORD: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The server needs no password, and the inventory wants one.",
    cause: "The server was started without `requirepass`, or lost it.",
    way_out: "`replctl setup` gives it the password of the inventory, if replctl has set up the servers. Otherwise set `requirepass` and `masterauth` on all nodes.",
};

pub(super) const REPLICA_AUTH_MISSING: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The node has no `masterauth`. It could not follow another node, so that it is lost as a replica as soon as the primary changes.",
    cause: "`masterauth` was set on the replicas only, and this node was the primary then.",
    way_out: "`replctl setup NODE`, if replctl has set it up. Otherwise `CONFIG SET masterauth` and `CONFIG REWRITE`.",
};

pub(super) const REPLICA_AUTH_WRONG: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "`masterauth` of the node is not the password of the inventory. It could not follow another node.",
    cause: "The password was changed, and this node was left out.",
    way_out: "`replctl setup NODE`, if replctl has set it up. Otherwise `CONFIG SET masterauth` and `CONFIG REWRITE`.",
};

pub(super) const LOADING: Explanation = Explanation {
    severities: &[Severity::Problem, Severity::Warning],
    meaning: "The server loads its data. A primary takes no writes and feeds no replica until that is done; that explains most other findings.",
    cause: "It was started, or gets a full copy.",
    way_out: "Wait. `status` shows how far it is, where the server tells.",
};

pub(super) const WRITABLE_REPLICA: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "A replica takes writes. No other node has them, and they are lost at its next full resync.",
    cause: "`replica-read-only no`.",
    way_out: "`CONFIG SET replica-read-only yes`, and the same in its file. If it is to be writable, `replctl detach NODE` makes it a deployment of its own.",
};

pub(super) const PRIORITY_0: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The replica is marked never to be promoted, and the inventory does not say so. Neither Sentinel nor replctl chooses it.",
    cause: "`replica-priority 0`: set by hand, or left by a tool.",
    way_out: "`CONFIG SET replica-priority 100`, or `priority = 0` in the inventory if it is wanted.",
};

pub(super) const SENTINEL_WATCHES: Explanation = Explanation {
    severities: &[Severity::Note],
    meaning: "Sentinels watch the primary, and may change it by themselves.",
    cause: "They were set up for it.",
    way_out: "Nothing. `replctl promote` goes through them. `replctl sentinel status` shows what each of them says.",
};

pub(super) const SHARED_LINK: Explanation = Explanation {
    severities: &[Severity::Note],
    meaning: "The server starts through a link that all servers of its host once shared. A changed link would change its program.",
    cause: "An early version of replctl has set it up.",
    way_out: "Nothing. It gets a link of its own when `setup` starts it the next time.",
};

pub(super) const SEEN_THROUGH_HOST: Explanation = Explanation {
    severities: &[Severity::Note],
    meaning: "The node does not answer on its address from here. It was looked at through its host, over SSH.",
    cause: "A firewall, or a server that listens on the loopback only.",
    way_out: "Nothing, if that is meant. `via = \"ssh\"` in the inventory says so and saves the attempt.",
};

pub(super) const UNTESTED_VERSION: Explanation = Explanation {
    severities: &[Severity::Note],
    meaning: "The server is older than the oldest version that replctl is tested with.",
    cause: "The server is Redis, and older than 6.0.",
    way_out: "Look at the plan and at the proof with more care, or update the server.",
};

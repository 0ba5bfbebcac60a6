//! Named diagnoses: each says in one sentence what is wrong with a deployment, and gives a hint.
//! Pure.
//!
//! The operator decides. A hint is a command to paste; replctl never runs it.

mod addresses;
mod cause;
mod code;
pub mod drift;
mod emptied;
mod fed;
mod forecast;
mod full_sync;
pub mod hosts;
mod links;
mod names;
mod pending_demotions;
mod roles;
pub mod sentinels;
mod settings;
mod slip;
mod tls;
mod unreachable;
mod way_on;

pub use code::{Code, Explanation};

use crate::topology::candidate::{best_primary, primaries};
use crate::topology::claims::Holder;
use crate::topology::{Address, Node, NodeName, Topology};
use serde::Serialize;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

/// One diagnosis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The diagnosis. Its name is stable.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// The affected node; `None`: the whole deployment.
    pub node: Option<NodeName>,
    /// One lower-case sentence. It may hold words from servers: escape it where it is printed.
    pub message: String,
    /// A command to paste, or what to change.
    pub hint: Option<String>,
    /// The hint is to run `setup`.
    #[serde(skip)]
    by_setup: bool,
    /// The message without its beginning. The first line of `status` has that beginning in other
    /// words.
    #[serde(skip)]
    pub brief: Option<String>,
    /// The safe changes that fix it, for `check --fix`.
    #[serde(skip)]
    pub repairs: Vec<hosts::Repair>,
    /// The facts of the sentence, for programs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<&'static str, serde_json::Value>,
}

/// What to do: run `setup`, or something else.
enum Remedy {
    Setup(String),
    Other(String),
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Something does not work, or data is about to be lost.
    Problem,
    /// It works now, and fails under some condition.
    Warning,
    /// Worth knowing.
    Note,
}

/// What the diagnoses need beside the observed topology.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// The deployment's name.
    pub deployment: String,
    /// What the inventory wants, by node.
    pub wanted: Vec<Wanted>,
    /// Whether the deployment has a password.
    pub password: bool,
    /// The inventory's login user, where that is not the default user.
    pub user: Option<String>,
    /// The inventory names ACL users. Setup makes no users, so it is no hint then.
    pub users: bool,
    /// The operations that stopped half-way.
    pub unfinished: Vec<Unfinished>,
    /// Files of earlier operations that cannot be read.
    pub unread: Vec<Unread>,
    /// Operations that hold a claim on the servers, as the servers report.
    pub under_way: Vec<Holder>,
    /// Nodes that were not told of a new primary.
    pub pending_demotions: Vec<PendingDemotion>,
    /// Nodes that were detached on purpose, what they followed, and since when.
    pub alone: Vec<PendingDemotion>,
    /// What the first of two primaries has and the second lacks, where it was counted.
    pub counted: BTreeMap<(NodeName, NodeName), Counted>,
    /// For each replica whose link is down: what the logs of both ends say, as sentences.
    pub logs: BTreeMap<NodeName, Vec<String>>,
}

/// An operation that stopped half-way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Its id.
    pub id: String,
    /// Why its steps are unknown, if they are.
    pub unknown: Option<String>,
}

/// A file beside the journals that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The file.
    pub path: String,
    /// Why.
    pub why: String,
    /// What is unknown because of that.
    pub unknown: String,
    /// The command that puts it aside.
    pub aside: String,
}

/// What only one of two primaries has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Commands.
    pub commands: usize,
    /// The keys they touch.
    pub keys: usize,
}

/// What the inventory wants of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The node.
    pub name: NodeName,
    /// `replicaof`.
    pub follows: Option<NodeName>,
    /// `priority`.
    pub priority: Option<u32>,
    /// The TLS options of `redis-cli`; `None`: the inventory has no TLS for it.
    pub tls: Option<String>,
    /// The directives of the inventory, without secrets: arguments by directive.
    pub directives: BTreeMap<String, Vec<String>>,
    /// The beginning of a command that reaches its host: `ssh -p 2222 deploy@db1`.
    pub ssh: String,
    /// The same, for a command that needs root there.
    pub ssh_root: String,
}

/// A node that has a pending demotion, or that is detached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingDemotion {
    /// The node.
    pub node: NodeName,
    /// The address to follow; for a detached node, the one that it followed.
    pub address: Address,
    /// Since when.
    pub since: jiff::Timestamp,
}

/// All diagnoses, the worst first, otherwise in inventory order.
pub fn findings(topology: &Topology, context: &Context) -> Vec<Finding> {
    let noted: Vec<NodeName> = context.alone.iter().map(|a| a.node.clone()).collect();
    let alone = topology.still_alone(&noted);
    let topology = &topology.without(&alone);
    let look = Look::of(topology, context);
    let mut found = Vec::new();
    look.alone(&alone, &mut found);
    look.addresses(&mut found);
    look.operations(&mut found);
    look.loading(&mut found);
    look.emptied(&mut found);
    look.roles(&mut found);
    look.unreachable(&mut found);
    look.links(&mut found);
    look.fed(&mut found);
    look.settings(&mut found);
    look.tls(&mut found);
    for finding in &mut found {
        look.not_by_setup(finding);
    }
    found.sort_by_key(|finding| finding.severity);
    debug_assert!(found.iter().all(Finding::is_explained), "{found:?}");
    found
}

/// What blocks every change: two nodes, or a node and a stranger, with the same address; two names
/// for one server.
pub fn address_clashes(topology: &Topology, context: &Context) -> Vec<Finding> {
    let look = Look::of(topology, context);
    let mut found = Vec::new();
    look.addresses(&mut found);
    found
}

/// Whether there is nothing worse than a note: `status` exits with 0.
pub fn healthy(findings: &[Finding]) -> bool {
    findings
        .iter()
        .all(|finding| finding.severity == Severity::Note)
}

/// What the diagnoses look at.
struct Look<'a> {
    pub topology: &'a Topology,
    context: &'a Context,
    /// The one primary, if there is exactly one.
    primary: Option<&'a Node>,
    /// The primary to keep.
    best: Option<&'a Node>,
    wanted: HashMap<&'a NodeName, &'a Wanted>,
    pending_demotions: HashMap<&'a NodeName, &'a PendingDemotion>,
    /// The nodes with an address close to one that no node has. They are looked up once, as many
    /// replicas may follow that address.
    slips: RefCell<HashMap<Address, Vec<slip::Close>>>,
}

impl<'a> Look<'a> {
    /// Computes once what the diagnoses of many nodes use.
    fn of(topology: &'a Topology, context: &'a Context) -> Self {
        let wanted = context.wanted.iter().rev();
        let pending_demotions = context.pending_demotions.iter().rev();
        Self {
            topology,
            context,
            primary: match primaries(topology)[..] {
                [one] => Some(one),
                _ => None,
            },
            best: best_primary(topology),
            wanted: wanted.map(|wanted| (&wanted.name, wanted)).collect(),
            pending_demotions: pending_demotions
                .map(|pending| (&pending.node, pending))
                .collect(),
            slips: RefCell::default(),
        }
    }

    /// The one primary, if there is exactly one.
    fn primary(&self) -> Option<&'a Node> {
        self.primary
    }

    /// Promoting the present primary again makes every replica follow it, and writes the roles into
    /// the configuration files.
    fn put_right(&self) -> Option<String> {
        self.best
            .map(|primary| format!("replctl promote {}", primary.name))
    }

    /// The server's own client. It asks for the password, because a hint must not contain it.
    fn cli(&self, node: &Node) -> String {
        let tls = self.wanted(node).and_then(|wanted| wanted.tls.as_deref());
        self.cli_with(node, tls)
    }

    fn cli_with(&self, node: &Node, tls: Option<&str>) -> String {
        let user = self.context.user.as_ref();
        let user = user.and_then(|user| shlex::try_quote(user).ok());
        let user = user.map_or_else(String::new, |user| format!(" --user {user}"));
        let ask = if self.context.password {
            " --askpass"
        } else {
            ""
        };
        let tls = tls.map_or_else(String::new, |tls| format!(" {tls}"));
        format!(
            "redis-cli{tls}{user}{ask} -h {} -p {}",
            node.address.host, node.address.port
        )
    }

    /// The same on the server's host, for a certificate that cannot be verified. The client
    /// verifies nothing, so the command names no CA file.
    fn unverified_cli(&self, node: &Node) -> String {
        let wanted = self.wanted(node).and_then(|wanted| wanted.tls.as_deref());
        let words = wanted.and_then(shlex::split).unwrap_or_default();
        let mut words = words.iter().map(String::as_str);
        let mut kept = vec!["--tls", "--insecure"];
        while let Some(word) = words.next() {
            match word {
                "--tls" | "--insecure" => {}
                "--cacert" => {
                    words.next();
                }
                _ => kept.push(word),
            }
        }
        let tls = shlex::try_join(kept).ok();
        self.cli_with(node, tls.as_deref())
    }

    /// The beginning of a command that reaches the host of a node.
    fn ssh(&self, node: &Node) -> String {
        let known = self.wanted(node).map(|wanted| wanted.ssh.clone());
        known.unwrap_or_else(|| format!("ssh {}", node.address.host))
    }

    /// The same for a command that needs root there.
    fn ssh_root(&self, node: &Node) -> String {
        let known = self.wanted(node).map(|wanted| wanted.ssh_root.clone());
        known.unwrap_or_else(|| self.ssh(node))
    }

    fn wanted(&self, node: &Node) -> Option<&'a Wanted> {
        self.wanted.get(&node.name).copied()
    }
}

impl Finding {
    /// Whether the explanation of the code lists this severity.
    fn is_explained(&self) -> bool {
        let told = self.code.explanation().severities;
        told.contains(&self.severity)
    }

    /// Whether the finding is about that node, alone or among others.
    pub fn concerns(&self, name: &NodeName) -> bool {
        let among = |list: &serde_json::Value| {
            list.as_array()
                .is_some_and(|names| names.iter().any(|n| *n == name.0))
        };
        self.node.as_ref() == Some(name) || self.data.get("nodes").is_some_and(among)
    }

    /// The names of the affected nodes. A name may appear twice.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        let among = self.data.get("nodes").and_then(|list| list.as_array());
        let among = among.into_iter().flatten();
        let own = self.node.iter().map(|name| name.0.as_str());
        own.chain(among.filter_map(|name| name.as_str()))
    }

    fn about(node: &Node, code: Code, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            node: Some(node.name.clone()),
            ..Self::of_all(code, severity, message)
        }
    }

    fn of_all(code: Code, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            node: None,
            message: message.into(),
            hint: None,
            by_setup: false,
            brief: None,
            repairs: Vec::new(),
            data: BTreeMap::new(),
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// Marks the hint as one that runs `setup`.
    fn by_setup(mut self) -> Self {
        self.by_setup = true;
        self
    }

    fn maybe_way(self, way: Option<Remedy>) -> Self {
        match way {
            Some(Remedy::Setup(hint)) => self.hint(hint).by_setup(),
            Some(Remedy::Other(hint)) => self.hint(hint),
            None => self,
        }
    }

    fn with(mut self, name: &'static str, value: impl Into<serde_json::Value>) -> Self {
        self.data.insert(name, value.into());
        self
    }
}

#[cfg(test)]
mod tests;

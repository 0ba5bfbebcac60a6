//! The refusals of a change of passwords, and the warnings for the operator and the clients.

use super::{Change, Look, PasswordInput, Wiring, left_out};
use crate::actions::password::NodePasswords;
use crate::config::Paths;
use crate::engine::warning::password::Password;
use crate::engine::{Ground, Refusal, Warning};
use crate::inventory::address::is_loopback;
use crate::inventory::{Auth, NodeSpec};
use crate::plan::facts::{HostFacts, Listener};
use crate::topology::versions::program;
use crate::topology::{Node, NodeName, Product, Server, State, Topology, Trouble, TroubleKind};
use std::collections::BTreeMap;

/// Directives of the inventory that prevent a change.
const IN_THE_WAY: [&str; 5] = ["masteruser", "primaryuser", "user", "aclfile", "include"];

/// Nodes that refuse every login that replctl can use.
pub(super) fn locked_out(topology: &Topology) -> impl Iterator<Item = &Node> {
    topology.nodes.iter().filter(|node| match &node.state {
        State::Down(trouble) => trouble.kind.locks_out(),
        State::Up(_) => false,
    })
}

/// A command at a node's server, which asks for its password.
fn cli(spec: &NodeSpec) -> String {
    let at = &spec.address;
    format!("redis-cli -h {} -p {} --askpass", at.host, at.port)
}

/// A server without a password that is in protected mode, although other hosts are to reach it.
pub(super) fn guarded(spec: &NodeSpec, held: &BTreeMap<NodeName, NodePasswords>) -> bool {
    let wanted = is_loopback(&spec.address.host) || spec.config.contains_key("protected-mode");
    let guarded = |held: &NodePasswords| {
        held.protected == Some(true) && held.live.as_ref().is_some_and(|live| live.open)
    };
    !wanted && held.get(&spec.name).is_some_and(guarded)
}

/// Refuses a new replica that would log in with a password at a primary that has none. `add` can
/// meet this case; `setup` changes the primary's password.
pub(in crate::operations::setup) fn open_primary(
    look: &Look<'_>,
    wiring: &Wiring,
) -> Option<Refusal> {
    let wants = matches!(look.inventory.auth, Auth::Password(_));
    let mut fresh = wiring.fresh();
    let refused = |name: &NodeName| {
        let upstream = wiring.upstream.get(name);
        let upstream = upstream.and_then(|u| look.topology.get(u)?.server());
        upstream.is_some_and(|server| server.has_password == Some(false))
    };
    let name = fresh.find(|name| wants && refused(name))?;
    Some(Refusal::new(
        Ground::Secret,
        format!(
            "the servers have no password, and the inventory names one: `{name}` would be refused by its primary"
        ),
        "replctl setup",
    ))
}

/// Refuses servers that replctl cannot log in at.
pub(super) fn shut_out(look: &Look<'_>, around: &PasswordInput<'_>) -> Vec<Refusal> {
    let nodes = locked_out(look.topology);
    let with_trouble = nodes.filter_map(|node| match &node.state {
        State::Down(trouble) => Some((look.inventory.get(&node.name)?, trouble)),
        State::Up(_) => None,
    });
    let one = |(spec, trouble): (&NodeSpec, &Trouble)| {
        if trouble.kind == TroubleKind::ProtectedMode {
            guarded_by_itself(spec, trouble)
        } else {
            unknown(look, around, spec, trouble)
        }
    };
    with_trouble.map(one).collect()
}

fn guarded_by_itself(spec: &NodeSpec, trouble: &Trouble) -> Refusal {
    let ssh = spec.ssh.command(&spec.address.host);
    Refusal::new(
        Ground::Unreachable,
        format!(
            "`{}` lets nobody in but its own host, and replctl does not reach it there: {}",
            spec.name, trouble.detail
        ),
        format!(
            "{ssh} redis-cli -h 127.0.0.1 -p {} config set protected-mode no; then, at once: replctl setup",
            spec.address.port
        ),
    )
}

/// Its password is neither the inventory's nor in its file.
fn unknown(
    look: &Look<'_>,
    around: &PasswordInput<'_>,
    spec: &NodeSpec,
    trouble: &Trouble,
) -> Refusal {
    let name = &spec.name;
    if let Some(Err(why)) = look.hosts.get(name) {
        return crate::plan::hosts::checks::unreachable(spec, &why.why, why.hint.as_deref());
    }
    let facts = look.facts(name);
    if let Some(HostFacts {
        listener: Listener::Foreign(who),
        config: None,
        ..
    }) = facts
    {
        return crate::plan::hosts::checks::taken(spec, who);
    }
    let file = Paths::new(&look.inventory.server.directory, spec.address.port).config();
    let why = match around.held.get(name).map(|held| &held.file) {
        Some(Err(why)) => why.clone(),
        Some(Ok(_)) | None => format!("{file} does not have it"),
    };
    Refusal::new(
        Ground::Secret,
        format!(
            "the password of `{name}` is not the inventory's, and is not known: {why} ({})",
            trouble.detail
        ),
        format!(
            "let the server write it into its file, with the password that it has now: {} config rewrite; then: replctl setup",
            cli(spec)
        ),
    )
}

/// What stands against the change.
pub(super) fn refusals(look: &Look<'_>, around: &PasswordInput<'_>) -> Vec<Refusal> {
    let mut out = Vec::new();
    if around.partial {
        out.push(Refusal::new(
            Ground::Secret,
            "the servers' password differs from the inventory's, and it changes on all nodes at once",
            "replctl setup",
        ));
    }
    for name in around.alone {
        out.push(Refusal::new(
            Ground::Secret,
            format!("`{name}` was detached, and would keep the password that it has: replctl could not log in there any more"),
            format!("with the earlier `auth` or `password` in the inventory: replctl rejoin {name}, or: replctl remove {name}; then change it"),
        ));
    }
    if !around.agree {
        out.push(Refusal::new(
            Ground::Secret,
            "the servers have several passwords that are not the inventory's, and their replicas could not log in at all of them",
            "give all of them one of these first: CONFIG SET requirepass, CONFIG SET masterauth, CONFIG REWRITE",
        ));
    }
    for spec in &look.inventory.nodes {
        out.extend(of_node(look, around, spec));
    }
    out.extend(left_out::replicas(look));
    out.extend(left_out::sentinels(look, around));
    out
}

fn of_node(look: &Look<'_>, around: &PasswordInput<'_>, spec: &NodeSpec) -> Option<Refusal> {
    let by_hand = || {
        format!(
            "change it by hand on all nodes: {} (CONFIG SET masteruser default and masterauth on each, then requirepass on each, then CONFIG REWRITE), or leave the inventory's `auth` as the servers have it",
            cli(spec)
        )
    };
    let Some(server) = look.topology.get(&spec.name)?.server() else {
        return foreign(look, spec, by_hand);
    };
    if let Some(refusal) = of_server(around, spec, server, by_hand) {
        return Some(refusal);
    }
    let held = around.held.get(&spec.name)?;
    of_file(look, held, spec, by_hand)
        .or_else(|| foreign(look, spec, by_hand))
        .or_else(|| untold(held, spec, by_hand))
}

/// Refuses because of its version, or of the inventory.
fn of_server(
    around: &PasswordInput<'_>,
    spec: &NodeSpec,
    server: &Server,
    by_hand: impl Fn() -> String,
) -> Option<Refusal> {
    let name = &spec.name;
    for directive in IN_THE_WAY {
        if spec.config.contains_key(directive) {
            return Some(Refusal::new(
                Ground::Inventory,
                format!(
                    "the inventory sets `{directive}` for `{name}`, and a change of passwords would go against it"
                ),
                by_hand(),
            ));
        }
    }
    if server.product == Product::Redis && server.version.major < 6 {
        return Some(Refusal::new(
            Ground::Version,
            format!(
                "`{name}` runs Redis {}, which has no users: its password cannot be changed without breaking links",
                server.version
            ),
            by_hand(),
        ));
    }
    if around.quotes && writes_quotes_badly(server) {
        return Some(Refusal::new(
            Ground::Secret,
            format!(
                "`{name}` runs {}, which writes a password with a quotation mark or a backslash into its file so that it cannot be read from there again",
                program(server.product, server.version)
            ),
            "choose a password of letters and digits, and then: replctl setup",
        ));
    }
    None
}

/// Refuses a server whose file is not one that `setup` has written.
fn of_file(
    look: &Look<'_>,
    held: &NodePasswords,
    spec: &NodeSpec,
    by_hand: impl Fn() -> String,
) -> Option<Refusal> {
    let name = &spec.name;
    if let Some(file) = &held.elsewhere {
        let why = if file.is_empty() {
            format!(
                "`{name}` runs without a configuration file, so no password would be kept: it is left as it is"
            )
        } else {
            format!(
                "`{name}` runs with {file}, which setup did not write, so its password is left as it is"
            )
        };
        return Some(Refusal::new(Ground::Foreign, why, by_hand()));
    }
    let stamped = look
        .facts(name)
        .is_none_or(|f| f.config.as_ref().is_some_and(|c| c.stamp.is_some()));
    if !stamped {
        return Some(Refusal::new(
            Ground::Foreign,
            format!(
                "`{name}` runs with a file that replctl did not write, so its password is left as it is"
            ),
            by_hand(),
        ));
    }
    None
}

/// Refuses a server whose passwords replctl cannot read.
fn untold(held: &NodePasswords, spec: &NodeSpec, by_hand: impl Fn() -> String) -> Option<Refusal> {
    let name = &spec.name;
    if held.acl_file {
        return Some(Refusal::new(
            Ground::Unsupported,
            format!(
                "the users of `{name}` stand in a file of their own (`aclfile`), which setup does not change"
            ),
            by_hand(),
        ));
    }
    if held.live.is_none() {
        return Some(Refusal::new(
            Ground::Permission,
            format!("`{name}` does not tell what its passwords are (CONFIG GET, ACL GETUSER)"),
            by_hand(),
        ));
    }
    let why = held.file.as_ref().err()?;
    Some(Refusal::new(
        Ground::Host,
        format!(
            "the file of `{name}` cannot be read, so it would not be seen whether the password is in it: {why}"
        ),
        format!("try: {}", spec.ssh.command(&spec.address.host)),
    ))
}

/// A server that replctl did not make, running or stopped.
fn foreign(look: &Look<'_>, spec: &NodeSpec, by_hand: impl Fn() -> String) -> Option<Refusal> {
    let what = super::of_setup::foreign::what(look, spec, look.facts(&spec.name)?)?;
    Some(Refusal::new(
        Ground::Foreign,
        format!(
            "replctl did not make the server of `{}`, so its password is left as it is: {what}",
            spec.name
        ),
        by_hand(),
    ))
}

/// Measured: what `CONFIG REWRITE` makes of `a"b\\c`. Redis 6.0 does not quote it in `requirepass`,
/// Valkey 8.1 does not escape it in `primaryauth`; Redis 6.2 to 8.2, Valkey 8.0 and 9.1 read it
/// again.
fn writes_quotes_badly(server: &Server) -> bool {
    let version = (server.version.major, server.version.minor);
    match server.product {
        Product::Redis => version < (6, 2),
        Product::Valkey => version == (8, 1),
    }
}

/// What does not stop anything.
pub(super) fn warnings(look: &Look<'_>) -> Vec<Warning> {
    let stopped = look.topology.nodes.iter().filter(|n| n.server().is_none());
    stopped
        .map(|n| Warning::of(&n.name, Password::Stopped))
        .collect()
}

impl Change<'_> {
    /// What clients will see of a new password.
    pub(super) fn of_password(&self) -> Vec<Warning> {
        let mut out = Vec::new();
        if self.any_open() {
            out.push(Warning::of_all(Password::New));
        }
        let rotates = self
            .members
            .iter()
            .any(|m| !m.live.open && !m.live.settled_but_name(true));
        if rotates {
            out.push(Warning::of_all(if self.around.keep_earlier {
                Password::BothTaken
            } else {
                Password::EarlierRefused
            }));
        }
        out
    }

    /// Warnings about having no password.
    pub(super) fn of_none(&self) -> Vec<Warning> {
        if !self.members.iter().any(|m| !m.live.open) {
            return Vec::new();
        }
        let open = self.members.iter();
        let open: Vec<NodeName> = open
            .filter(|m| !self.wants_protection(m.name))
            .map(|m| m.name.clone())
            .collect();
        let mut out = vec![Warning::of_all(Password::None)];
        if !open.is_empty() {
            out.push(Warning::of_all(Password::Unprotected(open)));
        }
        if matches!(self.look.inventory.auth, Auth::None) && self.around.watch.is_some() {
            out.push(Warning::of_all(Password::SentinelsForget));
        }
        out
    }
}

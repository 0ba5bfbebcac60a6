//! The refusals of `setup` on each host, all at once, and the warnings.

mod directives;
pub(super) mod foreign;
mod neighbours;

use super::plan::{Look, Wiring};
use crate::config::directives::memory;
use crate::config::server::owned;
use crate::config::{Paths, tls as directives_of_tls};
use crate::engine::warning::copy::Copy;
use crate::engine::warning::files::Files;
use crate::engine::warning::host::{Boot, Host};
use crate::engine::{Ground, Refusal, Warning};
use crate::inventory::NodeSpec;
use crate::plan::facts::{HostFacts, Listener};
use crate::plan::hosts::checks::{
    elsewhere, not_at_boot, over_tls, taken, to_start, unreachable, usable,
};
use crate::plan::versions;
use crate::topology::versions::{CopySentence, Pair, between, pair, program};
use crate::topology::{NodeName, State};

/// With less free memory than this, `setup` warns, bytes.
const MEMORY: u64 = 128 << 20;

/// A larger clock difference than this spoils logs and expiry, seconds.
const CLOCK: u64 = 2;

/// What is wrong with the request, the inventory and the hosts.
pub(super) fn refusals(look: &Look<'_>) -> Vec<Refusal> {
    let mut out = Vec::new();
    for name in look.op.nodes.iter().chain(&look.op.discard_data) {
        if look.inventory.get(name).is_none() {
            out.push(Refusal::new(
                Ground::NoNode,
                format!("there is no node `{name}` in the inventory"),
                "see: replctl status",
            ));
        }
    }
    if !look.inventory.accounts.is_plain() {
        out.push(Refusal::new(
            Ground::Unsupported,
            "setup makes no users of access lists, and `[deployment]` of the inventory names `user`, `masteruser` or `masterauth`",
            "a deployment that runs needs no setup; set a new one up with `password` alone, make its users, and name them then",
        ));
    }
    out.extend(directives::refusals(look));
    for node in look.scope() {
        owned_directives(node, &mut out);
        over_tls(look, node, &mut out);
    }
    for node in &look.topology.nodes {
        if node.server().is_some_and(|s| s.cluster_enabled) {
            out.push(Refusal::new(
                Ground::Unsupported,
                format!("`{}` runs in cluster mode", node.name),
                "replctl does replication without Redis Cluster; take it out of the inventory",
            ));
        }
    }
    for node in look.scope() {
        match look.hosts.get(&node.name) {
            // A foreign server is not checked further, because setup does nothing to it.
            Some(Ok(facts)) if foreign::what(look, node, facts).is_some() => {}
            Some(Ok(facts)) => host(look, node, facts, &mut out),
            Some(Err(why)) => out.push(unreachable(node, &why.why, why.hint.as_deref())),
            None => out.push(unreachable(node, "nobody looked at it", None)),
        }
    }
    out
}

fn owned_directives(node: &NodeSpec, out: &mut Vec<Refusal>) {
    for name in node.config.keys() {
        if let Some(instead) = owned(name) {
            let why = format!(
                "the inventory sets `{name}` for `{}`, which replctl sets itself",
                node.name
            );
            out.push(Refusal::new(Ground::Inventory, why, instead));
        }
        if node.tls.is_some() && directives_of_tls::owned(name) {
            let why = format!(
                "the inventory sets `{name}` for `{}`, which replctl sets itself where `[tls]` is there",
                node.name
            );
            out.push(Refusal::new(
                Ground::Inventory,
                why,
                "use `port` of the [[node]], which is the one for TLS",
            ));
        }
    }
}

fn host(look: &Look<'_>, node: &NodeSpec, facts: &HostFacts, out: &mut Vec<Refusal>) {
    let name = &node.name;
    usable(node, facts, out);
    if !facts.root && look.inventory.server.hostnames {
        out.push(Refusal::new(
            Ground::Host,
            format!("`{}` may not set the host name of `{name}`", facts.login),
            "log in as root, allow sudo, or leave out `hostnames = true`",
        ));
    }
    let Some(seen) = look.topology.get(name) else {
        return;
    };
    match (&seen.state, &facts.listener) {
        (State::Up(_), Listener::Ours) => {}
        (State::Up(server), Listener::Foreign(who)) => {
            let ours = Paths::new(&look.inventory.server.directory, node.address.port).config();
            if server.config_file.as_ref() != Some(&ours) {
                out.push(taken(node, who));
            }
        }
        (State::Down(_), Listener::Foreign(who)) => out.push(taken(node, who)),
        (State::Up(_), Listener::Nobody) => out.push(elsewhere(node, seen, "a server answers")),
        (State::Down(trouble), Listener::Ours) => out.push(Refusal::new(
            Ground::Unreachable,
            format!(
                "the server of `{name}` runs and gives no usable answer: {}",
                trouble.detail
            ),
            "see its log, or: replctl status",
        )),
        (State::Down(trouble), Listener::Nobody) if trouble.kind.is_answered() => {
            out.push(elsewhere(node, seen, &trouble.detail));
        }
        (State::Down(_), Listener::Nobody) => to_start(look, node, facts, out),
    }
}

/// A replica must be able to load the full copies of its upstream. Returns refusals and warnings.
pub(super) fn versions(look: &Look<'_>, wiring: &Wiring) -> (Vec<Refusal>, Vec<Warning>) {
    let (mut refusals, mut warnings) = (Vec::new(), Vec::new());
    for name in wiring.fresh() {
        let Some(pair) = copies(look, wiring, name) else {
            continue;
        };
        match pair.said(&name.0) {
            Some(CopySentence::Never(what)) => {
                refusals.push(Refusal::new(Ground::Version, what, versions::SAME));
            }
            Some(CopySentence::Perhaps(_)) => warnings.push(Warning::of(name, Copy::Version(pair))),
            None => {}
        }
    }
    (refusals, warnings)
}

/// One replica that this run makes, and what it will follow.
fn copies(look: &Look<'_>, wiring: &Wiring, name: &NodeName) -> Option<Pair> {
    let below = look.topology.get(name)?;
    let above = look.topology.get(wiring.upstream.get(name)?)?;
    if below.server().is_some() {
        return pair(below, above);
    }
    let facts = look.facts(name).filter(|_| look.brings_server())?;
    let payload = look.payload_for(&facts.arch)?;
    let theirs = above.server()?;
    Some(Pair {
        copy: between(
            (theirs.product, theirs.version),
            (payload.product, payload.version),
            false,
        ),
        program: program(payload.product, payload.version),
        above: above.name.clone(),
        its_program: program(theirs.product, theirs.version),
    })
}

/// What does not stop anything, in inventory order.
pub(super) fn warnings(look: &Look<'_>) -> Vec<Warning> {
    let mut out = directives::warnings(look);
    for node in look.scope() {
        if let Some(facts) = look.facts(&node.name) {
            of_server(look, node, facts, &mut out);
            if !look.runs(&node.name) {
                of_host(look, node, facts, &mut out);
            }
        }
    }
    out.extend(neighbours::warnings(look));
    out
}

fn of_server(look: &Look<'_>, node: &NodeSpec, facts: &HostFacts, out: &mut Vec<Warning>) {
    let name = &node.name;
    let mut say = |it: Host| out.push(Warning::of(name, it));
    let ahead = facts.clock_ahead_seconds;
    if let Some(ahead) = ahead.filter(|s| s.unsigned_abs() > CLOCK) {
        say(Host::Clock(ahead));
    }
    let running = look.topology.get(name).and_then(|n| n.server());
    if let Some(server) = running {
        let payload = look
            .payload_for(&facts.arch)
            .filter(|_| look.brings_server());
        if let Some(payload) =
            payload.filter(|p| p.version != server.version || p.product != server.product)
        {
            say(Host::OtherProgram {
                runs: server.version,
                brings: look.brought().0,
                program: format!("{} {}", payload.program(), payload.version),
            });
        }
    }
    if running.is_some() && facts.by_shared_link(node.address.port) {
        say(Host::SharedLink(
            Paths::of(look.inventory, node).shared_link(),
        ));
    }
    out.extend(not_at_boot(name, Boot::Server, facts));
}

/// Warnings about the host of a server that is started.
fn of_host(look: &Look<'_>, node: &NodeSpec, facts: &HostFacts, out: &mut Vec<Warning>) {
    let name = &node.name;
    let mut say = |it: Host| out.push(Warning::of(name, it));
    let wanted = node
        .config
        .get("maxmemory")
        .and_then(|v| v.last())
        .and_then(|v| memory(v))
        .unwrap_or(0)
        .max(MEMORY);
    if let Some(available) = facts.memory_bytes.filter(|m| *m < wanted) {
        say(Host::Memory { available, wanted });
    }
    if facts.overcommit == Some(0) {
        say(Host::Overcommit);
    }
    if facts.huge_pages {
        say(Host::HugePages);
    }
    if facts.config.as_ref().is_some_and(|c| c.stamp.is_none()) {
        let path = Paths::new(&look.inventory.server.directory, node.address.port).config();
        out.push(Warning::of(name, Files::Replaced(path)));
    }
}

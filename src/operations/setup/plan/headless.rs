//! Replicas run and their primary does not. setup makes no primary, but says how to get one. Pure.

use super::Look;
use crate::config::Paths;
use crate::engine::{Ground, Refusal};
use crate::plan::hosts::paths;
use crate::topology::candidate::best_replica;
use crate::topology::{Node, NodeName};

/// The refusal.
pub(super) fn headless(look: &Look<'_>) -> Refusal {
    let replicas: Vec<&Node> = look
        .topology
        .nodes
        .iter()
        .filter(|n| n.upstream().is_some())
        .collect();
    let names: Vec<String> = replicas.iter().map(|n| format!("`{}`", n.name)).collect();
    let verb = if names.len() == 1 { "waits" } else { "wait" };
    let lost = replicas.iter().find_map(|n| {
        let above = look.topology.upstream_of(n)?;
        above.server().is_none().then_some(above)
    });
    let start = lost.map(|lost| start(look, &lost.name));
    // The node that status and promote name.
    let promote = best_replica(look.topology).map(|n| format!("replctl promote {}", n.name));
    let ways: Vec<String> = start.into_iter().chain(promote).collect();
    let hint = if ways.is_empty() {
        "see: replctl status".to_owned()
    } else {
        ways.join("; or: ")
    };
    Refusal::new(
        Ground::Role,
        format!(
            "no primary runs, and {} {verb} for one",
            names.join(" and ")
        ),
        hint,
    )
}

/// How the server of a node is started again: by its unit, where setup has made one.
fn start(look: &Look<'_>, name: &NodeName) -> String {
    let Some(node) = look.inventory.get(name) else {
        return format!("start the server of `{name}`");
    };
    let ssh = node.ssh.as_root(&node.address.host);
    match look.facts(name) {
        Some(facts) if facts.unit.is_some() => {
            let unit = Paths::new(&look.inventory.server.directory, node.address.port).unit();
            format!("start the server of `{name}`: {ssh} systemctl start {unit}")
        }
        Some(facts) if facts.config.is_some() => {
            let paths = paths(look, node, facts);
            let user = &look.inventory.server.user;
            let line = format!(
                "setsid runuser -u {user} -- {} {} </dev/null >/dev/null 2>&1 &",
                paths.program(),
                paths.config()
            );
            // Quotes once for the shell here, and once for the shell of the host.
            let quoted = |text: &str| {
                shlex::try_quote(text)
                    .map_or_else(|_| "''".to_owned(), std::borrow::Cow::into_owned)
            };
            let there = quoted(&quoted(&line));
            format!("start the server of `{name}`: {ssh} sh -c {there}")
        }
        Some(_) | None => format!("start the server of `{name}` on its host: {ssh}"),
    }
}

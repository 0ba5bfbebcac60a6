//! Servers that replctl did not make. `setup` reports them and leaves them as they are. Pure.
//!
//! A server is *made by replctl* if it has replctl's unit, start line or stamp. Everything else is
//! foreign, at whatever path it lies.

use crate::config::Paths;
use crate::engine::{Ground, Refusal};
use crate::inventory::NodeSpec;
use crate::operations::setup::plan::Look;
use crate::plan::facts::{Holder, HostFacts, Listener};
use crate::topology::State;
use crate::topology::service::{Service, Starter};

/// The commands that work on such a server.
const WORKS: &str = "status, promote, move, detach, rejoin and repair work on it as on any other";

/// What `add` can do for it.
const ADDED: &str = "make it a replica of this deployment by its own means, and run this again: it is then written into the inventory, and stays as it is";

/// One refusal for each node that is worked on and that replctl did not make.
pub(in crate::operations::setup) fn refusals(look: &Look<'_>) -> Vec<Refusal> {
    let seen = |node: &NodeSpec| {
        let facts = look.facts(&node.name)?;
        what(look, node, facts)
    };
    let (mut foreign, mut others) = (Vec::new(), Vec::new());
    for node in look.scope() {
        match seen(node) {
            Some(what) => foreign.push((node, what)),
            None => others.push(node.name.0.as_str()),
        }
    }
    let beside = if others.is_empty() {
        String::new()
    } else {
        format!(
            "; to set up the others alone: replctl setup {}",
            others.join(" ")
        )
    };
    let refusal = |(node, what): (&NodeSpec, String)| {
        Refusal::new(
            Ground::Foreign,
            format!(
                "replctl did not make the server of `{}`, and leaves it as it is: {what}",
                node.name
            ),
            if look.adding.is_some() {
                ADDED.to_owned()
            } else {
                format!(
                    "to make it replctl's, with its data: replctl adopt {}; or leave it: {WORKS}{beside}",
                    node.name
                )
            },
        )
    };
    foreign.into_iter().map(refusal).collect()
}

/// What stands there, where replctl did not make it; one phrase.
pub(in crate::operations::setup) fn what(
    look: &Look<'_>,
    node: &NodeSpec,
    facts: &HostFacts,
) -> Option<String> {
    let paths = Paths::of(look.inventory, node);
    let seen = look.topology.get(&node.name);
    let service = seen.and_then(|n| n.service.as_deref());
    if node.service.managed == Some(false) {
        let there = match facts.listener {
            Listener::Nobody => None,
            Listener::Ours | Listener::Foreign(_) => Some(running(look, node, facts, service)),
        };
        return Some(match there {
            Some(there) => format!("the inventory says `managed = false`, and {there}"),
            None => "the inventory says `managed = false`".to_owned(),
        });
    }
    let made = node.service.managed == Some(true) || facts.made(node.address.port);
    if facts.listener == Listener::Nobody {
        let down = seen.is_none_or(|n| matches!(n.state, State::Down(_)));
        return stopped(&paths, facts, service).filter(|_| down && !made);
    }
    let by_other = service
        .and_then(Service::unit)
        .is_some_and(|unit| unit.name != paths.unit());
    let contained = service.is_some_and(|s| matches!(s.starter, Starter::Container(_)));
    let answers = seen.and_then(|n| n.server());
    let is_server = answers.is_some() || facts.holder.as_ref().is_some_and(of_family);
    let own = match facts.listener {
        Listener::Ours => made,
        // It has changed its working directory, and runs from the file that replctl has written.
        Listener::Foreign(_) => {
            made && answers.is_some_and(|s| s.config_file.as_ref() == Some(&paths.config()))
        }
        Listener::Nobody => true,
    };
    // A program that is no server has taken the port; that is another refusal.
    let foreign = is_server && (by_other || contained || !own);
    foreign.then(|| running(look, node, facts, service))
}

/// A server that runs there: its program, its user, what starts it, its file.
fn running(
    look: &Look<'_>,
    node: &NodeSpec,
    facts: &HostFacts,
    service: Option<&Service>,
) -> String {
    let program = match &facts.holder {
        Some(Holder {
            pid, user, program, ..
        }) => {
            let program = program.as_deref().unwrap_or("a server");
            let user = user
                .as_ref()
                .map_or_else(String::new, |u| format!(", user {u}"));
            format!("{program} (process {pid}{user})")
        }
        None => "a server whose process cannot be seen".to_owned(),
    };
    let server = look.topology.get(&node.name).and_then(|n| n.server());
    let file = server.and_then(|s| s.config_file.as_deref());
    let with = match (server, file.filter(|f| !f.is_empty())) {
        (_, Some(file)) => format!(" with {file}"),
        (Some(_), None) => " without a configuration file".to_owned(),
        (None, None) => String::new(),
    };
    format!(
        "{program} runs on port {}{with}, {}",
        node.address.port,
        started(facts, service)
    )
}

/// What started it.
fn started(facts: &HostFacts, service: Option<&Service>) -> String {
    let parent = facts.holder.as_ref().and_then(|h| h.parent.as_ref());
    match service.map(|s| &s.starter) {
        Some(Starter::Unit(unit)) => format!("started by {}", unit.name),
        Some(Starter::Script(_)) => "started by /etc/rc.local".to_owned(),
        Some(Starter::Container(why)) => why.clone(),
        Some(Starter::Nothing) => match parent {
            Some((name, pid)) => format!("started by `{name}` (process {pid})"),
            None => "started by hand as far as can be seen".to_owned(),
        },
        Some(Starter::Unknown(_)) | None => "and what starts it is not known".to_owned(),
    }
}

/// What would run there: another unit, or a foreign file at the path of replctl's file.
fn stopped(paths: &Paths, facts: &HostFacts, service: Option<&Service>) -> Option<String> {
    let unit = service
        .and_then(Service::unit)
        .filter(|unit| unit.name != paths.unit() && unit.enabled == Some(true));
    if let Some(unit) = unit {
        let file = service.and_then(|s| s.file.as_ref());
        let with = file.map_or_else(String::new, |f| format!(" with {f}"));
        return Some(format!(
            "{}, which is stopped, starts a server on this port{with} when the host boots",
            unit.name
        ));
    }
    facts.config.as_ref()?;
    Some(format!(
        "{} was written by somebody else, and no server runs from it now",
        paths.config()
    ))
}

/// Whether a process is a server of the family, by the name of its program.
fn of_family(holder: &Holder) -> bool {
    let name = holder.program.as_deref().unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or(name);
    ["redis", "valkey", "keydb"]
        .iter()
        .any(|f| name.contains(f))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

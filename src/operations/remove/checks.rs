//! The refusals of a removal, all at once, and the warnings. Pure.

use super::plan::RemoveInput;
use crate::config::Paths;
use crate::engine::warning::inventory::{GoesOn, Inventory as Members};
use crate::engine::{Ground, Refusal, Remove, Warning};
use crate::inventory::NodeSpec;
use crate::plan::facts::{HostFacts, Listener};
use crate::plan::hosts::checks::elsewhere;
use crate::plan::root::{Root, walk};
use crate::topology::candidate::{best_replica, primaries};
use crate::topology::{Node, PersistedRole, ReplicaLine, State};

const LOOK: &str = "see: replctl status";
/// A replica reports its offset every second. It is alive if it did so within this many seconds.
const ALIVE_SECONDS: u64 = 10;

/// The primary, the node and its entry in the inventory; or the refusal if one of them is missing.
pub(super) fn those<'a>(
    op: &Remove,
    around: &'a RemoveInput<'_>,
) -> Result<(&'a Node, &'a Node, &'a NodeSpec), Vec<Refusal>> {
    let name = &op.node;
    let all = &around.inventory.nodes;
    let spec = all.iter().find(|n| n.name == *name);
    let (Some(spec), Some(node)) = (spec, around.seen.all().get(name)) else {
        let all: Vec<&str> = all.iter().map(|n| n.name.0.as_str()).collect();
        return Err(vec![Refusal::new(
            Ground::NoNode,
            format!("the inventory has no node `{name}`"),
            format!("its nodes are {}", all.join(", ")),
        )]);
    };
    let deployment = around.seen.deployment();
    let found = primaries(&deployment);
    let primary = match found.as_slice() {
        [one] if one.name != *name => around.seen.all().get(&one.name),
        _ => None,
    };
    if let Some(primary) = primary {
        return Ok((primary, node, spec));
    }
    let next = best_replica(&deployment).map_or("NODE", |n| n.name.0.as_str());
    let is_one = found.iter().any(|p| p.name == *name);
    let others: Vec<String> = found.iter().map(|p| format!("`{}`", p.name)).collect();
    Err(vec![match (is_one, found.len()) {
        (true, 1) => Refusal::new(
            Ground::Role,
            format!("`{name}` is the primary"),
            format!("make another the primary first: replctl promote {next}"),
        ),
        (true, _) => Refusal::new(
            Ground::Role,
            format!("`{name}` runs as a primary, and may have writes that no other node has"),
            format!("bring it back as a replica, with a backup: replctl rejoin {name}"),
        ),
        (false, 0) => Refusal::new(
            Ground::Role,
            format!("no primary answers: `{name}` may be it, or have what no other node has"),
            format!("bring it back, or: replctl promote {next}"),
        ),
        (false, _) => Refusal::new(
            Ground::Role,
            format!(
                "{} run as primaries, and it has to be decided first which of them goes on",
                others.join(" and ")
            ),
            LOOK,
        ),
    }])
}

/// Everything else that stands against it.
pub(super) fn all(
    op: &Remove,
    around: &RemoveInput<'_>,
    primary: &Node,
    node: &Node,
    out: &mut Vec<Refusal>,
) {
    followers(around, primary, node, out);
    sentinel_on_its_host(around, node, out);
    if op.leave_running {
        return;
    }
    match around.host {
        Some(Ok(facts)) => reached(around, node, facts, out),
        Some(Err(why)) => out.extend(unreached(around, node, &why.why)),
        None => out.extend(unreached(around, node, "nobody looked at it")),
    }
    out.extend(too_few(primary, node));
}

/// Refuses if other nodes have their data from it: they would have no upstream.
fn followers(around: &RemoveInput<'_>, primary: &Node, node: &Node, out: &mut Vec<Refusal>) {
    let name = &node.name;
    let above = around.seen.all().upstream_of(node).unwrap_or(primary);
    let under = around.seen.all().nodes.iter().filter(|other| {
        let up = around.seen.all().upstream_of(other);
        other.name != *name && up.is_some_and(|up| up.name == *name)
    });
    out.extend(under.map(|other| {
        Refusal::new(
            Ground::Topology,
            format!("`{}` has its data from `{name}`", other.name),
            format!("replctl move {} --under {}", other.name, above.name),
        )
    }));
}

/// Refuses if `nodes` of `[sentinel]` names the node. The entry would stay there, and mean a host
/// of that name.
fn sentinel_on_its_host(around: &RemoveInput<'_>, node: &Node, out: &mut Vec<Refusal>) {
    let beside = format!("sentinel@{}", node.name);
    let with_port = format!("{beside}:");
    let mut own = around.inventory.sentinels().iter();
    let own = own.find(|s| s.name.0 == beside || s.name.0.starts_with(&with_port));
    out.extend(own.map(|sentinel| {
        let why = format!(
            "a Sentinel that the inventory names runs on the host of `{}`",
            node.name
        );
        let hint = format!(
            "in `nodes` of [sentinel], write \"{}\" in its place, or take it out",
            sentinel.address
        );
        Refusal::new(Ground::Inventory, why, hint)
    }));
}

/// The checks for a node whose host can be worked on.
fn reached(around: &RemoveInput<'_>, node: &Node, facts: &HostFacts, out: &mut Vec<Refusal>) {
    let (name, inventory) = (&node.name, around.inventory);
    let only = format!("take it out of the inventory only: replctl remove {name} --leave-running");
    let ours = Paths::new(&inventory.server.directory, node.address.port).config();
    match (&node.state, &facts.listener) {
        (State::Up(server), Listener::Foreign(who)) => {
            if server.config_file.as_ref() != Some(&ours) {
                out.push(Refusal::new(
                    Ground::Foreign,
                    format!("the server of `{name}` was not set up by replctl, which does not know what starts it again: {who}"),
                    format!("stop it as it was started, and run this again; or {only}"),
                ));
            }
        }
        (State::Down(_), Listener::Foreign(who)) => out.push(Refusal::new(
            Ground::Foreign,
            format!(
                "port {} of the host of `{name}` is taken by {who}, which replctl did not set up",
                node.address.port
            ),
            only,
        )),
        (State::Up(_), Listener::Nobody) => {
            let spec = inventory.get(name);
            out.extend(spec.map(|spec| elsewhere(spec, node, "a server answers")));
        }
        (State::Up(_) | State::Down(_), Listener::Ours) | (State::Down(_), Listener::Nobody) => {}
    }
}

/// The check for a node whose host cannot be worked on: the node must be seen to be dead.
fn unreached(around: &RemoveInput<'_>, node: &Node, why: &str) -> Option<Refusal> {
    let name = &node.name;
    let instead = format!(
        "repair that, or take it out of the inventory only: replctl remove {name} --leave-running"
    );
    if node.server().is_some() {
        return Some(Refusal::new(
            Ground::Unreachable,
            format!("`{name}` answers, and cannot be stopped: its host cannot be worked on: {why}"),
            instead,
        ));
    }
    let hears = around.seen.all().nodes.iter().find_map(|other| {
        let mut lines = other.server()?.replication.replicas.iter();
        let line = lines.find(|l| node.answers_to(&l.address) && is_alive(l))?;
        Some((other, line.ack_age_seconds.unwrap_or(0)))
    });
    hears.map(|(other, seconds)| {
        Refusal::new(
            Ground::Unreachable,
            format!(
                "`{}` heard from `{name}` {seconds} s ago, so it runs, or did just now; neither it nor its host can be reached from here: {why}",
                other.name
            ),
            instead,
        )
    })
}

fn is_alive(line: &ReplicaLine) -> bool {
    line.ack_age_seconds.is_some_and(|s| s < ALIVE_SECONDS)
}

/// Refuses if the primary would then refuse writes because it has too few replicas.
fn too_few(primary: &Node, node: &Node) -> Option<Refusal> {
    let server = primary.server()?;
    let wanted = server.replicas_for_a_write()?;
    let good: Vec<&ReplicaLine> = server.good_replicas().collect();
    let its = good.iter().any(|l| node.answers_to(&l.address));
    (its && good.len() as u64 == wanted).then(|| {
        Refusal::new(
            Ground::Topology,
            format!(
                "`{}` takes writes only with {wanted} replicas (min-replicas-to-write), and would have {} without `{}`",
                primary.name,
                wanted - 1,
                node.name
            ),
            "lower it under [server.config] of the inventory, and run: replctl setup",
        )
    })
}

/// What does not stop anything.
pub(super) fn warnings(
    op: &Remove,
    around: &RemoveInput<'_>,
    primary: &Node,
    node: &Node,
) -> Vec<Warning> {
    let name = &node.name;
    let mut out = Vec::new();
    let mut say = |it: Members| out.push(Warning::of(name, it));
    let mut others = around.seen.all().nodes.iter().filter(|n| n.name != *name);
    if node.upstream().is_some() && !op.leave_running && others.all(|n| n.upstream().is_none()) {
        say(Members::LastReplica(primary.name.clone()));
    }
    out.extend(waiting(around, primary, node));
    let mut say = |it: Members| out.push(Warning::of(name, it));
    if op.leave_running {
        say(Members::LeftRunning(goes_on(around, node)));
    } else if let Some(Err(why)) = around.host {
        say(Members::HostGone {
            why: why.why.clone(),
            purge: op.purge,
        });
    }
    if around.inventory.server.hostnames {
        say(Members::HostsHaveName);
    }
    out
}

/// Warns of stopped nodes that will look for it when they come back.
fn waiting(around: &RemoveInput<'_>, primary: &Node, node: &Node) -> Vec<Warning> {
    let name = &node.name;
    let follows = |other: &&Node| match &other.persisted {
        Some(PersistedRole::ReplicaOf(address)) => {
            node.answers_to(address) && other.server().is_none() && other.name != *name
        }
        Some(PersistedRole::Primary | PersistedRole::Unknown(_) | PersistedRole::Unwritten)
        | None => false,
    };
    let all = around.seen.all().nodes.iter().filter(follows);
    all.map(|other| {
        let waits = Members::Waits {
            removed: name.clone(),
            primary: primary.name.clone(),
        };
        Warning::of(&other.name, waits)
    })
    .collect()
}

fn goes_on(around: &RemoveInput<'_>, node: &Node) -> GoesOn {
    match (node.server(), walk(node, around.seen.all())) {
        (None, _) => GoesOn::Untouched,
        (Some(_), Root::Primary(top)) if top.name != node.name => {
            GoesOn::Replicates(top.name.clone())
        }
        (Some(_), Root::Primary(_) | Root::Down(_) | Root::Stranger | Root::Loop) => GoesOn::Runs,
    }
}

/// The data that only this node has, and that no backup keeps.
pub(super) fn may_lose(op: &Remove, around: &RemoveInput<'_>, node: &Node) -> Option<String> {
    let name = &node.name;
    if !op.purge || !matches!(around.host, Some(Ok(_))) {
        return None;
    }
    if around.seen.is_detached(name) {
        let keys = node
            .server()
            .map_or_else(String::new, |s| format!("{} ", s.key_count()));
        return Some(format!(
            "the {keys}keys of `{name}`, which was detached and has writes of its own"
        ));
    }
    let was_primary = node.persisted == Some(PersistedRole::Primary) && node.server().is_none();
    (around.notes.pending.is_some() || was_primary)
        .then(|| format!("writes that only `{name}` has on its disk, from before it was replaced"))
}

//! Everything that blocks moving a node, all at once, each with a hint. Pure.

use super::{one_stream, way_up};
use crate::engine::{Ground, Move, Refusal};
use crate::plan::root::{Root, walk};
use crate::plan::{preflight, versions};
use crate::topology::candidate::same_process;
use crate::topology::lineage::{Lineage, lineage, position};
use crate::topology::{Link, Node, ReplicaAuth, Server, Topology, phrases, sentinel};

/// The least that a key costs in the stream, bytes: `$1 k $1 v` of an `MSET`.
const KEY_BYTES: u64 = 14;
const LOOK: &str = "see: replctl status";

/// Every refusal. `lost`: why its keys would not be kept.
pub fn all(
    operation: &Move,
    node: &Node,
    under: &Node,
    topology: &Topology,
    lost: Option<&str>,
) -> Result<(), Vec<Refusal>> {
    let mut out = Vec::new();
    if circle(node, under, topology, &mut out) {
        return Err(out);
    }
    silent(node, "moved", &mut out);
    silent(under, "replicated from", &mut out);
    ready(under, topology, &mut out);
    for (other, server) in [node, under]
        .into_iter()
        .filter_map(|n| Some((n, n.server()?)))
    {
        preflight::watched(other, server, &mut out);
    }
    beside_sentinels(node, under, topology, &mut out);
    if let (Some(mine), Some(theirs)) = (node.server(), under.server()) {
        versions::refused(node, under, &mut out);
        log_in(node, mine, under, theirs, &mut out);
        preflight::reaches(node, mine, under, &mut out);
    }
    if let Some(why) = lost.filter(|_| !operation.discard_data) {
        let (node, under) = (&node.name, &under.name);
        out.push(Refusal::new(
            Ground::DiscardData,
            format!("`{node}` would lose keys under `{under}`: {why}"),
            format!("if they may be replaced by those of `{under}`: replctl move {node} --under {under} --discard-data {node}"),
        ).about(node));
    }
    if out.is_empty() { Ok(()) } else { Err(out) }
}

/// Refuses a node that would replicate from itself, directly or around a circle. Also refuses the
/// top primary, which has no upstream.
fn circle(node: &Node, under: &Node, topology: &Topology, out: &mut Vec<Refusal>) -> bool {
    let (name, target) = (&node.name, &under.name);
    if name == target {
        out.push(
            Refusal::new(
                Ground::Topology,
                format!("`{name}` cannot replicate from itself"),
                "name another node after --under",
            )
            .about(name),
        );
    } else if same_process(node, under) {
        out.push(
            Refusal::new(
                Ground::Inventory,
                format!("`{name}` and `{target}` are one and the same server process"),
                "check their addresses in the inventory",
            )
            .about(name),
        );
    } else {
        let way = way_up(under, topology);
        let through = way
            .iter()
            .any(|up| up.name == *name || same_process(up, node));
        if !through {
            return false;
        }
        out.push(if let Some(own) = topology.upstream_of(node) {
            Refusal::new(
                Ground::Topology,
                format!("`{target}` has its data from `{name}`: with `{name}` under it they would go round in a circle and get no writes"),
                format!("move `{target}` away first: replctl move {target} --under {}", own.name),
            ).about(name)
        } else if node.is_primary() {
            Refusal::new(
                Ground::Role,
                format!("`{name}` is the primary, and `{target}` has its data from it"),
                format!("to let them change places: replctl promote {target}"),
            ).about(name)
        } else {
            Refusal::new(
                Ground::Topology,
                format!("`{target}` has its data from `{name}`: with `{name}` under it they would go round in a circle and get no writes"),
                LOOK,
            ).about(name)
        });
    }
    true
}

fn silent(node: &Node, what: &str, out: &mut Vec<Refusal>) {
    if let crate::topology::State::Down(trouble) = &node.state {
        out.push(
            Refusal::new(
                Ground::Unreachable,
                format!("`{}` cannot be {what}: {}", node.name, trouble.detail),
                LOOK,
            )
            .about(&node.name),
        );
    }
}

/// The new upstream has the data, and so have all nodes above it.
fn ready(under: &Node, topology: &Topology, out: &mut Vec<Refusal>) {
    let name = &under.name;
    if under.server().is_none() {
        return;
    }
    for at in std::iter::once(under).chain(way_up(under, topology)) {
        let above = &at.name;
        let so = if above == name {
            String::new()
        } else {
            format!(", and `{name}` has its data from there")
        };
        let mut push = |what: &str| {
            out.push(Refusal::new(
                Ground::NotReady,
                format!("`{above}` {what}{so}"),
                LOOK,
            ));
        };
        if at.server().is_some_and(|s| s.loading.is_some()) {
            push("is still loading its data");
        }
        match at.upstream() {
            Some(up) if up.sync.is_some() => push("is in the middle of a full resync"),
            Some(up) if up.link == Link::Down => {
                push(&format!(
                    "is not in sync: its link to {} is down",
                    up.address
                ));
            }
            Some(_) | None => {}
        }
    }
    let nowhere = match walk(under, topology) {
        Root::Primary(_) => return,
        Root::Down(down) => format!("`{}`, which does not answer", down.name),
        Root::Stranger => "an address that is no node of the inventory".to_owned(),
        Root::Loop => "no primary, but in a circle".to_owned(),
    };
    out.push(
        Refusal::new(
            Ground::Topology,
            format!("the way up from `{name}` ends at {nowhere}"),
            LOOK,
        )
        .about(name),
    );
}

/// Sentinel considers a replica of a replica misplaced, and repoints it to the primary.
fn beside_sentinels(node: &Node, under: &Node, topology: &Topology, out: &mut Vec<Refusal>) {
    let Some(count) = sentinel::watched(topology).filter(|_| !under.is_primary()) else {
        return;
    };
    let hint = match walk(under, topology) {
        Root::Primary(primary) => {
            format!("replctl move {} --under {}", node.name, primary.name)
        }
        Root::Down(_) | Root::Stranger | Root::Loop => LOOK.to_owned(),
    };
    let (are, s) = if count == 1 { ("es", "") } else { ("", "s") };
    out.push(Refusal::new(
        Ground::Sentinel,
        format!("{count} Sentinel{s} watch{are}, and put a replica of the replica `{}` back under the primary", under.name),
        hint,
    ));
}

fn log_in(node: &Node, mine: &Server, under: &Node, theirs: &Server, out: &mut Vec<Refusal>) {
    let problem = match (theirs.has_password, mine.replica_auth) {
        (Some(true), Some(ReplicaAuth::Unset)) => "has no masterauth",
        (Some(true), Some(ReplicaAuth::Wrong)) => "has another masterauth than the inventory says",
        (Some(false), Some(ReplicaAuth::Right | ReplicaAuth::Wrong)) => {
            "has a masterauth, and the new upstream no password"
        }
        _ => return,
    };
    let (node, under) = (&node.name, &under.name);
    out.push(
        Refusal::new(
            Ground::Login,
            format!("`{node}` {problem}, so it could not replicate from `{under}`"),
            format!("let replctl set both on every node: replctl setup {node} {under}"),
        )
        .about(node),
    );
}

/// Why its keys would not be kept; `None`: they are kept.
pub fn lost_data(node: &Node, under: &Node, topology: &Topology) -> Option<String> {
    let (mine, theirs) = (node.server()?, under.server()?);
    let (keys, there) = (mine.key_count(), theirs.key_count());
    if keys == 0 {
        return None;
    }
    let counts = format!("it holds {keys}, `{}` {there}", under.name);
    if node.is_primary() {
        return Some(format!("it is a primary with data of its own; {counts}"));
    }
    if !one_stream(node, under, topology) {
        let root = match walk(under, topology) {
            Root::Primary(root) => root.server()?,
            Root::Down(_) | Root::Stranger | Root::Loop => theirs,
        };
        match lineage(&mine.replication, &root.replication) {
            Lineage::Same { .. } => {}
            Lineage::Diverged { bytes } => {
                return Some(format!(
                    "it has {} of writes that are not there; {counts}",
                    phrases::bytes(bytes)
                ));
            }
            Lineage::Unknown => {
                return Some(format!(
                    "their data have no history in common that can be seen; {counts}"
                ));
            }
        }
    }
    // A new upstream that is only late gets the rest soon. The plan waits for it.
    let late = if one_stream(node, under, topology) {
        position(&mine.replication).saturating_sub(position(&theirs.replication))
    } else {
        0
    };
    let missing = keys.saturating_sub(there);
    (missing > keys / 2 && late < missing.saturating_mul(KEY_BYTES))
        .then(|| format!("far fewer are there; {counts}"))
}

//! Which node returns under which, and what stands against it, each with its way on. Pure.

use super::{Owed, Rejoin};
use crate::error::Reason;
use crate::plan::{Refusal, preflight, versions};
use crate::topology::candidate::{primaries, same_process};
use crate::topology::lineage::{Lineage, lineage};
use crate::topology::{Node, NodeName, ReplicaAuth, Topology};

const LOOK: &str = "see: replctl status";

/// The node that returns, and the primary it returns under.
pub fn pair<'a>(
    operation: &Rejoin,
    topology: &'a Topology,
    owed: &[Owed],
) -> Result<(&'a Node, &'a Node), Vec<Refusal>> {
    let name = &operation.node;
    let node = known(name, topology)?;
    let others: Vec<&Node> = primaries(topology)
        .into_iter()
        .filter(|p| p.name != *name && !same_process(p, node))
        .collect();
    if let Some(under) = &operation.under {
        let successor = known(under, topology)?;
        return if others.iter().any(|p| p.name == *under) {
            Ok((node, successor))
        } else {
            let why = format!("`{under}` is no other primary that answers");
            Err(vec![Refusal::new(why, LOOK)])
        };
    }
    let told = owed.iter().find(|(of, _)| of == name);
    let successor = match others[..] {
        [one] => one,
        [] => return Err(vec![nobody(node)]),
        ref several => {
            let successor = told.and_then(|(_, at)| several.iter().find(|p| p.answers_to(at)));
            *successor.ok_or_else(|| vec![which(name, several)])?
        }
    };
    match the_other_way(node, successor, owed) {
        Some(refusal) => Err(vec![refusal]),
        None => Ok((node, successor)),
    }
}

fn known<'a>(name: &NodeName, topology: &'a Topology) -> Result<&'a Node, Vec<Refusal>> {
    topology.get(name).ok_or_else(|| {
        let known: Vec<&str> = topology.nodes.iter().map(|n| n.name.0.as_str()).collect();
        vec![Refusal::new(
            format!("the inventory has no node `{name}`"),
            format!("its nodes are {}", known.join(", ")),
        )]
    })
}

fn nobody(node: &Node) -> Refusal {
    let name = &node.name;
    if node.is_primary() {
        Refusal::new(
            format!("`{name}` is the only primary: nobody has taken over from it"),
            "to change the primary: replctl promote NODE",
        )
    } else {
        Refusal::new(
            format!("there is no primary that `{name}` could return under"),
            LOOK,
        )
    }
}

fn which(name: &NodeName, several: &[&Node]) -> Refusal {
    let names: Vec<String> = several.iter().map(|p| format!("`{}`", p.name)).collect();
    Refusal::new(
        format!(
            "there are {} other primaries, {}, and which of them is right has to be said",
            several.len(),
            names.join(" and ")
        ),
        format!("replctl rejoin {name} --under {}", several[0].name),
    )
}

/// The node that is to return is the one that took over, or the other holds nothing: only by its name.
fn the_other_way(node: &Node, successor: &Node, owed: &[Owed]) -> Option<Refusal> {
    let (name, other) = (&node.name, &successor.name);
    let (mine, theirs) = (node.server()?, successor.server()?);
    let from_it = mine.replication.replid2.as_ref() == Some(&theirs.replication.replid);
    let noted = owed
        .iter()
        .any(|(of, at)| of == other && node.answers_to(at));
    let anyway = format!("replctl rejoin {name} --under {other}");
    if from_it || noted {
        return Some(Refusal::new(
            format!(
                "`{name}` took over from `{other}`: it is the present primary, and `{other}` the old one"
            ),
            format!("replctl rejoin {other} (to discard what `{name}` has: {anyway})"),
        ));
    }
    let keys = mine.key_count();
    // One that was promoted has the other's history; without a key, that is how it was.
    let unrelated = lineage(&mine.replication, &theirs.replication) == Lineage::Unknown;
    (unrelated && theirs.key_count() == 0 && keys > 0).then(|| {
        Refusal::new(
            format!(
                "`{other}` holds no key, and `{name}` {keys}: under it, `{name}` would be emptied"
            ),
            format!(
                "if `{other}` may be replaced: replctl rejoin {other}; if it is right: {anyway}"
            ),
        )
    })
}

/// Everything that stands against bringing a primary that runs back under `successor`.
pub(super) fn running(
    operation: &Rejoin,
    node: &Node,
    successor: &Node,
    topology: &Topology,
) -> Result<(), Vec<Refusal>> {
    let mut out = Vec::new();
    let (Some(mine), Some(theirs)) = (node.server(), successor.server()) else {
        return Ok(());
    };
    for (other, server) in [(node, mine), (successor, theirs)] {
        preflight::watched(other, server, &mut out);
        if server.loading.is_some() {
            out.push(
                Refusal::new(
                    format!("`{}` is still loading its data", other.name),
                    "wait until it is done: replctl status",
                )
                .because(Reason::NotReady),
            );
        }
    }
    versions::refused(node, successor, &mut out);
    if theirs.has_password == Some(false)
        && matches!(
            mine.replica_auth,
            Some(ReplicaAuth::Right | ReplicaAuth::Wrong)
        )
    {
        out.push(Refusal::new(
            format!(
                "`{}` has a masterauth, and `{}` no password: it would be refused",
                node.name, successor.name
            ),
            format!("replctl setup {}", successor.name),
        ));
    }
    preflight::reaches(node, mine, successor, &mut out);
    let circle = topology
        .upstream_of(successor)
        .is_some_and(|up| up.name == operation.node);
    if circle {
        out.push(Refusal::new(
            format!("`{}` replicates from `{}`", successor.name, node.name),
            LOOK,
        ));
    }
    if out.is_empty() { Ok(()) } else { Err(out) }
}

//! Which node returns under which primary, or why none does. Pure.

use crate::engine::{Ground, Refusal, Rejoin};
use crate::plan::returning::DemotionNote;
use crate::plan::returning::checks::LOOK;
use crate::topology::candidate::{primaries, same_process};
use crate::topology::lineage::{Lineage, lineage};
use crate::topology::{Node, NodeName, Topology};

/// The node that returns, and the primary it returns under. `detached`: it was detached on purpose.
pub fn pair<'a>(
    operation: &Rejoin,
    topology: &'a Topology,
    noted_demotions: &[DemotionNote],
    detached: bool,
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
            Err(vec![Refusal::new(Ground::Role, why, LOOK)])
        };
    }
    let told = noted_demotions.iter().find(|(of, _)| of == name);
    let successor = match others[..] {
        [one] => one,
        [] => return Err(vec![nobody(node)]),
        ref several => {
            let successor = told.and_then(|(_, at)| several.iter().find(|p| p.answers_to(at)));
            *successor.ok_or_else(|| vec![which(name, several)])?
        }
    };
    match the_other_way(node, successor, noted_demotions, detached) {
        Some(refusal) => Err(vec![refusal]),
        None => Ok((node, successor)),
    }
}

fn known<'a>(name: &NodeName, topology: &'a Topology) -> Result<&'a Node, Vec<Refusal>> {
    topology.get(name).ok_or_else(|| {
        let known: Vec<&str> = topology.nodes.iter().map(|n| n.name.0.as_str()).collect();
        vec![Refusal::new(
            Ground::NoNode,
            format!("the inventory has no node `{name}`"),
            format!("its nodes are {}", known.join(", ")),
        )]
    })
}

fn nobody(node: &Node) -> Refusal {
    let name = &node.name;
    if node.is_primary() {
        Refusal::new(
            Ground::Role,
            format!("`{name}` is the only primary: nobody has taken over from it"),
            "to change the primary: replctl promote",
        )
    } else {
        Refusal::new(
            Ground::Role,
            format!("there is no primary that `{name}` could return under"),
            LOOK,
        )
    }
}

fn which(name: &NodeName, several: &[&Node]) -> Refusal {
    let names: Vec<String> = several.iter().map(|p| format!("`{}`", p.name)).collect();
    Refusal::new(
        Ground::Role,
        format!(
            "there are {} other primaries, {}, and --under does not name the one to follow",
            several.len(),
            names.join(" and ")
        ),
        format!("replctl rejoin {name} --under {}", several[0].name),
    )
}

/// Refuses to return a node that took over itself, or that has keys while the other has none.
/// `--under` overrides this.
fn the_other_way(
    node: &Node,
    successor: &Node,
    noted_demotions: &[DemotionNote],
    detached: bool,
) -> Option<Refusal> {
    let (name, other) = (&node.name, &successor.name);
    let (mine, theirs) = (node.server()?, successor.server()?);
    let from_it = mine.replication.replid2.as_ref() == Some(&theirs.replication.replid);
    let noted = noted_demotions
        .iter()
        .any(|(of, at)| of == other && node.answers_to(at));
    let anyway = format!("replctl rejoin {name} --under {other}");
    // A detached node went on from the other's history. It did not take over from the other.
    if from_it && detached && !noted {
        return Some(Refusal::new(
            Ground::Role,
            format!("`{name}` was detached and stands alone: it took over from nobody"),
            format!(
                "to bring it back with a backup of what only it has: {anyway}; to replace its keys: replctl move {name} --under {other} --discard-data {name}"
            ),
        ));
    }
    if from_it || noted {
        return Some(Refusal::new(
            Ground::Role,
            format!(
                "`{name}` took over from `{other}`: it is the present primary, and `{other}` the old one"
            ),
            format!("replctl rejoin {other} (to discard what `{name}` has: {anyway})"),
        ));
    }
    let keys = mine.key_count();
    // A promoted node has the other's history. If it has no key, that is its real state.
    let unrelated = lineage(&mine.replication, &theirs.replication) == Lineage::Unknown;
    (unrelated && theirs.key_count() == 0 && keys > 0).then(|| {
        Refusal::new(
            Ground::DiscardData,
            format!(
                "`{other}` holds no key, and `{name}` {keys}: under it, `{name}` would be emptied"
            ),
            format!(
                "if `{other}` may be replaced: replctl rejoin {other}; if it is right: {anyway}"
            ),
        )
    })
}

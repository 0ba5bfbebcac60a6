//! Compares the nodes that can be chosen: what each has, and what choosing it would cost. Pure.

use super::Owns;
use crate::plan::divergence::Own;
use crate::topology::candidate::followers;
use crate::topology::lineage::position;
use crate::topology::situation::{Situation, forgetful};
use crate::topology::{Address, Node, NodeName, Server, Topology, phrases};
use serde::Serialize;

/// The comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// What is wrong, in a word.
    pub situation: &'static str,
    /// The node that is proposed; null where none can be.
    pub proposed: Option<NodeName>,
    /// Why that one, in a phrase; null where the operator named it.
    pub because: Option<String>,
    /// The nodes that answer, in inventory order.
    pub nodes: Vec<Compared>,
}

/// The reason if the proposal is only a guess.
const GUESS: &str = "nothing sets it apart but its place in the inventory";

impl Comparison {
    /// Whether another node could be proposed as well.
    pub fn is_a_guess(&self) -> bool {
        self.because.as_deref() == Some(GUESS)
    }
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Its name.
    pub node: NodeName,
    /// Where clients reach it.
    pub address: Address,
    /// `primary` or `replica`.
    pub role: &'static str,
    /// Keys in all databases.
    pub keys: u64,
    /// Bytes of its history that it has.
    pub offset: u64,
    /// The id of its history.
    pub replid: String,
    /// Replicas whose link to it is up.
    pub replicas: usize,
    /// Seconds since it was started.
    pub uptime_seconds: Option<u64>,
    /// What is given up, or backed up, if this one is chosen, in phrases; null where it cannot be
    /// chosen.
    pub costs: Option<Vec<String>>,
}

/// Compares them. `noted`: the node that became the primary last, according to the notes.
pub fn compare(
    situation: &Situation<'_>,
    keep: Option<&NodeName>,
    owns: &Owns,
    noted: Option<&NodeName>,
    topology: &Topology,
) -> Comparison {
    let choice = situation.choice(topology);
    let proposed = match keep {
        Some(name) => topology.get(name),
        None => situation.proposed(topology, noted),
    };
    let because = proposed
        .filter(|_| keep.is_none())
        .map(|node| because(node, situation, noted, topology));
    let chosen = |node: &Node| choice.iter().any(|n| n.name == node.name);
    let nodes = topology.nodes.iter().filter_map(|node| {
        let server = node.server()?;
        Some(Compared {
            node: node.name.clone(),
            address: node.announced.clone(),
            role: if node.is_primary() {
                "primary"
            } else {
                "replica"
            },
            keys: server.key_count(),
            offset: position(&server.replication),
            replid: server.replication.replid.clone(),
            replicas: followers(topology, node),
            uptime_seconds: server.uptime_seconds,
            costs: chosen(node).then(|| costs(node, situation, &choice, owns)),
        })
    });
    Comparison {
        situation: word(situation),
        proposed: proposed.map(|n| n.name.clone()),
        because,
        nodes: nodes.collect(),
    }
}

fn word(situation: &Situation<'_>) -> &'static str {
    match situation {
        Situation::Sound(_) => "sound",
        Situation::Several(_) => "several-primaries",
        Situation::Emptied { .. } => "emptied-primary",
        Situation::Headless => "no-primary",
        Situation::Circle(_) => "circle",
        Situation::Silent => "no-answer",
    }
}

fn because(
    node: &Node,
    situation: &Situation<'_>,
    noted: Option<&NodeName>,
    topology: &Topology,
) -> String {
    match situation {
        Situation::Sound(_) | Situation::Silent => "it is the primary".to_owned(),
        Situation::Several(primaries) => {
            let from = node.server().and_then(|s| s.replication.replid2.as_ref());
            let old = primaries.iter().find(|other| {
                other.name != node.name
                    && other.server().map(|s| &s.replication.replid) == from
                    && from.is_some()
            });
            match (old, followers(topology, node)) {
                (Some(old), _) => format!("it took over from `{}`", old.name),
                (None, _) if noted == Some(&node.name) => {
                    "it is noted here that it took over".to_owned()
                }
                (None, 0) if keyless(primaries, node) => "the others hold no key".to_owned(),
                (None, 0) => GUESS.to_owned(),
                (None, 1) => "1 replica follows it".to_owned(),
                (None, n) => format!("{n} replicas follow it"),
            }
        }
        Situation::Emptied { primary, .. } => {
            format!("it still has what `{}` has lost", primary.name)
        }
        Situation::Circle(ring) if forgetful(ring, noted, topology).is_some() => {
            let keys = "no other holds more keys, and it was started anew";
            if noted == Some(&node.name) {
                format!("{keys} after it was made the primary from here")
            } else {
                format!("{keys}: it may have been the primary")
            }
        }
        Situation::Headless | Situation::Circle(_) => "no other has more of the history".to_owned(),
    }
}

fn keyless(primaries: &[&Node], but: &Node) -> bool {
    let keys = |node: &Node| node.server().map_or(0, Server::key_count);
    let mut others = primaries.iter().filter(|n| n.name != but.name);
    keys(but) > 0 && others.all(|n| keys(n) == 0)
}

/// What is given up if this one is chosen.
fn costs(node: &Node, situation: &Situation<'_>, choice: &[&Node], owns: &Owns) -> Vec<String> {
    let others = choice.iter().filter(|n| n.name != node.name);
    match situation {
        Situation::Sound(_) | Situation::Silent => Vec::new(),
        Situation::Several(_) => others.map(|other| own(other, node, owns)).collect(),
        Situation::Emptied { primary, .. } => vec![own(primary, node, owns)],
        Situation::Headless | Situation::Circle(_) => {
            others.filter_map(|other| ahead(other, node)).collect()
        }
    }
}

/// What only `other` has, should `node` be the primary.
fn own(other: &Node, node: &Node, owns: &Owns) -> String {
    let name = &other.name;
    match owns.get(&(name.clone(), node.name.clone())) {
        Some(Own::Nothing { .. }) => format!("nothing of `{name}` is lost"),
        Some(Own::Empty) => format!("`{name}` holds no key"),
        Some(Own::Commands {
            bytes,
            commands,
            safe,
            ..
        }) => format!(
            "{} that only `{name}` has ({}) {} backed up, and {}",
            phrases::plural(*commands, "command"),
            phrases::bytes(*bytes),
            if *commands == 1 { "is" } else { "are" },
            match (*safe, *commands) {
                (0, _) => "in conflict with what is there since".to_owned(),
                (safe, all) if safe == all => "can be replayed afterwards".to_owned(),
                (safe, _) => format!("{safe} of them can be replayed afterwards"),
            }
        ),
        Some(Own::Unknown(why)) => format!(
            "what only `{name}` has among its {} is backed up, and cannot be listed: {why}",
            phrases::keys(other.server().map_or(0, Server::key_count))
        ),
        Some(Own::Silent(_)) | None => format!("what only `{name}` has is not known"),
    }
}

/// How far `other` is ahead, if both have one history.
fn ahead(other: &Node, node: &Node) -> Option<String> {
    let (theirs, mine) = (&other.server()?.replication, &node.server()?.replication);
    if theirs.replid != mine.replid {
        let count = other.server().map_or(0, Server::key_count);
        let (keys, are) = (phrases::keys(count), if count == 1 { "is" } else { "are" });
        return Some(format!(
            "`{}` has another history, and its {keys} {are} replaced",
            other.name
        ));
    }
    let more = position(theirs).saturating_sub(position(mine));
    (more > 0).then(|| {
        format!(
            "{} that `{}` has more are lost",
            phrases::bytes(more),
            other.name
        )
    })
}

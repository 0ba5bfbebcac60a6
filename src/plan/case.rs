//! Which kind of promotion it is: the primary hands over, it is lost, or the node is the primary
//! already. Pure.

use crate::engine::warning::change::Change;
use crate::engine::{Ground, Refusal, Warning};
use crate::plan::preflight;
use crate::plan::root::{Root, walk};
use crate::topology::{Node, Topology};

/// Whether a node's host can be worked on over SSH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// It answers, and replctl may work there.
    Yes,
    /// It cannot be worked on: the reason.
    No(String),
}

/// What became of the old primary.
pub enum Lost<'a> {
    /// This node gives no answer.
    Node(&'a Node),
    /// It is no node of the inventory.
    Stranger,
    /// No old primary: all nodes answer, and the replicas follow each other in a circle.
    Nobody,
}

impl<'a> Lost<'a> {
    /// The node, if it is in the inventory.
    pub fn node(&self) -> Option<&'a Node> {
        match self {
            Self::Node(node) => Some(node),
            Self::Stranger | Self::Nobody => None,
        }
    }
}

/// The kind of promotion.
pub enum Case<'a> {
    Already,
    HandOver { old: &'a Node },
    FailOver { lost: Lost<'a> },
}

/// The kind of promotion, or why none fits.
pub fn find_case<'a>(target: &'a Node, topology: &'a Topology) -> Result<Case<'a>, Vec<Refusal>> {
    let name = &target.name;
    preflight::answers(target)?;
    let primaries: Vec<&Node> = topology.primaries().collect();
    let others: Vec<&Node> = primaries
        .iter()
        .copied()
        .filter(|p| p.name != *name)
        .collect();
    if target.is_primary() {
        let Some(other) = others.first() else {
            return Ok(Case::Already);
        };
        return Err(vec![Refusal::new(
            Ground::Role,
            format!(
                "`{name}` and `{}` are both primaries: which of their writes are kept has to be decided first",
                other.name
            ),
            format!(
                "to keep those of `{name}` and back up those only `{0}` has: replctl rejoin {0} --under {name}",
                other.name
            ),
        ).about(name)]);
    }
    match others[..] {
        [] => match walk(target, topology) {
            Root::Down(old) => Ok(Case::FailOver {
                lost: Lost::Node(old),
            }),
            Root::Stranger => Ok(Case::FailOver {
                lost: Lost::Stranger,
            }),
            // A silent node may be the primary that the circle has lost.
            Root::Loop => Ok(Case::FailOver {
                lost: topology
                    .nodes
                    .iter()
                    .find(|n| n.server().is_none())
                    .map_or(Lost::Nobody, Lost::Node),
            }),
            Root::Primary(old) => Ok(Case::HandOver { old }),
        },
        [old] => match walk(target, topology) {
            Root::Primary(root) if root.name == old.name => Ok(Case::HandOver { old }),
            Root::Primary(_) | Root::Down(_) | Root::Stranger | Root::Loop => {
                Err(vec![stray(target, old)])
            }
        },
        _ => {
            let names: Vec<&str> = others.iter().map(|n| n.name.0.as_str()).collect();
            Err(vec![Refusal::new(
                Ground::Role,
                format!("there are {} primaries: {}", names.len(), names.join(", ")),
                "decide which of them is right, and make the others its replicas; see: replctl status",
            )])
        }
    }
}

fn stray(target: &Node, primary: &Node) -> Refusal {
    let follows = target
        .upstream()
        .map(|u| u.address.to_string())
        .unwrap_or_default();
    Refusal::new(
        Ground::Topology,
        format!(
            "`{}` does not replicate from the primary `{}` but from {follows}, so it lacks its data",
            target.name, primary.name
        ),
        format!("attach it first: replctl promote {}", primary.name),
    ).about(&target.name)
}

/// The warnings about nodes that do not answer and that the plan leaves as they are.
pub fn unreachable_others(target: &Node, case: &Case<'_>, topology: &Topology) -> Vec<Warning> {
    let old = match case {
        Case::HandOver { old } => Some(&old.name),
        Case::FailOver { lost } => lost.node().map(|old| &old.name),
        Case::Already => None,
    };
    let silent = topology
        .nodes
        .iter()
        .filter(|n| n.server().is_none() && n.name != target.name && Some(&n.name) != old);
    silent
        .map(|n| Warning::of(&n.name, Change::Silent(target.name.clone())))
        .collect()
}

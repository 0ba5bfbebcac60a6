//! The nodes that could be promoted, each with the reasons for it or against it. The reasons come
//! from the planner that would promote the node. Pure.

use crate::engine::{Ground, Plan, Promote, Refusal};
use crate::topology::candidate::{best_replica, promotable};
use crate::topology::lineage::position;
use crate::topology::phrases::bytes;
use crate::topology::{Node, NodeName, Topology};
use serde::Serialize;
use std::cmp::Reverse;

/// The candidates.
#[derive(Debug)]
pub struct Candidates {
    /// All nodes but the primary, in the order of the inventory.
    pub nodes: Vec<Candidate>,
    /// The refusals that all nodes have in common.
    pub whichever: Vec<Refusal>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The node.
    pub node: NodeName,
    /// It is the one to take.
    pub best: bool,
    /// No refusal is about this node alone.
    pub possible: bool,
    /// The reasons for it, or against it.
    pub why: String,
    /// What can be done about its refusals.
    #[serde(skip)]
    pub hints: Vec<String>,
    /// The ground of the first refusal that is about this node alone.
    #[serde(skip)]
    pub ground: Option<Ground>,
    /// Whether a refusal names it.
    #[serde(skip)]
    pub named: bool,
}

impl Candidates {
    /// The one to take.
    pub fn best(&self) -> Option<&NodeName> {
        let best = self.nodes.iter().find(|candidate| candidate.best);
        best.map(|candidate| &candidate.node)
    }
}

/// Looks at every node but the primary. `plan`: plans the promotion of one node, or returns its
/// refusals.
pub fn candidates(
    wished: &Promote,
    topology: &Topology,
    plan: impl Fn(&Promote) -> Result<Plan, Vec<Refusal>>,
) -> Candidates {
    let others = topology.nodes.iter().filter(|n| !n.is_primary());
    let planned: Vec<(&Node, Vec<Refusal>)> = others
        .map(|node| {
            let of = Promote {
                node: node.name.clone(),
                ..wished.clone()
            };
            (node, plan(&of).err().unwrap_or_default())
        })
        .collect();
    let whichever = alike(&planned);
    let own = |refusals: &[Refusal]| {
        let own = of_its_own(refusals, &whichever).into_iter();
        own.map(|r| r.why.clone()).collect::<Vec<_>>()
    };
    let open: Vec<&Node> = planned
        .iter()
        .filter(|(_, refusals)| own(refusals).is_empty())
        .map(|(node, _)| *node)
        .collect();
    // The node that `status` names. If it is refused for a reason that `status` cannot see: the
    // best node without a refusal.
    let named = best_replica(topology);
    let history = named.and_then(replid);
    let rank = |(order, node): &(usize, &Node)| {
        let shared = replid(node) == history;
        (shared, offset_of(node), Reverse(*order))
    };
    let first = open.iter().copied().enumerate().max_by_key(rank);
    let of_named = named.and_then(|node| planned.iter().find(|(n, _)| n.name == node.name));
    let acceptable = of_named.filter(|(_, refusals)| refusals.iter().all(can_be_accepted));
    let best = named
        .filter(|node| open.iter().any(|n| n.name == node.name))
        .or(first.map(|(_, node)| node))
        .or(acceptable.map(|(node, _)| *node))
        .filter(|_| whichever.iter().all(can_be_accepted))
        .map(|node| &node.name);
    let nodes = planned.iter().map(|(node, refusals)| {
        let against = own(refusals);
        let is_best = best == Some(&node.name);
        let mine = of_its_own(refusals, &whichever);
        Candidate {
            node: node.name.clone(),
            best: is_best,
            possible: against.is_empty(),
            why: if against.is_empty() {
                speaks_for(node, is_best, topology, &open)
            } else {
                against.join("; ")
            },
            ground: mine.first().map(|refusal| refusal.ground),
            hints: mine.iter().map(|r| r.hint.clone()).collect(),
            named: mine.iter().any(|r| r.node.as_ref() == Some(&node.name)),
        }
    });
    let nodes: Vec<Candidate> = nodes.collect();
    // Their hints name a node, so take the hints for the proposed node.
    let of_best = planned.iter().find(|(n, _)| best == Some(&n.name));
    let told = of_best.into_iter().flat_map(|(_, refusals)| refusals);
    let told: Vec<Refusal> = told.filter(|r| is_among(r, &whichever)).cloned().collect();
    let whichever = if told.is_empty() { whichever } else { told };
    Candidates { nodes, whichever }
}

/// Whether an option accepts this refusal.
fn can_be_accepted(refusal: &Refusal) -> bool {
    refusal.accept.is_some()
}

fn replid(node: &Node) -> Option<&str> {
    Some(node.server()?.replication.replid.as_str())
}

fn offset_of(node: &Node) -> u64 {
    node.server().map_or(0, |s| position(&s.replication))
}

/// The refusals that do not hold for every node.
fn of_its_own<'a>(refusals: &'a [Refusal], of_all: &[Refusal]) -> Vec<&'a Refusal> {
    let own = refusals.iter().filter(|r| !is_among(r, of_all));
    own.collect()
}

fn is_among(refusal: &Refusal, among: &[Refusal]) -> bool {
    among.iter().any(|other| other.why == refusal.why)
}

/// The refusals that all nodes that answer have in common, in the same words.
fn alike(planned: &[(&Node, Vec<Refusal>)]) -> Vec<Refusal> {
    let mut answering = planned.iter().filter(|(n, _)| n.server().is_some());
    let Some((_, first)) = answering.next() else {
        return Vec::new();
    };
    let rest: Vec<_> = answering.collect();
    let of_all =
        |r: &&Refusal| !rest.is_empty() && rest.iter().all(|(_, other)| is_among(r, other));
    first.iter().filter(of_all).cloned().collect()
}

/// How it stands, and why it is the best. `open`: the nodes without a refusal, in the order of the
/// inventory.
fn speaks_for(node: &Node, best: bool, topology: &Topology, open: &[&Node]) -> String {
    let Some(server) = node.server() else {
        return "it does not answer".to_owned();
    };
    let offset = position(&server.replication);
    let stands = match (topology.in_sync(node), topology.behind(node)) {
        (Some(true), _) => "in sync".to_owned(),
        (_, Some(behind)) => format!("{} behind", bytes(behind)),
        (_, None) => format!("at offset {offset}"),
    };
    if !best {
        return stands;
    }
    let rival = |n: &&Node| n.name != node.name && promotable(n) && replid(n) == replid(node);
    let rivals = topology.nodes.iter().filter(rival).map(offset_of);
    let equals = |n: &&&Node| n.name == node.name || rival(n) && offset_of(n) == offset;
    let comes_first = open
        .iter()
        .find(equals)
        .is_some_and(|n| n.name == node.name);
    let most = open.iter().copied().filter(rival).map(offset_of).max();
    let why = match (rivals.max(), most) {
        (None, _) => "the only one with this history that can be promoted",
        (Some(most), _) if offset > most => "it has most data",
        (_, None) => "what stands against the others does not stand against it",
        (_, Some(most)) if offset > most => "it has most data of those that can be promoted",
        (_, Some(most)) if offset == most && comes_first => {
            "none that can be promoted has more data, and it comes first in the inventory"
        }
        (_, Some(_)) => "it can be promoted",
    };
    format!("{stands}; {why}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::engine::{Accept, Ground};
    use crate::operations::promote::plan;
    use crate::plan::case::Access;
    use crate::topology::testing::healthy;
    use crate::topology::{State, Trouble, TroubleKind};
    use std::collections::BTreeMap;

    /// Of a look, as `replctl promote` makes it.
    fn of(topology: &Topology, stopped: &Access) -> Candidates {
        let wished = Promote {
            node: "".into(),
            accept: Vec::new(),
        };
        let access = BTreeMap::from([("master".into(), stopped.clone())]);
        candidates(&wished, topology, |promote| {
            plan::plan(promote, topology, &access)
        })
    }

    fn dead_master() -> Topology {
        let mut topology = healthy();
        topology.nodes[0].state = State::Down(Trouble {
            kind: TroubleKind::Refused,
            detail: "nothing listens there".into(),
        });
        for node in &mut topology.nodes[1..] {
            node.link().link = crate::topology::Link::Down;
            node.link().last_io_seconds = None;
        }
        topology
    }

    #[test]
    fn of_the_tutorials_dead_master_the_replica_with_most_data_is_best() {
        let mut topology = dead_master();
        let told = of(&topology, &Access::Yes);
        let names: Vec<_> = told.nodes.iter().map(|c| c.node.0.as_str()).collect();
        assert_eq!(names, ["master", "slave1", "slave2"]);
        assert_eq!(told.best().unwrap().0, "slave1");
        assert!(told.nodes[1].why.contains("comes first"), "{told:?}");
        assert!(!told.nodes[0].possible, "{told:?}");
        topology.nodes[2].link().offset += 100;
        topology.nodes[2].up().replication.offset += 100;
        let told = of(&topology, &Access::Yes);
        assert_eq!(told.best().unwrap().0, "slave2");
        assert!(told.nodes[2].why.ends_with("it has most data"), "{told:?}");
        assert!(!told.nodes[1].possible);
        assert!(told.nodes[1].why.contains("behind `slave2`"), "{told:?}");
    }

    #[test]
    fn what_stands_against_all_is_told_once() {
        let told = of(&dead_master(), &Access::No("no route".to_owned()));
        assert_eq!(told.whichever.len(), 1, "{told:?}");
        assert!(told.whichever[0].why.contains("`master` cannot be stopped"));
        assert!(told.nodes[1].possible && told.nodes[1].best);
    }

    #[test]
    fn one_that_is_never_to_be_promoted_is_no_candidate() {
        let mut topology = healthy();
        topology.nodes[1].up().replication.priority = Some(0);
        let told = of(&topology, &Access::Yes);
        assert_eq!(told.nodes.len(), 2, "not the primary");
        assert_eq!(told.best().unwrap().0, "slave2");
        assert!(
            told.nodes[1]
                .why
                .ends_with("the only one with this history that can be promoted"),
            "{told:?}"
        );
        assert!(!told.nodes[0].possible, "{told:?}");
    }

    /// The node with most data may not be promoted. The next one is then the node with most data of
    /// the others, not the first.
    #[test]
    fn among_the_others_the_one_with_most_data_is_best() {
        let mut topology = healthy();
        let mut third = topology.nodes[2].clone();
        third.name = "slave3".into();
        topology.nodes.push(third);
        for (n, offset) in [(1, 300), (2, 100), (3, 200)] {
            topology.nodes[n].link().offset = offset;
            topology.nodes[n].up().replication.offset = offset;
        }
        let wished = Promote {
            node: "".into(),
            accept: Vec::new(),
        };
        let refused = |promote: &Promote, accept: Option<Accept>| {
            let why = format!("no, `{}`", promote.node);
            let refusal = Refusal::new(Ground::DataLoss, why, "replctl status");
            Err(vec![Refusal { accept, ..refusal }])
        };
        let free = || Plan {
            operation: crate::engine::Operation::Promote(wished.clone()),
            stages: Vec::new(),
            warnings: Vec::new(),
            may_lose: None,
        };
        let told = candidates(&wished, &topology, |promote| {
            match promote.node.0.as_str() {
                "slave1" => refused(promote, None),
                _ => Ok(free()),
            }
        });
        assert_eq!(told.best().unwrap().0, "slave3", "{told:?}");
        let best = told.nodes.iter().find(|c| c.best).unwrap();
        assert!(
            best.why.contains("of those that can be promoted"),
            "{told:?}"
        );
        // A node is not proposed if no option accepts its refusal.
        let told = candidates(&wished, &topology, |promote| refused(promote, None));
        assert_eq!(told.best(), None, "{told:?}");
        let told = candidates(&wished, &topology, |promote| {
            refused(promote, Some(Accept::DataLoss))
        });
        assert_eq!(told.best().unwrap().0, "slave1", "{told:?}");
        let alike = |_: &Promote| {
            Err(vec![Refusal::new(
                Ground::Role,
                "two primaries",
                "replctl repair",
            )])
        };
        assert_eq!(candidates(&wished, &topology, alike).best(), None);
    }
}

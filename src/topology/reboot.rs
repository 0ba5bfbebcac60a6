//! The state of a deployment after a restart of all its hosts: which servers start, and with which
//! roles. Pure.

use super::{Node, PersistedRole, Topology};

/// The outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reboot<'a> {
    /// The roles that are held now.
    AsNow,
    /// Not known, because of this node.
    Unknown(&'a Node),
    /// No server is started by anything.
    Nothing,
    /// These are started as primaries, and there is more than one.
    Primaries(Vec<&'a Node>),
    /// None of those that are started is a primary. These follow each other in a circle.
    NoPrimary(Vec<&'a Node>),
    /// Another node is the primary.
    Another(&'a Node),
    /// There is one primary. This node follows a node that is not started, or an address that is no
    /// node.
    Astray(&'a Node),
    /// The primary is started; these are not.
    Missing(Vec<&'a Node>),
}

impl Reboot<'_> {
    /// Its name for programs; stable.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AsNow => "as-now",
            Self::Unknown(_) => "unknown",
            Self::Nothing => "nothing-starts",
            Self::Primaries(_) => "several-primaries",
            Self::NoPrimary(_) => "no-primary",
            Self::Another(_) => "another-primary",
            Self::Astray(_) => "some-astray",
            Self::Missing(_) => "some-missing",
        }
    }
}

/// The forecast.
pub fn reboot(topology: &Topology) -> Reboot<'_> {
    let all: Vec<&Node> = topology.nodes.iter().collect();
    let starts = |node: &Node| node.service.as_ref().and_then(|s| s.starts_at_boot());
    let missing: Vec<&Node> = all
        .iter()
        .copied()
        .filter(|n| starts(n) == Some(false))
        .collect();
    if !all.is_empty() && missing.len() == all.len() {
        return Reboot::Nothing;
    }
    let started: Vec<&Node> = all
        .iter()
        .copied()
        .filter(|n| starts(n) == Some(true))
        .collect();
    let primaries: Vec<&Node> = started
        .iter()
        .copied()
        .filter(|n| n.persisted == Some(PersistedRole::Primary))
        .collect();
    if primaries.len() > 1 {
        return Reboot::Primaries(primaries);
    }
    let open = |node: &&&Node| {
        starts(node).is_none() || starts(node) == Some(true) && upstream(node, topology).is_none()
    };
    if let Some(node) = all.iter().find(open) {
        return Reboot::Unknown(node);
    }
    // A replica of the present primary that would follow another one after its start is a finding
    // of its own.
    let Some(primary) = primaries.first() else {
        return Reboot::NoPrimary(circle(&started, topology));
    };
    let replicas = started.iter().filter(|n| n.name != primary.name);
    let leading = leading_to(primary, topology);
    let leads = |n: &Node| topology.nodes.place(n).is_some_and(|place| leading[place]);
    let astray = |n: &&&Node| !leads(n);
    if let Some(node) = replicas.clone().find(astray) {
        return Reboot::Astray(node);
    }
    if !primary.is_primary() && topology.primaries().count() > 0 {
        return Reboot::Another(primary);
    }
    if missing.is_empty() {
        Reboot::AsNow
    } else {
        Reboot::Missing(missing)
    }
}

/// The upstream of a node after its start. Outer `None`: unknown; inner `None`: no node of the
/// deployment.
#[allow(clippy::option_option)]
fn upstream<'a>(node: &Node, topology: &'a Topology) -> Option<Option<&'a Node>> {
    match node.persisted.as_ref()? {
        PersistedRole::Primary => Some(None),
        PersistedRole::ReplicaOf(address) => Some(topology.meant_by(node, address)),
        PersistedRole::Unknown(_) | PersistedRole::Unwritten => None,
    }
}

/// The places of the upstreams after a start.
fn upstreams(topology: &Topology) -> Vec<Option<usize>> {
    let above = |node: &Node| topology.nodes.place(upstream(node, topology)??);
    topology.nodes.iter().map(above).collect()
}

/// For each node: whether its chain of upstreams leads to `primary`. Each node is passed once.
fn leading_to(primary: &Node, topology: &Topology) -> Vec<bool> {
    let above = upstreams(topology);
    let goal = topology.nodes.place(primary);
    let mut leading: Vec<Option<bool>> = vec![None; above.len()];
    for start in 0..above.len() {
        let mut way = Vec::new();
        let mut at = start;
        let leads = loop {
            if let Some(known) = leading[at] {
                break known;
            }
            // A node that is met again is in a circle.
            leading[at] = Some(false);
            way.push(at);
            match above[at] {
                Some(next) if Some(next) == goal => break true,
                Some(next) => at = next,
                None => break false,
            }
        };
        for passed in way {
            leading[passed] = Some(leads);
        }
    }
    leading
        .into_iter()
        .map(|leads| leads == Some(true))
        .collect()
}

/// Those that are started and follow each other in a circle.
fn circle<'a>(started: &[&'a Node], topology: &'a Topology) -> Vec<&'a Node> {
    let above = upstreams(topology);
    // The walk on which each node was passed first. A second pass on the same walk is a circle.
    let mut passed: Vec<Option<usize>> = vec![None; above.len()];
    let mut circling = vec![false; above.len()];
    for start in 0..above.len() {
        let mut at = Some(start);
        while let Some(place) = at.filter(|place| passed[*place].is_none()) {
            passed[place] = Some(start);
            at = above[place];
        }
        let round = |place: &usize| passed[*place] == Some(start);
        while let Some(place) = at.filter(round).filter(|place| !circling[*place]) {
            circling[place] = true;
            at = above[place];
        }
    }
    for first in started {
        let Some(begin) = topology.nodes.place(first).filter(|place| circling[*place]) else {
            continue;
        };
        let next = |place: &usize| above[*place].filter(|next| *next != begin);
        let ring = std::iter::successors(Some(begin), next);
        let ring: Vec<&Node> = ring.filter_map(|place| topology.nodes.get(place)).collect();
        if ring.len() <= started.len() {
            return ring;
        }
    }
    Vec::new()
}

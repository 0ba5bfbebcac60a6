//! The primary, and the upstream of every other node. Servers that run decide. If none runs, the
//! files decide. Without files, the inventory decides.

use super::Look;
use super::headless::headless;
use crate::engine::warning::host::Host;
use crate::engine::{Ground, Refusal, Warning};
use crate::inventory::NodeSpec;
use crate::plan::facts::StoredData;
use crate::plan::root::{Root, walk};
use crate::topology::{Node, NodeName, PersistedRole, phrases};
use std::collections::{BTreeMap, BTreeSet};

/// The answer.
pub struct Wiring {
    /// The primary, running or to be started.
    pub primary: NodeName,
    /// The upstream of each other node, now or later. Running replicas keep theirs.
    pub upstream: BTreeMap<NodeName, NodeName>,
    /// The nodes to start, in inventory order.
    pub starts: Vec<NodeName>,
    /// The running nodes to attach, in inventory order.
    pub attach: Vec<NodeName>,
    /// What the operator should know.
    pub warnings: Vec<Warning>,
}

impl Wiring {
    /// The replicas this run makes.
    pub fn fresh(&self) -> impl Iterator<Item = &NodeName> {
        self.starts
            .iter()
            .chain(&self.attach)
            .filter(|n| **n != self.primary)
    }
}

/// Finds the wiring, or returns all refusals.
pub(super) fn wiring(look: &Look<'_>) -> Result<Wiring, Vec<Refusal>> {
    let primary = primary(look).map_err(|refusal| vec![refusal])?;
    let mut wiring = Wiring {
        upstream: BTreeMap::new(),
        starts: Vec::new(),
        attach: Vec::new(),
        warnings: Vec::new(),
        primary,
    };
    let mut refusals = Vec::new();
    for node in &look.inventory.nodes {
        place(look, &mut wiring, node, &mut refusals);
    }
    if refusals.is_empty() {
        Ok(wiring)
    } else {
        Err(refusals)
    }
}

fn place(look: &Look<'_>, wiring: &mut Wiring, node: &NodeSpec, refusals: &mut Vec<Refusal>) {
    let name = &node.name;
    let live = look.topology.get(name).filter(|n| n.server().is_some());
    let in_scope = look.in_scope(name);
    if let Some(live) = live {
        if live.is_primary() && *name != wiring.primary && in_scope {
            refusals.extend(holds_keys(look, live, &wiring.primary));
            refusals.extend(cannot_log_in(look, live));
            let upstream = wish(look, wiring, node);
            wiring.upstream.insert(name.clone(), upstream);
            wiring.attach.push(name.clone());
        }
        if let Some(upstream) = live.upstream() {
            if let Some(above) = look.topology.upstream_of(live) {
                wiring.upstream.insert(name.clone(), above.name.clone());
            }
            if in_scope && let Some(why) = astray(look, live, &wiring.primary) {
                let astray = Host::Astray(upstream.address.clone(), why);
                wiring.warnings.push(Warning::of(name, astray));
            }
        }
        return;
    }
    if !in_scope {
        return;
    }
    wiring.starts.push(name.clone());
    if *name == wiring.primary {
        return;
    }
    let upstream = persisted_upstream(look, wiring, name);
    if stored(look, name) == StoredData::Keys && !look.discards(name) {
        let primary = &wiring.primary;
        let why = if upstream.is_none() {
            Some(format!(
                "`{name}` has data on its disk that did not come from `{primary}`, and would lose it as its replica"
            ))
        } else if runs_empty(look, primary) {
            // A primary without its data empties every node that follows it.
            Some(format!(
                "`{name}` has data on its disk, and would be emptied: `{primary}` runs without a key"
            ))
        } else {
            None
        };
        let hint = format!("if that data may go: {}", look.discarding(name));
        refusals.extend(why.map(|why| Refusal::new(Ground::DiscardData, why, hint)));
    }
    let upstream = upstream.unwrap_or_else(|| wish(look, wiring, node));
    wiring.upstream.insert(name.clone(), upstream);
}

/// Why a running replica does not lead to the primary; `None` where it does, or may once the rest
/// runs.
fn astray(look: &Look<'_>, live: &Node, primary: &NodeName) -> Option<String> {
    match walk(live, look.topology) {
        Root::Primary(top) if top.name == *primary => None,
        Root::Primary(top) => Some(format!("which leads to `{}`", top.name)),
        Root::Stranger => Some("which leads out of this deployment".to_owned()),
        Root::Loop => Some("which leads back to itself".to_owned()),
        Root::Down(_) => None,
    }
}

fn runs_empty(look: &Look<'_>, primary: &NodeName) -> bool {
    let server = look.topology.get(primary).and_then(|n| n.server());
    server.is_some_and(|s| s.key_count() == 0 && s.loading.is_none())
}

fn holds_keys(look: &Look<'_>, live: &Node, primary: &NodeName) -> Option<Refusal> {
    let server = live.server()?;
    let keys = server.key_count();
    let holds = keys > 0 || server.loading.is_some();
    (holds && !look.discards(&live.name)).then(|| {
        Refusal::new(
            Ground::DiscardData,
            format!(
                "`{}` runs as a primary with {}, and would lose them as a replica of `{primary}`",
                live.name,
                phrases::keys(keys)
            ),
            format!(
                "to bring it back with a backup: replctl rejoin {0}; if they may go: {1}",
                live.name,
                look.discarding(&live.name)
            ),
        )
    })
}

fn cannot_log_in(look: &Look<'_>, live: &Node) -> Option<Refusal> {
    let auth = live.server()?.replica_auth?;
    let needed = matches!(look.inventory.auth, crate::inventory::Auth::Password(_));
    let right = match auth {
        crate::topology::ReplicaAuth::Right => needed,
        crate::topology::ReplicaAuth::Unset => !needed,
        crate::topology::ReplicaAuth::Wrong => false,
    };
    (!right).then(|| {
        Refusal::new(
            Ground::Login,
            format!("`{}` could not log in at its primary: its masterauth is not what the inventory says", live.name),
            "set masterauth on it, or stop it and run setup again",
        )
    })
}

/// The node whose data all others get.
fn primary(look: &Look<'_>) -> Result<NodeName, Refusal> {
    let running: Vec<&Node> = look.topology.primaries().collect();
    let candidates: Vec<&Node> = running
        .iter()
        .copied()
        .filter(|n| !look.discards(&n.name))
        .collect();
    if let (Some(only), true) = (running.first(), candidates.is_empty()) {
        return Err(Refusal::new(
            Ground::Role,
            format!(
                "`{}` is the primary: there is no other whose data could replace its own",
                only.name
            ),
            format!("leave out --discard-data {}", only.name),
        ));
    }
    if candidates.is_empty() {
        return if look.topology.nodes.iter().any(|n| n.server().is_some()) {
            Err(headless(look))
        } else {
            stopped_primary(look)
        };
    }
    let holding: Vec<&Node> = candidates
        .iter()
        .copied()
        .filter(|n| holds_something(n))
        .collect();
    match holding.as_slice() {
        [one] => Ok(one.name.clone()),
        [] => match candidates.as_slice() {
            [one] => Ok(one.name.clone()),
            several => several
                .iter()
                .find(|n| root(look).is_some_and(|r| r.name == n.name))
                .map(|n| n.name.clone())
                .ok_or_else(|| two_primaries(several)),
        },
        several => Err(two_primaries(several)),
    }
}

fn holds_something(node: &Node) -> bool {
    node.server().is_some_and(|s| {
        s.key_count() > 0
            || s.loading.is_some()
            || s.replication.replicas.iter().any(|r| r.address.port != 0)
    })
}

fn two_primaries(nodes: &[&Node]) -> Refusal {
    let names: Vec<String> = nodes.iter().map(|n| format!("`{}`", n.name)).collect();
    let example = nodes.last().map(|n| n.name.0.as_str()).unwrap_or_default();
    Refusal::new(
        Ground::DiscardData,
        format!(
            "{} all run as primaries, and setup does not choose between them",
            names.join(" and ")
        ),
        format!(
            "name the one whose data may go, for example: replctl setup --discard-data {example}"
        ),
    )
}

fn root<'a>(look: &Look<'a>) -> Option<&'a NodeSpec> {
    look.inventory.nodes.iter().find(|n| n.replicaof.is_none())
}

/// What the node's file says, if it has one.
fn persisted<'a>(look: &Look<'a>, name: &NodeName) -> Option<&'a PersistedRole> {
    match look.facts(name) {
        Some(facts) => facts.config.as_ref().map(|c| &c.role),
        None => look.topology.get(name)?.persisted.as_ref(),
    }
}

fn stored(look: &Look<'_>, name: &NodeName) -> StoredData {
    look.facts(name).map_or(StoredData::Nothing, |f| f.data)
}

/// Nothing runs: the primary is the node that was one before the stop.
fn stopped_primary(look: &Look<'_>) -> Result<NodeName, Refusal> {
    let named = |wanted: &dyn Fn(&NodeName) -> bool| -> Vec<NodeName> {
        let names = look.inventory.nodes.iter().map(|n| &n.name);
        names.filter(|n| wanted(n)).cloned().collect()
    };
    let is_primary =
        |n: &NodeName| !look.discards(n) && persisted(look, n) == Some(&PersistedRole::Primary);
    let primaries = named(&is_primary);
    let with_keys = named(&|n| is_primary(n) && stored(look, n) == StoredData::Keys);
    let root = root(look).map(|n| n.name.clone());
    let nobody_has_keys = named(&|n| stored(look, n) == StoredData::Keys).is_empty();
    let chosen = match (primaries.as_slice(), with_keys.as_slice()) {
        ([one], _) | (_, [one]) => Some(one.clone()),
        // All files say replica, and there is data: a promotion was cut short. Nothing runs, so
        // replctl cannot see which node is ahead.
        ([], []) => followed(look).or(root.filter(|_| nobody_has_keys)),
        (several, []) => root.filter(|r| several.contains(r)),
        (_, _) => None,
    };
    let Some(chosen) = chosen else {
        return Err(no_choice(&primaries));
    };
    if !look.in_scope(&chosen) {
        return Err(Refusal::new(
            Ground::Role,
            format!("the primary `{chosen}` does not run"),
            format!("set it up too: replctl setup {chosen}"),
        ));
    }
    if stored(look, &chosen) != StoredData::Keys {
        let keeper = named(&|n| !look.discards(n) && stored(look, n) == StoredData::Keys);
        if let Some(keeper) = keeper.first() {
            return Err(Refusal::new(
                Ground::DiscardData,
                format!(
                    "`{chosen}` would start as an empty primary and empty `{keeper}`, which has data on its disk"
                ),
                format!("if that data may go: {}", look.discarding(keeper)),
            ));
        }
    }
    Ok(chosen)
}

fn no_choice(primaries: &[NodeName]) -> Refusal {
    let names: Vec<String> = primaries.iter().map(|n| format!("`{n}`")).collect();
    if names.is_empty() {
        return Refusal::new(
            Ground::Role,
            "nothing runs, there is data, and no node's file says that it is the primary",
            "an operation that was cut short? replctl resume; else start the right one by hand, and make it primary",
        );
    }
    Refusal::new(
        Ground::DiscardData,
        format!(
            "nothing runs, and the files of {} all say primary",
            names.join(" and ")
        ),
        "name those whose data may go: replctl setup --discard-data NODE",
    )
}

/// The node that all files of replicas lead to, where they agree.
fn followed(look: &Look<'_>) -> Option<NodeName> {
    let tops: BTreeSet<&NodeName> = look
        .inventory
        .nodes
        .iter()
        .filter_map(|n| match persisted(look, &n.name)? {
            PersistedRole::ReplicaOf(address) => Some(&look.topology.at(address)?.name),
            PersistedRole::Primary | PersistedRole::Unknown(_) | PersistedRole::Unwritten => None,
        })
        .filter(|n| persisted(look, n).is_none())
        .collect();
    let mut tops = tops.into_iter();
    let first = tops.next()?;
    tops.next().is_none().then(|| first.clone())
}

/// The upstream in a stopped node's own file, if it leads to the primary.
fn persisted_upstream(look: &Look<'_>, wiring: &Wiring, name: &NodeName) -> Option<NodeName> {
    let PersistedRole::ReplicaOf(address) = persisted(look, name)? else {
        return None;
    };
    let above = look.topology.at(address)?;
    if above.name == *name {
        return None;
    }
    let leads = above.name == wiring.primary
        || matches!(walk(above, look.topology), Root::Primary(top) if top.name == wiring.primary)
        || both_stopped(look, wiring, above, name);
    leads.then(|| above.name.clone())
}

/// Whether a chain of stopped nodes leads to the primary, by their files.
fn both_stopped(look: &Look<'_>, wiring: &Wiring, above: &Node, below: &NodeName) -> bool {
    let mut at = above;
    for _ in 0..look.topology.nodes.len() {
        if at.name == wiring.primary {
            return true;
        }
        if at.name == *below || at.server().is_some() || !look.in_scope(&at.name) {
            return false;
        }
        match persisted(look, &at.name) {
            Some(PersistedRole::ReplicaOf(address)) => match look.topology.at(address) {
                Some(next) => at = next,
                None => return false,
            },
            Some(PersistedRole::Primary | PersistedRole::Unknown(_) | PersistedRole::Unwritten)
            | None => return false,
        }
    }
    false
}

/// The upstream of a node that has none yet. It is as the inventory says while its root is the
/// primary, else the primary itself.
fn wish(look: &Look<'_>, wiring: &mut Wiring, node: &NodeSpec) -> NodeName {
    let direct = wiring.primary.clone();
    if !look.insists && root(look).is_none_or(|r| r.name != direct) {
        return direct;
    }
    let Some(wished) = node.replicaof.clone().filter(|w| *w != direct) else {
        return direct;
    };
    let leads = match look.topology.get(&wished) {
        Some(above) if above.server().is_some() => {
            // Another node that is about to be attached leads to the primary as well.
            wiring.upstream.contains_key(&wished)
                || matches!(walk(above, look.topology), Root::Primary(top) if top.name == direct)
        }
        Some(_) => look.in_scope(&wished),
        None => false,
    };
    if leads {
        return wished;
    }
    let attached = Host::Attached(direct.clone(), wished);
    wiring.warnings.push(Warning::of(&node.name, attached));
    direct
}

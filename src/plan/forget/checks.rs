//! Everything that blocks making Sentinels forget, all at once. Pure.

use super::Gone;
use crate::engine::warning::inventory::Inventory::Stays;
use crate::engine::warning::sentinels_asked::SentinelsAsked;
use crate::engine::{Ground, Refusal, Warning};
use crate::inventory::Inventory;
use crate::inventory::address::host_and_port;
use crate::topology::candidate::primaries;
use crate::topology::sentinel::Watch;
use crate::topology::{Address, Node, Topology};
use std::collections::BTreeSet;

const LOOK: &str = "see: replctl sentinel status";

/// The Sentinels that watch, if some of them can be asked.
pub(super) fn watch(watch: Option<&Watch>) -> Result<&Watch, Vec<Refusal>> {
    watch.filter(|w| w.up().next().is_some()).ok_or_else(|| {
        vec![Refusal::new(
            Ground::Sentinel,
            "there is no Sentinel that watches and can be asked",
            "name those there are under [sentinel] in the inventory; or see: replctl sentinel status",
        )]
    })
}

/// All addresses that a Sentinel knows.
fn known(watch: &Watch) -> BTreeSet<&Address> {
    let mut known = BTreeSet::new();
    for (_, sees) in watch.up() {
        known.extend(sees.replicas.iter().map(|r| &r.address));
        known.extend(sees.peers.iter().map(|p| &p.address));
    }
    known
}

/// The addresses of the named node or Sentinel, or the typed address itself.
pub(super) fn meant(
    asked: &str,
    inventory: &Inventory,
    topology: &Topology,
    watch: &Watch,
) -> Result<BTreeSet<Address>, Refusal> {
    let known = known(watch);
    let all = |wanted: &dyn Fn(&Address) -> bool| -> BTreeSet<Address> {
        let found = known.iter().filter(|a| wanted(a));
        found.map(|a| (*a).clone()).collect()
    };
    let primary = |is: &dyn Fn(&Address) -> bool| {
        let mut told = watch.up().filter_map(|(_, sees)| sees.primary.as_ref());
        if told.any(is) {
            return Err(Refusal::new(
                Ground::Role,
                format!("`{asked}` is the primary"),
                "replctl promote another node first",
            ));
        }
        Ok(())
    };
    let of_node = |node: &Node| {
        primary(&|a| node.answers_to(a))?;
        Ok(all(&|a| node.answers_to(a)))
    };
    if let Some(node) = topology.get(&asked.into()) {
        return of_node(node);
    }
    if let Some(spec) = inventory.sentinels().iter().find(|n| n.name.0 == asked) {
        let mut found = all(&|a| watch.is_at(&spec.address, a) || watch.is_at(spec.announced(), a));
        if !found.is_empty() {
            found.insert(spec.address.clone());
        }
        return Ok(found);
    }
    let named = host_and_port(asked).map_err(|why| no_address(asked, why, topology))?;
    match named {
        (host, Some(port)) => {
            let this = Address::new(host, port);
            // Sentinels may know a node by another of its addresses.
            if let Some(node) = topology.at(&this).filter(|_| !known.contains(&this)) {
                return of_node(node);
            }
            primary(&|a| *a == this)?;
            Ok(all(&|a| *a == this))
        }
        (host, None) => {
            let found = all(&|a| a.host == host);
            if found.len() < 2 {
                return Ok(found);
            }
            let several: Vec<String> = found.iter().map(ToString::to_string).collect();
            Err(Refusal::new(
                Ground::NoNode,
                format!("`{asked}` means {}", several.join(" and ")),
                "say which, with its port; several may be named",
            ))
        }
    }
}

/// The refusal for a word that is neither a node nor an address.
fn no_address(asked: &str, why: &str, topology: &Topology) -> Refusal {
    let names: Vec<&str> = topology.nodes.iter().map(|n| n.name.0.as_str()).collect();
    Refusal::new(
        Ground::NoNode,
        format!("`{asked}` is no node of the inventory, and as an address it {why}"),
        format!(
            "the nodes are {}; an address is HOST:PORT, as `replctl sentinel status` shows it",
            names.join(", ")
        ),
    )
}

/// Collects every refusal. Returns the primary, if there is one.
pub(super) fn all<'a>(
    gone: &[Gone],
    addresses: &BTreeSet<&Address>,
    topology: &'a Topology,
    watch: &Watch,
    out: &mut Vec<Refusal>,
) -> Option<&'a Node> {
    let primary = if let [primary] = primaries(topology)[..] {
        Some(primary)
    } else {
        out.push(Refusal::new(
            Ground::Role,
            "there is not exactly one primary: the Sentinels would not find again what they forget now",
            "see: replctl status",
        ));
        None
    };
    for it in gone {
        still_there(it, primary, topology, watch, out);
    }
    if let Some(primary) = primary {
        agreed(primary, watch, out);
    }
    let left = watch.up().filter(|(at, _)| !addresses.contains(at)).count() as u64;
    silent(addresses, watch, out);
    others(addresses, watch, out);
    let quorum = watch.up().map(|(_, s)| s.quorum).max().unwrap_or(0);
    if left < quorum {
        out.push(Refusal::new(
            Ground::Sentinel,
            format!("{left} Sentinel{} would be left, and a failover takes {quorum} that agree: there would be none any more", if left == 1 { "" } else { "s" }),
            "change `quorum` or `nodes` under [sentinel] first, and run: replctl sentinel setup",
        ));
    }
    primary
}

/// Something that is still there would be found again within seconds.
fn still_there(
    gone: &Gone,
    primary: Option<&Node>,
    topology: &Topology,
    watch: &Watch,
    out: &mut Vec<Refusal>,
) {
    let asked = &gone.asked;
    for address in &gone.addresses {
        let node = topology.at(address);
        let follows = node.and_then(|n| topology.upstream_of(n));
        let listed = primary.and_then(|p| p.server()).is_some_and(|s| {
            let mut lines = s.replication.replicas.iter();
            lines.any(|line| line.address == *address)
        });
        if let Some(up) = follows {
            out.push(Refusal::new(
                Ground::Topology,
                format!("`{asked}` still replicates from `{}`: the Sentinels would find it again within seconds", up.name),
                "stop its server first; nothing was touched",
            ));
        } else if listed {
            out.push(Refusal::new(
                Ground::Topology,
                format!("the primary still serves {address}: the Sentinels would find it again within seconds"),
                "stop its server first; nothing was touched",
            ));
        }
        let answers = watch.up().any(|(at, _)| at == address);
        if answers {
            out.push(Refusal::new(
                Ground::Sentinel,
                format!("the Sentinel {address} still answers: the others would hear from it again within seconds"),
                "stop it first; those of the inventory: replctl sentinel remove, or take it out of `nodes`",
            ));
        }
    }
}

fn agreed(primary: &Node, watch: &Watch, out: &mut Vec<Refusal>) {
    for (at, sees) in watch.up() {
        let told = sees.primary.as_ref();
        if told.is_none_or(|a| !primary.answers_to(a)) {
            let told = told.map_or_else(|| "nobody".to_owned(), ToString::to_string);
            out.push(Refusal::new(
                Ground::Sentinel,
                format!(
                    "the Sentinel {at} says that {told} is the primary, and `{}` is",
                    primary.name
                ),
                LOOK,
            ));
        } else if !sees.is_quiet() {
            out.push(Refusal::new(
                Ground::Sentinel,
                format!(
                    "the Sentinel {at} says of the primary `{}`: {}",
                    primary.name,
                    sees.worries()
                ),
                "repair that first: what it forgets now it might not find again",
            ));
        }
    }
}

/// A Sentinel that does not answer keeps what it knows.
fn silent(addresses: &BTreeSet<&Address>, watch: &Watch, out: &mut Vec<Refusal>) {
    for view in watch
        .views
        .iter()
        .filter(|v| !addresses.contains(&v.address))
    {
        if let Some(why) = view.silence() {
            let at = &view.address;
            out.push(Refusal::new(
                Ground::Sentinel,
                format!("the Sentinel {at} cannot be told to forget: {why}"),
                format!("bring it back first; or if it never comes back, name it too: … {at}"),
            ));
        }
    }
}

/// A RESET forgets everything that is away now, not only what the operator named.
fn others(addresses: &BTreeSet<&Address>, watch: &Watch, out: &mut Vec<Refusal>) {
    let away: BTreeSet<&Address> = watch
        .up()
        .flat_map(|(_, sees)| sees.replicas.iter().filter(|r| r.is_gone()))
        .map(|r| &r.address)
        .filter(|a| !addresses.contains(a))
        .collect();
    for at in away {
        out.push(Refusal::new(
            Ground::Sentinel,
            format!("a Sentinel hears nothing from the replica {at} now, and would forget it, too: no Sentinel would repoint it when it comes back"),
            format!("bring it back first; or if it never comes back, name it too: … {at}"),
        ));
    }
}

/// What does not stop anything.
pub(super) fn warnings(gone: &[Gone], inventory: &Inventory, watch: &Watch) -> Vec<Warning> {
    let still = gone.iter().filter_map(|g| {
        let spec = inventory.get(&g.asked.as_str().into())?;
        let sentinel = inventory.is_sentinel(&spec.name);
        Some(Warning::of(&spec.name, Stays { sentinel }))
    });
    few(watch).into_iter().chain(still).collect()
}

/// The warning for so few Sentinels that one less allows no failover.
pub fn few(watch: &Watch) -> Option<Warning> {
    let count = watch.up().count();
    (count < 3).then(|| Warning::of_all(SentinelsAsked::Few(count)))
}

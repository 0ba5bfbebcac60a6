//! The refusals of a setup of Sentinels, all at once, and the warnings. Pure.

use super::plan::{Job, Own, SentinelInput, SentinelState};
use crate::config::Paths;
use crate::config::sentinel::watches;
use crate::engine::warning::host::Boot;
use crate::engine::warning::sentinel::Sentinel;
use crate::engine::{Ground, Refusal, Warning};
use crate::inventory::address::{is_literal, is_loopback};
use crate::inventory::{Inventory, NodeSpec, SentinelSettings};
use crate::plan::facts::{HostFacts, Listener};
use crate::plan::hosts::HostLook;
use crate::plan::hosts::checks as of_hosts;
use crate::topology::candidate::primaries;
use crate::topology::sentinel::{Member, Sees, View};
use crate::topology::{Address, Node, Product, Topology};

const LOOK: &str = "look at them: replctl sentinel status";

/// The primary to watch: the present one, whatever the inventory says.
pub(super) fn primary(topology: &Topology) -> Result<&Node, Vec<Refusal>> {
    let why = match primaries(topology)[..] {
        [primary] => return Ok(primary),
        [] => "no primary answers, and Sentinels have to be given one".to_owned(),
        ref several => {
            let names: Vec<String> = several.iter().map(|n| format!("`{}`", n.name)).collect();
            let names = names.join(" and ");
            format!(
                "{names} are primaries: Sentinels would make one the replica of the other, and drop its data"
            )
        }
    };
    Err(vec![Refusal::new(Ground::Role, why, "see: replctl status")])
}

/// Sentinels that watch and that the inventory does not name.
pub(super) fn strangers<'a>(
    settings: &'a SentinelSettings,
    around: &SentinelInput<'a>,
) -> impl Iterator<Item = &'a View> {
    let views = around.watch.map_or(&[][..], |w| &w.views);
    let ours = |view: &View| {
        let id = view.sees().and_then(|s| s.run_id.as_ref());
        let same = |member: &Member| {
            let sees = member.sees.as_ref();
            id.is_some() && sees.and_then(|s| s.run_id.as_ref()) == id
        };
        let by_id = around.members.values().flatten().any(same);
        let is_at = |at: &Address| around.watch.is_some_and(|w| w.is_at(at, &view.address));
        let named = |n: &NodeSpec| is_at(&n.address) || is_at(n.announced());
        by_id || settings.nodes.iter().any(named)
    };
    views.iter().filter(move |v| v.sees().is_some() && !ours(v))
}

/// The refusals that concern all of them.
pub(super) fn together(
    look: &HostLook<'_>,
    settings: &SentinelSettings,
    around: &SentinelInput<'_>,
    primary: &Node,
) -> Vec<Refusal> {
    let mut out = Vec::new();
    let name = &settings.name;
    if let Some(watch) = around.watch {
        let other = std::iter::once(&watch.name).chain(&watch.other_names);
        for other in other.filter(|n| *n != name && watch.counted > 0) {
            out.push(Refusal::new(
                Ground::Sentinel,
                format!("Sentinels watch these nodes as `{other}` already, and these would as `{name}`: two groups undo each other's failovers"),
                format!("`name = \"{other}\"` under [sentinel] makes them one group; to end the other: SENTINEL REMOVE {other}, on each of its Sentinels"),
            ));
        }
    }
    if let Some(server) = primary.server().filter(|s| s.run_id.is_empty()) {
        out.push(Refusal::new(
            Ground::Permission,
            format!(
                "`{}` with {} does not tell the id of its process",
                primary.name, server.version
            ),
            "allow the user INFO server",
        ));
    }
    if look.inventory.accounts.user.is_some() || settings.user.is_some() {
        out.push(Refusal::new(
            Ground::Unsupported,
            "a Sentinel that is begun has the default user alone, and logs in as that at the servers; the inventory names a `user` under [deployment] or [sentinel]",
            "begin them with `password` alone, make the users, and name them then",
        ));
    }
    let old = settings
        .nodes
        .iter()
        .filter_map(|n| look.facts(&n.name))
        .any(|facts| !modern(look, facts, primary));
    if old && names(look.inventory) {
        out.push(Refusal::new(
            Ground::Version,
            "nodes have names instead of addresses, and Sentinels before 6.2 cannot resolve them",
            "write IP addresses into the inventory, or use a server of 6.2 or newer",
        ));
    }
    out
}

/// Whether some node, or Sentinel, is known to the others by a name.
pub(super) fn names(inventory: &Inventory) -> bool {
    let all = inventory.nodes.iter().chain(inventory.sentinels());
    all.into_iter().any(|n| !is_literal(&n.announced().host))
}

/// Whether its program will be 6.2 or newer: the program that replctl brings, else most likely that
/// of the primary.
pub(super) fn modern(look: &HostLook<'_>, facts: &HostFacts, primary: &Node) -> bool {
    let brought = look
        .payload_for(&facts.arch)
        .filter(|_| look.brings_server())
        .map(|p| (p.product, p.version));
    let running = || primary.server().map(|s| (s.product, s.version));
    brought.or_else(running).is_some_and(|(product, version)| {
        product == Product::Valkey || (version.major, version.minor) >= (6, 2)
    })
}

/// The state of one Sentinel. `None`: it was refused.
pub(super) fn own<'a>(
    look: &HostLook<'a>,
    settings: &SentinelSettings,
    around: &SentinelInput<'a>,
    primary: &Node,
    spec: &'a NodeSpec,
    out: &mut Vec<Refusal>,
) -> Option<Own<'a>> {
    let facts = match around.hosts.get(&spec.name) {
        Some(Ok(facts)) => facts,
        Some(Err(why)) => {
            out.push(of_hosts::unreachable(spec, &why.why, why.hint.as_deref()));
            return None;
        }
        None => {
            out.push(of_hosts::unreachable(spec, "nobody looked at it", None));
            return None;
        }
    };
    of_hosts::usable(spec, facts, out);
    if !matches!(around.members.get(&spec.name), Some(Ok(_))) {
        of_hosts::over_tls(look, spec, out);
        let nodes = look.inventory.nodes.iter().any(|n| n.tls.is_some());
        if spec.tls.is_some() != nodes {
            out.push(Refusal::new(
                Ground::Inventory,
                format!("`{}` would speak TLS with the nodes and not with the other Sentinels, or the other way round: a Sentinel does either with both", spec.name),
                "leave `tls` of [sentinel] out: it is then as [tls] says",
            ));
        }
    }
    let begin = match around.members.get(&spec.name) {
        Some(Ok(member)) => running(settings, primary, spec, facts, member, out)?,
        Some(Err(trouble)) => silent(
            look,
            settings,
            around,
            primary,
            spec,
            (facts, &trouble.detail),
            out,
        )?,
        None => silent(
            look,
            settings,
            around,
            primary,
            spec,
            (facts, "nobody asked it"),
            out,
        )?,
    };
    Some(Own { spec, facts, begin })
}

fn running<'a>(
    settings: &SentinelSettings,
    primary: &Node,
    spec: &NodeSpec,
    facts: &HostFacts,
    member: &'a Member,
    out: &mut Vec<Refusal>,
) -> Option<SentinelState<'a>> {
    let (this, name) = (&spec.name, &settings.name);
    if facts.listener == Listener::Nobody {
        out.push(Refusal::new(
            Ground::Inventory,
            format!("at {} a Sentinel answers, but on the host that SSH leads to nobody listens on that port: `{this}` is two machines", spec.address),
            "check its address and its SSH settings under [sentinel]",
        ));
        return None;
    }
    let Some(sees) = &member.sees else {
        return Some(SentinelState::Idle);
    };
    if sees.says("failover_in_progress") {
        out.push(Refusal::new(
            Ground::Sentinel,
            format!("`{this}` is in the middle of a failover"),
            LOOK,
        ));
    } else if let Some(other) = sees.primary.as_ref().filter(|_| !is_it(primary, sees)) {
        out.push(Refusal::new(
            Ground::Sentinel,
            format!(
                "`{this}` watches {other} as the primary of `{name}`, and the primary is `{}` ({})",
                primary.name, primary.announced
            ),
            LOOK,
        ));
    }
    Some(SentinelState::Watches(sees))
}

/// Whether what it watches is this primary, by address or by process.
fn is_it(primary: &Node, sees: &Sees) -> bool {
    let process = sees.primary_run_id.as_ref();
    let at = sees.primary.as_ref();
    at.is_some_and(|at| primary.answers_to(at))
        || process.is_some() && process == primary.server().map(|s| &s.run_id)
}

fn silent<'a>(
    look: &HostLook<'_>,
    settings: &SentinelSettings,
    around: &SentinelInput<'_>,
    primary: &Node,
    spec: &NodeSpec,
    (facts, why): (&HostFacts, &str),
    out: &mut Vec<Refusal>,
) -> Option<SentinelState<'a>> {
    let this = &spec.name;
    match &facts.listener {
        Listener::Nobody => {}
        Listener::Foreign(who) => {
            out.push(of_hosts::taken(spec, who));
            return None;
        }
        Listener::Ours => {
            out.push(Refusal::new(
                Ground::Sentinel,
                format!("`{this}` runs and gives no usable answer: {why}"),
                "see `password` under [sentinel], and its log",
            ));
            return None;
        }
    }
    of_hosts::to_start(look, spec, facts, out);
    let Some(file) = &facts.config else {
        return Some(SentinelState::Fresh);
    };
    let Some((at, rules)) = watches(&file.directives, &settings.name) else {
        return Some(SentinelState::Stopped(None));
    };
    // It starts with the primary of its file. Other Sentinels can correct it. Alone, it would take
    // a former primary for dead.
    let mut running = around.members.values().flatten();
    let told = running.any(|m| m.sees.as_ref().is_some_and(|s| is_it(primary, s)));
    if !primary.answers_to(&at) && !told {
        let path = Paths::of(look.inventory, spec).config();
        out.push(Refusal::new(
            Ground::Sentinel,
            format!("`{this}` is stopped, its file {path} says that {at} is the primary, and no other Sentinel runs that knows better: started like this, it would fail over"),
            format!("if nothing else needs it, remove that file on the host of `{this}`; it is then begun anew"),
        ));
        return None;
    }
    Some(SentinelState::Stopped(Some(rules)))
}

/// What does not stop anything.
pub(super) fn warnings(job: &Job<'_>, around: &SentinelInput<'_>, own: &[Own<'_>]) -> Vec<Warning> {
    let mut out = Vec::new();
    let strangers: Vec<Address> = strangers(job.settings, around)
        .map(|v| v.address.clone())
        .collect();
    out.extend(number(own.len() + strangers.len()));
    if !strangers.is_empty() {
        out.push(Warning::of_all(Sentinel::Strangers(strangers)));
    }
    out.extend(shared(own));
    let topology = job.look.topology;
    let under = topology
        .nodes
        .iter()
        .filter_map(|n| Some((n, topology.upstream_of(n)?)))
        .filter(|(_, up)| up.name != job.primary.name);
    out.extend(under.map(|(n, up)| Warning::of(&n.name, Sentinel::Chained(up.name.clone()))));
    let fresh = own.iter().any(|o| matches!(o.begin, SentinelState::Fresh));
    let open = |o: &Own<'_>| !is_loopback(&o.spec.address.host);
    if fresh && job.settings.password.is_none() && own.iter().any(open) {
        out.push(Warning::of_all(Sentinel::Open));
    }
    for o in own {
        each(job, o, &mut out);
    }
    out
}

/// Warns of too few Sentinels, or of an even number.
fn number(all: usize) -> Option<Warning> {
    let few = all == 1 || all == 2;
    let even = all > 2 && all.is_multiple_of(2);
    (few || even).then(|| Warning::of_all(Sentinel::Number(all)))
}

/// Warns of Sentinels on one host, which go down together. On loopback that is intended.
fn shared(own: &[Own<'_>]) -> Option<Warning> {
    let mut hosts = own.iter().map(|o| o.spec.address.host.as_str()).enumerate();
    let (_, host) = hosts.find(|(i, host)| {
        let mut before = own.iter().take(*i);
        !is_loopback(host) && before.any(|b| b.spec.address.host == *host)
    })?;
    Some(Warning::of_all(Sentinel::OneHost(host.to_owned())))
}

fn each(job: &Job<'_>, own: &Own<'_>, out: &mut Vec<Warning>) {
    let (this, look) = (&own.spec.name, job.look);
    let runs = matches!(own.begin, SentinelState::Idle | SentinelState::Watches(_));
    if runs && matches!(own.facts.listener, Listener::Foreign(_)) {
        out.push(Warning::of(this, Sentinel::Foreign));
        return;
    }
    out.extend(of_hosts::not_at_boot(this, Boot::Sentinel, own.facts));
    let Some(file) = own
        .facts
        .config
        .as_ref()
        .filter(|_| !matches!(own.begin, SentinelState::Fresh))
    else {
        return;
    };
    let path = Paths::of(look.inventory, own.spec).config();
    match &file.stamp {
        None => out.push(Warning::of(this, Sentinel::ForeignFile(path))),
        Some(stamp) if stamp.fixed != job.fixed(own) => {
            out.push(Warning::of(this, Sentinel::OtherFile(path)));
        }
        Some(_) => {}
    }
}

//! The refusals of a change of roles through Sentinels, all at once, each with its hint. Pure.

use super::chained::FOUND_MS;
use super::pace::Pace;
use super::{FIRST, FailoverRequest, PRIORITY_MS};
use crate::engine::warning::sentinels_asked::SentinelsAsked;
use crate::engine::{Accept, Ground, Promote, Refusal, Warning};
use crate::topology::sentinel::{Sees, View, Watch};
use crate::topology::{Address, Node, Topology};

type Refusals = Vec<Refusal>;

/// The inventory has no such node.
pub(super) fn unknown(operation: &Promote, topology: &Topology) -> Refusals {
    let known: Vec<&str> = topology.nodes.iter().map(|n| n.name.0.as_str()).collect();
    vec![Refusal::new(
        Ground::NoNode,
        format!("the inventory has no node `{}`", operation.node),
        format!("its nodes are {}", known.join(", ")),
    )]
}

/// The Sentinels, if any of them can be asked and all use one name for this deployment.
pub(super) fn usable<'a>(
    operation: &Promote,
    topology: &Topology,
    watch: Option<&'a Watch>,
) -> Result<&'a Watch, Refusals> {
    let counted = crate::topology::sentinel::watched(topology).unwrap_or(0);
    let gone = format!(
        "name them under `[sentinel]` in the inventory, with their password; only if they never come back: replctl promote {} --without-sentinel",
        operation.node
    );
    let Some(watch) = watch else {
        let what = format!(
            "{} this deployment, and none of them says where it is: beside them a promotion is undone within a minute",
            watching(counted)
        );
        return Err(vec![
            Refusal::new(Ground::Sentinel, what, gone).unless(Accept::WithoutSentinel),
        ]);
    };
    if !watch.other_names.is_empty() {
        let what = format!(
            "Sentinels watch these nodes under several names: {}, {}",
            watch.name,
            watch.other_names.join(", ")
        );
        return Err(vec![Refusal::new(
            Ground::Sentinel,
            what,
            "say which is right with `name` under `[sentinel]` in the inventory, and end the other: SENTINEL REMOVE NAME, on each of its Sentinels",
        )]);
    }
    if watch.up().next().is_none() {
        let reasons: Vec<String> = watch.views.iter().filter_map(reason).collect();
        let what = format!(
            "{} this deployment, and none can be asked ({}): beside them a promotion is undone within a minute",
            watching(counted),
            reasons.join("; ")
        );
        return Err(vec![
            Refusal::new(Ground::Sentinel, what, gone).unless(Accept::WithoutSentinel),
        ]);
    }
    Ok(watch)
}

fn watching(count: u64) -> String {
    if count == 1 {
        "1 Sentinel watches".to_owned()
    } else {
        format!("{count} Sentinels watch")
    }
}

fn reason(view: &View) -> Option<String> {
    Some(format!("{}: {}", view.address, view.silence()?))
}

/// Warns of Sentinels that exist and cannot be asked.
pub(super) fn silent(watch: &Watch) -> Vec<Warning> {
    let silent = |view: &View| {
        let why = view.silence()?.to_owned();
        let silent = SentinelsAsked::Silent(view.address.clone(), why);
        Some(Warning::of_all(silent))
    };
    watch.views.iter().filter_map(silent).collect()
}

/// The node is the primary already. Checks that the Sentinels know it.
pub(super) fn agreed(target: &Node, watch: &Watch) -> Result<(), Refusals> {
    let other = watch.up().find(|(_, sees)| {
        let primary = sees.primary.as_ref();
        primary.is_some_and(|at| !target.answers_to(at))
    });
    let Some((at, sees)) = other else {
        return Ok(());
    };
    let primary = primary_of(sees);
    Err(vec![Refusal::new(
        Ground::Sentinel,
        format!(
            "`{}` is a primary, and the Sentinel {at} says that {primary} is: it will make `{}` its replica, and drop what only it has",
            target.name, target.name
        ),
        "look at both, now and in a minute: replctl status",
    ).about(&target.name)])
}

/// Warns of a priority that an earlier promotion could not put back.
pub(super) fn left_first(target: &Node) -> Option<Warning> {
    let set = target.server()?.config.get("replica-priority")?;
    (set.parse() == Ok(FIRST)).then(|| {
        let first = SentinelsAsked::ChosenFirst {
            at: target.address.clone(),
            priority: FIRST,
        };
        Warning::of(&target.name, first)
    })
}

fn primary_of(sees: &Sees) -> String {
    let primary = sees.primary.as_ref();
    primary.map_or_else(|| "nobody".to_owned(), Address::to_string)
}

/// The refusals of a hand-over.
pub(super) fn hand_over<'a>(
    operation: &Promote,
    target: &'a Node,
    old: &Node,
    topology: &Topology,
    (watch, new): (&'a Watch, Option<Address>),
    refusals: &mut Refusals,
) -> Option<FailoverRequest<'a>> {
    for (at, sees) in watch.up() {
        if sees.primary.as_ref().is_none_or(|p| !old.answers_to(p)) {
            refusals.push(Refusal::new(
                Ground::Sentinel,
                format!(
                    "the Sentinel {at} says that {} is the primary, and `{}` is",
                    primary_of(sees),
                    old.name
                ),
                "wait until they agree: replctl status",
            ));
        } else if sees.says("failover_in_progress") {
            refusals.push(Refusal::new(
                Ground::Sentinel,
                format!("the Sentinel {at} is in the middle of a failover"),
                "wait until it is done: replctl status",
            ));
        } else if !sees.is_quiet() {
            refusals.push(Refusal::new(
                Ground::Sentinel,
                format!(
                    "the Sentinel {at} says of the primary `{}`: {}",
                    old.name,
                    sees.worries()
                ),
                "repair that first, or the Sentinels act by themselves meanwhile",
            ));
        }
        if let Some(why) = &sees.no_quorum {
            refusals.push(Refusal::new(
                Ground::Sentinel,
                format!("the Sentinels could not agree on a failover: {at} says {why}"),
                format!("bring the missing Sentinels back; only if none of them comes back: replctl promote {} --without-sentinel", operation.node),
            ).unless(Accept::WithoutSentinel));
        }
    }
    tilted(watch, refusals);
    let at = watch.able().next()?.clone();
    rivals(target, topology, watch, refusals);
    let (found, within_ms) = match new {
        Some(new) => (Some(new), FOUND_MS),
        // The refusals already say why it cannot be moved.
        None if chained(target, topology).is_some() => return None,
        None => (known(target, topology, watch, refusals), PRIORITY_MS),
    };
    way(target, watch, at, found, within_ms)
}

/// Sentinels in TILT mode do nothing for 30 s. A failover that needs them would wait, and there
/// would be no primary meanwhile.
fn tilted(watch: &Watch, refusals: &mut Refusals) {
    let able = watch.able().count() as u64;
    let needed = watch.needed();
    if able >= needed {
        return;
    }
    for (at, _) in watch.up().filter(|(_, sees)| sees.tilt) {
        refusals.push(Refusal::new(
            Ground::Sentinel,
            format!("the Sentinel {at} is in TILT mode: it was frozen or its clock jumped, and for 30 s it does nothing; {able} Sentinel{} could fail over now, and {needed} are needed", if able == 1 { "" } else { "s" }),
            "try again in 30 s; until then: replctl sentinel status",
        ));
    }
}

/// Warns of Sentinels in TILT mode; the others are enough.
pub(super) fn in_tilt(watch: &Watch) -> Vec<Warning> {
    let all = watch.up().filter(|(_, sees)| sees.tilt);
    let told = all.map(|(at, _)| Warning::of_all(SentinelsAsked::Tilt(at.clone())));
    told.collect()
}

/// The refusals of a failover by Sentinel after the primary died.
pub(super) fn fail_over<'a>(
    operation: &Promote,
    target: &'a Node,
    old: Option<&Node>,
    topology: &Topology,
    watch: &'a Watch,
    refusals: &mut Refusals,
) -> Option<FailoverRequest<'a>> {
    let lost = old.map_or_else(|| "the primary".to_owned(), |o| format!("`{}`", o.name));
    if let Some((at, _)) = watch.up().find(|(_, s)| s.says("failover_in_progress")) {
        refusals.push(Refusal::new(
            Ground::Sentinel,
            format!("{lost} is lost, and the Sentinel {at} is failing over by itself just now"),
            "look whom it has chosen: replctl status",
        ));
    } else if let Some((at, sees)) = watch.up().find(|(_, s)| s.is_quiet()) {
        refusals.push(Refusal::new(
            Ground::Sentinel,
            format!("the Sentinel {at} still hears from {} as the primary: {lost} is alive and only replctl cannot reach it, or it died less than {} s ago", primary_of(sees), sees.down_after_ms.div_ceil(1000)),
            "the Sentinels replace a dead primary by themselves; look again: replctl status",
        ));
    }
    tilted(watch, refusals);
    let able = watch.up().find(|(_, sees)| sees.is_able());
    let Some((at, _)) = able else {
        let without = watch.up().filter(|(_, sees)| !sees.tilt);
        for (at, sees) in without {
            let why = sees.no_quorum.as_deref().unwrap_or_default();
            refusals.push(Refusal::new(
                Ground::Sentinel,
                format!("{lost} is lost, and the Sentinels cannot replace it: {at} says {why}"),
                format!("bring the missing Sentinels back; only if none of them comes back: replctl promote {} --without-sentinel", operation.node),
            ).unless(Accept::WithoutSentinel));
        }
        return None;
    };
    rivals(target, topology, watch, refusals);
    let replica = known(target, topology, watch, refusals);
    way(target, watch, at.clone(), replica, PRIORITY_MS)
}

fn way<'a>(
    target: &'a Node,
    watch: &'a Watch,
    at: Address,
    replica: Option<Address>,
    sees_within_ms: u64,
) -> Option<FailoverRequest<'a>> {
    let server = target.server()?;
    let set = server.config.get("replica-priority");
    let priority = set
        .and_then(|v| v.parse().ok())
        .or(server.replication.priority);
    let able = watch.up().filter(|(a, sees)| **a != at && sees.is_able());
    let replica = replica?;
    Some(FailoverRequest {
        pace: Pace::of(watch, target, sees_within_ms),
        target,
        watch,
        able: able.map(|(a, _)| a.clone()).collect(),
        at,
        replica,
        priority: priority.unwrap_or(100),
    })
}

/// The target as all Sentinels know it, if they can be made to choose it.
fn known(
    target: &Node,
    topology: &Topology,
    watch: &Watch,
    refusals: &mut Refusals,
) -> Option<Address> {
    let mut address: Option<Address> = None;
    for (at, sees) in watch.up() {
        match sees.replica(target) {
            Some(known) if known.is_gone() => refusals.push(
                Refusal::new(
                    Ground::Sentinel,
                    format!(
                        "the Sentinel {at} cannot reach `{}`, so it would not choose it: {}",
                        target.name,
                        known.flags.join(", ")
                    ),
                    format!(
                        "see from that Sentinel's host whether {} can be reached",
                        known.address
                    ),
                )
                .about(&target.name),
            ),
            Some(known) if address.as_ref().is_some_and(|a| *a != known.address) => {
                refusals.push(
                    Refusal::new(
                        Ground::Sentinel,
                        format!(
                            "the Sentinels know `{}` by different addresses: {} is one",
                            target.name, known.address
                        ),
                        "set replica-announce-ip on it",
                    )
                    .about(&target.name),
                );
            }
            Some(known) => address = Some(known.address.clone()),
            None => refusals.push(unknown_replica(target, topology, at)),
        }
    }
    refusals.dedup();
    address
}

/// The replica that it replicates from, if it is one.
fn chained<'a>(target: &Node, topology: &'a Topology) -> Option<&'a Node> {
    let above = topology.upstream_of(target);
    above.filter(|up| up.server().is_some() && !up.is_primary())
}

/// Refuses if Sentinel might choose another replica.
fn rivals(target: &Node, topology: &Topology, watch: &Watch, refusals: &mut Refusals) {
    for (_, sees) in watch.up() {
        let others = sees.replicas.iter();
        for rival in others.filter(|r| !target.answers_to(&r.address)) {
            let refusal = rivalry(target, topology, &rival.address);
            if rival.priority == FIRST && !rival.is_gone() && !refusals.contains(&refusal) {
                refusals.push(refusal);
            }
        }
    }
}

/// The refusal for a node that a Sentinel does not know as a replica. The node may be new, or known
/// by a name. Or it is the replica of a replica, and under a dead primary no node can be moved.
fn unknown_replica(target: &Node, topology: &Topology, at: &Address) -> Refusal {
    let name = &target.name;
    if let Some(above) = chained(target, topology) {
        let why = format!(
            "`{name}` replicates from the replica `{}`, and Sentinels know the replicas of the primary only; it cannot be moved under a primary that is dead",
            above.name
        );
        let hint = format!(
            "replctl promote {}, and then: replctl promote {name}",
            above.name
        );
        return Refusal::new(Ground::Sentinel, why, hint).about(&target.name);
    }
    Refusal::new(
        Ground::Sentinel,
        format!("the Sentinel {at} does not know `{name}` as a replica"),
        "it learns of the replicas of the primary within 10 s, and of names only with `resolve-hostnames yes`",
    ).about(&target.name)
}

/// The refusal if another replica has the first priority already.
fn rivalry(target: &Node, topology: &Topology, rival: &Address) -> Refusal {
    let name = topology
        .at(rival)
        .map_or_else(|| rival.to_string(), |n| n.name.to_string());
    Refusal::new(
        Ground::Sentinel,
        format!(
            "`{name}` has replica-priority {FIRST}: Sentinel might choose it instead of `{}`",
            target.name
        ),
        format!(
            "raise it first: redis-cli -h {} -p {} CONFIG SET replica-priority 100",
            rival.host, rival.port
        ),
    )
    .about(&target.name)
}

//! Everything that blocks a hand-over, all at once, each with a hint. Pure.

mod reach;

use super::difference::gap::Gap;
use super::follow::loose;
use crate::engine::warning::Matter;
use crate::engine::warning::copy::Copy;
use crate::engine::warning::login::{LoginTrouble, Refused};
use crate::engine::{Accept, Ground, Promote, Refusal, Warning};
use crate::topology::persistence::refuses_writes;
use crate::topology::tls::could_not_follow;
use crate::topology::versions::{CopySentence, pair};
use crate::topology::{Link, Node, NodeName, ReplicaAuth, Server, Topology, Upstream};

type Refusals = Vec<Refusal>;

/// The node answers and can be asked to do things.
pub fn answers(node: &Node) -> Result<(), Refusals> {
    match &node.state {
        crate::topology::State::Up(_) => Ok(()),
        crate::topology::State::Down(trouble) => Err(vec![
            Refusal::new(
                Ground::Unreachable,
                format!("`{}` cannot be promoted: {}", node.name, trouble.detail),
                "see: replctl status",
            )
            .about(&node.name),
        ]),
    }
}

/// Everything that blocks the hand-over from `old` to `target`. What needs no refusal goes to
/// `warnings`.
pub fn hand_over(
    operation: &Promote,
    target: &Node,
    old: &Node,
    topology: &Topology,
    warnings: &mut Vec<Warning>,
) -> Result<(), Refusals> {
    let (Some(new), Some(primary)) = (target.server(), old.server()) else {
        return answers(target);
    };
    let mut refusals = Vec::new();
    readiness(target, new, Some(primary), &mut refusals);
    watched(old, primary, &mut refusals);
    beside_sentinels(operation, old, primary, &mut refusals);
    authentication(target, new, old, primary, &mut refusals);
    left_behind(target, new, old, topology, warnings);
    drift(
        operation,
        target,
        new,
        primary,
        topology,
        &mut refusals,
        warnings,
    );
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(refusals)
    }
}

/// The node has the data and is at rest.
pub fn readiness(target: &Node, new: &Server, primary: Option<&Server>, refusals: &mut Refusals) {
    let name = &target.name;
    let Some(upstream) = target.upstream() else {
        return;
    };
    if new.cluster_enabled {
        refusals.push(
            Refusal::new(
                Ground::Unsupported,
                format!("`{name}` runs in cluster mode, which has its own failover"),
                "redis-cli CLUSTER FAILOVER, on the replica",
            )
            .about(name),
        );
    }
    if new.loading.is_some() {
        refusals.push(
            Refusal::new(
                Ground::NotReady,
                format!("`{name}` is still loading its data"),
                "wait until it is done: replctl status",
            )
            .about(name),
        );
    }
    let must_be_up = primary.is_some() && new.loading.is_none();
    linked(name, upstream, must_be_up, refusals);
    if let Some(state) = &new.replication.failover {
        refusals.push(
            Refusal::new(
                Ground::NotReady,
                format!("a failover is running on `{name}` ({state})"),
                format!(
                    "redis-cli -h {} -p {} FAILOVER ABORT",
                    target.address.host, target.address.port
                ),
            )
            .about(name),
        );
    }
    if let Some(primary) = primary
        && upstream.link == Link::Up
        && upstream.sync.is_none()
        && new.replication.replid != primary.replication.replid
    {
        refusals.push(
            Refusal::new(
                Ground::Topology,
                format!("`{name}` has another history than the primary, although its link is up"),
                "look again: replctl status",
            )
            .about(name),
        );
    }
}

/// Its link is in a full resync, or down.
fn linked(name: &NodeName, upstream: &Upstream, must_be_up: bool, refusals: &mut Refusals) {
    if upstream.sync.is_some() {
        refusals.push(Refusal::new(
            Ground::NotReady,
            format!("`{name}` is in the middle of a full resync: promoted now, it would have its old data or none"),
            "wait until it is done: replctl status",
        ).about(name));
    } else if must_be_up && upstream.link == Link::Down {
        let since = upstream
            .down_since_seconds
            .map_or_else(String::new, |s| format!(" since {s} s"));
        refusals.push(
            Refusal::new(
                Ground::NotReady,
                format!(
                    "`{name}` is not ready: its link to {} is down{since}",
                    upstream.address
                ),
                "see why: replctl status",
            )
            .about(name),
        );
    }
}

/// Others who change roles.
pub fn watched(node: &Node, server: &Server, refusals: &mut Refusals) {
    if let Some(state) = &server.replication.failover {
        refusals.push(
            Refusal::new(
                Ground::NotReady,
                format!("a failover is running on `{}` ({state})", node.name),
                format!(
                    "wait for it, or: redis-cli -h {} -p {} FAILOVER ABORT",
                    node.address.host, node.address.port
                ),
            )
            .about(&node.name),
        );
    }
    if server.cluster_enabled {
        refusals.push(
            Refusal::new(
                Ground::Unsupported,
                format!(
                    "`{}` runs in cluster mode, which has its own failover",
                    node.name
                ),
                "redis-cli CLUSTER FAILOVER, on the replica",
            )
            .about(&node.name),
        );
    }
}

/// Sentinels that would undo the change. A plan that goes through them does not call this.
pub fn beside_sentinels(
    operation: &Promote,
    node: &Node,
    server: &Server,
    refusals: &mut Refusals,
) {
    let accepted = operation.accept.contains(&Accept::WithoutSentinel);
    let Some(count) = server.sentinels.filter(|n| *n > 0 && !accepted) else {
        return;
    };
    refusals.push(Refusal::new(
        Ground::Sentinel,
        format!("{count} Sentinel{} watch{} `{}`: a change made beside them is undone within a minute, and with it the new primary's writes", if count == 1 { "" } else { "s" }, if count == 1 { "es" } else { "" }, node.name),
        format!("only if they never come back: replctl promote {} --without-sentinel", operation.node),
    ).unless(Accept::WithoutSentinel));
}

/// The old primary must be able to log in at the new one.
fn authentication(
    target: &Node,
    new: &Server,
    old: &Node,
    primary: &Server,
    refusals: &mut Refusals,
) {
    let problem = match (new.has_password, primary.replica_auth) {
        (Some(true), Some(ReplicaAuth::Unset)) => "has no masterauth",
        (Some(true), Some(ReplicaAuth::Wrong)) => "has another masterauth than the inventory says",
        (Some(false), Some(ReplicaAuth::Right | ReplicaAuth::Wrong)) => {
            "has a masterauth, and the new primary no password: it would be refused"
        }
        _ => return,
    };
    let (old, target) = (&old.name, &target.name);
    refusals.push(
        Refusal::new(
            Ground::Login,
            format!("`{old}` {problem}, so it could not replicate from `{target}`"),
            format!("let replctl set both on every node: replctl setup {old} {target}"),
        )
        .about(target),
    );
}

/// Other replicas that could not log in at the new primary. They do not block the promotion, and
/// are reported before it.
fn left_behind(
    target: &Node,
    new: &Server,
    old: &Node,
    topology: &Topology,
    warnings: &mut Vec<Warning>,
) {
    let others = topology.nodes.iter().filter(|n| {
        let auth = n.server().and_then(|s| s.replica_auth);
        let refused = matches!(auth, Some(ReplicaAuth::Wrong | ReplicaAuth::Unset));
        n.name != target.name && n.name != old.name && refused
    });
    if new.has_password == Some(true) {
        warnings.extend(others.map(|n| {
            let behind = LoginTrouble::LeftBehind {
                at: target.name.clone(),
                because: Refused::Password,
            };
            Warning::of(&n.name, behind)
        }));
    }
}

/// Settings with which the new primary would behave differently from the old one.
pub fn drift(
    operation: &Promote,
    target: &Node,
    new: &Server,
    primary: &Server,
    topology: &Topology,
    refusals: &mut Refusals,
    warnings: &mut Vec<Warning>,
) {
    let mut found = settings(target, new, primary, topology);
    found.extend(versions(target, topology, warnings));
    found.extend(over_tls(target, topology));
    found.extend(reach::out_of_reach(target, new));
    found.extend(reach::evicts(target, new, primary));
    weigh(operation, found, refusals, warnings);
}

/// An accepted difference is only a warning.
fn weigh(
    operation: &Promote,
    found: Vec<Found>,
    refusals: &mut Refusals,
    warnings: &mut Vec<Warning>,
) {
    for (node, gap) in found {
        let difference = gap.difference();
        if operation.accepts(difference) {
            warnings.push(Warning {
                node: Some(node),
                matter: Matter::Difference(gap),
            });
        } else {
            let hint = operation.accepting(difference);
            let hint = format!("change it, or accept it: {hint}");
            refusals.push(
                Refusal::new(Ground::Difference, gap.text(&node.0), hint)
                    .about(&operation.node)
                    .unless(Accept::Difference(difference)),
            );
        }
    }
}

/// A node, and its difference.
type Found = (NodeName, Gap);

fn settings(target: &Node, new: &Server, primary: &Server, topology: &Topology) -> Vec<Found> {
    let number = |s: &Server, key: &str| s.config.get(key).and_then(|v| v.parse::<u64>().ok());
    let mut found: Vec<Gap> = Vec::new();
    if new.replication.priority == Some(0) {
        found.push(Gap::Priority0);
    }
    found.extend(refuses_writes(new).map(Gap::RefusesWrites));
    if let (Some(limit), Some(used)) = (new.maxmemory.filter(|m| *m > 0), primary.used_memory)
        && limit < used.saturating_add(used / 10)
    {
        found.push(Gap::MemoryLimit { limit, used });
    }
    if let (Some(has), Some(wants)) = (number(new, "databases"), number(primary, "databases"))
        && has < wants
    {
        found.push(Gap::FewerDatabases { has, wants });
    }
    if target.upstream().is_some_and(|u| !u.read_only) {
        found.push(Gap::WritableReplica);
    }
    let others = topology.nodes.iter();
    let has = others
        .filter(|n| n.server().is_some() && n.name != target.name)
        .count() as u64;
    if let Some(wants) = number(new, "min-replicas-to-write").filter(|n| *n > has) {
        found.push(Gap::MinReplicas { wants, has });
    }
    // Without answers from CONFIG, nothing is compared.
    let saves = |s: &Server| {
        let aof = s.config.get("appendonly").is_some_and(|v| v == "yes");
        Some(aof || !s.config.get("save")?.is_empty())
    };
    if saves(primary) == Some(true) && saves(new) == Some(false) {
        found.push(Gap::NoPersistence);
    }
    let of_target = |gap| (target.name.clone(), gap);
    found.into_iter().map(of_target).collect()
}

/// Those that are to follow `target` must be able to load its full copies.
fn versions(target: &Node, topology: &Topology, warnings: &mut Vec<Warning>) -> Vec<Found> {
    let old = topology.primaries().find(|n| n.name != target.name);
    let followers = loose(target, old, topology).chain(old);
    let mut found = Vec::new();
    for node in followers {
        let Some(pair) = pair(node, target) else {
            continue;
        };
        match pair.said(&node.name.0) {
            Some(CopySentence::Never(_)) => {
                found.push((node.name.clone(), Gap::VersionOrder(pair)));
            }
            Some(CopySentence::Perhaps(_)) => {
                warnings.push(Warning::of(&node.name, Copy::Version(pair)));
            }
            None => {}
        }
    }
    found
}

/// The checks for loose replicas that are to follow `target`, which is the primary already.
pub fn attach(
    operation: &Promote,
    target: &Node,
    topology: &Topology,
    warnings: &mut Vec<Warning>,
) -> Result<(), Refusals> {
    let mut refusals = Vec::new();
    let found = versions(target, topology, warnings);
    weigh(operation, found, &mut refusals, warnings);
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(refusals)
    }
}

/// Nodes that replicate with TLS where the new primary offers only plain text, or the reverse.
fn over_tls(target: &Node, topology: &Topology) -> Vec<Found> {
    let others = topology.nodes.iter().filter(|n| n.name != target.name);
    others
        .filter_map(|n| {
            let why = could_not_follow(n.server()?, target)?;
            Some((n.name.clone(), Gap::Tls(target.name.clone(), why)))
        })
        .collect()
}

/// A new upstream must offer the node's kind of replication: with TLS, or without.
pub fn reaches(node: &Node, mine: &Server, under: &Node, out: &mut Refusals) {
    if let Some(why) = could_not_follow(mine, under) {
        out.push(Refusal::new(
            Ground::Login,
            format!("`{}` could not follow `{}`: {why}", node.name, under.name),
            "give both the same `tls-replication` and ports, or say in the inventory where it is to connect to: `announce`",
        ));
    }
}

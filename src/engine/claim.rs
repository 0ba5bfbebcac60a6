//! The claim keeps operators on other machines away. It is on the servers, and on the hosts that
//! are worked on, because those may have no server yet. It is tried again for a while: two
//! operators who begin at the same moment both step back.

use super::operate::{RunOptions, who};
use crate::actions::Action;
use crate::engine::Plan;
use crate::error::{Exit, Problem, Reason, Result};
use crate::output;
use crate::topology::NodeName;
use crate::topology::claims::{Claim, Holder};
use crate::world::World;
use crate::world::claim::{Attempt, Claimed, random_between, token};
use crate::world::host_lock::{Locked, Locks, lock_hosts};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a claim is tried. A hand-over takes less time. After that, the error names the operator
/// who still works.
const PATIENCE: Duration = Duration::from_secs(6);
/// How long an earlier run from this machine must have been silent, seconds.
const SILENT: u64 = 3;
/// The pause between two attempts, ms. It is random, so that two operators do not meet again and
/// again.
const BETWEEN_MS: (u64, u64) = (200, 1_000);

/// A claim that is held, on servers and hosts. It ends with this value.
pub struct HeldClaim {
    _servers: Claimed,
    _hosts: Locks,
}

/// Claims the deployment and these hosts for `operation`, or names the holder of one of them. In
/// that case, nothing was changed. `again`: the command line for another try.
///
/// A claim of an earlier run from this machine is ended. This run has the lock of this machine, so
/// the earlier process is dead. The server did not notice its end because the network was cut.
pub async fn claim(
    world: &World,
    asked: &RunOptions,
    (operation, again): (&str, &str),
    hosts: &[NodeName],
) -> Result<HeldClaim> {
    let begun = Instant::now();
    let dead = world.store.earlier_claims();
    let me = who();
    // A live claim sends something each second, and only a silent one is ended: the lock may not
    // separate two machines with one name and one home.
    let from_here =
        |claim: &Claim, silent| silent >= SILENT && claim.who == me && dead.contains(&claim.token);
    let of_others = Mutex::new(BTreeSet::new());
    let ended = |claim: &Claim, silent| {
        if from_here(claim, silent) {
            return true;
        }
        if asked.take_over {
            let mut all = of_others.lock().unwrap_or_else(PoisonError::into_inner);
            all.insert(claim.clone());
        }
        asked.take_over
    };
    let mut said = BTreeSet::new();
    let mut tell_gone = |there: &[Holder]| {
        let all = of_others.lock().unwrap_or_else(PoisonError::into_inner);
        for claim in all.iter() {
            if there.iter().all(|h| h.claim != *claim) && said.insert(claim.clone()) {
                taken_over(claim);
            }
        }
    };
    let mut told = false;
    loop {
        let holders = match attempt(world, ended, operation, hosts).await {
            Ok(held) => {
                tell_gone(&[]);
                return Ok(held);
            }
            Err(holders) => holders,
        };
        tell_gone(&holders);
        if begun.elapsed() >= PATIENCE || holders.iter().any(Holder::is_silent) {
            return Err(refused(&holders, again));
        }
        if !std::mem::replace(&mut told, true) {
            let names: Vec<String> = holders.iter().map(Holder::to_string).collect();
            let names = output::escape(&names.join(" and "));
            output::note(&format!("waiting for {names}, which is under way"));
        }
        let (least, most) = BETWEEN_MS;
        tokio::time::sleep(Duration::from_millis(random_between(least, most))).await;
    }
}

/// Reports that the command of another operator was ended. This is a change, whatever happens to
/// our command.
fn taken_over(claim: &Claim) {
    output::changed();
    output::warning(&Problem::new(format!(
        "`{}` by {} was ended, because of --take-over",
        output::escape(&claim.operation),
        output::escape(&claim.who)
    )));
}

async fn attempt(
    world: &World,
    ended: impl Fn(&Claim, u64) -> bool,
    operation: &str,
    hosts: &[NodeName],
) -> std::result::Result<HeldClaim, Vec<Holder>> {
    let servers = match world.claims.claim(operation, &who(), &ended).await {
        Attempt::Held(claimed) => claimed,
        Attempt::Taken(holders) => return Err(holders),
    };
    let claim = Claim {
        operation: operation.to_owned(),
        who: who(),
        token: token().to_owned(),
    };
    let Locked {
        locks,
        holders,
        open,
    } = lock_hosts(&world.hosts, hosts, &claim, &ended).await;
    if !holders.is_empty() {
        locks.release().await;
        return Err(holders);
    }
    for (node, why) in open {
        let (node, why) = (output::escape(&node.0), output::escape(&why));
        output::warning(&Problem::new(format!(
            "the host of `{node}` cannot be locked, so replctl does not see another operator who sets it up at the same time: {why}"
        )));
    }
    Ok(HeldClaim {
        _servers: servers,
        _hosts: locks,
    })
}

/// The nodes whose hosts a plan that is taken up again works on.
pub fn hosts_in(plan: &Plan) -> Vec<NodeName> {
    let on_host = plan.steps().filter(|s| matches!(s.action, Action::Host(_)));
    let mut nodes: Vec<NodeName> = on_host.map(|s| s.node.clone()).collect();
    nodes.sort();
    nodes.dedup();
    nodes
}

fn refused(holders: &[Holder], again: &str) -> crate::error::Error {
    let silent = holders.iter().any(Holder::is_silent);
    let hint = if silent {
        format!("if that command is dead or frozen: replctl {again} --take-over")
    } else {
        "wait for it to end; its claim goes with its process".to_owned()
    };
    let mut problem =
        Problem::new("another operator changes this deployment at the moment; nothing was touched")
            .because(Reason::Claimed);
    for holder in holders {
        let nodes: Vec<&str> = holder.nodes.iter().map(|n| n.0.as_str()).collect();
        let seen = format!("{holder}, seen on {}", nodes.join(", "));
        problem = problem.cause(output::escape(&seen));
    }
    problem.hint(output::escape(&hint)).exit(Exit::Refused)
}

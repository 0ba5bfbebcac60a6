//! `sentinel forget`: Sentinels never forget a replica or another Sentinel by themselves. One that
//! left for good counts for the majority, and whatever gets its address one day is made a replica
//! and its data replaced. `SENTINEL RESET` makes them forget everything; each finds again what is
//! there. Pure.
//!
//! One after the other, each seen to know all again before the next is asked: so that there is
//! always a majority that knows everything.

pub mod checks;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use crate::actions::Action;
use crate::actions::sentinel::SentinelAction;
use crate::engine::{Mode, Operation, Plan, Refusal, Sentinels, Stage, Step, Undo};
use crate::inventory::Inventory;
use crate::topology::sentinel::{Sees, Watch};
use crate::topology::{Address, NodeName, Topology};
use std::collections::BTreeSet;

/// How long one may take to find all again, ms. It hears from the others within two seconds and
/// asks the primary for its replicas within ten (measured: 10 s); half a minute is what the
/// servers' documentation leaves to it, blindly.
const RELEARN_MS: u64 = 60_000;

/// What is to be forgotten, as it was asked for, and the addresses it has.
struct Gone {
    /// As it was typed.
    asked: String,
    /// All of it that is known.
    addresses: BTreeSet<Address>,
}

/// Plans it. `what`: names of nodes or Sentinels, or addresses. All refusals come at once.
pub fn plan(
    what: &[String],
    inventory: &Inventory,
    topology: &Topology,
    watch: Option<&Watch>,
) -> Result<Plan, Vec<Refusal>> {
    let watch = checks::watch(watch)?;
    let mut refusals = Vec::new();
    let mut gone = Vec::new();
    for asked in what {
        match checks::meant(asked, inventory, topology, watch) {
            Ok(addresses) => gone.push(Gone {
                asked: asked.clone(),
                addresses,
            }),
            Err(refusal) => refusals.push(refusal),
        }
    }
    let all: BTreeSet<&Address> = gone.iter().flat_map(|g| &g.addresses).collect();
    let knows = |sees: &Sees| {
        let replicas = sees.replicas.iter().map(|r| &r.address);
        let known = replicas.chain(sees.peers.iter().map(|p| &p.address));
        known.into_iter().any(|a| all.contains(a))
    };
    let mut stages = Vec::new();
    if watch.up().any(|(_, sees)| knows(sees)) {
        let primary = checks::all(&gone, &all, topology, watch, &mut refusals);
        let run_id = primary.and_then(|p| p.server()).map(|s| s.run_id.clone());
        if let Some(run_id) = run_id.filter(|_| refusals.is_empty()) {
            stages = steps(inventory, watch, &all, &run_id, knows);
        }
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    Ok(Plan {
        operation: Operation::Sentinels(Sentinels::Forget {
            what: what.to_vec(),
        }),
        warnings: if stages.is_empty() {
            Vec::new()
        } else {
            checks::warnings(&gone, inventory, watch)
        },
        stages,
        may_lose: None,
    })
}

fn steps(
    inventory: &Inventory,
    watch: &Watch,
    gone: &BTreeSet<&Address>,
    run_id: &str,
    knows: impl Fn(&Sees) -> bool,
) -> Vec<Stage> {
    let relearned = |at: &Address, sees: &Sees| {
        let stays = |a: &&Address| !gone.contains(*a);
        let replicas = sees.replicas.iter().map(|r| &r.address).filter(stays);
        let sentinels = sees.peers.iter().map(|p| &p.address).filter(stays);
        let action = SentinelAction::AwaitRelearned {
            name: watch.name.clone(),
            at: at.clone(),
            run_id: run_id.to_owned(),
            replicas: replicas.cloned().collect(),
            sentinels: sentinels.cloned().collect(),
            gone: gone.iter().map(|a| (*a).clone()).collect(),
            within_ms: RELEARN_MS,
        };
        Step::new(
            &called(inventory, watch, at),
            Action::Sentinel(action),
            Undo::Nothing,
        )
    };
    let mut stages: Vec<Stage> = watch
        .up()
        .filter(|(_, sees)| knows(sees))
        .map(|(at, sees)| {
            let node = called(inventory, watch, at);
            let reset = SentinelAction::Reset {
                name: watch.name.clone(),
                at: at.clone(),
            };
            Stage {
                title: format!("let {node} forget, and find the others again"),
                mode: Mode::Atomic,
                steps: vec![
                    Step::new(&node, Action::Sentinel(reset), Undo::Impossible),
                    relearned(at, sees),
                ],
            }
        })
        .collect();
    stages.push(Stage {
        title: "see that all have forgotten it, and know each other".to_owned(),
        mode: Mode::Gate,
        steps: watch.up().map(|(at, sees)| relearned(at, sees)).collect(),
    });
    stages
}

/// What a Sentinel is called: as in the inventory, else by its address.
fn called(inventory: &Inventory, watch: &Watch, at: &Address) -> NodeName {
    let own = inventory.sentinels().iter();
    let mut own = own.filter(|n| watch.is_at(&n.address, at) || watch.is_at(n.announced(), at));
    own.next()
        .map_or_else(|| NodeName(format!("sentinel@{at}")), |n| n.name.clone())
}

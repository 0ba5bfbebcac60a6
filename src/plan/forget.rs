//! `sentinel forget`. A Sentinel never forgets a replica or another Sentinel by itself. A removed
//! Sentinel still counts for the majority. If another server gets the address of a removed replica,
//! the Sentinels make that server a replica and its data is replaced. `SENTINEL RESET` makes a
//! Sentinel forget everything; then it finds again what still exists. Pure.
//!
//! The Sentinels are reset one after the other. Each must know everything again before the next
//! reset. So there is always a majority that knows everything.

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

/// How long a Sentinel may take to find everything again, ms. It hears from the others within two
/// seconds, and asks the primary for its replicas within ten (measured: 10 s). The servers'
/// documentation advises a fixed wait of half a minute.
const RELEARN_MS: u64 = 60_000;

/// What is to be forgotten, as typed, with its addresses.
struct Gone {
    /// As it was typed.
    asked: String,
    /// All its known addresses.
    addresses: BTreeSet<Address>,
}

/// Plans the operation. `what`: names of nodes or Sentinels, or addresses. All refusals come at
/// once.
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

/// The name of a Sentinel: as in the inventory, or else its address.
fn called(inventory: &Inventory, watch: &Watch, at: &Address) -> NodeName {
    let own = inventory.sentinels().iter();
    let mut own = own.filter(|n| watch.is_at(&n.address, at) || watch.is_at(n.announced(), at));
    own.next()
        .map_or_else(|| NodeName(format!("sentinel@{at}")), |n| n.name.clone())
}

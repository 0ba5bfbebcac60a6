//! Finds all Sentinels without waiting for the hello of each. Some Sentinels know the others: those
//! that the inventory names, those of the last promotion, or the first one heard. The result counts
//! only if it has as many as the primary counts.

use super::{Sentinels, each_once, reply};
use crate::actions::Action;
use crate::actions::sentinel::SentinelAction;
use crate::topology::sentinel::{Hello, View};
use crate::topology::{Address, Topology};
use crate::world::resp::REPLY;
use futures::future::join_all;
use redis::cmd;
use std::collections::BTreeSet;
use tokio::sync::mpsc::UnboundedReceiver;

/// In how many of the newest journals a promotion through Sentinel is looked for.
const JOURNALS: usize = 5;

impl Sentinels {
    /// Their name for the deployment, and the answer of each, as soon as it is certain that these
    /// are all. If it never is, this waits without end.
    pub(super) async fn all_known(
        &self,
        topology: &Topology,
        counted: u64,
        mut heard: UnboundedReceiver<Hello>,
    ) -> Option<(String, Vec<View>)> {
        let own = self.servers.inventory.sentinels().iter();
        let named: BTreeSet<Address> = own.map(|s| s.address.clone()).collect();
        let likely = named.union(&self.remembered()).cloned().collect();
        if let Some((name, mut answered)) = self.name_at(topology, &likely).await {
            answered.extend(named.iter().cloned());
            let views = each_once(self.with_peers(&name, answered).await);
            if are_all(topology, counted, &views) {
                return Some((name, views));
            }
        }
        let mut tried = BTreeSet::new();
        while let Some(hello) = heard.recv().await {
            let mut known = named.clone();
            known.insert(hello.address.clone());
            if !tried.insert(hello.address) {
                continue;
            }
            let views = each_once(self.with_peers(&hello.name, known).await);
            if are_all(topology, counted, &views) {
                return Some((hello.name, views));
            }
        }
        std::future::pending().await
    }

    /// Those that the last promotion through Sentinel from this machine waited for: its journal has
    /// them.
    fn remembered(&self) -> BTreeSet<Address> {
        let ids = self.store.ids();
        let newest = ids.iter().take(JOURNALS);
        let mut plans = newest.filter_map(|id| Some(self.store.record(id)?.plan));
        let found = plans.find_map(|plan| {
            plan.steps().find_map(|step| {
                let Action::Sentinel(SentinelAction::AwaitPriority { sentinels, .. }) =
                    &step.action
                else {
                    return None;
                };
                Some(sentinels.iter().cloned().collect())
            })
        });
        found.unwrap_or_default()
    }

    /// The one name that all answering Sentinels have for the deployment, and which Sentinels
    /// answered.
    async fn name_at(
        &self,
        topology: &Topology,
        likely: &BTreeSet<Address>,
    ) -> Option<(String, BTreeSet<Address>)> {
        let asks = likely.iter().map(|at| async move {
            let conn = self.connections.open(at).await.ok()?;
            let said = conn
                .call(cmd("SENTINEL").arg("MASTERS"), REPLY)
                .await
                .ok()?;
            let names = reply::names_at(&said, |a| topology.at(a).is_some());
            Some((at.clone(), names))
        });
        let said: Vec<(Address, Vec<String>)> =
            join_all(asks).await.into_iter().flatten().collect();
        let names: BTreeSet<&String> = said.iter().flat_map(|(_, names)| names).collect();
        let mut all = names.into_iter();
        let name = all.next().filter(|_| all.next().is_none())?.clone();
        let answered = said.iter().filter(|(_, names)| !names.is_empty());
        Some((name, answered.map(|(at, _)| at.clone()).collect()))
    }
}

/// Whether the Sentinels that hear from the primary are as many as listen there, and anywhere. Each
/// listens once for each name that it watches under.
fn are_all(topology: &Topology, counted: u64, views: &[View]) -> bool {
    let hears = |view: &&View| {
        view.sees().is_some_and(|sees| {
            let primary = sees.primary.as_ref().and_then(|at| topology.at(at));
            let listened = primary.and_then(|n| n.server()?.sentinels);
            sees.is_quiet() && sees.run_id.is_some() && listened == Some(counted)
        })
    };
    counted > 0 && views.iter().filter(hears).count() as u64 == counted
}

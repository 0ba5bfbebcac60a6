//! Sentinels that are known without listening until the last of them has said hello: those that the inventory names, or the first that is heard, know the
//! others. They count only where they are all that the primary counts.

use super::{each_once, reply};
use crate::topology::sentinel::{Hello, View};
use crate::topology::{Address, Topology};
use crate::world::World;
use crate::world::resp::REPLY;
use futures::future::join_all;
use redis::cmd;
use std::collections::BTreeSet;
use tokio::sync::mpsc::UnboundedReceiver;

impl World {
    /// What they call the deployment, and what each says, as soon as it is certain that these are all. It waits without end where it is not.
    pub(super) async fn all_known(
        &self,
        topology: &Topology,
        counted: u64,
        mut heard: UnboundedReceiver<Hello>,
    ) -> Option<(String, Vec<View>)> {
        let own = self.inventory.sentinels().iter();
        let named: BTreeSet<Address> = own.map(|s| s.address.clone()).collect();
        if let Some(name) = self.name_at(topology, &named).await {
            let views = each_once(self.with_peers(&name, named.clone()).await);
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

    /// What those that the inventory names call the deployment, where all that answer call it the same.
    async fn name_at(&self, topology: &Topology, named: &BTreeSet<Address>) -> Option<String> {
        let asks = named.iter().map(|at| async move {
            let conn = self.sentinel(at).await.ok()?;
            let said = conn
                .call(cmd("SENTINEL").arg("MASTERS"), REPLY)
                .await
                .ok()?;
            Some(reply::names_at(&said, |a| topology.at(a).is_some()))
        });
        let said = join_all(asks).await.into_iter().flatten().flatten();
        let names: BTreeSet<String> = said.collect();
        let mut names = names.into_iter();
        names.next().filter(|_| names.next().is_none())
    }
}

/// Whether those which say that they hear from the primary are as many as listen there, and anywhere: each listens once for each name it watches under.
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

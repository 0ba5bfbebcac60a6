//! What a look at the model finds, and what is planned from it.

use super::{Adopting, FORMER, FORMER_PID, Host, UNIT, read};
use crate::actions::former::Link;
use crate::engine::{Adopt, Plan, Refusal};
use crate::operations::adopt::plan::{self, AdoptInput, Found};
use crate::operations::promote;
use crate::plan::facts::boot::{AtBoot, Inside, Processes};
use crate::plan::facts::{HostFacts, Unseen};
use crate::simulation::members::host::payload;
use crate::simulation::members::world::{address as address_of, name};
use crate::topology::{Address, NodeName, Topology};
use std::collections::BTreeMap;

/// A unit that one link has started.
pub fn at_boot() -> AtBoot {
    AtBoot {
        state: "enabled".to_owned(),
        links: vec![Link {
            path: format!("/etc/systemd/system/multi-user.target.wants/{UNIT}"),
            target: format!("/lib/systemd/system/{UNIT}"),
        }],
        wanted_by: vec!["multi-user.target".to_owned()],
        processes: Processes {
            kind: "notify".to_owned(),
            remains: Some(false),
            main: Some(FORMER_PID),
            inside: vec![Inside {
                pid: FORMER_PID,
                parent: 1,
                name: "redis-server".to_owned(),
            }],
        },
        ..AtBoot::default()
    }
}

impl Adopting {
    /// The node at an address.
    pub(super) fn at(&self, at: &Address) -> Option<NodeName> {
        let is_there = |i: &usize| address_of(*i) == *at;
        (0..self.hosts.len()).find(is_there).map(name)
    }

    /// What a former server runs with now.
    pub fn live_now(&self) -> BTreeMap<String, String> {
        let live = [
            ("dir", FORMER),
            ("dbfilename", "dump.rdb"),
            ("appendonly", "no"),
            ("databases", "16"),
        ];
        let live = live.map(|(n, v)| (n.to_owned(), v.to_owned()));
        let mut live = BTreeMap::from(live);
        live.extend(self.live.clone());
        live
    }

    fn found(&self, host: &Host) -> Found {
        Found {
            stated: Ok(self.stated.clone()),
            live: self.live_now(),
            data_bytes: Some(host.has),
            free_bytes: Some(1 << 34),
            boot: self.boot.clone().unwrap_or_else(|| Ok(at_boot())),
            access: self.access.clone(),
        }
    }

    pub fn plan(&self, op: &Adopt) -> Result<Plan, Vec<Refusal>> {
        let inventory = read(&self.text);
        let topology = self.topology();
        let hosts: BTreeMap<NodeName, Result<HostFacts, Unseen>> = self
            .hosts
            .iter()
            .map(|(n, h)| {
                let unseen = h.base.dead.then(|| Unseen::from("no route".to_owned()));
                (
                    n.clone(),
                    unseen.map_or_else(|| Ok(h.base.facts.clone()), Err),
                )
            })
            .collect();
        let found = self.hosts.iter().map(|(n, h)| (n.clone(), self.found(h)));
        let hand_over = |op: &crate::engine::Promote, on: &Topology| {
            promote::plan::plan(op, on, &BTreeMap::new())
        };
        let around = AdoptInput {
            inventory: &inventory,
            text: &self.text,
            topology: &topology,
            hosts: &hosts,
            payload: &[payload()],
            found: &found.collect(),
            watched: self.watched,
            hand_over: &hand_over,
        };
        plan::plan(op, &around)
    }
}

//! Three hosts in memory, each with a Sentinel. The Sentinels obey commands and write their state
//! into their files, as real ones do.

use super::host::{Box, InitialSentinel, payload};
use crate::actions::Action;
use crate::actions::sentinel::SentinelAction as Tell;
use crate::config::sentinel::watches;
use crate::engine::execute::Failure;
use crate::engine::journal::Evidence;
use crate::engine::{Plan, Refusal};
use crate::inventory::{Inventory, SentinelRules, SentinelSettings, parse::parse};
use crate::operations::sentinel;
use crate::operations::sentinel::plan::{SentinelInput, remove};
use crate::plan::facts::{HostFacts, Unseen};
use crate::simulation::harness::{Model, Simulated, not_simulated};
use crate::topology::sentinel::{KnownReplica, Member, Peer, Sees};
use crate::topology::{Address, NodeName, State, Topology, Trouble, TroubleKind, sample};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The three hosts, and what they were before.
#[derive(Clone)]
pub struct Boxes {
    inventory: Arc<Inventory>,
    hosts: BTreeMap<NodeName, Box>,
    before: Arc<BTreeMap<NodeName, Box>>,
}

/// Hosts on which plans are run.
pub type World = Simulated<Boxes>;

fn inventory() -> Inventory {
    let text = "[deployment]\nname = \"orders\"\npassword = { env = \"X\" }\n[[node]]\nname = \"n0\"\naddress = \"10.0.0.1\"\n[[node]]\nname = \"n1\"\naddress = \"10.0.0.2\"\nreplicaof = \"n0\"\n[[node]]\nname = \"n2\"\naddress = \"10.0.0.3\"\nreplicaof = \"n0\"\n[sentinel]\nnodes = [\"n0\", \"n1\", \"10.0.0.9\"]\n";
    parse(Path::new("i"), text).unwrap()
}

impl World {
    pub fn new(begins: [InitialSentinel; 3]) -> Self {
        let inventory = inventory();
        let settings = inventory.sentinel.as_ref().unwrap();
        let boxes = settings
            .nodes
            .iter()
            .zip(begins)
            .map(|(spec, begin)| (spec.name.clone(), Box::new(&inventory, spec, begin)));
        let boxes: BTreeMap<NodeName, Box> = boxes.collect();
        Self::on(Boxes {
            before: Arc::new(boxes.clone()),
            hosts: boxes,
            inventory: Arc::new(inventory),
        })
    }
}

impl Boxes {
    fn settings(&self) -> &SentinelSettings {
        self.inventory.sentinel.as_ref().unwrap()
    }

    pub fn plan(&self) -> Result<Plan, Vec<Refusal>> {
        self.around(|around| sentinel::plan::plan(&self.inventory, self.settings(), around))
    }

    pub fn plan_removal(&self, purge: bool) -> Result<Plan, Vec<Refusal>> {
        self.around(|around| remove::plan(&self.inventory, self.settings(), around, purge))
    }

    /// Asserts that nothing runs and nothing starts it. With `purge`, no file is left.
    pub fn assert_gone(&self, purge: bool, what: &str) {
        for (name, it) in &self.hosts {
            assert!(!it.runs() && it.told.is_none(), "{what}: {name} runs");
            assert_eq!(it.facts.unit, None, "{what}: {name}");
            let file = it.facts.config.as_ref().map(|c| &c.directives);
            assert!(!purge || file.is_none(), "{what}: {name}");
            // A reached host keeps no file that could act later.
            let ran = self.before[name].runs();
            let left = file.and_then(|f| watches(f, &self.settings().name));
            assert!(!ran || left.is_none(), "{what}: {name}");
        }
    }

    fn around<T>(&self, then: impl FnOnce(&SentinelInput<'_>) -> T) -> T {
        let topology = self.topology();
        let silent = Trouble {
            kind: TroubleKind::Refused,
            detail: "connection refused".to_owned(),
        };
        let members = self.hosts.iter().map(|(name, it)| {
            let member = Member {
                watches: it
                    .told
                    .iter()
                    .map(|_| self.settings().name.clone())
                    .collect(),
                sees: it.told.map(|rules| self.sees(name, rules)),
            };
            (
                name.clone(),
                if it.runs() {
                    Ok(member)
                } else {
                    Err(silent.clone())
                },
            )
        });
        let hosts = self.hosts.iter();
        let hosts: BTreeMap<NodeName, Result<HostFacts, Unseen>> = hosts
            .map(|(n, b)| (n.clone(), Ok(b.facts.clone())))
            .collect();
        then(&SentinelInput {
            topology: &topology,
            watch: None,
            members: &members.collect(),
            hosts: &hosts,
            payload: &[payload()],
        })
    }

    pub fn assert_well(&self, what: &str) {
        for (name, it) in &self.hosts {
            assert!(it.runs(), "{what}: {name} does not run");
            assert_eq!(it.told, Some(self.settings().rules), "{what}: {name}");
            let had = self.before[name].facts.config.is_some();
            assert!(!had || it.begun == 0, "{what}: {name} is another one now");
            let file = &it.facts.config.as_ref().unwrap().directives;
            let written = watches(file, &self.settings().name).map(|(_, rules)| rules);
            assert_eq!(written, it.told, "{what}: {name}");
        }
    }

    /// Asserts that the host is as before, except for the number of writes to its file.
    pub fn assert_put_back(&self, name: &NodeName, what: &str) {
        let mut now = self.hosts[name].clone();
        now.begun = 0;
        assert_eq!(now, self.before[name], "{what}: {name}");
    }
}

impl Boxes {
    /// The nodes and their Sentinels: always well, as these tests are not about the nodes.
    fn topology(&self) -> Topology {
        let watching = self.hosts.values().filter(|b| b.told.is_some()).count();
        let address = |i: usize| Address::new(format!("10.0.0.{}", i + 1), 6379);
        let nodes = (0..3).map(|i| {
            let mut node = sample::node(&format!("n{i}"), i, (i > 0).then(|| address(0)));
            node.address = address(i);
            node.announced = address(i);
            if let State::Up(server) = &mut node.state {
                server.sentinels = Some(watching as u64);
            }
            node
        });
        Topology {
            nodes: nodes.collect(),
        }
    }

    /// The effect of a command on a running Sentinel.
    fn on_sentinel(&mut self, node: &NodeName, action: &Tell) -> Result<(), Failure> {
        let name = self.settings().name.clone();
        let sees = self.hosts[node].told.map(|rules| self.sees(node, rules));
        let primary = self.topology().nodes[0].server().unwrap().run_id.clone();
        let it = self.hosts.get_mut(node).unwrap();
        if !it.runs() {
            return Err(Failure::none("connection refused"));
        }
        let watching = || Failure::none("no such name");
        match action {
            Tell::Monitor { rules, .. } => it.told = Some(*rules),
            Tell::Unmonitor { .. } => it.told = None,
            Tell::Set { option, value, .. } => {
                let rules = it.told.as_mut().ok_or_else(watching)?;
                let value = value.parse().unwrap();
                match option.as_str() {
                    "quorum" => rules.quorum = value,
                    "down-after-milliseconds" => rules.down_after_ms = value,
                    "failover-timeout" => rules.failover_timeout_ms = value,
                    "parallel-syncs" => rules.parallel_syncs = value,
                    other => panic!("{other}"),
                }
            }
            Tell::AwaitHears { run_id, .. } => {
                assert_eq!(*run_id, primary);
                let sees = sees.ok_or_else(watching)?;
                assert!(sees.hears(Some(run_id)));
            }
            Tell::AwaitTogether {
                run_id,
                replicas,
                others,
                ..
            } => {
                let lacks = sees.ok_or_else(watching)?;
                if let Some(why) = lacks.not_together(Some(run_id), *replicas, *others) {
                    return Err(Failure::none(why));
                }
            }
            other => return Err(not_simulated(other)),
        }
        it.flush(&name);
        Ok(())
    }

    /// The report of a watching Sentinel: all nodes are well, and it knows the other watching
    /// Sentinels.
    fn sees(&self, name: &NodeName, rules: SentinelRules) -> Sees {
        let known = |flag: &str| vec![flag.to_owned()];
        let others = self
            .hosts
            .iter()
            .filter(|(n, b)| *n != name && b.told.is_some());
        let peers = others.map(|(n, _)| Peer {
            address: Address::new(n.0.clone(), 26379),
            flags: known("sentinel"),
        });
        let replicas = [2, 3].map(|i| KnownReplica {
            address: Address::new(format!("10.0.0.{i}"), 6379),
            flags: known("slave"),
            priority: 100,
        });
        Sees {
            primary: Some(Address::new("10.0.0.1", 6379)),
            primary_run_id: Some(format!("{:040}", 0)),
            flags: known("master"),
            quorum: rules.quorum,
            down_after_ms: rules.down_after_ms,
            failover_timeout_ms: rules.failover_timeout_ms,
            parallel_syncs: rules.parallel_syncs,
            replicas: replicas.into(),
            peers: peers.collect(),
            ..Sees::default()
        }
    }
}

impl Model for Boxes {
    fn apply(&mut self, node: &NodeName, action: &Action) -> Result<Evidence, Failure> {
        match action {
            Action::Host(action) => {
                let name = self.settings().name.clone();
                self.hosts.get_mut(node).unwrap().on_host(action, &name);
            }
            Action::Sentinel(Tell::AwaitUnwatched { at_most, .. }) => {
                let watching = self.hosts.values().filter(|b| b.told.is_some()).count();
                if watching as u64 > *at_most {
                    return Err(Failure::none("they listen"));
                }
            }
            Action::Sentinel(action) => self.on_sentinel(node, action)?,
            Action::Server(_)
            | Action::Role(_)
            | Action::Rescue(_)
            | Action::Service(_)
            | Action::Local(_)
            | Action::Password(_)
            | Action::Hook(_) => return Err(not_simulated(action)),
        }
        Ok(Evidence::default())
    }

    fn observe(&mut self) -> Topology {
        self.topology()
    }
}

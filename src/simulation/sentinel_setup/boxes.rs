//! Three hosts in memory with a Sentinel each, which do what they are told and write down what they
//! know, as real ones do.

use super::host::{Begin, Box, payload};
use crate::actions::Action;
use crate::actions::sentinel::SentinelAction as Tell;
use crate::config::sentinel::watches;
use crate::engine::execute::{Act, Failure};
use crate::engine::journal::{Entry, Journal, Progress, Seen};
use crate::engine::{Plan, Refusal};
use crate::inventory::{Inventory, SentinelRules, SentinelSettings, parse::parse};
use crate::operations::sentinel;
use crate::operations::sentinel::plan::{Around, remove};
use crate::plan::facts::{HostFacts, Unseen};
use crate::simulation::world::Injected;
use crate::topology::sentinel::{KnownReplica, Member, Peer, Sees};
use crate::topology::{Address, NodeName, State, Topology, Trouble, TroubleKind, sample};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Mutex;

struct Inner {
    boxes: BTreeMap<NodeName, Box>,
    before: BTreeMap<NodeName, Box>,
    calls: usize,
    fail_at: Option<(usize, Injected)>,
    life: Option<usize>,
    progress: Progress,
}

pub struct World {
    inventory: Inventory,
    inner: Mutex<Inner>,
}

fn inventory() -> Inventory {
    let text = "[deployment]\nname = \"orders\"\npassword = { env = \"X\" }\n[[node]]\nname = \"n0\"\naddress = \"10.0.0.1\"\n[[node]]\nname = \"n1\"\naddress = \"10.0.0.2\"\nreplicaof = \"n0\"\n[[node]]\nname = \"n2\"\naddress = \"10.0.0.3\"\nreplicaof = \"n0\"\n[sentinel]\nnodes = [\"n0\", \"n1\", \"10.0.0.9\"]\n";
    parse(Path::new("i"), text).unwrap()
}

impl World {
    pub fn new(begins: [Begin; 3]) -> Self {
        let inventory = inventory();
        let settings = inventory.sentinel.as_ref().unwrap();
        let boxes = settings
            .nodes
            .iter()
            .zip(begins)
            .map(|(spec, begin)| (spec.name.clone(), Box::new(&inventory, spec, begin)));
        let boxes: BTreeMap<NodeName, Box> = boxes.collect();
        let inner = Inner {
            before: boxes.clone(),
            boxes,
            calls: 0,
            fail_at: None,
            life: None,
            progress: Progress::default(),
        };
        Self {
            inventory,
            inner: Mutex::new(inner),
        }
    }

    fn settings(&self) -> &SentinelSettings {
        self.inventory.sentinel.as_ref().unwrap()
    }

    /// The nodes: always well, this is not about them.
    pub fn topology(&self) -> Topology {
        self.inner.lock().unwrap().topology()
    }

    pub fn plan(&self) -> Result<Plan, Vec<Refusal>> {
        self.around(|around| sentinel::plan::plan(&self.inventory, self.settings(), around))
    }

    pub fn plan_removal(&self, purge: bool) -> Result<Plan, Vec<Refusal>> {
        self.around(|around| remove::plan(&self.inventory, self.settings(), around, purge))
    }

    /// Nothing runs, nothing starts it, and where that was asked for nothing is left.
    pub fn assert_gone(&self, purge: bool, what: &str) {
        let inner = self.inner.lock().unwrap();
        for (name, it) in &inner.boxes {
            assert!(!it.runs() && it.told.is_none(), "{what}: {name} runs");
            assert_eq!(it.facts.unit, None, "{what}: {name}");
            let file = it.facts.config.as_ref().map(|c| &c.directives);
            assert!(!purge || file.is_none(), "{what}: {name}");
            // Whoever was reached leaves no file that would act one day.
            let ran = inner.before[name].runs();
            let left = file.and_then(|f| watches(f, &self.settings().name));
            assert!(!ran || left.is_none(), "{what}: {name}");
        }
    }

    fn around<T>(&self, then: impl FnOnce(&Around<'_>) -> T) -> T {
        let inner = self.inner.lock().unwrap();
        let topology = inner.topology();
        let silent = Trouble {
            kind: TroubleKind::Refused,
            detail: "connection refused".to_owned(),
        };
        let members = inner.boxes.iter().map(|(name, it)| {
            let member = Member {
                watches: it
                    .told
                    .iter()
                    .map(|_| self.settings().name.clone())
                    .collect(),
                sees: it.told.map(|rules| inner.sees(name, rules)),
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
        let hosts = inner.boxes.iter();
        let hosts: BTreeMap<NodeName, Result<HostFacts, Unseen>> = hosts
            .map(|(n, b)| (n.clone(), Ok(b.facts.clone())))
            .collect();
        then(&Around {
            topology: &topology,
            watch: None,
            members: &members.collect(),
            hosts: &hosts,
            payload: &[payload()],
        })
    }

    pub fn assert_well(&self, what: &str) {
        let inner = self.inner.lock().unwrap();
        for (name, it) in &inner.boxes {
            assert!(it.runs(), "{what}: {name} does not run");
            assert_eq!(it.told, Some(self.settings().rules), "{what}: {name}");
            let had = inner.before[name].facts.config.is_some();
            assert!(!had || it.begun == 0, "{what}: {name} is another one now");
            let file = &it.facts.config.as_ref().unwrap().directives;
            let written = watches(file, &self.settings().name).map(|(_, rules)| rules);
            assert_eq!(written, it.told, "{what}: {name}");
        }
    }

    /// It is as it was before, apart from how often its file was written meanwhile.
    pub fn assert_put_back(&self, name: &NodeName, what: &str) {
        let inner = self.inner.lock().unwrap();
        let mut now = inner.boxes[name].clone();
        now.begun = 0;
        assert_eq!(now, inner.before[name], "{what}: {name}");
    }

    pub fn calls(&self) -> usize {
        self.inner.lock().unwrap().calls
    }

    pub fn fail_at(&self, call: usize, how: Injected) {
        self.inner.lock().unwrap().fail_at = Some((call, how));
    }

    pub fn dies_after(&self, lines: usize) {
        self.inner.lock().unwrap().life = Some(lines);
    }

    /// The failure is over, and whoever died is there again.
    pub fn live_on(&self) {
        let mut inner = self.inner.lock().unwrap();
        inner.life = None;
        inner.fail_at = None;
    }

    pub fn progress(&self) -> Progress {
        self.inner.lock().unwrap().progress.clone()
    }

    fn apply(&self, inner: &mut Inner, node: &NodeName, action: &Action) -> Result<Seen, Failure> {
        let name = self.settings().name.clone();
        let primary = inner.topology().nodes[0].server().unwrap().run_id.clone();
        if let Action::Sentinel(Tell::AwaitUnwatched { at_most, .. }) = action {
            let watching = inner.boxes.values().filter(|b| b.told.is_some()).count();
            let gone = watching as u64 <= *at_most;
            return gone
                .then(Seen::default)
                .ok_or_else(|| Failure::none("they listen"));
        }
        let sees = inner.boxes[node].told.map(|rules| inner.sees(node, rules));
        let it = inner.boxes.get_mut(node).unwrap();
        let action = match action {
            Action::Host(action) => {
                it.on_host(action, &name);
                return Ok(Seen::default());
            }
            Action::Sentinel(action) => action,
            Action::Server(_)
            | Action::Role(_)
            | Action::Rescue(_)
            | Action::Service(_)
            | Action::Local(_)
            | Action::Password(_)
            | Action::Hook(_) => {
                return Err(Failure::none(format!("not simulated: {action}")));
            }
        };
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
            other => return Err(Failure::none(format!("not simulated: {other}"))),
        }
        it.flush(&name);
        Ok(Seen::default())
    }
}

impl Inner {
    /// The nodes, with those that watch them.
    fn topology(&self) -> Topology {
        let watching = self.boxes.values().filter(|b| b.told.is_some()).count();
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

    /// What a Sentinel says that watches: all nodes are well, and it knows the others that watch.
    fn sees(&self, name: &NodeName, rules: SentinelRules) -> Sees {
        let known = |flag: &str| vec![flag.to_owned()];
        let others = self
            .boxes
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

impl Act for World {
    async fn act(&self, node: &NodeName, action: &Action) -> Result<Seen, Failure> {
        let mut inner = self.inner.lock().unwrap();
        if inner.life == Some(0) {
            return Err(Failure::unknown("dead"));
        }
        let at = inner.calls;
        inner.calls += 1;
        match inner.fail_at.filter(|(call, _)| *call == at) {
            Some((_, Injected::Nothing)) => Err(Failure::none("injected")),
            Some((_, Injected::Lost)) => Err(Failure::unknown("injected, no answer")),
            Some((_, Injected::Answer)) => self
                .apply(&mut inner, node, action)
                .and(Err(Failure::unknown("injected, after its effect"))),
            None => self.apply(&mut inner, node, action),
        }
    }
}

impl Journal for World {
    fn record(&self, entry: &Entry, _durable: bool) -> io::Result<()> {
        let mut inner = self.inner.lock().unwrap();
        match &mut inner.life {
            Some(0) => return Err(io::Error::other("dead")),
            Some(lines) => *lines -= 1,
            None => {}
        }
        inner.progress.take(entry);
        Ok(())
    }
}

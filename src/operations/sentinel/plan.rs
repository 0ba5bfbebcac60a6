//! `sentinel setup`: the Sentinels that the inventory names, running, watching the primary that is,
//! and knowing each other. Pure.
//!
//! What is done on their hosts is what `setup` does there. A Sentinel's file is its own from its
//! first start on: it says who it is and which failover was the last. So it is written once; what
//! changes later is told to the running Sentinel.

pub mod names;
pub mod remove;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use super::checks;
use crate::actions::Action;
use crate::actions::host::PayloadInfo;
use crate::actions::sentinel::SentinelAction;
use crate::config::sentinel::{Begin as File, options, render};
use crate::config::server::Rendered;
use crate::engine::{Mode, Operation, Plan, Refusal, Sentinels, Stage, Step, Undo};
use crate::inventory::{Auth, Inventory, NodeSpec, SentinelRules, SentinelSettings};
use crate::plan::facts::{HostFacts, Listener, Unseen};
use crate::plan::hosts::{Host, HostLook, start_step, supervision};
use crate::topology::sentinel::{Member, Sees, Watch};
use crate::topology::{Link, Node, NodeName, Topology, Trouble};
use std::collections::BTreeMap;

/// How long a Sentinel may take to hear from the primary, ms: it asks at once (measured: 0.1 to 1
/// s), and one that has slept through a failover is told of it within two seconds.
const HEARS_MS: u64 = 15_000;
/// How long they may take to find each other, ms: each says hello every two seconds (measured: 2 to
/// 4 s).
const TOGETHER_MS: u64 = 30_000;

/// What was seen.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// The nodes.
    pub topology: &'a Topology,
    /// The Sentinels that watch them already, named or not.
    pub watch: Option<&'a Watch>,
    /// What each that the inventory names says.
    pub members: &'a BTreeMap<NodeName, Result<Member, Trouble>>,
    /// Their hosts.
    pub hosts: &'a BTreeMap<NodeName, Result<HostFacts, Unseen>>,
    /// The servers that replctl can bring.
    pub payload: &'a [PayloadInfo],
}

/// How one of them is found.
#[derive(Debug, Clone, Copy)]
pub enum Begin<'a> {
    /// There is nothing of it.
    Fresh,
    /// It is stopped, and has a file; what that says of this deployment.
    Stopped(Option<SentinelRules>),
    /// It runs and does not watch this deployment.
    Idle,
    /// It watches.
    Watches(&'a Sees),
}

/// One of them, with all that its steps come from.
pub struct Own<'a> {
    pub spec: &'a NodeSpec,
    pub facts: &'a HostFacts,
    pub begin: Begin<'a>,
}

/// What they are all told.
pub struct Job<'a> {
    pub look: &'a HostLook<'a>,
    pub settings: &'a SentinelSettings,
    pub primary: &'a Node,
    /// The id of the primary's process.
    run_id: &'a str,
    /// How many replicas each has to hear from.
    replicas: u64,
    /// How many other Sentinels.
    others: u64,
}

/// Plans it. `settings` are those of the inventory, with at least one node. All refusals come at
/// once.
pub fn plan(
    inventory: &Inventory,
    settings: &SentinelSettings,
    around: &Around<'_>,
) -> Result<Plan, Vec<Refusal>> {
    let look = HostLook {
        inventory,
        topology: around.topology,
        hosts: around.hosts,
        payload: around.payload,
    };
    let primary = checks::primary(around.topology)?;
    let mut refusals = checks::together(&look, settings, around, primary);
    let own: Vec<Own<'_>> = settings
        .nodes
        .iter()
        .filter_map(|spec| checks::own(&look, settings, around, primary, spec, &mut refusals))
        .collect();
    let Some(server) = primary.server().filter(|_| refusals.is_empty()) else {
        return Err(refusals);
    };
    let job = Job {
        look: &look,
        settings,
        primary,
        run_id: &server.run_id,
        replicas: replicas(around.topology, primary),
        others: others(settings, around),
    };
    let warnings = checks::warnings(&job, around, &own);
    let mut stages = vec![
        Stage::new(
            "set up the Sentinels",
            Mode::PerNode,
            own.iter().flat_map(|o| job.set_up(o)).collect(),
        ),
        Stage::new(
            "bring the others up to date",
            Mode::PerNode,
            own.iter().flat_map(|o| job.up_to_date(o)).collect(),
        ),
    ];
    stages.retain(|s| !s.steps.is_empty());
    if !stages.is_empty() || !own.iter().all(|o| job.is_together(o)) {
        let proof = own.iter().map(|o| job.prove(o)).collect();
        stages.push(Stage::new("prove it", Mode::Gate, proof));
    }
    Ok(Plan {
        operation: Operation::Sentinels(Sentinels::Setup),
        stages,
        warnings,
        may_lose: None,
    })
}

/// The replicas of the primary that are linked to it: those a Sentinel gets to know.
fn replicas(topology: &Topology, primary: &Node) -> u64 {
    let linked = topology.nodes.iter().filter(|n| {
        n.upstream().is_some_and(|up| up.link == Link::Up)
            && topology
                .upstream_of(n)
                .is_some_and(|up| up.name == primary.name)
    });
    linked.count() as u64
}

/// What a Sentinel has been told.
fn told(sees: &Sees) -> SentinelRules {
    SentinelRules {
        quorum: sees.quorum,
        down_after_ms: sees.down_after_ms,
        failover_timeout_ms: sees.failover_timeout_ms,
        parallel_syncs: sees.parallel_syncs,
    }
}

/// How many other Sentinels each will know: those of the inventory, and those that watch besides.
fn others(settings: &SentinelSettings, around: &Around<'_>) -> u64 {
    let all = settings.nodes.len() + checks::strangers(settings, around).count();
    all.saturating_sub(1) as u64
}

fn step(own: &Own<'_>, action: SentinelAction, undo: Option<SentinelAction>) -> Step {
    let undo = undo.map_or(Undo::Nothing, |u| Undo::By(Action::Sentinel(u)));
    Step::new(&own.spec.name, Action::Sentinel(action), undo)
}

impl<'a> Job<'a> {
    /// Where those that do not run come to run: all of one host in one stage, so that what fails
    /// there is put back as a whole.
    fn set_up(&self, own: &Own<'a>) -> Vec<Step> {
        let mut host = Host::new(self.look, own.spec, own.facts);
        let watches = match own.begin {
            Begin::Idle | Begin::Watches(_) => return Vec::new(),
            Begin::Fresh => {
                host.build();
                host.program();
                host.certificates();
                host.first_config(self.file(own).text);
                true
            }
            Begin::Stopped(rules) => {
                host.build();
                host.program();
                host.certificates();
                host.protect();
                rules.is_some()
            }
        };
        host.at_boot();
        let mut steps = host.steps;
        steps.push(start_step(self.look, own.spec));
        if !watches {
            steps.push(self.monitor(own));
        }
        steps.push(self.hears(own));
        if let Begin::Stopped(Some(rules)) = own.begin {
            steps.extend(self.rules(own, rules));
        }
        steps
    }

    /// What is done about those that run.
    fn up_to_date(&self, own: &Own<'a>) -> Vec<Step> {
        if matches!(own.begin, Begin::Fresh | Begin::Stopped(_)) {
            return Vec::new();
        }
        let mut steps = Vec::new();
        if own.facts.listener == Listener::Ours {
            let mut host = Host::new(self.look, own.spec, own.facts);
            host.protect();
            host.at_boot();
            steps = host.steps;
        }
        match own.begin {
            Begin::Idle => {
                steps.push(self.monitor(own));
                steps.push(self.hears(own));
            }
            Begin::Watches(sees) => {
                let password = matches!(self.look.inventory.auth, Auth::Password(_));
                // Whatever keeps it from the primary: a password that is wrong is the one cause
                // that can be mended from here.
                if password && (sees.says("s_down") || sees.says("disconnected")) {
                    let (name, at) = (self.settings.name.clone(), own.spec.address.clone());
                    steps.push(step(own, SentinelAction::SetAuth { name, at }, None));
                    steps.push(self.hears(own));
                }
                steps.extend(self.rules(own, told(sees)));
            }
            Begin::Fresh | Begin::Stopped(_) => {}
        }
        steps
    }

    /// The digest of what takes a restart, as its file would have it if it were begun now.
    pub fn fixed(&self, own: &Own<'_>) -> String {
        self.file(own).stamp.fixed
    }

    fn file(&self, own: &Own<'_>) -> Rendered {
        let modern = checks::modern(self.look, own.facts, self.primary);
        let begin = File {
            primary: &self.primary.announced,
            names: modern && checks::names(self.look.inventory),
            modern,
        };
        let how = supervision(own.facts);
        render(self.look.inventory, self.settings, own.spec, how, begin)
    }

    fn monitor(&self, own: &Own<'_>) -> Step {
        let (name, at) = (self.settings.name.clone(), own.spec.address.clone());
        let undo = SentinelAction::Unmonitor {
            name: name.clone(),
            at: at.clone(),
        };
        let action = SentinelAction::Monitor {
            name,
            at,
            primary: self.primary.announced.clone(),
            rules: self.settings.rules,
        };
        step(own, action, Some(undo))
    }

    /// What it is to be told, where it has something else.
    fn rules(&self, own: &Own<'_>, have: SentinelRules) -> Vec<Step> {
        let pairs = options(&self.settings.rules)
            .into_iter()
            .zip(options(&have));
        let set = |option: &str, value: u64| SentinelAction::Set {
            name: self.settings.name.clone(),
            at: own.spec.address.clone(),
            option: option.to_owned(),
            value: value.to_string(),
        };
        pairs
            .filter(|((_, want), (_, have))| want != have)
            .map(|((option, want), (_, have))| {
                step(own, set(option, want), Some(set(option, have)))
            })
            .collect()
    }

    fn hears(&self, own: &Own<'_>) -> Step {
        let action = SentinelAction::AwaitHears {
            name: self.settings.name.clone(),
            at: own.spec.address.clone(),
            run_id: self.run_id.to_owned(),
            within_ms: HEARS_MS,
        };
        step(own, action, None)
    }

    fn prove(&self, own: &Own<'_>) -> Step {
        let action = SentinelAction::AwaitTogether {
            name: self.settings.name.clone(),
            at: own.spec.address.clone(),
            run_id: self.run_id.to_owned(),
            replicas: self.replicas,
            others: self.others,
            within_ms: TOGETHER_MS,
        };
        step(own, action, None)
    }

    /// Whether what the proof is to see is seen already.
    fn is_together(&self, own: &Own<'_>) -> bool {
        match own.begin {
            Begin::Watches(sees) => sees
                .not_together(None, self.replicas, self.others)
                .is_none(),
            Begin::Fresh | Begin::Stopped(_) | Begin::Idle => false,
        }
    }
}

//! `sentinel setup`: the Sentinels that the inventory names run, watch the present primary, and
//! know each other. Pure.
//!
//! On their hosts it does what `setup` does. From its first start on, a Sentinel owns its file: the
//! file has its id and the last failover. So replctl writes the file once. It sends later changes
//! to the running Sentinel.

pub mod names;
pub mod remove;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use super::checks;
use crate::actions::Action;
use crate::actions::host::PayloadInfo;
use crate::actions::sentinel::SentinelAction;
use crate::config::sentinel::{SentinelFile, options, render};
use crate::config::server::Rendered;
use crate::engine::{Mode, Operation, Plan, Refusal, Sentinels, Stage, Step, Undo};
use crate::inventory::{Auth, Inventory, NodeSpec, SentinelRules, SentinelSettings};
use crate::plan::facts::{HostFacts, Listener, Unseen};
use crate::plan::hosts::{Host, HostLook, start_step, supervision};
use crate::topology::sentinel::{Member, Sees, Watch};
use crate::topology::{Link, Node, NodeName, Topology, Trouble};
use std::collections::BTreeMap;

/// How long a Sentinel may take to hear from the primary, ms. It asks at once (measured: 0.1 to 1
/// s). A Sentinel that missed a failover learns of it within two seconds.
const HEARS_MS: u64 = 15_000;
/// How long they may take to find each other, ms: each says hello every two seconds (measured: 2 to
/// 4 s).
const TOGETHER_MS: u64 = 30_000;

/// What was seen.
#[derive(Debug, Clone, Copy)]
pub struct SentinelInput<'a> {
    /// The nodes.
    pub topology: &'a Topology,
    /// The Sentinels that watch them already, named or not.
    pub watch: Option<&'a Watch>,
    /// The answer of each Sentinel that the inventory names.
    pub members: &'a BTreeMap<NodeName, Result<Member, Trouble>>,
    /// Their hosts.
    pub hosts: &'a BTreeMap<NodeName, Result<HostFacts, Unseen>>,
    /// The server programs that replctl can install.
    pub payload: &'a [PayloadInfo],
}

/// The state of a Sentinel before the plan.
#[derive(Debug, Clone, Copy)]
pub enum SentinelState<'a> {
    /// It does not exist yet.
    Fresh,
    /// It is stopped and has a file. The rules are those that the file has for this deployment.
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
    pub begin: SentinelState<'a>,
}

/// What is the same for all of them.
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
    around: &SentinelInput<'_>,
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

/// How many replicas are linked to the primary: a Sentinel gets to know those.
fn replicas(topology: &Topology, primary: &Node) -> u64 {
    let linked = topology.nodes.iter().filter(|n| {
        n.upstream().is_some_and(|up| up.link == Link::Up)
            && topology
                .upstream_of(n)
                .is_some_and(|up| up.name == primary.name)
    });
    linked.count() as u64
}

/// The rules that a Sentinel has now.
fn rules_of(sees: &Sees) -> SentinelRules {
    SentinelRules {
        quorum: sees.quorum,
        down_after_ms: sees.down_after_ms,
        failover_timeout_ms: sees.failover_timeout_ms,
        parallel_syncs: sees.parallel_syncs,
    }
}

/// How many other Sentinels each will know: those of the inventory, and those that watch besides.
fn others(settings: &SentinelSettings, around: &SentinelInput<'_>) -> u64 {
    let all = settings.nodes.len() + checks::strangers(settings, around).count();
    all.saturating_sub(1) as u64
}

fn step(own: &Own<'_>, action: SentinelAction, undo: Option<SentinelAction>) -> Step {
    let undo = undo.map_or(Undo::Nothing, |u| Undo::By(Action::Sentinel(u)));
    Step::new(&own.spec.name, Action::Sentinel(action), undo)
}

impl<'a> Job<'a> {
    /// The steps for a Sentinel that does not run. All steps of one host are in one stage, so that
    /// a failure there is put back as a whole.
    fn set_up(&self, own: &Own<'a>) -> Vec<Step> {
        let mut host = Host::new(self.look, own.spec, own.facts);
        let watches = match own.begin {
            SentinelState::Idle | SentinelState::Watches(_) => return Vec::new(),
            SentinelState::Fresh => {
                host.build();
                host.program();
                host.certificates();
                host.first_config(self.file(own).text);
                true
            }
            SentinelState::Stopped(rules) => {
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
        if let SentinelState::Stopped(Some(rules)) = own.begin {
            steps.extend(self.rules(own, rules));
        }
        steps
    }

    /// The steps for a Sentinel that runs.
    fn up_to_date(&self, own: &Own<'a>) -> Vec<Step> {
        if matches!(own.begin, SentinelState::Fresh | SentinelState::Stopped(_)) {
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
            SentinelState::Idle => {
                steps.push(self.monitor(own));
                steps.push(self.hears(own));
            }
            SentinelState::Watches(sees) => {
                let password = matches!(self.look.inventory.auth, Auth::Password(_));
                // It may be cut off from the primary for several reasons. replctl can correct one
                // of them from here: a wrong password.
                if password && (sees.says("s_down") || sees.says("disconnected")) {
                    let (name, at) = (self.settings.name.clone(), own.spec.address.clone());
                    steps.push(step(own, SentinelAction::SetAuth { name, at }, None));
                    steps.push(self.hears(own));
                }
                steps.extend(self.rules(own, rules_of(sees)));
            }
            SentinelState::Fresh | SentinelState::Stopped(_) => {}
        }
        steps
    }

    /// The digest of the settings that need a restart, as a new file would have it.
    pub fn fixed(&self, own: &Own<'_>) -> String {
        self.file(own).stamp.fixed
    }

    fn file(&self, own: &Own<'_>) -> Rendered {
        let modern = checks::modern(self.look, own.facts, self.primary);
        let begin = SentinelFile {
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

    /// The steps that change its rules where they differ.
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

    /// Whether it already is as the proof must see it.
    fn is_together(&self, own: &Own<'_>) -> bool {
        match own.begin {
            SentinelState::Watches(sees) => sees
                .not_together(None, self.replicas, self.others)
                .is_none(),
            SentinelState::Fresh | SentinelState::Stopped(_) | SentinelState::Idle => false,
        }
    }
}

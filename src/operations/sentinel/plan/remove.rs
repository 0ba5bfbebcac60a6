//! `sentinel remove`: the Sentinels that the inventory names stop watching. Those that replctl set
//! up are stopped, and nothing starts them again. The nodes are not touched. Pure.

use super::{SentinelInput, rules_of};
use crate::actions::Action;
use crate::actions::host::{HostAction as Do, Launch};
use crate::actions::sentinel::SentinelAction;
use crate::config::{Paths, block};
use crate::engine::warning::sentinel::Sentinel;
use crate::engine::{
    Ground, Mode, Operation, Plan, Refusal, Sentinels, Stage, Step, Undo, Warning,
};
use crate::inventory::{Inventory, NodeSpec, SentinelSettings};
use crate::plan::facts::{HostFacts, Listener};
use crate::plan::hosts::checks as of_hosts;
use crate::topology::sentinel::Member;
use crate::topology::{Node, Topology};

/// A closed connection leaves the list at once; the rest of this time is for slow hosts.
const UNWATCHED_MS: u64 = 15_000;
const RC_LOCAL: &str = "/etc/rc.local";

/// Plans it. All refusals come at once.
pub fn plan(
    inventory: &Inventory,
    settings: &SentinelSettings,
    around: &SentinelInput<'_>,
    purge: bool,
) -> Result<Plan, Vec<Refusal>> {
    let (mut refusals, mut warnings) = (Vec::new(), Vec::new());
    let (mut end, mut clean, mut leaving) = (Vec::new(), Vec::new(), 0);
    for spec in &settings.nodes {
        let facts = match around.hosts.get(&spec.name) {
            Some(Ok(facts)) => facts,
            Some(Err(why)) => {
                let hint = "if that host never comes back, take it out of `nodes` under [sentinel]";
                let hint = why.hint.as_deref().unwrap_or(hint);
                refusals.push(of_hosts::unreachable(spec, &why.why, Some(hint)));
                continue;
            }
            None => {
                refusals.push(of_hosts::unreachable(spec, "nobody looked at it", None));
                continue;
            }
        };
        let one = One {
            inventory,
            settings,
            spec,
            facts,
            member: around.members.get(&spec.name).and_then(|m| m.as_ref().ok()),
            purge,
        };
        refusals.extend(one.busy());
        warnings.extend(one.foreign());
        end.extend(one.end());
        leaving += u64::from(one.listens());
        clean.extend(one.clean());
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let proof = if end.is_empty() {
        Vec::new()
    } else {
        prove(around.topology, leaving)
    };
    let mut stages = vec![
        Stage::new("end the Sentinels", Mode::PerNode, end),
        Stage::new("see that they are gone", Mode::Gate, proof),
        Stage::new("remove their files", Mode::KeepGoing, clean),
    ];
    stages.retain(|s| !s.steps.is_empty());
    Ok(Plan {
        operation: Operation::Sentinels(Sentinels::Remove { purge }),
        stages,
        warnings,
        may_lose: None,
    })
}

/// The nodes count the Sentinels that listen. Each Sentinel that leaves makes the count one less.
fn prove(topology: &Topology, leaving: u64) -> Vec<Step> {
    let see = |node: &Node| {
        let listen = node.server()?.sentinels.filter(|count| *count > 0)?;
        let action = SentinelAction::AwaitUnwatched {
            at_most: listen.saturating_sub(leaving),
            within_ms: UNWATCHED_MS,
        };
        Some(Step::new(
            &node.name,
            Action::Sentinel(action),
            Undo::Nothing,
        ))
    };
    topology.nodes.iter().filter_map(see).collect()
}

/// One of them.
struct One<'a> {
    inventory: &'a Inventory,
    settings: &'a SentinelSettings,
    spec: &'a NodeSpec,
    facts: &'a HostFacts,
    member: Option<&'a Member>,
    purge: bool,
}

impl One<'_> {
    fn busy(&self) -> Option<Refusal> {
        let sees = self.member?.sees.as_ref()?;
        sees.says("failover_in_progress").then(|| {
            Refusal::new(
                Ground::Sentinel,
                format!("`{}` is in the middle of a failover", self.spec.name),
                "wait until it is done: replctl sentinel status",
            )
        })
    }

    /// Warns of what replctl did not set up, and so does not stop.
    fn foreign(&self) -> Option<Warning> {
        let Listener::Foreign(who) = &self.facts.listener else {
            return None;
        };
        let foreign = match self.member {
            Some(_) => Sentinel::RunsOn(self.settings.name.clone()),
            None => Sentinel::Taken(self.spec.address.port, who.clone()),
        };
        Some(Warning::of(&self.spec.name, foreign))
    }

    /// Whether it listens on the nodes now, and will stop. A frozen Sentinel listens, too.
    fn listens(&self) -> bool {
        match self.member {
            Some(member) => member.sees.is_some(),
            None => self.facts.listener == Listener::Ours,
        }
    }

    /// Whether it watches other deployments too.
    fn is_shared(&self) -> bool {
        let others = self.member.iter().flat_map(|m| &m.watches);
        others.into_iter().any(|n| *n != self.settings.name)
    }

    fn host(&self, action: Do, undo: Option<Do>) -> Step {
        let undo = undo.map_or(Undo::Nothing, |u| Undo::By(Action::Host(u)));
        Step::new(&self.spec.name, Action::Host(action), undo)
    }

    fn end(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = self.leave().into_iter().collect();
        if matches!(self.facts.listener, Listener::Foreign(_)) || self.is_shared() {
            return steps;
        }
        if self.facts.listener == Listener::Ours {
            let launch = Launch::new(self.inventory, self.spec);
            let start = Do::StartServer(launch.clone());
            steps.push(self.host(Do::StopServer(launch), Some(start)));
        }
        let paths = Paths::of(self.inventory, self.spec);
        if let Some(text) = &self.facts.unit {
            let (name, text) = (paths.unit(), text.clone());
            let write = Do::WriteUnit {
                name: name.clone(),
                text,
            };
            steps.push(self.host(Do::RemoveUnit { name }, Some(write)));
        }
        let owner = self.spec.address.port.to_string();
        let file = self.facts.rc_local.as_deref().unwrap_or_default();
        if let Some(lines) = block::get(file, &owner) {
            let path = RC_LOCAL.to_owned();
            let write = Do::WriteBlock {
                path: path.clone(),
                owner: owner.clone(),
                lines,
            };
            steps.push(self.host(Do::RemoveBlock { path, owner }, Some(write)));
        }
        steps
    }

    /// It stops watching this deployment, and its file says so. If it is started again one day, it
    /// does not take a former primary for dead.
    fn leave(&self) -> Option<Step> {
        let sees = self.member?.sees.as_ref()?;
        let (name, at) = (self.settings.name.clone(), self.spec.address.clone());
        let undo = sees.primary.clone().map_or(Undo::Nothing, |primary| {
            Undo::By(Action::Sentinel(SentinelAction::Monitor {
                name: name.clone(),
                at: at.clone(),
                primary,
                rules: rules_of(sees),
            }))
        });
        let action = Action::Sentinel(SentinelAction::Unmonitor { name, at });
        Some(Step::new(&self.spec.name, action, undo))
    }

    /// Deletes its files, and the program if nothing else needs it.
    fn clean(&self) -> Vec<Step> {
        let paths = Paths::of(self.inventory, self.spec);
        let there = self.facts.config.is_some()
            || paths
                .below()
                .iter()
                .any(|d| self.facts.directories.contains_key(d));
        let foreign = matches!(self.facts.listener, Listener::Foreign(_));
        if !self.purge || !there || foreign || self.is_shared() {
            return Vec::new();
        }
        let mut files = vec![paths.config(), paths.log(), paths.pid()];
        files.extend(self.facts.certificates.keys().cloned());
        let mut own: Vec<String> = paths.below().into();
        own.push(paths.data());
        let link = paths.current();
        let mut steps = vec![
            self.host(Do::RemoveFiles { paths: files }, None),
            self.host(Do::RemoveDirectories { paths: own }, None),
        ];
        if let Some(target) = self.facts.current.as_ref().or(self.facts.shared.as_ref()) {
            let node = paths.data();
            let by = match self.facts.current {
                Some(_) => link.clone(),
                None => paths.shared_link(),
            };
            let unlink = Do::RemoveLink {
                link: by,
                node: node.clone(),
            };
            let program = Do::RemoveServer {
                path: format!("{}/{target}", paths.servers()),
                unless: link,
                node,
            };
            steps.extend([self.host(unlink, None), self.host(program, None)]);
        }
        let shared = vec![paths.servers(), paths.root().to_owned()];
        steps.push(self.host(Do::RemoveDirectories { paths: shared }, None));
        steps
    }
}

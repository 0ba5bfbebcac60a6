//! The roles of a plan that would not survive a restart. replctl reports them before the question.
//! Each is refused, or accepted by its own name. Pure.

mod fenced;

use crate::actions::Action;
use crate::actions::rescue::RescueAction;
use crate::actions::role::RoleAction;
use crate::actions::server::ServerAction;
use crate::actions::service::ServiceAction;
use crate::engine::warning::files::Files;
use crate::engine::{Accept, Ground, Mode, Plan, Refusal, Step, Warning};
use crate::topology::service::{Keep, Obstacle, Service};
use crate::topology::{Address, Node, NodeName, Topology};
use serde::{Deserialize, Serialize};

/// Why a role would be lost at a restart, as `--ignore` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unkept {
    /// The server runs without a configuration file.
    NoConfigFile,
    /// The role is on the server's command line.
    RoleOnCommandLine,
    /// The role is in an included file.
    RoleInInclude,
    /// The configuration file cannot be replaced by the server's user.
    ReadOnlyConfig,
    /// The next start reads another file.
    OtherConfigFile,
}

impl Unkept {
    /// The reason for an obstacle.
    fn of(obstacle: &Obstacle) -> Self {
        match obstacle {
            Obstacle::NoFile => Self::NoConfigFile,
            Obstacle::CommandLine(_) => Self::RoleOnCommandLine,
            Obstacle::Include(_) => Self::RoleInInclude,
            Obstacle::ReadOnly { .. } => Self::ReadOnlyConfig,
            Obstacle::OtherFile { .. } => Self::OtherConfigFile,
        }
    }

    /// The option that accepts it.
    pub fn option(self) -> &'static str {
        match self {
            Self::NoConfigFile => "--ignore no-config-file",
            Self::RoleOnCommandLine => "--ignore role-on-command-line",
            Self::RoleInInclude => "--ignore role-in-include",
            Self::ReadOnlyConfig => "--ignore read-only-config",
            Self::OtherConfigFile => "--ignore other-config-file",
        }
    }
}

/// Checks every role that the plan writes. An accepted one becomes a warning, and its write is
/// dropped.
///
/// # Errors
/// Every role that would be lost and was not accepted.
pub fn check(
    plan: &mut Plan,
    topology: &Topology,
    accepted: &[Unkept],
) -> Result<(), Vec<Refusal>> {
    let mut refusals = Vec::new();
    let mut spared: Vec<NodeName> = Vec::new();
    let mut unknown: Vec<(&Node, String)> = Vec::new();
    refusals.extend(fenced::check(plan, topology));
    for name in written(plan) {
        let Some(node) = topology.get(&name) else {
            continue;
        };
        let Some(service) = &node.service else {
            continue;
        };
        if !refusals.is_empty() && fenced::started(plan, node).is_some() {
            continue;
        }
        let started = as_started(service, fenced::started(plan, node));
        let runs = node.server().is_some();
        let service: &Service = if runs { service } else { &started };
        if !runs && service.file.is_none() {
            let why = "where its configuration file is, is not known".to_owned();
            unknown.push((node, why));
            continue;
        }
        let same = |a: &Address, b: &Address| same(topology, node, (a, b));
        let role = future(plan, node);
        let now = node.upstream().map(|up| &up.address);
        match service.keeps(role.as_ref(), now, same) {
            Keep::Yes => {}
            Keep::Unknown(why) => unknown.push((node, why)),
            Keep::No(obstacle) => {
                let kind = Unkept::of(&obstacle);
                let unkept = Files::Unkept {
                    kind,
                    why: obstacle.why(service),
                };
                let unkept = Warning::of(&name, unkept);
                if accepted.contains(&kind) {
                    plan.warnings.push(unkept);
                    spared.push(name);
                } else {
                    let hint = format!(
                        "{}; or accept it: {}",
                        obstacle.remedy(service),
                        accepting(plan, accepted, kind)
                    );
                    refusals.push(
                        Refusal::new(Ground::Difference, unkept.text(), hint)
                            .unless(Accept::Unkept(kind)),
                    );
                }
            }
        }
    }
    fences(plan, topology);
    plan.warnings.extend(not_known(&unknown));
    untried(plan, &spared);
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(refusals)
    }
}

/// Whether two addresses are one node's, as `node` takes them.
fn same(topology: &Topology, node: &Node, (a, b): (&Address, &Address)) -> bool {
    let at = |address| topology.meant_by(node, address).map(|n| &n.name);
    a == b || (at(a).is_some() && at(a) == at(b))
}

/// A stopped server starts from its file, into which the plan may write `role` before, and writes
/// its role into that file then.
fn as_started(service: &Service, role: Option<&Address>) -> Service {
    let settings = match (&service.settings, role, &service.file) {
        (Ok(chain), Some(role), Some(file)) => Ok(chain.fenced(role, file)),
        (settings, _, _) => settings.clone(),
    };
    Service {
        written: service.file.clone(),
        settings,
        ..service.clone()
    }
}

/// Removes from the plan the role writes whose loss was accepted: they would fail.
pub fn untried(plan: &mut Plan, nodes: &[NodeName]) {
    for stage in &mut plan.stages {
        let tried = |s: &Step| {
            s.action == Action::Server(ServerAction::PersistRole) && nodes.contains(&s.node)
        };
        stage.steps.retain(|step| !tried(step));
    }
    plan.stages.retain(|stage| !stage.steps.is_empty());
}

/// The nodes whose roles are written, in the order of the plan.
fn written(plan: &Plan) -> Vec<NodeName> {
    let mut nodes: Vec<NodeName> = Vec::new();
    for step in plan
        .steps()
        .filter(|s| s.action == Action::Server(ServerAction::PersistRole))
    {
        if !nodes.contains(&step.node) {
            nodes.push(step.node.clone());
        }
    }
    nodes
}

/// The role of a node at the end of the plan.
fn future(plan: &Plan, node: &Node) -> Option<Address> {
    let mut role = node.upstream().map(|up| up.address.clone());
    let to_the_goal = plan.stages.iter().filter(|s| s.mode != Mode::OnFailure);
    for step in to_the_goal.flat_map(|s| &s.steps) {
        if step.action.promotes() {
            if step.node == node.name {
                role = None;
            } else if let (Action::Sentinel(_), Some(old)) = (&step.action, node.upstream()) {
                // Sentinel repoints the replicas of the old primary. Their exact upstream matters
                // only if something else blocks the write.
                role = Some(old.address.clone());
            }
        } else if step.node == node.name
            && let Some(address) = follows(&step.action)
        {
            role = Some(address.clone());
        }
    }
    role
}

fn follows(action: &Action) -> Option<&Address> {
    if let Action::Role(
        RoleAction::Follow { address, .. } | RoleAction::FollowAddress { address },
    )
    | Action::Service(ServiceAction::FenceFile { address })
    | Action::Rescue(RescueAction::GiveUp { address, .. }) = action
    {
        Some(address)
    } else {
        None
    }
}

/// The command that accepts it beside what was accepted already.
fn accepting(plan: &Plan, accepted: &[Unkept], kind: Unkept) -> String {
    let mut line = format!("replctl {}", plan.operation.line());
    if !plan.operation.answers().line_accepts_unkept {
        for earlier in accepted {
            line.push(' ');
            line.push_str(earlier.option());
        }
    }
    line.push(' ');
    line.push_str(kind.option());
    line
}

/// As a rule these are all nodes, for one reason, so one line covers them.
fn not_known(unknown: &[(&Node, String)]) -> Option<Warning> {
    let (_, why) = unknown.first()?;
    Some(Warning::of_all(Files::KeepsUnknown {
        nodes: unknown.iter().map(|(node, _)| node.name.clone()).collect(),
        why: why.clone(),
    }))
}

/// replctl must know the file of a stopped server to write it.
fn fences(plan: &mut Plan, topology: &Topology) {
    let mut lost: Vec<NodeName> = Vec::new();
    for step in plan.steps() {
        let Action::Service(ServiceAction::FenceFile { .. }) = step.action else {
            continue;
        };
        let service = topology.get(&step.node).and_then(|n| n.service.as_ref());
        if service.is_some_and(|s| s.file.is_none()) {
            lost.push(step.node.clone());
        }
    }
    for node in &lost {
        plan.warnings.push(Warning::of(node, Files::FenceUnknown));
    }
    for stage in &mut plan.stages {
        let fences =
            |action: &Action| matches!(action, Action::Service(ServiceAction::FenceFile { .. }));
        stage
            .steps
            .retain(|step| !(fences(&step.action) && lost.contains(&step.node)));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

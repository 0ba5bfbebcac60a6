//! The permissions that the steps of a plan need on each node, and the refusals where they lack.
//! Pure.

use crate::actions::Action;
use crate::actions::rescue::RescueAction;
use crate::actions::rights::{
    CLAIM, CONFIG_GET, LIST, NUMSUB, Need, OF_REPLICAS, REWRITE, SEE_CLAIMS,
};
use crate::actions::role::RoleAction;
use crate::actions::server::ServerAction;
use crate::engine::warning::Matter;
use crate::engine::warning::login::{LoginTrouble, Refused};
use crate::engine::{Accept, Ground, Mode, Operation, Plan, Refusal, Step, Undo, Warning};
use crate::topology::{Address, NodeName};
use std::collections::{BTreeMap, BTreeSet};

/// Every command that a plan or its undo sends to each node, and those that a look at the node
/// needs.
pub fn of(plan: &Plan) -> BTreeMap<NodeName, BTreeSet<Need>> {
    let mut needs: BTreeMap<NodeName, BTreeSet<Need>> = BTreeMap::new();
    for step in plan.steps() {
        let undo = match &step.undo {
            Undo::By(action) => action.rights(),
            Undo::Nothing | Undo::Impossible => &[],
        };
        let all: Vec<Need> = step.action.rights().iter().chain(undo).copied().collect();
        if !all.is_empty() {
            let of_node = needs.entry(step.node.clone()).or_default();
            of_node.extend(all);
            of_node.extend([CONFIG_GET, NUMSUB, SEE_CLAIMS, CLAIM]);
        }
    }
    for of_node in needs.values_mut() {
        // The same command where it is indispensable.
        if of_node.contains(&LIST) {
            of_node.remove(&SEE_CLAIMS);
        }
    }
    needs
}

/// A node that a plan makes follow another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follower {
    /// The node.
    pub node: NodeName,
    /// The node that it is to follow.
    pub at: NodeName,
    /// The plan goes on without it.
    pub spared: bool,
}

/// The logins that replication needs after a plan, each pair once.
pub fn logins(plan: &Plan) -> Vec<Follower> {
    let mut all: Vec<Follower> = Vec::new();
    for stage in &plan.stages {
        for step in &stage.steps {
            let (Action::Role(
                RoleAction::Follow { upstream, .. } | RoleAction::Demote { upstream, .. },
            )
            | Action::Rescue(RescueAction::GiveUp { upstream, .. })) = &step.action
            else {
                continue;
            };
            let fixed = |s: &Step| {
                s.node == step.node && s.action == Action::Server(ServerAction::SetReplicaAuth)
            };
            if stage.steps.iter().any(fixed) {
                continue;
            }
            if !all.iter().any(|l| l.node == step.node && l.at == *upstream) {
                all.push(Follower {
                    node: step.node.clone(),
                    at: upstream.clone(),
                    spared: stage.mode == Mode::KeepGoing,
                });
            }
        }
    }
    all
}

/// The permissions that a user lacks on a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lacks {
    /// The user's name there.
    pub user: String,
    /// Where the server listens.
    pub address: Option<Address>,
    /// Not allowed.
    pub forbidden: Vec<Need>,
    /// The server does not know the command.
    pub gone: Vec<Need>,
    /// The server does not say.
    pub open: Vec<Need>,
}

/// Why a replica could not replicate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindered {
    /// It cannot log in: the reason.
    Refused(String),
    /// It can log in, and lacks a permission.
    Lacks(Lacks),
}

/// Whether a plan has all permissions it needs. Accepted gaps become warnings.
///
/// # Errors
/// Everything that is missing.
pub fn check(plan: &mut Plan, lacks: &BTreeMap<NodeName, Lacks>) -> Result<(), Vec<Refusal>> {
    let overrides = plan.operation.answers().accepted;
    let accepted = overrides.is_some_and(|all| all.contains(&Accept::Permissions));
    let spares = |need: &&Need| need.without.is_some();
    let (mut refusals, mut warnings, mut unwritten) = (Vec::new(), Vec::new(), Vec::new());
    for (node, lacks) in lacks {
        let user = &lacks.user;
        let all = || lacks.forbidden.iter().chain(&lacks.gone);
        let dispensable = overrides.is_some() && all().all(|need| spares(&need));
        let otherwise = without_backup(plan, lacks)
            .or_else(|| dispensable.then(|| without_these(&plan.operation)))
            .unwrap_or_default();
        if accepted && dispensable {
            warnings.extend(all().map(|need| without(node, user, need)));
            if all().any(|need| *need == REWRITE) {
                unwritten.push(node.clone());
            }
        } else {
            let all = forbidden(node, lacks, &otherwise)
                .into_iter()
                .chain(gone(node, lacks, &otherwise));
            refusals.extend(all.map(|refusal| {
                if dispensable {
                    refusal.unless(Accept::Permissions)
                } else {
                    refusal
                }
            }));
        }
        if !lacks.open.is_empty() {
            let unknown = LoginTrouble::RightsUnknown {
                user: user.clone(),
                commands: names(&lacks.open),
            };
            warnings.push(Warning::of(node, unknown));
        }
    }
    plan.warnings.extend(warnings);
    super::forecast::untried(plan, &unwritten);
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(refusals)
    }
}

/// The hint if the plan can do without what is missing.
fn without_these(operation: &Operation) -> String {
    let again = operation.properties().again();
    format!("; or go without: {again} {}", Accept::Permissions.option())
}

/// The warning about a command that the plan does without.
fn without(node: &NodeName, user: &str, need: &Need) -> Warning {
    let without = LoginTrouble::WithoutCommand {
        user: user.to_owned(),
        command: need.name(),
        without: need.without.unwrap_or_default(),
    };
    Warning::of(node, without)
}

/// The hint if only the backup of an old primary needs what is missing.
fn without_backup(plan: &Plan, lacks: &Lacks) -> Option<String> {
    let Operation::Rejoin(rejoin) = &plan.operation else {
        return None;
    };
    let mut all = lacks.forbidden.iter().chain(&lacks.gone);
    let only = all.all(|need| OF_REPLICAS.contains(need)) && rejoin.backup.is_some();
    only.then(|| {
        format!(
            "; or discard what only it has without a backup: replctl rejoin {0} --discard-data {0}",
            rejoin.node
        )
    })
}

/// The refusal for what a user may not do.
pub fn forbidden(node: &NodeName, lacks: &Lacks, otherwise: &str) -> Option<Refusal> {
    if lacks.forbidden.is_empty() {
        return None;
    }
    let why = format!(
        "the user `{}` may not run {} on `{node}`",
        lacks.user,
        names(&lacks.forbidden).join(", ")
    );
    let hint = format!("{}{otherwise}", allow(lacks));
    Some(Refusal::new(Ground::Permission, why, hint))
}

fn gone(node: &NodeName, lacks: &Lacks, otherwise: &str) -> Option<Refusal> {
    let commands: BTreeSet<&str> = lacks.gone.iter().map(|need| need.words[0]).collect();
    let first = commands.first()?;
    let all: Vec<&str> = commands.iter().copied().collect();
    let why = format!(
        "`{node}` does not know {}: renamed or disabled by `rename-command`",
        all.join(", ")
    );
    let hint = format!(
        "take `rename-command {first} …` out of its configuration file and restart it{otherwise}"
    );
    Some(Refusal::new(Ground::Permission, why, hint))
}

/// The command that grants what is missing, for an administrator to paste.
pub fn allow(lacks: &Lacks) -> String {
    let user = shlex::try_quote(&lacks.user).unwrap_or_default();
    let rules: Vec<String> = lacks
        .forbidden
        .iter()
        .map(|need| format!("'{}'", need.rule))
        .collect();
    let at = lacks
        .address
        .as_ref()
        .map_or_else(String::new, |at| format!(" -h {} -p {}", at.host, at.port));
    format!("redis-cli{at} ACL SETUSER {user} {}", rules.join(" "))
}

fn names(needs: &[Need]) -> Vec<String> {
    needs.iter().map(Need::name).collect()
}

/// Whether the nodes that are to follow others can log in there. Nodes that the plan can do without
/// get a warning.
///
/// # Errors
/// Nodes that it cannot do without.
pub fn check_logins(
    plan: &mut Plan,
    hindered: Vec<(Follower, Hindered)>,
) -> Result<(), Vec<Refusal>> {
    let mut refusals = Vec::new();
    for (Follower { node, at, spared }, why) in hindered {
        let known = |w: &Warning| {
            let behind = Matter::Login(LoginTrouble::LeftBehind {
                at: at.clone(),
                because: Refused::Password,
            });
            w.node.as_ref() == Some(&node) && w.matter == behind
        };
        if plan.warnings.iter().any(known) {
            continue; // it was seen without trying, too
        }
        let because = match why {
            Hindered::Refused(why) => Refused::Said(why),
            Hindered::Lacks(lacks) => Refused::Lacks {
                user: lacks.user.clone(),
                commands: names(&lacks.forbidden),
                allow: allow(&lacks),
            },
        };
        if spared {
            let behind = LoginTrouble::LeftBehind { at, because };
            plan.warnings.push(Warning::of(&node, behind));
        } else {
            let (why, hint) = because.sentences(&node.0, &at);
            let ground = match because {
                Refused::Lacks { .. } => Ground::Permission,
                Refused::Password | Refused::Said(_) => Ground::Login,
            };
            refusals.push(Refusal::new(ground, why, hint));
        }
    }
    refusals.is_empty().then_some(()).ok_or(refusals)
}

#[cfg(test)]
mod tests;

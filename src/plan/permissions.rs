//! What the steps of a plan need to be allowed on each node, and what stands against the plan where
//! it is not. Pure.

use crate::actions::Action;
use crate::actions::rescue::RescueAction;
use crate::actions::rights::{
    CLAIM, CONFIG_GET, LIST, NUMSUB, Need, OF_REPLICAS, REWRITE, SEE_CLAIMS,
};
use crate::actions::role::RoleAction;
use crate::actions::server::ServerAction;
use crate::engine::warning::Matter;
use crate::engine::warning::login::{Login as WarnLogin, Refused};
use crate::engine::{Accept, Ground, Mode, Operation, Plan, Promote, Refusal, Step, Undo, Warning};
use crate::topology::{Address, NodeName};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a plan, or what puts it back, sends to each node; and what looking at it needs.
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
        // The same command, where it cannot be done without.
        if of_node.contains(&LIST) {
            of_node.remove(&SEE_CLAIMS);
        }
    }
    needs
}

/// A node that a plan lets follow another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The node.
    pub node: NodeName,
    /// Whom it is to follow.
    pub at: NodeName,
    /// The plan goes on without it.
    pub spared: bool,
}

/// Who has to be able to log in at whom after a plan, each pair once.
pub fn logins(plan: &Plan) -> Vec<Login> {
    let mut all: Vec<Login> = Vec::new();
    for stage in &plan.stages {
        for step in &stage.steps {
            let (Action::Role(
                RoleAction::Follow { upstream, .. } | RoleAction::Demote { upstream, .. },
            )
            | Action::Rescue(RescueAction::GiveUp { upstream, .. })) = &step.action
            else {
                continue;
            };
            let mended = |s: &Step| {
                s.node == step.node && s.action == Action::Server(ServerAction::SetReplicaAuth)
            };
            if stage.steps.iter().any(mended) {
                continue;
            }
            if !all.iter().any(|l| l.node == step.node && l.at == *upstream) {
                all.push(Login {
                    node: step.node.clone(),
                    at: upstream.clone(),
                    spared: stage.mode == Mode::KeepGoing,
                });
            }
        }
    }
    all
}

/// What a user may not do on a server.
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
    /// It is not let in: the reason.
    Refused(String),
    /// It is let in, and lacks something.
    Lacks(Lacks),
}

/// Whether a plan may do all it needs. What the operator accepts is added to its warnings.
///
/// # Errors
/// Everything that is missing.
pub fn check(plan: &mut Plan, lacks: &BTreeMap<NodeName, Lacks>) -> Result<(), Vec<Refusal>> {
    let promote = match &plan.operation {
        Operation::Promote(promote) => Some(promote),
        Operation::Setup(_)
        | Operation::Move(_)
        | Operation::Detach(_)
        | Operation::Sentinels(_)
        | Operation::Rejoin(_)
        | Operation::Repair(_)
        | Operation::Replay(_)
        | Operation::Add(_)
        | Operation::Remove(_)
        | Operation::Adopt(_) => None,
    };
    let accepted = promote.is_some_and(|p| p.accept.contains(&Accept::Permissions));
    let spares = |need: &&Need| need.without.is_some();
    let (mut refusals, mut warnings, mut unwritten) = (Vec::new(), Vec::new(), Vec::new());
    for (node, lacks) in lacks {
        let user = &lacks.user;
        let all = || lacks.forbidden.iter().chain(&lacks.gone);
        let dispensable = promote.is_some() && all().all(|need| spares(&need));
        let otherwise = without_backup(plan, lacks)
            .or_else(|| Some(without_these(promote.filter(|_| dispensable)?)))
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
            let unknown = WarnLogin::RightsUnknown {
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

/// The way on where the plan can do without what is missing.
fn without_these(promote: &Promote) -> String {
    let node = &promote.node;
    format!("; or go without: replctl promote {node} --ignore permissions")
}

/// What a command means that is done without.
fn without(node: &NodeName, user: &str, need: &Need) -> Warning {
    let without = WarnLogin::WithoutCommand {
        user: user.to_owned(),
        command: need.name(),
        without: need.without.unwrap_or_default(),
    };
    Warning::of(node, without)
}

/// The way on where nothing but the backup of an old primary is in want of it.
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

/// The command that allows what is missing, to be pasted by who may.
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

/// Whether the nodes that are to follow others will be let in there. Those the plan can do without
/// are warned of.
///
/// # Errors
/// Those it cannot do without.
pub fn check_logins(plan: &mut Plan, hindered: Vec<(Login, Hindered)>) -> Result<(), Vec<Refusal>> {
    let mut refusals = Vec::new();
    for (Login { node, at, spared }, why) in hindered {
        let known = |w: &Warning| {
            let behind = Matter::Login(WarnLogin::LeftBehind {
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
            let behind = WarnLogin::LeftBehind { at, because };
            plan.warnings.push(Warning::of(&node, behind));
        } else {
            let (why, hint) = because.told(&node.0, &at);
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

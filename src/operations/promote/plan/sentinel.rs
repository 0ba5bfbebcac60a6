//! Plans another primary where Sentinels watch. The change goes through them: Sentinels undo within
//! a minute what is done beside them. Pure.
//!
//! `SENTINEL FAILOVER` alone leaves the old primary writable for about eleven seconds. Writes that
//! it acknowledges then are lost. So replctl fences, drains and demotes the old primary itself, as
//! in the ordinary hand-over. Sentinel does the promotion, and repoints the others. A priority
//! decides which replica Sentinel takes. The priority is put back at the end.

mod chained;
mod checks;
mod pace;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use self::pace::Pace;
use super::compared;
use crate::actions::Action;
use crate::actions::sentinel::SentinelAction;
use crate::actions::server::ServerAction;
use crate::engine::{Accept, Mode, Operation, Plan, Promote, Refusal, Stage, Step, Undo};
use crate::plan::case::{Case, Lost, find_case, unreachable_others};
use crate::plan::follow::{follow_step, in_sync, loose, persist};
use crate::plan::hand_over::{FENCE_MS, HandOver};
use crate::plan::{gather, preflight, roles};
use crate::topology::sentinel::Watch;
use crate::topology::{Address, Node, Topology};

/// How long the Sentinels may take to see a new priority, ms: they look every ten seconds
/// (measured: 5 to 10 s).
const PRIORITY_MS: u64 = 15_000;
/// How long Sentinel may take to promote, ms (measured: 160 to 270 ms).
const PROMOTE_MS: u64 = 10_000;
/// How long to wait for the end of a failover, in addition to the time that the Sentinels' own
/// settings allow, ms.
const AGREE_MS: u64 = 15_000;
/// The priority that makes Sentinel take a replica before all others.
const FIRST: u32 = 1;

/// Plans `operation` through the Sentinels in `watch`; `None`: the nodes count Sentinels, and none
/// was found.
pub fn plan(
    operation: &Promote,
    topology: &Topology,
    watch: Option<&Watch>,
) -> Result<Plan, Vec<Refusal>> {
    let unknown = || checks::unknown(operation, topology);
    let target = topology.get(&operation.node).ok_or_else(unknown)?;
    let case = find_case(target, topology)?;
    let watch = checks::usable(operation, topology, watch)?;
    let mut plan = Plan {
        operation: Operation::Promote(operation.clone()),
        stages: Vec::new(),
        warnings: unreachable_others(target, &case, topology),
        may_lose: None,
    };
    plan.warnings.extend(checks::silent(watch));
    plan.warnings.extend(checks::in_tilt(watch));
    match case {
        Case::Already => {
            checks::agreed(target, watch)?;
            preflight::attach(operation, target, topology, &mut plan.warnings)?;
            plan.warnings.extend(checks::left_first(target));
            plan.stages = gather::stages(target, topology);
        }
        Case::HandOver { old } => hand_over(operation, target, old, topology, watch, &mut plan)?,
        Case::FailOver { lost } => fail_over(operation, target, &lost, topology, watch, &mut plan)?,
    }
    plan.stages.retain(|s| !s.steps.is_empty());
    Ok(plan)
}

/// What both cases have in common: which Sentinel to ask, and for what.
struct Way<'a> {
    target: &'a Node,
    watch: &'a Watch,
    /// The Sentinel that is asked.
    at: Address,
    /// The others that could be asked as well.
    able: Vec<Address>,
    /// The target as the Sentinels know it.
    replica: Address,
    /// Its priority; to be put back.
    priority: u32,
    /// How to make the Sentinels see another priority, and how long that may take.
    pace: Pace,
}

impl Way<'_> {
    /// Makes the Sentinels take the target before all others.
    ///
    /// The Sentinels' INFO period is put back before writes are stopped. If a primary is demoted
    /// and no node is promoted, Sentinels replace it after down-after and two of their periods. The
    /// steps after the demotion need all of this time.
    fn choose(&self) -> Vec<Step> {
        let hasten = self.pace.hasten().map(|(set, back)| {
            let set = self.step(set, Undo::By(Action::Sentinel(back.clone())));
            (set, self.step(back, Undo::Nothing))
        });
        let (set, back) = hasten.unzip();
        let mut steps = Vec::new();
        if self.priority != FIRST {
            steps.push(Step::new(
                &self.target.name,
                set_priority(FIRST),
                Undo::By(set_priority(self.priority)),
            ));
        }
        // Only after the priority is set: the Sentinels look at once, and then again half a second
        // later.
        steps.extend(set);
        steps.push(self.step(
            SentinelAction::AwaitPriority {
                name: self.watch.name.clone(),
                sentinels: self.watch.able().cloned().collect(),
                replica: self.replica.clone(),
                priority: FIRST,
                within_ms: self.pace.sees_within_ms,
            },
            Undo::Nothing,
        ));
        steps.extend(back);
        steps
    }

    /// The last wait before writes are stopped.
    fn turn(&self) -> Option<Step> {
        let action = SentinelAction::AwaitTurn {
            name: self.watch.name.clone(),
            at: self.at.clone(),
            replica: self.replica.clone(),
            age_ms: pace::AGE_MS,
        };
        let wait = pace::has_turn(&self.at, self.watch);
        wait.then(|| self.step(action, Undo::Nothing))
    }

    fn promote(&self) -> Step {
        let action = SentinelAction::FailOver {
            name: self.watch.name.clone(),
            at: self.at.clone(),
            or: self.able.clone(),
            within_ms: PROMOTE_MS,
            priority: (self.priority != FIRST).then_some(self.priority),
        };
        self.step(action, Undo::Impossible)
    }

    fn agree(&self) -> Step {
        let action = SentinelAction::AwaitAgreed {
            name: self.watch.name.clone(),
            sentinels: self.watch.addresses(),
            primary: self.replica.clone(),
            within_ms: self.watch.failover_timeout_ms() + AGREE_MS,
        };
        self.step(action, Undo::Nothing)
    }

    fn step(&self, action: SentinelAction, undo: Undo) -> Step {
        Step::new(&self.target.name, Action::Sentinel(action), undo)
    }

    /// Whether Sentinel repoints the node. replctl repoints the nodes that Sentinel does not know
    /// as replicas of the old primary.
    fn repoints(&self, node: &Node) -> bool {
        self.watch
            .up()
            .any(|(_, sees)| sees.replica(node).is_some())
    }

    /// Everything after the promotion. `unfence` ends the fence of the old primary, which is then
    /// the first of `moved`.
    fn afterwards(&self, unfence: Option<Step>, moved: &[&Node]) -> Vec<Stage> {
        let others = moved.iter().skip(usize::from(unfence.is_some()));
        let own = others.filter(|n| !self.repoints(n));
        let own: Vec<Step> = own.map(|n| follow_step(n, self.target)).collect();
        let mut restore = Vec::new();
        if self.priority != FIRST {
            let back = set_priority(self.priority);
            restore.push(Step::new(&self.target.name, back, Undo::Nothing));
        }
        let written: Vec<&Node> = std::iter::once(self.target)
            .chain(moved.iter().copied())
            .collect();
        vec![
            Stage {
                title: "let Sentinel repoint the others".to_owned(),
                mode: Mode::KeepGoing,
                steps: unfence
                    .into_iter()
                    .chain([self.agree()])
                    .chain(own)
                    .collect(),
            },
            in_sync(self.target, moved),
            Stage {
                title: "put the priority back".to_owned(),
                mode: Mode::KeepGoing,
                steps: restore,
            },
            persist(&written),
        ]
    }
}

fn set_priority(priority: u32) -> Action {
    Action::Server(ServerAction::SetDirective {
        name: "replica-priority".to_owned(),
        value: priority.to_string(),
    })
}

/// The primary answers.
fn hand_over(
    operation: &Promote,
    target: &Node,
    old: &Node,
    topology: &Topology,
    watch: &Watch,
    plan: &mut Plan,
) -> Result<(), Vec<Refusal>> {
    let mut refusals = Vec::new();
    let through = through(operation);
    if let Err(more) = preflight::hand_over(&through, target, old, topology, &mut plan.warnings) {
        refusals.extend(more);
    }
    let warnings = &mut plan.warnings;
    let first = chained::first(target, old, topology, watch, &mut refusals, warnings);
    let new = first.as_ref().map(|f| f.replica.clone());
    let way = checks::hand_over(
        operation,
        target,
        old,
        topology,
        (watch, new),
        &mut refusals,
    );
    let Some(way) = way.filter(|_| refusals.is_empty()) else {
        return Err(refusals);
    };
    plan.warnings.extend(way.pace.warnings.iter().cloned());
    let hand_over = HandOver::new(target, old, topology, first.is_some());
    let hand_over = hand_over.fenced_for(fence_ms(watch));
    plan.stages.extend(first.into_iter().flat_map(|f| f.stages));
    let mut steps = way.choose();
    steps.extend(hand_over.near());
    steps.extend(way.turn());
    steps.extend(hand_over.sequence(way.promote()));
    plan.stages.push(Stage {
        title: format!(
            "hand over from {} to {} through Sentinel",
            old.name, target.name
        ),
        mode: Mode::Atomic,
        steps,
    });
    let unfence = Some(hand_over.unfence());
    plan.stages
        .extend(way.afterwards(unfence, &hand_over.repointed()));
    Ok(())
}

/// The primary is dead. replctl does not interfere if Sentinel fails over by itself. If Sentinel
/// could do it and does nothing, replctl tells it to.
fn fail_over(
    operation: &Promote,
    target: &Node,
    lost: &Lost<'_>,
    topology: &Topology,
    watch: &Watch,
    plan: &mut Plan,
) -> Result<(), Vec<Refusal>> {
    let Some(new) = target.server() else {
        return preflight::answers(target);
    };
    let mut refusals = Vec::new();
    preflight::readiness(target, new, None, &mut refusals);
    preflight::watched(target, new, &mut refusals);
    let (through, warnings) = (through(operation), &mut plan.warnings);
    compared::never_synced(operation, target, new, &mut refusals, warnings);
    preflight::drift(
        &through,
        target,
        new,
        new,
        topology,
        &mut refusals,
        warnings,
    );
    let told = (&mut refusals, warnings);
    plan.may_lose = compared::estimate(operation, target, new, lost, topology, told);
    let way = checks::fail_over(
        operation,
        target,
        lost.node(),
        topology,
        watch,
        &mut refusals,
    );
    let Some(way) = way.filter(|_| refusals.is_empty()) else {
        return Err(refusals);
    };
    plan.warnings.extend(way.pace.warnings.iter().cloned());
    let others: Vec<&Node> = loose(target, lost.node(), topology).collect();
    let mut steps = way.choose();
    if !others.is_empty() && !operation.accept.contains(&Accept::DataLoss) {
        let names = others.iter().map(|n| n.name.clone()).collect();
        let check = Action::Server(ServerAction::CheckMostAdvanced { others: names });
        steps.push(Step::new(&target.name, check, Undo::Nothing));
    }
    steps.push(roles::check(target, topology));
    steps.push(way.promote());
    plan.stages.push(Stage {
        title: format!("fail over to {} through Sentinel", target.name),
        mode: Mode::Atomic,
        steps,
    });
    plan.stages.extend(way.afterwards(None, &others));
    Ok(())
}

/// The operation for the ordinary checks. They refuse where Sentinels watch, but this operation
/// goes through the Sentinels.
fn through(operation: &Promote) -> Promote {
    let mut through = operation.clone();
    through.accept.push(Accept::WithoutSentinel);
    through
}

/// How long writes may be stopped, ms: less than any Sentinel waits before it takes the old primary
/// for down. The pause also holds back what a Sentinel publishes there, and so its whole
/// connection.
fn fence_ms(watch: &Watch) -> u64 {
    watch.down_after_ms().map_or(FENCE_MS, |down| down / 4 * 3)
}

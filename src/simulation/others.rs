//! Somebody else changes a role by hand between any two steps of every plan in small deployments: a
//! promotion, a demotion or a repoint. This includes the undo steps after a failure.
//!
//! The change by hand may lose writes and may make a second primary. The plan must not. It loses no
//! acknowledged write, and makes no node a primary while there is another one. That is even more
//! important for the undo.

use super::harness::Injected;
use super::world::{Servers, World};
use super::{access, name, operations, topologies};
use crate::actions::Action;
use crate::actions::role::RoleAction;
use crate::engine::journal::Outcome;
use crate::engine::{Detach, Move, Plan, Rejoin, Repair};
use crate::operations::repair::plan::Owns;
use crate::operations::{detach, promote, repair};
use crate::plan::divergence::Own;
use crate::plan::roles;
use crate::topology::detached::Observed;
use crate::topology::{Address, NodeName, Topology};

/// One change by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByHand {
    /// Right before which call.
    pub call: usize,
    /// The number of the node.
    pub node: usize,
    /// Its new upstream; none: `REPLICAOF NO ONE`.
    pub of: Option<Address>,
}

impl Servers {
    /// Somebody else changes a role now, if it is the moment.
    pub(super) fn intrude(&mut self) {
        let due = |by_hand: &&ByHand| by_hand.call == self.call;
        let Some(ByHand { node, of, .. }) = self.by_hand.as_ref().filter(due).cloned() else {
            return;
        };
        self.change(node, of);
    }

    fn change(&mut self, node: usize, of: Option<Address>) {
        if self.sims[node].of.is_none() && of.is_some() {
            // A person who demotes a primary gives up the writes that have not reached all other
            // nodes.
            let others = || {
                self.sims
                    .iter()
                    .enumerate()
                    .filter(|(i, s)| *i != node && s.up)
            };
            let everywhere = |w: &u32| others().all(|(_, s)| s.log.contains(w));
            let given_up = self.sims[node].log.iter().filter(|w| !everywhere(w));
            let given_up: Vec<u32> = given_up.copied().collect();
            self.given_up.extend(given_up);
        }
        self.sims[node].of = of;
        self.traffic();
    }

    /// The nodes that are primaries now.
    pub(super) fn reigning(&self) -> Vec<usize> {
        let is = |i: &usize| self.sims[*i].up && self.sims[*i].of.is_none();
        (0..self.sims.len()).filter(is).collect()
    }

    /// Judges the effect of a step on the nodes that were primaries `before` it; `call`: its
    /// number.
    pub(super) fn weigh(
        &mut self,
        before: &[usize],
        call: usize,
        node: &NodeName,
        action: &Action,
    ) {
        let after = self.reigning();
        let alone = |i: &usize| self.alone.contains(&self.sims[*i].name);
        let made = after.iter().find(|i| !before.contains(i) && !alone(i));
        let Some(made) = made.filter(|_| self.by_hand.is_some() && !self.parted) else {
            return;
        };
        let others = before.iter().filter(|i| after.contains(i) && !alone(i));
        let others = others.filter(|i| *i != made);
        // No one can read another node and change this one at the same moment. The undo has time to
        // look first.
        let unseen = |other: &&usize| {
            let last = self.by_hand.as_ref();
            let restores = matches!(action, Action::Role(RoleAction::RestorePrimary { .. }));
            !restores && last.is_some_and(|h| h.call == call && h.node == **other)
        };
        let seen: Vec<String> = others
            .filter(|o| !unseen(o))
            .map(|o| self.sims[*o].name.to_string())
            .collect();
        if !seen.is_empty() {
            let text = format!("`{node}`: {action}: {} is a primary", seen.join(", "));
            self.violations.push(text);
        }
    }
}

/// What is planned in one deployment.
struct Case<'a> {
    plan: &'a Plan,
    fresh: &'a dyn Fn() -> World,
    what: &'a str,
}

impl Case<'_> {
    /// Every change by hand before every step and every undo step. Returns their number.
    fn disturbed(&self) -> usize {
        let straight = (self.fresh)();
        straight.start(self.plan);
        let mut count = 0;
        for call in 0..straight.calls() {
            for (node, of) in changes(&(self.fresh)()) {
                count += 1;
                let by_hand = |call| ByHand {
                    call,
                    node,
                    of: of.clone(),
                };
                self.once(by_hand(call), None);
                for how in [Injected::Nothing, Injected::Answer] {
                    // The undo of a fence, a demotion and a comparison takes fewer steps than that.
                    for later in 1..=4 {
                        count += 1;
                        self.once(by_hand(call + later), Some((call, how)));
                    }
                }
            }
        }
        count
    }

    /// Every change by hand between every death and its resume or rollback.
    fn died(&self) -> usize {
        let mut count = 0;
        for line in 0..=2 * self.plan.steps().count() + 1 {
            for (node, of) in changes(&(self.fresh)()) {
                count += 1;
                let world = self.world(None);
                world.dies(self.plan, line);
                let mut servers = world.lock();
                servers.by_hand = Some(ByHand {
                    call: usize::MAX,
                    node,
                    of: of.clone(),
                });
                servers.change(node, of.clone());
                drop(servers);
                let how = format!("{} died at {line}, then {node} {of:?}", self.what);
                self.taken_up(&world, &how);
            }
        }
        count
    }

    fn world(&self, by_hand: Option<ByHand>) -> World {
        let world = (self.fresh)();
        let mut servers = world.lock();
        servers.planned = roles::replicas(self.plan);
        servers.by_hand = by_hand;
        drop(servers);
        world
    }

    fn once(&self, by_hand: ByHand, failure: Option<(usize, Injected)>) {
        let how = format!("{} {by_hand:?} {failure:?}", self.what);
        let world = self.world(Some(by_hand));
        let outcome = match failure {
            Some((call, how)) => world.fails(self.plan, call, how),
            None => world.start(self.plan),
        };
        self.holds(&world, &outcome, &how);
        if matches!(outcome, Outcome::RolledBack { .. }) && failure.is_none() {
            let fenced = world.lock().sims.iter().any(|s| s.fenced);
            assert!(!fenced, "{how}: a fence is left");
        }
        if matches!(outcome, Outcome::Stopped { .. }) {
            world.crash();
            self.taken_up(&world, &format!("{how} {outcome:?}"));
        }
    }

    /// Resumes it, and rolls it back.
    fn taken_up(&self, world: &World, how: &str) {
        for back in [false, true] {
            let again = world.again();
            let ended = if back {
                // A run that cannot be rolled back stays as it is.
                let Ok(ended) = again.roll_back(self.plan) else {
                    continue;
                };
                ended
            } else {
                again.resume(self.plan)
            };
            self.holds(&again, &ended, &format!("{how}, put back: {back}"));
        }
    }

    /// Asserts that the plan lost no acknowledged write and made no second primary. If it stopped
    /// half-way because somebody else made another primary, its writes still exist, and a person
    /// decides.
    fn holds(&self, world: &World, outcome: &Outcome, how: &str) {
        let servers = world.lock();
        let tell = || {
            let sims = servers
                .sims
                .iter()
                .map(|s| format!("{}: {:?} {:?}", s.name, s.of, s.log));
            let steps = self
                .plan
                .steps()
                .map(|s| format!("{}: {}", s.node, s.action));
            let lines: Vec<String> = sims.chain(steps).collect();
            format!("{how} {outcome:?}\n{}", lines.join("\n"))
        };
        assert!(
            servers.violations.is_empty(),
            "{:?} {}",
            servers.violations,
            tell()
        );
        let all: Vec<usize> = (0..servers.sims.len()).collect();
        let primaries = servers.reigning();
        let stopped = matches!(outcome, Outcome::Stopped { .. });
        let holders = if primaries.is_empty() || stopped {
            &all
        } else {
            &primaries
        };
        let gone = servers.acked.iter().filter(|w| {
            let held = holders.iter().any(|i| servers.sims[*i].log.contains(w));
            !held && !servers.given_up.contains(w) && !servers.backed_up.contains(w)
        });
        let gone: Vec<&u32> = gone.collect();
        let accepted = self.plan.may_lose.is_some();
        assert!(gone.is_empty() || accepted, "{gone:?} are gone: {}", tell());
    }
}

/// Every role that a person can give to a node that is up.
fn changes(world: &World) -> Vec<(usize, Option<Address>)> {
    let servers = world.lock();
    let up = |i: &usize| servers.sims[*i].up;
    let nodes: Vec<usize> = (0..servers.sims.len()).filter(up).collect();
    let mut all = Vec::new();
    for node in &nodes {
        all.push((*node, None));
        let others = nodes.iter().filter(|i| *i != node);
        all.extend(others.map(|i| (*node, Some(servers.sims[*i].address.clone()))));
    }
    all
}

fn in_every(
    topologies: &[Topology],
    plans: &dyn Fn(&Topology) -> Vec<(String, Plan)>,
) -> (usize, usize) {
    let (mut planned, mut disturbed) = (0, 0);
    for topology in topologies {
        for (what, plan) in plans(topology) {
            planned += 1;
            let fresh = || World::new(topology);
            let case = Case {
                plan: &plan,
                fresh: &fresh,
                what: &what,
            };
            disturbed += case.disturbed() + case.died();
        }
    }
    (planned, disturbed)
}

fn small() -> Vec<Topology> {
    (2..=3).flat_map(topologies).collect()
}

#[test]
fn a_promotion_beside_somebody_else_loses_nothing_and_makes_no_second_primary() {
    let plans = |topology: &Topology| {
        let access = access(topology, true);
        let all = operations(topology.nodes.len()).into_iter();
        let planned = all.filter_map(|operation| {
            let plan = promote::plan::plan(&operation, topology, &access).ok()?;
            Some((format!("{operation:?}"), plan))
        });
        planned.collect()
    };
    let (planned, disturbed) = in_every(&small(), &plans);
    println!("{planned} promotions, disturbed {disturbed} times");
    assert!(planned > 40 && disturbed > 15_000, "{planned}, {disturbed}");
}

#[test]
fn a_move_and_a_detachment_beside_somebody_else_lose_nothing() {
    let plans = |topology: &Topology| {
        let n = topology.nodes.len();
        let mut all = Vec::new();
        for node in 0..n {
            let operation = Detach { node: name(node) };
            let plan = detach::plan::plan(&operation, &Observed::new(topology.clone(), &[])).ok();
            all.extend(plan.map(|plan| (format!("{operation:?}"), plan)));
            for under in 0..n {
                let operation = Move {
                    node: name(node),
                    under: name(under),
                    discard_data: false,
                    update_inventory: false,
                };
                let plan = crate::operations::moves::plan::plan(&operation, topology).ok();
                all.extend(plan.map(|plan| (format!("{operation:?}"), plan)));
            }
        }
        all
    };
    let (planned, disturbed) = in_every(&small(), &plans);
    println!("{planned} moves and detachments, disturbed {disturbed} times");
    assert!(planned >= 20 && disturbed > 3_500, "{planned}, {disturbed}");
}

#[test]
fn a_return_beside_somebody_else_loses_nothing() {
    let rejoin = Rejoin {
        node: name(1),
        under: Some(name(0)),
        backup: Some("/b".to_owned()),
    };
    let keep = Repair {
        keep: name(0),
        backup: "/b".to_owned(),
        discard_data: Vec::new(),
    };
    let (mut planned, mut disturbed) = (0, 0);
    for topology in (2..=3).flat_map(super::rejoin::split) {
        let fresh = || super::rejoin::world(&topology);
        let now = fresh().observe();
        let pair = crate::operations::rejoin::checks::pair(&rejoin, &now, &[], false).unwrap();
        let own = Own::Unknown("it is simulated".to_owned());
        let plans = [
            crate::operations::rejoin::plan::plan(&rejoin, pair, &own, &now).unwrap(),
            repair::plan::plan(&keep, &Owns::new(), &now).unwrap(),
        ];
        for plan in &plans {
            planned += 1;
            let case = Case {
                plan,
                fresh: &fresh,
                what: "a return",
            };
            disturbed += case.disturbed() + case.died();
        }
    }
    println!("{planned} returns, disturbed {disturbed} times");
    assert!(planned > 5 && disturbed > 500, "{planned}, {disturbed}");
}

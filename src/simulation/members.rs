//! Nodes that come into every small deployment, and leave it, whatever they are found as: a death
//! at every journal line, resumed and rolled back; a failure of every step; and somebody else who
//! edits the inventory at any moment.

pub(super) mod host;
pub(super) mod world;

use super::run::Run;
use super::world::{Injected, Nobody};
use super::{ALWAYS, NEVER};
use crate::engine::journal::Outcome;
use crate::engine::{Add, Plan, Remove, Undo};
use crate::inventory::edit::Edit;
use crate::inventory::parse::parse;
use crate::plan::facts::Listener;
use crate::topology::NodeName;
use futures::executor::block_on;
use host::{Begin, Keys};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use world::{FILE, MINE, World, address, coming, name, text};

fn run<'a>(
    plan: &'a Plan,
    world: &'a World,
    stop: &'a AtomicBool,
) -> Run<'a, World, World, Nobody> {
    Run {
        plan,
        act: world,
        journal: world,
        watch: &Nobody,
        concurrency: 4,
        interrupted: stop,
    }
}

/// One beginning, and what is to come of it.
struct Case<'a> {
    what: String,
    plan: Plan,
    begin: &'a World,
    /// All is as it was asked for.
    reached: &'a dyn Fn(&World, &str),
}

#[derive(Default, Debug)]
struct Counts {
    plans: usize,
    refused: usize,
    deaths: usize,
    rollbacks: usize,
    failures: usize,
    edits: usize,
}

impl Case<'_> {
    fn all(&self, counts: &mut Counts) {
        counts.plans += 1;
        let world = self.begin.again();
        let outcome = block_on(run(&self.plan, &world, &NEVER).start());
        assert_eq!(
            outcome,
            Outcome::Completed,
            "{} {:#?}",
            self.what,
            self.plan
        );
        (self.reached)(&world, &self.what);
        let calls = world.inner().calls;
        for line in 0..=2 * self.plan.steps().count() {
            counts.deaths += 1;
            self.dies_at(line);
            counts.rollbacks += usize::from(self.rolled_back_at(line));
        }
        for call in 0..calls {
            for how in [Injected::Nothing, Injected::Lost, Injected::Answer] {
                counts.failures += 1;
                self.fails_at(call, how, None);
            }
            for edited in [0, 1, call] {
                counts.edits += 1;
                self.fails_at(call, Injected::Nothing, Some(edited.min(call)));
            }
        }
    }

    fn died_at(&self, line: usize) -> World {
        let world = self.begin.again();
        world.change(|inner| inner.life = Some(line));
        block_on(run(&self.plan, &world, &NEVER).start());
        world.live_on();
        world
    }

    fn resumed(&self, world: &World, what: &str) {
        world.live_on();
        let outcome = block_on(
            run(&self.plan, world, &NEVER).resume(&world.inner().progress, &world.topology()),
        );
        assert_eq!(outcome, Outcome::Completed, "{what} {:#?}", self.plan);
        (self.reached)(world, what);
    }

    fn dies_at(&self, line: usize) {
        let world = self.died_at(line);
        self.resumed(
            &world,
            &format!("{}, died after {line} lines, resumed", self.what),
        );
    }

    fn rolled_back_at(&self, line: usize) -> bool {
        let world = self.died_at(line);
        let what = format!("{}, died after {line} lines, rolled back", self.what);
        let back = block_on(
            run(&self.plan, &world, &NEVER).roll_back(&world.inner().progress, &world.topology()),
        );
        if back.is_err() {
            // Past the point of no return there is only forward.
            self.resumed(&world, &what);
            return false;
        }
        assert!(
            matches!(back, Ok(Outcome::RolledBack { .. })),
            "{what}: {back:?}"
        );
        if self.plan.goes_back_whole() {
            self.as_before(&world, &what);
        }
        true
    }

    fn as_before(&self, world: &World, what: &str) {
        let (now, before) = (world.inner().all(), self.begin.again().inner().all());
        assert_eq!(now, before, "{what} {:#?}", self.plan);
    }

    fn fails_at(&self, call: usize, how: Injected, edited: Option<usize>) {
        let world = self.begin.again();
        world.change(|inner| {
            inner.fail_at = Some((call, how));
            inner.edited_at = edited;
        });
        let outcome = block_on(run(&self.plan, &world, &NEVER).start());
        let what = format!(
            "{}, call {call} fails ({how:?}), edited at {edited:?}: {outcome:?}",
            self.what
        );
        if edited.is_some() {
            // Whatever became of it, what somebody else wrote is there still.
            assert!(world.inner().text.ends_with(MINE), "{what}");
            world.change(|inner| {
                let text = inner.text.trim_end_matches(MINE).to_owned();
                inner.text = text;
            });
        }
        match outcome {
            Outcome::RolledBack { .. } => {
                self.as_before(&world, &what);
                world.live_on();
                let outcome = block_on(run(&self.plan, &world, &NEVER).start());
                assert_eq!(outcome, Outcome::Completed, "{what}");
                (self.reached)(&world, &what);
            }
            Outcome::Stopped { .. } => self.resumed(&world, &what),
            Outcome::Completed | Outcome::Incomplete { .. } | Outcome::Halted { .. } => {
                panic!("{what}")
            }
        }
    }
}

/// Whom each node follows in small deployments; the last line is one whose first primary was
/// replaced.
const TREES: [&[(Option<usize>, Option<usize>)]; 6] = [
    &[(None, None)],
    &[(None, None), (Some(0), Some(0))],
    &[(None, None), (Some(0), Some(0)), (Some(0), Some(0))],
    &[(None, None), (Some(0), Some(0)), (Some(1), Some(1))],
    &[(None, Some(1)), (Some(0), None)],
    &[(None, Some(1)), (Some(0), None), (Some(0), Some(1))],
];

fn wishes(tree: &[(Option<usize>, Option<usize>)]) -> Vec<Option<usize>> {
    tree.iter().map(|(wish, _)| *wish).collect()
}

/// The nodes of a tree with one bit each: down where it is set.
fn found(
    tree: &[(Option<usize>, Option<usize>)],
    down: usize,
    as_what: Begin,
) -> Vec<(Begin, Option<usize>)> {
    let each = tree.iter().enumerate();
    each.map(|(i, (_, of))| {
        (
            if down & (1 << i) == 0 {
                Begin::Runs
            } else {
                as_what
            },
            *of,
        )
    })
    .collect()
}

pub(super) fn addition(i: usize, replicaof: Option<usize>) -> Add {
    Add {
        node: name(i),
        address: address(i),
        replicaof: replicaof.map(name),
        announce: None,
        priority: None,
        ssh: None,
        discard_data: false,
    }
}

/// It is in the file, runs, follows whom it should, comes back as that, and nothing else has
/// changed.
fn has_come(world: &World, before: &World, edit: &Edit, op: &Add, what: &str) {
    let (now, then) = (world.inner(), before.inner());
    assert_eq!(Some(now.text), edit.apply(&then.text), "{what}");
    for (node, host) in &now.hosts {
        if *node != op.node {
            assert_eq!(*host, then.hosts[node], "{what}: {node}");
        }
    }
    let host = &now.hosts[&op.node];
    if matches!(host.facts.listener, Listener::Ours) {
        let again = world.plan_setup(&op.node).unwrap();
        assert!(again.is_empty(), "{what}: {again:#?}");
    }
    assert_eq!(host.keys, Keys::Shared, "{what}");
    let topology = world.topology();
    let above = topology
        .get(&op.node)
        .and_then(|n| topology.upstream_of(n))
        .unwrap();
    assert!(
        op.replicaof.as_ref().is_none_or(|w| *w == above.name),
        "{what}"
    );
}

#[test]
fn a_node_comes_wholly_or_not_at_all() {
    let mut counts = Counts::default();
    let begins = [
        Begin::Bare,
        Begin::Beside,
        Begin::Stopped,
        Begin::Runs,
        Begin::Foreign,
        Begin::Empty,
        Begin::Dead,
    ];
    for (tree, down, begin) in TREES.iter().flat_map(|tree| {
        let downs = 0..1 << tree.len();
        downs.flat_map(move |down| begins.map(|begin| (*tree, down, begin)))
    }) {
        let new = tree.len();
        let root = tree.iter().position(|(_, of)| of.is_none()).unwrap();
        for wanted in std::iter::once(None).chain((0..new).map(Some)) {
            let before = text(&wishes(tree));
            let edit = coming(&before, new, wanted.unwrap_or(0));
            let with = edit.apply(&before).unwrap();
            let mut all = found(tree, down, Begin::Stopped);
            all.push((begin, Some(wanted.unwrap_or(root))));
            let begun = World::new(&before, &with, &all);
            let op = addition(new, wanted);
            let Ok(plan) = begun.plan_add(&op, &edit) else {
                counts.refused += 1;
                continue;
            };
            let case = Case {
                what: format!("{tree:?}, down {down:b}, {begin:?} comes under {wanted:?}"),
                plan,
                begin: &begun,
                reached: &|world, what| has_come(world, &begun, &edit, &op, what),
            };
            case.all(&mut counts);
        }
    }
    println!("{counts:?}");
    assert!(
        counts.plans > 100
            && counts.refused > 50
            && counts.deaths > 2_000
            && counts.failures > 3_000
            && counts.edits > 3_000,
        "the simulation shrank: {counts:?}"
    );
}

/// It is out of the file, does not run nor start, nothing is noted of it, and nothing else has
/// changed.
fn has_gone(world: &World, before: &World, op: &Remove, what: &str) {
    let (now, then) = (world.inner(), before.inner());
    let inventory =
        parse(Path::new(FILE), &now.text).unwrap_or_else(|p| panic!("{what}: {p:?}\n{}", now.text));
    let left: Vec<&NodeName> = inventory.nodes.iter().map(|n| &n.name).collect();
    let wanted: Vec<&NodeName> = then.hosts.keys().filter(|n| **n != op.node).collect();
    assert_eq!(left, wanted, "{what}");
    assert!(
        !now.debts.contains(&op.node) && !now.alone.contains(&op.node),
        "{what}"
    );
    for (node, host) in &now.hosts {
        let was = &then.hosts[node];
        if *node != op.node || op.leave_running || was.dead {
            assert_eq!(host, was, "{what}: {node}");
            continue;
        }
        assert!(!host.runs() && host.facts.unit.is_none(), "{what}");
        assert_eq!(host.facts.config.is_none(), op.purge, "{what}");
        assert_eq!(host.keys == Keys::None, op.purge, "{what}");
        assert!(
            // What is above the deployment's directory may be somebody else's.
            !op.purge || host.facts.directories.keys().all(|d| d == "/db"),
            "{what}: {host:?}"
        );
    }
}

#[test]
fn a_node_leaves_wholly_or_not_at_all() {
    let mut counts = Counts::default();
    for tree in TREES {
        for (down, as_what) in
            (0..1 << tree.len()).flat_map(|d| [(d, Begin::Stopped), (d, Begin::Dead)])
        {
            for node in 0..tree.len() {
                for (purge, leave_running) in [(false, false), (true, false), (false, true)] {
                    for noted in [false, true] {
                        let op = Remove {
                            node: name(node),
                            purge,
                            leave_running,
                        };
                        let file = text(&wishes(tree));
                        let begun = World::new(&file, &file, &found(tree, down, as_what));
                        if noted {
                            begun.change(|inner| inner.debts.push(name(node)));
                        }
                        let Ok(plan) = begun.plan_remove(&op) else {
                            counts.refused += 1;
                            continue;
                        };
                        let lost = plan.steps().any(|s| s.undo == Undo::Impossible);
                        assert!(purge || !lost);
                        let case = Case {
                            what: format!("{tree:?}, down {down:b} ({as_what:?}), {op:?}"),
                            plan,
                            begin: &begun,
                            reached: &|world, what| has_gone(world, &begun, &op, what),
                        };
                        case.all(&mut counts);
                    }
                }
            }
        }
    }
    println!("{counts:?}");
    assert!(
        counts.plans > 100
            && counts.refused > 100
            && counts.deaths > 1_000
            && counts.failures > 1_500
            && counts.edits > 1_000,
        "the simulation shrank: {counts:?}"
    );
}

#[test]
fn an_operator_who_wants_to_stop_finds_nothing_changed() {
    let tree = TREES[2];
    let file = text(&wishes(tree));
    let edit = coming(&file, 3, 0);
    let with = edit.apply(&file).unwrap();
    let mut all = found(tree, 0, Begin::Runs);
    all.push((Begin::Bare, Some(0)));
    let world = World::new(&file, &with, &all);
    let before = world.inner().all();
    let plan = world.plan_add(&addition(3, None), &edit).unwrap();
    let outcome = block_on(run(&plan, &world, &ALWAYS).start());
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(world.inner().all(), before);
}

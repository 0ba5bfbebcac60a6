//! `add` and `remove` in every small deployment, from every state of the node: a death at every
//! journal line, resumed and rolled back; a failure of every step; and another person who edits the
//! inventory at any moment.

pub(super) mod host;
pub(super) mod world;

use super::harness::{Case, Counts, Injected};
use crate::engine::journal::Outcome;
use crate::engine::{Add, Plan, Remove, Undo};
use crate::inventory::edit::Edit;
use crate::inventory::parse::parse;
use crate::plan::facts::Listener;
use crate::topology::NodeName;
use host::{InitialHost, Keys};
use std::cell::Cell;
use std::path::Path;
use world::{FILE, MINE, Members, World, address, coming, name, text};

/// One initial state, and its required outcome.
struct Change<'a> {
    what: String,
    plan: Plan,
    begin: &'a World,
    /// All is as it was asked for.
    reached: &'a dyn Fn(&World, &str),
    /// How many deaths were rolled back.
    rollbacks: &'a Cell<usize>,
}

impl Change<'_> {
    fn as_before(&self, world: &World, how: &str) {
        let (now, before) = (world.lock().all(), self.begin.lock().all());
        assert_eq!(now, before, "{}, {how} {:#?}", self.what, self.plan);
    }

    fn rolled_back(&self, world: &World, how: &str) {
        let Ok(back) = world.roll_back(&self.plan) else {
            // After the point of no return, the plan can only be resumed.
            return self.resumed(world, how);
        };
        assert!(
            matches!(back, Outcome::RolledBack { .. }),
            "{how}: {back:?}"
        );
        if self.plan.goes_back_whole() {
            self.as_before(world, how);
        }
        self.rollbacks.set(self.rollbacks.get() + 1);
    }

    /// Somebody else edits the inventory before some call, and a later call fails. Whatever the
    /// outcome, the foreign edit is still there. Returns the number of runs.
    fn beside_an_editor(&self) -> usize {
        let straight = self.fresh();
        straight.start(&self.plan);
        let mut edits = 0;
        for call in 0..straight.calls() {
            for edited in [0, 1, call] {
                edits += 1;
                let (world, edited) = (self.fresh(), edited.min(call));
                world.lock().edited_at = Some(edited);
                let outcome = world.fails(&self.plan, call, Injected::Nothing);
                let how = format!("call {call} fails, edited at {edited}: {outcome:?}");
                let text = world.lock().text.clone();
                assert!(text.ends_with(MINE), "{}, {how}", self.what);
                text.trim_end_matches(MINE)
                    .clone_into(&mut world.lock().text);
                self.failed(&world, outcome, &how);
            }
        }
        edits
    }
}

impl Case<Members> for Change<'_> {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn fresh(&self) -> World {
        self.begin.again()
    }

    fn reached(&self, world: &World, how: &str) {
        (self.reached)(world, &format!("{}, {how}", self.what));
    }

    fn died(&self, dead: &dyn Fn() -> World, how: &str) {
        self.resumed(&dead(), &format!("{how}, resumed"));
        self.rolled_back(&dead(), &format!("{how}, rolled back"));
    }

    fn failed(&self, world: &World, outcome: Outcome, how: &str) {
        match outcome {
            Outcome::RolledBack { .. } => {
                self.as_before(world, how);
                assert_eq!(world.start(&self.plan), Outcome::Completed, "{how}");
                self.reached(world, how);
            }
            Outcome::Stopped { .. } => self.resumed(world, how),
            Outcome::Completed | Outcome::Incomplete { .. } | Outcome::Halted { .. } => {
                panic!("{}, {how}", self.what)
            }
        }
    }
}

/// How much was simulated of nodes that come or go.
#[derive(Default)]
struct Exhausted {
    counts: Counts,
    rollbacks: Cell<usize>,
    edits: usize,
}

impl Exhausted {
    fn add(&mut self, what: String, plan: Plan, begin: &World, reached: &dyn Fn(&World, &str)) {
        let case = Change {
            what,
            plan,
            begin,
            reached,
            rollbacks: &self.rollbacks,
        };
        case.exhaust(&mut self.counts);
        self.edits += case.beside_an_editor();
    }

    #[track_caller]
    fn is_more_than(&self, least: Counts, edits: usize) {
        self.counts.are_more_than(least);
        let back = self.rollbacks.get();
        println!("{back} rollbacks, {} edits", self.edits);
        assert!(self.edits > edits && back > 0, "{back}, {}", self.edits);
    }
}

/// The upstream of each node in small deployments. In the last line, the first primary was
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

/// The nodes of a tree, one bit for each: down if it is set.
fn found(
    tree: &[(Option<usize>, Option<usize>)],
    down: usize,
    as_what: InitialHost,
) -> Vec<(InitialHost, Option<usize>)> {
    let each = tree.iter().enumerate();
    each.map(|(i, (_, of))| {
        (
            if down & (1 << i) == 0 {
                InitialHost::Runs
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

/// Asserts that the node is in the file, runs, follows its upstream, comes back as that, and that
/// nothing else has changed.
fn has_come(world: &World, before: &World, edit: &Edit, op: &Add, what: &str) {
    let (now, then) = (world.lock(), before.lock());
    let text = edit.apply(&then.text);
    assert_eq!(Some(&now.text), text.as_ref(), "{what}");
    for (node, host) in &now.hosts {
        if *node != op.node {
            assert_eq!(*host, then.hosts[node], "{what}: {node}");
        }
    }
    let host = &now.hosts[&op.node];
    if matches!(host.facts.listener, Listener::Ours) {
        let again = now.plan_setup(&op.node).unwrap();
        assert!(again.is_empty(), "{what}: {again:#?}");
    }
    assert_eq!(host.keys, Keys::Shared, "{what}");
    let topology = now.topology();
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
    let mut done = Exhausted::default();
    let begins = [
        InitialHost::Bare,
        InitialHost::Beside,
        InitialHost::Stopped,
        InitialHost::Runs,
        InitialHost::Foreign,
        InitialHost::Empty,
        InitialHost::Dead,
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
            let mut all = found(tree, down, InitialHost::Stopped);
            all.push((begin, Some(wanted.unwrap_or(root))));
            let begun = World::new(&before, &with, &all);
            let op = addition(new, wanted);
            let Ok(plan) = begun.lock().plan_add(&op, &edit) else {
                done.counts.refused += 1;
                continue;
            };
            let what = format!("{tree:?}, down {down:b}, {begin:?} comes under {wanted:?}");
            done.add(what, plan, &begun, &|world, how| {
                has_come(world, &begun, &edit, &op, how);
            });
        }
    }
    done.is_more_than(
        Counts {
            plans: 100,
            refused: 50,
            deaths: 2_000,
            failures: 3_000,
        },
        3_000,
    );
}

/// Asserts that the node is out of the file, neither runs nor starts, has no note, and that nothing
/// else has changed.
fn has_gone(world: &World, before: &World, op: &Remove, what: &str) {
    let (now, then) = (world.lock(), before.lock());
    let inventory =
        parse(Path::new(FILE), &now.text).unwrap_or_else(|p| panic!("{what}: {p:?}\n{}", now.text));
    let left: Vec<&NodeName> = inventory.nodes.iter().map(|n| &n.name).collect();
    let wanted: Vec<&NodeName> = then.hosts.keys().filter(|n| **n != op.node).collect();
    assert_eq!(left, wanted, "{what}");
    assert!(
        !now.pending_demotions.contains(&op.node) && !now.alone.contains(&op.node),
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
            // Folders above the deployment's directory may be foreign.
            !op.purge || host.facts.directories.keys().all(|d| d == "/db"),
            "{what}: {host:?}"
        );
    }
}

#[test]
fn a_node_leaves_wholly_or_not_at_all() {
    let mut done = Exhausted::default();
    for tree in TREES {
        for (down, as_what) in
            (0..1 << tree.len()).flat_map(|d| [(d, InitialHost::Stopped), (d, InitialHost::Dead)])
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
                            begun.lock().pending_demotions.push(name(node));
                        }
                        let Ok(plan) = begun.lock().plan_remove(&op) else {
                            done.counts.refused += 1;
                            continue;
                        };
                        let lost = plan.steps().any(|s| s.undo == Undo::Impossible);
                        assert!(purge || !lost);
                        let what = format!("{tree:?}, down {down:b} ({as_what:?}), {op:?}");
                        done.add(what, plan, &begun, &|world, how| {
                            has_gone(world, &begun, &op, how);
                        });
                    }
                }
            }
        }
    }
    done.is_more_than(
        Counts {
            plans: 100,
            refused: 100,
            deaths: 1_000,
            failures: 1_500,
        },
        1_000,
    );
}

#[test]
fn an_operator_who_wants_to_stop_finds_nothing_changed() {
    let tree = TREES[2];
    let file = text(&wishes(tree));
    let edit = coming(&file, 3, 0);
    let with = edit.apply(&file).unwrap();
    let mut all = found(tree, 0, InitialHost::Runs);
    all.push((InitialHost::Bare, Some(0)));
    let world = World::new(&file, &with, &all);
    let before = world.lock().all();
    let plan = world.lock().plan_add(&addition(3, None), &edit).unwrap();
    let outcome = world.start_and_stop(&plan);
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(world.lock().all(), before);
}

//! Planners that work on hosts: `setup`, `add`, `remove`, and those for the Sentinels themselves.

use super::Snapshot;
use crate::engine::{Operation, Remove, Sentinels, Setup};
use crate::simulation::members::addition;
use crate::simulation::members::host::InitialHost;
use crate::simulation::members::world::{World, coming, name, text};
use crate::simulation::sentinel_setup::boxes::World as Boxes;
use crate::simulation::sentinel_setup::host::InitialSentinel as Found;

/// The initial state of the last node's host, in words.
fn host(begin: InitialHost) -> &'static str {
    match begin {
        InitialHost::Bare => "the host of n2 has nothing",
        InitialHost::Beside => "the host of n2 runs another server of replctl's",
        InitialHost::Stopped => "the server of n2 is stopped, and its files are there",
        InitialHost::Runs => "replctl has set up the server of n2",
        InitialHost::Foreign => "somebody else has set up the server of n2",
        InitialHost::Empty => "n2 runs as a primary without a key",
        InitialHost::Dead => "the host of n2 is off",
    }
}

/// n0 with the replica n1, and n2 in this initial state.
fn three(begin: InitialHost) -> World {
    let with = text(&[None, Some(0), Some(0)]);
    let of = Some(0).filter(|_| !matches!(begin, InitialHost::Empty));
    let found = [
        (InitialHost::Runs, None),
        (InitialHost::Runs, Some(0)),
        (begin, of),
    ];
    World::new(&with, &with, &found)
}

#[test]
fn setup_plans() {
    let mut snapshot = Snapshot::of("setup", "What `replctl setup NODE` plans.");
    for (title, begin) in [
        ("a bare host", InitialHost::Bare),
        ("beside another server", InitialHost::Beside),
        ("a server that is stopped", InitialHost::Stopped),
        ("all is as it should be", InitialHost::Runs),
        ("a server of somebody else", InitialHost::Foreign),
        ("a host that cannot be reached", InitialHost::Dead),
    ] {
        let world = three(begin);
        let wish = Operation::Setup(Setup {
            nodes: vec![name(2)],
            discard_data: Vec::new(),
        });
        let planned = world.lock().plan_setup(&name(2));
        snapshot.case(title, &world.observe(), &[host(begin)], &wish, planned);
    }
    snapshot.hold();
}

#[test]
fn add_plans() {
    let mut snapshot = Snapshot::of("add", "What `replctl add` plans.");
    for (title, begin, under) in [
        ("a bare host", InitialHost::Bare, None),
        ("under a replica", InitialHost::Bare, Some(1)),
        ("beside another server", InitialHost::Beside, None),
        ("a replica that runs already", InitialHost::Foreign, None),
        ("a host that cannot be reached", InitialHost::Dead, None),
    ] {
        let before = text(&[None, Some(0)]);
        let edit = coming(&before, 2, under.unwrap_or(0));
        let after = edit.apply(&before).unwrap();
        let of = Some(under.unwrap_or(0));
        let found = [
            (InitialHost::Runs, None),
            (InitialHost::Runs, Some(0)),
            (begin, of),
        ];
        let world = World::new(&before, &after, &found);
        let wish = addition(2, under);
        let planned = world.lock().plan_add(&wish, &edit);
        let operation = Operation::Add(wish);
        snapshot.case(title, &world.observe(), &[host(begin)], &operation, planned);
    }
    snapshot.hold();
}

#[test]
fn remove_plans() {
    let mut snapshot = Snapshot::of("remove", "What `replctl remove` plans.");
    for (title, begin, node, purge, leave_running) in [
        ("a replica", InitialHost::Runs, 2, false, false),
        ("with its files", InitialHost::Runs, 2, true, false),
        ("its server goes on", InitialHost::Runs, 2, false, true),
        ("its host is off", InitialHost::Dead, 2, false, false),
        ("the primary", InitialHost::Runs, 0, false, false),
    ] {
        let world = three(begin);
        let wish = Remove {
            node: name(node),
            purge,
            leave_running,
        };
        let planned = world.lock().plan_remove(&wish);
        let operation = Operation::Remove(wish);
        snapshot.case(title, &world.observe(), &[host(begin)], &operation, planned);
    }
    snapshot.hold();
}

/// The initial state of the third Sentinel, in words.
fn sentinel(found: Found) -> &'static str {
    match found {
        Found::Bare => "the host of the third Sentinel has nothing",
        Found::Beside => "the host of the third Sentinel runs a server of the deployment",
        Found::Stopped => "the third Sentinel is stopped",
        Found::StoppedIdle => "the third Sentinel is stopped, and its file names no deployment",
        Found::Idle => "the third Sentinel runs and watches nothing",
        Found::Otherwise => "the third Sentinel watches by other rules",
        Found::Well => "the third Sentinel watches as it should",
    }
}

#[test]
fn plans_of_sentinel_setup_and_remove() {
    let mut setup = Snapshot::of("sentinel-setup", "What `replctl sentinel setup` plans.");
    let mut remove = Snapshot::of("sentinel-remove", "What `replctl sentinel remove` plans.");
    for (title, found) in [
        ("a bare host", Found::Bare),
        ("beside a server", Found::Beside),
        ("one that is stopped", Found::Stopped),
        ("one that watches nothing", Found::Idle),
        ("one with other rules", Found::Otherwise),
        ("all is as it should be", Found::Well),
    ] {
        let world = Boxes::new([Found::Well, Found::Well, found]);
        let (topology, besides) = (world.observe(), [sentinel(found)]);
        let wish = Operation::Sentinels(Sentinels::Setup);
        setup.case(title, &topology, &besides, &wish, world.lock().plan());
        for purge in [false, true] {
            let wish = Operation::Sentinels(Sentinels::Remove { purge });
            remove.case(
                title,
                &topology,
                &besides,
                &wish,
                world.lock().plan_removal(purge),
            );
        }
    }
    setup.hold();
    remove.hold();
}

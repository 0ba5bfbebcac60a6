//! The link to the server program: each node has its own, or all of a host share one.

use super::begin::InitialNode;
use super::setup;
use super::stage::{Stage, payload};
use crate::actions::Action;
use crate::actions::host::HostAction;
use crate::config::{Paths, unit};
use crate::engine::Plan;
use crate::topology::NodeName;

const UP: [InitialNode; 3] = [
    InitialNode::FullPrimary,
    InitialNode::Replica { of: 0 },
    InitialNode::Replica { of: 0 },
];

/// One node as it was made before each had its own link.
fn together(world: &mut Stage, i: usize) {
    let spec = world.inventory.nodes[i].clone();
    let paths = Paths::new("/db/redis", 6379).by_shared_link();
    let text = unit::unit(&paths, &world.inventory, &spec);
    let facts = world.hosts.get_mut(&spec.name).unwrap().as_mut().unwrap();
    facts.unit = Some(text);
    facts.shared = facts.current.take();
}

fn units(plan: &Plan) -> Vec<(NodeName, String)> {
    let text = |s: &'_ crate::engine::Step| match &s.action {
        Action::Host(HostAction::WriteUnit { text, .. }) => Some(text.clone()),
        _ => None,
    };
    plan.steps()
        .filter_map(|s| Some((s.node.clone(), text(s)?)))
        .collect()
}

#[test]
fn what_runs_keeps_its_link_until_it_is_started_anew() {
    let mut world = Stage::new(UP);
    together(&mut world, 1);
    let plan = world.plan(&setup(None)).unwrap();
    assert!(plan.is_empty(), "{:?}", plan.stages);
    assert!(
        plan.warnings[0]
            .text()
            .contains("`slave1` is started by /db/redis/server/current,"),
        "{:?}",
        plan.warnings
    );
    // A new version of the unit keeps it, too.
    let facts = world.hosts.get_mut(&NodeName::from("slave1")).unwrap();
    let facts = facts.as_mut().unwrap();
    facts.unit = facts.unit.as_ref().map(|u| u.replace("LimitCORE=0\n", ""));
    let plan = world.plan(&setup(None)).unwrap();
    let written = units(&plan);
    assert_eq!(written.len(), 1);
    assert!(written[0].1.contains("LimitCORE=0\n"));
    assert!(
        written[0]
            .1
            .contains("ExecStart=/db/redis/server/current/redis-server ")
    );

    let replica = InitialNode::StoppedReplica { of: 0, keys: true };
    let mut world = Stage::new([InitialNode::FullPrimary, replica, InitialNode::Bare]);
    together(&mut world, 1);
    let plan = world.plan(&setup(None)).unwrap();
    for (node, text) in units(&plan) {
        assert!(
            text.contains("ExecStart=/db/redis/server/current-6379/redis-server "),
            "{node}: {text}"
        );
    }
    assert_eq!(units(&plan).len(), 2);
    let links: Vec<String> = plan
        .steps()
        .filter(|s| matches!(s.action, Action::Host(HostAction::LinkServer { .. })))
        .map(|s| format!("{}: {}", s.node, s.action))
        .collect();
    let to = payload().directory_name();
    let line = |node: &str| format!("{node}: point /db/redis/server/current-6379 at {to}");
    assert_eq!(links, [line("slave1"), line("slave2")]);
}

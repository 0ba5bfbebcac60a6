//! The step that checks that no role was changed since the plan was made. Pure.

use crate::actions::Action;
use crate::actions::role::RoleAction;
use crate::actions::role::{NodeRole, Was};
use crate::actions::server::ServerAction;
use crate::engine::{Plan, Step, Undo};
use crate::topology::{Node, NodeName, Topology};
use std::collections::HashSet;

/// The step, on `node`, for every node of the deployment.
///
/// The plan was made from one look. Hooks, waits and the operator's answer take seconds. In that
/// time another operator, a person with redis-cli or a Sentinel may have changed a role.
pub fn check(node: &Node, topology: &Topology) -> Step {
    check_after(node, topology, None)
}

/// The same, after an earlier step of the plan gave `moved` a new upstream.
pub fn check_after(node: &Node, topology: &Topology, moved: Option<(&NodeName, &Was)>) -> Step {
    let roles = topology.nodes.iter().map(|n| {
        let was = match &moved {
            Some((name, was)) if *name == &n.name => (*was).clone(),
            Some(_) | None => role(n),
        };
        NodeRole {
            node: n.name.clone(),
            was,
        }
    });
    let action = Action::Role(RoleAction::CheckRoles {
        roles: roles.collect(),
    });
    Step::new(&node.name, action, Undo::Nothing)
}

/// The step on `node` for itself and `other` only, if other stages change the other roles.
pub fn check_pair(node: &Node, other: &Node) -> Step {
    let roles = [node, other].map(|n| NodeRole {
        node: n.name.clone(),
        was: role(n),
    });
    let action = Action::Role(RoleAction::CheckRoles {
        roles: roles.to_vec(),
    });
    Step::new(&node.name, action, Undo::Nothing)
}

fn role(node: &Node) -> Was {
    match node.upstream() {
        Some(upstream) => Was::ReplicaOf(upstream.address.clone()),
        None if node.server().is_some() => Was::Primary,
        None => Was::Silent,
    }
}

/// The names of all nodes but one.
pub fn others(node: &Node, topology: &Topology) -> Vec<NodeName> {
    let others = topology.nodes.iter().filter(|n| n.name != node.name);
    others.map(|n| n.name.clone()).collect()
}

/// The nodes that are replicas in a plan and that it never promotes. If one of them is a primary
/// later, somebody else promoted it, however old the plan is. Its new writes must not be replaced.
pub fn replicas(plan: &Plan) -> Vec<NodeName> {
    let mut found: Vec<NodeName> = Vec::new();
    for step in plan.steps() {
        if let Action::Role(RoleAction::CheckRoles { roles }) = &step.action {
            let replicas = roles.iter().filter(|r| matches!(r.was, Was::ReplicaOf(_)));
            found.extend(replicas.map(|r| r.node.clone()));
        }
        // Only a replica is restored by following an upstream.
        if matches!(
            step.undo,
            Undo::By(Action::Role(RoleAction::FollowAddress { .. }))
        ) {
            found.push(step.node.clone());
        }
        // It is restarted as a replica, and is none only by this plan.
        let restarts = matches!(
            step.action,
            Action::Server(ServerAction::ShutDown {
                follows: Some(_),
                ..
            })
        );
        if restarts && !demotes(plan, &step.node) {
            found.push(step.node.clone());
        }
    }
    let promoted = plan.steps().filter(|s| s.action.promotes());
    let promoted: HashSet<&NodeName> = promoted.map(|s| &s.node).collect();
    found.retain(|name| !promoted.contains(name));
    found.sort();
    found.dedup();
    found
}

fn demotes(plan: &Plan, node: &NodeName) -> bool {
    let mut steps = plan.steps().filter(|s| s.node == *node);
    steps.any(|s| matches!(s.action, Action::Role(RoleAction::Demote { .. })))
}

/// The node that is primary now, although a begun step of the plan promoted another one (`began`
/// tells which steps were begun). Somebody else changed that since. Going on would make the others
/// follow a node that is no primary any more.
pub fn superseded(
    plan: &Plan,
    began: &dyn Fn(usize, usize) -> bool,
    now: &Topology,
) -> Option<(NodeName, NodeName)> {
    let began = |(stage, step): (usize, usize)| began(stage, step);
    let mut steps = plan.numbered();
    let (_, step) = steps.rfind(|(at, step)| step.action.promotes() && began(*at))?;
    now.get(&step.node)?.upstream()?;
    let other = now.primaries().next()?;
    Some((step.node.clone(), other.name.clone()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::engine::Promote;
    use crate::operations::promote;
    use crate::topology::sample;
    use std::collections::BTreeMap;

    #[test]
    fn those_that_only_ever_follow_are_replicas_of_the_plan() {
        let node = |i: usize, of: Option<usize>| {
            sample::node(&format!("n{i}"), i, of.map(sample::address))
        };
        let topology = Topology {
            nodes: vec![node(0, None), node(1, Some(0)), node(2, Some(0))].into(),
        };
        let replicas = |to: &str, topology: &Topology| {
            let operation = Promote {
                node: to.into(),
                accept: Vec::new(),
            };
            replicas(&promote::plan::plan(&operation, topology, &BTreeMap::new()).unwrap())
        };
        assert_eq!(replicas("n1", &topology), ["n2".into()]);
        // If the plan only repoints the other nodes, it checks no role again. Their undo names
        // their former upstreams.
        let mut astray = topology.clone();
        astray.nodes[2] = node(2, Some(7));
        assert_eq!(replicas("n0", &astray), ["n2".into()]);

        let operation = Promote {
            node: "n1".into(),
            accept: Vec::new(),
        };
        let plan = promote::plan::plan(&operation, &topology, &BTreeMap::new()).unwrap();
        let mut now = topology.clone();
        (now.nodes[0], now.nodes[1]) = (node(0, Some(2)), node(1, Some(2)));
        now.nodes[2] = node(2, None);
        let found = superseded(&plan, &|_, _| true, &now);
        assert_eq!(found, Some(("n1".into(), "n2".into())));
        assert_eq!(superseded(&plan, &|stage, _| stage == 0, &now), None);
        // Half-way there is no primary; afterwards the promoted node is one.
        now.nodes[2] = node(2, Some(0));
        assert_eq!(superseded(&plan, &|_, _| true, &now), None);
        (now.nodes[0], now.nodes[1]) = (node(0, Some(1)), node(1, None));
        assert_eq!(superseded(&plan, &|_, _| true, &now), None);
    }
}

//! Plans to detach a replica: it becomes a writable primary that is no longer part of the
//! deployment. Pure.

use crate::actions::Action;
use crate::actions::local::LocalAction;
use crate::actions::role::RoleAction;
use crate::engine::warning::change::Change;
use crate::engine::{Detach, Ground, Mode, Operation, Plan, Refusal, Stage, Step, Undo, Warning};
use crate::plan::follow::persist;
use crate::plan::gather::outlives;
use crate::plan::root::{Root, walk};
use crate::plan::{preflight, roles};
use crate::topology::detached::Observed;
use crate::topology::lineage::never_synced;
use crate::topology::{Link, Node, State, Topology, Upstream, sentinel};

const LOOK: &str = "see: replctl status";

/// Plans `operation`.
pub fn plan(operation: &Detach, seen: &Observed) -> Result<Plan, Vec<Refusal>> {
    let topology = seen.all();
    let name = &operation.node;
    let Some(node) = topology.get(name) else {
        return Err(vec![Refusal::new(
            Ground::NoNode,
            format!("the inventory has no node `{name}`"),
            LOOK,
        )]);
    };
    let mut plan = Plan {
        operation: Operation::Detach(operation.clone()),
        stages: Vec::new(),
        warnings: Vec::new(),
        may_lose: None,
    };
    if seen.is_detached(name) && node.is_primary() {
        if !outlives(node, topology) {
            plan.stages.push(persist(&[node]));
        }
        return Ok(plan);
    }
    let upstream = detachable(node, topology)?;
    plan.warnings = warnings(node, upstream);
    let address = upstream.address.clone();
    let remember = Step::new(
        name,
        Action::Local(LocalAction::NoteAlone { address }),
        Undo::By(Action::Local(LocalAction::ForgetAlone)),
    );
    // After this step clients may write to the node, so no undo puts it back.
    let promote = Step::new(name, Action::Role(RoleAction::Promote), Undo::Impossible);
    plan.stages = vec![
        Stage {
            title: format!("detach {name}"),
            mode: Mode::Atomic,
            steps: vec![roles::check(node, topology), remember, promote],
        },
        persist(&[node]),
    ];
    Ok(plan)
}

/// All refusals. If there is none: the node's upstream.
fn detachable<'a>(node: &'a Node, topology: &'a Topology) -> Result<&'a Upstream, Vec<Refusal>> {
    let name = &node.name;
    let server = match &node.state {
        State::Up(server) => server,
        State::Down(trouble) => {
            let why = format!("`{name}` cannot be detached: {}", trouble.detail);
            return Err(vec![Refusal::new(Ground::Unreachable, why, LOOK)]);
        }
    };
    let Some(upstream) = node.upstream() else {
        return Err(vec![Refusal::new(
            Ground::Role,
            format!("`{name}` is a primary, and follows nobody it could be detached from"),
            "to take it out, make another the primary first: replctl promote",
        )]);
    };
    let mut out = Vec::new();
    if let Some(count) = sentinel::watched(topology) {
        let (s, es) = if count == 1 { ("", "es") } else { ("s", "") };
        out.push(Refusal::new(
            Ground::Sentinel,
            format!("{count} Sentinel{s} watch{es}, and would attach `{name}` again within seconds, and drop what was written to it"),
            format!("stop its server, let them forget it (replctl sentinel forget {name}), and start it again without `replicaof` in its file"),
        ));
    }
    preflight::watched(node, server, &mut out);
    if server.loading.is_some() || upstream.sync.is_some() || never_synced(&server.replication) {
        out.push(Refusal::new(
            Ground::NotReady,
            format!(
                "`{name}` has not got its data yet: detached now, it would have old data or none"
            ),
            "wait until it is in sync: replctl status",
        ));
    }
    let ground = match walk(node, topology) {
        Root::Primary(_) => None,
        Root::Down(_) => Some(Ground::Unreachable),
        Root::Stranger | Root::Loop => Some(Ground::Topology),
    };
    out.extend(ground.map(|ground| {
        Refusal::new(
            ground,
            format!("no primary above `{name}` answers: it may hold what no other node has"),
            format!("if it is to be the primary: replctl promote {name}"),
        )
    }));
    followers(node, topology, &mut out);
    if out.is_empty() {
        Ok(upstream)
    } else {
        Err(out)
    }
}

/// Refuses if other nodes follow it: they would get no writes any more.
fn followers(node: &Node, topology: &Topology, out: &mut Vec<Refusal>) {
    let name = &node.name;
    let under = topology.nodes.iter().filter(|other| {
        topology
            .upstream_of(other)
            .is_some_and(|up| up.name == *name && other.name != *name)
    });
    out.extend(under.map(|other| {
        let above = topology
            .upstream_of(node)
            .map_or("NODE", |up| up.name.0.as_str());
        Refusal::new(
            Ground::Topology,
            format!("`{}` has its data from `{name}`", other.name),
            format!("replctl move {} --under {above}", other.name),
        )
    }));
}

fn warnings(node: &Node, upstream: &Upstream) -> Vec<Warning> {
    let mut out = vec![Warning::of(&node.name, Change::Detached)];
    if upstream.link == Link::Down {
        let old = Change::DetachedOld(upstream.down_since_seconds);
        out.push(Warning::of(&node.name, old));
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::engine::Setup;
    use crate::plan::detached::spared;
    use crate::topology::NodeName;
    use crate::topology::sample::{address, down, node, seed};

    fn run(name: &str, topology: &Topology, alone: &[NodeName]) -> Result<Plan, Vec<Refusal>> {
        let seen = Observed::new(topology.clone(), alone);
        plan(&Detach { node: name.into() }, &seen)
    }

    #[test]
    fn it_is_noted_before_it_is_done() {
        let plan = run("slave2", &seed(), &[]).unwrap();
        let actions: Vec<String> = plan.steps().map(|s| s.action.to_string()).collect();
        assert_eq!(
            actions,
            [
                "see that nobody else has changed a role",
                "note that it stands alone",
                "make it primary",
                "write its role into its configuration file and read it back",
            ]
        );
        assert!(
            plan.warnings[0]
                .text()
                .contains("writable primary of its own")
        );
    }

    #[test]
    fn the_primary_and_what_others_need_stays() {
        assert!(
            run("master", &seed(), &[]).unwrap_err()[0]
                .why
                .contains("is a primary")
        );
        let mut chain = seed();
        chain.nodes[2] = node("slave2", 2, Some(address(1)));
        let refused = run("slave1", &chain, &[]).unwrap_err();
        assert_eq!(refused[0].hint, "replctl move slave2 --under master");
        if let State::Up(server) = &mut chain.nodes[0].state {
            server.sentinels = Some(3);
        }
        assert_eq!(run("slave1", &chain, &[]).unwrap_err().len(), 2);
        let mut headless = seed();
        headless.nodes[0] = down("master", 0);
        assert_eq!(
            run("slave1", &headless, &[]).unwrap_err()[0].hint,
            "if it is to be the primary: replctl promote slave1"
        );
        let ground = |seen: &Topology| run("slave1", seen, &[]).unwrap_err()[0].ground;
        assert_eq!(ground(&headless), Ground::Unreachable);
        // A circle: all its nodes answer.
        let mut circle = seed();
        circle.nodes[0] = node("master", 0, Some(address(2)));
        circle.nodes[2] = node("slave2", 2, Some(address(0)));
        circle.nodes[1] = node("slave1", 1, Some(address(0)));
        assert_eq!(ground(&circle), Ground::Topology);
    }

    #[test]
    fn what_stands_alone_is_left_alone() {
        let mut topology = seed();
        topology.nodes[2] = node("slave2", 2, None);
        let seen = Observed::new(topology.clone(), &["slave2".into(), "slave1".into()]);
        let alone = &seen.detached_but(&[])[..];
        assert_eq!(alone, ["slave2".into()]);
        assert!(run("slave2", &topology, alone).unwrap().is_empty());
        assert_eq!(seen.deployment().primaries().count(), 1);
        assert_eq!(seen.all().primaries().count(), 2);
        let back = seen.deployment_with(alone);
        assert_eq!(back.primaries().count(), 2);
        let all: Vec<NodeName> = topology.nodes.iter().map(|n| n.name.clone()).collect();
        let setup = |nodes: &[&str]| Setup {
            nodes: nodes.iter().map(|n| NodeName::from(*n)).collect(),
            discard_data: Vec::new(),
        };
        assert_eq!(
            spared(&setup(&[]), &all, alone, None).unwrap().nodes,
            ["master".into(), "slave1".into()]
        );
        assert!(spared(&setup(&["slave2"]), &all, alone, None).is_err());
        assert_eq!(spared(&setup(&[]), &all, &[], None).unwrap(), setup(&[]));
    }
}

//! What is done about the primary: one of its replicas takes over, or it is started again alone.

use super::{AdoptInput, Subject, checks, follows, is_managed, later};
use crate::engine::operation::Properties as _;
use crate::engine::warning::adopt::Adopt as Say;
use crate::engine::{Adopt, Ground, Plan, Promote, Refusal, Warning};
use crate::topology::{Node, NodeName};

/// How the plan treats the primary.
pub(super) enum Way {
    /// No hand-over: no primary is adopted, or it has no replica that could take over.
    Restart,
    /// It hands over to this node, by these stages.
    HandOver(NodeName, Box<Plan>),
}

/// What is done about the primary, or why it cannot be done.
pub(super) fn way(
    op: &Adopt,
    around: &AdoptInput<'_>,
    subjects: &[Subject<'_>],
) -> Result<Way, Vec<Refusal>> {
    let primaries: Vec<_> = subjects.iter().filter(|s| s.node.is_primary()).collect();
    let [primary] = primaries[..] else {
        return match primaries[..] {
            [] => Ok(Way::Restart),
            _ => Err(vec![several(&primaries)]),
        };
    };
    let name = &primary.spec.name;
    let below = |n: &&Node| follows(around.topology, n, name);
    let replicas: Vec<&Node> = around.topology.nodes.iter().filter(below).collect();
    if replicas.is_empty() {
        return restart(op, around, primary);
    }
    let ours = |n: &&Node| is_managed(n) || subjects.iter().any(|s| s.spec.name == n.name);
    let candidates: Vec<&Node> = replicas.iter().copied().filter(ours).collect();
    let later = later::adopted(around, subjects, false);
    let mut refusals = Vec::new();
    for candidate in candidates {
        let promote = Promote {
            node: candidate.name.clone(),
            accept: Vec::new(),
        };
        match (around.hand_over)(&promote, &later) {
            Ok(plan) => return Ok(Way::HandOver(candidate.name.clone(), Box::new(plan))),
            Err(why) if refusals.is_empty() => refusals = why,
            Err(_) => {}
        }
    }
    if refusals.is_empty() {
        let first = replicas.first().map_or("NODE", |n| n.name.0.as_str());
        refusals.push(Refusal::new(
            Ground::Role,
            format!("`{name}` is the primary, and none of its replicas is replctl's: nobody can take over from it"),
            format!("adopt a replica first: replctl adopt {first}; or all of them: replctl adopt --all"),
        ));
    }
    Err(refusals)
}

/// A primary without a replica that could take over.
fn restart(
    op: &Adopt,
    around: &AdoptInput<'_>,
    primary: &Subject<'_>,
) -> Result<Way, Vec<Refusal>> {
    let refusals = checks::alone(around, primary);
    if !refusals.is_empty() {
        return Err(refusals);
    }
    if op.pause {
        return Ok(Way::Restart);
    }
    let name = &primary.spec.name;
    let used = primary.node.server().and_then(|s| s.used_memory);
    let says = Warning::of(name, Say::Pause(used.unwrap_or(0)));
    Err(vec![
        Refusal::new(
            Ground::Topology,
            says.text(),
            format!(
                "give it a replica first: replctl add; or accept the pause: replctl {}",
                with_pause(op)
            ),
        )
        .unless(crate::engine::Accept::Pause),
    ])
}

/// The command with the option that accepts a pause.
pub(super) fn with_pause(op: &Adopt) -> String {
    let again = Adopt {
        pause: true,
        ..op.clone()
    };
    again.line()
}

fn several(primaries: &[&Subject<'_>]) -> Refusal {
    let names: Vec<String> = primaries
        .iter()
        .map(|p| format!("`{}`", p.spec.name))
        .collect();
    Refusal::new(
        Ground::Role,
        format!(
            "{} are primaries: first decide whose data to keep",
            names.join(" and ")
        ),
        "replctl repair",
    )
}

//! Whether the hosts whose nodes are to follow a name know that name. Pure.

use crate::actions::Action;
use crate::actions::rescue::RescueAction;
use crate::actions::role::RoleAction;
use crate::engine::warning::login::{LoginTrouble, name_unknown};
use crate::engine::{Ground, Mode, Plan, Refusal, Step, Warning};
use crate::inventory::address::is_literal;
use crate::topology::{Address, NodeName};
use std::collections::{BTreeMap, BTreeSet};

/// How hosts resolve names, by node; empty for a name that its host does not know.
pub type There = BTreeMap<NodeName, BTreeMap<String, Vec<String>>>;

/// The node and the address that a step makes its node follow.
fn followed(step: &Step) -> Option<(&NodeName, &Address)> {
    if let Action::Role(
        RoleAction::Follow { upstream, address }
        | RoleAction::Demote {
            upstream, address, ..
        },
    )
    | Action::Rescue(RescueAction::GiveUp {
        upstream, address, ..
    }) = &step.action
    {
        return Some((upstream, address));
    }
    None
}

/// The names that hosts will have to resolve.
pub fn needed(plan: &Plan) -> BTreeMap<NodeName, BTreeSet<String>> {
    let mut needed: BTreeMap<NodeName, BTreeSet<String>> = BTreeMap::new();
    for step in plan.steps() {
        if let Some((_, at)) = followed(step).filter(|(_, at)| !is_literal(&at.host)) {
            let names = needed.entry(step.node.clone()).or_default();
            names.insert(at.host.clone());
        }
    }
    needed
}

/// Applies `there` to the plan. A node that would be left behind gets a warning. A node that the
/// plan cannot do without is refused.
///
/// # Errors
/// Everything that stands against it.
pub fn check(plan: &mut Plan, there: &There) -> Result<(), Vec<Refusal>> {
    let (mut refusals, mut warnings) = (Vec::new(), Vec::new());
    for stage in &plan.stages {
        for step in &stage.steps {
            let Some((upstream, at)) = followed(step) else {
                continue;
            };
            let told = there.get(&step.node).and_then(|t| t.get(&at.host));
            if told.is_none_or(|ips| !ips.is_empty()) {
                continue;
            }
            if stage.mode == Mode::KeepGoing {
                let name = LoginTrouble::NameUnknown {
                    upstream: upstream.clone(),
                    at: at.clone(),
                };
                warnings.push(Warning::of(&step.node, name));
            } else {
                refusals.push(unknown(&step.node, upstream, at));
            }
        }
    }
    plan.warnings.extend(warnings);
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(refusals)
    }
}

/// The refusal for a node whose host does not know the name of its new upstream.
pub fn unknown(node: &NodeName, upstream: &NodeName, at: &Address) -> Refusal {
    let (why, hint) = name_unknown(&node.0, upstream, at);
    Refusal::new(Ground::Host, why, hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Move, Operation, Stage, Undo};

    fn plan(mode: Mode) -> Plan {
        let follow = Action::Role(RoleAction::Follow {
            upstream: "db1".into(),
            address: Address::new("db1.example.org", 6379),
        });
        let step = Step::new(&"db2".into(), follow, Undo::Nothing);
        Plan {
            operation: Operation::Move(Move {
                node: "db2".into(),
                under: "db1".into(),
                discard_data: false,
                update_inventory: false,
            }),
            stages: vec![Stage {
                title: String::new(),
                mode,
                steps: vec![step],
            }],
            warnings: Vec::new(),
            may_lose: None,
        }
    }

    fn there(ips: &[&str]) -> There {
        let ips = ips.iter().map(|ip| (*ip).to_owned()).collect();
        let told = BTreeMap::from([("db1.example.org".to_owned(), ips)]);
        BTreeMap::from([("db2".into(), told)])
    }

    #[test]
    fn a_name_that_a_host_does_not_know_is_told_before_it_is_followed() {
        let mut needing = plan(Mode::Atomic);
        assert!(needed(&needing)[&"db2".into()].contains("db1.example.org"));
        let said = check(&mut needing, &there(&[])).map_err(|r| r[0].why.clone());
        let why = "the host of `db2` does not know the name `db1.example.org`, so `db2` could not replicate from `db1`";
        assert_eq!(said, Err(why.to_owned()));
        // The name is known, or the host cannot be asked.
        assert!(check(&mut needing, &there(&["10.0.0.1"])).is_ok());
        assert!(check(&mut needing, &There::new()).is_ok());
        assert!(needing.warnings.is_empty());
        // In a stage that keeps going, the node does not stop the others.
        let mut others = plan(Mode::KeepGoing);
        assert!(check(&mut others, &there(&[])).is_ok());
        assert!(others.warnings[0].text().starts_with(why), "{others:?}");
    }
}

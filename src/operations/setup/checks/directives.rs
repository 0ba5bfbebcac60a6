//! Directives of the inventory that the program has refused in a trial, each with its place. Pure.

use crate::engine::warning::host::Host;
use crate::engine::{Ground, Refusal, Warning};
use crate::inventory::NodeSpec;
use crate::operations::setup::plan::Look;
use crate::plan::facts::trial::{Trial, WrongDirective};
use crate::topology::NodeName;
use std::collections::BTreeMap;

/// One refusal for each directive, with all nodes that it is wrong for.
pub(super) fn refusals(look: &Look<'_>) -> Vec<Refusal> {
    let mut all: BTreeMap<&WrongDirective, Vec<String>> = BTreeMap::new();
    for (node, trial) in trials(look) {
        if let Trial::Heard(wrong) = trial {
            for one in wrong {
                all.entry(one).or_default().push(format!("`{}`", node.name));
            }
        }
    }
    let file = look.inventory.path.display().to_string();
    all.into_iter()
        .map(|(wrong, nodes)| refusal(wrong, &nodes.join(", "), &file))
        .collect()
}

fn refusal(wrong: &WrongDirective, nodes: &str, file: &str) -> Refusal {
    let WrongDirective { name, why, place } = wrong;
    let what =
        format!("the server of {nodes} does not take `{name}` as the inventory has it: {why}");
    match place {
        Some((line, column)) => Refusal::new(
            Ground::Inventory,
            format!("{file}:{line}:{column}: {what}"),
            format!("correct `{name}` in line {line} of {file}, or take it out"),
        ),
        None => Refusal::new(
            Ground::Inventory,
            what,
            format!("correct `{name}` in a `config` of {file}, or take it out"),
        ),
    }
}

/// Warns where the program could not try the directives.
pub(super) fn warnings(look: &Look<'_>) -> Vec<Warning> {
    let mut all: BTreeMap<&str, Vec<NodeName>> = BTreeMap::new();
    for (node, trial) in trials(look) {
        if let Trial::Untried(why) = trial {
            all.entry(why).or_default().push(node.name.clone());
        }
    }
    let untried = |(why, nodes): (&str, Vec<NodeName>)| {
        Warning::of_all(Host::Untried {
            nodes,
            why: why.to_owned(),
        })
    };
    all.into_iter().map(untried).collect()
}

fn trials<'a>(look: &'a Look<'_>) -> impl Iterator<Item = (&'a NodeSpec, &'a Trial)> {
    look.scope()
        .filter_map(|node| Some((node, &look.facts(&node.name)?.trial)))
}

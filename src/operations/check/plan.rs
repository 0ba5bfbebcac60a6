//! Plans the changes of `check --fix`: the safe changes of all findings, each with its undo. Pure.

use crate::actions::Action;
use crate::engine::{FixHosts, Mode, Operation, Plan, Stage, Step, Undo};
use crate::findings::Finding;
use crate::topology::NodeName;

/// The nodes whose hosts need a change, without duplicates.
pub fn concerned(found: &[Finding]) -> Vec<NodeName> {
    let mut nodes: Vec<NodeName> = Vec::new();
    let fixed = found.iter().filter(|finding| !finding.repairs.is_empty());
    for node in fixed.filter_map(|finding| finding.node.as_ref()) {
        if !nodes.contains(node) {
            nodes.push(node.clone());
        }
    }
    nodes
}

/// Plans `operation`. If a step fails on a host, the whole host is put back.
pub fn plan(operation: &FixHosts, found: &[Finding]) -> Plan {
    let mut steps: Vec<Step> = Vec::new();
    for finding in found {
        let Some(node) = finding.node.as_ref() else {
            continue;
        };
        for repair in &finding.repairs {
            let undo = Undo::By(Action::Host(repair.undo.clone()));
            let step = Step::new(node, Action::Host(repair.action.clone()), undo);
            if operation.nodes.contains(node) && !steps.contains(&step) {
                steps.push(step);
            }
        }
    }
    let title = "set on hosts what the servers need";
    let stages = if steps.is_empty() {
        Vec::new()
    } else {
        vec![Stage::new(title, Mode::PerNode, steps)]
    };
    Plan {
        operation: Operation::FixHosts(operation.clone()),
        stages,
        warnings: Vec::new(),
        may_lose: None,
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;
    use crate::actions::host::HostAction;
    use crate::findings::hosts::Repair;
    use crate::findings::{Context, findings};
    use crate::topology::testing::typo;

    fn set(value: &str) -> HostAction {
        HostAction::SetKernel {
            file: "/proc/sys/vm/overcommit_memory".to_owned(),
            value: value.to_owned(),
        }
    }

    /// Findings of two nodes. One of them can be fixed, by two equal changes.
    fn found() -> Vec<Finding> {
        let mut found = findings(&typo(), &Context::default());
        let repair = Repair {
            action: set("1"),
            undo: set("0"),
        };
        let first = found.iter_mut().find(|finding| finding.node.is_some());
        first.expect("a finding").repairs = vec![repair.clone(), repair];
        found
    }

    #[test]
    fn each_change_is_planned_once_with_what_puts_it_back() {
        let found = found();
        let nodes = concerned(&found);
        assert_eq!(nodes.len(), 1);
        let plan = plan(&FixHosts { nodes }, &found);
        let steps: Vec<&Step> = plan.steps().collect();
        assert_eq!(steps.len(), 1);
        assert_eq!(
            steps[0].action.to_string(),
            "set /proc/sys/vm/overcommit_memory to 1"
        );
        assert_eq!(steps[0].undo, Undo::By(Action::Host(set("0"))));
    }

    #[test]
    fn what_appeared_on_another_host_meanwhile_is_left_alone() {
        let other = FixHosts {
            nodes: vec![NodeName::from("another")],
        };
        assert!(plan(&other, &found()).is_empty());
        assert!(plan(&other, &[]).stages.is_empty());
    }
}

//! Plans the changes of `check --fix`: the safe changes of all findings, each with its undo. Pure.

use crate::actions::Action;
use crate::engine::{FixHosts, Mode, Operation, Plan, Stage, Step, Undo};
use crate::findings::Finding;
use crate::topology::NodeName;

/// The first nodes of the hosts that need a change, without duplicates.
pub fn concerned(found: &[Finding]) -> Vec<NodeName> {
    let mut nodes: Vec<NodeName> = Vec::new();
    for repair in found.iter().flat_map(|finding| &finding.repairs) {
        if !nodes.contains(&repair.on) {
            nodes.push(repair.on.clone());
        }
    }
    nodes
}

/// Plans `operation`. If a step fails on a host, the whole host is put back.
pub fn plan(operation: &FixHosts, found: &[Finding]) -> Plan {
    let mut steps: Vec<Step> = Vec::new();
    for repair in found.iter().flat_map(|finding| &finding.repairs) {
        let undo = Undo::By(Action::Host(repair.undo.clone()));
        let step = Step::new(&repair.on, Action::Host(repair.action.clone()), undo);
        if operation.nodes.contains(&repair.on) && !steps.contains(&step) {
            steps.push(step);
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
            on: NodeName::from("first"),
            action: set("1"),
            undo: set("0"),
        };
        let first = found.iter_mut().find(|finding| finding.node.is_some());
        first.expect("a finding").repairs = vec![repair.clone(), repair];
        // Another server on the same host.
        let keep = Repair {
            on: NodeName::from("first"),
            action: set("2"),
            undo: set("0"),
        };
        let last = found.iter_mut().rfind(|finding| finding.node.is_some());
        last.expect("a finding").repairs.push(keep);
        found
    }

    #[test]
    fn each_change_is_planned_once_with_what_puts_it_back() {
        let found = found();
        let nodes = concerned(&found);
        assert_eq!(nodes, [NodeName::from("first")]);
        let plan = plan(&FixHosts { nodes }, &found);
        let steps: Vec<&Step> = plan.steps().collect();
        assert_eq!(steps.len(), 2);
        assert!(steps.iter().all(|step| step.node.0 == "first"));
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

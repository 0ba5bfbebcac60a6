//! The effect of a promotion on servers that the inventory lacks, reported before the question.
//! Pure.

use super::root::{Root, walk};
use crate::engine::warning::change::Change;
use crate::engine::{Plan, Warning};
use crate::topology::fed::{Strangers, strangers};
use crate::topology::one_address::Places;
use crate::topology::{NodeName, Topology};

/// Adds warnings about replicas of the old primary that no step of `plan` moves. If the old primary
/// is dead, only the inventory could have named them.
pub fn warn(plan: &mut Plan, target: &NodeName, topology: &Topology) {
    let Some(target) = topology.get(target) else {
        return;
    };
    let Root::Primary(old) = walk(target, topology) else {
        return;
    };
    if old.name == target.name {
        return;
    }
    if let Some(Strangers { count, among }) = strangers(old, &Places::of(topology), topology) {
        let stay = Change::Strangers { count, among };
        plan.warnings.push(Warning::of(&old.name, stay));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::engine::warning::sentences;
    use crate::engine::{Operation, Promote};
    use crate::topology::testing::healthy;
    use crate::topology::{Address, ReplicaLine};

    fn told(lines: &[&str], target: &str) -> Vec<String> {
        let mut topology = healthy();
        topology.nodes[0].up().replication.replicas = lines
            .iter()
            .map(|host| ReplicaLine {
                address: Address::new(*host, 6379),
                state: "online".into(),
                offset: None,
                ack_age_seconds: None,
            })
            .collect();
        let mut plan = Plan {
            operation: Operation::Promote(Promote {
                node: target.into(),
                accept: Vec::new(),
            }),
            stages: Vec::new(),
            warnings: Vec::new(),
            may_lose: None,
        };
        warn(&mut plan, &target.into(), &topology);
        sentences(&plan.warnings)
    }

    #[test]
    fn a_promotion_tells_whom_it_leaves_behind() {
        let known = ["192.168.0.130", "192.168.0.140"];
        assert!(told(&known, "slave1").is_empty());
        let with = ["192.168.0.130", "192.168.0.140", "192.168.0.150"];
        assert_eq!(
            told(&with, "slave1"),
            [
                "`master` feeds a replica that the inventory lacks (192.168.0.150:6379): it stays under `master`, as the replica of a replica"
            ]
        );
        assert!(told(&with, "master").is_empty(), "it is the primary");
    }
}

//! Replicas of nodes that the inventory lacks: no promotion repoints them. Pure.

use super::{Code, Explanation, Finding, Look, Severity};
use crate::topology::fed::{Strangers, strangers};
use crate::topology::one_address::Places;
use crate::topology::phrases::{addresses, name};

impl Look<'_> {
    pub(super) fn fed(&self, found: &mut Vec<Finding>) {
        let places = Places::of(self.topology);
        for node in &self.topology.nodes {
            let Some(Strangers { count, among }) = strangers(node, &places, self.topology) else {
                continue;
            };
            let own = name(&node.name);
            let who = if count == among.len() {
                let noun = if count == 1 { "a replica" } else { "replicas" };
                format!(
                    "{own} feeds {noun} that the inventory lacks: {}",
                    addresses(&among)
                )
            } else {
                let noun = if count == 1 { "replica" } else { "replicas" };
                format!(
                    "{own} feeds {count} {noun} that the inventory lacks, listed among {}",
                    addresses(&among)
                )
            };
            let it = if count == 1 { "it is" } else { "they are" };
            let message = format!(
                "{who}: {it} not seen here, and a promotion leaves {} under {own}, or without a primary where {own} is dead",
                if count == 1 { "it" } else { "them" }
            );
            let hint = among
                .first()
                .map(|at| format!("take it into the inventory: replctl add NAME --address {at}"));
            found.push(
                Finding::about(node, Code::FedStranger, Severity::Warning, message)
                    .maybe_hint(hint)
                    .with("count", count)
                    .with(
                        "addresses",
                        among.iter().map(ToString::to_string).collect::<Vec<_>>(),
                    ),
            );
        }
    }
}

pub(super) const FED_STRANGER: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The node feeds a replica that the inventory lacks. replctl does not look at that one, and a promotion leaves it behind.",
    cause: "Somebody attached it by hand, or it was taken out of the inventory and left running.",
    way_out: "Take it into the inventory: `replctl add NAME --address HOST:PORT`. Or stop it.",
};

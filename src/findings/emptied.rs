//! A primary that came back empty, and nodes that are about to copy its empty data set. Pure.

use super::{Code, Explanation, Finding, Look, Severity};
use crate::topology::phrases::{self, duration, list, name};
use crate::topology::situation::{Situation, situation};
use crate::topology::{Node, Server};

impl Look<'_> {
    pub(super) fn emptied(&self, found: &mut Vec<Finding>) {
        let Situation::Emptied { primary, full } = situation(self.topology) else {
            return;
        };
        let keys = |node: &Node| node.server().map_or(0, Server::key_count);
        let holds = phrases::keys(keys(primary));
        let since = primary.server().and_then(|s| s.uptime_seconds);
        let since = since.map_or_else(String::new, |s| {
            format!(" since it was started {} ago", duration(s))
        });
        let most = phrases::keys(full.iter().map(|n| keys(n)).max().unwrap_or(0));
        let (lose, each) = if full.len() == 1 {
            ("loses", "")
        } else {
            ("lose", "up to ")
        };
        let message = format!(
            "{} is the primary and holds {holds}{since}: {} {lose} {each}{most} as soon as it reaches them",
            name(&primary.name),
            list(full.iter().copied())
        );
        let best = situation(self.topology).proposed(self.topology, None);
        found.push(
            Finding::about(primary, Code::EmptiedPrimary, Severity::Problem, message)
                .hint("replctl repair")
                .with("keys", keys(primary))
                .with(
                    "full",
                    full.iter().map(|n| n.name.0.clone()).collect::<Vec<_>>(),
                )
                .with("best", best.map(|n| n.name.0.clone())),
        );
    }
}

pub(super) const EMPTIED_PRIMARY: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "The primary came back without its data, and its replicas lose theirs as soon as it reaches them.",
    cause: "It was started again without a dump: persistence is off, its disk was replaced, or somebody removed the file.",
    way_out: "`replctl repair`, at once. It first takes away the replica that still has most.",
};

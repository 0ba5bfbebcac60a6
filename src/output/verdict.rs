//! The first line of `status`: one sentence about the state of the deployment.

use crate::findings::{Code, Finding, Severity};
use crate::topology::candidate::primaries;
use crate::topology::phrases::bytes;
use crate::topology::{Node, NodeName, Topology};
use std::borrow::Cow;

/// The sentence, not yet escaped.
pub fn verdict(deployment: &str, topology: &Topology, findings: &[Finding]) -> String {
    let topology = &*deployment_of(topology, findings);
    let state = match primaries(topology)[..] {
        [] => no_primary(findings),
        [primary] if emptied(findings) => format!(
            "primary {} HAS LOST ITS DATA, and its replicas still have theirs{}",
            place(primary),
            counts(findings)
        ),
        [primary] => format!(
            "primary {}, {}{}",
            place(primary),
            replicas(topology, primary),
            counts(findings)
        ),
        ref several => {
            let places: Vec<String> = several.iter().take(4).map(|node| place(node)).collect();
            let more = several.len().saturating_sub(4);
            let others = if more > 0 {
                format!(" and {more} others")
            } else {
                String::new()
            };
            format!(
                "{} PRIMARIES - {}{others} take writes",
                several.len(),
                places.join(" and ")
            )
        }
    };
    format!("{deployment}: {state}")
}

fn emptied(findings: &[Finding]) -> bool {
    findings.iter().any(|f| f.code == Code::EmptiedPrimary)
}

/// The topology without detached nodes.
pub fn deployment_of<'a>(topology: &'a Topology, findings: &[Finding]) -> Cow<'a, Topology> {
    let alone: Vec<NodeName> = findings
        .iter()
        .filter(|finding| finding.code == Code::StandsAlone)
        .filter_map(|finding| finding.node.clone())
        .collect();
    topology.without(&alone)
}

fn place(node: &Node) -> String {
    format!("{} ({})", node.name, node.announced)
}

/// The sentence that there is no primary, or that it cannot be read.
fn no_primary(findings: &[Finding]) -> String {
    let mut all = findings.iter();
    let Some(finding) = all.find(|finding| finding.code == Code::NoPrimary) else {
        return "NO PRIMARY - no node takes writes".to_owned();
    };
    let seen = finding.brief.as_deref().unwrap_or("no node takes writes");
    if finding.data.contains_key("unseen") {
        return format!("NO PRIMARY SEEN - {seen}");
    }
    format!("NO PRIMARY - {seen}")
}

fn replicas(topology: &Topology, primary: &Node) -> String {
    let others: Vec<&Node> = topology
        .nodes
        .iter()
        .filter(|node| node.name != primary.name)
        .collect();
    let good = others
        .iter()
        .filter(|node| topology.in_sync(node) == Some(true))
        .count();
    match (good, others.len()) {
        (_, 0) => "no replicas".to_owned(),
        (1, 1) => "1 replica in sync".to_owned(),
        (good, all) if good == all => format!("{all} replicas in sync"),
        (good, all) => {
            let noun = if all == 1 { "replica" } else { "replicas" };
            format!(
                "{good} of {all} {noun} in sync{}",
                furthest(topology, &others)
            )
        }
    }
}

/// The replica that is furthest behind: the point that matters if the links are up and only time is
/// missing.
fn furthest(topology: &Topology, others: &[&Node]) -> String {
    let late = others
        .iter()
        .filter(|node| topology.in_sync(node) == Some(false));
    let worst = late
        .filter_map(|node| Some((topology.behind(node)?, *node)))
        .max_by_key(|(missing, _)| *missing);
    match worst {
        Some((missing, node)) if missing > 0 => {
            format!(" ({} is {} behind)", node.name, bytes(missing))
        }
        _ => String::new(),
    }
}

fn counts(findings: &[Finding]) -> String {
    let of = |severity| {
        findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let part = |count: usize, noun: &str| match count {
        0 => None,
        1 => Some(format!("1 {noun}")),
        _ => Some(format!("{count} {noun}s")),
    };
    let parts: Vec<String> = [
        part(of(Severity::Problem), "problem"),
        part(of(Severity::Warning), "warning"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("; {}", parts.join(", "))
    }
}

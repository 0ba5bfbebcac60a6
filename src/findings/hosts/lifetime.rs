//! Versions of servers, and until when they get fixes. Pure.

use super::super::{Code, Explanation, Finding, Severity};
use super::Check;
use crate::topology::phrases::list;
use crate::topology::{Node, Product, Version};
use jiff::civil::{Date, date};
use std::collections::BTreeMap;

/// When the table was compiled, from endoflife.date and valkey.io/topics/releases. It has no later
/// dates.
const COMPILED: Date = date(2026, 11, 30);

/// The last day with security fixes, if it is known.
const ENDS: [(Product, u16, u16, Date); 11] = [
    (Product::Redis, 5, 0, date(2022, 4, 27)),
    (Product::Redis, 6, 2, date(2027, 4, 1)),
    (Product::Redis, 7, 0, date(2024, 7, 29)),
    (Product::Redis, 7, 2, date(2029, 12, 1)),
    (Product::Redis, 7, 4, date(2029, 12, 1)),
    (Product::Redis, 8, 0, date(2026, 12, 1)),
    (Product::Redis, 8, 2, date(2030, 9, 1)),
    (Product::Valkey, 7, 2, date(2029, 4, 16)),
    (Product::Valkey, 8, 0, date(2027, 9, 15)),
    (Product::Valkey, 8, 1, date(2030, 3, 31)),
    (Product::Valkey, 9, 0, date(2028, 10, 21)),
];

/// Whether this was fixed no longer when the first version of the table ended.
fn is_ancient(product: Product, version: Version) -> bool {
    product == Product::Redis && version.major > 0 && version.major < 5
}

/// The end of a version; `None`: unknown.
fn end_of(product: Product, version: Version) -> Option<Date> {
    let series = |(p, major, minor, _): &&(Product, u16, u16, Date)| {
        *p == product && (*major, *minor) == (version.major, version.minor)
    };
    ENDS.iter().find(series).map(|(.., end)| *end)
}

impl Check<'_> {
    /// One finding for all nodes of one version.
    pub(super) fn lifetimes(&self, found: &mut Vec<Finding>) {
        let mut ended: BTreeMap<(Product, Version), Vec<&Node>> = BTreeMap::new();
        for node in &self.topology.nodes {
            if let Some(server) = node.server() {
                let version = (server.product, server.version);
                ended.entry(version).or_default().push(node);
            }
        }
        for ((product, version), nodes) in ended {
            let end = end_of(product, version).filter(|end| self.today > *end);
            let ended = end.is_some() || is_ancient(product, version);
            if let Some(first) = nodes.first().filter(|_| ended) {
                found.push(of_version((product, version), end, first, &nodes));
            }
        }
    }
}

fn of_version(
    (product, version): (Product, Version),
    end: Option<Date>,
    first: &Node,
    nodes: &[&Node],
) -> Finding {
    let called = match product {
        Product::Redis => "Redis",
        Product::Valkey => "Valkey",
    };
    let run = if nodes.len() == 1 { "runs" } else { "run" };
    let fixed = match end {
        Some(end) => format!("has not fixed since {end}"),
        None => "fixes no longer".to_owned(),
    };
    let message = format!(
        "{} {run} {called} {version}, which its maker {fixed}; whether your distribution fixes it is not known (table of {COMPILED})",
        list(nodes.iter().copied())
    );
    let names: Vec<&str> = nodes.iter().map(|node| node.name.0.as_str()).collect();
    let found = Finding::about(first, Code::EndOfLife, Severity::Note, message)
        .with("nodes", names)
        .with("table_of", COMPILED.to_string());
    match end {
        Some(end) => found.with("ended", end.to_string()),
        None => found,
    }
}

pub(in super::super) const END_OF_LIFE: Explanation = Explanation {
    severities: &[Severity::Note],
    meaning: "The maker of the server fixes no faults of that version any more, those of security neither. A distribution may still do so. replctl knows the dates that were known when it was built; the end of other versions is not known.",
    cause: "The version is old, and nobody has updated the server.",
    way_out: "Ask whoever the program comes from. Otherwise update: first the replicas, then promote one of them, then the old primary.",
};

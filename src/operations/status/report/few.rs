//! Which nodes the table shows if there are many: those with a finding, and the nodes above them.
//! One line sums up the rest.

use super::{Shown, lag, stranded};
use crate::findings::Severity;
use crate::topology::lag::Lag;
use crate::topology::phrases::bytes;
use crate::topology::tree::Place;
use crate::topology::{Node, NodeName};
use std::collections::HashMap;

/// Up to this many nodes are all shown.
const MOST: usize = 30;

/// The worst finding of each node.
pub(super) type Worst<'a> = HashMap<&'a str, Severity>;

/// Found once for all nodes.
pub(super) fn worst_of<'a>(seen: &Shown<'a>) -> Worst<'a> {
    let mut worst: Worst<'a> = HashMap::new();
    for finding in seen.findings {
        for name in finding.nodes() {
            let known = worst.entry(name).or_insert(finding.severity);
            *known = finding.severity.min(*known);
        }
    }
    worst
}

/// The places that are shown, and the line about the others.
pub(super) struct Few<'a> {
    pub places: Vec<Place<'a>>,
    pub rest: Option<String>,
}

/// All of a few nodes. Of many: nodes that are not well, primaries, and the nodes above these in
/// the tree.
pub(super) fn few<'a>(seen: &Shown<'_>, places: Vec<Place<'a>>, worst: &Worst<'_>) -> Few<'a> {
    if seen.args.all || places.len() <= MOST {
        return Few { places, rest: None };
    }
    let (shown, hidden) = parted(places, |node| is_well(seen, node, worst));
    let rest = sum(seen, &hidden);
    Few {
        places: shown,
        rest,
    }
}

/// Whether it is a replica without a finding that matters: linked, in sync, without a problem or a
/// warning.
fn is_well(seen: &Shown<'_>, node: &Node, worst: &Worst<'_>) -> bool {
    let quiet = worst
        .get(node.name.0.as_str())
        .is_none_or(|severity| *severity == Severity::Note);
    quiet && seen.topology.in_sync(node) == Some(true) && !stranded(seen.topology, node)
}

/// Takes out nodes that are well and have no shown node below them. Draws the branches of the
/// others anew.
fn parted(places: Vec<Place<'_>>, is_well: impl Fn(&Node) -> bool) -> (Vec<Place<'_>>, Vec<&Node>) {
    let (mut shown, mut hidden) = (Vec::new(), Vec::new());
    // Goes from the bottom up. By depth: whether a later place under the same node is shown.
    let mut later: Vec<bool> = Vec::new();
    for place in places.into_iter().rev() {
        let depth = place.last.len();
        let above_shown = later.get(depth + 1) == Some(&true);
        later.truncate(depth + 1);
        later.resize(depth + 1, false);
        if is_well(place.node) && !above_shown {
            hidden.push(place.node);
            continue;
        }
        let last = (1..=depth).map(|level| !later[level]).collect();
        later[depth] = true;
        shown.push(Place {
            node: place.node,
            last,
        });
    }
    shown.reverse();
    hidden.reverse();
    (shown, hidden)
}

/// What was seen of those that are not shown.
fn sum(seen: &Shown<'_>, hidden: &[&Node]) -> Option<String> {
    let (who, whose) = match hidden.len() {
        0 => return None,
        1 => ("1 replica is well".to_owned(), "its upstream"),
        n => (format!("{n} replicas are well"), "their upstreams"),
    };
    let behind = hidden.iter().filter_map(|node| seen.topology.behind(node));
    let behind = match behind.max() {
        Some(0) | None => ", nothing missing".to_owned(),
        Some(most) => format!(", at most {} behind", bytes(most)),
    };
    let lag = measured(seen, hidden).map_or_else(String::new, |worst| {
        format!(", lag at most {}", lag(&worst))
    });
    Some(format!(
        "{who}: linked to {whose}{behind}{lag} (--all shows {})",
        if hidden.len() == 1 { "it" } else { "them" }
    ))
}

/// The longest lag of them, where all were measured and none of the measurements was given up.
fn measured(seen: &Shown<'_>, hidden: &[&Node]) -> Option<Lag> {
    let of = |name: &NodeName| seen.lags?.get(name).filter(|lag| !lag.at_least).copied();
    let all: Option<Vec<Lag>> = hidden.iter().map(|node| of(&node.name)).collect();
    let longest = |a: &Lag, b: &Lag| a.seconds.total_cmp(&b.seconds);
    all?.into_iter().max_by(longest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::{Shown, render};
    use crate::findings::{Context, findings};
    use crate::operations::status::args::Status;
    use crate::output::table::Options;
    use crate::topology::lag::{Lag, Lags};
    use crate::topology::testing::{down, primary, replica};
    use crate::topology::{Node, Topology, TroubleKind};

    fn host(n: usize) -> String {
        format!("10.0.0.{n}")
    }

    fn many(nodes: usize, change: impl Fn(usize, &mut Node)) -> Topology {
        let all = (0..nodes).map(|n| {
            let mut node = match n {
                0 => primary("n0", &host(0), 5000),
                _ => replica(&format!("n{n}"), &host(n), &host(0), 5000),
            };
            change(n, &mut node);
            node
        });
        Topology {
            nodes: all.collect(),
        }
    }

    fn shown(topology: &Topology, all: bool, lags: Option<&Lags>) -> String {
        let found = findings(topology, &Context::default());
        let seen = Shown {
            deployment: "many",
            topology,
            findings: &found,
            lags,
            args: &Status {
                all,
                ..Status::default()
            },
            codes: false,
        };
        let options = Options {
            width: None,
            utf8: true,
            colour: false,
        };
        let text = render(&seen, options);
        let table = text.split("\n\n").nth(1).unwrap();
        let lines = table.lines().skip(1).map(|line| {
            let cells: Vec<&str> = line.split_whitespace().collect();
            match cells[..] {
                ["*" | "!" | "?", ..] => line.split("  10.").next().unwrap().trim().to_owned(),
                _ => line.to_owned(),
            }
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn of_many_nodes_the_table_shows_what_is_wrong_and_sums_up_the_rest() {
        let text = shown(&many(40, |_, _| ()), false, None);
        assert_eq!(
            text,
            "* n0\n39 replicas are well: linked to their upstreams, nothing missing (--all shows them)"
        );
        let some = many(40, |n, node| match n {
            7 => node.link_down(Some(9)),
            // Its upstream is well, and is shown only because of it.
            20 => {
                node.link().address.host = host(12);
                node.link_down(None);
            }
            30 => *node = down("n30", &host(30), TroubleKind::Refused, "refused"),
            35 => node.link().offset = 4900,
            _ => (),
        });
        let text = shown(&some, false, None);
        let wanted = "* n0\n! ├─ n7\n* └─ n12\n!    └─ n20\n? n30\n35 replicas are well: linked to their upstreams, at most 100 B behind (--all shows them)";
        assert_eq!(text, wanted);
        assert_eq!(shown(&some, true, None).lines().count(), 40);
        // A replica that is far behind is not well, whether or not it has a finding.
        let far = many(40, |n, node| {
            if n == 0 {
                node.up().replication.offset = 105_000;
            } else if n > 1 {
                node.link().offset = 105_000;
            }
        });
        assert!(shown(&far, false, None).starts_with("* n0\n* └─ n1\n38 replicas"));
        assert_eq!(shown(&many(30, |_, _| ()), false, None).lines().count(), 30);
    }

    #[test]
    fn a_lag_is_told_where_it_was_measured_of_all() {
        let topology = many(40, |_, _| ());
        let lag = |n: u32| Lag {
            seconds: 0.001 * f64::from(n),
            at_least: false,
        };
        let name = |n: u32| format!("n{n}").as_str().into();
        let mut lags: Lags = (1..40).map(|n| (name(n), lag(n))).collect();
        let text = shown(&topology, false, Some(&lags));
        assert!(
            text.contains("nothing missing, lag at most 39 ms (--all"),
            "{text}"
        );
        lags.remove(&name(3));
        assert!(!shown(&topology, false, Some(&lags)).contains("lag at most"));
    }
}

//! Compares the nodes that can be chosen, for people.

use super::plan::compare::{Compared, Comparison};
use crate::output::escape;
use crate::output::paint::Tone;
use crate::output::table::{Cell, Column, Options, paint, render, wrap};
use crate::topology::phrases::duration;
use std::fmt::Write as _;

/// Characters of a history's id that are shown.
const SHORT: usize = 8;

/// The table, what is proposed and why, and what each choice would cost.
pub fn text(comparison: &Comparison, options: Options) -> String {
    let columns = [
        Column::text("  node", 0).cut(),
        Column::text("address", 3),
        Column::text("role", 0),
        Column::number("keys", 0),
        Column::number("offset", 0),
        Column::text("history", 1),
        Column::number("replicas", 2),
        Column::text("started", 1),
    ];
    let rows: Vec<Vec<Cell>> = comparison
        .nodes
        .iter()
        .map(|node| row(node, comparison))
        .collect();
    let mut out = render(&columns, &rows, options);
    let Some(proposed) = &comparison.proposed else {
        let none = "None of them can be proposed: name one by --keep NODE.";
        let _ = write!(out, "\n{none}");
        return out;
    };
    let because = comparison
        .because
        .as_ref()
        .map_or_else(String::new, |why| format!(", because {why}"));
    let line = format!("proposed: keep `{}`{because}", escape(&proposed.0));
    let _ = writeln!(
        out,
        "\n{}",
        wrap(&escape(&line), 2, options).replacen(
            "proposed",
            &paint("proposed", Tone::Good, options),
            1
        )
    );
    for node in &comparison.nodes {
        let Some(costs) = &node.costs else { continue };
        let costs = if costs.is_empty() {
            "nothing that any of them has is lost".to_owned()
        } else {
            costs.join("; ")
        };
        let how = if node.node == *proposed {
            String::new()
        } else {
            format!(" (replctl repair --keep {})", node.node)
        };
        let line = format!("keep {}{how}: {costs}", node.node);
        let narrower = Options {
            width: options.width.map(|w| w.saturating_sub(2)),
            ..options
        };
        for line in wrap(&escape(&line), 2, narrower).lines() {
            let _ = writeln!(out, "  {line}");
        }
    }
    out.truncate(out.trim_end().len());
    out
}

fn row(node: &Compared, comparison: &Comparison) -> Vec<Cell> {
    let proposed = comparison.proposed.as_ref() == Some(&node.node);
    let mark = if proposed { '*' } else { ' ' };
    let history: String = node.replid.chars().take(SHORT).collect();
    let since = node
        .uptime_seconds
        .map_or_else(|| "-".to_owned(), |s| format!("{} ago", duration(s)));
    vec![
        Cell {
            text: escape(&format!("{mark} {}", node.node)),
            style: if proposed { Tone::Good } else { Tone::Plain },
        },
        Cell::plain(escape(&node.address.to_string())),
        Cell::plain(node.role),
        Cell::plain(node.keys.to_string()),
        Cell::plain(node.offset.to_string()),
        Cell::plain(escape(&history)),
        Cell::plain(node.replicas.to_string()),
        Cell::plain(since),
    ]
}

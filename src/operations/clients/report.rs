//! `clients` for people and for programs. All that came from servers is escaped here.

use crate::output::escape;
use crate::output::paint::Tone;
use crate::output::table::{self, Cell, Column, Options};
use crate::topology::NodeName;
use crate::topology::clients::{Census, Group, Writes};
use serde::Serialize;

/// Groups that are shown of one node; `--json` has all.
const SHOWN: usize = 50;

/// All that is shown.
#[derive(Debug, Serialize)]
pub struct Seen<'a> {
    /// The deployment's name.
    pub deployment: &'a str,
    /// In the order of the inventory.
    pub nodes: Vec<OfNode>,
}

/// The clients of one node.
#[derive(Debug, Serialize)]
pub struct OfNode {
    /// The node.
    pub node: NodeName,
    /// Its role; `None`: it does not answer.
    pub role: Option<&'static str>,
    /// Its clients; `None`: they cannot be known.
    pub clients: Option<Census>,
    /// Why they are not known.
    pub trouble: Option<String>,
}

/// The whole text, without a newline at its end.
pub fn render(seen: &Seen<'_>, options: Options) -> String {
    let of = |f: fn(&Census) -> usize| -> usize {
        let known = seen.nodes.iter().filter_map(|n| n.clients.as_ref());
        known.map(f).sum()
    };
    let all = Census {
        count: of(|c| c.count),
        writers: of(|c| c.writers),
        ..Census::default()
    };
    let mut out = format!("{}: {}\n\n", escape(seen.deployment), all.in_words());
    let columns = [
        Column::text("node", 0),
        Column::text("role", 2),
        Column::number("clients", 0),
        Column::text("from", 0),
        Column::text("name", 1),
        Column::text("library", 3),
        Column::text("writes", 0),
        Column::text("last commands", 5),
        Column::number("idle", 4),
    ];
    let rows: Vec<Vec<Cell>> = seen.nodes.iter().flat_map(rows).collect();
    out.push_str(&table::render(&columns, &rows, options));
    out.truncate(out.trim_end().len());
    out
}

fn rows(node: &OfNode) -> Vec<Vec<Cell>> {
    let dash = || Cell::plain("-");
    let place = || {
        [
            Cell::plain(escape(&node.node.0)),
            Cell::plain(node.role.unwrap_or("-")),
        ]
    };
    let alone = |count: Cell, from: Cell| {
        let cells = place().into_iter().chain([count, from]);
        cells.chain((0..5).map(|_| dash())).collect::<Vec<_>>()
    };
    let Some(census) = &node.clients else {
        let why = node.trouble.as_deref().unwrap_or("not known");
        let why = Cell {
            text: escape(why),
            style: Tone::Bad,
        };
        return vec![alone(Cell::plain("?"), why)];
    };
    if census.groups.is_empty() {
        return vec![alone(Cell::plain("0"), dash())];
    }
    let shown = census.groups.iter().take(SHOWN);
    let mut rows: Vec<Vec<Cell>> = shown
        .map(|group| place().into_iter().chain(cells(group)).collect())
        .collect();
    let told: usize = census.groups.iter().take(SHOWN).map(|g| g.count).sum();
    let more = census.count - told;
    if more > 0 {
        rows.push(alone(
            Cell::plain(more.to_string()),
            Cell::plain("others: --json"),
        ));
    }
    rows
}

fn cells(group: &Group) -> [Cell; 7] {
    let or_dash = |text: &Option<String>| Cell::plain(escape(text.as_deref().unwrap_or("-")));
    let writes = match group.writes {
        Writes::Seen => Cell::plain("yes"),
        Writes::Possible => Cell {
            text: "maybe".to_owned(),
            style: Tone::Warn,
        },
        Writes::NotSeen => Cell {
            text: "not seen".to_owned(),
            style: Tone::Dim,
        },
    };
    [
        Cell::plain(group.count.to_string()),
        Cell::plain(escape(&group.host)),
        or_dash(&group.name),
        or_dash(&group.library),
        writes,
        Cell::plain(escape(&group.commands.join(", "))),
        Cell::plain(format!("{} s", group.idle_seconds)),
    ]
}

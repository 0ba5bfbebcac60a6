//! `sentinel status` for people and for programs. Everything that came from Sentinels is escaped
//! here.

use crate::findings::{Finding, healthy};
use crate::output::escape;
use crate::output::findings::findings as numbered;
use crate::output::paint::Tone;
use crate::output::table::{self, Cell, Column, Options};
use crate::topology::Topology;
use crate::topology::sentinel::{Sees, View, ViewState, Watch};
use serde::Serialize;

/// All that is shown.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Shown<'a> {
    /// The deployment's name.
    pub deployment: &'a str,
    /// What its nodes are.
    #[serde(skip)]
    pub topology: &'a Topology,
    /// What the Sentinels say; nothing where none watches.
    pub watch: Option<&'a Watch>,
    /// What is to be said of it.
    pub findings: &'a [Finding],
    /// Whether nothing needs doing.
    pub healthy: bool,
}

impl<'a> Shown<'a> {
    /// Builds it.
    pub fn new(
        deployment: &'a str,
        topology: &'a Topology,
        watch: Option<&'a Watch>,
        findings: &'a [Finding],
    ) -> Self {
        Self {
            deployment,
            topology,
            watch,
            findings,
            healthy: healthy(findings),
        }
    }
}

/// The whole text, without a newline at its end.
pub fn render(seen: &Shown<'_>, options: Options) -> String {
    let Some(watch) = seen.watch else {
        return format!("{}: no Sentinel watches.", escape(seen.deployment));
    };
    let up = watch.up().count();
    let mut out = format!(
        "{}: {} of {} Sentinels answer; they call it {}, and take the primary for dead after {} s\n\n",
        escape(seen.deployment),
        up,
        watch.views.len(),
        escape(&watch.name),
        watch
            .down_after_ms()
            .map_or_else(|| "?".to_owned(), seconds),
    );
    let columns = [
        Column::text("Sentinel", 0),
        Column::text("says the primary is", 0),
        Column::text("and it is", 0),
        Column::number("epoch", 3),
        Column::number("replicas", 2),
        Column::number("others", 2),
        Column::number("quorum", 1),
        Column::text("failover", 0),
    ];
    let rows: Vec<Vec<Cell>> = watch.views.iter().map(|view| row(seen, view)).collect();
    out.push_str(&table::render(&columns, &rows, options));
    out.push_str(&numbered(seen.findings, options));
    out.truncate(out.trim_end().len());
    out
}

fn seconds(ms: u64) -> String {
    if ms.is_multiple_of(1000) {
        (ms / 1000).to_string()
    } else {
        format!("{}.{:03}", ms / 1000, ms % 1000)
    }
}

fn row(shown: &Shown<'_>, view: &View) -> Vec<Cell> {
    let address = escape(&view.address.to_string());
    let ViewState::Up(sees) = &view.state else {
        let (text, style) = if view.state == ViewState::NotAsked {
            ("not asked", Tone::Warn)
        } else {
            ("no answer", Tone::Bad)
        };
        let silent = Cell {
            text: text.to_owned(),
            style,
        };
        let mut cells = vec![Cell::plain(address), silent];
        cells.extend((0..6).map(|_| Cell::plain("-")));
        return cells;
    };
    let gone = sees.replicas.iter().filter(|r| r.is_gone()).count();
    let known = sees.replicas.len() - gone;
    let replicas = if gone == 0 {
        known.to_string()
    } else {
        format!("{known} (+{gone} gone)")
    };
    vec![
        Cell::plain(address),
        Cell::plain(escape(&primary_of(shown.topology, sees))),
        state(sees),
        Cell::plain(sees.epoch.to_string()),
        Cell::plain(replicas),
        Cell::plain(sees.others.to_string()),
        Cell::plain(sees.quorum.to_string()),
        vote(sees),
    ]
}

/// The primary's address, with the node's name in the inventory.
fn primary_of(topology: &Topology, sees: &Sees) -> String {
    let Some(address) = &sees.primary else {
        return "nobody".to_owned();
    };
    match topology.at(address) {
        Some(node) => format!("{} ({address})", node.name),
        None => address.to_string(),
    }
}

fn state(sees: &Sees) -> Cell {
    if sees.is_quiet() {
        return Cell {
            text: "well".to_owned(),
            style: Tone::Good,
        };
    }
    Cell {
        text: escape(&sees.worries()),
        style: Tone::Bad,
    }
}

fn vote(sees: &Sees) -> Cell {
    if sees.is_able() {
        return Cell::plain("can be agreed on");
    }
    let text = if sees.tilt { "TILT" } else { "CANNOT" };
    Cell {
        text: text.to_owned(),
        style: Tone::Bad,
    }
}

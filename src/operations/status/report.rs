//! `status` for people: a sentence, a tree with a row per node, and the numbered findings.
//! Everything that came from servers is escaped here.

mod few;
pub mod json;

use super::args::Status;
use crate::findings::{Code, Finding, Severity};
use crate::output::findings::{findings, findings_with_codes, style};
use crate::output::paint::Tone;
use crate::output::table::{self, Cell, Column, Options, paint, wrap};
use crate::output::verdict::verdict;
use crate::output::{self, escape};
use crate::topology::lag::{Lag, Lags};
use crate::topology::phrases::{bytes, duration};
use crate::topology::reboot::{Reboot, reboot};
use crate::topology::service::Service;
use crate::topology::tree::{Place, tree};
use crate::topology::{Link, Node, Product, Server, State, SyncProgress, Topology, Upstream};
use few::{Worst, few, worst_of};

/// All that `status` shows.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The deployment's name.
    pub deployment: &'a str,
    /// What was observed.
    pub topology: &'a Topology,
    /// What is to be said of it.
    pub findings: &'a [Finding],
    /// Measured lags; `None` where they were not asked for.
    pub lags: Option<&'a Lags>,
    /// What the command line asks for.
    pub args: &'a Status,
    /// Show the code of each finding.
    pub codes: bool,
}

/// Prints it in the form that was asked for.
pub fn print(seen: &Shown<'_>) {
    output::print(&json::status(seen), || render(seen, Options::of_stdout()));
}

/// The whole text, without a newline at its end.
pub fn render(seen: &Shown<'_>, options: Options) -> String {
    let sentence = escape(&verdict(seen.deployment, seen.topology, seen.findings));
    let mut out = paint(&wrap(&sentence, 2, options), worst(seen.findings), options);
    out.push_str("\n\n");
    out.push_str(&nodes(seen, options));
    if reboot(seen.topology) == Reboot::AsNow && keeps(seen.findings) {
        out.push_str(&paint(SAME, Tone::Dim, options));
        out.push('\n');
    }
    out.push_str(&if seen.codes {
        findings_with_codes(seen.findings, options)
    } else {
        findings(seen.findings, options)
    });
    out.truncate(out.trim_end().len());
    out
}

/// The text if restarts change no role.
const SAME: &str = "restarted, each node by itself or all hosts at once, they have these roles";

/// Whether no node has another role after its own restart.
fn keeps(findings: &[Finding]) -> bool {
    findings
        .iter()
        .all(|finding| finding.code != Code::UnpersistedRole)
}

fn worst(findings: &[Finding]) -> Tone {
    match findings.iter().map(|finding| finding.severity).min() {
        Some(severity) => style(severity),
        None => Tone::Good,
    }
}

fn nodes(seen: &Shown<'_>, options: Options) -> String {
    let mut columns = vec![
        Column::text("  node", 0).cut(),
        Column::text("address", 0).cut(),
        Column::text("role", 0),
        Column::text("link", 0),
        Column::number("behind", 0),
        Column::text("version", 2),
        Column::number("memory", 3),
        Column::number("keys", 4),
    ];
    let starters = shows_starters(seen.topology);
    if starters {
        columns.push(Column::text("run by", 1).cut());
    }
    if seen.lags.is_some() {
        columns.insert(5, Column::number("lag", 1));
    }
    let worst = worst_of(seen);
    let few = few(seen, tree(seen.topology), &worst);
    let rows: Vec<Vec<Cell>> = few
        .places
        .iter()
        .map(|place| {
            let mut cells = row(seen, place, &worst, options);
            if starters {
                cells.push(starter(place.node));
            }
            cells
        })
        .collect();
    let mut text = table::render(&columns, &rows, options);
    if let Some(rest) = few.rest {
        text.push_str(&wrap(&rest, 2, options));
        text.push('\n');
    }
    text
}

fn dash() -> Cell {
    Cell {
        text: "-".into(),
        style: Tone::Dim,
    }
}

fn shown(text: Option<String>) -> Cell {
    text.map_or_else(dash, Cell::plain)
}

/// What starts a node's server.
fn starter(node: &Node) -> Cell {
    let service = node.service.as_deref();
    shown(service.and_then(Service::run_by).map(escape))
}

fn row(seen: &Shown<'_>, place: &Place<'_>, worst: &Worst<'_>, options: Options) -> Vec<Cell> {
    let node = place.node;
    let (mark, style) = mark(seen, node, worst);
    let name = escape(&format!(
        "{mark} {}{}",
        branch(&place.last, options.utf8),
        node.name
    ));
    let server = node.server();
    let mut cells = vec![
        Cell { text: name, style },
        Cell::plain(address(node)),
        role(node),
        node.upstream()
            .map_or_else(dash, |link| self::link(server, link)),
        shown(seen.topology.behind(node).map(bytes)),
        shown(server.map(version)),
        shown(server.and_then(|server| server.used_memory).map(bytes)),
        shown(server.map(|server| server.key_count().to_string())),
    ];
    if let Some(lags) = seen.lags {
        cells.insert(5, shown(lags.get(&node.name).map(lag)));
    }
    cells
}

/// Whether replctl did not make some of the servers. If so, the table shows what starts each.
fn shows_starters(topology: &Topology) -> bool {
    let foreign = |service: &Service| !service.managed && service.run_by().is_some();
    let mut services = topology.nodes.iter().filter_map(|n| n.service.as_deref());
    services.any(foreign)
}

/// Its address, and `via ssh` if it was seen over SSH.
fn address(node: &Node) -> String {
    let through = match &node.sight.through {
        Some(_) => " via ssh",
        None => "",
    };
    escape(&format!("{}{through}", node.announced))
}

/// `*`: as expected; `!`: a finding below is about it; `?`: it could not be looked at.
fn mark(seen: &Shown<'_>, node: &Node, worst: &Worst<'_>) -> (char, Tone) {
    if node.server().is_none() {
        return ('?', Tone::Bad);
    }
    match worst.get(node.name.0.as_str()).copied() {
        Some(severity @ (Severity::Problem | Severity::Warning)) => ('!', style(severity)),
        Some(Severity::Note) | None if stranded(seen.topology, node) => ('!', Tone::Bad),
        Some(Severity::Note) | None => ('*', Tone::Plain),
    }
}

/// Whether it is a replica that no primary feeds.
fn stranded(topology: &Topology, node: &Node) -> bool {
    node.upstream().is_some() && !topology.top_of(node).is_some_and(Node::is_primary)
}

/// The lines that lead to a node in the tree.
fn branch(last: &[bool], utf8: bool) -> String {
    let (pass, fork, end) = if utf8 {
        ("│  ", "├─ ", "└─ ")
    } else {
        ("|  ", "|- ", "`- ")
    };
    let Some((own, above)) = last.split_last() else {
        return String::new();
    };
    let mut out: String = above
        .iter()
        .map(|last| if *last { "   " } else { pass })
        .collect();
    out.push_str(if *own { end } else { fork });
    out
}

fn role(node: &Node) -> Cell {
    match &node.state {
        State::Up(_) if node.is_primary() => Cell::plain("primary"),
        State::Up(_) => Cell::plain("replica"),
        State::Down(trouble) => Cell {
            // The finding has the whole sentence.
            text: trouble.kind.brief().to_owned(),
            style: Tone::Bad,
        },
    }
}

fn link(server: Option<&Server>, link: &Upstream) -> Cell {
    if let Some(loading) = server.and_then(|server| server.loading) {
        let so_far = loading
            .percent
            .map_or_else(String::new, |percent| format!(" {percent} %"));
        return Cell {
            text: format!("loading{so_far}"),
            style: Tone::Warn,
        };
    }
    match (link.link, link.sync, link.down_since_seconds) {
        (Link::Up, _, _) => Cell::plain("up"),
        (Link::Down, Some(sync), _) => Cell {
            text: syncing(sync),
            style: Tone::Warn,
        },
        (Link::Down, None, Some(seconds)) => Cell {
            text: format!("down {}", duration(seconds)),
            style: Tone::Bad,
        },
        (Link::Down, None, None) => Cell {
            text: "never up".into(),
            style: Tone::Bad,
        },
    }
}

fn syncing(sync: SyncProgress) -> String {
    match (sync.read, sync.total) {
        (Some(read), Some(total)) => {
            format!(
                "syncing {} %",
                (u128::from(read) * 100 / u128::from(total.max(1))).min(100)
            )
        }
        (Some(read), None) if read > 0 => format!("syncing {}", bytes(read)),
        _ => "syncing".to_owned(),
    }
}

fn lag(lag: &Lag) -> String {
    if lag.at_least {
        return format!("> {:.0} s", lag.seconds);
    }
    if lag.seconds < 1.0 {
        format!("{:.0} ms", lag.seconds * 1000.0)
    } else {
        format!("{:.1} s", lag.seconds)
    }
}

fn version(server: &Server) -> String {
    let product = match server.product {
        Product::Redis => "Redis",
        Product::Valkey => "Valkey",
    };
    format!("{product} {}", server.version)
}

#[cfg(test)]
mod tests;

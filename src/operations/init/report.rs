//! The report on a deployment that was found: a table, what is missing, and what to type next; or
//! the same as JSON.

use super::plan::describe::Found;
use crate::output::escape;
use crate::output::paint::Tone;
use crate::output::table::{self, Cell, Column, Options, wrap};
use crate::topology::sentinel::Watch;
use serde::Serialize;
use std::path::Path;

/// All that is said.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The file that was written; `None`: stdout.
    pub inventory: Option<&'a Path>,
    /// The deployment's name.
    pub deployment: &'a str,
    /// The address that was named first.
    pub from: &'a str,
    /// The inventory existed already, and missing nodes were added.
    pub merged: bool,
    /// The Sentinels.
    pub sentinel: Option<&'a Watch>,
    /// The servers.
    pub nodes: &'a [Found],
    /// What servers named and replctl did not add.
    pub odd: &'a [String],
}

/// The document.
#[derive(Serialize)]
pub struct Document<'a> {
    inventory: Option<&'a Path>,
    /// No password is made.
    password_file: Option<&'a Path>,
    deployment: &'a str,
    /// The nodes that were written.
    nodes: Vec<&'a str>,
    from: &'a str,
    found: Vec<Server<'a>>,
    sentinel: Option<Sentinels<'a>>,
    not_taken_in: &'a [String],
}

/// One server.
#[derive(Serialize)]
struct Server<'a> {
    node: &'a str,
    address: String,
    announce: Option<String>,
    role: Option<&'static str>,
    replicaof: Option<&'a str>,
    run_by: Option<&'a str>,
    unit: Option<&'a str>,
    config_file: Option<&'a str>,
    /// `written`, `comment` or `there`.
    inventory: &'static str,
    missing: &'a [String],
}

#[derive(Serialize)]
struct Sentinels<'a> {
    name: &'a str,
    addresses: Vec<String>,
    quorum: Option<u64>,
}

impl<'a> Report<'a> {
    /// For programs.
    pub fn document(&self) -> Document<'a> {
        let written = self.nodes.iter().filter(|node| is_written(node));
        Document {
            inventory: self.inventory,
            password_file: None,
            deployment: self.deployment,
            nodes: written.map(|node| node.entry.name.as_str()).collect(),
            from: self.from,
            found: self.nodes.iter().map(server).collect(),
            sentinel: self.sentinel.map(|watch| Sentinels {
                name: &watch.name,
                addresses: watch.addresses().iter().map(ToString::to_string).collect(),
                quorum: quorum(watch),
            }),
            not_taken_in: self.odd,
        }
    }
}

/// Whether the node is new in the inventory.
fn is_written(node: &Found) -> bool {
    !node.given && !node.entry.only_comment
}

fn server(node: &Found) -> Server<'_> {
    let entry = &node.entry;
    Server {
        node: &entry.name,
        address: entry.address.to_string(),
        announce: entry.announce.as_ref().map(ToString::to_string),
        role: node.role,
        replicaof: entry.replicaof.as_deref(),
        run_by: node.run_by.as_deref(),
        unit: entry.unit.as_deref(),
        config_file: entry.config_file.as_deref(),
        inventory: match (node.given, entry.only_comment) {
            (true, _) => "there",
            (false, true) => "comment",
            (false, false) => "written",
        },
        missing: &node.missing,
    }
}

fn quorum(watch: &Watch) -> Option<u64> {
    watch.up().map(|(_, sees)| sees.quorum).max()
}

/// For people, without a newline at its end.
pub fn render(report: &Report<'_>, options: Options) -> String {
    let mut out = wrap(&escape(&sentence(report)), 2, options);
    out.push_str("\n\n");
    out.push_str(&nodes(report, options));
    let missing = missing(report);
    if !missing.is_empty() {
        out.push_str("\nmissing:\n");
        for what in missing {
            out.push_str(&wrap(&escape(&format!("  {what}")), 4, options));
            out.push('\n');
        }
    }
    out.push_str(&end(report));
    out
}

/// What is missing. Each text comes once, with all nodes that it is about.
fn missing(report: &Report<'_>) -> Vec<String> {
    let mut of: Vec<(&str, Vec<&str>)> = Vec::new();
    for node in report.nodes {
        for what in &node.missing {
            let name = node.entry.name.as_str();
            match of.iter_mut().find(|(known, _)| known == what) {
                Some((_, names)) => names.push(name),
                None => of.push((what, vec![name])),
            }
        }
    }
    let of = of.into_iter();
    let missing = of.map(|(what, names)| format!("{}: {what}", names.join(", ")));
    let odd = report
        .odd
        .iter()
        .map(|what| format!("not taken in: {what}"));
    missing.chain(odd).collect()
}

fn sentence(report: &Report<'_>) -> String {
    let seen = report
        .nodes
        .iter()
        .filter(|node| node.role.is_some())
        .count();
    let servers = counted(seen, "server");
    let watch = report.sentinel.map_or_else(String::new, |watch| {
        let up = watch.addresses().len();
        let quorum = quorum(watch).map_or_else(String::new, |n| format!(", quorum {n}"));
        let them = if up == 1 { "watches" } else { "watch" };
        let sentinels = counted(up, "Sentinel");
        format!("; {sentinels} {them} them as `{}`{quorum}", watch.name)
    });
    format!("from {}: {servers}{watch}", report.from)
}

fn counted(number: usize, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}

fn nodes(report: &Report<'_>, options: Options) -> String {
    let column = |title, drop, cut| Column {
        title,
        drop,
        cut,
        right: false,
    };
    let columns = [
        column("node", 0, true),
        column("address", 0, true),
        column("role", 0, false),
        column("replicaof", 2, true),
        column("run by", 1, true),
        column("inventory", 0, false),
    ];
    let rows: Vec<Vec<Cell>> = report.nodes.iter().map(row).collect();
    table::render(&columns, &rows, options)
}

fn row(node: &Found) -> Vec<Cell> {
    let shown = |text: Option<&str>| match text {
        Some(text) => Cell::plain(escape(text)),
        None => Cell {
            text: "-".to_owned(),
            style: Tone::Dim,
        },
    };
    let server = server(node);
    let through = node.entry.ssh_host.as_ref();
    let through = through.map_or_else(String::new, |host| format!(" via ssh {host}"));
    let role = node.role.map_or_else(
        || Cell {
            text: "not seen".to_owned(),
            style: Tone::Bad,
        },
        Cell::plain,
    );
    vec![
        Cell::plain(escape(server.node)),
        Cell::plain(escape(&format!("{}{through}", server.address))),
        role,
        shown(server.replicaof),
        shown(
            server
                .run_by
                .map(|by| by.strip_prefix("started by ").unwrap_or(by)),
        ),
        Cell::plain(server.inventory),
    ]
}

/// What was written, and what to type next.
fn end(report: &Report<'_>) -> String {
    let Some(path) = report.inventory else {
        return String::new();
    };
    let shown = path.display().to_string();
    let new = report.nodes.iter().filter(|node| is_written(node)).count();
    let wrote = match (report.merged, new) {
        (true, 0) => format!("nothing is missing in {shown}"),
        (true, new) => format!("added {} to {shown}", counted(new, "node")),
        (false, _) => format!("wrote {shown}"),
    };
    let quoted =
        shlex::try_quote(&shown).map_or_else(|_| shown.clone(), std::borrow::Cow::into_owned);
    let usual = matches!(shown.as_str(), "inventory.toml" | "./inventory.toml");
    let replctl = if usual {
        "replctl".to_owned()
    } else {
        format!("replctl --inventory {quoted}")
    };
    format!(
        "\n{}\n\nnext:\n  {} status",
        escape(&wrote),
        escape(&replctl)
    )
}

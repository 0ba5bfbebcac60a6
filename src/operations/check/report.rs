//! The output of `check` for people: the address plan, the hosts side by side, and the findings. It
//! escapes everything that comes from servers and hosts.

mod json;
mod markdown;

use crate::findings::{Finding, Severity, Wanted};
use crate::output::findings::{findings, findings_with_codes};
use crate::output::paint::Tone;
use crate::output::table::{self, Cell, Column, Options, paint, wrap};
use crate::output::verdict::verdict;
use crate::output::{self, escape};
use crate::topology::host::{HostLook, HostState, Hosts, Target};
use crate::topology::phrases::{bytes, plural};
use crate::topology::service::Service;
use crate::topology::{Node, Product, Server, State, Topology};
use jiff::Timestamp;

/// Everything that `check` shows.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The deployment's name.
    pub deployment: &'a str,
    /// The servers.
    pub topology: &'a Topology,
    /// The hosts.
    pub hosts: &'a Hosts,
    /// The nodes as the inventory wants them.
    pub planned: &'a [Wanted],
    /// The findings about it.
    pub findings: &'a [Finding],
    /// Show the code of each finding.
    pub codes: bool,
    /// Show which host reaches which server.
    pub matrix: bool,
    /// Whether the writes should be measured.
    pub measured: bool,
    /// The time of the observation.
    pub when: Timestamp,
}

/// Prints it in the requested form.
pub fn print(seen: &Shown<'_>, markdown: bool) {
    output::print(&json::check(seen), || {
        if markdown {
            markdown::render(seen)
        } else {
            render(seen, Options::of_stdout())
        }
    });
}

/// The whole text, without a newline at its end.
fn render(seen: &Shown<'_>, options: Options) -> String {
    let sentence = escape(&verdict(seen.deployment, seen.topology, seen.findings));
    let mut out = wrap(&sentence, 2, options);
    out.push_str("\n\n");
    out.push_str(&plain(&PLAN, plan(seen), options));
    out.push('\n');
    out.push_str(&plain(&SIDE_BY_SIDE, side_by_side(seen), options));
    out.push('\n');
    if seen.matrix || seen.hosts.looks.iter().any(unreached) {
        out.push_str(&plain(&MATRIX, matrix(seen), options));
        out.push('\n');
    }
    if let Some(line) = rate(seen) {
        out.push_str(&wrap(&escape(&line), 2, options));
        out.push_str("\n\n");
    }
    if let Some(line) = names_left(seen) {
        out.push_str(&wrap(&line, 2, options));
        out.push_str("\n\n");
    }
    let (summed, tone) = summed_up(seen.findings);
    out.push_str(&paint(&summed, tone, options));
    out.push('\n');
    out.push_str(&if seen.codes {
        findings_with_codes(seen.findings, options)
    } else {
        findings(seen.findings, options)
    });
    out.truncate(out.trim_end().len());
    out
}

/// How many findings there are.
fn summed_up(found: &[Finding]) -> (String, Tone) {
    let count = |severity| found.iter().filter(|f| f.severity == severity).count();
    let problems = count(Severity::Problem);
    let warnings = count(Severity::Warning);
    let notes = count(Severity::Note);
    let tone = match (problems, warnings) {
        (0, 0) => Tone::Good,
        (0, _) => Tone::Warn,
        (_, _) => Tone::Bad,
    };
    let text = format!(
        "{}, {}, {}",
        plural(problems, "problem"),
        plural(warnings, "warning"),
        plural(notes, "note")
    );
    (text, tone)
}

/// The columns of the address plan, as in a plan on paper.
const PLAN: [Column; 8] = [
    Column::text("node", 0).cut(),
    Column::text("role", 0),
    Column::text("address", 0).cut(),
    Column::number("port", 0),
    Column::text("system", 3).cut(),
    Column::number("cpu", 2),
    Column::number("memory", 1),
    Column::text("disk", 1),
];

/// The columns of the hosts.
const SIDE_BY_SIDE: [Column; 11] = [
    Column::text("node", 0).cut(),
    Column::text("ssh", 0),
    Column::text("init", 2),
    Column::text("at boot", 2),
    Column::text("clock", 1),
    Column::text("overcommit", 1),
    Column::text("huge pages", 1),
    Column::number("somaxconn", 3),
    Column::number("files", 3),
    Column::number("swap", 4),
    Column::text("version", 2),
];

/// The columns of the reachability table.
const MATRIX: [Column; 4] = [
    Column::text("from", 0).cut(),
    Column::text("reaches", 0).cut(),
    Column::text("does not reach", 0).cut(),
    Column::text("not tried", 0).cut(),
];

/// A fact that is unknown.
const UNKNOWN: &str = "-";

fn plain<const N: usize>(
    columns: &[Column; N],
    rows: Vec<[String; N]>,
    options: Options,
) -> String {
    let cell = |text: String| {
        if text == UNKNOWN {
            Cell {
                text,
                style: Tone::Dim,
            }
        } else {
            Cell::plain(escape(&text))
        }
    };
    let rows: Vec<Vec<Cell>> = rows
        .into_iter()
        .map(|row| row.into_iter().map(cell).collect())
        .collect();
    table::render(columns, &rows, options)
}

fn or_unknown(text: Option<String>) -> String {
    text.unwrap_or_else(|| UNKNOWN.to_owned())
}

/// The rows of the address plan.
fn plan(seen: &Shown<'_>) -> Vec<[String; 8]> {
    let row = |node: &Node| {
        let host = seen.hosts.of(&node.name);
        let fact = |of: fn(&HostState) -> Option<String>| or_unknown(host.and_then(of));
        [
            node.name.to_string(),
            role(seen, node),
            node.announced.host.clone(),
            node.announced.port.to_string(),
            fact(|host| host.os.clone()),
            fact(|host| host.cpus.map(|n| n.to_string())),
            fact(|host| host.memory_bytes.map(bytes)),
            or_unknown(disk(seen, node)),
        ]
    };
    seen.topology.nodes.iter().map(row).collect()
}

/// Its role, and the planned role if that differs.
fn role(seen: &Shown<'_>, node: &Node) -> String {
    let planned = planned_role(seen, node);
    match (&node.state, live_role(node)) {
        (State::Down(trouble), _) => format!("{} (planned: {planned})", trouble.kind.brief()),
        (State::Up(_), Some(live)) if live != planned => format!("{live} (planned: {planned})"),
        (State::Up(_), live) => live.unwrap_or(planned).to_owned(),
    }
}

fn live_role(node: &Node) -> Option<&'static str> {
    node.server()?;
    Some(if node.is_primary() {
        "primary"
    } else {
        "replica"
    })
}

fn planned_role(seen: &Shown<'_>, node: &Node) -> &'static str {
    let wanted = seen.planned.iter().find(|wanted| wanted.name == node.name);
    match wanted.and_then(|wanted| wanted.follows.as_ref()) {
        Some(_) => "replica",
        None => "primary",
    }
}

/// The rate of writes, if it should be measured.
fn rate(seen: &Shown<'_>) -> Option<String> {
    if !seen.measured {
        return None;
    }
    Some(match &seen.hosts.rate {
        Some(rate) => format!(
            "{} a second were written to {} (measured over {} s)",
            bytes(rate.bytes_per_second),
            rate.node,
            rate.seconds
        ),
        None => "the rate of writes is unknown: no single primary answered all the time".to_owned(),
    })
}

/// The names that were too many to look up.
fn names_left(seen: &Shown<'_>) -> Option<String> {
    let left = Some(seen.hosts.names_left).filter(|left| *left > 0)?;
    let names = plural(left, "further name");
    Some(format!("{names} of nodes: not looked up on the hosts"))
}

/// Whether the host failed to reach a server.
fn unreached(look: &HostLook) -> bool {
    let state = look.state.as_ref().ok();
    state.is_some_and(|state| state.reach.iter().any(|r| r.reached == Some(false)))
}

/// The rows of the reachability table, one for each host.
fn matrix(seen: &Shown<'_>) -> Vec<[String; 4]> {
    let row = |look: &HostLook| {
        let from: Vec<String> = look.nodes.iter().map(ToString::to_string).collect();
        let tried = |reached: Option<bool>| {
            let all = look.state.iter().flat_map(|state| &state.reach);
            let of_it = all.filter(|r| r.reached == reached);
            let names: Vec<String> = of_it.map(|r| called(&r.to)).collect();
            or_unknown((!names.is_empty()).then(|| names.join(", ")))
        };
        [
            from.join(", "),
            tried(Some(true)),
            tried(Some(false)),
            tried(None),
        ]
    };
    seen.hosts.looks.iter().map(row).collect()
}

fn called(target: &Target) -> String {
    match &target.node {
        Some(node) => node.to_string(),
        None => format!("sentinel {}", target.address),
    }
}

/// `12 GiB free of 20 GiB`.
fn disk(seen: &Shown<'_>, node: &Node) -> Option<String> {
    let places = seen.hosts.places(&node.name)?;
    let (all, free) = places.disk_bytes.zip(places.disk_free_bytes)?;
    Some(format!("{} free of {}", bytes(free), bytes(all)))
}

/// The rows of the hosts.
fn side_by_side(seen: &Shown<'_>) -> Vec<[String; 11]> {
    let row = |node: &Node| {
        let host = seen.hosts.of(&node.name);
        let fact = |of: fn(&HostState) -> Option<String>| or_unknown(host.and_then(of));
        let places = seen.hosts.places(&node.name);
        let boot = node.service.as_deref().and_then(Service::starts_at_boot);
        [
            node.name.to_string(),
            ssh(seen, node),
            fact(|host| Some(if host.systemd? { "systemd" } else { "other" }.to_owned())),
            or_unknown(boot.map(|starts| if starts { "starts" } else { "no" }.to_owned())),
            fact(|host| host.clock_ahead_seconds.map(clock)),
            fact(|host| host.overcommit.map(|mode| mode.to_string())),
            fact(|host| host.huge_pages.clone()),
            fact(|host| host.somaxconn.map(|n| n.to_string())),
            or_unknown(places.and_then(|p| p.open_files).map(|n| n.to_string())),
            or_unknown(places.and_then(|p| p.swapped_bytes).map(bytes)),
            or_unknown(node.server().map(version)),
        ]
    };
    seen.topology.nodes.iter().map(row).collect()
}

/// Whether replctl has reached the host, and with which rights.
fn ssh(seen: &Shown<'_>, node: &Node) -> String {
    let look = seen.hosts.look(&node.name);
    match look.map(|look| &look.state) {
        Some(Ok(state)) if state.root => "root".to_owned(),
        Some(Ok(_)) => "not root".to_owned(),
        Some(Err(_)) => "no".to_owned(),
        None => UNKNOWN.to_owned(),
    }
}

/// `exact` means within about a second.
fn clock(ahead: i64) -> String {
    match ahead {
        0 => "exact".to_owned(),
        1.. => format!("{ahead} s ahead"),
        _ => format!("{} s behind", ahead.unsigned_abs()),
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

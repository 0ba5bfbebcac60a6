//! `conf/sentinel.cnf`: the first configuration of a Sentinel. From its first start on, the
//! Sentinel owns the file. It writes its id, what it has learned and its last failover there, so
//! replctl never writes it again.
//!
//! The text holds no secret: [`PASSWORD`] and [`OWN_PASSWORD`] stand in place of the passwords.

use super::directives::{Directive, quote};
use super::server::{PASSWORD, Rendered, Section, Stamp, Supervision, bind, is_loopback, start};
use super::{Paths, tls};
use crate::inventory::{Auth, Inventory, NodeSpec, SentinelRules, SentinelSettings};
use crate::topology::Address;
use crate::topology::sentinel::address;
use core::net::IpAddr;

/// Placeholder for the Sentinels' own password.
pub const OWN_PASSWORD: &str = "${replctl:sentinel-password}";

/// The servers' defaults, which a Sentinel does not write into its file.
const DOWN_AFTER_MS: u64 = 30_000;
const FAILOVER_TIMEOUT_MS: u64 = 180_000;
const PARALLEL_SYNCS: u64 = 1;

/// The deployment that a Sentinel is to watch, and the abilities of its program.
#[derive(Debug, Clone, Copy)]
pub struct SentinelFile<'a> {
    /// The primary, as it reaches it.
    pub primary: &'a Address,
    /// Some nodes have names instead of addresses: the Sentinel must resolve them (6.2 and newer).
    pub names: bool,
    /// Its program has a separate password for the other Sentinels (6.2 and newer). Older ones use
    /// `requirepass` for that, too.
    pub modern: bool,
}

/// The file that `node` begins with.
pub fn render(
    inventory: &Inventory,
    settings: &SentinelSettings,
    node: &NodeSpec,
    how: Supervision,
    begin: SentinelFile<'_>,
) -> Rendered {
    let mut sections = own(inventory, settings, node, how, begin);
    sections.push(watched(inventory, settings, begin.primary));
    let directives: Vec<(String, String)> = sections
        .iter()
        .flat_map(|s| s.lines.iter().cloned())
        .collect();
    // Its settings for a deployment change with the deployment. The rest is fixed while it runs.
    let fixed: Vec<(String, String)> = directives
        .iter()
        .filter(|(name, value)| name != "sentinel" || is_own(value))
        .cloned()
        .collect();
    let stamp = Stamp::new(&fixed, |_| false);
    let mut text = format!(
        "{stamp}\n# Begun by replctl. The Sentinel itself keeps it: who it is, what it has learned, its last failover.\n# Change the inventory and run `replctl sentinel setup`, which tells it by SENTINEL SET.\n"
    );
    for section in &sections {
        section.write(&mut text);
    }
    Rendered {
        text,
        stamp,
        directives,
    }
}

/// Whether a setting is about the Sentinel itself, not about a deployment that it watches.
fn is_own(value: &str) -> bool {
    let word = value.split(' ').next().unwrap_or_default();
    matches!(
        word,
        "resolve-hostnames" | "announce-ip" | "announce-port" | "sentinel-pass"
    )
}

fn own(
    inventory: &Inventory,
    settings: &SentinelSettings,
    node: &NodeSpec,
    how: Supervision,
    begin: SentinelFile<'_>,
) -> Vec<Section> {
    let paths = Paths::of(inventory, node);
    let password = settings.password.is_some();
    let mut out = vec![start(how)];
    let mut add = |comment: &'static str, lines: &[(&str, String)]| {
        out.push(Section::new(comment, lines));
    };
    if let Some(bind) = bind(inventory, node) {
        add(
            "the addresses to listen on: the host's own, and loopback for tools on it",
            &[("bind", bind)],
        );
    }
    let guard = if password || is_loopback(&node.address.host) {
        "yes"
    } else {
        "no"
    };
    add(
        "whether to refuse other hosts while no password is set: the other Sentinels are such",
        &[("protected-mode", guard.to_owned())],
    );
    out.push(tls::ports(node));
    out.extend(tls::files(node, &paths));
    out.push(Section::of_pid_and_log(&paths));
    out.push(Section::new(
        "its own directory",
        &[("dir", quote(&format!("{}/", paths.data())))],
    ));
    out.extend(among_others(node, password, begin));
    out
}

/// The settings that the other Sentinels need.
fn among_others(node: &NodeSpec, password: bool, begin: SentinelFile<'_>) -> Vec<Section> {
    let mut out = Vec::new();
    let mut add = |comment: &'static str, lines: &[(&str, String)]| {
        out.push(Section::new(comment, lines));
    };
    if password {
        let mut lines = vec![("requirepass", OWN_PASSWORD.to_owned())];
        if begin.modern {
            lines.push(("sentinel", format!("sentinel-pass {OWN_PASSWORD}")));
        }
        add(
            "what it asks of clients, and the other Sentinels of it",
            &lines,
        );
    }
    if begin.names {
        add(
            "nodes have names: it resolves them",
            &[("sentinel", "resolve-hostnames yes".to_owned())],
        );
    }
    if let Some(host) = announced(node, begin.names) {
        add(
            "where the other Sentinels and the clients reach it",
            &[
                ("sentinel", format!("announce-ip {}", quote(host))),
                (
                    "sentinel",
                    format!("announce-port {}", node.announced().port),
                ),
            ],
        );
    }
    out
}

/// The address that it announces, so that it matches the inventory: an IP address always, a name
/// only if the other Sentinels resolve names.
fn announced(node: &NodeSpec, names: bool) -> Option<&str> {
    let host = node.announced().host.as_str();
    let literal = host.parse::<IpAddr>().is_ok();
    (literal || names && node.announce.is_some()).then_some(host)
}

fn watched(inventory: &Inventory, settings: &SentinelSettings, primary: &Address) -> Section {
    let SentinelSettings { name, rules, .. } = settings;
    let mut lines = vec![format!(
        "monitor {name} {} {} {}",
        quote(&primary.host),
        primary.port,
        rules.quorum
    )];
    if matches!(inventory.auth, Auth::Password(_)) {
        lines.push(format!("auth-pass {name} {PASSWORD}"));
    }
    lines.extend(
        options(rules)
            .into_iter()
            .filter(|(option, _)| *option != "quorum")
            .map(|(option, value)| format!("{option} {name} {value}")),
    );
    let lines: Vec<(&str, String)> = lines.into_iter().map(|l| ("sentinel", l)).collect();
    Section::new("the deployment it watches", &lines)
}

/// The options of `SENTINEL SET` and their values.
pub fn options(rules: &SentinelRules) -> [(&'static str, u64); 4] {
    [
        ("quorum", rules.quorum),
        ("down-after-milliseconds", rules.down_after_ms),
        ("failover-timeout", rules.failover_timeout_ms),
        ("parallel-syncs", rules.parallel_syncs),
    ]
}

/// What a Sentinel's file says about the deployment `name`: its primary's address, and the rules.
/// `None`: nothing.
pub fn watches(directives: &[Directive], name: &str) -> Option<(Address, SentinelRules)> {
    let lines = || directives.iter().filter(|d| d.name == "sentinel");
    let monitor = lines().find_map(|d| match d.args.as_slice() {
        [word, this, host, port, quorum]
            if word.eq_ignore_ascii_case("monitor") && this == name =>
        {
            Some((address(host, port)?, quorum.parse().ok()?))
        }
        _ => None,
    });
    let (primary, quorum) = monitor?;
    let option = |wanted: &str| {
        lines().find_map(|d| match d.args.as_slice() {
            [word, this, value] if word.eq_ignore_ascii_case(wanted) && this == name => {
                value.parse().ok()
            }
            _ => None,
        })
    };
    let rules = SentinelRules {
        quorum,
        down_after_ms: option("down-after-milliseconds").unwrap_or(DOWN_AFTER_MS),
        failover_timeout_ms: option("failover-timeout").unwrap_or(FAILOVER_TIMEOUT_MS),
        parallel_syncs: option("parallel-syncs").unwrap_or(PARALLEL_SYNCS),
    };
    Some((primary, rules))
}

#[cfg(test)]
mod tests;

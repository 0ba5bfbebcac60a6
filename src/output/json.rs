//! `status --json`: the observed structures themselves with what was concluded from them; and what is around the documents of all commands:
//! `"format": 1` and the command. Fields are added, never renamed.

use super::status::Seen;
use super::verdict::{deployment_of, verdict};
use crate::hidden::hides;
use crate::topology::candidate::primaries;
use crate::topology::findings::{Finding, healthy};
use crate::topology::lag::Lag;
use crate::topology::reboot::reboot;
use crate::topology::service::{Service, Starter};
use crate::topology::{Node, NodeName};
use serde::Serialize;
use std::fmt::Write as _;

#[derive(Serialize)]
struct Status<'a> {
    deployment: &'a str,
    verdict: String,
    healthy: bool,
    /// The one primary; null where there is none or more than one.
    primary: Option<&'a NodeName>,
    nodes: Vec<NodeStatus<'a>>,
    findings: &'a [Finding],
    /// What becomes of the roles when all hosts start again; not there where no host was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    after_reboot: Option<&'static str>,
}

/// What the next start of a server is.
#[derive(Serialize)]
struct Start<'a> {
    /// `unit`, `script`, `container`, `hand`, `unknown`.
    by: &'static str,
    unit: Option<&'a str>,
    config_file: Option<&'a str>,
    at_boot: Option<bool>,
    managed: bool,
    process: Option<u32>,
    uid: Option<u32>,
}

#[derive(Serialize)]
struct NodeStatus<'a> {
    #[serde(flatten)]
    node: &'a Node,
    role: Option<&'static str>,
    /// The node it replicates from, where that is one of the inventory.
    upstream: Option<&'a NodeName>,
    in_sync: Option<bool>,
    behind_bytes: Option<u64>,
    lag: Option<Lag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<Start<'a>>,
}

/// All of it.
pub fn status<'a>(seen: &'a Seen<'a>) -> impl Serialize + 'a {
    let deployment = deployment_of(seen.topology, seen.findings);
    Status {
        deployment: seen.deployment,
        verdict: verdict(seen.deployment, seen.topology, seen.findings),
        healthy: healthy(seen.findings),
        primary: match primaries(&deployment)[..] {
            [one] => seen.topology.get(&one.name).map(|node| &node.name),
            _ => None,
        },
        nodes: seen
            .topology
            .nodes
            .iter()
            .map(|node| of_node(seen, node))
            .collect(),
        findings: seen.findings,
        after_reboot: seen
            .topology
            .nodes
            .iter()
            .any(|n| n.service.is_some())
            .then(|| reboot(&deployment).code()),
    }
}

/// The document of a command: `"format": 1`, its name, and the fields of `content`.
#[derive(Serialize)]
struct Document<'a, T> {
    format: u8,
    command: Option<&'static str>,
    #[serde(flatten)]
    content: &'a T,
}

impl<'a, T> Document<'a, T> {
    fn of(content: &'a T) -> Self {
        Self {
            format: 1,
            command: super::form::command(),
            content,
        }
    }
}

/// A document that is printed before the command has ended, and what was warned of by then.
#[derive(Serialize)]
struct Early<'a, T> {
    #[serde(flatten)]
    document: &'a T,
    warnings: Vec<String>,
}

/// The document of the command.
pub fn document(content: &impl Serialize) -> String {
    // These types have string keys and no fallible values: there is nothing that can fail.
    let text = serde_json::to_string_pretty(&Document::of(content)).unwrap_or_default();
    harmless(&text)
}

/// Prints such a document as a result, piece by piece: memory need not hold it.
///
/// # Errors
/// The content cannot be read, and why; what was printed by then is no whole document.
pub fn print(content: &impl Serialize) -> Result<(), String> {
    let mut failed = None;
    super::form::printed();
    super::stream::result_by(|out| {
        let document = Document::of(content);
        let document = Early {
            document: &document,
            warnings: super::form::warnings(),
        };
        let written = serde_json::to_writer_pretty(Harmless(out), &document);
        written.map_err(|error| {
            if !error.is_io() {
                failed = Some(error.to_string());
            }
            std::io::Error::from(error)
        })
    });
    failed.map_or(Ok(()), Err)
}

/// Writes JSON text as [`harmless`] makes it.
struct Harmless<'a>(&'a mut dyn std::io::Write);

impl std::io::Write for Harmless<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // JSON text is written in whole characters.
        match std::str::from_utf8(bytes) {
            Ok(text) if text.is_ascii() && !text.contains('\x7f') => self.0.write_all(bytes)?,
            Ok(text) => self.0.write_all(harmless(text).as_bytes())?,
            Err(error) => return Err(std::io::Error::other(error)),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

fn of_node<'a>(seen: &Seen<'a>, node: &'a Node) -> NodeStatus<'a> {
    NodeStatus {
        node,
        role: node.server().map(|_| {
            if node.is_primary() {
                "primary"
            } else {
                "replica"
            }
        }),
        upstream: seen
            .topology
            .upstream_of(node)
            .map(|upstream| &upstream.name),
        in_sync: seen.topology.in_sync(node),
        behind_bytes: seen.topology.behind(node),
        lag: seen.lags.and_then(|lags| lags.get(&node.name)).copied(),
        start: node.service.as_deref().map(start),
    }
}

fn start(service: &Service) -> Start<'_> {
    Start {
        by: match service.starter {
            Starter::Unit(_) => "unit",
            Starter::Script(_) => "script",
            Starter::Container(_) => "container",
            Starter::Nothing => "hand",
            Starter::Unknown(_) => "unknown",
        },
        unit: service.unit().map(|unit| unit.name.as_str()),
        config_file: service.file.as_deref(),
        at_boot: service.starts_at_boot(),
        managed: service.managed,
        process: service.process.as_ref().map(|p| p.pid),
        uid: service.process.as_ref().map(|p| p.uid),
    }
}

/// JSON leaves DEL, the C1 controls and bidirectional overrides as they are; a terminal would obey them. They only stand inside strings.
pub(super) fn harmless(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        let layout = c == '\n';
        if !layout && (c.is_control() || hides(c)) {
            for half in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{half:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

//! Selects the directives of the former configuration that the inventory needs, so that the server
//! runs as before: all that replctl does not write itself and that are not defaults. Pure.
//!
//! The live settings count, not the file, because somebody may have changed the file since. The
//! result holds no secret: it leaves out passwords, and comments that may hold a password.

use crate::config::aliases::name_in;
use crate::config::defaults::default_of;
use crate::config::directives::{quote, split};
use crate::config::server::{Rendered, owned};
use crate::config::tls;
use crate::findings::drift::same;
use crate::inventory::NodeSpec;
use crate::inventory::edit::AdoptedDirective;
use crate::inventory::secrets::is_secret;
use crate::inventory::server::owned as written_by_replctl;
use crate::plan::hand_over::lacks_pause_write;
use crate::topology::Server;
use crate::topology::service::whole::Stated;
use std::collections::BTreeMap;

/// How many lines of a comment are kept, counted from the directive upwards: the files of packages
/// have pages of text above each directive.
const COMMENT: usize = 12;

/// Directives that replctl compares with the output of CONFIG GET although their default is
/// unknown.
const ALWAYS: [&str; 3] = ["bind", "protected-mode", "save"];

/// A directive that depends on the process and not on its file.
const OF_PROCESS: &str = "locale-collate";

/// Directives of several arguments, which CONFIG GET does not quote. A value of any other is one
/// argument.
const OF_SEVERAL: [&str; 6] = [
    "bind",
    "client-output-buffer-limit",
    "latency-tracking-info-percentiles",
    "notify-keyspace-events",
    "oom-score-adj-values",
    "save",
];

/// Words that mark a comment which may hold a password.
const OF_SECRETS: [&str; 11] = [
    "pass",
    "pwd",
    "secret",
    "token",
    "auth",
    "credential",
    "login",
    "geheim",
    "密码",
    "口令",
    "密钥",
];

/// A server and its former settings.
pub struct Former<'a> {
    /// Its configuration in the order of a start.
    pub stated: &'a [Stated],
    /// Its live settings by their present names, without secrets.
    pub live: &'a BTreeMap<String, String>,
    /// The server.
    pub server: &'a Server,
}

/// The result of the selection.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The directives for the inventory.
    pub kept: Vec<AdoptedDirective>,
    /// Live settings that the file does not have.
    pub changed: Vec<String>,
}

/// One directive of the former configuration: its last comment, and all its lines.
#[derive(Default)]
struct Lines {
    comment: Vec<String>,
    values: Vec<Vec<String>>,
}

/// The settings that a node keeps. `rendered`: what replctl writes for it anyway.
pub fn settings(former: &Former<'_>, node: &NodeSpec, rendered: &Rendered) -> Settings {
    let (order, lines) = grouped(former);
    let mut out = Settings::default();
    let is_ours = |name: &str| is_ours(name, node);
    for name in order.iter().filter(|name| !is_ours(name)) {
        let Some(said) = lines.get(name) else {
            continue;
        };
        let (values, changed) = current(name, said, former.live);
        if needed(name, &values, former, rendered) {
            let comment = comment(&said.comment);
            out.keep(name, values, comment, changed);
        }
    }
    // These remain: what somebody has set with CONFIG SET, what is safe only if it is written down,
    // and what the inventory has with another value.
    let unsaid = former
        .live
        .iter()
        .filter(|(name, _)| !lines.contains_key(*name));
    for (name, live) in unsaid.filter(|(name, _)| !is_ours(name)) {
        let known = default_of(name, former.server.product, former.server.version);
        let is_default = known.is_some_and(|d| alike(name, live, &words(d)));
        let may_stay = is_default || known.is_none() && !ALWAYS.contains(&name.as_str());
        let mut configured = node.config.keys();
        if may_stay && !configured.any(|key| name_in(former.live, key) == *name) {
            continue;
        }
        let values = match (name.as_str(), live.as_str()) {
            ("bind", "") => vec![everywhere(former.server, node)],
            _ => parts(name, live),
        };
        if needed(name, &values, former, rendered) {
            out.keep(name, values, Vec::new(), known.is_some() && !is_default);
        }
    }
    out
}

impl Settings {
    fn keep(&mut self, name: &str, values: Vec<String>, comment: Vec<String>, changed: bool) {
        let text = values.join(" ");
        if changed {
            self.changed.push(format!("{name} {text}"));
        }
        self.kept.push(AdoptedDirective {
            comment,
            name: name.to_owned(),
            values,
        });
    }
}

/// The addresses of a server whose `bind` is empty: all addresses. Before 6.2, there is no word for
/// that.
fn everywhere(server: &Server, node: &NodeSpec) -> String {
    let all = if !lacks_pause_write(server) {
        "* -::*"
    } else if node.address.host.contains(':') {
        "0.0.0.0 ::"
    } else {
        "0.0.0.0"
    };
    all.to_owned()
}

/// The settings that the server must have after its adoption: its live settings, except those to
/// which `rendered`, its new file, gives another value.
pub fn expected(
    former: &Former<'_>,
    node: &NodeSpec,
    rendered: &Rendered,
) -> Vec<(String, String)> {
    let others = former.live.iter().filter(|(name, _)| !is_ours(name, node));
    let others = others.filter(|(name, _)| *name != OF_PROCESS);
    let stays = |(name, live): &(&String, &String)| {
        let written = written(name, former, rendered);
        let written: Vec<String> = written.iter().flat_map(|value| words(value)).collect();
        written.is_empty() || alike(name, live, &written)
    };
    let all = others.filter(stays);
    all.map(|(name, live)| (name.clone(), live.clone()))
        .collect()
}

/// Whether replctl decides this setting, or it is a secret.
fn is_ours(name: &str, node: &NodeSpec) -> bool {
    owned(name).is_some()
        || written_by_replctl(name).is_some()
        || is_secret(name)
        || node.tls.is_some() && tls::owned(name)
}

/// The values of this setting in replctl's file.
fn written(name: &str, former: &Former<'_>, rendered: &Rendered) -> Vec<String> {
    let lines = rendered.directives.iter();
    let lines = lines.filter(|(n, _)| name_in(former.live, n) == name);
    lines.map(|(_, value)| value.clone()).collect()
}

/// Groups the directives by their present names, in the order of their first lines.
fn grouped(former: &Former<'_>) -> (Vec<String>, BTreeMap<String, Lines>) {
    let mut order = Vec::new();
    let mut lines: BTreeMap<String, Lines> = BTreeMap::new();
    for one in former.stated {
        let name = name_in(former.live, &one.line.name);
        let said = lines.entry(name.clone()).or_insert_with(|| {
            order.push(name.clone());
            Lines::default()
        });
        if !one.comment.is_empty() {
            said.comment.clone_from(&one.comment);
        }
        if !is_repeated(&name) {
            said.values.clear();
        }
        said.values.push(one.line.args.clone());
    }
    (order, lines)
}

/// Directives with several lines that all count.
fn is_repeated(name: &str) -> bool {
    ["save", "client-output-buffer-limit"].contains(&name) || is_lists(name)
}

/// Directives that CONFIG GET does not return.
fn is_lists(name: &str) -> bool {
    ["rename-command", "loadmodule"].contains(&name)
}

/// The live value, in the words of the file if both mean the same. Also returns whether they
/// differ.
fn current(name: &str, said: &Lines, live: &BTreeMap<String, String>) -> (Vec<String>, bool) {
    let texts = |values: &[Vec<String>]| -> Vec<String> {
        let all = values.iter().map(|args| match &args[..] {
            [one] if one.is_empty() => String::new(),
            args => args.iter().map(|a| quote(a)).collect::<Vec<_>>().join(" "),
        });
        all.collect()
    };
    let Some(live) = live.get(name).filter(|_| !is_lists(name)) else {
        return (texts(&said.values), false);
    };
    let written: Vec<String> = said.values.concat();
    if alike(name, live, &written) {
        return (texts(&said.values), false);
    }
    (parts(name, live), true)
}

/// Whether both mean the same. One argument may contain blanks, and CONFIG GET does not quote them.
fn alike(name: &str, live: &str, written: &[String]) -> bool {
    same(name, live, written) || written.join(" ") == live
}

/// Turns a value of CONFIG GET into lines of a file. A directive with several values has a line for
/// each, which all versions understand.
fn parts(name: &str, live: &str) -> Vec<String> {
    let step = match name {
        "save" => 2,
        "client-output-buffer-limit" => 4,
        _ if !OF_SEVERAL.contains(&name) && live.contains(char::is_whitespace) => {
            return vec![quote(live)];
        }
        _ => return vec![live.to_owned()],
    };
    let words: Vec<&str> = live.split_whitespace().collect();
    if words.is_empty() {
        return vec![String::new()];
    }
    words.chunks(step).map(|line| line.join(" ")).collect()
}

fn words(text: &str) -> Vec<String> {
    split(text).unwrap_or_else(|| vec![text.to_owned()])
}

/// Whether a server with replctl's file would run differently without this directive.
fn needed(name: &str, values: &[String], former: &Former<'_>, rendered: &Rendered) -> bool {
    let text = values.join(" ");
    let server = former.server;
    let written = written(name, former, rendered);
    let written: Vec<String> = written.iter().flat_map(|value| words(value)).collect();
    if !written.is_empty() {
        return !same(name, &text, &written);
    }
    default_of(name, server.product, server.version).is_none_or(|d| !same(name, &text, &words(d)))
}

/// The lines of a comment that are kept: those next to the directive, without those that may hold a
/// password.
fn comment(all: &[String]) -> Vec<String> {
    let from = all.len().saturating_sub(COMMENT);
    let plain = |line: &&String| {
        let lower = line.to_lowercase();
        let address = lower.contains("://") && lower.contains('@');
        let user = lower.split_whitespace().any(|word| word == "user");
        !address && !user && !OF_SECRETS.iter().any(|word| lower.contains(word))
    };
    all[from..].iter().filter(plain).cloned().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

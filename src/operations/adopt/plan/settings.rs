//! Which directives of a server's former configuration the inventory has to say, so that the server
//! goes on as it runs: all that replctl does not write itself, and that is no default. Pure.
//!
//! What the server runs with counts, and not what its file says, which somebody may have changed
//! since. No secret is among them: names of passwords are passed over, and comments that may hold
//! one.

use crate::config::defaults::default_of;
use crate::config::directives::{quote, split};
use crate::config::server::{Rendered, owned};
use crate::config::tls;
use crate::findings::drift::same;
use crate::inventory::NodeSpec;
use crate::inventory::edit::Kept;
use crate::inventory::secrets::is_secret;
use crate::inventory::server::{owned as written_by_replctl, present_name};
use crate::plan::hand_over::lacks_pause_write;
use crate::topology::Server;
use crate::topology::service::whole::Stated;
use std::collections::BTreeMap;

/// Of a comment, so many lines are kept, those next to its directive: the files of packages have
/// pages of text above each.
const COMMENT: usize = 12;

/// What CONFIG GET tells is changed at run time is looked for among these, beside those with a
/// default that is known.
const ALWAYS: [&str; 3] = ["bind", "protected-mode", "save"];

/// What depends on the process and not on its file.
const OF_PROCESS: [&str; 2] = ["locale-collate", "maxclients"];

/// Words of a comment that may stand beside a password.
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

/// What a server was stated.
pub struct Former<'a> {
    /// Its configuration in the order of a start.
    pub stated: &'a [Stated],
    /// What it runs with, by present names, without secrets.
    pub live: &'a BTreeMap<String, String>,
    /// The server.
    pub server: &'a Server,
}

/// What becomes of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// What the inventory gets.
    pub kept: Vec<Kept>,
    /// What it runs with and its file does not say.
    pub changed: Vec<String>,
}

/// One directive of the former configuration: its last comment, and all its lines.
#[derive(Default)]
struct Lines {
    comment: Vec<String>,
    values: Vec<Vec<String>>,
}

/// What is kept of a node's settings. `rendered`: what replctl writes for it anyway.
pub fn settings(former: &Former<'_>, node: &NodeSpec, rendered: &Rendered) -> Settings {
    let (order, lines) = grouped(former.stated);
    let mut out = Settings::default();
    let is_ours = |name: &str| is_ours(name, node);
    for name in order.iter().filter(|name| !is_ours(name)) {
        let Some(said) = lines.get(name) else {
            continue;
        };
        let (values, changed) = current(name, said, former.live);
        if needed(name, &values, former.server, rendered) {
            let comment = comment(&said.comment);
            out.keep(name, values, comment, changed);
        }
    }
    // What somebody has set with CONFIG SET, what is safe only where it is said, and what the
    // inventory says otherwise.
    let unsaid = former
        .live
        .iter()
        .filter(|(name, _)| !lines.contains_key(*name));
    for (name, live) in unsaid.filter(|(name, _)| !is_ours(name)) {
        let known = default_of(name, former.server.product, former.server.version);
        let is_default = known.is_some_and(|d| alike(name, live, &words(d)));
        let may_stay = is_default || known.is_none() && !ALWAYS.contains(&name.as_str());
        if may_stay && !node.config.contains_key(name) {
            continue;
        }
        let values = match (name.as_str(), live.as_str()) {
            ("bind", "") => vec![everywhere(former.server, node)],
            _ => parts(name, live),
        };
        if needed(name, &values, former.server, rendered) {
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
        self.kept.push(Kept {
            comment,
            name: name.to_owned(),
            values,
        });
    }
}

/// What a server listens on whose `bind` is empty: all addresses. Before 6.2 there is no word for
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

/// What the server has to run with afterwards: as it runs now, but for what `rendered`, its new
/// file, says.
pub fn expected(
    former: &Former<'_>,
    node: &NodeSpec,
    rendered: &Rendered,
) -> Vec<(String, String)> {
    let others = former.live.iter().filter(|(name, _)| !is_ours(name, node));
    let others = others.filter(|(name, _)| !OF_PROCESS.contains(&name.as_str()));
    let all = others.map(|(name, live)| {
        let written = written(name, rendered);
        let value = if written.is_empty() {
            live.clone()
        } else {
            written.join(" ")
        };
        (name.clone(), value)
    });
    all.collect()
}

/// Whether it is replctl's to say, or a secret.
fn is_ours(name: &str, node: &NodeSpec) -> bool {
    owned(name).is_some()
        || written_by_replctl(name).is_some()
        || is_secret(name)
        || node.tls.is_some() && tls::owned(name)
}

/// The values that replctl's file has for it.
fn written(name: &str, rendered: &Rendered) -> Vec<String> {
    let lines = rendered.directives.iter().filter(|(n, _)| n == name);
    lines.map(|(_, value)| value.clone()).collect()
}

/// The directives by their present names, in the order in which they are first said.
fn grouped(stated: &[Stated]) -> (Vec<String>, BTreeMap<String, Lines>) {
    let mut order = Vec::new();
    let mut lines: BTreeMap<String, Lines> = BTreeMap::new();
    for one in stated {
        let name = present_name(&one.line.name);
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

/// Directives whose lines all count.
fn is_repeated(name: &str) -> bool {
    ["save", "client-output-buffer-limit"].contains(&name) || is_lists(name)
}

/// Directives that CONFIG GET does not tell.
fn is_lists(name: &str) -> bool {
    ["rename-command", "loadmodule"].contains(&name)
}

/// What the server runs with, in the words of its file where both mean the same; and whether they
/// do not.
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
    let one = written.len() == 1 && live.contains(char::is_whitespace);
    let values = if one {
        vec![quote(live)]
    } else {
        parts(name, live)
    };
    (values, true)
}

/// Whether both mean the same: one argument may have blanks in it, which CONFIG GET does not quote.
fn alike(name: &str, live: &str, written: &[String]) -> bool {
    same(name, live, written) || written.join(" ") == live
}

/// A value of CONFIG GET as lines of a file: what takes several values has a line for each, which
/// all versions understand.
fn parts(name: &str, live: &str) -> Vec<String> {
    let step = match name {
        "save" => 2,
        "client-output-buffer-limit" => 4,
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

/// Whether a server with replctl's file would run otherwise, were this not said.
fn needed(name: &str, values: &[String], server: &Server, rendered: &Rendered) -> bool {
    let text = values.join(" ");
    let written = written(name, rendered);
    let written: Vec<String> = written.iter().flat_map(|value| words(value)).collect();
    if !written.is_empty() {
        return !same(name, &text, &written);
    }
    default_of(name, server.product, server.version).is_none_or(|d| !same(name, &text, &words(d)))
}

/// The lines of a comment that are kept: those next to the directive, and none that may hold a
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

//! The edit by which a node becomes replctl's: what said that it is somebody else's goes, and the
//! directives of its former file come under `[node.config]`, each below its comment. Pure.

use super::layout::{Layout, Table};
use super::words::in_one_line;
use super::{Change, Edit, Kind, change, ending};
use crate::inventory::NodeSpec;
use crate::inventory::server::present_name;
use crate::inventory::template::quoted;
use crate::topology::NodeName;
use std::fmt;

/// A directive that an adopted node keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptedDirective {
    /// The comment above it, line by line, without the sign.
    pub comment: Vec<String>,
    /// Its present name.
    pub name: String,
    /// Its values, as they stand behind the name in a configuration file; never empty.
    pub values: Vec<String>,
}

/// Makes a node replctl's, with these directives.
///
/// # Errors
/// Why that cannot be done in this text, as the rest of a sentence.
pub fn adopt(
    file: &str,
    text: &str,
    node: &NodeName,
    kept: &[AdoptedDirective],
) -> Result<Edit, String> {
    let layout = Layout::of(text)?;
    let table = layout.table(&node.0).ok_or("it has no such table")?;
    let mut changes = Vec::new();
    for place in &table.service {
        let line = layout.line_around(place).ok_or_else(|| {
            let key = text[place.clone()].split(['=', ' ']).next().unwrap_or("");
            format!("`{key}` of `{node}` does not stand on a line of its own")
        })?;
        changes.push(change(text, line, String::new()));
    }
    changes.extend(directives(text, &layout, table, (node, kept))?);
    changes.sort_by_key(|c| c.at);
    Ok(Edit::new(file, node, Kind::Adopt, text, changes))
}

/// The change that writes the directives; `None`: there are none.
fn directives(
    text: &str,
    layout: &Layout<'_>,
    table: &Table,
    (node, kept): (&NodeName, &[AdoptedDirective]),
) -> Result<Option<Change>, String> {
    if kept.is_empty() {
        return Ok(None);
    }
    let nl = ending(text);
    let (at, header) = match &table.config {
        Some(config) if !config.own_header => {
            return Err(format!(
                "the `config` of `{node}` has no header `[node.config]` of its own"
            ));
        }
        Some(config) => {
            let has = |kept: &&AdoptedDirective| {
                let named = |n: &String| present_name(&n.to_ascii_lowercase()) == kept.name;
                config.names.iter().any(named)
            };
            if let Some(there) = kept.iter().find(has) {
                return Err(format!(
                    "the `config` of `{node}` has another `{}` than its server runs with",
                    there.name
                ));
            }
            (layout.behind_line(config.end), String::new())
        }
        None => (layout.behind(table), format!("{nl}[node.config]{nl}")),
    };
    let open = if text[..at].ends_with('\n') { "" } else { nl };
    let lines: String = kept.iter().map(|kept| kept.lines(nl)).collect();
    Ok(Some(change(text, at..at, format!("{open}{header}{lines}"))))
}

impl AdoptedDirective {
    fn lines(&self, nl: &str) -> String {
        let mut out = String::new();
        for line in &self.comment {
            let plain: String = line.chars().filter(|c| !c.is_control()).collect();
            let sign = if plain.is_empty() { "#" } else { "# " };
            out = format!("{out}{sign}{plain}{nl}");
        }
        let values: Vec<String> = self.values.iter().map(|v| quoted(v)).collect();
        let value = match &values[..] {
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        format!("{out}{} = {value}{nl}", self.name)
    }
}

/// The names of the keys in the texts that a change takes out, or brings. Of `[node.config]`, those
/// below it.
fn keys<'a>(texts: impl Iterator<Item = &'a String>) -> Option<Vec<String>> {
    let mut out = Vec::new();
    for text in texts.filter(|text| !text.trim().is_empty()) {
        let lines = text.trim().trim_start_matches("[node.config]");
        let table: toml::Table = lines.parse().ok()?;
        out.extend(table.keys().cloned());
    }
    Some(out)
}

/// Whether the node has what `gone` has taken out of it (`was`), and the directives of `come`.
fn has(node: &NodeSpec, was: bool, gone: Option<Vec<String>>, come: Option<Vec<String>>) -> bool {
    let (Some(gone), Some(come)) = (gone, come) else {
        return false;
    };
    let service = &node.service;
    let is_set = |key: &String| match key.as_str() {
        "managed" => service.managed.is_some(),
        "unit" => service.unit.is_some(),
        "config_file" => service.config_file.is_some(),
        _ => false,
    };
    let config = |name: &String| node.config.contains_key(&present_name(name));
    gone.iter().all(|key| is_set(key) == was) && come.iter().all(|name| config(name) != was)
}

/// Whether a node is as this edit makes it.
pub(super) fn is_adopted(edit: &Edit, node: &NodeSpec) -> bool {
    let gone = keys(edit.changes.iter().map(|c| &c.old));
    has(node, false, gone, keys(edit.changes.iter().map(|c| &c.new)))
}

/// Whether a node is as it was before the edit that this one reverses.
pub(super) fn is_released(edit: &Edit, node: &NodeSpec) -> bool {
    let gone = keys(edit.changes.iter().map(|c| &c.new));
    has(node, true, gone, keys(edit.changes.iter().map(|c| &c.old)))
}

/// What the edit comes to: the keys that go, and the directives that come.
pub(super) fn in_words(edit: &Edit, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let gone: Vec<String> = edit
        .changes
        .iter()
        .filter(|c| c.new.is_empty())
        .map(|c| in_one_line(&c.old))
        .collect();
    let come = edit.changes.iter().find(|c| !c.new.is_empty());
    if gone.is_empty() && come.is_none() {
        return write!(f, "leave {} as it is", edit.file);
    }
    let mut parts = Vec::new();
    if !gone.is_empty() {
        parts.push(format!("take {} out of {}", gone.join(", "), edit.file));
    }
    if let Some(come) = come {
        let line = come.line.saturating_sub(1);
        let lines = in_one_line(&come.new);
        let lines = lines.trim_start_matches("[node.config], ");
        parts.push(format!(
            "write its directives into {} after line {line}: {lines}",
            edit.file
        ));
    }
    f.write_str(&parts.join("; "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::inventory::edit::digest;
    use crate::inventory::parse::parse;
    use std::path::Path;

    const FILE: &str = "/ops/inventory.toml";
    const TEXT: &str = "[deployment]\nname = \"x\"\nauth = \"none\"\n\n[[node]]\nname = \"a\"\naddress = \"10.0.0.1\"\nmanaged = false   # Debian's\nunit = \"redis-server.service\"\nconfig_file = \"/etc/redis/redis.conf\"\n\n\
        # In the cellar.\n[[node]]\nname = \"b\"\naddress = \"10.0.0.2\"\nreplicaof = \"a\"\n[node.config]\nsave = \"60 1\"   # rarely\n[node.ssh]\nuser = \"ops\"\n";

    fn kept() -> Vec<AdoptedDirective> {
        vec![
            AdoptedDirective {
                comment: vec!["at most".to_owned(), String::new(), "x\u{7}y".to_owned()],
                name: "maxmemory".to_owned(),
                values: vec!["1gb".to_owned()],
            },
            AdoptedDirective {
                comment: Vec::new(),
                name: "client-output-buffer-limit".to_owned(),
                values: vec!["normal 0 0 0".to_owned(), "pubsub 1 1 1".to_owned()],
            },
        ]
    }

    #[track_caller]
    fn there_and_back(edit: &Edit) -> String {
        let after = edit.apply(TEXT).unwrap();
        assert_eq!(digest(&after), edit.after);
        assert!(edit.holds(&after) && !edit.holds(TEXT));
        // Also where somebody else has changed the file.
        assert!(edit.holds(&format!("{after}# mine\n")));
        assert!(!edit.holds(&format!("{TEXT}# mine\n")));
        assert_eq!(edit.reversed().apply(&after).as_deref(), Some(TEXT));
        assert!(edit.reversed().holds(&format!("{TEXT}# mine\n")));
        assert_eq!(edit.reversed().reversed(), *edit);
        after
    }

    #[test]
    fn what_said_that_it_is_somebody_elses_goes_and_its_directives_come() {
        let edit = adopt(FILE, TEXT, &"a".into(), &kept()).unwrap();
        let after = there_and_back(&edit);
        let wanted = TEXT.replace(
            "managed = false   # Debian's\nunit = \"redis-server.service\"\nconfig_file = \"/etc/redis/redis.conf\"\n",
            "\n[node.config]\n# at most\n#\n# xy\nmaxmemory = \"1gb\"\nclient-output-buffer-limit = [\"normal 0 0 0\", \"pubsub 1 1 1\"]\n",
        );
        assert_eq!(after, wanted);
        let read = parse(Path::new(FILE), &after).unwrap();
        assert_eq!(read.nodes[0].service.managed, None);
        assert_eq!(read.nodes[0].config["maxmemory"], ["1gb"]);
        assert_eq!(
            edit.to_string(),
            "take managed = false   # Debian's, unit = \"redis-server.service\", config_file = \"/etc/redis/redis.conf\" out of /ops/inventory.toml; write its directives into /ops/inventory.toml after line 10: maxmemory = \"1gb\", client-output-buffer-limit = [\"normal 0 0 0\", \"pubsub 1 1 1\"]"
        );
    }

    #[test]
    fn directives_come_below_those_that_are_there() {
        let edit = adopt(FILE, TEXT, &"b".into(), &kept()).unwrap();
        let after = there_and_back(&edit);
        let wanted = TEXT.replace(
            "# rarely\n",
            "# rarely\n# at most\n#\n# xy\nmaxmemory = \"1gb\"\nclient-output-buffer-limit = [\"normal 0 0 0\", \"pubsub 1 1 1\"]\n",
        );
        assert_eq!(after, wanted);
        let read = parse(Path::new(FILE), &after).unwrap();
        assert_eq!(read.nodes[1].config["save"], ["60 1"]);
        assert_eq!(read.nodes[1].ssh.user.as_deref(), Some("ops"));
    }

    #[test]
    fn a_line_of_another_node_does_not_count() {
        let edit = adopt(FILE, TEXT, &"a".into(), &kept()).unwrap();
        let after = edit.apply(TEXT).unwrap();
        let line = "name = \"b\"\n";
        let other =
            |text: &str| text.replace(line, &format!("{line}managed = false   # Debian's\n"));
        assert!(edit.holds(&other(&after)));
        assert!(!edit.reversed().holds(&other(&after)));
        assert!(edit.reversed().holds(&other(TEXT)));
        assert!(!edit.holds(&other(TEXT)));
    }

    #[test]
    fn what_cannot_be_written_is_said() {
        let one = |name: &str| {
            let values = vec!["x".to_owned()];
            let name = name.to_owned();
            vec![AdoptedDirective {
                comment: Vec::new(),
                name,
                values,
            }]
        };
        let why = |text: &str, node: &str, name: &str| {
            adopt(FILE, text, &node.into(), &one(name)).unwrap_err()
        };
        assert_eq!(
            why(TEXT, "b", "save"),
            "the `config` of `b` has another `save` than its server runs with"
        );
        let dotted = TEXT.replace("managed = false", "config.hz = 20\nmanaged = false");
        assert_eq!(
            why(&dotted, "a", "save"),
            "the `config` of `a` has no header `[node.config]` of its own"
        );
        assert!(why(TEXT, "z", "save").contains("no such table"));
    }
}

//! The place of a node's directive in the inventory file. Pure.

use super::place::Problems;
use super::server::present_name;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Line and column, both from 1, of the key that gives `directive` to `node`: its own key, or that
/// of `[server.config]`.
pub fn directive(text: &str, node: &str, directive: &str) -> Option<(usize, usize)> {
    let root = DeTable::parse(text).ok()?;
    let root = root.get_ref();
    let nodes = root.get("node").and_then(|v| v.get_ref().as_array())?;
    let own = nodes
        .iter()
        .filter_map(|v| v.get_ref().as_table())
        .find(|t| {
            let name = t.get("name").and_then(|v| v.get_ref().as_str());
            name == Some(node)
        });
    let server = root.get("server").and_then(table);
    let at = own
        .and_then(|t| key(t, directive))
        .or_else(|| key(server?, directive))?;
    Some(Problems::new(Path::new(""), text).line_column(at))
}

fn table<'a>(value: &'a Spanned<DeValue<'a>>) -> Option<&'a DeTable<'a>> {
    value.get_ref().as_table()
}

/// Byte offset of a directive in the `config` of a table.
fn key(of: &DeTable<'_>, directive: &str) -> Option<usize> {
    let config = of.get("config").and_then(table)?;
    let mut keys = config.iter().map(|(key, _)| key);
    let is = |key: &str| present_name(&key.to_ascii_lowercase()) == directive;
    keys.find(|key| is(key.get_ref()))
        .map(|key| key.span().start)
}

#[cfg(test)]
mod tests {
    use super::directive;

    const TEXT: &str = "[server]\nsource = \"embedded\"\n[server.config]\n  maxmemory = \"1gb\"\nSlave-priority = 3\n\
        [[node]]\nname = \"a\"\nconfig = { maxmemory = \"x\" }\n[[node]]\nname = \"b\"\n[node.config]\nio-thread = 4\n";

    #[test]
    fn the_nodes_own_comes_before_that_of_all() {
        assert_eq!(directive(TEXT, "a", "maxmemory"), Some((8, 12)));
        assert_eq!(directive(TEXT, "b", "maxmemory"), Some((4, 3)));
        assert_eq!(directive(TEXT, "b", "io-thread"), Some((12, 1)));
        assert_eq!(directive(TEXT, "a", "replica-priority"), Some((5, 1)));
        assert_eq!(directive(TEXT, "a", "io-thread"), None);
        assert_eq!(directive("[", "a", "io-thread"), None);
    }
}

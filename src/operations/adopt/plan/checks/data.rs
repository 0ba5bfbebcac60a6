//! Whether the new server would read the copied data. Pure.

use super::super::Found;
use crate::config::defaults::default_of;
use crate::config::server::Rendered;
use crate::engine::{Ground, Refusal};
use crate::findings::drift::same;
use crate::topology::{NodeName, Server};

/// Settings that decide which files a server reads at its start.
const OF_FILES: [&str; 3] = ["appendonly", "appendfilename", "appenddirname"];

/// Refuses differences between its new file and its live settings.
pub(in super::super) fn other_data(
    node: &NodeName,
    found: &Found,
    server: &Server,
    rendered: &Rendered,
) -> Vec<Refusal> {
    let mut out = Vec::new();
    for name in OF_FILES {
        let Some(live) = found.live.get(name) else {
            continue;
        };
        let lines = rendered.directives.iter().rev();
        let written = lines
            .clone()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str());
        let usual = default_of(name, server.product, server.version);
        let Some(starts) = written.or(usual) else {
            continue;
        };
        if !same(name, live, &[starts.trim_matches('"').to_owned()]) {
            out.push(Refusal::new(
                Ground::Inventory,
                format!(
                    "`{node}` runs with `{name} {live}`, and its new file would say `{name} {starts}`: it would start without its data"
                ),
                format!("under its [[node]], in [node.config]: {name} = \"{live}\""),
            ));
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::server::{Supervision, render};
    use crate::inventory::parse::parse;
    use crate::topology::sample;
    use std::path::Path;

    #[test]
    fn a_server_that_would_read_other_files_is_not_started() {
        let refused = |config: &str, live: &[(&str, &str)]| {
            let text = format!(
                "[deployment]\nname = \"x\"\nauth = \"none\"\n{config}\n[[node]]\nname = \"a\"\naddress = \"10.0.0.1\"\n"
            );
            let inventory = parse(Path::new("/i"), &text).unwrap();
            let rendered = render(&inventory, &inventory.nodes[0], Supervision::Systemd, None);
            let live = live.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
            let found = Found {
                live: live.collect(),
                ..Found::unseen()
            };
            other_data(&"a".into(), &found, &sample::server(), &rendered).len()
        };
        let appends = "[server.config]\nappendonly = \"yes\"";
        assert_eq!(refused("", &[("appendonly", "no")]), 0);
        assert_eq!(refused(appends, &[("appendonly", "yes")]), 0);
        // The server would start empty, from a file that does not exist.
        assert_eq!(refused(appends, &[("appendonly", "no")]), 1);
        assert_eq!(refused("", &[("appendonly", "yes")]), 1);
        assert_eq!(refused("", &[("appenddirname", "aof")]), 1);
    }
}

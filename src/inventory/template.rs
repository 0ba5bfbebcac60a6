//! The text of a new `inventory.toml`, with comments for its next reader. Pure; the parser decides
//! whether it is valid.

use crate::topology::Address;
use std::fmt::Write as _;

/// The content of a new inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch {
    /// `[deployment] name`.
    pub name: String,
    /// The login at the servers.
    pub login: NewLogin,
    /// `[ssh] user`, if it is not to come from `~/.ssh/config`.
    pub user: Option<String>,
    /// `[server] directory`.
    pub directory: String,
    /// The nodes' names and addresses; the others follow the first.
    pub nodes: Vec<(String, Address)>,
}

/// The login at the servers of a new deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewLogin {
    /// With a password in a file, by the file's name for the inventory.
    File(String),
    /// Without any.
    None,
}

/// The text.
pub fn text(sketch: &Sketch) -> String {
    let mut out = String::from(
        "# Who is where. `replctl setup` makes it so, `replctl status` shows how it is.\n\n[deployment]\n",
    );
    let mut line = |text: &str| {
        let _ = writeln!(out, "{text}");
    };
    line(&format!("name = {}", quoted(&sketch.name)));
    match &sketch.login {
        NewLogin::File(file) => {
            line(
                "# One password for clients and for replication. Keep the file out of version control; only you can read it.",
            );
            line(&format!("password = {{ file = {} }}", quoted(file)));
        }
        NewLogin::None => {
            line(
                "# No password: whoever reaches these servers can read, change and delete everything in them.",
            );
            line("auth = \"none\"");
        }
    }
    line("\n[ssh]");
    match &sketch.user {
        Some(user) => line(&format!("user = {}", quoted(user))),
        None => line("# user = \"root\""),
    }
    line(
        "# port, identity_file, known_hosts, sudo, transport: what is missing comes from ~/.ssh/config",
    );
    line(&format!(
        "\n[server]\nsource = \"embedded\"      # the server that replctl carries; or {}",
        super::source::OTHER_SOURCES
    ));
    line("# Each host has {directory}/{port}/conf, logs and pid.");
    line(&format!("directory = {}", quoted(&sketch.directory)));
    line("databases = 16");
    line("\n[server.config]");
    line(
        "# Any directive of the server's own configuration, for all nodes; [node.config] is for one.",
    );
    line("# maxmemory = \"1gb\"");
    line("\n# [hooks]");
    line("# Commands of your own around `promote`, run on this machine: see replctl(1).");
    line(
        "# before_promote = [\"/usr/local/bin/vip\", \"off\"]   # its failure forbids the promotion",
    );
    line("# after_promote = [\"/usr/local/bin/vip\", \"on\"]");
    line(
        "\n# A name says nothing about a role: after the first promotion another node is the primary.",
    );
    line("# `replicaof` is where a node begins.");
    nodes(sketch, &mut line);
    out
}

fn nodes(sketch: &Sketch, line: &mut impl FnMut(&str)) {
    let first = sketch.nodes.first().map(|(name, _)| name);
    for (index, (name, address)) in sketch.nodes.iter().enumerate() {
        let before = if index == 0 { "" } else { "\n" };
        line(&format!(
            "{before}[[node]]\nname = {}\naddress = {}",
            quoted(name),
            quoted(&address.host)
        ));
        if address.port != super::node::PORT {
            line(&format!("port = {}", address.port));
        }
        if let Some(first) = first.filter(|_| index > 0) {
            line(&format!("replicaof = {}", quoted(first)));
        }
    }
}

/// As a TOML string.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::inventory::parse::parse;
    use crate::inventory::{Auth, SecretSource};
    use std::path::Path;

    #[test]
    fn the_parser_reads_what_is_written() {
        let sketch = Sketch {
            name: "orders".to_owned(),
            login: NewLogin::File("a \"file\"".to_owned()),
            user: Some("root".to_owned()),
            directory: "/srv/redis".to_owned(),
            nodes: vec![
                ("a".to_owned(), Address::new("db1", 6379)),
                ("b".to_owned(), Address::new("::1", 7000)),
            ],
        };
        let inventory = parse(Path::new("i"), &text(&sketch)).unwrap();
        assert_eq!(
            (inventory.name.as_str(), inventory.server.directory.as_str()),
            ("orders", "/srv/redis")
        );
        assert!(
            matches!(inventory.auth, Auth::Password(SecretSource::File(file)) if file == Path::new("a \"file\""))
        );
        assert_eq!(inventory.nodes[0].ssh.user.as_deref(), Some("root"));
        assert_eq!(inventory.nodes[1].address, Address::new("::1", 7000));
        assert_eq!(
            inventory.nodes[1].replicaof.as_ref(),
            Some(&inventory.nodes[0].name)
        );
        // The lines in comments are valid, too.
        let hooks = text(&sketch).replace("# [hooks]", "[hooks]");
        let hooks = hooks
            .replace("# before", "before")
            .replace("# after", "after");
        let hooks = parse(Path::new("i"), &hooks).unwrap().hooks;
        assert!(hooks.before_promote.is_some() && hooks.after_promote.is_some());
        let open = Sketch {
            login: NewLogin::None,
            user: None,
            ..sketch
        };
        let inventory = parse(Path::new("i"), &text(&open)).unwrap();
        assert!(matches!(inventory.auth, Auth::None));
        assert_eq!(inventory.nodes[0].ssh.user, None);
    }
}

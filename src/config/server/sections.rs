//! Parts of the file that `setup` writes for a server. Pure.

use super::{PASSWORD, Section, backlog};
use crate::config::Paths;
use crate::config::directives::quote;
use crate::inventory::{Inventory, NodeSpec};

/// The paths of its files.
pub(super) fn of_files(inventory: &Inventory, paths: &Paths) -> Vec<Section> {
    vec![
        Section::of_pid_and_log(paths),
        Section::new(
            "the number of databases; clients begin in database 0",
            &[("databases", inventory.server.databases.to_string())],
        ),
        Section::new(
            "the name of the snapshot file; the server's own default is dump.rdb",
            &[("dbfilename", paths.dump_name())],
        ),
        Section::new(
            "the directory of the data",
            &[("dir", quote(&format!("{}/", paths.data())))],
        ),
    ]
}

/// The settings for its replicas, and for replication from its primary.
pub(super) fn of_replication(node: &NodeSpec, password: bool) -> Vec<Section> {
    let mut out = Vec::new();
    let mut add = |comment: &'static str, lines: &[(&str, String)]| {
        out.push(Section::new(comment, lines));
    };
    if password {
        add(
            "the password of clients, and what this node logs in with at its primary: on every node, so that any can become primary",
            &[
                ("requirepass", PASSWORD.to_owned()),
                ("masterauth", PASSWORD.to_owned()),
            ],
        );
    }
    add(
        "how much of the stream can be sent again after a broken link",
        &[("repl-backlog-size", backlog(node))],
    );
    if let Some(priority) = node.priority {
        add(
            "its rank for a promotion: lower is sooner, 0 is never",
            &[("replica-priority", priority.to_string())],
        );
    }
    if let Some(announce) = &node.announce {
        add(
            "where the other nodes reach it",
            &[
                ("replica-announce-ip", quote(&announce.host)),
                ("replica-announce-port", announce.port.to_string()),
            ],
        );
    }
    out
}

//! The systemd unit of one node, and the line that starts a node at boot where there is no systemd.
//!
//! Never a role on the command line: `--replicaof` there would win over the configuration file at every restart and undo a promotion.

use super::Paths;
use super::directives::canonical;
use crate::inventory::{Inventory, NodeSpec};

/// The unit file.
///
/// `Type=simple`, as older systemd knows no `exec` and the static server has no notify. It restarts after a crash only: a server that was stopped on purpose
/// (`SHUTDOWN`, a fence) must stay down. It does not restart at all where nothing is kept on disk: a primary that comes back empty empties its replicas.
pub fn unit(inventory: &Inventory, node: &NodeSpec) -> String {
    let paths = Paths::new(&inventory.server.directory, node.address.port);
    let restart = if persists(node) { "on-failure" } else { "no" };
    format!(
        "\
# Written by replctl from the inventory: change it there and run `replctl setup`.
[Unit]
Description=Redis-family server on port {port} ({deployment})
After=network-online.target
Wants=network-online.target

[Service]
Type=simple
User={user}
# CONFIG REWRITE makes its file anew; nobody else may read the password in it.
UMask=0077
ExecStart={program} {config}
Restart={restart}
RestartSec=2
# Loading a large file and saving at the end take as long as they take.
TimeoutStartSec=infinity
TimeoutStopSec=10min
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
",
        port = node.address.port,
        deployment = printable(&inventory.name),
        user = inventory.server.user,
        program = escape(&paths.program()),
        config = escape(&paths.config()),
    )
}

/// The line for `/etc/rc.local`: as root, it starts the server as the service user.
pub fn boot_line(inventory: &Inventory, node: &NodeSpec) -> String {
    let paths = Paths::new(&inventory.server.directory, node.address.port);
    let start = format!(
        "umask 077; exec {} {}",
        shell(&paths.program()),
        shell(&paths.config())
    );
    let user = shell(&inventory.server.user);
    // `su` is missing on some small systems, and `setpriv` on older ones; both forms end with the server in the background.
    format!(
        "if command -v su >/dev/null 2>&1; then su -s /bin/sh {user} -c {}; else (umask 077; start-stop-daemon -S -c {user} -p {} -x {} -- {}); fi",
        shell(&start),
        shell(&paths.pid()),
        shell(&paths.program()),
        shell(&paths.config()),
    )
}

/// Whether the server keeps its data over a restart: an append-only file, or any `save` point (the server has some by default).
fn persists(node: &NodeSpec) -> bool {
    let any = |name: &str, is: fn(&str) -> bool| {
        let mut same = node.config.iter().filter(|(n, _)| canonical(n) == name);
        same.any(|(_, values)| values.iter().any(|v| is(v.trim())))
    };
    let append_only = any("appendonly", |v| v.eq_ignore_ascii_case("yes"));
    let no_snapshot = any("save", |v| matches!(v, "" | "\"\"" | "''"));
    append_only || !no_snapshot
}

/// A word for a unit's command line.
fn escape(word: &str) -> String {
    let word = word
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%")
        .replace('$', "$$");
    if word.contains(char::is_whitespace) {
        format!("\"{word}\"")
    } else {
        word
    }
}

fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .collect::<String>()
        .replace('%', "%%")
}

//! The systemd unit of one node, and the line that starts a node at boot where there is no systemd.
//!
//! The command line never has a role: `--replicaof` there would win over the configuration file at
//! every restart and undo a promotion.

use super::Paths;
use crate::inventory::{Inventory, NodeSpec};

/// The first words of each unit of replctl's.
const OWN: &str = "# Written by replctl ";

/// Whether replctl wrote a unit of that text.
pub fn written(text: &str) -> bool {
    text.starts_with(OWN)
}

/// The unit file.
///
/// `Type=simple`, because older systemd knows no `exec` and the static server has no notify. Never
/// `Restart=`: the disk of a crashed primary is older than its replicas' memory. If it came back
/// within seconds, all replicas would copy its older (or empty) data before anybody can promote one
/// of them. At boot it does start: until then the operator had time, and a fence in its file holds.
pub fn unit(paths: &Paths, inventory: &Inventory, node: &NodeSpec) -> String {
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
# Not after a crash: a primary that comes back with an old snapshot, or with none, overwrites its replicas, which have the newest
# data, before one of them can be promoted. Look with `replctl status`; `replctl promote` or `systemctl start` is yours to decide.
Restart=no
# Loading a large file and saving at the end take as long as they take.
TimeoutStartSec=infinity
TimeoutStopSec=10min
LimitNOFILE=65536
# A core file would hold all data and the password.
LimitCORE=0
# Whoever takes the server over gains no further rights, and writes nothing of the system's. It may write its own files: CONFIG REWRITE
# makes its configuration anew. Not PrivateTmp: sockets in /tmp are for others. A host that cannot do this starts it without.
NoNewPrivileges=yes
ProtectSystem=full
ReadWritePaths={data}

[Install]
WantedBy=multi-user.target
",
        port = node.address.port,
        deployment = printable(&inventory.name),
        user = inventory.server.user,
        program = escape(&paths.program()),
        config = escape(&paths.config()),
        data = quoted(&format!("-{}", paths.data())),
    )
}

/// The unit of a Sentinel.
pub fn of_sentinel(paths: &Paths, inventory: &Inventory, node: &NodeSpec) -> String {
    format!(
        "\
# Written by replctl from the inventory: change it there and run `replctl sentinel setup`.
[Unit]
Description=Sentinel on port {port} ({deployment})
After=network-online.target
Wants=network-online.target

[Service]
Type=simple
User={user}
# It writes its file anew all the time; nobody else may read the passwords in it.
UMask=0077
ExecStart={program} {config} --sentinel
# Other than a server's: a Sentinel has no data that could be old. What it has missed the others tell it within seconds, and while
# it is away the majority that a failover takes is one nearer to being lost. Stopped by hand it stays stopped.
Restart=on-failure
RestartSec=1
LimitNOFILE=65536
# A core file would hold the passwords. Nothing else is taken away: its notification scripts are run from here, as whoever they need to be.
LimitCORE=0

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
pub fn boot_line(paths: &Paths, inventory: &Inventory, node: &NodeSpec) -> String {
    let mode = if inventory.is_sentinel(&node.name) {
        " --sentinel"
    } else {
        ""
    };
    let start = format!(
        "umask 077; exec {} {}{mode}",
        shell(&paths.program()),
        shell(&paths.config())
    );
    let user = shell(&inventory.server.user);
    // `su` is missing on some small systems, and `setpriv` on older ones; both forms end with the
    // server in the background.
    format!(
        "if command -v su >/dev/null 2>&1; then su -s /bin/sh {user} -c {}; else (umask 077; start-stop-daemon -S -c {user} -p {} -x {} -- {}{mode}); fi",
        shell(&start),
        shell(&paths.pid()),
        shell(&paths.program()),
        shell(&paths.config()),
    )
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

/// A path for a unit's list of paths, where `$` means itself.
fn quoted(path: &str) -> String {
    let path = path
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%");
    if path.contains(char::is_whitespace) {
        format!("\"{path}\"")
    } else {
        path
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

/// A deployment's name as it stands in the description of its units.
pub fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .collect::<String>()
        .replace('%', "%%")
}

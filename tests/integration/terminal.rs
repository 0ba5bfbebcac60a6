//! The operator's own machine: a terminal that disappears or accepts nothing, a closed or full
//! stdout, no home, a read-only disk, few file descriptors, a narrow window. The operation ends in
//! the same way, watched or not; and a look needs to write nothing.

#![allow(clippy::unwrap_used)]

use crate::support::inventory::{InventoryText, NodeText, write_password};
use crate::support::process::{Ran, Running, run, signal};
use crate::support::program::Replctl;
use crate::support::server::Family;
use crate::support::trio::{BACKLOG, Trio};
use crate::support::{await_some, await_that};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const SOON: Duration = Duration::from_mins(1);

/// An operator with a home of their own, whose commands are lines of sh: `$R` is replctl.
struct Desk {
    trio: Trio,
    home: TempDir,
}

impl Desk {
    fn new() -> Option<Self> {
        Some(Self {
            trio: Trio::start(Family::debian()?, &[BACKLOG]),
            home: TempDir::new().unwrap(),
        })
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("HOME", self.home.path())
            .env("TERM", "xterm")
            .env("R", Replctl::binary())
            .env("REPLCTL_INVENTORY", self.trio.inventory())
            .current_dir(self.home.path());
        command
    }

    fn sh(&self, line: &str) -> Ran {
        run(&mut self.command(line), SOON)
    }

    /// The end of the newest operation, by its journal.
    fn ended(&self) -> Option<String> {
        let told = self.sh("$R history --json --limit 1");
        let json: serde_json::Value = serde_json::from_str(&told.stdout).ok()?;
        Some(json["operations"][0]["outcome"].to_string())
    }

    fn becomes_primary(&self, n: usize) {
        await_that("the new primary", SOON, || self.trio.role(n) == "master");
        await_that("the end of the operation", SOON, || {
            self.ended()
                .is_some_and(|end| end.contains("completed") || end.contains("done"))
        });
        self.trio.await_in_sync();
        self.trio.assert_primary(n);
    }
}

/// K10.1: the program that is the terminal is killed while steps are shown.
#[test]
fn a_terminal_that_goes_away_ends_nothing() {
    let Some(desk) = Desk::new() else { return };
    let seen = desk.home.path().join("typescript");
    for round in 0..6 {
        let target = 1 + round % 2;
        let line = format!(
            "exec script -qefc '$R promote slave{target} --yes' {}",
            seen.display()
        );
        let mut running = Running::start(&mut desk.command(&line));
        let words = [
            "wait for the replicas",
            "hand over from",
            "repoint",
            "make it primary",
            "wait until in sync",
            "see who",
        ];
        await_some("its steps", SOON, || {
            let text = std::fs::read(&seen).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            text.contains(words[round]).then_some(())
        });
        running.kill9();
        desk.becomes_primary(target);
        let _ = std::fs::remove_file(&seen);
    }
}

/// The same with only a signal, as a process without `nohup` gets it: the end of a session stops
/// nothing.
#[test]
fn a_hangup_stops_nothing() {
    let Some(desk) = Desk::new() else { return };
    let mut running = Running::start(&mut desk.command("exec $R promote slave1 --yes"));
    await_some("its steps", SOON, || {
        running.so_far().1.contains("see who uses").then_some(())
    });
    running.signal(libc::SIGHUP);
    running.wait(SOON).ok().says("slave1");
    desk.becomes_primary(1);
}

/// Nobody reads stderr: its text fills the pipe, and the operation goes on.
#[test]
fn a_reader_that_takes_nothing_holds_up_nothing() {
    let Some(desk) = Desk::new() else { return };
    let line = "{ head -c 65536 /dev/zero; exec $R promote slave1 --yes 2>&1 >result; } | sh -c 'echo $$ >reader; exec sleep 120'";
    let mut running = Running::start(&mut desk.command(line));
    desk.becomes_primary(1);
    let reader = std::fs::read_to_string(desk.home.path().join("reader")).unwrap();
    assert!(!running.has_ended());
    signal(reader.trim().parse().unwrap(), libc::SIGKILL);
    running.wait(SOON);
    let result = std::fs::read_to_string(desk.home.path().join("result")).unwrap();
    assert!(
        result.contains("slave1") && result.contains("is the primary"),
        "{result}"
    );
}

/// K10.2.
#[test]
fn a_result_that_cannot_be_written_is_said() {
    let Some(desk) = Desk::new() else { return };
    for (to, why) in [
        (">/dev/full", "No space left"),
        (">&-", "Bad file descriptor"),
    ] {
        for look in [
            "status",
            "status --json",
            "endpoint",
            "clients",
            "history",
            "server",
            "completions bash",
        ] {
            let ran = desk.sh(&format!("$R {look} {to}")).code(1);
            ran.says("the result could not be written to stdout")
                .says(why);
        }
    }
    desk.sh("$R promote slave1 --yes >/dev/full")
        .code(1)
        .says("the change is done, and its result could not be written to stdout")
        .says("hint: look at it: replctl status");
    desk.becomes_primary(1);
    desk.sh("$R promote slave2 --yes >&-")
        .code(1)
        .says("the change is done");
    desk.becomes_primary(2);
    // A reader that has seen enough.
    desk.sh("$R promote master --yes --json | true");
    desk.becomes_primary(0);
    desk.sh("$R status --json | head -n 1").ok().says("{");
    // stderr is for people, and nobody has to be there.
    for (n, to) in [
        (1, "2>/dev/full"),
        (2, "2>&-"),
        (0, "2>/dev/full >/dev/null <&-"),
    ] {
        let name = ["master", "slave1", "slave2"][n];
        desk.sh(&format!("$R promote {name} --yes {to}")).ok();
        desk.becomes_primary(n);
    }
}

/// A copy of the program and an inventory that everybody can read.
fn public(desk: &Desk) -> (TempDir, PathBuf) {
    let folder = tempfile::Builder::new()
        .prefix("replctl-public-")
        .tempdir()
        .unwrap();
    let all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), all.clone()).unwrap();
    let program = folder.path().join("replctl");
    std::fs::copy(Replctl::binary(), &program).unwrap();
    std::fs::set_permissions(&program, all).unwrap();
    std::fs::copy(desk.trio.inventory(), folder.path().join("inventory.toml")).unwrap();
    (folder, program)
}

/// K10.3: as user `nobody`, without a home; with an unreadable home; with one on a read-only disk.
#[test]
fn a_look_needs_to_write_nothing() {
    if crate::support::user_id() != 0 {
        crate::support::not_run("looks of a user without a home: the test is not root");
        return;
    }
    let Some(desk) = Desk::new() else { return };
    let (folder, program) = public(&desk);
    let inventory = folder.path().join("inventory.toml");
    let (program, inventory) = (program.display(), inventory.display());
    let nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups";
    for home in ["HOME=/nonexistent", "HOME=/root", "-u HOME"] {
        for look in ["status", "endpoint", "clients", "history"] {
            let line = format!("exec {nobody} env {home} {program} -i {inventory} {look}");
            let mut command = desk.command(&line);
            let ran = run(command.current_dir("/"), SOON);
            assert_eq!(ran.code, Some(0), "{home} {look}: {ran}");
            if home == "HOME=/root" && look == "status" {
                ran.says("warning: what replctl did before on this machine is not known");
            }
        }
    }
    let line = format!(
        "exec {nobody} env HOME=/nonexistent {program} -i {inventory} promote slave1 --yes"
    );
    run(desk.command(&line).current_dir("/"), SOON)
        .code(1)
        .says("XDG_STATE_HOME");
    // A home that nothing can be written into.
    let line = "mount -t tmpfs -o ro none \"$HOME\" && for c in status endpoint clients history; do $R $c || exit 9; done; touch \"$HOME/x\" && exit 8; exit 0";
    let mut command = Command::new("unshare");
    let inner = desk.command(line);
    command.args(["-m", "sh", "-c", line]);
    command.env_clear();
    for (name, value) in inner.get_envs() {
        command.env(name, value.unwrap());
    }
    let kept = desk.home.path().join("kept");
    std::fs::create_dir(&kept).unwrap();
    command.env("HOME", &kept).current_dir("/");
    run(&mut command, SOON).ok().says("2 replicas in sync");
    assert_eq!(desk.trio.role(0), "master");
}

/// K10.4.
#[test]
fn few_file_descriptors_are_one_problem_and_are_raised_where_that_is_allowed() {
    let Some(desk) = Desk::new() else { return };
    // The soft limit is the shell's, not the machine's.
    desk.sh("ulimit -S -n 12; exec $R status").ok();
    let mut text = InventoryText::new("many").without_sudo();
    for n in 0..150 {
        let node = NodeText::new(
            &format!("n{n}"),
            &format!("127.1.{}.{}", n / 100, 1 + n % 100),
        )
        .ssh_port(1);
        text = text.node(if n == 0 { node } else { node.replicaof("n0") });
    }
    let folder = TempDir::new().unwrap();
    let file = text.write(folder.path());
    let line = format!("ulimit -n 64; exec $R -i {} status", file.display());
    let ran = desk.sh(&line).code(1);
    let ran = ran.says("64 files").says("hint: ulimit -n ");
    assert!(
        !format!("{}{}", ran.stdout, ran.stderr).contains("Too many open files"),
        "{ran}"
    );
    // The hint works.
    let hint = ran
        .stderr
        .lines()
        .find_map(|l| l.split_once("ulimit -n "))
        .unwrap()
        .1;
    let enough: u32 = hint
        .split(|c: char| !c.is_ascii_digit())
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let line = format!("ulimit -n {enough}; exec $R -i {} status", file.display());
    let ran = desk.sh(&line).code(4);
    assert!(
        !format!("{}{}", ran.stdout, ran.stderr).contains("Too many open files"),
        "{ran}"
    );
}

/// K10.5: a byte order mark, which some editors put before a text, is no part of a password or of
/// an inventory.
#[test]
fn a_byte_order_mark_is_no_text() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[BACKLOG]);
    for server in &trio.servers {
        let mut client = server.client();
        for directive in ["masterauth", "requirepass"] {
            let said = client.command(&["CONFIG", "SET", directive, "secret-word"]);
            assert_eq!(said.text(), "OK");
        }
    }
    let password = write_password(trio.folder(), "\u{feff}secret-word");
    let file = trio.inventory_of(InventoryText::new("orders").password_file(&password));
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("\u{feff}{text}")).unwrap();
    Replctl::new()
        .inventory(&file)
        .run(&["status"])
        .ok()
        .says("2 replicas in sync");
}

/// K10.6: every line fits, but for words that are longer and for what is to be pasted.
#[test]
fn a_narrow_window_shows_lines_that_fit() {
    let Some(desk) = Desk::new() else { return };
    desk.sh("$R detach slave2 --yes").ok();
    for width in [40, 52, 60, 80, 120] {
        for look in ["status", "history", "clients", "status --seconds"] {
            let line = format!("script -qefc 'stty rows 24 cols {width}; $R {look}' /dev/null");
            let ran = desk.sh(&line);
            for line in ran.stdout.lines() {
                let line = console_text(line);
                let longest = line
                    .split(' ')
                    .map(|w| w.chars().count())
                    .max()
                    .unwrap_or(0);
                // What is to be pasted stays in one line.
                let fits = line.trim_start().starts_with("hint:")
                    || line.chars().count() <= width.max(longest + 9);
                assert!(fits, "{width} {look}: `{line}`\n{ran}");
            }
        }
    }
}

/// A line without colours and carriage returns.
fn console_text(line: &str) -> String {
    let mut out = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                for c in chars.by_ref() {
                    if c.is_ascii_alphabetic() {
                        break;
                    }
                }
            }
            '\r' => {}
            c => out.push(c),
        }
    }
    out
}

/// K10.7.
#[test]
fn a_word_that_has_no_effect_is_said() {
    let Some(desk) = Desk::new() else { return };
    desk.sh("$R status --accept-new-host-keys")
        .ok()
        .says("--accept-new-host-keys has no effect: this command writes nothing");
}

/// A command that only looks leaves nothing in the home.
#[test]
fn a_look_leaves_nothing() {
    let Some(desk) = Desk::new() else { return };
    desk.sh("$R status; $R endpoint; $R clients").ok();
    assert!(!Path::new(&desk.home.path().join(".local")).exists());
}

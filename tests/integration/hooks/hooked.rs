//! A deployment whose hooks record their input.

use crate::support::program::Replctl;
use crate::support::server::Family;
use crate::support::trio::Trio;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

/// A trio whose inventory has hooks. Each adds a line to `log` and keeps its input.
pub(super) struct Hooked {
    /// The servers.
    pub(super) trio: Trio,
    /// Where the hooks write.
    pub(super) folder: TempDir,
    /// Lines of `[hooks]` that the scripts here do not give.
    pub(super) more: String,
}

/// Records who runs it, the primary's address from replctl, its environment and its standard input.
/// Then runs the file with its name.
const SCRIPT: &str = r#"#!/bin/sh
cat >"$D/$REPLCTL_HOOK.json"
env >"$D/$REPLCTL_HOOK.env"
echo "$REPLCTL_HOOK $("$REPLCTL" endpoint 2>/dev/null)" >>"$D/log"
[ ! -e "$D/$REPLCTL_HOOK.sh" ] || . "$D/$REPLCTL_HOOK.sh"
"#;

impl Hooked {
    /// Starts the servers and writes the script.
    pub(super) fn start(family: &Family, directives: &[&str]) -> Self {
        let this = Self {
            trio: Trio::start(family, directives),
            folder: TempDir::new().unwrap(),
            more: String::new(),
        };
        let script = this.folder.path().join("hook");
        std::fs::write(&script, SCRIPT).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
        this
    }

    /// The inventory, written anew.
    pub(super) fn inventory(&self) -> PathBuf {
        let file = self.trio.inventory();
        let mut text = std::fs::read_to_string(&file).unwrap();
        let script = self.folder.path().join("hook");
        text.push_str("\n[hooks]\n");
        // A list without a shell, and a line with one.
        for key in ["before_promote", "after_promote"] {
            writeln!(text, "{key} = [\"{}\"]", script.display()).unwrap();
        }
        writeln!(text, "on_failure = \"exec {}\"", script.display()).unwrap();
        text.push_str(&self.more);
        std::fs::write(&file, text).unwrap();
        file
    }

    /// Who works on them.
    pub(super) fn operator(&self) -> Replctl<'static> {
        Replctl::new()
            .inventory(&self.inventory())
            .env("D", self.folder.path().to_str().unwrap())
            .env("REPLCTL", Replctl::binary().to_str().unwrap())
    }

    /// Sets what that hook does from now on, besides recording.
    pub(super) fn does(&self, hook: &str, script: &str) {
        std::fs::write(self.folder.path().join(format!("{hook}.sh")), script).unwrap();
    }

    /// Takes the list of the hooks that ran.
    pub(super) fn log(&self) -> Vec<String> {
        let file = self.folder.path().join("log");
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let _ = std::fs::remove_file(file);
        text.lines().map(str::to_owned).collect()
    }

    pub(super) fn told(&self, hook: &str) -> serde_json::Value {
        let text = std::fs::read(self.folder.path().join(format!("{hook}.json"))).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// The variables that replctl gave to that hook.
    pub(super) fn variables(&self, hook: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join(format!("{hook}.env")));
        let mut ours: Vec<String> = text
            .unwrap()
            .lines()
            .filter(|l| l.starts_with("REPLCTL_") && !l.starts_with("REPLCTL_INVENTORY"))
            .map(str::to_owned)
            .collect();
        ours.sort();
        ours
    }

    /// Where a server listens, as `endpoint` prints it.
    pub(super) fn at(&self, node: usize) -> String {
        format!("127.0.0.1:{}", self.trio.servers[node].port)
    }
}

/// The lines of the newest journal.
pub(super) fn journal(operator: &Replctl<'_>) -> Vec<serde_json::Value> {
    let folder = operator.home().join(".local/state/replctl/orders/journal");
    let files = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = files.map(|f| f.unwrap().path()).collect();
    files.sort();
    let text = std::fs::read_to_string(files.last().unwrap()).unwrap();
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

//! Examples that do not run unchanged: those of `init --from` get an existing server or Sentinel,
//! and others are only parsed.

use super::Group;
use crate::support::process::run;
use std::process::Command;
use std::time::Duration;

/// A line that begins at a server or Sentinel of this deployment.
pub fn from_there(group: &Group, line: &str) -> String {
    let operator = &group.bench.operator;
    let mut line = line.replace("--user root", "--no-ssh");
    if line.contains(":26379") {
        let told = operator.run(&["sentinel", "status", "--json"]).stdout;
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let at = &told["watch"]["views"][0]["address"];
        let at = format!("{}:{}", at["host"].as_str().unwrap(), at["port"]);
        line = line.replace("192.168.0.120:26379", &at);
    }
    let at = operator.run(&["endpoint"]).ok().stdout;
    for invented in ["192.168.0.120", "192.168.0.150"] {
        line = line.replace(invented, at.trim());
    }
    if line.contains("--merge") {
        return line;
    }
    let secret = group.bench.folder().join("password");
    let secret = secret.to_str().unwrap();
    if line.contains("orders.password") {
        line = line.replace("orders.password", secret);
    } else {
        line = format!("{line} --password-file {secret}");
    }
    let number = line.len();
    format!("{line} --output found-{number}.toml --yes")
}

/// Asserts that the line is understood: it gets a missing inventory, and fails because of that.
pub fn parsed(group: &Group, line: &str) {
    let mut words = shlex::split(line).unwrap();
    assert_eq!(words.remove(0), "replctl");
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    words.extend(["--inventory", "/nonexistent/inventory.toml"]);
    let ran = group.bench.operator.run(&words).code(2);
    let init = words[0] == "init" && ran.stderr.contains("there is nobody to ask");
    let understood =
        ran.stderr.contains("/nonexistent/inventory.toml") && !ran.stderr.contains("Usage:");
    assert!(init || understood, "{ran}");
}

/// The text before and after a line in its shell. A line that loads completions succeeds even if it
/// loads none: so the shell must know them then.
pub fn around(shell: &str, completions: bool) -> (&'static str, &'static str) {
    match (shell, completions) {
        // The line of zsh needs what `compinit` brings, as in everybody's ~/.zshrc.
        ("zsh", _) => (
            "set -o pipefail; autoload -Uz compinit; compinit -u; ",
            "; (( $+_comps[replctl] ))",
        ),
        ("fish", _) => ("", "; complete -c replctl | grep -q replctl"),
        (_, true) => ("set -o pipefail; ", "; complete -p replctl"),
        (_, false) => ("set -o pipefail; ", ""),
    }
}

/// The shells have no completions of ours unless a line loads them. Otherwise the test above would
/// prove nothing.
#[test]
fn a_shell_without_our_completions_is_seen() {
    for shell in ["bash", "zsh", "fish"] {
        if Command::new(shell).arg("--version").output().is_err() {
            crate::support::not_run(&format!("{shell} is not installed"));
            continue;
        }
        let home = tempfile::tempdir().unwrap();
        for (brought, known) in [
            ("true", false),
            ("complete -c replctl -a word", shell != "zsh"),
            ("compdef _files replctl", shell == "zsh"),
            ("complete -W word replctl", shell == "bash"),
        ] {
            let (before, after) = around(shell, true);
            let line = format!("{before}{brought}{after}");
            let mut command = Command::new(shell);
            command.args(["-c", &line]).env("HOME", home.path());
            let ran = run(&mut command, Duration::from_secs(20));
            assert_eq!(ran.code == Some(0), known, "{shell}: {line}: {ran}");
        }
    }
}

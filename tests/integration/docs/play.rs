//! Console blocks on three real nodes behind sshds of this machine: each command runs as written,
//! and its output is compared with the text below it.
//!
//! Numbers, times, sizes and the widths of columns may differ. `…` stands for anything.
//! 127.0.0.1:7001, 7002 and 7003 are `master`, `slave1` and `slave2`.

use crate::setup_sshd::bench::{Bench, NAMES, PASSWORD};
use crate::support::Replctl;
use crate::support::process::{Ran, run};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

/// The state of the nodes before the first command.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// Hosts without servers.
    Bare,
    /// A primary, `master`, with two replicas.
    SetUp,
}

/// A command, and what it is to print.
#[derive(Debug, Clone)]
pub struct Session {
    command: String,
    output: Vec<String>,
}

impl Session {
    pub fn of(lines: &[String]) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for line in lines {
            match (line.strip_prefix("$ "), found.last_mut()) {
                (Some(command), _) => found.push(Self {
                    command: command.to_owned(),
                    output: Vec::new(),
                }),
                (None, Some(last)) => last.output.push(line.clone()),
                (None, None) => panic!("a console block begins with what is typed: {line}"),
            }
        }
        found
    }
}

/// How long a command may take, and how long the deployment may take to reach the state that is
/// shown.
const PATIENCE: Duration = Duration::from_mins(2);
const SETTLES: Duration = Duration::from_secs(20);

/// Plays sessions one after the other, on their own nodes.
pub fn play(begin: Begin, deployment: &str, sessions: &[Session]) {
    let Some(mut bench) = Bench::new(NAMES.len()) else {
        return;
    };
    bench.text = bench.text.clone().named(deployment);
    bench.write();
    let program = bench.folder().join("program");
    std::fs::create_dir(&program).unwrap();
    std::os::unix::fs::symlink(Replctl::binary(), program.join("replctl")).unwrap();
    if begin == Begin::SetUp {
        bench.run(&["setup", "--yes"]).ok();
        bench.in_sync(0);
    }
    let ports = ports(sessions);
    for session in sessions {
        let line = filled(&bench, &ports, &session.command);
        let looks = ["replctl status", "replctl sentinel status"]
            .iter()
            .any(|l| session.command.starts_with(l));
        let end = Instant::now() + SETTLES;
        loop {
            let ran = typed(&bench, &line);
            match trouble(session, looks, &ran) {
                None => break,
                Some(why) => assert!(looks && Instant::now() < end, "{why}: {session:#?}\n{ran}"),
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// The nodes, by the ports in the text: those of every page, and those in the table of a picture.
fn ports(sessions: &[Session]) -> BTreeMap<String, usize> {
    let mut found: BTreeMap<String, usize> = (0..NAMES.len())
        .map(|n| ((7001 + n).to_string(), n))
        .collect();
    for line in sessions.iter().flat_map(|session| &session.output) {
        let words: Vec<&str> = line.split_whitespace().collect();
        for pair in words.windows(2) {
            let name = NAMES.iter().position(|name| *name == pair[0]);
            if let (Some(n), Some(port)) = (name, pair[1].strip_prefix("127.0.0.1:")) {
                found.insert(port.to_owned(), n);
            }
        }
    }
    found
}

/// A command with the ports that these nodes have.
fn filled(bench: &Bench, ports: &BTreeMap<String, usize>, command: &str) -> String {
    let words = command.split(' ').map(|word| match ports.get(word) {
        Some(n) => bench.port(*n).to_string(),
        None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Runs a line by a shell, as the operator.
fn typed(bench: &Bench, line: &str) -> Ran {
    let operator = bench.operator.command(&[]);
    let mut command = Command::new("bash");
    command.env_clear();
    for (name, value) in operator.get_envs() {
        command.envs(value.map(|value| (name, value)));
    }
    let path = format!(
        "{}:{}",
        bench.folder().join("program").display(),
        std::env::var("PATH").unwrap()
    );
    command
        .args(["-c", &format!("exec 2>&1; set -o pipefail; {line}")])
        .current_dir(bench.operator.home())
        .env("PATH", path)
        .env("LC_ALL", "C.UTF-8")
        .env("REDISCLI_AUTH", PASSWORD);
    run(&mut command, PATIENCE)
}

/// What is wrong with a command's result.
fn trouble(session: &Session, looks: bool, ran: &Ran) -> Option<String> {
    let fails = session
        .output
        .iter()
        .any(|line| line.starts_with("error: "));
    match ran.code {
        Some(0) if fails => return Some("it ends well, and an error is shown".to_owned()),
        Some(0) => {}
        Some(4) if looks => {}
        Some(_) if fails => {}
        _ => return Some("it fails".to_owned()),
    }
    differs(&session.output.join("\n"), &ran.stdout)
}

/// The first piece of the shown text that the output lacks.
fn differs(shown: &str, printed: &str) -> Option<String> {
    let printed = even(printed);
    let mut rest = printed.as_str();
    let pieces: Vec<String> = shown.split('…').map(even).collect();
    let last = pieces.len() - 1;
    for (n, piece) in pieces.iter().enumerate() {
        let missing = || Some(format!("{piece:?} is not in {rest:?}"));
        let begins = if n == last && last > 0 {
            // What stands behind the last `…` is the end.
            if !rest.ends_with(piece.as_str()) {
                return missing();
            }
            rest.len() - piece.len()
        } else {
            match rest.find(piece.as_str()) {
                Some(begins) if n > 0 || begins == 0 => begins,
                _ => return missing(),
            }
        };
        rest = &rest[begins + piece.len()..];
    }
    (!rest.is_empty()).then(|| format!("{rest:?} is printed, too"))
}

/// Text with single spaces, and with one word for every number, time and size. A digit behind a
/// letter is part of a name.
fn even(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let mut digits = String::new();
        for c in word.chars() {
            let named = digits.ends_with(|before: char| before.is_ascii_alphabetic());
            let c = if c.is_ascii_digit() && !named { '0' } else { c };
            if !(c == '0' && digits.ends_with('0')) {
                digits.push(c);
            }
            if digits.ends_with("0.0") {
                digits.truncate(digits.len() - 2);
            }
        }
        let counted = words.last().is_some_and(|w| w.ends_with('0'));
        let unit = digits.trim_end_matches([',', ';', ':', '.', ')']);
        let one = match unit {
            "ms" | "s" | "min" | "µs" if counted => "TIME",
            "B" | "KiB" | "MiB" | "GiB" if counted => "SIZE",
            other => other,
        };
        words.push(format!("{one}{}", &digits[unit.len()..]));
    }
    words.join(" ")
}

#[test]
fn what_differs_is_found() {
    let printed = "a: 127.0.0.1:6379  took 1.3 ms, 20 KiB\nb\nc\n";
    assert!(differs("`slave1`", "`slave2`").is_some());
    for shown in [
        "a: 127.0.0.1:7001 took 12 s, 3 B\nb\nc",
        "a: …\nc",
        "…\nb\n…",
        "…",
    ] {
        assert_eq!(differs(shown, printed), None, "{shown}");
    }
    for shown in [
        "a: 127.0.0.1:7001 took 12 s, 3 B",
        "b\n…",
        "…\nb",
        "a: …\nd\n…",
        "a: …\nc\nb\n…",
        "",
    ] {
        assert!(differs(shown, printed).is_some(), "{shown}");
    }
}

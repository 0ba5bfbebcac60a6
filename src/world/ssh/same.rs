//! Finds hosts for which an ssh configuration says the same. Where that is not certain, replctl
//! asks for each host.
//!
//! This module understands only `Host` lines, to see which of them apply. It gives up at a `Match`,
//! an `Include`, a canonical name or a quotation mark: only OpenSSH reads those correctly.

use crate::inventory::SshSettings;
use std::path::{Path, PathBuf};

/// The system's own configuration, and the folder whose files it includes on Debian.
const SYSTEM: &str = "/etc/ssh/ssh_config";
const INCLUDED: &str = "/etc/ssh/ssh_config.d";

/// All that decides the answer of `ssh -G`, except the host's name: the texts of the files, the
/// `Host` lines that apply, and the user and port in the question.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Sameness {
    texts: Vec<String>,
    apply: Vec<bool>,
    user: Option<String>,
    port: Option<u16>,
}

/// What `host` has in common with others that get the same answer. `None`: this is not certain.
pub(super) fn sameness(
    config: Option<&Path>,
    settings: &SshSettings,
    host: &str,
) -> Option<Sameness> {
    let mut texts = Vec::new();
    for file in files(config)? {
        match std::fs::read_to_string(&file) {
            Ok(text) => texts.push(text),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => texts.push(String::new()),
            Err(_) => return None,
        }
    }
    let mut apply = Vec::new();
    for text in &texts {
        apply.extend(applying(text, host, config.is_none())?);
    }
    Some(Sameness {
        texts,
        apply,
        user: settings.user.clone(),
        port: settings.port,
    })
}

/// The files that OpenSSH reads.
fn files(config: Option<&Path>) -> Option<Vec<PathBuf>> {
    if let Some(file) = config {
        return Some(vec![file.to_owned()]);
    }
    // OpenSSH takes the home from the user database, whatever the environment says.
    let mut files = vec![home()?.join(".ssh/config"), SYSTEM.into()];
    match std::fs::read_dir(INCLUDED) {
        Ok(entries) => {
            let mut more: Vec<PathBuf> = entries
                .map(|e| Some(e.ok()?.path()))
                .collect::<Option<_>>()?;
            more.retain(|p| p.extension().is_some_and(|e| e == "conf"));
            more.sort();
            files.extend(more);
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(_) => return None,
    }
    Some(files)
}

fn home() -> Option<PathBuf> {
    use std::os::unix::fs::MetadataExt as _;
    let me = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let mut fields = users.lines().map(|l| l.split(':').collect::<Vec<_>>());
    let mine = fields.find(|f| f.get(2) == Some(&me.as_str()))?;
    Some(PathBuf::from(mine.get(5)?))
}

/// Which of the `Host` lines of a text apply to `host`. `None`: the text holds more than this
/// module understands. `included`: the files of the system's folder are read as well. Pure.
fn applying(text: &str, host: &str, included: bool) -> Option<Vec<bool>> {
    if host.contains(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    let mut out = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, rest) = line
            .split_once(|c: char| c.is_whitespace() || c == '=')
            .unwrap_or((line, ""));
        let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '=');
        if key.contains('"') {
            return None;
        }
        match key.to_ascii_lowercase().as_str() {
            "include" if included && rest == "/etc/ssh/ssh_config.d/*.conf" => {}
            "match" | "include" | "canonicalizehostname" | "hostname" => return None,
            "host" if rest.contains(['"', '\'', '\\', '#']) => return None,
            "host" => out.push(is_meant(rest, host)),
            _ => {}
        }
    }
    Some(out)
}

/// Whether a list of patterns means `host`: one of them matches, and none with `!` before it.
fn is_meant(patterns: &str, host: &str) -> bool {
    let mut meant = false;
    for pattern in patterns.split_whitespace() {
        match pattern.strip_prefix('!') {
            Some(not) if matches(not.as_bytes(), host.as_bytes()) => return false,
            Some(_) => {}
            None => meant |= matches(pattern.as_bytes(), host.as_bytes()),
        }
    }
    meant
}

fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // Where the last `*` was, and how much of the text it has taken. One way back is enough.
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            Some(_) | None => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// Whether an answer about `host` differs for another host: it has the name in other places than
/// those for the name. Pure.
pub(super) fn depends_on(answer: &str, host: &str) -> bool {
    let mut named = false;
    for line in answer.lines() {
        match line.split_once(' ') {
            Some(("host", value)) if value == host => {}
            Some(("hostname", value)) if value == host => named = true,
            Some(_) if line.to_ascii_lowercase().contains(host) => return true,
            Some(_) | None => {}
        }
    }
    !named
}

/// The answer about `of`, changed to one about `host`. Pure.
pub(super) fn for_host(answer: &str, of: &str, host: &str) -> String {
    let line = |line: &str| match line.split_once(' ') {
        Some((key @ ("host" | "hostname"), value)) if value == of => format!("{key} {host}\n"),
        Some(_) | None => format!("{line}\n"),
    };
    answer.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn hosts_share_an_answer_where_the_same_lines_apply() {
        let text = "User ann\nHost db* !db9\n  Port 2222\nhost=*\n # Match\nInclude /etc/ssh/ssh_config.d/*.conf\n";
        let of = |host: &str| applying(text, host, true).unwrap();
        assert_eq!(of("db1"), of("db22"));
        assert_eq!(of("db1"), [true, true]);
        assert_eq!(of("db9"), [false, true]);
        assert_eq!(of("10.0.0.1"), of("db9"));
        for odd in [
            "Match user ann",
            "Include other",
            "CanonicalizeHostname yes",
            "HostName x.%h",
            "Host \"a\"",
            "\"Host\" db1",
            "\"HostName\" db2",
            "Host\"a\"",
        ] {
            assert_eq!(applying(odd, "db1", true), None, "{odd}");
        }
        assert_eq!(applying("", "DB1", true), None);
        // A file of the operator's choice is the only one that ssh reads.
        assert_eq!(applying(text, "db1", false), None);
    }

    #[test]
    fn patterns_are_those_of_openssh() {
        for (pattern, text, is) in [
            ("*", "", true),
            ("a*b*c", "aXbYbZc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("10.0.0.*", "10.0.0.77", true),
            ("*.org", "a.org.uk", false),
            ("", "a", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                is,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn an_answer_is_taken_for_others_only_where_it_names_nobody() {
        let answer = "host 10.0.0.1\nuser ann\nhostname 10.0.0.1\nport 22\n";
        assert!(!depends_on(answer, "10.0.0.1"));
        assert!(depends_on(answer, "db1"), "another name stands there");
        let more = format!("{answer}identityfile ~/.ssh/10.0.0.1\n");
        assert!(depends_on(&more, "10.0.0.1"));
        assert_eq!(
            for_host(answer, "10.0.0.1", "10.0.0.2"),
            "host 10.0.0.2\nuser ann\nhostname 10.0.0.2\nport 22\n"
        );
    }
}

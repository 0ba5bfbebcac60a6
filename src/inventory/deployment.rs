//! `[deployment]`: its name, and the logins at its servers. Pure; no message repeats a password.

use super::place::Problems;
use super::section::{Found, Section};
use super::{Auth, SecretSource, accounts, parse::Draft};
use secrecy::SecretString;
use std::path::PathBuf;

/// The longest password the servers take, in bytes (`CONFIG_AUTHPASS_MAX_LEN`).
const LONGEST_PASSWORD: usize = 512;

const SOURCES: [&str; 4] = ["env", "file", "command", "prompt"];

/// The ways to say where a secret is.
fn forms(key: &str) -> String {
    format!(
        "write `{key} = {{ file = \"orders.password\" }}`, or `{{ env = \"…\" }}`, `{{ command = \"…\" }}`, `{{ prompt = true }}`"
    )
}

/// Reads `[deployment]` into the draft.
pub fn read(section: &Section, problems: &mut Problems, draft: &mut Draft) {
    let keys = [
        "name",
        "auth",
        "user",
        "password",
        "masteruser",
        "masterauth",
    ];
    section.only(problems, &keys, elsewhere);
    draft.name = name(section, problems);
    let none = auth(section, problems);
    let password = password(section, problems);
    draft.accounts = accounts::read(section, problems);
    draft.auth_given = section.get("password").is_some() || section.get("auth").is_some();
    if let (Some(none), Some(at)) = (none, section.place_of("password")) {
        problems.hinted(
            none.at.max(at),
            "`auth = \"none\"` and `password` exclude each other",
            "keep one of them",
        );
    }
    draft.auth = password.map(Auth::Password);
}

fn elsewhere(key: &str) -> Option<String> {
    let hint = match key {
        "source" | "directory" | "databases" => format!("`{key}` belongs under `[server]`"),
        "port" => format!("`{key}` belongs under `[ssh]` or `[[node]]`"),
        "primaryuser" => "did you mean `masteruser`?".to_owned(),
        "primaryauth" => "did you mean `masterauth`?".to_owned(),
        "requirepass" | "pass" => forms("password"),
        _ => return None,
    };
    Some(hint)
}

fn name(section: &Section, problems: &mut Problems) -> Option<String> {
    if section.get("name").is_none() {
        problems.hinted(
            section.at,
            "`[deployment]` has no `name`",
            "add, for example, `name = \"orders\"`",
        );
        return None;
    }
    let found = section.string(problems, "name")?;
    if !is_deployment_name(found.value) {
        let what = format!("`name` in `[deployment]` is no name: `{}`", found.value);
        problems.hinted(found.at, what, "it takes a-z, 0-9, `.`, `_` and `-`, begins with a letter or digit, and has at most 63 of them");
        return None;
    }
    Some(found.value.to_owned())
}

/// Whether a deployment can have this name: the name becomes part of file names.
pub fn is_deployment_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.len() <= 63
        && text.bytes().next().is_some_and(plain)
        && text
            .bytes()
            .all(|b| plain(b) || matches!(b, b'.' | b'_' | b'-'))
}

fn auth(section: &Section, problems: &mut Problems) -> Option<Found<()>> {
    section.get("auth")?;
    let found = section.string(problems, "auth")?;
    if found.value != "none" {
        // The value is not repeated: it may be a password in the wrong place.
        let what = "`auth` in `[deployment]` can only be \"none\"";
        problems.hinted(
            found.at,
            what,
            format!("for a password, {}", forms("password")),
        );
        return None;
    }
    Some(found.map(|_| ()))
}

/// Reads the `password` of a section.
pub fn password(section: &Section, problems: &mut Problems) -> Option<SecretSource> {
    secret(section, problems, "password")
}

/// Reads where a secret is.
pub fn secret(section: &Section, problems: &mut Problems, key: &str) -> Option<SecretSource> {
    let value = section.get(key)?;
    let at = value.span().start;
    if let Some(text) = value.get_ref().as_str() {
        if let Some(wrong) = password_trouble(text) {
            let what = format!("`{key}` {} {wrong}", section.called);
            problems.hinted(at, what, forms(key));
            return None;
        }
        return Some(SecretSource::Inline(SecretString::from(text)));
    }
    if !value.get_ref().is_table() {
        section.wrong_type(problems, key, "a table or a string", value, &forms(key));
        return None;
    }
    let table = section.table(problems, key, format!("of `{key}`"))?;
    table.only(problems, &SOURCES, |_| None);
    let given: Vec<&str> = SOURCES
        .into_iter()
        .filter(|source| table.get(source).is_some())
        .collect();
    match given.as_slice() {
        [one] => source(&table, problems, key, one),
        [] if table.entries().next().is_some() => None,
        [] => {
            let what = format!("`{key}` {} names no source", section.called);
            problems.hinted(at, what, forms(key));
            None
        }
        [_, ..] => {
            let what = format!(
                "`{key}` {} names {} sources, and takes one",
                section.called,
                given.len()
            );
            problems.hinted(at, what, "keep one of them");
            None
        }
    }
}

fn source(
    table: &Section,
    problems: &mut Problems,
    key: &str,
    source: &str,
) -> Option<SecretSource> {
    if source == "prompt" {
        let prompt = table.boolean(problems, source)?;
        if !prompt.value {
            let what = format!("`prompt` of `{key}` can only be true");
            problems.hinted(prompt.at, what, forms(key));
            return None;
        }
        return Some(SecretSource::Prompt);
    }
    let found = table.filled(problems, source)?;
    match source {
        "file" => Some(SecretSource::File(PathBuf::from(found.value))),
        "command" => Some(SecretSource::Command(found.value.to_owned())),
        _ if found.value.contains('=') => {
            problems.add(
                found.at,
                format!("`env` of `{key}` is no name of a variable: it has a `=`"),
            );
            None
        }
        _ => Some(SecretSource::Env(
            found.value.trim_start_matches('$').to_owned(),
        )),
    }
}

/// Why a text cannot be a password, as the rest of a sentence; `None` if it can.
///
/// The servers read it from a line of their configuration, and operators paste it into shells. So
/// it may have no invisible characters.
pub fn password_trouble(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("is empty")
    } else if text.chars().any(char::is_control) {
        Some("holds a line break or another control character")
    } else if text.chars().any(char::is_whitespace) {
        Some("holds a space")
    } else if text.len() > LONGEST_PASSWORD {
        Some("is longer than the 512 bytes the servers take")
    } else {
        None
    }
}

//! `source` of `[server]`, with the keys that belong to it: where the server program comes from.
//! Pure.

use super::ServerSource;
use super::place::Problems;
use super::section::Section;
use std::path::PathBuf;

const SOURCES: &str =
    "it is \"embedded\", \"package\", \"package:NAME\", \"tarball\" or \"binary\"";

/// Reads the source; embedded where none is named.
pub fn read(section: &Section, problems: &mut Problems) -> Option<ServerSource> {
    let kind = if section.get("source").is_some() {
        section.filled(problems, "source")?.value
    } else {
        "embedded"
    };
    companions(section, problems, kind);
    match kind {
        "embedded" => Some(ServerSource::Embedded),
        "package" => Some(ServerSource::Package(None)),
        "binary" => Some(ServerSource::Binary(PathBuf::from(
            section.filled(problems, "file")?.value,
        ))),
        "tarball" => {
            let file = section.filled(problems, "file");
            let sha256 = sha256(section, problems);
            Some(ServerSource::Tarball {
                file: PathBuf::from(file?.value),
                sha256: sha256?,
            })
        }
        other => {
            let at = section
                .get("source")
                .map_or(section.at, |value| value.span().start);
            let name = other
                .strip_prefix("package:")
                .filter(|name| is_package_name(name));
            if name.is_none() {
                problems.hinted(
                    at,
                    format!("`source` in `[server]` is unknown: `{other}`"),
                    SOURCES,
                );
            }
            Some(ServerSource::Package(Some(name?.to_owned())))
        }
    }
}

/// Tells of files and hashes that a source needs and has not, or has and does not need.
fn companions(section: &Section, problems: &mut Problems, kind: &str) {
    let takes: &[&str] = match kind {
        "tarball" => &["file", "sha256"],
        "binary" => &["file"],
        _ => &[],
    };
    for key in ["file", "sha256"] {
        match section.place_of(key) {
            Some(at) if !takes.contains(&key) => {
                let what =
                    format!("`{key}` in `[server]` has no meaning with the source \"{kind}\"");
                let hint = if key == "file" {
                    "add `source = \"binary\"` or \"tarball\", or remove it"
                } else {
                    "remove it"
                };
                problems.hinted(at, what, hint);
            }
            None if takes.contains(&key) => {
                let at = section.place_of("source").unwrap_or(section.at);
                let hint = if key == "file" {
                    "add `file = \"…\"`, a file on this machine".to_owned()
                } else {
                    "add the line `sha256 = \"…\"` with what `sha256sum FILE` prints".to_owned()
                };
                problems.hinted(
                    at,
                    format!("`source` in `[server]` is \"{kind}\", and there is no `{key}`"),
                    hint,
                );
            }
            Some(_) | None => {}
        }
    }
}

/// The folder on a host, beside the other servers, of the one that was built there from a tarball.
pub fn built_as(sha256: &str) -> String {
    format!("source-{}", sha256.get(..12).unwrap_or(sha256))
}

fn sha256(section: &Section, problems: &mut Problems) -> Option<String> {
    let found = section.filled(problems, "sha256")?;
    let sum = found.value.to_ascii_lowercase();
    if sum.len() != 64 || !sum.bytes().all(|b| b.is_ascii_hexdigit()) {
        problems.add(
            found.at,
            "`sha256` in `[server]` is not 64 hexadecimal digits",
        );
        return None;
    }
    Some(sum)
}

/// As Debian and RPM name packages; it ends up in a command on the hosts.
fn is_package_name(name: &str) -> bool {
    name.bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-' | b'_'))
}

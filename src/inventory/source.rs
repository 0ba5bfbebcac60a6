//! `source` of `[server]`, with the keys that belong to it: where the server program comes from, and
//! what else follows from that. Pure.

use super::place::Problems;
use super::section::Section;
use std::path::PathBuf;

const SOURCES: &str =
    "it is \"embedded\", \"package\", \"package:NAME\", \"tarball\" or \"binary\"";
/// Those beside the one that a new inventory has, in its comment.
pub(super) const OTHERS: &str = "\"package\", \"tarball\", \"binary\"";

/// The directory on a host, beside the servers that were brought, that links to the distribution's.
const PACKAGE: &str = "package";

/// Where the server program comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerSource {
    /// The one inside replctl.
    Embedded,
    /// The distribution's package of that name (default: `redis-server`, or `valkey-server`,
    /// `redis`, … as the host has it).
    Package(Option<String>),
    /// A source tarball, unpacked and built on the host as in the tutorial; a local file, with its
    /// sha256.
    Tarball {
        /// A file on the operator's machine.
        file: PathBuf,
        /// Its hash, lower-case hex.
        sha256: String,
    },
    /// A given server binary on the operator's machine.
    Binary(PathBuf),
}

/// What brings the program to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// replctl sends it.
    Sent,
    /// The distribution's package manager installs it.
    Installed,
    /// It is built there, below the directory of `[server]`.
    Built,
}

impl ServerSource {
    /// What brings the program to a host.
    pub fn arrival(&self) -> Arrival {
        match self {
            Self::Embedded | Self::Binary(_) => Arrival::Sent,
            Self::Package(_) => Arrival::Installed,
            Self::Tarball { .. } => Arrival::Built,
        }
    }

    /// Whether replctl sends the program.
    pub fn is_sent(&self) -> bool {
        self.arrival() == Arrival::Sent
    }

    /// Whether the program itself lies below the directory of `[server]`, and not only a link.
    pub fn is_in_directory(&self) -> bool {
        match self.arrival() {
            Arrival::Sent | Arrival::Built => true,
            Arrival::Installed => false,
        }
    }

    /// Whether it is the program that replctl carries: one of 6.2 or newer, without TLS.
    pub fn is_embedded(&self) -> bool {
        *self == Self::Embedded
    }

    /// The file on the operator's machine, for its path to be completed.
    pub fn file_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Tarball { file, .. } | Self::Binary(file) => Some(file),
            Self::Embedded | Self::Package(_) => None,
        }
    }

    /// The name of the program's folder on a host, beside those of other servers. One that is sent
    /// is named by what it is.
    pub fn folder(&self) -> Option<String> {
        match self {
            Self::Embedded | Self::Binary(_) => None,
            Self::Package(_) => Some(PACKAGE.to_owned()),
            Self::Tarball { sha256, .. } => Some(built_as(sha256)),
        }
    }
}

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

/// Reports files and hashes that a source needs and lacks, or has and does not need.
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

/// The folder on a host, beside the other servers, for the one that was built from a tarball.
fn built_as(sha256: &str) -> String {
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

/// Whether Debian or RPM would allow the name: it becomes part of a command on the hosts.
fn is_package_name(name: &str) -> bool {
    name.bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-' | b'_'))
}

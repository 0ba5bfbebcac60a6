//! What can go wrong on the way to a host: each failure has one sentence, its causes and a hint.

use crate::error::Problem;
use std::fmt;

/// The one true reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SshErrorKind {
    /// The host's name does not resolve.
    NameUnknown,
    /// Nothing listens on the port.
    Refused,
    /// No answer to the connection attempt.
    NoAnswer,
    /// No route, or a firewall said so.
    NoRoute,
    /// It took the connection and then said nothing: a frozen host, or no SSH server.
    Frozen,
    /// It ended the connection before the login, or has no algorithm in common with us.
    Handshake,
    /// Its key is not in `known_hosts`, and nobody may accept it.
    HostKeyUnknown,
    /// Its key is not the one in `known_hosts`.
    HostKeyChanged,
    /// Its key is marked as revoked.
    HostKeyRevoked,
    /// No key and no password was accepted.
    AuthFailed,
    /// The only key left needs its passphrase, and nobody can be asked.
    PassphraseNeeded,
    /// The login is not root and cannot become root.
    NoSudo,
    /// sudo refused the password, or needs one and nobody can be asked.
    SudoPasswordWrong,
    /// A command did not end in its time; it was stopped.
    Timeout,
    /// A command could not be started.
    Command,
    /// A file could not be put on the host.
    Transfer,
    /// Another operator works on it by now.
    Taken,
    /// The SSH settings cannot be used.
    Config,
    /// The connection broke.
    Io,
}

/// A failure, and the node whose host it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshError {
    /// The one true reason.
    pub kind: SshErrorKind,
    /// The node for which replctl asked the host.
    node: Option<String>,
    what: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl SshError {
    /// A failure in one lower-case sentence that names the host.
    pub fn new(kind: SshErrorKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            node: None,
            what: what.into(),
            causes: Vec::new(),
            hint: None,
        }
    }

    /// Adds a cause: the system's, ssh's or the host's own words.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        let cause = cause.to_string();
        if !cause.trim().is_empty() {
            self.causes.push(cause.trim().to_owned());
        }
        self
    }

    /// Sets what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Names the node for which replctl asked the host.
    #[must_use]
    pub fn of_node(mut self, node: &str) -> Self {
        self.node = Some(node.to_owned());
        self
    }

    /// One phrase for use inside another sentence: what failed, and the last of its causes.
    pub fn brief(&self) -> String {
        self.causes.last().map_or_else(
            || self.what.clone(),
            |cause| format!("{}: {cause}", self.what),
        )
    }

    /// The form in which it is printed. What a host sent is not escaped here: printing does that.
    pub fn problem(&self) -> Problem {
        Problem {
            what: match &self.node {
                Some(node) => format!("host of `{node}`: {}", self.what),
                None => self.what.clone(),
            },
            causes: self.causes.clone(),
            hint: self.hint.clone(),
            reason: None,
        }
    }
}

impl fmt::Display for SshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem().text())
    }
}

impl std::error::Error for SshError {}

/// A libssh2 error in its own words. The number has a form that an operator can read.
pub(super) fn words(error: &ssh2::Error) -> String {
    match error.code() {
        ssh2::ErrorCode::Session(code) => format!("{} (libssh2 {code})", error.message()),
        ssh2::ErrorCode::SFTP(code) => format!("{} (sftp status {code})", error.message()),
    }
}

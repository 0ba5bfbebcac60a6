//! A request to a host: one command, its limits, and the line that is sent.

use super::conn::Cancel;
use super::error::{SshError, SshErrorKind};
use super::exec::START_TIME;
use super::script::{self, Way};
use super::settings::Target;
use super::stop::Left;
use secrecy::SecretString;
use std::cell::Cell;
use std::time::Duration;

/// The time limit of a command.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    /// The total time.
    Total(Duration),
    /// The time without any progress.
    Stall(Duration),
}

impl Limit {
    /// The time.
    pub fn time(self) -> Duration {
        match self {
            Self::Total(time) | Self::Stall(time) => time,
        }
    }
}

/// One command to run.
pub(super) struct Request<'a> {
    pub way: Way,
    pub password: Option<&'a SecretString>,
    pub stdin: &'a [u8],
    pub limit: Limit,
    pub cancel: &'a Cancel,
    /// Receives the number of bytes of `stdin` that were sent.
    pub progress: &'a dyn Fn(u64),
    /// The host as messages show it.
    pub shown: &'a str,
    /// The user of the login, for hints.
    pub user: &'a str,
    /// The beginning of a command that reaches the host by OpenSSH, for hints.
    pub ssh: &'a str,
    /// What remains of the command if it was given up and could not be stopped.
    pub left: &'a Cell<Option<Left>>,
    /// It stops another command.
    pub last_resort: bool,
    /// It runs for as long as the session. Only its first line is awaited.
    pub stays: bool,
}

impl<'a> Request<'a> {
    /// A request without input, with the time of a short command.
    pub fn new(
        way: Way,
        shown: &'a str,
        target: &'a Target,
        (cancel, left): (&'a Cancel, &'a Cell<Option<Left>>),
    ) -> Self {
        Self {
            way,
            password: None,
            stdin: &[],
            limit: Limit::Total(START_TIME),
            cancel,
            progress: &|_| {},
            shown,
            user: &target.user,
            ssh: &target.command,
            left,
            last_resort: false,
            stays: false,
        }
    }
}

/// A command as it is sent.
pub(super) struct Line {
    pub mark: String,
    pub text: String,
}

impl Line {
    /// The whole command line of a request.
    ///
    /// # Errors
    /// `Command`: it is too long.
    pub fn of(command: &str, way: Way, shown: &str) -> Result<Self, SshError> {
        Self::named(script::SHELL, command, way, shown)
    }

    /// The same, with the name of its shell in the process list of the host.
    ///
    /// # Errors
    /// `Command`: it is too long.
    pub fn named(name: &str, command: &str, way: Way, shown: &str) -> Result<Self, SshError> {
        let mark = super::nonce();
        let text = script::command_line(command, way, &mark, name);
        if text.len() > script::LONGEST {
            let what = format!("the command for {shown} is too long ({} bytes)", text.len());
            return Err(SshError::new(SshErrorKind::Command, what));
        }
        Ok(Self { mark, text })
    }
}

//! What is asked of a host: one command, its bounds, and the line that is sent.

use super::conn::Cancel;
use super::error::{SshError, SshErrorKind};
use super::exec::START_TIME;
use super::script::{self, Way};
use super::settings::Target;
use super::stop::Left;
use secrecy::SecretString;
use std::cell::Cell;
use std::time::Duration;

/// What bounds a command.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    /// Its whole time.
    Total(Duration),
    /// The time in which nothing moves.
    Stall(Duration),
}

impl Limit {
    /// That time.
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
    /// Told how many bytes of `stdin` have gone.
    pub progress: &'a dyn Fn(u64),
    /// The host, for messages.
    pub shown: &'a str,
    /// Who has logged in, for hints.
    pub user: &'a str,
    /// The beginning of a command that reaches it by OpenSSH, for hints.
    pub ssh: &'a str,
    /// What is left of it where it was given up and could not be stopped.
    pub left: &'a Cell<Option<Left>>,
    /// It is what stops another command.
    pub last_resort: bool,
    /// It goes on for as long as the session does; only its first line is waited for.
    pub stays: bool,
}

impl<'a> Request<'a> {
    /// Without input, and for as long as a short command may take.
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

    /// The same, and what its shell is called among the processes of the host.
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

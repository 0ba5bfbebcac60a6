//! Why a command on a host came to nothing, from what its shell and sudo said.

use super::ask::no_sudo_password;
use super::error::{SshError, SshErrorKind};
use super::exec::{Halt, Limit, Running, START_TIME};
use super::link::Link;
use super::output::last_lines;
use super::script::Way;
use crate::world::busy::patience;
use std::time::Duration;

/// How long a host may take to say how a command ended that says nothing any more.
const END_TIME: Duration = Duration::from_secs(10);

/// That time on this machine as it is now.
pub(super) fn end_time() -> Duration {
    patience(END_TIME)
}

impl Running<'_> {
    /// It was not said in that time.
    pub fn unended(&self, link: &mut Link) -> SshError {
        link.cut();
        let (shown, time) = (self.request.shown, end_time().as_secs());
        SshError::new(
            SshErrorKind::Timeout,
            format!("{shown} did not say within {time} s how a command ended"),
        )
        .cause(self.seen_so_far())
    }

    pub fn explain(&self, halt: &Halt) -> SshError {
        let (shown, ssh) = (self.request.shown, self.request.ssh);
        let said = last_lines(&self.preface, 3);
        match halt {
            Halt::WrongPassword => no_sudo_password(shown, ssh, true),
            Halt::NoPassword => no_sudo_password(shown, ssh, false),
            Halt::NotStarted => SshError::new(
                SshErrorKind::Command,
                format!(
                    "{shown} did not start a command within {} s",
                    START_TIME.as_secs()
                ),
            )
            .cause(said)
            .hint(format!(
                "{ssh} true: does its login shell, or sudo, wait for something?"
            )),
            Halt::Late => {
                let failure = match self.request.limit {
                    Limit::Total(time) => SshError::new(
                        SshErrorKind::Timeout,
                        format!(
                            "a command on {shown} did not end within {} s",
                            time.as_secs_f32()
                        ),
                    ),
                    Limit::Stall(_) => SshError::new(
                        SshErrorKind::Transfer,
                        format!(
                            "nothing moved to {shown} for {} s",
                            self.quiet.as_secs_f32()
                        ),
                    ),
                };
                failure.cause(self.seen_so_far())
            }
            Halt::Cancelled => SshError::new(
                SshErrorKind::Timeout,
                format!("a command on {shown} was given up"),
            ),
            Halt::Broken(why) => SshError::new(
                SshErrorKind::Io,
                format!("the connection to {shown} broke while a command ran"),
            )
            .cause(why),
        }
    }

    pub fn seen_so_far(&self) -> String {
        let lines = last_lines(self.stderr.so_far(), 3);
        if lines.is_empty() {
            lines
        } else {
            format!("it said last: {lines}")
        }
    }

    /// The shell or sudo ended before the command began.
    pub fn never_started(&self, status: i32) -> SshError {
        let (shown, ssh) = (self.request.shown, self.request.ssh);
        let mut said = self.preface.clone();
        said.extend_from_slice(self.noise.as_deref().unwrap_or_default());
        let words = last_lines(&said, 3);
        let has = |text: &str| words.contains(text);
        if self.request.way == Way::Direct {
            return SshError::new(
                SshErrorKind::Command,
                format!("{shown} let us in but runs no command (status {status})"),
            )
            .cause(words)
            .hint(format!(
                "{ssh} /bin/sh -c true: the login shell must be a shell, without a forced command"
            ));
        }
        if self.answered
            && (has("incorrect password")
                || has("no password was provided")
                || has("Sorry, try again"))
        {
            return no_sudo_password(shown, ssh, true);
        }
        if has("a password is required") {
            return no_sudo_password(shown, ssh, false);
        }
        let by = if self.request.way == Way::DoasFree {
            "doas"
        } else {
            "sudo"
        };
        let failure = SshError::new(
            SshErrorKind::NoSudo,
            format!("cannot become root on {shown} by {by}"),
        )
        .cause(&words);
        if has("must have a tty") {
            return super::login::needs_terminal(shown, self.request.user);
        }
        if has("not found") || has("No such file") {
            let as_root = super::login::as_root(ssh);
            return failure.hint(format!("install sudo there, or {as_root}"));
        }
        let as_root = super::login::as_root(ssh);
        failure.hint(format!("allow it there (`usermod -aG sudo …`), or {as_root}; `{ssh} sudo -l` shows what is allowed"))
    }
}

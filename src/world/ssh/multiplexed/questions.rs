//! What `ssh` asks (a passphrase, a password, whether a host is to be trusted) is asked as
//! everything else is: one question at a time, between the lines of progress, and each secret once.
//! `ssh` runs this program to ask (`SSH_ASKPASS`), which passes the question on by a socket and
//! prints the answer.

use super::super::ask::{Answer, Shared, Use};
use super::super::connect::Context;
use super::super::settings::Target;
use crate::error::Problem;
use crate::output::{self, escape};
use secrecy::ExposeSecret as _;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The variable that names the socket to a process that is to ask, and nothing else.
pub const ASKPASS: &str = "REPLCTL_ASKPASS";
/// The longest question that is taken.
const LONGEST: u64 = 64 * 1024;
/// How long the process that asks may take to say what, and to take the answer.
const TIME: Duration = Duration::from_secs(5);

/// Where the questions of one client arrive.
pub(super) struct Desk<'a> {
    context: &'a Context,
    target: &'a Target,
    listener: Option<(UnixListener, PathBuf)>,
    /// The last answers, each with what it is for: another question for the same means that it was
    /// refused.
    given: HashMap<Use, (Arc<Shared>, Answer)>,
}

impl<'a> Desk<'a> {
    /// A desk in that folder, where anybody can be asked.
    ///
    /// # Errors
    /// Where the socket cannot be made.
    pub fn open(context: &'a Context, target: &'a Target, folder: &Path) -> io::Result<Self> {
        let listener = if context.questions.can_ask() {
            let path = folder.join("q");
            let listener = UnixListener::bind(&path)?;
            listener.set_nonblocking(true)?;
            Some((listener, path))
        } else {
            None
        };
        Ok(Self {
            context,
            target,
            listener,
            given: HashMap::new(),
        })
    }

    /// Tells a client how to ask: by this desk, or not at all.
    pub fn tell(&self, command: &mut Command) {
        let Some((_, path)) = &self.listener else {
            command
                .env("SSH_ASKPASS_REQUIRE", "never")
                .env_remove("SSH_ASKPASS")
                .env_remove("DISPLAY");
            return;
        };
        command
            .env(ASKPASS, path)
            .env("SSH_ASKPASS", format!("/proc/{}/exe", std::process::id()))
            .env("SSH_ASKPASS_REQUIRE", "force");
        // Before OpenSSH 8.4 it asks so only where there is a display.
        if std::env::var_os("DISPLAY").is_none() {
            command.env("DISPLAY", "none");
        }
    }

    /// Answers what is asked at the moment; how long that took.
    pub fn serve(&mut self) -> Duration {
        let began = Instant::now();
        let Some((listener, _)) = &self.listener else {
            return Duration::ZERO;
        };
        let Ok((mut socket, _)) = listener.accept() else {
            return Duration::ZERO;
        };
        if let Ok((kind, question)) = heard(&mut socket)
            && let Some(answer) = self.answer(&kind, &question)
        {
            let _ = socket.write_all(answer.expose_secret().as_bytes());
        }
        began.elapsed()
    }

    fn answer(&mut self, kind: &str, question: &str) -> Option<secrecy::SecretString> {
        let questions = &self.context.questions;
        let shown = lines(question);
        if kind == "none" {
            output::warning(&Problem::new(shown));
            return None;
        }
        if kind == "confirm" || question.contains("(yes/no") {
            let turn = questions.turn();
            // The answers of ours are added where it is asked.
            let shown = shown.replace(" (yes/no/[fingerprint])?", "?");
            let said = if questions.confirm(&shown, &turn) {
                "yes"
            } else {
                "no"
            };
            return Some(said.into());
        }
        let Some((of, prompt)) = self.what_for(question) else {
            return questions.secret(&shown);
        };
        let shared = questions.shared(of.clone());
        let refused = self.given.get(&of).map(|(_, answer)| answer);
        let answer = shared.next(questions, &prompt, refused)?;
        self.given.insert(of, (shared, answer.clone()));
        Some(answer.secret)
    }

    /// What a secret is for that several hosts may ask for, and how it is asked for.
    fn what_for(&self, question: &str) -> Option<(Use, String)> {
        let question = question.trim().trim_end_matches(':');
        if let Some(file) = question.strip_prefix("Enter passphrase for key ") {
            let file = file.trim_matches('\'');
            return Some((
                Use::Key(file.into()),
                format!("Passphrase of {}", escape(file)),
            ));
        }
        let own = format!("{}@", self.target.user);
        let asked_by_ssh = question.ends_with("'s password") && question.starts_with(&own);
        let asked_by_host = question
            .strip_prefix('(')
            .and_then(|rest| rest.strip_prefix(&own)?.split_once(") "))
            .is_some_and(|(_, asked)| asked.eq_ignore_ascii_case("password"));
        if asked_by_ssh || asked_by_host {
            let prompt = format!(
                "Password of {} (on {} and the other hosts)",
                self.target.user, self.target.host
            );
            return Some((Use::Login(self.target.user.clone()), prompt));
        }
        None
    }

    /// The login was done with what was answered.
    pub fn proven(&self) {
        for (shared, answer) in self.given.values() {
            shared.proven(answer);
        }
    }
}

/// A question as it is shown: its lines, made harmless.
fn lines(question: &str) -> String {
    let lines: Vec<String> = question
        .lines()
        .map(|line| escape(line.trim()))
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
}

fn heard(socket: &mut UnixStream) -> io::Result<(String, String)> {
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(TIME))?;
    socket.set_write_timeout(Some(TIME))?;
    let mut text = Vec::new();
    (&*socket).take(LONGEST).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let (kind, question) = text.split_once('\0').unwrap_or(("", &text));
    Ok((kind.to_owned(), question.to_owned()))
}

/// The whole of a process that `ssh` has started to ask: passes the question on, and prints the
/// answer. Whether there was one.
pub fn answer(socket: &OsStr) -> bool {
    let question = std::env::args().nth(1).unwrap_or_default();
    let kind = std::env::var("SSH_ASKPASS_PROMPT").unwrap_or_default();
    let exchange = || -> io::Result<Vec<u8>> {
        let mut socket = UnixStream::connect(socket)?;
        socket.write_all(format!("{kind}\0{question}").as_bytes())?;
        socket.shutdown(std::net::Shutdown::Write)?;
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer)?;
        Ok(answer)
    };
    match exchange() {
        Ok(answer) if !answer.is_empty() => {
            let mut out = io::stdout();
            out.write_all(&answer).is_ok() && out.write_all(b"\n").is_ok() && out.flush().is_ok()
        }
        Ok(_) | Err(_) => false,
    }
}

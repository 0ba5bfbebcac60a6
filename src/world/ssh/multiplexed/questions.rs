//! Passes on what `ssh` asks (a passphrase, a password, whether to trust a host) like every other
//! question: one at a time, between the lines of progress, and each secret once. `ssh` runs this
//! program to ask (`SSH_ASKPASS`). That process passes the question on over a socket and prints the
//! answer.

use super::super::ask::{Answer, Shared, Use};
use super::super::connect::Context;
use super::super::settings::Target;
use super::Plan;
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

/// The variable that names the socket to a process that only has to ask.
pub const ASKPASS: &str = "REPLCTL_ASKPASS";
/// The longest question that is taken, in bytes.
const LONGEST: u64 = 64 * 1024;
/// How long the process that asks may take to send its question, and to take the answer.
const TIME: Duration = Duration::from_secs(5);

/// The place where the questions of one client arrive.
pub(super) struct Desk<'a> {
    context: &'a Context,
    target: &'a Target,
    plan: &'a Plan,
    listener: Option<(UnixListener, PathBuf)>,
    /// The last answers, by the process that asked and by their use. A second question of the same
    /// process for the same use means a refusal. The `ssh` to a host in between asks, too.
    given: HashMap<(u32, Use), Given>,
}

/// An answer that a process got.
struct Given {
    shared: Arc<Shared>,
    answer: Answer,
    /// How many answers the process got for the same use.
    times: u64,
    /// The process asked again.
    refused: bool,
}

/// A question in the form in which it arrives.
struct Question {
    kind: String,
    /// The process that asks.
    by: u32,
    text: String,
}

impl<'a> Desk<'a> {
    /// Opens a desk in that folder, where there is anybody to ask.
    ///
    /// # Errors
    /// Where the socket cannot be made.
    pub fn open(
        context: &'a Context,
        target: &'a Target,
        plan: &'a Plan,
        folder: &Path,
    ) -> io::Result<Self> {
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
            plan,
            listener,
            given: HashMap::new(),
        })
    }

    /// Sets for a client how it asks: by this desk, or not at all.
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
        // Before OpenSSH 8.4, ssh asks this way only where there is a display.
        if std::env::var_os("DISPLAY").is_none() {
            command.env("DISPLAY", "none");
        }
    }

    /// Answers the question that waits now, if any. Returns how long that took.
    pub fn serve(&mut self) -> Duration {
        let began = Instant::now();
        let Some((listener, _)) = &self.listener else {
            return Duration::ZERO;
        };
        let Ok((mut socket, _)) = listener.accept() else {
            return Duration::ZERO;
        };
        if let Ok(question) = heard(&mut socket)
            && let Some(answer) = self.answer(&question)
        {
            let _ = socket.write_all(answer.expose_secret().as_bytes());
        }
        began.elapsed()
    }

    fn answer(&mut self, asked: &Question) -> Option<secrecy::SecretString> {
        let questions = &self.context.questions;
        let (kind, question) = (asked.kind.as_str(), asked.text.as_str());
        let shown = lines(question);
        if kind == "none" {
            output::warning(&Problem::new(shown));
            return None;
        }
        if kind == "confirm" || question.contains("(yes/no") {
            let turn = questions.turn();
            // Our own question adds its possible answers.
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
        let key = (asked.by, of);
        let mut before = self.given.get_mut(&key);
        if let Some(before) = &mut before {
            before.refused = true;
        }
        let (refused, times) = before.map_or((None, 0), |b| (Some(b.answer.clone()), b.times));
        let answer = shared.next(questions, &prompt, refused.as_ref())?;
        let secret = answer.secret.clone();
        let given = Given {
            shared,
            answer,
            times: times + 1,
            refused: false,
        };
        self.given.insert(key, given);
        Some(secret)
    }

    /// The use of a secret that several hosts may ask for, and the prompt for it.
    fn what_for(&self, question: &str) -> Option<(Use, String)> {
        // A question of the host itself must not pass for a question of ssh.
        if !self.plan.marks_questions {
            return None;
        }
        let question = question.trim().trim_end_matches(':');
        if let Some(file) = question.strip_prefix("Enter passphrase for key ") {
            let file = file.trim_matches('\'');
            return Some((
                Use::Key(file.into()),
                format!("Passphrase of {}", escape(file)),
            ));
        }
        let login = asked_for(question)?;
        let (user, host) = login.rsplit_once('@')?;
        let is_this = |name: &String| name.eq_ignore_ascii_case(host);
        if user == self.target.user && self.plan.names.iter().any(is_this) {
            let prompt = format!(
                "Password of {user} (on {} and the other hosts)",
                self.target.host
            );
            return Some((Use::Login(user.to_owned()), prompt));
        }
        // A host in between may have another password.
        let prompt = format!("Password of {} on {}", escape(user), escape(host));
        Some((Use::Login(login.to_owned()), prompt))
    }

    /// The login worked with these answers.
    pub fn proven(&self) {
        for given in self.given.values() {
            // Nobody knows whether the last of all allowed answers was right.
            if !given.refused && given.times < self.plan.prompts {
                given.shared.proven(&given.answer);
            }
        }
    }
}

/// `user@host`, where a question is for its password: from ssh, or from the host, which ssh marks.
fn asked_for(question: &str) -> Option<&str> {
    if let Some(login) = question.strip_suffix("'s password") {
        return Some(login).filter(|login| !login.starts_with('('));
    }
    let (login, asked) = question.strip_prefix('(')?.split_once(") ")?;
    Some(login).filter(|_| asked.eq_ignore_ascii_case("password"))
}

/// The lines of a question as they are shown: escaped.
fn lines(question: &str) -> String {
    let lines: Vec<String> = question
        .lines()
        .map(|line| escape(line.trim()))
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
}

fn heard(socket: &mut UnixStream) -> io::Result<Question> {
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(TIME))?;
    socket.set_write_timeout(Some(TIME))?;
    let mut text = Vec::new();
    (&*socket).take(LONGEST).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut parts = text.splitn(3, '\0');
    let mut part = || parts.next().unwrap_or_default().to_owned();
    let (kind, by, text) = (part(), part(), part());
    let by = by.parse().map_err(io::Error::other)?;
    Ok(Question { kind, by, text })
}

/// All that a process does that `ssh` has started to ask: passes the question on, and prints the
/// answer. Returns whether there was one.
pub fn answer(socket: &OsStr) -> bool {
    let question = std::env::args().nth(1).unwrap_or_default();
    let kind = std::env::var("SSH_ASKPASS_PROMPT").unwrap_or_default();
    let exchange = || -> io::Result<Vec<u8>> {
        let mut socket = UnixStream::connect(socket)?;
        let by = std::os::unix::process::parent_id();
        socket.write_all(format!("{kind}\0{by}\0{question}").as_bytes())?;
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

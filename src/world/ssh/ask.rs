//! Asks the operator questions: one at a time, and each secret once for all hosts. Secrets stay in
//! memory only. replctl never prints, logs or passes them as arguments.

use super::error::{SshError, SshErrorKind};
use crate::output;
use secrecy::SecretString;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Somebody who answers questions.
pub trait Ask: Send + Sync {
    /// Asks a yes-or-no question. No answer means no.
    fn confirm(&self, question: &str) -> bool;
    /// Asks for a secret, which is not shown while it is typed. `None`: none was given.
    fn secret(&self, prompt: &str) -> Option<SecretString>;
}

/// The person at the terminal. Use this only where there is a terminal.
#[derive(Debug, Clone, Copy)]
pub struct Terminal;

impl Ask for Terminal {
    fn confirm(&self, question: &str) -> bool {
        let question = dialoguer::Confirm::new()
            .with_prompt(question)
            .default(false);
        let answer = output::ask(|| question.interact());
        answer.unwrap_or_else(|_| {
            output::unanswered();
            false
        })
    }

    fn secret(&self, prompt: &str) -> Option<SecretString> {
        let question = dialoguer::Password::new()
            .with_prompt(prompt)
            .allow_empty_password(true);
        let answer = output::ask(|| question.interact());
        answer
            .inspect_err(|_| output::unanswered())
            .ok()
            .filter(|typed| !typed.is_empty())
            .map(SecretString::from)
    }
}

/// How often replctl asks for one secret before it gives up.
const TRIES: u32 = 3;

/// The questions of one run.
pub(super) struct Questions {
    ask: Option<Arc<dyn Ask>>,
    /// Held while a question is on the terminal.
    turn: Mutex<()>,
    secrets: Mutex<HashMap<Use, Arc<Shared>>>,
}

/// What a secret is for. The account of one user never gets the password of another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Use {
    /// The SSH login of that user, on all hosts.
    Login(String),
    /// sudo of that user, on all hosts.
    Sudo(String),
    /// That key file.
    Key(PathBuf),
}

/// A secret that several hosts use.
#[derive(Default)]
pub(super) struct Shared(Mutex<State>);

#[derive(Default)]
struct State {
    value: Option<SecretString>,
    /// How often it was asked for; 0: never.
    asked: u32,
    /// Some host took it. replctl does not ask for it again.
    proven: bool,
    /// The operator gave no answer.
    declined: bool,
}

/// A secret, and which answer it was.
#[derive(Clone)]
pub(super) struct Answer {
    pub secret: SecretString,
    number: u32,
}

impl Questions {
    pub fn new(ask: Option<Arc<dyn Ask>>) -> Self {
        Self {
            ask,
            turn: Mutex::new(()),
            secrets: Mutex::default(),
        }
    }

    /// Whether there is anybody to ask.
    pub fn can_ask(&self) -> bool {
        self.ask.is_some()
    }

    /// Takes the turn to decide about a host key. The caller holds it while it reads the files,
    /// asks the question and writes the answer.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        lock(&self.turn)
    }

    /// Asks a yes-or-no question. The guard proves that the caller holds the turn.
    pub fn confirm(&self, question: &str, _turn: &MutexGuard<'_, ()>) -> bool {
        self.ask.as_ref().is_some_and(|ask| ask.confirm(question))
    }

    /// A secret of one host only.
    pub fn secret(&self, prompt: &str) -> Option<SecretString> {
        let ask = self.ask.as_ref()?;
        let _turn = self.turn();
        ask.secret(prompt)
    }

    /// The secret for a use. For sudo it begins with the password with which the same user has
    /// logged in, where there is one.
    pub fn shared(&self, of: Use) -> Arc<Shared> {
        let mut secrets = lock(&self.secrets);
        let login = match &of {
            Use::Sudo(user) => secrets
                .get(&Use::Login(user.clone()))
                .and_then(|l| l.worked()),
            Use::Login(_) | Use::Key(_) => None,
        };
        Arc::clone(
            secrets
                .entry(of)
                .or_insert_with(|| Arc::new(Shared::beginning_with(login))),
        )
    }
}

impl Shared {
    fn beginning_with(value: Option<SecretString>) -> Self {
        let asked = u32::from(value.is_some());
        Self(Mutex::new(State {
            value,
            asked,
            ..State::default()
        }))
    }

    /// The secret, once a host has taken it.
    fn worked(&self) -> Option<SecretString> {
        let state = lock(&self.0);
        state.value.clone().filter(|_| state.proven)
    }

    /// The secret to try next: the one already known, or a new answer. `refused` is the answer that
    /// this host has just refused. Other hosts that need the secret meanwhile wait for the same
    /// answer. `None`: nobody can be asked, or it is of no use to ask again.
    pub fn next(
        &self,
        questions: &Questions,
        prompt: &str,
        refused: Option<&Answer>,
    ) -> Option<Answer> {
        let mut state = lock(&self.0);
        let refused = refused.map_or(0, |answer| answer.number);
        if state.asked > refused {
            return state.answer();
        }
        if state.declined || state.proven || state.asked >= TRIES {
            return None;
        }
        let again = if state.asked > 0 {
            "that was refused; "
        } else {
            ""
        };
        let value = questions.secret(&format!("{again}{prompt}"));
        state.declined = value.is_none();
        state.value = value;
        state.asked += 1;
        state.answer()
    }

    /// A host (or the key file) took this answer.
    pub fn proven(&self, answer: &Answer) {
        let mut state = lock(&self.0);
        state.proven |= state.asked == answer.number;
    }
}

impl State {
    fn answer(&self) -> Option<Answer> {
        let secret = self.value.clone()?;
        Some(Answer {
            secret,
            number: self.asked,
        })
    }
}

/// The error where sudo needs a password and there is none, or none that is left to try.
pub(super) fn no_sudo_password(host: &str, ssh: &str, refused: bool) -> SshError {
    let what = if refused {
        format!("sudo on {host} refused the password")
    } else {
        format!("sudo on {host} needs a password, and nobody can be asked for it")
    };
    SshError::new(SshErrorKind::SudoPasswordWrong, what)
        .hint(format!(
            "run replctl on a terminal and type that user's password, {}, or allow sudo without a password there",
            super::login::as_root(ssh)
        ))
}

/// Locks even where a thread failed while it held the lock: the data behind it is whole at every
/// moment.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Logs in: with keys (see `keys`), then with passwords, as far as the configuration allows each.
//! Where nothing works, the error names what was tried.

use super::ask::{Answer, Questions, Shared, Use};
use super::conn::{Wire, is_broken};
use super::directives::WAY_OUT;
use super::error::{SshError, SshErrorKind, words};
use super::interactive::Prompter;
use super::settings::Target;
use super::watch::Watch;
use crate::output::escape;
use secrecy::ExposeSecret;
use ssh2::{ErrorCode, Session};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a login by an agent may take: as long as sshd waits for a login. Somebody may have to
/// touch a security token.
pub(super) const TOUCH: Duration = Duration::from_mins(2);

/// What the error says of a password that was not tried.
const UNASKED: &str = "password: nobody can be asked for it";

/// What bounds each step of a login.
#[derive(Clone, Copy)]
pub(super) struct Bound<'a> {
    /// The connection. It is cut where a step takes too long.
    pub wire: &'a Arc<Wire>,
    pub time: Duration,
}

/// One login in progress.
pub(super) struct Authentication<'a> {
    pub session: &'a Session,
    pub target: &'a Target,
    pub questions: &'a Questions,
    pub bound: Bound<'a>,
    /// A step took too long.
    late: Cell<bool>,
    /// What was tried, for the error.
    pub tried: Vec<String>,
    /// Public keys that the server has refused. replctl does not try the same key in a file again,
    /// and does not ask for its passphrase.
    pub refused: Vec<Vec<u8>>,
    /// A key that was left out because its passphrase was missing.
    pub locked: Option<PathBuf>,
    /// Key files that cannot be used.
    unfit: Vec<(PathBuf, Unfit)>,
    /// What only OpenSSH could have tried.
    pub openssh_only: Vec<String>,
}

/// Why a key file cannot be used.
pub(super) enum Unfit {
    Missing,
    /// Others can read it: its mode.
    Open(u32),
    Unreadable(String),
}

impl Unfit {
    fn why(&self) -> String {
        match self {
            Self::Missing => "it does not exist".to_owned(),
            Self::Open(mode) => format!("not used, its mode {mode:o} shows it to others"),
            Self::Unreadable(why) => format!("it cannot be read: {why}"),
        }
    }

    fn hint(&self, path: &Path) -> String {
        let name = quoted(path);
        match self {
            Self::Missing => {
                format!("ssh-keygen -t ed25519 -f {name}, or name another `identity_file`")
            }
            Self::Open(_) => format!("chmod 600 {name}"),
            Self::Unreadable(_) => format!("ls -l {name}"),
        }
    }
}

impl<'a> Authentication<'a> {
    pub fn new(
        session: &'a Session,
        target: &'a Target,
        questions: &'a Questions,
        bound: Bound<'a>,
    ) -> Self {
        Self {
            session,
            target,
            questions,
            bound,
            late: Cell::new(false),
            tried: Vec::new(),
            refused: Vec::new(),
            locked: None,
            unfit: Vec::new(),
            openssh_only: Vec::new(),
        }
    }

    /// Logs in. The session is in blocking mode with a time-out.
    ///
    /// # Errors
    /// `AuthFailed`, `PassphraseNeeded`; `Io` or `Frozen` where the connection breaks meanwhile.
    pub fn run(mut self) -> Result<(), SshError> {
        let Some(offers) = self.offers()? else {
            return Ok(());
        };
        let methods = self.target.methods;
        if methods.key && offers.contains("publickey") && (self.by_agent()? || self.by_files()?) {
            return Ok(());
        }
        // After a first factor the server may ask for another, so what it offers now counts.
        let Some(offers) = self.offers()? else {
            return Ok(());
        };
        let password = methods.password && offers.split(',').any(|o| o == "password");
        let interactive = methods.interactive && offers.contains("keyboard-interactive");
        if (password || interactive) && !methods.batch && self.by_password(password)? {
            return Ok(());
        }
        Err(self.nothing_worked(&offers))
    }

    /// What the server offers; `None`: it wants nothing more.
    fn offers(&self) -> Result<Option<String>, SshError> {
        let offers = self.bounded(self.bound.time, || {
            self.session.auth_methods(&self.target.user)
        });
        match offers {
            Ok(list) => Ok(Some(list.to_owned())),
            Err(_) if self.session.authenticated() => Ok(None),
            Err(e) => Err(self.broken(&e)),
        }
    }

    /// Does a step of the login, and cuts the connection where it takes too long.
    pub fn bounded<T>(&self, time: Duration, step: impl FnOnce() -> T) -> T {
        let watch = Watch::within(self.bound.wire, time);
        let result = step();
        self.late.set(self.late.get() || watch.is_over());
        result
    }

    /// A secret to try next; none where the configuration says to ask nobody.
    pub fn next(&self, shared: &Shared, prompt: &str, refused: Option<&Answer>) -> Option<Answer> {
        if self.target.methods.batch {
            return None;
        }
        shared.next(self.questions, prompt, refused)
    }

    /// Remembers a key file that cannot be used.
    pub fn unfit(&mut self, path: &Path, why: Unfit) {
        self.tried
            .push(format!("{}: {}", path.display(), why.why()));
        self.unfit.push((path.to_owned(), why));
    }

    fn by_password(&mut self, plainly: bool) -> Result<bool, SshError> {
        let shared = self.questions.shared(Use::Login(self.target.user.clone()));
        let prompt = format!(
            "Password of {} (for {} and the other hosts)",
            self.target.user, self.target.host
        );
        let mut refused: Option<Answer> = None;
        while let Some(answer) = self.next(&shared, &prompt, refused.as_ref()) {
            let result = if plainly {
                self.bounded(self.bound.time, || {
                    self.session
                        .userauth_password(&self.target.user, answer.secret.expose_secret())
                })
            } else {
                self.by_questions(&answer)
            };
            match result {
                Ok(()) if self.session.authenticated() => {
                    shared.proven(&answer);
                    return Ok(true);
                }
                Ok(()) => return Ok(false),
                Err(e) => self.refusal("password", &e)?,
            }
            refused = Some(answer);
        }
        if refused.is_none() {
            self.tried.push(UNASKED.to_owned());
        }
        Ok(false)
    }

    fn by_questions(&self, answer: &Answer) -> Result<(), ssh2::Error> {
        let mut prompter = Prompter::new(answer, self.questions, self.bound);
        // libssh2 would count the time in which a person thinks. The watch does not.
        let time = self.session.timeout();
        self.session.set_timeout(0);
        let result = self
            .session
            .userauth_keyboard_interactive(&self.target.user, &mut prompter);
        self.session.set_timeout(time);
        self.late.set(self.late.get() || prompter.is_late());
        result
    }

    /// Remembers a refusal. A broken connection ends the login.
    pub fn refusal(&mut self, what: &str, error: &ssh2::Error) -> Result<(), SshError> {
        self.tried.push(format!("{what}: {}", words(error)));
        if is_broken(error) || self.late.get() {
            Err(self.broken(error))
        } else {
            Ok(())
        }
    }

    pub fn broken(&self, error: &ssh2::Error) -> SshError {
        let shown = self.target.shown();
        let timeout = ErrorCode::Session(libssh2_sys::LIBSSH2_ERROR_TIMEOUT);
        let kind = if error.code() == timeout || self.late.get() {
            SshErrorKind::Frozen
        } else {
            SshErrorKind::AuthFailed
        };
        let failure = SshError::new(
            kind,
            format!("{shown} ended the login, or stopped answering during it"),
        );
        let failure = self
            .tried
            .iter()
            .fold(failure, SshError::cause)
            .cause(words(error));
        if self.tried.len() > 2 {
            failure.hint(
                "the server allows few tries: name the right key as `identity_file` in `[ssh]`",
            )
        } else {
            failure.hint(format!(
                "look at `journalctl -u ssh` on {}",
                self.target.host
            ))
        }
    }

    fn nothing_worked(&self, offers: &str) -> SshError {
        let shown = self.target.shown();
        let failed = |why: String| {
            SshError::new(
                SshErrorKind::AuthFailed,
                format!("cannot log in to {shown}: {why}"),
            )
        };
        let beyond = self.only_openssh(offers);
        let failure = match (&self.locked, self.main_fault()) {
            (Some(path), _) => SshError::new(
                SshErrorKind::PassphraseNeeded,
                format!(
                    "cannot log in to {shown}: the passphrase of {} is needed",
                    path.display()
                ),
            )
            .hint(format!("ssh-add {}", quoted(path))),
            (None, Some((path, why))) => {
                failed(format!("the key file {}: {}", path.display(), why.why()))
                    .hint(why.hint(path))
            }
            // The server takes no key, or it has taken one and wants more.
            (None, None) if !offers.contains("publickey") => {
                let (why, hint) = self.no_password(!beyond.is_empty());
                failed(why.to_owned()).hint(hint)
            }
            (None, None) => {
                let failure = failed("no key and no password was accepted".to_owned());
                failure.hint(if beyond.is_empty() {
                    self.target.command.replacen("ssh", "ssh-copy-id", 1)
                } else {
                    WAY_OUT.to_owned()
                })
            }
        };
        let failure = failure.cause(format!("the server takes: {}", escape(offers)));
        let failure = if self.tried.is_empty() {
            failure.cause("there was no key to try")
        } else {
            self.tried.iter().fold(failure, SshError::cause)
        };
        beyond.iter().fold(failure, SshError::cause)
    }

    /// Why no password was accepted, and what to do.
    fn no_password(&self, is_beyond: bool) -> (&'static str, String) {
        let command = &self.target.command;
        let unasked = self.tried.iter().any(|tried| tried == UNASKED);
        let why = if unasked {
            "it wants a password, and nobody can be asked for it"
        } else {
            "no password was accepted"
        };
        let hint = match (is_beyond, unasked) {
            (true, _) => WAY_OUT.to_owned(),
            (false, true) => {
                format!("run replctl on a terminal; to see the question there, try: {command} true")
            }
            (false, false) => format!("try: {command} true"),
        };
        (why, hint)
    }

    /// A key file that the operator means, and that cannot be used.
    fn main_fault(&self) -> Option<&(PathBuf, Unfit)> {
        let named = self.target.keys_named;
        let mut all = self.unfit.iter();
        all.find(|(_, why)| named || !matches!(why, Unfit::Missing))
    }

    /// What only OpenSSH could have tried here.
    fn only_openssh(&self, offers: &str) -> Vec<String> {
        let mut all = self.openssh_only.clone();
        let beyond = &self.target.beyond;
        for (option, method) in [("gssapiauth", "gssapi"), ("hostbasedauth", "hostbased")] {
            let set = beyond.ways.iter().find(|way| way.starts_with(option));
            all.extend(set.filter(|_| offers.contains(method)).map(|set| {
                format!("{set}: replctl's built-in ssh client does not log in this way")
            }));
        }
        if !beyond.unknown.is_empty() {
            let unknown = beyond.unknown.join(", ");
            all.push(format!(
                "replctl does not know these options of `ssh -G`: {unknown}"
            ));
        }
        all
    }
}

/// A file's name as it can be pasted into a shell.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    shlex::try_quote(&text).unwrap_or_default().into_owned()
}

//! Logging in: the agent's keys, key files, then passwords, each tried once; what was tried is told when nothing worked.

use super::agent;
use super::ask::{Answer, Questions, Use};
use super::conn::is_broken;
use super::error::{SshError, SshErrorKind, words};
use super::interactive::Prompter;
use super::keyfile::{self, KeyFile};
use super::settings::Target;
use crate::output::escape;
use secrecy::ExposeSecret;
use ssh2::{ErrorCode, Session};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// One login being made.
pub(super) struct Login<'a> {
    pub session: &'a Session,
    pub target: &'a Target,
    pub questions: &'a Questions,
    /// What was tried, for the error.
    tried: Vec<String>,
    /// Public keys that the server has refused, so that the same key in a file is not tried (nor its passphrase asked) again.
    refused: Vec<Vec<u8>>,
    /// A key was left out for want of its passphrase.
    locked: Option<PathBuf>,
}

impl<'a> Login<'a> {
    pub fn new(session: &'a Session, target: &'a Target, questions: &'a Questions) -> Self {
        Self {
            session,
            target,
            questions,
            tried: Vec::new(),
            refused: Vec::new(),
            locked: None,
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
        if offers.contains("publickey") && (self.by_agent()? || self.by_files()?) {
            return Ok(());
        }
        // After a first factor the server may ask for another, so what it offers now counts.
        let Some(offers) = self.offers()? else {
            return Ok(());
        };
        if (offers.contains("password") || offers.contains("keyboard-interactive"))
            && self.by_password(&offers)?
        {
            return Ok(());
        }
        Err(self.nothing_worked(&offers))
    }

    /// What the server offers; `None`: it wants nothing more.
    fn offers(&self) -> Result<Option<String>, SshError> {
        match self.session.auth_methods(&self.target.user) {
            Ok(list) => Ok(Some(list.to_owned())),
            Err(_) if self.session.authenticated() => Ok(None),
            Err(e) => Err(self.broken(&e)),
        }
    }

    fn by_agent(&mut self) -> Result<bool, SshError> {
        let Some(socket) = self.target.agent.clone() else {
            return Ok(false);
        };
        let keys = match agent::keys(&socket) {
            Ok(keys) => keys,
            Err(e) => {
                self.tried
                    .push(format!("agent at {}: {e}", socket.display()));
                return Ok(false);
            }
        };
        let wanted: Vec<Vec<u8>> = self
            .target
            .identity_files
            .iter()
            .filter_map(|f| public_half(f))
            .collect();
        let (mut first, then): (Vec<_>, Vec<_>) =
            keys.into_iter().partition(|k| wanted.contains(k));
        if !self.target.identities_only {
            first.extend(then);
        }
        if first.is_empty() {
            self.tried.push("agent: it has no key for this".to_owned());
            return Ok(false);
        }
        self.offer_agent_keys(&socket, &first)
    }

    fn offer_agent_keys(&mut self, socket: &Path, keys: &[Vec<u8>]) -> Result<bool, SshError> {
        let mut agent = self.session.agent().map_err(|e| self.broken(&e))?;
        let listed = agent
            .set_identity_path(socket)
            .and_then(|()| agent.connect())
            .and_then(|()| agent.list_identities())
            .and_then(|()| agent.identities());
        let identities = match listed {
            Ok(identities) => identities,
            Err(e) => {
                self.tried.push(format!("agent: {}", words(&e)));
                return Ok(false);
            }
        };
        for key in keys {
            let Some(identity) = identities.iter().find(|i| i.blob() == key.as_slice()) else {
                continue;
            };
            match agent.userauth(&self.target.user, identity) {
                // Another try after a success would wait for an answer that never comes.
                Ok(()) if self.session.authenticated() => return Ok(true),
                Ok(()) => return Ok(false),
                Err(e) => {
                    self.refusal(&format!("agent key `{}`", escape(identity.comment())), &e)?;
                    self.refused.push(key.clone());
                }
            }
        }
        Ok(false)
    }

    fn by_files(&mut self) -> Result<bool, SshError> {
        let mut locked = Vec::new();
        for path in &self.target.identity_files {
            let Some(file) = self.usable(path) else {
                continue;
            };
            if file.encrypted {
                locked.push(path.clone());
            } else if self.offer_file(path, None)? == Offer::Taken {
                return Ok(true);
            }
        }
        for path in locked {
            if self.with_passphrase(&path)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The key file, unless it cannot be used; then the reason is remembered (a missing file is no reason worth telling).
    fn usable(&mut self, path: &Path) -> Option<KeyFile> {
        let mode = match std::fs::metadata(path) {
            Ok(meta) => meta.permissions().mode(),
            Err(e) => {
                if e.kind() != io::ErrorKind::NotFound || self.target.identities_only {
                    self.tried.push(format!("{}: {e}", path.display()));
                }
                return None;
            }
        };
        if mode & 0o077 != 0 {
            self.tried.push(format!(
                "{}: not used, its mode {:o} shows it to others (chmod 600)",
                path.display(),
                mode & 0o777
            ));
            return None;
        }
        let Some(file) = std::fs::read_to_string(path)
            .ok()
            .as_deref()
            .and_then(keyfile::parse)
        else {
            self.tried.push(format!(
                "{}: no private key that can be read",
                path.display()
            ));
            return None;
        };
        let public = file.public.clone().or_else(|| public_half(path));
        if public.is_some_and(|key| self.refused.contains(&key)) {
            return None;
        }
        Some(file)
    }

    fn with_passphrase(&mut self, path: &Path) -> Result<bool, SshError> {
        let shared = self.questions.shared(Use::Key(path.to_owned()));
        let prompt = format!("Passphrase of {}", path.display());
        let mut refused: Option<Answer> = None;
        while let Some(answer) = shared.next(self.questions, &prompt, refused.as_ref()) {
            match self.offer_file(path, Some(&answer))? {
                Offer::Unreadable => refused = Some(answer),
                offer @ (Offer::Taken | Offer::Refused) => {
                    shared.proven(&answer);
                    return Ok(offer == Offer::Taken);
                }
            }
        }
        self.tried
            .push(format!("{}: its passphrase is needed", path.display()));
        self.locked.get_or_insert_with(|| path.to_owned());
        Ok(false)
    }

    fn offer_file(&mut self, path: &Path, passphrase: Option<&Answer>) -> Result<Offer, SshError> {
        let phrase = passphrase.map(|a| a.secret.expose_secret());
        match self
            .session
            .userauth_pubkey_file(&self.target.user, None, path, phrase)
        {
            Ok(()) if self.session.authenticated() => Ok(Offer::Taken),
            Ok(()) => Ok(Offer::Refused),
            Err(e) if e.code() == ErrorCode::Session(libssh2_sys::LIBSSH2_ERROR_FILE) => {
                if passphrase.is_none() {
                    self.tried
                        .push(format!("{}: {}", path.display(), words(&e)));
                }
                Ok(Offer::Unreadable)
            }
            Err(e) => {
                self.refusal(&path.display().to_string(), &e)?;
                Ok(Offer::Refused)
            }
        }
    }

    fn by_password(&mut self, offers: &str) -> Result<bool, SshError> {
        let shared = self.questions.shared(Use::Login(self.target.user.clone()));
        let prompt = format!(
            "Password of {} (for {} and the other hosts)",
            self.target.user, self.target.host
        );
        let mut refused: Option<Answer> = None;
        while let Some(answer) = shared.next(self.questions, &prompt, refused.as_ref()) {
            let result = if offers.contains("password") {
                self.session
                    .userauth_password(&self.target.user, answer.secret.expose_secret())
            } else {
                let mut prompter = Prompter::new(&answer, self.questions);
                self.session
                    .userauth_keyboard_interactive(&self.target.user, &mut prompter)
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
            self.tried
                .push("password: nobody can be asked for it".to_owned());
        }
        Ok(false)
    }

    /// A refusal is remembered; a broken connection ends the login.
    fn refusal(&mut self, what: &str, error: &ssh2::Error) -> Result<(), SshError> {
        self.tried.push(format!("{what}: {}", words(error)));
        if is_broken(error) {
            Err(self.broken(error))
        } else {
            Ok(())
        }
    }

    fn broken(&self, error: &ssh2::Error) -> SshError {
        let shown = self.target.shown();
        let kind = if error.code() == ErrorCode::Session(libssh2_sys::LIBSSH2_ERROR_TIMEOUT) {
            SshErrorKind::Frozen
        } else {
            SshErrorKind::AuthFailed
        };
        let failure = SshError::new(
            kind,
            format!("{shown} ended the login, or stopped answering in it"),
        );
        let failure = self
            .tried
            .iter()
            .fold(failure, SshError::cause)
            .cause(words(error));
        if self.tried.len() > 2 {
            failure.hint("the server allows few tries: name the right key with `[ssh] identity_files = [\"~/.ssh/…\"]`")
        } else {
            failure.hint(format!(
                "look at `journalctl -u ssh` on {}",
                self.target.host
            ))
        }
    }

    fn nothing_worked(&self, offers: &str) -> SshError {
        let shown = self.target.shown();
        let failure = match &self.locked {
            Some(path) => SshError::new(
                SshErrorKind::PassphraseNeeded,
                format!(
                    "cannot log in to {shown}: the passphrase of {} is needed",
                    path.display()
                ),
            )
            .hint(format!("ssh-add {}", path.display())),
            None => SshError::new(
                SshErrorKind::AuthFailed,
                format!("cannot log in to {shown}: no key and no password was accepted"),
            )
            .hint(format!(
                "ssh-copy-id -p {} {}@{}",
                self.target.port, self.target.user, self.target.host
            )),
        };
        let failure = if self.tried.is_empty() {
            failure.cause("there was no key to try")
        } else {
            failure
        };
        self.tried
            .iter()
            .fold(failure, SshError::cause)
            .cause(format!("the server takes: {}", escape(offers)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offer {
    Taken,
    Refused,
    /// A wrong passphrase, or no key.
    Unreadable,
}

/// The public half of a private key file: what its own header says, or the file beside it.
fn public_half(path: &Path) -> Option<Vec<u8>> {
    let own = std::fs::read_to_string(path)
        .ok()
        .as_deref()
        .and_then(keyfile::parse)
        .and_then(|k| k.public);
    own.or_else(|| {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".pub");
        std::fs::read_to_string(beside)
            .ok()
            .as_deref()
            .and_then(keyfile::public)
    })
}

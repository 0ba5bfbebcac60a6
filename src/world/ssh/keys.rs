//! Logs in with keys: those of the agent, then those in files, each with its certificates, as far
//! as the configuration allows them.

use super::agent::{self, ANSWER_TIME, Relay};
use super::ask::{Answer, Use};
use super::auth::{Authentication, TOUCH, Unfit, quoted};
use super::error::{SshError, words};
use super::keyfile::{self, KeyFile};
use super::known_hosts::{rsa_bits, type_of};
use super::read_keys::{beside, keyfile_of, public_half, read_public};
use super::settings::LEAST_RSA;
use super::{derived, tokens};
use crate::output::escape;
use secrecy::ExposeSecret;
use ssh2::ErrorCode;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offer {
    Taken,
    Refused,
    /// A wrong passphrase, or no key.
    Unreadable,
}

impl Authentication<'_> {
    pub(super) fn by_agent(&mut self) -> Result<bool, SshError> {
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
        let wanted = self.wanted();
        self.note_lone_certificates(&keys);
        let (mut first, then): (Vec<_>, Vec<_>) =
            keys.into_iter().partition(|k| wanted.contains(k));
        if !self.target.identities_only {
            first.extend(then);
        }
        first.retain(|key| self.is_allowed("an agent's key", key));
        if first.is_empty() {
            self.tried.push("agent: it has no key for this".to_owned());
            return Ok(false);
        }
        self.offer_agent_keys(&socket, &first)
    }

    /// The public keys and certificates that the configuration names.
    fn wanted(&self) -> Vec<Vec<u8>> {
        let files = &self.target.identity_files;
        let certificates = files.iter().map(|file| beside(file, "-cert.pub"));
        let certificates = certificates.chain(self.target.certificate_files.iter().cloned());
        let certificates = certificates.filter_map(|file| read_public(&file));
        let keys = files.iter().filter_map(|file| public_half(file));
        keys.chain(certificates).collect()
    }

    /// libssh2 cannot log in by a certificate in a file whose key only the agent has.
    fn note_lone_certificates(&mut self, agents: &[Vec<u8>]) {
        for file in &self.target.certificate_files {
            let certificate = read_public(file);
            let key = certificate.as_deref().and_then(keyfile::certified);
            let has_file = self
                .target
                .identity_files
                .iter()
                .any(|f| f.exists() && public_half(f) == key && keyfile_of(f).is_some());
            if !has_file && key.is_some_and(|key| agents.contains(&key)) {
                self.openssh_only.push(format!(
                    "{}: its key is in the agent only; replctl's built-in ssh client cannot use the two together",
                    file.display()
                ));
            }
        }
    }

    /// Whether the configuration allows this key and libssh2 can use it. If not, notes why.
    fn is_allowed(&mut self, what: &str, key: &[u8]) -> bool {
        let kind = type_of(key);
        if !self.target.algorithms.takes_key(kind) {
            self.tried.push(format!(
                "{what}: PubkeyAcceptedAlgorithms does not allow {}",
                escape(kind)
            ));
            return false;
        }
        if kind.starts_with("sk-") {
            self.openssh_only.push(format!(
                "{what}: replctl's built-in ssh client cannot use keys of security tokens ({})",
                escape(kind)
            ));
            return false;
        }
        match rsa_bits(key) {
            Some(bits) if bits < self.target.rsa_bits => {
                self.tried.push(format!(
                    "{what}: RequiredRSASize is {}, and it has {bits} bits",
                    self.target.rsa_bits
                ));
                false
            }
            Some(_) | None => true,
        }
    }

    fn offer_agent_keys(&mut self, socket: &Path, keys: &[Vec<u8>]) -> Result<bool, SshError> {
        let relay = match Relay::start(socket, TOUCH) {
            Ok(relay) => relay,
            Err(e) => {
                self.tried.push(format!("agent: {e}"));
                return Ok(false);
            }
        };
        let mut agent = self.session.agent().map_err(|e| self.broken(&e))?;
        let listed = agent
            .set_identity_path(&relay.path())
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
            // The agent may wait for somebody to touch a token, as long as the server lets a login
            // take.
            let result = self.bounded(TOUCH + ANSWER_TIME, || {
                agent.userauth(&self.target.user, identity)
            });
            if relay.is_late() {
                self.tried.push(format!(
                    "agent: it does not sign within {} s",
                    TOUCH.as_secs()
                ));
            }
            match result {
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

    pub(super) fn by_files(&mut self) -> Result<bool, SshError> {
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

    /// The key file, unless it cannot be used; then the reason is remembered.
    fn usable(&mut self, path: &Path) -> Option<KeyFile> {
        let meta = match std::fs::metadata(path) {
            Ok(meta) => meta,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                // A missing file that OpenSSH chose by itself says nothing. Where its public half
                // is there, the agent was already asked for the key.
                if !is_default(path) && public_half(path).is_none() {
                    self.unfit(path, Unfit::Missing);
                }
                return None;
            }
            Err(e) => {
                self.unfit(path, Unfit::Unreadable(e.to_string()));
                return None;
            }
        };
        let mode = meta.permissions().mode() & 0o777;
        // As in OpenSSH: the mode of another user's file is that user's affair.
        if mode & 0o077 != 0 && meta.uid() == tokens::me().uid {
            // Everybody may see a public key.
            if read_public(path).is_some() {
                self.note_public(path);
            } else {
                self.unfit(path, Unfit::Open(mode));
            }
            return None;
        }
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) => {
                self.unfit(path, Unfit::Unreadable(e.to_string()));
                return None;
            }
        };
        let Some(file) = keyfile::parse(&text) else {
            if keyfile::public(&text).is_some() {
                self.note_public(path);
            } else {
                self.tried.push(format!(
                    "{}: no private key that can be read",
                    path.display()
                ));
            }
            return None;
        };
        let public = file.public.clone().or_else(|| public_half(path));
        self.is_wanted_file(path, public.as_deref()).then_some(file)
    }

    fn note_public(&mut self, path: &Path) {
        let is_refused = read_public(path).is_some_and(|key| self.refused.contains(&key));
        if !is_refused {
            self.tried.push(format!(
                "{}: a public key, and no agent has its private half",
                path.display()
            ));
        }
    }

    fn is_wanted_file(&mut self, path: &Path, public: Option<&[u8]>) -> bool {
        let shown = path.display().to_string();
        match public {
            Some(key) if self.refused.iter().any(|refused| refused == key) => {
                !self.certificates(path).is_empty()
            }
            Some(key) => self.is_allowed(&shown, key),
            // Its kind shows only after the passphrase, just before the key is offered.
            None => true,
        }
    }

    /// Decides about a key whose public half is in no file. `None`: the key may be offered.
    fn unfit_inside(&mut self, path: &Path, passphrase: Option<&Answer>) -> Option<Offer> {
        let phrase = passphrase.map_or("", |a| a.secret.expose_secret());
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if let Some(key) = derived::public(&text, phrase) {
            let allowed = self.is_allowed(&path.display().to_string(), &key);
            return (!allowed).then_some(Offer::Refused);
        }
        let limit = self.limit_of_keys();
        if let (Some(limit), None) = (limit, passphrase) {
            self.tried.push(format!(
                "{}: {limit}, and the file does not show what key it has (`ssh-keygen -p -f {}` writes the file anew)",
                path.display(),
                quoted(path)
            ));
        }
        limit.map(|_| Offer::Unreadable)
    }

    /// The option of the configuration that allows some keys only.
    fn limit_of_keys(&self) -> Option<&'static str> {
        let kinds = [
            "ssh-rsa",
            "ssh-ed25519",
            "ecdsa-sha2-nistp256",
            "ecdsa-sha2-nistp384",
            "ecdsa-sha2-nistp521",
        ];
        let takes = |kind: &&str| self.target.algorithms.takes_key(kind);
        if !kinds.iter().all(takes) {
            Some("PubkeyAcceptedAlgorithms is set")
        } else if self.target.rsa_bits > LEAST_RSA {
            Some("RequiredRSASize is set")
        } else {
            None
        }
    }

    fn with_passphrase(&mut self, path: &Path) -> Result<bool, SshError> {
        let shared = self.questions.shared(Use::Key(path.to_owned()));
        let prompt = format!("Passphrase of {}", path.display());
        let mut refused: Option<Answer> = None;
        while let Some(answer) = self.next(&shared, &prompt, refused.as_ref()) {
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

    /// The certificates for the key in a file: those beside it, and those that the configuration
    /// names.
    fn certificates(&self, path: &Path) -> Vec<PathBuf> {
        let key = public_half(path);
        let all = std::iter::once(beside(path, "-cert.pub"))
            .chain(self.target.certificate_files.iter().cloned());
        let is_of_key = |file: &PathBuf| {
            let certificate = read_public(file);
            let certified = certificate.as_deref().and_then(keyfile::certified);
            let allowed =
                certificate.is_some_and(|c| self.target.algorithms.takes_key(type_of(&c)));
            allowed && certified.is_some() && (key.is_none() || certified == key)
        };
        all.filter(is_of_key).collect()
    }

    fn offer_file(&mut self, path: &Path, passphrase: Option<&Answer>) -> Result<Offer, SshError> {
        if public_half(path).is_none()
            && let Some(offer) = self.unfit_inside(path, passphrase)
        {
            return Ok(offer);
        }
        for certificate in self.certificates(path) {
            match self.offer_as(path, Some(&certificate), passphrase)? {
                Offer::Refused => {}
                offer @ (Offer::Taken | Offer::Unreadable) => return Ok(offer),
            }
        }
        // The agent has offered the same key, and it counts against the server's MaxAuthTries.
        if public_half(path).is_some_and(|key| self.refused.contains(&key)) {
            return Ok(Offer::Refused);
        }
        self.offer_as(path, None, passphrase)
    }

    fn offer_as(
        &mut self,
        path: &Path,
        certificate: Option<&Path>,
        passphrase: Option<&Answer>,
    ) -> Result<Offer, SshError> {
        let phrase = passphrase.map(|a| a.secret.expose_secret());
        let result = self.bounded(self.bound.time, || {
            self.session
                .userauth_pubkey_file(&self.target.user, certificate, path, phrase)
        });
        match result {
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
                let shown = certificate.unwrap_or(path).display().to_string();
                self.refusal(&shown, &e)?;
                Ok(Offer::Refused)
            }
        }
    }
}

/// One of the names that OpenSSH looks for by itself.
fn is_default(path: &Path) -> bool {
    let folder = tokens::me().home.join(".ssh");
    let name = path.file_name().and_then(|name| name.to_str());
    path.parent() == Some(folder.as_path()) && name.is_some_and(|name| name.starts_with("id_"))
}

//! Chooses the algorithms to offer: those of libssh2 that the ssh configuration allows, and never
//! another one.

use super::directives::WAY_OUT;
use super::error::{SshError, SshErrorKind, words};
use super::settings::Target;
use ssh2::{MethodType, Session};

/// What the configuration allows. `None`: the configuration is not known, because OpenSSH's client
/// is not installed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed {
    /// `KexAlgorithms`.
    pub kex: Option<String>,
    /// `HostKeyAlgorithms`.
    pub host_keys: Option<String>,
    /// `Ciphers`.
    pub ciphers: Option<String>,
    /// `MACs`.
    pub macs: Option<String>,
    /// `PubkeyAcceptedAlgorithms`.
    pub user_keys: Option<String>,
}

/// The signatures that an RSA key of a user may make here: never SHA-1.
const OF_RSA: [&str; 2] = ["rsa-sha2-512", "rsa-sha2-256"];

impl Allowed {
    /// Whether a user's key may be used for a login. `key_type` is the type that the key itself
    /// names.
    pub fn takes_key(&self, key_type: &str) -> bool {
        match key_type {
            "ssh-rsa" => OF_RSA.iter().any(|name| self.takes(name)),
            "ssh-rsa-cert-v01@openssh.com" => OF_RSA
                .iter()
                .any(|name| self.takes(&format!("{name}-cert-v01@openssh.com"))),
            other => self.takes(other),
        }
    }

    fn takes(&self, name: &str) -> bool {
        let all = self.user_keys.as_deref();
        all.is_none_or(|all| has(all, name))
    }
}

/// Whether a list separated by commas has that name.
pub fn has(list: &str, name: &str) -> bool {
    list.split(',').any(|one| one == name)
}

/// The names of `supported` that are allowed, in the order of `supported`.
fn choose<'a>(supported: &[&'a str], allowed: Option<&str>) -> Vec<&'a str> {
    let is_allowed = |name: &&&str| allowed.is_none_or(|list| has(list, name));
    supported.iter().filter(is_allowed).copied().collect()
}

/// Whether a cipher itself proves that nothing was changed. Such a cipher needs no MAC.
fn needs_no_mac(cipher: &str) -> bool {
    cipher.contains("poly1305") || cipher.contains("-gcm")
}

/// Sets what libssh2 may offer. `host_keys` are the host key algorithms, already chosen.
///
/// # Errors
/// `Config` where libssh2 has nothing that is allowed.
pub(super) fn offer(session: &Session, target: &Target, host_keys: &str) -> Result<(), SshError> {
    let allowed = &target.algorithms;
    set(session, target, MethodType::HostKey, host_keys)?;
    let kex = chosen(
        session,
        target,
        "KexAlgorithms",
        MethodType::Kex,
        allowed.kex.as_deref(),
    )?;
    set(session, target, MethodType::Kex, &kex.join(","))?;
    let (ciphers, macs) = (allowed.ciphers.as_deref(), allowed.macs.as_deref());
    let mut ciphers = chosen(session, target, "Ciphers", MethodType::CryptCs, ciphers)?;
    let macs = match chosen(session, target, "MACs", MethodType::MacCs, macs) {
        Ok(macs) => Some(macs.join(",")),
        Err(error) if error.kind != SshErrorKind::Config => return Err(error),
        Err(nothing) => {
            ciphers.retain(|cipher| needs_no_mac(cipher));
            if ciphers.is_empty() {
                return Err(nothing);
            }
            None
        }
    };
    let ciphers = ciphers.join(",");
    for kind in [MethodType::CryptCs, MethodType::CryptSc] {
        set(session, target, kind, &ciphers)?;
    }
    for kind in [MethodType::MacCs, MethodType::MacSc] {
        if let Some(macs) = &macs {
            set(session, target, kind, macs)?;
        }
    }
    let signatures: Vec<&str> = OF_RSA
        .into_iter()
        .filter(|name| allowed.takes(name))
        .collect();
    if signatures.is_empty() {
        return Ok(());
    }
    set(session, target, MethodType::SignAlgo, &signatures.join(","))
}

fn chosen(
    session: &Session,
    target: &Target,
    directive: &str,
    kind: MethodType,
    allowed: Option<&str>,
) -> Result<Vec<&'static str>, SshError> {
    let supported = session.supported_algs(kind).map_err(|e| ours(target, &e))?;
    let real: Vec<&str> = supported
        .into_iter()
        .filter(|name| !name.starts_with("ext-info-") && !name.starts_with("kex-strict-"))
        .collect();
    let chosen = choose(&real, allowed);
    if chosen.is_empty() {
        return Err(nothing(target, directive, allowed, &real));
    }
    Ok(chosen)
}

/// The error where the configuration allows nothing that replctl has.
pub(super) fn nothing(
    target: &Target,
    directive: &str,
    allowed: Option<&str>,
    here: &[&str],
) -> SshError {
    SshError::new(
        SshErrorKind::Config,
        format!(
            "{directive} in the ssh configuration of {} allows nothing that replctl's built-in ssh client has",
            target.shown()
        ),
    )
    .cause(format!("it has {}", here.join(",")))
    .cause(format!("allowed is {}", allowed.unwrap_or("nothing")))
    .hint(WAY_OUT)
}

fn set(session: &Session, target: &Target, kind: MethodType, list: &str) -> Result<(), SshError> {
    session
        .method_pref(kind, list)
        .map_err(|e| ours(target, &e))
}

fn ours(target: &Target, error: &ssh2::Error) -> SshError {
    SshError::new(
        SshErrorKind::Io,
        format!("cannot begin an ssh session with {}", target.shown()),
    )
    .cause(words(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_allowed_is_chosen() {
        assert_eq!(choose(&["a", "b", "c"], Some("c,x,a")), ["a", "c"]);
        assert_eq!(choose(&["a", "b"], None), ["a", "b"]);
        assert!(choose(&["a"], Some("ab,b")).is_empty());
        let keys = |list: &str| Allowed {
            user_keys: Some(list.to_owned()),
            ..Allowed::default()
        };
        assert!(keys("rsa-sha2-256").takes_key("ssh-rsa"));
        assert!(!keys("ssh-rsa,ssh-ed25519").takes_key("ssh-rsa"), "SHA-1");
        assert!(!keys("rsa-sha2-256").takes_key("ssh-rsa-cert-v01@openssh.com"));
        assert!(!keys("rsa-sha2-256").takes_key("ssh-ed25519"));
        assert!(Allowed::default().takes_key("ssh-ed25519"));
    }
}

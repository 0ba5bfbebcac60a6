//! Finds a deployment from one of its servers: which other servers are named by those that were
//! seen, which of them are one and the same, what each is called, and what the inventory says.
//! Pure: what was seen is given.

pub mod describe;
pub mod names;
pub mod sentinel;
pub mod walk;

#[cfg(test)]
mod tests;

use crate::error::{Error, Exit, Problem, Reason};
use crate::topology::{Address, Trouble, TroubleKind};

/// The error for a first address that leads to no inventory.
pub fn no_beginning(at: &Address, trouble: &Trouble) -> Error {
    let (exit, reason, hint) = way_on(at, trouble.kind);
    let what = format!("no deployment can be found from {at}; nothing was written");
    let problem = Problem::new(what).cause(crate::inventory::found::harmless(&trouble.detail));
    let problem = problem.because(reason);
    match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
    .exit(exit)
}

/// The exit code, the reason, and what to do.
fn way_on(at: &Address, kind: TroubleKind) -> (Exit, Reason, Option<String>) {
    let again = |more: &str| Some(format!("replctl init --from {at} {more}"));
    let (exit, reason, hint) = match kind {
        TroubleKind::PasswordMissing => (
            Exit::Refused,
            Reason::Secret,
            again("--password-file FILE (or --password-env NAME; --login USER for another user than the default one)"),
        ),
        TroubleKind::PasswordRefused => (
            Exit::Refused,
            Reason::Secret,
            Some("give the password of this server, or of the user that --login names".to_owned()),
        ),
        TroubleKind::Forbidden => (
            Exit::Refused,
            Reason::Permission,
            Some("name a user that may run INFO, ROLE, PUBSUB and CONFIG GET: --login USER --password-file FILE".to_owned()),
        ),
        TroubleKind::WantsTls => (
            Exit::Refused,
            Reason::Refused,
            again("--tls --ca FILE"),
        ),
        TroubleKind::NoTls => (
            Exit::Refused,
            Reason::Refused,
            Some("leave --tls out, or name the port that speaks TLS".to_owned()),
        ),
        TroubleKind::CertificateUntrusted
        | TroubleKind::CertificateExpired
        | TroubleKind::CertificateNotYetValid
        | TroubleKind::Tls => (
            Exit::Refused,
            Reason::Refused,
            again("--tls --ca FILE, where FILE has the authority that signed its certificate"),
        ),
        TroubleKind::CertificateName => (
            Exit::Refused,
            Reason::Refused,
            Some("use the name that the certificate is for, or --verify ca".to_owned()),
        ),
        TroubleKind::ClientCertificateMissing | TroubleKind::ClientCertificateRefused => (
            Exit::Refused,
            Reason::Refused,
            again("--tls --ca FILE --cert FILE --key FILE"),
        ),
        TroubleKind::ProtectedMode => (
            Exit::Refused,
            Reason::Unreachable,
            Some("let replctl reach its host over SSH: --user USER, or a Host in ~/.ssh/config".to_owned()),
        ),
        TroubleKind::NotRedis => (
            Exit::Failed,
            Reason::Unreachable,
            Some("name the address and port of a Redis or Valkey server, or of a Sentinel".to_owned()),
        ),
        TroubleKind::Refused
        | TroubleKind::NoAnswer
        | TroubleKind::NoRoute
        | TroubleKind::NameUnknown
        | TroubleKind::Ssh => (
            Exit::Failed,
            Reason::Unreachable,
            Some("see that the server runs and that the address and port are right; a server that only its own host reaches is looked at through SSH: --user USER".to_owned()),
        ),
        TroubleKind::Frozen
        | TroubleKind::TooManyClients
        | TroubleKind::Busy
        | TroubleKind::Other => (Exit::Failed, Reason::Unreachable, None),
    };
    (exit, reason, hint)
}

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
    let hint = hint(at, kind);
    let (exit, reason) = match kind {
        TroubleKind::PasswordMissing | TroubleKind::PasswordRefused => {
            (Exit::Refused, Reason::Secret)
        }
        TroubleKind::Forbidden | TroubleKind::Renamed => (Exit::Refused, Reason::Permission),
        TroubleKind::WantsTls
        | TroubleKind::NoTls
        | TroubleKind::CertificateUntrusted
        | TroubleKind::CertificateExpired
        | TroubleKind::CertificateNotYetValid
        | TroubleKind::CertificateName
        | TroubleKind::ClientCertificateMissing
        | TroubleKind::ClientCertificateRefused
        | TroubleKind::Tls => (Exit::Refused, Reason::Refused),
        TroubleKind::ProtectedMode => (Exit::Refused, Reason::Unreachable),
        TroubleKind::NotRedis
        | TroubleKind::Refused
        | TroubleKind::NoAnswer
        | TroubleKind::NoRoute
        | TroubleKind::NameUnknown
        | TroubleKind::Ssh
        | TroubleKind::Frozen
        | TroubleKind::TooManyClients
        | TroubleKind::Busy
        | TroubleKind::Other => (Exit::Failed, Reason::Unreachable),
    };
    (exit, reason, hint)
}

/// What to do.
fn hint(at: &Address, kind: TroubleKind) -> Option<String> {
    let again = |more: &str| format!("replctl init --from {at} {more}");
    let hint = match kind {
        TroubleKind::PasswordMissing => again("--password-file FILE"),
        TroubleKind::PasswordRefused => {
            "give the password of this server, or of the user that --login names".to_owned()
        }
        TroubleKind::Forbidden => {
            "name a user with the rights of docs/access-lists.md: --login USER --password-file FILE"
                .to_owned()
        }
        TroubleKind::Renamed => {
            "give the command its name back in the server's configuration (rename-command)"
                .to_owned()
        }
        TroubleKind::WantsTls
        | TroubleKind::CertificateUntrusted
        | TroubleKind::CertificateExpired
        | TroubleKind::CertificateNotYetValid
        | TroubleKind::Tls => again("--tls --ca FILE"),
        TroubleKind::NoTls => "leave --tls out, or name the port that speaks TLS".to_owned(),
        TroubleKind::CertificateName => {
            "use the name that the certificate is for, or add --verify ca".to_owned()
        }
        TroubleKind::ClientCertificateMissing | TroubleKind::ClientCertificateRefused => {
            again("--tls --ca FILE --cert FILE --key FILE")
        }
        TroubleKind::ProtectedMode => {
            "let replctl reach its host over SSH: --user USER, or a Host in ~/.ssh/config".to_owned()
        }
        TroubleKind::NotRedis => {
            "name the address and port of a Redis or Valkey server, or of a Sentinel".to_owned()
        }
        TroubleKind::Refused
        | TroubleKind::NoAnswer
        | TroubleKind::NoRoute
        | TroubleKind::NameUnknown
        | TroubleKind::Ssh => {
            "see that the server runs and that the address is right; one that only its own host reaches is looked at through SSH: --user USER".to_owned()
        }
        TroubleKind::Frozen
        | TroubleKind::TooManyClients
        | TroubleKind::Busy
        | TroubleKind::Other => return None,
    };
    Some(hint)
}

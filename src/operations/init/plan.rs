//! Finds a deployment from one of its servers: which other servers the seen ones name, which of
//! them are the same server, their names, and what the inventory says. Pure: the caller passes what
//! was seen.

pub mod describe;
pub mod names;
pub mod sentinel;
pub mod walk;

#[cfg(test)]
mod tests;

use crate::error::{Error, Exit, Problem, Reason};
use crate::topology::unreachable::About;
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
    let (exit, reason) = match kind.about() {
        About::Password => (Exit::Refused, Reason::Secret),
        About::Permission => (Exit::Refused, Reason::Permission),
        About::Tls => (Exit::Refused, Reason::Refused),
        About::Protection => (Exit::Refused, Reason::Unreachable),
        About::Reach | About::Address | About::Moment => (Exit::Failed, Reason::Unreachable),
    };
    (exit, reason, hint(at, kind))
}

/// What to do.
fn hint(at: &Address, kind: TroubleKind) -> Option<String> {
    let again = |more: &str| format!("replctl init --from {at} {more}");
    let hint = match kind.about() {
        About::Password if kind == TroubleKind::PasswordMissing => again("--password-file FILE"),
        About::Password => {
            "give the password of this server, or of the user that --login names".to_owned()
        }
        About::Permission if kind == TroubleKind::Renamed => {
            "give the command its name back in the server's configuration (rename-command)"
                .to_owned()
        }
        About::Permission => {
            "name a user with the rights of docs/access-lists.md: --login USER --password-file FILE"
                .to_owned()
        }
        About::Tls => of_tls(kind, again),
        About::Protection => {
            "let replctl reach its host over SSH: --user USER, or a Host in ~/.ssh/config".to_owned()
        }
        About::Address if kind == TroubleKind::NotRedis => {
            "name the address and port of a Redis or Valkey server, or of a Sentinel".to_owned()
        }
        About::Reach | About::Address => {
            "see that the server runs and that the address is right; one that only its own host reaches is looked at through SSH: --user USER".to_owned()
        }
        About::Moment => return None,
    };
    Some(hint)
}

/// What to do where TLS fails.
fn of_tls(kind: TroubleKind, again: impl Fn(&str) -> String) -> String {
    let ours = [
        TroubleKind::ClientCertificateMissing,
        TroubleKind::ClientCertificateRefused,
    ];
    if kind == TroubleKind::NoTls {
        "leave --tls out, or name the port that speaks TLS".to_owned()
    } else if kind == TroubleKind::CertificateName {
        "use the name that the certificate is for, or add --verify ca".to_owned()
    } else if ours.contains(&kind) {
        again("--tls --ca FILE --cert FILE --key FILE")
    } else {
        again("--tls --ca FILE")
    }
}

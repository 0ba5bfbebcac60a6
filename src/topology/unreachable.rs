//! Why a node gave no usable answer. Pure.

use serde::{Deserialize, Serialize};

/// Why a node gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The class of the reason.
    pub kind: TroubleKind,
    /// One sentence for people, with the other side's own words where there are any (unescaped).
    pub detail: String,
}

/// The classes of reasons for having no answer from a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TroubleKind {
    /// The host answers and nothing listens on the port.
    Refused,
    /// No answer to the connection attempt: host off, cable out, firewall dropping.
    NoAnswer,
    /// The connection was accepted and then nothing came: frozen process or host.
    Frozen,
    /// No route, network or host unreachable.
    NoRoute,
    /// The host name does not resolve.
    NameUnknown,
    /// The server wants a password and the inventory gives none.
    PasswordMissing,
    /// The server refused the password.
    PasswordRefused,
    /// The user lacks a permission replctl needs.
    Forbidden,
    /// The server has no command INFO: it was renamed. Programs get the same code as for
    /// `Forbidden`.
    #[serde(rename(serialize = "forbidden"), skip_deserializing)]
    Renamed,
    /// The server is in protected mode and refuses other hosts.
    ProtectedMode,
    /// The server refuses more clients.
    TooManyClients,
    /// A script keeps the server from answering.
    Busy,
    /// Something listens there that is no server of the Redis family.
    NotRedis,
    /// replctl began TLS, and the server does not speak it on that port.
    NoTls,
    /// The server speaks TLS on that port, and the inventory does not say so.
    WantsTls,
    /// No trusted authority issued the server's certificate.
    CertificateUntrusted,
    /// It was valid once.
    CertificateExpired,
    /// It will be valid.
    CertificateNotYetValid,
    /// It is for another name or address.
    CertificateName,
    /// The server wants a certificate of its clients, and the inventory names none.
    ClientCertificateMissing,
    /// The server refuses the one that the inventory names.
    ClientCertificateRefused,
    /// TLS failed in some other way.
    Tls,
    /// The way over SSH failed.
    Ssh,
    /// Anything else.
    Other,
}

impl Trouble {
    /// Whether a command that met this may have been executed, or may yet be.
    pub fn may_be_executed(&self) -> bool {
        match self.kind.row().executed {
            Executed::Maybe => true,
            Executed::No => false,
            // An error reply of the server (LOADING, READONLY, ERR …) begins with its code in
            // capitals; anything else is a broken connection.
            Executed::ByDetail => !self.detail.contains("ERR") && !self.detail.contains("LOADING"),
        }
    }
}

impl TroubleKind {
    /// Whether another password would have worked.
    pub fn is_about_password(self) -> bool {
        self.about() == About::Password
    }

    /// Whether the server is alive, by its kind of failure.
    pub fn is_alive(self) -> bool {
        match self.row().heard {
            Heard::Words => self != Self::NotRedis,
            Heard::Connection | Heard::Nothing | Heard::Unclear => false,
        }
    }

    /// Whether something at the address answered.
    pub fn is_answered(self) -> bool {
        match self.row().heard {
            Heard::Words | Heard::Connection => true,
            Heard::Nothing | Heard::Unclear => false,
        }
    }

    /// Whether the server sent no word at all, not even a refusal.
    pub fn is_silent(self) -> bool {
        match self.row().heard {
            Heard::Connection | Heard::Nothing => true,
            Heard::Words | Heard::Unclear => false,
        }
    }

    /// Whether it may be gone in a moment, although nobody changes a setting.
    pub fn may_pass(self) -> bool {
        match self.about() {
            About::Reach | About::Moment => true,
            About::Address
            | About::Protection
            | About::Password
            | About::Permission
            | About::Tls => false,
        }
    }

    /// What would have to be different for an answer.
    pub fn about(self) -> About {
        self.row().about
    }

    /// The reason in two or three words.
    pub fn brief(self) -> &'static str {
        self.row().brief
    }

    /// All that is asked of a kind, one line for each: no other place has to know them all, but
    /// the one with the way out of each.
    fn row(self) -> Row {
        use About::{Address, Moment, Password, Permission, Protection, Reach};
        use Executed::{ByDetail, Maybe, No};
        use Heard::{Connection, Nothing, Unclear, Words};
        let row = |heard, executed, about, brief| Row {
            heard,
            executed,
            about,
            brief,
        };
        let tls = |brief| row(Words, Maybe, About::Tls, brief);
        match self {
            Self::Refused => row(Nothing, Maybe, Reach, "refused"),
            Self::NoAnswer => row(Nothing, Maybe, Reach, "no answer"),
            Self::Frozen => row(Connection, Maybe, Moment, "frozen"),
            Self::NoRoute => row(Nothing, Maybe, Reach, "no route"),
            Self::NameUnknown => row(Nothing, No, Address, "unknown name"),
            Self::PasswordMissing => row(Words, No, Password, "wants password"),
            Self::PasswordRefused => row(Words, No, Password, "wrong password"),
            Self::Forbidden | Self::Renamed => row(Words, No, Permission, "forbidden"),
            Self::ProtectedMode => row(Words, No, Protection, "protected mode"),
            Self::TooManyClients => row(Words, No, Moment, "too many clients"),
            Self::Busy => row(Words, No, Moment, "busy script"),
            Self::NotRedis => row(Words, ByDetail, Address, "not a server"),
            Self::NoTls => tls("no TLS there"),
            Self::WantsTls => tls("wants TLS"),
            Self::CertificateUntrusted => tls("not trusted"),
            Self::CertificateExpired => tls("cert expired"),
            Self::CertificateNotYetValid => tls("cert not yet valid"),
            Self::CertificateName => tls("cert of another"),
            Self::ClientCertificateMissing => tls("wants a cert"),
            Self::ClientCertificateRefused => tls("our cert refused"),
            Self::Tls => tls("TLS failed"),
            Self::Ssh => row(Nothing, Maybe, Reach, "ssh failed"),
            Self::Other => row(Unclear, ByDetail, Moment, "failed"),
        }
    }
}

/// What would have to be different for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The host, the network, SSH, or that the server runs.
    Reach,
    /// The address: its name is unknown, or something else listens there.
    Address,
    /// The server's protected mode.
    Protection,
    /// The password.
    Password,
    /// What the user may do.
    Permission,
    /// TLS: whether it is spoken, or a certificate.
    Tls,
    /// Nothing that can be named: the server is busy, full or frozen, or the connection broke.
    Moment,
}

/// All that is asked of a kind.
struct Row {
    heard: Heard,
    executed: Executed,
    about: About,
    brief: &'static str,
}

/// Whether a command that met it may have been executed, or may yet be.
enum Executed {
    /// It was refused, or never sent.
    No,
    /// It may have been.
    Maybe,
    /// The kind does not say it; its words do.
    ByDetail,
}

/// What came back from a node that gave no usable answer.
enum Heard {
    /// An answer of some kind.
    Words,
    /// A connection, and nothing after it.
    Connection,
    /// Nothing.
    Nothing,
    /// That cannot be told.
    Unclear,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_be_executed(kind: TroubleKind, detail: &str) -> bool {
        let detail = detail.to_owned();
        Trouble { kind, detail }.may_be_executed()
    }

    #[test]
    fn only_a_refusal_says_that_nothing_was_executed() {
        for refusal in [
            TroubleKind::Busy,
            TroubleKind::Forbidden,
            TroubleKind::PasswordMissing,
            TroubleKind::PasswordRefused,
            TroubleKind::ProtectedMode,
            TroubleKind::Renamed,
            TroubleKind::TooManyClients,
        ] {
            assert!(!may_be_executed(refusal, ""), "{refusal:?}");
        }
        for broken in [
            TroubleKind::Frozen,
            TroubleKind::NoAnswer,
            TroubleKind::NoRoute,
            TroubleKind::Refused,
            TroubleKind::Ssh,
            TroubleKind::Tls,
        ] {
            assert!(may_be_executed(broken, "ERR"), "{broken:?}");
        }
        let other = |detail| may_be_executed(TroubleKind::Other, detail);
        assert!(other("it closed the connection instead of answering"));
        assert!(!other("it answers with an error: LOADING the dataset"));
        assert!(!other("it answers with an error: ERR unknown command"));
    }

    #[test]
    fn what_nobody_has_to_change_may_pass() {
        for kind in [TroubleKind::TooManyClients, TroubleKind::Ssh] {
            assert!(kind.may_pass(), "{kind:?}");
        }
        for kind in [
            TroubleKind::CertificateExpired,
            TroubleKind::Forbidden,
            TroubleKind::NameUnknown,
            TroubleKind::NotRedis,
            TroubleKind::PasswordRefused,
            TroubleKind::ProtectedMode,
        ] {
            assert!(!kind.may_pass(), "{kind:?}");
        }
    }
}

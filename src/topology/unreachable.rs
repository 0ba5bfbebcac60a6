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
    /// The user lacks a permission replctl needs, or the server has no command INFO: it is renamed
    /// there.
    Forbidden,
    /// The server is in protected mode and refuses other hosts.
    ProtectedMode,
    /// The server refuses more clients.
    TooManyClients,
    /// A script keeps the server from answering.
    Busy,
    /// Something else than a Redis-family server listens there.
    NotRedis,
    /// TLS was begun, and the server does not speak it on that port.
    NoTls,
    /// The server speaks TLS on that port, and the inventory does not say so.
    WantsTls,
    /// The server's certificate comes from nobody who is trusted.
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

impl TroubleKind {
    /// Whether another password would have been let in.
    pub fn is_about_password(self) -> bool {
        matches!(self, Self::PasswordMissing | Self::PasswordRefused)
    }

    /// Whether the server lives, by the way it failed to serve us.
    pub fn is_alive(self) -> bool {
        match self.heard() {
            Heard::Words => self != Self::NotRedis,
            Heard::Connection | Heard::Nothing | Heard::Unclear => false,
        }
    }

    /// Whether something was there to give this trouble.
    pub fn is_answered(self) -> bool {
        match self.heard() {
            Heard::Words | Heard::Connection => true,
            Heard::Nothing | Heard::Unclear => false,
        }
    }

    /// Whether not a word was heard of the server, not even a no.
    pub fn is_silent(self) -> bool {
        match self.heard() {
            Heard::Connection | Heard::Nothing => true,
            Heard::Words | Heard::Unclear => false,
        }
    }

    /// What came back.
    fn heard(self) -> Heard {
        match self {
            Self::PasswordMissing
            | Self::PasswordRefused
            | Self::Forbidden
            | Self::ProtectedMode
            | Self::TooManyClients
            | Self::Busy
            | Self::NotRedis
            | Self::NoTls
            | Self::WantsTls
            | Self::CertificateUntrusted
            | Self::CertificateExpired
            | Self::CertificateNotYetValid
            | Self::CertificateName
            | Self::ClientCertificateMissing
            | Self::ClientCertificateRefused
            | Self::Tls => Heard::Words,
            Self::Frozen => Heard::Connection,
            Self::Refused | Self::NoAnswer | Self::NoRoute | Self::NameUnknown | Self::Ssh => {
                Heard::Nothing
            }
            Self::Other => Heard::Unclear,
        }
    }
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

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
            // A reply of ERR or LOADING says that nothing was executed. Every other reply counts
            // as a broken connection, READONLY too: to look once more than needed does no harm.
            Executed::ByDetail => !self.detail.contains("ERR") && !self.detail.contains("LOADING"),
        }
    }
}

impl TroubleKind {
    /// Whether another password would have worked.
    pub fn is_about_password(self) -> bool {
        self.about() == About::Password
    }

    /// Whether the server turns away whoever does not know its password: by the password itself,
    /// or by its protected mode.
    pub fn locks_out(self) -> bool {
        match self.about() {
            About::Password | About::Protection => true,
            About::Reach | About::Address | About::Permission | About::Tls | About::Moment => false,
        }
    }

    /// Whether the server is alive, by its kind of failure.
    pub fn is_alive(self) -> bool {
        match self.row().heard {
            Heard::Words => true,
            Heard::Others | Heard::Connection | Heard::Nothing | Heard::Unclear => false,
        }
    }

    /// Whether something at the address answered.
    pub fn is_answered(self) -> bool {
        match self.row().heard {
            Heard::Words | Heard::Others | Heard::Connection => true,
            Heard::Nothing | Heard::Unclear => false,
        }
    }

    /// Whether the server sent no word at all, not even a refusal.
    pub fn is_silent(self) -> bool {
        match self.row().heard {
            Heard::Connection | Heard::Nothing => true,
            Heard::Words | Heard::Others | Heard::Unclear => false,
        }
    }

    /// Whether INFO is still answered by a server that refuses PING in this way.
    pub fn info_still_answers(self) -> bool {
        match self.row().info {
            Info::Answers => true,
            Info::Fails => false,
        }
    }

    /// Whether the cause is the network between here and the host, or a name that only the host
    /// knows: the same address may answer from another host.
    pub fn is_the_network(self) -> bool {
        match self.row().detour {
            Detour::Network => true,
            Detour::Host | Detour::Port | Detour::NoOther => false,
        }
    }

    /// Whether the host may answer by another name or address of its own.
    pub fn is_about_the_host(self) -> bool {
        match self.row().detour {
            Detour::Network | Detour::Host => true,
            Detour::Port | Detour::NoOther => false,
        }
    }

    /// Whether another way to the same server may work, be it only another port.
    pub fn is_about_the_way(self) -> bool {
        match self.row().detour {
            Detour::Network | Detour::Host | Detour::Port => true,
            Detour::NoOther => false,
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
        use Detour::{Host, Network, NoOther, Port};
        use Executed::{ByDetail, Maybe, No};
        use Heard::{Connection, Nothing, Others, Unclear, Words};
        use Info::{Answers, Fails};
        let row = |heard, executed, about, detour, info, brief| Row {
            heard,
            executed,
            about,
            detour,
            info,
            brief,
        };
        let tls = |detour, brief| row(Words, Maybe, About::Tls, detour, Fails, brief);
        match self {
            Self::Refused => row(Nothing, Maybe, Reach, Port, Fails, "refused"),
            Self::NoAnswer => row(Nothing, Maybe, Reach, Network, Fails, "no answer"),
            Self::Frozen => row(Connection, Maybe, Moment, NoOther, Fails, "frozen"),
            Self::NoRoute => row(Nothing, Maybe, Reach, Network, Fails, "no route"),
            Self::NameUnknown => row(Nothing, No, Address, Network, Fails, "unknown name"),
            Self::PasswordMissing => row(Words, No, Password, NoOther, Fails, "wants password"),
            Self::PasswordRefused => row(Words, No, Password, NoOther, Fails, "wrong password"),
            Self::Forbidden => row(Words, No, Permission, NoOther, Answers, "forbidden"),
            Self::Renamed => row(Words, No, Permission, NoOther, Fails, "forbidden"),
            Self::ProtectedMode => row(Words, No, Protection, Port, Fails, "protected mode"),
            Self::TooManyClients => row(Words, No, Moment, NoOther, Fails, "too many clients"),
            Self::Busy => row(Words, No, Moment, NoOther, Fails, "busy script"),
            Self::NotRedis => row(Others, ByDetail, Address, NoOther, Fails, "not a server"),
            Self::NoTls => tls(Port, "no TLS there"),
            Self::WantsTls => tls(Port, "wants TLS"),
            Self::CertificateUntrusted => tls(NoOther, "not trusted"),
            Self::CertificateExpired => tls(NoOther, "cert expired"),
            Self::CertificateNotYetValid => tls(NoOther, "cert not yet valid"),
            Self::CertificateName => tls(NoOther, "cert of another"),
            Self::ClientCertificateMissing => tls(NoOther, "wants a cert"),
            Self::ClientCertificateRefused => tls(NoOther, "our cert refused"),
            Self::Tls => tls(NoOther, "TLS failed"),
            Self::Ssh => row(Nothing, Maybe, Reach, Host, Fails, "ssh failed"),
            Self::Other => row(Unclear, ByDetail, Moment, NoOther, Answers, "failed"),
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
    detour: Detour,
    info: Info,
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
    /// An answer of a server.
    Words,
    /// An answer that no server of the family gives.
    Others,
    /// A connection, and nothing after it.
    Connection,
    /// Nothing.
    Nothing,
    /// That cannot be told.
    Unclear,
}

/// Which other way to the same server may work. Each has those before it, too.
enum Detour {
    /// This is the way to it.
    NoOther,
    /// Another port, or another address with a server of its own.
    Port,
    /// Another name or address of the host.
    Host,
    /// The same address, from another host.
    Network,
}

/// What becomes of INFO where PING is refused in this way.
enum Info {
    /// It is answered: while the server loads, without its primary, or where only PING is renamed
    /// or forbidden.
    Answers,
    /// It fails in the same way, or is never sent.
    Fails,
}

#[cfg(test)]
mod tests;

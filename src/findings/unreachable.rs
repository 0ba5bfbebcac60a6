//! Nodes that give no usable answer: the one reason, and what to do about it. Pure.

use super::{Code, Explanation, Finding, Look, Severity, Way};
use crate::topology::phrases::{list, name};
use crate::topology::{Link, Node, PersistedRole, State, Trouble, TroubleKind};
use std::fmt::Write as _;

/// What to do where the server wants a password and the inventory has none.
pub(super) const GIVE_PASSWORD: &str = "give `password` under `[deployment]` in the inventory";

/// What to do where the server has another password than the inventory.
pub(super) fn compare_password(node: &Node) -> String {
    let own = name(&node.name);
    format!("compare the inventory's password with `requirepass` of {own}")
}

/// The message for a server whose INFO is renamed (see `world::trouble`).
const GONE: &str = "INFO is renamed";

impl Look<'_> {
    pub(super) fn unreachable(&self, found: &mut Vec<Finding>) {
        for node in &self.topology.nodes {
            if let State::Down(trouble) = &node.state
                && self.debt_of(node).is_none()
            {
                found.push(self.gone(node, trouble));
            }
        }
    }

    fn gone(&self, node: &Node, trouble: &Trouble) -> Finding {
        let mut message = format!(
            "{} ({}) cannot be observed: {}",
            name(&node.name),
            node.address,
            trouble.detail
        );
        let hears = |other: &&Node| other.upstream().is_some_and(|up| up.link == Link::Up);
        let hearing: Vec<&Node> = self.topology.followers_of(node).filter(hears).collect();
        if !hearing.is_empty() {
            let seconds = hearing
                .iter()
                .filter_map(|n| n.upstream()?.last_io_seconds)
                .min();
            let _ = write!(
                message,
                "; the link of {} to it is up",
                list(hearing.iter().copied())
            );
            if let Some(seconds) = seconds {
                let _ = write!(message, ", last heard from {seconds} s ago");
            }
        }
        if let Some(missing) = not_set_up(node, trouble) {
            let _ = write!(message, "; replctl has not set it up: {missing}");
        }
        if let Some(host) = super::names::searching(node) {
            let _ = write!(
                message,
                "; it may be busy looking up `{host}`, which it is to replicate from and its host does not know"
            );
        }
        Finding::about(node, Code::Unreachable, Severity::Problem, message)
            .maybe_way(self.way_to(node, trouble))
            .with("kind", serde_json::json!(trouble.kind))
            .with("detail", trouble.detail.as_str())
    }

    /// What to do about it.
    pub(super) fn way_to(&self, node: &Node, trouble: &Trouble) -> Option<Way> {
        match trouble.kind {
            // Without a primary the first thing is to have one; starting the old one is for
            // afterwards.
            TroubleKind::Refused => self.primary().map(|_| start(node)),
            TroubleKind::PasswordMissing => Some(Way::Setup(format!(
                "{GIVE_PASSWORD}; or, to take the password away from servers that setup made: replctl setup"
            ))),
            TroubleKind::PasswordRefused => Some(match &self.context.user {
                Some(user) => Way::Other(format!(
                    "compare `user` and `password` of the inventory with what ACL GETUSER {user} says on {}",
                    name(&node.name)
                )),
                None => Way::Setup(format!(
                    "{}; if the inventory has the new one, and setup made the servers: replctl setup",
                    compare_password(node)
                )),
            }),
            // Setup comes to a server that it made over the loopback of its host.
            TroubleKind::ProtectedMode if node.service.as_ref().is_some_and(|s| s.managed) => {
                Some(Way::Setup("replctl setup".to_owned()))
            }
            TroubleKind::ProtectedMode => Some(Way::Other(self.let_in(node))),
            TroubleKind::NoTls
            | TroubleKind::WantsTls
            | TroubleKind::CertificateUntrusted
            | TroubleKind::CertificateExpired
            | TroubleKind::CertificateNotYetValid
            | TroubleKind::CertificateName
            | TroubleKind::ClientCertificateMissing
            | TroubleKind::ClientCertificateRefused
            | TroubleKind::Tls => self.through_tls(node, trouble.kind).map(Way::Other),
            TroubleKind::NameUnknown
            | TroubleKind::NotRedis
            | TroubleKind::Busy
            | TroubleKind::TooManyClients
            | TroubleKind::Forbidden
            | TroubleKind::NoAnswer
            | TroubleKind::Frozen
            | TroubleKind::NoRoute
            | TroubleKind::Ssh
            | TroubleKind::Other => self.in_plain(node, trouble).map(Way::Other),
        }
    }

    /// Where TLS is what is wrong.
    fn through_tls(&self, node: &Node, kind: TroubleKind) -> Option<String> {
        let own = name(&node.name);
        Some(match kind {
            TroubleKind::NoTls => format!(
                "give the port of its `tls-port` as `port` of {own} in the inventory, or `tls = false` where it has none"
            ),
            TroubleKind::WantsTls => {
                "add `[tls]` to the inventory, with `ca = \"FILE\"`: who issued the certificates of the servers".to_owned()
            }
            TroubleKind::CertificateUntrusted => format!(
                "name who issued it as `ca` under `[tls]`; what {own} shows: {}",
                shown(node, "-issuer -subject")
            ),
            TroubleKind::CertificateExpired => format!(
                "put a new certificate where {own} has its old one, and let it read it, from its own host, as the old one cannot be verified: {} config set tls-cert-file FILE",
                self.unverified_cli(node)
            ),
            TroubleKind::CertificateNotYetValid => format!(
                "compare the clock of this machine with the certificate: date -u; {}",
                shown(node, "-dates")
            ),
            TroubleKind::CertificateName => format!(
                "give {own} an `address` its certificate is for, or say that name as `server_name` of its `tls` in the inventory"
            ),
            TroubleKind::ClientCertificateMissing => {
                "give `cert` and `key` under `[tls]` in the inventory".to_owned()
            }
            TroubleKind::ClientCertificateRefused => format!(
                "`cert` under `[tls]` must be valid now, and signed by a certificate in the file that `tls-ca-cert-file` of {own} names"
            ),
            TroubleKind::Tls => shown(node, "-text"),
            TroubleKind::Refused
            | TroubleKind::PasswordMissing
            | TroubleKind::PasswordRefused
            | TroubleKind::ProtectedMode
            | TroubleKind::NameUnknown
            | TroubleKind::NotRedis
            | TroubleKind::Busy
            | TroubleKind::TooManyClients
            | TroubleKind::Forbidden
            | TroubleKind::NoAnswer
            | TroubleKind::Frozen
            | TroubleKind::NoRoute
            | TroubleKind::Ssh
            | TroubleKind::Other => return None,
        })
    }

    /// Where neither a password nor TLS is what is wrong.
    fn in_plain(&self, node: &Node, trouble: &Trouble) -> Option<String> {
        let own = name(&node.name);
        match trouble.kind {
            TroubleKind::NameUnknown | TroubleKind::NotRedis => Some(format!(
                "check `address` and `port` of {own} in the inventory"
            )),
            TroubleKind::Busy => self.end_script(node, &trouble.detail),
            TroubleKind::TooManyClients => Some(format!(
                "raise `maxclients` of {own}, or close clients that leak connections"
            )),
            TroubleKind::Forbidden if trouble.detail.contains(GONE) => Some(format!(
                "take `rename-command INFO` out of the configuration file of {own}, and restart it"
            )),
            TroubleKind::Forbidden => {
                let user = self.context.user.as_deref().unwrap_or("default");
                let (at, user) = (&node.address, shlex::try_quote(user).unwrap_or_default());
                Some(format!(
                    "redis-cli -h {} -p {} ACL SETUSER {user} '+info'",
                    at.host, at.port
                ))
            }
            TroubleKind::Refused
            | TroubleKind::PasswordMissing
            | TroubleKind::PasswordRefused
            | TroubleKind::ProtectedMode
            | TroubleKind::NoTls
            | TroubleKind::WantsTls
            | TroubleKind::CertificateUntrusted
            | TroubleKind::CertificateExpired
            | TroubleKind::CertificateNotYetValid
            | TroubleKind::CertificateName
            | TroubleKind::ClientCertificateMissing
            | TroubleKind::ClientCertificateRefused
            | TroubleKind::Tls
            | TroubleKind::NoAnswer
            | TroubleKind::Frozen
            | TroubleKind::NoRoute
            | TroubleKind::Ssh
            | TroubleKind::Other => None,
        }
    }
}

/// How a server that does not run comes back. Started as it is an old primary would be a second
/// one; what only it has is backed up before it follows.
fn start(node: &Node) -> Way {
    match node.persisted {
        Some(PersistedRole::Primary) => Way::Other(format!("replctl rejoin {}", node.name)),
        Some(
            PersistedRole::ReplicaOf(_) | PersistedRole::Unknown(_) | PersistedRole::Unwritten,
        )
        | None => Way::Setup(format!("replctl setup {}", node.name)),
    }
}

impl Look<'_> {
    /// Protected mode lets nobody in but who comes from the loopback of the host itself; a change
    /// of the inventory alone does not end that.
    pub(super) fn let_in(&self, node: &Node) -> String {
        let port = node.address.port;
        let ssh = self.ssh(node);
        if self.context.password {
            format!(
                "give {} the inventory's password (CONFIG SET requirepass, CONFIG REWRITE) from its own host: {} redis-cli -h 127.0.0.1 -p {port}",
                name(&node.name),
                ssh.replacen("ssh", "ssh -t", 1)
            )
        } else {
            format!(
                "give every node a password and say it in the inventory; or, where nobody else reaches {}: {ssh} redis-cli -h 127.0.0.1 -p {port} config set protected-mode no",
                name(&node.name)
            )
        }
    }

    /// The server says itself which command ends the script, if any does.
    fn end_script(&self, node: &Node, said: &str) -> Option<String> {
        let ends = |command: &&str| said.contains(&command.to_ascii_uppercase());
        let command = ["function kill", "script kill"].into_iter().find(ends)?;
        Some(format!("{} {command}", self.cli(node)))
    }
}

/// The command that shows a node's certificate.
fn shown(node: &Node, what: &str) -> String {
    format!(
        "openssl s_client -connect {} </dev/null 2>/dev/null | openssl x509 -noout {what}",
        node.address
    )
}

/// Nothing listens, and its host has no configuration file where setup puts it.
fn not_set_up<'a>(node: &'a Node, trouble: &Trouble) -> Option<&'a str> {
    match &node.persisted {
        Some(PersistedRole::Unknown(why))
            if trouble.kind == TroubleKind::Refused && why.ends_with("is not there") =>
        {
            Some(why)
        }
        _ => None,
    }
}

pub(super) const UNREACHABLE: Explanation = Explanation {
    severities: &[Severity::Problem, Severity::Warning],
    meaning: "The node gives no usable answer. The message has the one reason.",
    cause: "Nothing listens there, the network drops packets, a password or a certificate is refused, protected mode, too many clients, a busy script, or the port is not that of a server. It is a warning for an old primary that is down and returns as a replica.",
    way_out: "Follow the hint, which is made for that reason.",
};

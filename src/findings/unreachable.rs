//! Nodes that give no usable answer: the reason, and what to do. Pure.

use super::{Code, Explanation, Finding, Look, Remedy, Severity};
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

impl Look<'_> {
    pub(super) fn unreachable(&self, found: &mut Vec<Finding>) {
        for node in &self.topology.nodes {
            if let State::Down(trouble) = &node.state
                && self.pending_demotion_of(node).is_none()
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
                "; it may be busy looking up its upstream's name `{host}`, which its host does not know"
            );
        }
        Finding::about(node, Code::Unreachable, Severity::Problem, message)
            .maybe_way(self.way_to(node, trouble))
            .with("kind", serde_json::json!(trouble.kind))
            .with("detail", trouble.detail.as_str())
    }

    /// The hint for that trouble.
    pub(super) fn way_to(&self, node: &Node, trouble: &Trouble) -> Option<Remedy> {
        let other = |text: String| Some(Remedy::Other(text));
        match trouble.kind {
            // Without a primary, a new primary comes first. The old one is started after that.
            TroubleKind::Refused => self.primary().map(|_| start(node)),
            TroubleKind::PasswordMissing => Some(Remedy::Setup(format!(
                "{GIVE_PASSWORD}; or, to take the password away from servers that setup made: replctl setup"
            ))),
            TroubleKind::PasswordRefused => Some(self.compare_login(node)),
            // Setup reaches its own servers over the loopback of their host.
            TroubleKind::ProtectedMode if node.service.as_ref().is_some_and(|s| s.managed) => {
                Some(Remedy::Setup("replctl setup".to_owned()))
            }
            TroubleKind::ProtectedMode => other(self.let_in(node)),
            TroubleKind::NoTls => other(without_tls(node)),
            TroubleKind::WantsTls => other(GIVE_CA.to_owned()),
            TroubleKind::CertificateUntrusted => other(name_issuer(node)),
            TroubleKind::CertificateExpired => other(self.renew_certificate(node)),
            TroubleKind::CertificateNotYetValid => other(compare_clock(node)),
            TroubleKind::CertificateName => other(correct_name(node)),
            TroubleKind::ClientCertificateMissing => other(GIVE_CERTIFICATE.to_owned()),
            TroubleKind::ClientCertificateRefused => other(correct_certificate(node)),
            TroubleKind::Tls => other(shown(node, "-text")),
            TroubleKind::NameUnknown | TroubleKind::NotRedis => other(format!(
                "check `address` and `port` of {} in the inventory",
                name(&node.name)
            )),
            TroubleKind::Busy => self.end_script(node, &trouble.detail).map(Remedy::Other),
            TroubleKind::TooManyClients => other(format!(
                "raise `maxclients` of {}, or close clients that leak connections",
                name(&node.name)
            )),
            TroubleKind::Renamed => other(format!(
                "take `rename-command INFO` out of the configuration file of {}, and restart it",
                name(&node.name)
            )),
            TroubleKind::Forbidden => other(self.allow_info(node)),
            TroubleKind::NoAnswer
            | TroubleKind::Frozen
            | TroubleKind::NoRoute
            | TroubleKind::Ssh
            | TroubleKind::Other => None,
        }
    }

    fn compare_login(&self, node: &Node) -> Remedy {
        match &self.context.user {
            Some(user) => Remedy::Other(format!(
                "compare `user` and `password` of the inventory with what ACL GETUSER {user} says on {}",
                name(&node.name)
            )),
            None => Remedy::Setup(format!(
                "{}; if the inventory has the new one, and setup made the servers: replctl setup",
                compare_password(node)
            )),
        }
    }

    fn renew_certificate(&self, node: &Node) -> String {
        format!(
            "put a new certificate where {} has its old one, and let it read it, from its own host, as the old one cannot be verified: {} config set tls-cert-file FILE",
            name(&node.name),
            self.unverified_cli(node)
        )
    }

    fn allow_info(&self, node: &Node) -> String {
        let user = self.context.user.as_deref().unwrap_or("default");
        let (at, user) = (&node.address, shlex::try_quote(user).unwrap_or_default());
        format!(
            "redis-cli -h {} -p {} ACL SETUSER {user} '+info'",
            at.host, at.port
        )
    }
}

/// For servers that speak TLS only.
const GIVE_CA: &str = "add `[tls]` to the inventory, with `ca = \"FILE\"`: who issued the certificates of the servers";

/// For servers that ask for a certificate.
const GIVE_CERTIFICATE: &str = "give `cert` and `key` under `[tls]` in the inventory";

fn without_tls(node: &Node) -> String {
    format!(
        "give the port of its `tls-port` as `port` of {} in the inventory, or `tls = false` where it has none",
        name(&node.name)
    )
}

fn name_issuer(node: &Node) -> String {
    format!(
        "name who issued it as `ca` under `[tls]`; what {} shows: {}",
        name(&node.name),
        shown(node, "-issuer -subject")
    )
}

fn compare_clock(node: &Node) -> String {
    format!(
        "compare the clock of this machine with the certificate: date -u; {}",
        shown(node, "-dates")
    )
}

fn correct_name(node: &Node) -> String {
    format!(
        "give {} an `address` its certificate is for, or say that name as `server_name` of its `tls` in the inventory",
        name(&node.name)
    )
}

fn correct_certificate(node: &Node) -> String {
    format!(
        "`cert` under `[tls]` must be valid now, and signed by a certificate in the file that `tls-ca-cert-file` of {} names",
        name(&node.name)
    )
}

/// How to bring back a server that is down. A plain start of an old primary would make a second
/// primary. `rejoin` backs up its divergence before it follows.
fn start(node: &Node) -> Remedy {
    match node.persisted {
        Some(PersistedRole::Primary) => Remedy::Other(format!("replctl rejoin {}", node.name)),
        Some(
            PersistedRole::ReplicaOf(_) | PersistedRole::Unknown(_) | PersistedRole::Unwritten,
        )
        | None => Remedy::Setup(format!("replctl setup {}", node.name)),
    }
}

impl Look<'_> {
    /// Protected mode accepts only connections from the host's loopback. A change of the inventory
    /// alone does not end that.
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

    /// The server's own words name the command that ends the script, if one does.
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

/// Nothing listens, and the host has no configuration file at setup's path.
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

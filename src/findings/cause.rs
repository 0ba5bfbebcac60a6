//! Why a link is not up, as far as replctl can see.

use super::names::{Name, misled};
use super::{Look, Remedy};
use crate::topology::phrases::name;
use crate::topology::tls::cannot_reach;
use crate::topology::versions::{CopySentence, said};
use crate::topology::{Link, Node, ReplicaAuth, Server, Upstream};

/// Why a link is not up.
pub(super) enum Cause {
    UpstreamGone,
    UpstreamLoads,
    Name(Name),
    UpstreamUnlinked,
    AuthMissing,
    AuthWrong,
    AuthUnwanted,
    ProtectedMode,
    Version(String),
    Tls(String),
}

/// The server retries a link that cannot succeed. A look in the middle of a retry sees what looks
/// like a full resync.
pub(super) fn hopeless(cause: Option<&Cause>, link: &Upstream) -> bool {
    let nothing_read = link.sync.and_then(|sync| sync.read).unwrap_or(0) == 0;
    match cause {
        Some(Cause::Version(_)) => true,
        Some(
            Cause::AuthMissing
            | Cause::AuthWrong
            | Cause::AuthUnwanted
            | Cause::ProtectedMode
            | Cause::Tls(_),
        ) => nothing_read,
        Some(
            Cause::UpstreamGone | Cause::UpstreamLoads | Cause::Name(_) | Cause::UpstreamUnlinked,
        )
        | None => false,
    }
}

impl Cause {
    /// Its name in the JSON.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::UpstreamGone => "upstream-unreachable",
            Self::UpstreamLoads => "upstream-loading",
            Self::Name(name) => name.code(),
            Self::UpstreamUnlinked => "upstream-link-down",
            Self::AuthMissing => "replica-auth-missing",
            Self::AuthWrong => "replica-auth-wrong",
            Self::AuthUnwanted => "replica-auth-unwanted",
            Self::ProtectedMode => "protected-mode",
            Self::Version(_) => "version-order",
            Self::Tls(_) => "tls-mismatch",
        }
    }
}

/// The cause, as the rest of a sentence; `logs`: what the servers' logs say about it.
pub(super) fn because(
    cause: Option<&Cause>,
    node: &Node,
    upstream: &Node,
    ends: (&Server, &Upstream),
    logs: &[String],
) -> String {
    if logs.is_empty() {
        return seen(cause, node, upstream, ends);
    }
    let told = logs.join("; ");
    match cause {
        // The servers' own words are better than any guess.
        None => format!("; {told}"),
        Some(_) => format!("{}; {told}", seen(cause, node, upstream, ends)),
    }
}

fn seen(
    cause: Option<&Cause>,
    node: &Node,
    upstream: &Node,
    (server, link): (&Server, &Upstream),
) -> String {
    let (own, up) = (name(&node.name), name(&upstream.name));
    match cause {
        Some(Cause::UpstreamGone) => format!(": {up} does not answer"),
        Some(Cause::UpstreamLoads) => format!(": {up} is loading its data"),
        Some(Cause::Name(name)) => format!(": {}", name.why(node, link)),
        Some(Cause::UpstreamUnlinked) => format!(": {up} has no link to its own upstream"),
        Some(Cause::AuthMissing) => {
            format!(": {up} wants a password and {own} has no `masterauth`")
        }
        Some(Cause::AuthWrong) => {
            format!(": `masterauth` of {own} is not what the inventory says")
        }
        Some(Cause::AuthUnwanted) => {
            format!(": {own} has a `masterauth` and {up} has no password, so it refuses the login")
        }
        Some(Cause::ProtectedMode) => {
            format!(": {up} is in protected mode and has no password")
        }
        Some(Cause::Version(why) | Cause::Tls(why)) => format!(": {why}"),
        None if let Some(CopySentence::Perhaps(why)) = said(node, upstream) => {
            format!(": {why}; the logs of both say whether that is the cause")
        }
        None => {
            let refused = if server.over_tls() == Some(true) {
                ", or not accept its certificate"
            } else {
                ""
            };
            format!(
                ": both are well seen from here, so {own} may not reach {} from its host{refused}; its log says why",
                link.address
            )
        }
    }
}

/// The cause, if one is visible.
pub(super) fn why(
    node: &Node,
    (server, link): (&Server, &Upstream),
    upstream: &Node,
) -> Option<Cause> {
    let Some(above) = upstream.server() else {
        return Some(Cause::UpstreamGone);
    };
    if above.loading.is_some() {
        return Some(Cause::UpstreamLoads);
    }
    if let Some(name) = misled(node, upstream) {
        return Some(Cause::Name(name));
    }
    if let Some(why) = cannot_reach(server, upstream, &link.address) {
        return Some(Cause::Tls(why));
    }
    let locked = above.has_password;
    match server.replica_auth {
        Some(ReplicaAuth::Unset) if locked == Some(true) => return Some(Cause::AuthMissing),
        Some(ReplicaAuth::Wrong) if locked == Some(true) => return Some(Cause::AuthWrong),
        Some(ReplicaAuth::Wrong | ReplicaAuth::Right) if locked == Some(false) => {
            return Some(Cause::AuthUnwanted);
        }
        Some(ReplicaAuth::Unset | ReplicaAuth::Wrong | ReplicaAuth::Right) | None => {}
    }
    if upstream
        .upstream()
        .is_some_and(|link| link.link == Link::Down)
    {
        return Some(Cause::UpstreamUnlinked);
    }
    // From 7.0 on, binding an address does not end protected mode: only a password or
    // `protected-mode no` does.
    let protected = above
        .config
        .get("protected-mode")
        .is_some_and(|value| value == "yes");
    let open_from_elsewhere = !is_loopback(&upstream.announced.host) && above.version.major >= 7;
    if protected && locked == Some(false) && open_from_elsewhere {
        return Some(Cause::ProtectedMode);
    }
    match said(node, upstream) {
        Some(CopySentence::Never(why)) => Some(Cause::Version(why)),
        Some(CopySentence::Perhaps(_)) | None => None,
    }
}

/// What to do about it.
pub(super) fn way_on(cause: &Cause, node: &Node, upstream: &Node) -> Option<Remedy> {
    match cause {
        Cause::AuthMissing | Cause::AuthWrong => {
            Some(Remedy::Setup(format!("replctl setup {}", node.name)))
        }
        // Adding or removing a password concerns all nodes.
        Cause::AuthUnwanted | Cause::ProtectedMode => {
            Some(Remedy::Setup("replctl setup".to_owned()))
        }
        Cause::Version(_) => Some(Remedy::Other(format!(
            "bring {} to the version of {}",
            name(&node.name),
            name(&upstream.name)
        ))),
        Cause::Name(_) => Some(Remedy::Other(super::names::way_on(upstream))),
        // The hint needs facts that are missing here, or the operator can only wait.
        Cause::UpstreamGone | Cause::UpstreamLoads | Cause::UpstreamUnlinked | Cause::Tls(_) => {
            None
        }
    }
}

impl Look<'_> {
    /// The server writes the reason only into its log.
    pub(super) fn log(&self, node: &Node, server: &Server) -> Option<String> {
        let log = server
            .config
            .get("logfile")
            .filter(|log| log.starts_with('/'))?;
        let log = shlex::try_quote(log).ok()?;
        Some(format!("{} tail -n 20 {log}", self.ssh_root(node)))
    }
}

pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "::1" || host.starts_with("127.")
}

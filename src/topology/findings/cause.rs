//! Why a link is not up, as far as it can be seen from here. Pure.

use super::names::{Name, misled};
use crate::topology::tls::cannot_reach;
use crate::topology::words::name;
use crate::topology::{Link, Node, Product, ReplicaAuth, Server, Upstream, Version};

/// Why it is not.
pub(super) enum Cause {
    UpstreamGone,
    Name(Name),
    UpstreamUnlinked,
    AuthMissing,
    AuthWrong,
    AuthUnwanted,
    ProtectedMode,
    TooOld,
    Tls(String),
}

/// A link that cannot succeed is tried again and again, and looks like a full resync under way when it is met in the middle.
pub(super) fn hopeless(cause: Option<&Cause>, link: &Upstream) -> bool {
    let nothing_read = link.sync.and_then(|sync| sync.read).unwrap_or(0) == 0;
    match cause {
        Some(Cause::TooOld) => true,
        Some(
            Cause::AuthMissing
            | Cause::AuthWrong
            | Cause::AuthUnwanted
            | Cause::ProtectedMode
            | Cause::Tls(_),
        ) => nothing_read,
        Some(Cause::UpstreamGone | Cause::Name(_) | Cause::UpstreamUnlinked) | None => false,
    }
}

impl Cause {
    /// Its name in the JSON.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::UpstreamGone => "upstream-unreachable",
            Self::Name(name) => name.code(),
            Self::UpstreamUnlinked => "upstream-link-down",
            Self::AuthMissing => "replica-auth-missing",
            Self::AuthWrong => "replica-auth-wrong",
            Self::AuthUnwanted => "replica-auth-unwanted",
            Self::ProtectedMode => "protected-mode",
            Self::TooOld => "version-order",
            Self::Tls(_) => "tls-mismatch",
        }
    }
}

/// The cause, as the rest of a sentence.
pub(super) fn because(
    cause: Option<&Cause>,
    node: &Node,
    upstream: &Node,
    (server, link): (&Server, &Upstream),
) -> String {
    let (own, up) = (name(&node.name), name(&upstream.name));
    match cause {
        Some(Cause::UpstreamGone) => format!(": {up} does not answer"),
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
        Some(Cause::TooOld) => format!(
            ": {} cannot read what {} sends",
            version(node),
            version(upstream)
        ),
        Some(Cause::Tls(why)) => format!(": {why}"),
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

/// The cause, where there is one to be seen.
pub(super) fn why(
    node: &Node,
    (server, link): (&Server, &Upstream),
    upstream: &Node,
) -> Option<Cause> {
    let Some(above) = upstream.server() else {
        return Some(Cause::UpstreamGone);
    };
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
    // From 7.0 on, binding an address does not end protected mode: only a password or `protected-mode no` does.
    let protected = above
        .config
        .get("protected-mode")
        .is_some_and(|value| value == "yes");
    let open_from_elsewhere = !is_loopback(&upstream.announced.host) && above.version.major >= 7;
    if protected && locked == Some(false) && open_from_elsewhere {
        return Some(Cause::ProtectedMode);
    }
    (!can_load(server, above)).then_some(Cause::TooOld)
}

/// What to do about it.
pub(super) fn way_on(
    cause: Option<&Cause>,
    node: &Node,
    upstream: &Node,
    server: &Server,
) -> Option<String> {
    match cause {
        Some(Cause::AuthMissing | Cause::AuthWrong | Cause::AuthUnwanted) => {
            Some(format!("replctl setup {}", node.name))
        }
        Some(Cause::ProtectedMode) => Some(format!("replctl setup {}", upstream.name)),
        Some(Cause::TooOld) => Some(format!(
            "bring {} to the version of {}",
            name(&node.name),
            name(&upstream.name)
        )),
        Some(Cause::Name(_)) => Some(super::names::way_on(upstream)),
        // Its hint needs more than is known here.
        Some(Cause::UpstreamGone | Cause::UpstreamUnlinked | Cause::Tls(_)) => None,
        // The server tells the reason nowhere but in its log.
        None => {
            let log = server
                .config
                .get("logfile")
                .filter(|log| log.starts_with('/'))?;
            let log = shlex::try_quote(log).ok()?;
            Some(format!("ssh {} tail -n 20 {log}", node.address.host))
        }
    }
}

fn version(node: &Node) -> String {
    let server = node.server().map(|s| (s.product, s.version));
    match server {
        Some((Product::Redis, version)) => format!("{} (Redis {version})", name(&node.name)),
        Some((Product::Valkey, version)) => format!("{} (Valkey {version})", name(&node.name)),
        None => name(&node.name),
    }
}

pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "::1" || host.starts_with("127.")
}

/// Whether a full copy that `above` sends can be loaded by `below`; taken for possible where the format is not known.
pub(super) fn can_load(below: &Server, above: &Server) -> bool {
    match (
        rdb_version(below.product, below.version),
        rdb_version(above.product, above.version),
    ) {
        (Some(reads), Some(sends)) => sends <= reads,
        _ => true,
    }
}

/// The version of the dump format, as measured by full resyncs between 6.0, 6.2, 7.0, 8.0 and Valkey 8.1, and as their sources have it between.
fn rdb_version(product: Product, version: Version) -> Option<u8> {
    match (product, version.major, version.minor) {
        (Product::Redis, 5 | 6, _) => Some(9),
        (Product::Redis, 7, 0) => Some(10),
        (Product::Redis, 7, 1..=3) | (Product::Valkey, 7 | 8, _) => Some(11),
        (Product::Redis, 7, 4..) | (Product::Redis, 8, 0) => Some(12),
        (Product::Redis | Product::Valkey, _, _) => None,
    }
}

//! A replica resolves its upstream's name on its own host. Findings: that host does not know the
//! name, or resolves it to another address. Also: a server announces an address that the inventory
//! does not have. Pure.

use super::{Code, Explanation, Finding, Severity};
use crate::topology::phrases::name;
use crate::topology::{Node, PersistedRole, Upstream, same_host};

/// How the host resolves the name.
pub(super) enum Name {
    /// Nothing.
    Unknown,
    /// Addresses that are not the upstream's.
    Elsewhere(Vec<String>),
}

/// The addresses to which the host of `node` resolves its upstream's name, where the host was
/// asked.
fn resolved_upstream(node: &Node) -> Option<&[String]> {
    let host = &node.upstream()?.address.host;
    node.names_there.get(host).map(Vec::as_slice)
}

/// Whether the node follows a name that its host does not know.
pub(super) fn unknown(node: &Node) -> bool {
    resolved_upstream(node).is_some_and(<[String]>::is_empty)
}

/// The upstream name in the file of a silent server, where its host does not know that name.
pub(super) fn searching(node: &Node) -> Option<&str> {
    let Some(PersistedRole::ReplicaOf(address)) = &node.persisted else {
        return None;
    };
    let silent = node.server().is_none();
    let unknown = node
        .names_there
        .get(&address.host)
        .is_some_and(Vec::is_empty);
    (silent && unknown).then_some(address.host.as_str())
}

/// What is wrong with the name by which `node` follows `upstream`, if anything. A host resolves its
/// own name to a loopback address.
pub(super) fn misled(node: &Node, upstream: &Node) -> Option<Name> {
    let there = resolved_upstream(node)?;
    if there.is_empty() {
        return Some(Name::Unknown);
    }
    let here: Vec<&String> = upstream.resolved.iter().chain(&upstream.reached).collect();
    let known = here
        .iter()
        .any(|ip| ip.parse::<core::net::IpAddr>().is_ok());
    let common = there.iter().any(|t| here.iter().any(|h| same_host(t, h)));
    let own = there.iter().any(|t| super::cause::is_loopback(t));
    (known && !common && !own).then(|| Name::Elsewhere(there.to_vec()))
}

impl Name {
    /// Its name in the data of a finding.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "name-unknown",
            Self::Elsewhere(_) => "name-elsewhere",
        }
    }

    /// The rest of a sentence that says that the link is down.
    pub(super) fn why(&self, node: &Node, link: &Upstream) -> String {
        let (own, host) = (name(&node.name), &link.address.host);
        match self {
            Self::Unknown => format!("the host of {own} does not know the name `{host}`"),
            Self::Elsewhere(ips) => {
                format!("the host of {own} takes `{host}` for {}", ips.join(", "))
            }
        }
    }
}

/// Clients and Sentinels get the announced address; users of the inventory get another one.
pub(super) fn announced(node: &Node) -> Option<Finding> {
    let own = node.own_announcement()?;
    let known = std::iter::once(&node.announced.host).chain(&node.reached);
    let same =
        own.port == node.announced.port && known.into_iter().any(|host| same_host(host, &own.host));
    if same {
        return None;
    }
    let message = format!(
        "{} announces {own} to Sentinels and clients, and the inventory says {}",
        name(&node.name),
        node.announced
    );
    let finding = Finding::about(node, Code::AnnouncedElsewhere, Severity::Warning, message);
    let hint = format!(
        "correct `announce` in the inventory, or let the server say the same: replctl setup {}",
        node.name
    );
    Some(finding.hint(hint).by_setup())
}

/// The hint that repairs it.
pub(super) fn way_on(upstream: &Node) -> String {
    format!(
        "let it know the name (DNS or /etc/hosts there); or give {} an IP address in the inventory, announce = \"…\", and: replctl promote {}",
        name(&upstream.name),
        upstream.name
    )
}

pub(super) const ANNOUNCED_ELSEWHERE: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The server announces another address to Sentinels and clients than the inventory has. Clients that ask a Sentinel get another address than clients that ask replctl.",
    cause: "`replica-announce-ip` or `replica-announce-port` is set on the server and differs from `announce` or `address` of the node.",
    way_out: "Correct `announce` in the inventory, or let the server announce the same. For a server that replctl has set up, `replctl setup NODE` does that.",
};

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::{Code, Context, findings};
    use crate::topology::testing::healthy;
    use crate::topology::{Address, Link, Role, Topology};

    fn following(host: &str, there: &[&str]) -> Topology {
        let mut topology = healthy();
        topology.nodes[0].address.host = "db1.example.org".into();
        topology.nodes[0].announced.host = "db1.example.org".into();
        topology.nodes[0].resolved = vec!["192.168.0.120".into()];
        topology.nodes[0].reached = vec!["192.168.0.120".into()];
        let node = &mut topology.nodes[1];
        let ips = there.iter().map(|ip| (*ip).to_owned()).collect();
        node.names_there.insert(host.to_owned(), ips);
        let Role::Replica(up) = &mut node.up().replication.role else {
            unreachable!()
        };
        up.address = Address::new(host, 6379);
        up.link = Link::Down;
        topology
    }

    fn said(topology: &Topology) -> String {
        let found = findings(topology, &Context::default());
        let one = found.iter().find(|f| f.node == Some("slave1".into()));
        let one = one.unwrap();
        assert!(matches!(
            one.code,
            Code::NeverLinked | Code::UpstreamUnknown
        ));
        format!("{} | {}", one.message, one.hint.clone().unwrap_or_default())
    }

    #[test]
    fn the_name_is_the_reason_where_it_is_the_reason() {
        let text = said(&following("db1.example.org", &[]));
        assert!(text.contains("the host of `slave1` does not know the name `db1.example.org`"));
        assert!(text.ends_with("replctl promote master"), "{text}");
        let text = said(&following("db1.example.org", &["10.9.9.9"]));
        assert!(
            text.contains("takes `db1.example.org` for 10.9.9.9"),
            "{text}"
        );
        for fine in ["192.168.0.120", "127.0.1.1"] {
            let text = said(&following("db1.example.org", &[fine]));
            assert!(text.contains("its log says why"), "{text}");
        }
        let mut announced = healthy();
        let own = ("replica-announce-ip".to_owned(), "10.9.9.9".to_owned());
        announced.nodes[1].up().config.extend([own]);
        let found = findings(&announced, &Context::default());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].code, Code::AnnouncedElsewhere);
        let why = "`slave1` announces 10.9.9.9:6379 to Sentinels and clients, and the inventory says 192.168.0.130:6379";
        assert_eq!(found[0].message, why);
        announced.nodes[1].reached = vec!["10.9.9.9".into()];
        assert!(findings(&announced, &Context::default()).is_empty());
        let text = said(&following("gone.example.org", &[]));
        assert!(text.contains("is no node of the inventory"), "{text}");
        assert!(text.contains("its host does not know that name"), "{text}");
    }
}

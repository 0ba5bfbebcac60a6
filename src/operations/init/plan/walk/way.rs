//! The ways to a server: straight to an address, or as a host sees it over SSH. Pure.

use crate::inventory::address::{comparable, host_and_port, is_loopback};
use crate::topology::{Address, Node, TroubleKind, same_host};
use std::net::IpAddr;

/// One way to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Where it listens.
    pub address: Address,
    /// The host for SSH, where it is not that of the address.
    pub host: Option<String>,
    /// The other of two ports. It is tried only if the way before it failed over TLS.
    pub other_port: bool,
}

impl Way {
    /// Straight to an address.
    pub fn to(address: Address) -> Self {
        Self {
            address,
            host: None,
            other_port: false,
        }
    }

    /// To an address as the host `host` sees it.
    pub fn through(host: &str, address: Address) -> Self {
        Self {
            host: Some(host.to_owned()),
            ..Self::to(address)
        }
    }

    /// Whether two ways lead to one place.
    pub(super) fn is(&self, other: &Self) -> bool {
        same(&self.address, &other.address)
            && (self.host == other.host || !is_loopback(&self.address.host))
    }
}

/// The ways to a port of a host that is reached at `at`: from outside, and from inside over SSH.
pub fn around(host: &str, at: &str, port: u16) -> Vec<Way> {
    let inside = Way::through(host, Address::new("127.0.0.1", port));
    if is_loopback(at) {
        return vec![inside];
    }
    vec![Way::to(Address::new(at, port)), inside]
}

/// The two ports of a server that has two.
pub(super) fn ports(node: &Node) -> Option<(u16, u16)> {
    let config = &node.server()?.config;
    let port = |name: &str| {
        config
            .get(name)?
            .parse()
            .ok()
            .filter(|port: &u16| *port > 0)
    };
    Some((port("port")?, port("tls-port")?))
}

/// Whether another way to the same server may work after this trouble.
pub(super) fn is_about_the_way(kind: TroubleKind) -> bool {
    let is_about_ports = matches!(
        kind,
        TroubleKind::ProtectedMode | TroubleKind::NoTls | TroubleKind::WantsTls
    );
    // A frozen server accepts connections, so this is the right way to it.
    is_about_ports || (kind.is_silent() && kind != TroubleKind::Frozen)
}

/// An address in the form of the inventory; `None` if it is not the address of one host.
pub fn plain(address: &Address) -> Option<Address> {
    let ip = address.host.parse::<IpAddr>().ok();
    let host = ip.map_or_else(|| address.host.clone(), |ip| ip.to_canonical().to_string());
    let (host, port) = host_and_port(&Address::new(host, address.port).to_string()).ok()?;
    Some(Address::new(host, port?))
}

/// Whether two addresses are the same, without a look-up.
pub fn same(one: &Address, other: &Address) -> bool {
    one.port == other.port
        && (same_host(&one.host, &other.host) || comparable(&one.host) == comparable(&other.host))
}

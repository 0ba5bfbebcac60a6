//! The routes to servers: direct or through their hosts, over TLS where the inventory says so.

use super::bounded::Stream;
use super::login::ServerLogin;
use super::observe::{LOOK, Reach};
use super::password::Entrances;
use super::resp::tcp;
use super::sight::Tunnels;
use super::ssh::{Host, LOGINS_AT_ONCE, Ssh, SshError, SshErrorKind};
use super::tls::Keyring;
use super::unreachable::trouble;
use crate::inventory::{Inventory, NodeSpec, Via, address};
use crate::topology::{NodeName, Trouble, TroubleKind, Tunnel};
use std::sync::Arc;
use std::time::Duration;

/// The routes to servers: direct, or through their hosts.
#[derive(Clone)]
pub struct ServerRoutes {
    pub(super) inventory: Arc<Inventory>,
    pub(super) ssh: Ssh,
    pub(super) keyring: Arc<Keyring>,
    pub(super) tunnels: Tunnels,
    pub(super) entrances: Entrances,
}

impl Reach for ServerRoutes {
    async fn open(&self, node: &NodeSpec) -> Result<Box<dyn Stream>, Trouble> {
        self.keyring.open(node, || Box::pin(self.bare(node))).await
    }

    fn through(&self, node: &NodeName) -> Option<Tunnel> {
        self.tunnels.of(node)
    }

    fn longest(&self) -> Duration {
        let rounds = self.inventory.nodes.len() / LOGINS_AT_ONCE;
        LOOK.saturating_mul(1 + u32::try_from(rounds).unwrap_or(u32::MAX))
    }

    fn otherwise(&self, node: &NodeName) -> Option<ServerLogin> {
        self.entrances.login(node)
    }
}

impl ServerRoutes {
    /// The stream to a node, without TLS: nothing may be said on it.
    async fn bare(&self, node: &NodeSpec) -> Result<Box<dyn Stream>, Trouble> {
        if self.entrances.is_inside(&node.name) {
            return self.inside(node).await;
        }
        match node.via {
            Via::Direct => Ok(Box::new(tcp(&node.address).await?)),
            Via::Ssh => self.tunnel(node, None).await,
            Via::Auto if its_own_loopback(node) => self.tunnel(node, None).await,
            Via::Auto => match tcp(&node.address).await {
                Ok(stream) => {
                    self.tunnels.direct(&node.name);
                    Ok(Box::new(stream))
                }
                // Another way is worth trying only for two causes: the network between us and the
                // host, or a name that only the host knows.
                Err(direct)
                    if matches!(
                        direct.kind,
                        TroubleKind::NoAnswer | TroubleKind::NoRoute | TroubleKind::NameUnknown
                    ) =>
                {
                    self.tunnel(node, Some(&direct)).await.map_err(|_| direct)
                }
                Err(direct) => Err(direct),
            },
        }
    }

    /// Over the loopback of its own host: protected mode lets no other client in.
    async fn inside(&self, node: &NodeSpec) -> Result<Box<dyn Stream>, Trouble> {
        let failed = |e: SshError| trouble(TroubleKind::Ssh, e.brief());
        let host = host_of(&self.ssh, node).await.map_err(failed)?;
        let loopback = if node.address.host.contains(':') {
            "::1"
        } else {
            "127.0.0.1"
        };
        let stream = host.tunnel(loopback, node.address.port).await;
        Ok(Box::new(stream.map_err(failed)?))
    }

    /// `because`: why it is not reached from here.
    async fn tunnel(
        &self,
        node: &NodeSpec,
        because: Option<&Trouble>,
    ) -> Result<Box<dyn Stream>, Trouble> {
        let failed = |e: SshError| trouble(TroubleKind::Ssh, e.brief());
        let host = host_of(&self.ssh, node).await.map_err(failed)?;
        let stream = host
            .tunnel(&node.address.host, node.address.port)
            .await
            .map_err(|e| {
                let kind = if e.kind == SshErrorKind::Refused {
                    TroubleKind::Refused
                } else {
                    TroubleKind::Ssh
                };
                trouble(kind, e.brief())
            })?;
        self.tunnels.through(node, because);
        Ok(Box::new(stream))
    }
}

/// A server on loopback whose host is another machine.
fn its_own_loopback(node: &NodeSpec) -> bool {
    address::is_loopback(&node.address.host)
        && node
            .ssh
            .host
            .as_deref()
            .is_some_and(|h| !address::is_loopback(h))
}

/// The session with the host of a node.
pub(super) async fn host_of(ssh: &Ssh, spec: &NodeSpec) -> Result<Arc<Host>, SshError> {
    let address = spec.ssh.host.as_deref().unwrap_or(&spec.address.host);
    ssh.host(&spec.name.0, &spec.ssh, address).await
}

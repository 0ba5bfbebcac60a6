//! The connections to Sentinels: direct or through a host, and those that are kept between steps.
//! It decides nothing.

use super::{LOOK, glance};
use crate::inventory::NodeSpec;
use crate::inventory::address::{is_literal, is_loopback};
use crate::topology::sentinel::{NOT_ASKED, Sees};
use crate::topology::{Address, Trouble, TroubleKind};
use crate::world::bounded::Stream;
use crate::world::hosts::Hosts;
use crate::world::observe::{connect, ips};
use crate::world::resp::{Conn, tcp};
use crate::world::servers::Servers;
use crate::world::tls;
use crate::world::unreachable::{no_answer, trouble};
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::timeout;

/// How many hosts are tried as a way to a Sentinel.
const GATES: usize = 3;

/// The connections to Sentinels.
pub struct SentinelConnections {
    pub(super) servers: Arc<Servers>,
    pub(super) hosts: Arc<Hosts>,
    /// Those that were made before a fence, to be used inside it.
    kept: Mutex<BTreeMap<Address, Conn>>,
    /// Whether a host has said that a Sentinel listens there, by address.
    pub(super) confirmed: Mutex<BTreeMap<Address, bool>>,
}

impl SentinelConnections {
    /// None yet.
    pub fn new(servers: Arc<Servers>, hosts: Arc<Hosts>) -> Self {
        Self {
            servers,
            hosts,
            kept: Mutex::default(),
            confirmed: Mutex::default(),
        }
    }

    /// Those that are kept for the step that must not wait.
    fn kept(&self) -> MutexGuard<'_, BTreeMap<Address, Conn>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps one.
    pub(super) fn keep(&self, at: &Address, conn: Conn) {
        self.kept().insert(at.clone(), conn);
    }

    /// One that an earlier step has left.
    pub(super) fn take(&self, at: &Address) -> Option<Conn> {
        self.kept().remove(at)
    }

    /// One that an earlier step has left, or a new one.
    pub(super) async fn take_or_open(&self, at: &Address) -> Result<Conn, Trouble> {
        match self.take(at) {
            Some(conn) => Ok(conn),
            None => self.open(at).await,
        }
    }

    /// A glance over a connection that is kept as long as it works.
    pub(super) async fn glance(
        &self,
        conn: &mut Option<Conn>,
        at: &Address,
        name: &str,
    ) -> Result<Sees, Trouble> {
        let open = match conn.take() {
            Some(open) => open,
            None => self.open(at).await?,
        };
        let sees = glance(&open, name).await?;
        *conn = Some(open);
        Ok(sees)
    }

    /// A connection to a Sentinel, direct or through a host.
    pub async fn open(&self, address: &Address) -> Result<Conn, Trouble> {
        if !self.may_be_asked(address).await {
            return Err(trouble(TroubleKind::Other, NOT_ASKED));
        }
        let login = self.servers.logins.sentinels.as_ref();
        if let Some(spec) = self.named(address).await {
            return connect(self.servers.routes.as_ref(), spec, login).await;
        }
        // A Sentinel that the inventory does not name gets the same TLS settings as those that it
        // names.
        let tls = self.servers.inventory.tls_of_sentinels();
        let open = || async {
            let bare = || -> BoxFuture<'_, _> { Box::pin(self.stream(address)) };
            let stream = self
                .servers
                .routes
                .keyring
                .open_as(tls, &address.host, bare);
            let stream = timeout(LOOK, stream).await;
            stream.unwrap_or_else(|_| Err(no_answer(LOOK)))
        };
        tls::log_in(tls, login, || Box::pin(open())).await
    }

    /// The Sentinel of the inventory that is at that address.
    pub(super) async fn named(&self, address: &Address) -> Option<&NodeSpec> {
        let own = self.servers.inventory.sentinels();
        let exactly = |s: &&NodeSpec| s.address == *address || s.announced() == address;
        if let Some(spec) = own.iter().find(exactly) {
            return Some(spec);
        }
        for spec in own.iter().filter(|s| s.address.port == address.port) {
            let named = !is_literal(&spec.address.host);
            if named && ips(&spec.address.host).await.contains(&address.host) {
                return Some(spec);
            }
        }
        None
    }

    /// A stream to that address, from here or through the hosts of nodes. Nothing is said on it.
    async fn stream(&self, address: &Address) -> Result<Box<dyn Stream>, Trouble> {
        // A Sentinel that gives its address as loopback means its own host's.
        let elsewhere = |n: &NodeSpec| n.ssh.host.as_deref().is_some_and(|h| !is_loopback(h));
        let foreign =
            is_loopback(&address.host) && self.servers.inventory.nodes.iter().any(elsewhere);
        let direct = if foreign {
            Err(trouble(
                TroubleKind::NoRoute,
                "it is on another machine's loopback",
            ))
        } else {
            tcp(address)
                .await
                .map(|s| -> Box<dyn Stream> { Box::new(s) })
        };
        let Err(direct) = direct else {
            return direct;
        };
        let far = matches!(
            direct.kind,
            TroubleKind::NoAnswer | TroubleKind::NoRoute | TroubleKind::NameUnknown
        );
        // The nodes' hosts can reach the Sentinel, since it reaches them. Its own host comes first.
        let (mut gates, others): (Vec<&NodeSpec>, Vec<&NodeSpec>) =
            self.servers.inventory.nodes.iter().partition(|n| {
                n.address.host == address.host || n.announced().host == address.host
            });
        gates.extend(others);
        for gate in gates.into_iter().take(if far { GATES } else { 0 }) {
            if let Ok(host) = self.hosts.session(&gate.name).await
                && let Ok(stream) = host.tunnel(&address.host, address.port).await
            {
                return Ok(Box::new(stream));
            }
        }
        Err(direct)
    }
}

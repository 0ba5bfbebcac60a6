//! How nodes were looked at: through which host, and who answers where they are announced.
//!
//! An address that only a server names gets no password from us: any process that listens there
//! would have it.

use super::login::ServerLogin;
use super::observe::{ips, second_text};
use super::resp::{Conn, REPLY, tcp};
use crate::inventory::NodeSpec;
use crate::inventory::secrets::is_secret;
use crate::topology::{Address, Elsewhere, Node, NodeName, Server, Trouble, Tunnel, same_host};
use futures::future::join_all;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// How long finding out who answers at an announced address may take. The address may not be
/// reachable from here at all, so the wait is short.
const MEET: Duration = Duration::from_millis(500);

/// The nodes that were reached through their hosts, as it was when each was reached last.
#[derive(Debug, Clone, Default)]
pub struct Tunnels(Arc<Mutex<BTreeMap<NodeName, Tunnel>>>);

impl Tunnels {
    /// It was reached through its host; `because`: what kept us from reaching it from here.
    pub fn through(&self, spec: &NodeSpec, because: Option<&Trouble>) {
        let host = spec.ssh.host.as_ref().unwrap_or(&spec.address.host);
        let tunnel = Tunnel {
            host: host.clone(),
            because: because.map(|trouble| trouble.detail.clone()),
        };
        self.known().insert(spec.name.clone(), tunnel);
    }

    /// It was reached from here.
    pub fn direct(&self, node: &NodeName) {
        self.known().remove(node);
    }

    /// How it was reached last.
    pub fn of(&self, node: &NodeName) -> Option<Tunnel> {
        self.known().get(node).cloned()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<NodeName, Tunnel>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which server is at a node's announced addresses that are not its own in the inventory. Over TLS,
/// no question is needed: the certificate says which server is there.
pub(super) async fn elsewhere(
    node: &Node,
    spec: &NodeSpec,
    login: Option<&ServerLogin>,
) -> Vec<Elsewhere> {
    let same = |a: &Address, b: &Address| a.port == b.port && same_host(&a.host, &b.host);
    let mut announced: Vec<Address> = Vec::new();
    for address in node
        .own_announcement()
        .into_iter()
        .chain([node.announced.clone()])
    {
        if !same(&address, &node.address) && !announced.iter().any(|known| same(known, &address)) {
            announced.push(address);
        }
    }
    // Through its host, we are in another network. The same address may belong to another machine
    // here.
    let asked = spec.tls.is_none() && node.server().is_some() && node.sight.through.is_none();
    let looks = announced.into_iter().map(|address| async move {
        let in_inventory = spec.announce.as_ref() == Some(&address);
        let meet = async {
            if !asked {
                return None;
            }
            let answers = timeout(MEET, run_id(&address, login.filter(|_| in_inventory))).await;
            answers.ok().flatten()
        };
        let (ips, answers) = futures::future::join(ips(&address.host), meet).await;
        Elsewhere {
            address,
            ips,
            answers,
        }
    });
    join_all(looks).await
}

/// Reads what the inventory sets for a node, beyond what is read of every node. Secrets are not
/// asked for; what a server does not tell stays unknown.
pub(super) async fn wished(conn: &Conn, spec: &NodeSpec, server: &mut Server) {
    if server.config.is_empty() {
        return; // it may not be asked
    }
    let known = |name: &&String| !is_secret(name) && !server.config.contains_key(*name);
    let names: Vec<&String> = spec.config.keys().filter(known).collect();
    if names.is_empty() {
        return;
    }
    let mut questions = redis::pipe();
    for name in &names {
        questions.cmd("CONFIG").arg("GET").arg(name);
    }
    let Ok(replies) = conn.exchange(&questions, REPLY).await else {
        return;
    };
    let told = names
        .into_iter()
        .zip(&replies)
        .filter_map(|(name, reply)| Some((name.clone(), second_text(reply)?)));
    server.config.extend(told);
}

/// `run_id` of the server that answers there, if it tells.
async fn run_id(address: &Address, login: Option<&ServerLogin>) -> Option<String> {
    let conn = Conn::open(tcp(address).await.ok()?, login).await.ok()?;
    let reply = conn.call(redis::cmd("INFO").arg("server"), REPLY).await;
    let text = redis::from_redis_value::<Vec<u8>>(reply.ok()?).ok()?;
    let text = String::from_utf8_lossy(&text);
    let id = text.lines().find_map(|line| line.strip_prefix("run_id:"))?;
    let id = id.trim();
    (!id.is_empty()).then(|| id.chars().take(64).collect())
}

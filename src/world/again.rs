//! Enters a world again with another inventory and the same sessions with hosts. A search for
//! servers that no inventory names goes on from what it has seen. It changes nothing.

use super::entered::{World, WorldOptions};
use super::hosts::{Hosts, short};
use super::login::Logins;
use crate::error::Result;
use crate::inventory::Inventory;
use crate::topology::NodeName;
use futures::StreamExt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a host may take to say what it is called.
const NAME: Duration = Duration::from_secs(5);
/// The longest name that a host can have on Linux, bytes.
const LONGEST: usize = 64;

impl World {
    /// The world of another inventory that has the same passwords.
    ///
    /// # Errors
    /// A TLS file that it names cannot be read.
    pub fn again(self, inventory: Inventory, options: WorldOptions) -> Result<Self> {
        let ssh = self.servers.routes.ssh.clone();
        Self::with(inventory, options, self.logins, ssh)
    }

    /// The world of another inventory, whose passwords are read.
    ///
    /// # Errors
    /// A password, or a TLS file that the inventory names, cannot be read.
    pub async fn with_passwords_of(
        self,
        inventory: Inventory,
        options: WorldOptions,
    ) -> Result<Self> {
        let logins = Arc::new(Logins::read(&inventory, options.ask).await?);
        let ssh = self.servers.routes.ssh.clone();
        Self::with(inventory, options, logins, ssh)
    }

    /// Whether replctl logs in to servers with a password.
    pub fn has_password(&self) -> bool {
        self.logins.own.is_some()
    }
}

impl Hosts {
    /// What the hosts call themselves. Those that do not say in time are left out.
    pub async fn names(&self) -> BTreeMap<NodeName, String> {
        let asked = self.inventory.nodes.iter().map(|spec| async move {
            let host = self.session_within(&spec.name, self.patience).await.ok()?;
            let output = timeout(NAME, host.run("uname -n", short(false))).await;
            let output = output.ok()?.ok()?;
            let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            is_host_name(&name).then(|| (spec.name.clone(), name))
        });
        let asked: Vec<_> = asked.collect();
        futures::stream::iter(asked)
            .buffer_unordered(self.concurrency)
            .filter_map(std::future::ready)
            .collect()
            .await
    }

    /// The address that `~/.ssh/config` has for a node's host; `None` if there is no session with
    /// it.
    pub async fn connected_to(&self, node: &NodeName) -> Option<String> {
        let host = self.session_within(node, self.patience).await.ok()?;
        Some(host.connected_to().to_owned())
    }
}

/// Whether that can be a host's name. The host itself sent it, so it is not trusted.
fn is_host_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(plain)
}

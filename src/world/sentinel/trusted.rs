//! Who may get the Sentinels' password, and the servers' new one. Anybody with the password of a
//! node may have sent a hello, or a list of other Sentinels. So a password goes only to two kinds
//! of addresses: those that the inventory names as Sentinels, and a port of a node's own host. For
//! the second kind, that host must say over SSH that a Sentinel of root or of the server's own user
//! listens there.

use super::SentinelConnections;
use crate::inventory::NodeSpec;
use crate::inventory::address::comparable;
use crate::topology::Address;
use crate::topology::sentinel::Watch;
use crate::world::busy::patience;
use crate::world::hosts::short;
use crate::world::observe::resolve;
use futures::StreamExt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// How long a host may take to say who listens.
const LOOK: Duration = Duration::from_secs(10);

/// Says `yes` where all that listens on port `$p` is a Sentinel of root's, or of the user whose
/// server listens on port `$s`; else something else.
const LISTENS: &str = r#"pids() { ss -Hltnp "sport = :$1" 2>/dev/null | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -u; }
of=0; for i in $(pids "$s"); do of="$of $(stat -c %u "/proc/$i")"; done
all=$(pids "$p"); [ -n "$all" ] || exit 0
for i in $all; do
  tr '\0' ' ' <"/proc/$i/cmdline" | grep -qF '[sentinel]' || { echo no; exit 0; }
  case " $of " in *" $(stat -c %u "/proc/$i") "*) ;; *) echo no; exit 0 ;; esac
done
echo yes"#;

/// What the hosts said, by address.
type Confirmed = BTreeMap<Address, bool>;

impl SentinelConnections {
    /// Whether it may be asked. Without a password, every Sentinel may.
    pub(super) async fn may_be_asked(&self, address: &Address) -> bool {
        self.servers.logins.sentinels.is_none() || self.is_confirmed(address).await
    }

    /// Whether the inventory names a Sentinel there, or the host of a node says that one listens
    /// there.
    pub(in crate::world) async fn is_confirmed(&self, address: &Address) -> bool {
        if self.named(address).await.is_some() {
            return true;
        }
        let before = self.confirmed().get(address).copied();
        if let Some(confirmed) = before {
            return confirmed;
        }
        let confirmed = self.host_confirms(address).await;
        // A host that did not say in time may say it at the next look.
        if let Some(confirmed) = confirmed {
            self.confirmed().insert(address.clone(), confirmed);
        }
        confirmed == Some(true)
    }

    /// The answering Sentinels that may get the servers' password.
    pub async fn confirmed_of(&self, watch: &Watch) -> BTreeSet<Address> {
        let looks = watch.addresses().into_iter().map(|at| async move {
            let confirmed = self.is_confirmed(&at).await;
            confirmed.then_some(at)
        });
        let all = futures::stream::iter(looks).buffer_unordered(self.servers.concurrency);
        all.filter_map(std::future::ready).collect().await
    }

    fn confirmed(&self) -> MutexGuard<'_, Confirmed> {
        self.confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the node's host with that address says that a Sentinel listens there; `None`: it did
    /// not say in time.
    async fn host_confirms(&self, address: &Address) -> Option<bool> {
        let Some(spec) = self.on_host_of(address).await else {
            return Some(false);
        };
        let look = async {
            let host = self.hosts.session(&spec.name).await.ok()?;
            let (port, server) = (address.port, spec.address.port);
            let script = format!("p={port}; s={server}; {LISTENS}");
            host.run(&script, short(host.can_root())).await.ok()
        };
        let said = timeout(patience(LOOK), look).await.ok()?;
        Some(said.is_some_and(|output| output.stdout.trim_ascii() == b"yes"))
    }

    /// A node on the same host, by its name or by an address that name has.
    async fn on_host_of(&self, address: &Address) -> Option<&NodeSpec> {
        let host = comparable(&address.host);
        let named = |spec: &&NodeSpec| {
            comparable(&spec.address.host) == host || comparable(&spec.announced().host) == host
        };
        let nodes = &self.servers.inventory.nodes;
        if let Some(spec) = nodes.iter().find(named) {
            return Some(spec);
        }
        let resolved = futures::future::join_all(nodes.iter().map(resolve)).await;
        let found = resolved.iter().position(|ips| ips.contains(&host));
        found.and_then(|i| nodes.get(i))
    }
}

//! Whom the Sentinels' password may be sent to. A hello, and what one Sentinel says of the others, is what anybody may have sent who has the password of a
//! node: the addresses in it are asked with a password only where the inventory vouches for them.

use crate::inventory::NodeSpec;
use crate::inventory::address::comparable;
use crate::topology::Address;
use crate::world::World;
use crate::world::observe::resolve;
use futures::future::join_all;
use std::collections::BTreeSet;

impl World {
    /// Whether it may be asked: its host is one of the inventory's, by its name or by an address that name has. Without a password everybody may.
    pub(super) async fn vouches_for(&self, address: &Address) -> bool {
        if self.logins.sentinels.is_none() {
            return true;
        }
        let host = comparable(&address.host);
        let named = |spec: &NodeSpec| {
            comparable(&spec.address.host) == host || comparable(&spec.announced().host) == host
        };
        let all = || {
            self.inventory
                .nodes
                .iter()
                .chain(self.inventory.sentinels())
        };
        if all().any(named) {
            return true;
        }
        let resolved = self.vouched.get_or_init(|| async {
            let found = join_all(all().map(resolve)).await;
            found.into_iter().flatten().collect::<BTreeSet<String>>()
        });
        resolved.await.contains(&host)
    }
}

//! What the inventory and the journal say of the deployment, for the findings.

use crate::findings::{Context, PendingDemotion, Unfinished, Unread, Wanted};
use crate::inventory::secrets::is_secret;
use crate::inventory::{Auth, NodeSpec, Tls};
use crate::output;
use crate::world::World;
use std::collections::BTreeMap;

/// The operations that stopped half-way, without the one that runs now.
pub fn unfinished(world: &World) -> Vec<Unfinished> {
    let holder = world.store.holder();
    let open = world.store.open_operations(holder.as_deref());
    open.into_iter()
        .map(|story| Unfinished {
            id: output::escape(&story.id),
            unknown: story.damage.as_deref().map(output::escape),
        })
        .collect()
}

/// Notes of earlier operations that cannot be read.
pub fn unread(world: &World) -> Vec<Unread> {
    let unread = world.store.unread().into_iter();
    let told = unread.map(|note| Unread {
        path: note.path.display().to_string(),
        why: note.why,
        unknown: note.unknown.to_owned(),
        aside: note.aside,
    });
    told.collect()
}

/// What the inventory sets on a node, secrets left out.
pub fn wished(node: &NodeSpec) -> BTreeMap<String, Vec<String>> {
    let plain = node.config.iter().filter(|(name, _)| !is_secret(name));
    let mut wished: BTreeMap<_, _> = plain.map(|(n, args)| (n.clone(), args.clone())).collect();
    if let Some(priority) = node.priority {
        wished.insert("replica-priority".to_owned(), vec![priority.to_string()]);
    }
    wished
}

/// What the inventory and the journal say of the deployment.
pub fn context(world: &World) -> Context {
    let wanted = world.inventory.nodes.iter().map(|n| Wanted {
        name: n.name.clone(),
        follows: n.replicaof.clone(),
        priority: n.priority,
        tls: n.tls.as_ref().map(Tls::redis_cli),
        directives: wished(n),
        ssh: n.ssh.command(&n.address.host),
        ssh_root: n.ssh.as_root(&n.address.host),
    });
    let pending_demotions = world
        .store
        .pending_demotions()
        .into_iter()
        .map(|d| PendingDemotion {
            node: d.node,
            address: d.address,
            since: d.since,
        });
    let alone = world.store.alone().into_iter().map(|d| PendingDemotion {
        node: d.node,
        address: d.address,
        since: d.since,
    });
    Context {
        deployment: world.inventory.name.clone(),
        wanted: wanted.collect(),
        password: matches!(world.inventory.auth, Auth::Password(_)),
        user: world.inventory.accounts.user.clone(),
        users: !world.inventory.accounts.is_plain(),
        unfinished: unfinished(world),
        unread: unread(world),
        under_way: Vec::new(),
        pending_demotions: pending_demotions.collect(),
        alone: alone.collect(),
        counted: BTreeMap::new(),
        logs: BTreeMap::new(),
    }
}

//! `status`: one look at all nodes, and what is wrong.

use crate::cli;
use crate::engine::pending_demotions;
use crate::error::{Exit, Result};
use crate::findings::{self, Context, Counted, Debt, Unfinished, Unread, Wanted};
use crate::inventory::secrets::is_secret;
use crate::inventory::{Auth, NodeSpec, Tls};
use crate::output::table::Options;
use crate::output::{self, json, status};
use crate::plan::rejoin::Own;
use crate::topology::claims::Holder;
use crate::topology::situation::{Situation, situation};
use crate::topology::{Node, NodeName, Topology};
use crate::world::World;
use futures::future::join_all;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long counting what only one of several primaries has may take.
const COUNTED: Duration = Duration::from_secs(4);

/// How long the Sentinels may take to say what they see.
const SENTINELS: Duration = Duration::from_secs(6);

/// Runs the command.
pub async fn run(world: &World, args: &cli::Status) -> Result<Exit> {
    let mut topology = if args.no_ssh {
        world.observe_servers().await
    } else {
        world.observe().await
    };
    pending_demotions::close(world, &topology);
    let mut context = context(world);
    context.counted = counted(world, &topology).await;
    context.under_way = under_way(world, &topology).await;
    if !args.no_ssh {
        context.logs = world.logs_of_links(&topology).await;
    }
    let mut found = findings::findings(&topology, &context);
    let watch = tokio::time::timeout(SENTINELS, world.sentinels_in_short(&mut topology)).await;
    if let Ok(Some(mut watch)) = watch {
        crate::engine::info_period::note(world, &mut watch);
        found.extend(findings::sentinels::in_short(&topology, &watch));
        found.sort_by_key(|finding| finding.severity);
    }
    let lags = if args.seconds {
        Some(world.lags(&topology).await)
    } else {
        None
    };
    let seen = status::Seen {
        deployment: &world.inventory.name,
        topology: &topology,
        findings: &found,
        lags: lags.as_ref(),
        all: args.all,
    };
    output::told(&json::status(&seen), || {
        status::render(&seen, Options::of_stdout())
    });
    Ok(if findings::healthy(&found) {
        Exit::Done
    } else {
        Exit::Problems
    })
}

/// Operations of other operators, or of another terminal. Only servers that tell of a claim are asked whose it is.
async fn under_way(world: &World, topology: &Topology) -> Vec<Holder> {
    let told = |node: &&Node| {
        node.server()
            .is_some_and(|s| s.claims.is_some_and(|n| n > 0))
    };
    let nodes: Vec<NodeName> = topology
        .nodes
        .iter()
        .filter(told)
        .map(|n| n.name.clone())
        .collect();
    if nodes.is_empty() {
        return Vec::new();
    }
    world.operations_of_others(&nodes).await
}

/// Of several primaries, what each has that another one has not: read from their streams, where that is done in time.
async fn counted(world: &World, seen: &Topology) -> BTreeMap<(NodeName, NodeName), Counted> {
    let topology = seen.without(&world.alone(seen));
    let Situation::Several(primaries) = situation(&topology) else {
        return BTreeMap::new();
    };
    let pairs = primaries
        .iter()
        .flat_map(|a| primaries.iter().map(move |b| (*a, *b)))
        .filter(|(a, b)| a.name != b.name);
    let looks = pairs.map(|(node, other)| async move {
        let own = tokio::time::timeout(COUNTED, world.own(node, other)).await;
        let pair = (node.name.clone(), other.name.clone());
        match own.ok()? {
            Own::Commands { commands, keys, .. } => Some((pair, Counted { commands, keys })),
            Own::Nothing { .. } => Some((
                pair,
                Counted {
                    commands: 0,
                    keys: 0,
                },
            )),
            Own::Empty | Own::Unknown(_) | Own::Silent(_) => None,
        }
    });
    join_all(looks).await.into_iter().flatten().collect()
}

/// What stopped half-way. What runs at this moment has not.
fn unfinished(world: &World) -> Vec<Unfinished> {
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
fn unread(world: &World) -> Vec<Unread> {
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
fn wished(node: &NodeSpec) -> BTreeMap<String, Vec<String>> {
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
    let debts = world.store.debts().into_iter().map(|d| Debt {
        node: d.node,
        address: d.address,
        since: d.since,
    });
    let alone = world.store.alone().into_iter().map(|d| Debt {
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
        debts: debts.collect(),
        alone: alone.collect(),
        counted: BTreeMap::new(),
        logs: BTreeMap::new(),
    }
}

//! `status`: one look at all nodes, and what is wrong.

use super::report;
use crate::cli::Global;
use crate::engine::context::context;
use crate::engine::pending_demotions;
use crate::error::{Exit, Result};
use crate::findings::{self, Counted};
use crate::operations::command::{Remote, Running, Surroundings};
use crate::operations::working_inventory::{Disk, Written};
use crate::plan::divergence::Own;
use crate::topology::claims::Holder;
use crate::topology::detached::Observed;
use crate::topology::situation::{Situation, situation};
use crate::topology::{Node, NodeName, Topology};
use crate::world::World;
use crate::world::log::logs_of_links;
use crate::world::rejoin::own;
use futures::future::join_all;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long replctl may count what only one of several primaries has.
const COUNTED: Duration = Duration::from_secs(4);

/// How long the Sentinels may take to say what they see.
const SENTINELS: Duration = Duration::from_secs(6);

/// Runs the command.
pub async fn run(world: &World, global: &Global, args: &super::args::Status) -> Result<Exit> {
    let mut seen = if args.no_ssh {
        world.observe_servers().await
    } else {
        world.observe().await
    };
    pending_demotions::close(world, seen.all());
    let mut context = context(world);
    context.counted = counted(world, &seen).await;
    let topology = seen.all_mut();
    context.under_way = under_way(world, topology).await;
    if !args.no_ssh {
        context.logs = logs_of_links((&world.hosts, &world.connections), topology).await;
    }
    let mut found = findings::findings(topology, &context);
    let watch = tokio::time::timeout(SENTINELS, world.sentinels.look_in_short(topology)).await;
    if let Ok(Some(mut watch)) = watch {
        crate::engine::info_period::note(world, &mut watch);
        found.extend(findings::sentinels::in_short(topology, &watch));
        found.sort_by_key(|finding| finding.severity);
    }
    let lags = if args.seconds {
        Some(world.servers.lags(topology).await)
    } else {
        None
    };
    let seen = report::Shown {
        deployment: &world.inventory.name,
        topology,
        findings: &found,
        lags: lags.as_ref(),
        args,
        codes: global.verbose,
    };
    report::print(&seen);
    Ok(if findings::healthy(&found) {
        Exit::Done
    } else {
        Exit::Problems
    })
}

/// Operations of other operators, or in another terminal. Only servers that show a claim are asked
/// for its holder.
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
    world.claims.operations_of_others(&nodes).await
}

/// What each of several primaries has and another one does not have. It is read from their streams,
/// if that is done in time.
async fn counted(world: &World, seen: &Observed) -> BTreeMap<(NodeName, NodeName), Counted> {
    let topology = seen.deployment();
    let Situation::Several(primaries) = situation(&topology) else {
        return BTreeMap::new();
    };
    let pairs = primaries
        .iter()
        .flat_map(|a| primaries.iter().map(move |b| (*a, *b)))
        .filter(|(a, b)| a.name != b.name);
    let looks = pairs.map(|(node, other)| async move {
        let own =
            tokio::time::timeout(COUNTED, own(&world.streams, &world.hosts, node, other)).await;
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

impl Remote for super::args::Status {
    fn only_looks(&self) -> bool {
        true
    }

    fn inventory(&self, disk: Disk) -> Result<Written> {
        Ok(disk.unedited())
    }

    fn run<'a>(&'a self, around: Surroundings<'a>) -> Running<'a> {
        Box::pin(run(around.world, around.global, self))
    }
}

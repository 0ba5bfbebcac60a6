//! `status`: one look at all nodes, and what is wrong.

use super::debts;
use crate::cli;
use crate::error::{Exit, Result};
use crate::inventory::{Auth, Tls};
use crate::output::table::Options;
use crate::output::{self, json, status};
use crate::topology::findings::{self, Context, Debt, Wanted};
use crate::world::World;

/// Runs the command.
pub async fn run(world: &World, args: &cli::Status) -> Result<Exit> {
    let topology = if args.no_ssh {
        world.observe_servers().await
    } else {
        world.observe().await
    };
    debts::close(world, &topology);
    let found = findings::findings(&topology, &context(world));
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
    };
    if args.json {
        output::result(&json::render(&seen));
    } else {
        output::result(&status::render(&seen, Options::of_stdout()));
    }
    Ok(if findings::healthy(&found) {
        Exit::Done
    } else {
        Exit::Problems
    })
}

/// What the inventory and the journal say of the deployment.
pub fn context(world: &World) -> Context {
    let wanted = world.inventory.nodes.iter().map(|n| Wanted {
        name: n.name.clone(),
        follows: n.replicaof.clone(),
        priority: n.priority,
        tls: n.tls.as_ref().map(Tls::redis_cli),
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
        unfinished: world.store.unfinished().map(|r| r.id),
        debts: debts.collect(),
        alone: alone.collect(),
    }
}

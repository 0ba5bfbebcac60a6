//! `setup`: bare hosts to a running, verified deployment.

use super::plan::password;
use crate::actions::Action;
use crate::actions::host::{HostAction, PayloadInfo};
use crate::actions::server::ServerAction;
use crate::engine::journal::Outcome;
use crate::engine::known::known;
use crate::engine::one_address::one_address;
use crate::engine::operate::{self, Done, RunOptions};
use crate::engine::warning::inventory::Inventory as Members;
use crate::engine::warning::password::Password;
use crate::engine::{Operation, Plan, Setup, Warning};
use crate::error::{Error, Exit, Result};
use crate::inventory::address::is_literal;
use crate::operations::command::{Remote, Running, Surroundings};
use crate::operations::perform::{Perform, Request};
use crate::operations::working_inventory::{Disk, Written};
use crate::plan::detached;
use crate::plan::facts::{HostFacts, Unseen};
use crate::topology::detached::Observed;
use crate::topology::{NodeName, Topology};
use crate::world::names::ask_hosts;
use crate::world::trial::try_directives;
use crate::world::{World, inventory, server_source};
use crate::{cli, output};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs the command.
pub async fn run(world: &World, global: &cli::Global, args: &super::args::Setup) -> Result<Exit> {
    let operation = Setup {
        nodes: args.nodes.iter().map(|n| n.as_str().into()).collect(),
        discard_data: args
            .discard_data
            .iter()
            .map(|n| n.as_str().into())
            .collect(),
    };
    known(world, operation.nodes.iter().chain(&operation.discard_data))?;
    let problems = inventory::check_names(&world.inventory).await;
    if !problems.is_empty() {
        return Err(Error {
            problems,
            exit: Exit::Usage,
        });
    }
    operate::nothing_comes_first(world)?;
    let asked = RunOptions::new(global, args.yes, args.dry_run).with(args.others);
    // If a server's password differs from the inventory's, replctl logs in with the one in the
    // server's own file.
    world.passwords.knock(false).await;
    let typed = AtomicBool::new(asked.dry_run);
    let planner = async || {
        let (plan, new) = make_plan(world, &operation, args.keep_earlier_password).await?;
        // A typing error at the prompt would become the password of all servers.
        if new && !typed.swap(true, Ordering::Relaxed) {
            world.passwords.typed_twice().await?;
        }
        Ok(plan)
    };
    let of = Operation::Setup(operation.clone());
    let finished = match operate::carry_out(world, &asked, &of, planner).await? {
        Done::Nothing { warnings } => {
            nothing_to_do(world, &of, &warnings);
            return Ok(Exit::Done);
        }
        Done::Shown => return Ok(Exit::Done),
        Done::Ran(finished) => finished,
    };
    let mut text = None;
    if finished.outcome == Outcome::Completed {
        let after = world.observe_servers().await;
        text = Some(report(world, &finished, after.all()));
    }
    operate::print(&finished, text.as_deref());
    operate::verdict(&finished, &of.properties().again()).map_or(Ok(Exit::Done), Err)
}

fn nothing_to_do(world: &World, operation: &Operation, warnings: &[String]) {
    let name = &world.inventory.name;
    if let Some(earlier) = world.store.unfinished() {
        // What that operation set up is in place. Only its proof is missing.
        output::note(&format!(
            "`{0}` was cut short; for its proof: replctl resume {0}",
            earlier.id
        ));
    }
    let message = if warnings.is_empty() {
        format!("Nothing to do: `{name}` is set up as its inventory says.")
    } else {
        format!("Nothing to do for `{name}` but what the warnings say.")
    };
    output::ended::nothing(Some(operation), &message, warnings);
}

/// The plan, and whether it gives servers a password that no server is known to have.
async fn make_plan(world: &World, operation: &Setup, keep_earlier: bool) -> Result<(Plan, bool)> {
    let all = world.inventory.nodes.iter().map(|n| n.name.clone());
    let all: Vec<NodeName> = all.collect();
    let asked = |n: &&NodeName| operation.nodes.is_empty() || operation.nodes.contains(n);
    let nodes: Vec<NodeName> = all.iter().filter(asked).cloned().collect();
    let payload = server_source::available(&world.inventory)
        .await
        .map_err(server_source::refused)?;
    let (seen, mut hosts) = look(world, &nodes, &payload).await?;
    let alone = seen.detached_but(&operation.discard_data);
    let partial = !operation.nodes.is_empty();
    let mut topology = seen.deployment_with(&operation.discard_data).into_owned();
    let primary = detached::primary(&seen);
    let operation = detached::spared(operation, &all, &alone, primary.as_ref())
        .map_err(output::plan::refused)?;
    let held = world.passwords.held(&topology, &mut hosts).await;
    if password::wanted(&world.inventory, &topology, &held) {
        let watch = world.sentinels.look(&mut topology).await;
        let confirmed = match &watch {
            Some(watch) => world.sentinels.connections.confirmed_of(watch).await,
            None => BTreeSet::new(),
        };
        let around = password::PasswordInput {
            held: &held,
            watch: watch.as_ref(),
            confirmed: &confirmed,
            keep_earlier,
            partial,
            alone: &alone,
            agree: world.passwords.earlier_agree(),
            quotes: world.passwords.password_has_quotes(),
        };
        let of = (&operation, &*world.inventory, &topology);
        let plan = password::change(of, &hosts, &payload, &around);
        let plan = plan.map_err(output::plan::refused)?;
        let new = plan.changes_passwords();
        return Ok((plan, new));
    }
    let unasked = keep_earlier.then(|| Warning::of_all(Password::NothingToKeep));
    let mut plan = super::plan::plan(&operation, &world.inventory, &topology, &hosts, &payload)
        .map_err(output::plan::refused)?;
    let left = alone.iter().map(|n| Warning::of(n, Members::DetachedStays));
    plan.warnings.extend(left.chain(unasked));
    if plan.may_lose.is_none() {
        plan.may_lose = replaced(world, &plan);
    }
    let new = !plan.is_empty() && topology.nodes.iter().all(|n| n.server().is_none());
    Ok((plan, new))
}

/// One round: servers and hosts are looked at side by side.
async fn look(
    world: &World,
    nodes: &[NodeName],
    payload: &[PayloadInfo],
) -> Result<(Observed, BTreeMap<NodeName, Result<HostFacts, Unseen>>)> {
    let looks = (
        world.observe_with_facts(nodes),
        ask_hosts(&world.hosts, names(world, nodes)),
    );
    let ((mut seen, mut hosts), there) = futures::future::join(looks.0, looks.1).await;
    try_directives(&world.hosts, &mut hosts, payload).await;
    one_address(world, seen.all())?;
    for node in &mut seen.all_mut().nodes {
        if let Some(told) = there.get(&node.name) {
            node.names_there.extend(told.clone());
        }
    }
    Ok((seen, hosts))
}

/// The names by which these nodes may have to follow others. Their hosts must look them up.
fn names(world: &World, nodes: &[NodeName]) -> BTreeMap<NodeName, BTreeSet<String>> {
    let all = || world.inventory.nodes.iter();
    let of = |node: &NodeName| {
        let others = all().filter(|n| n.name != *node);
        let hosts = others.map(|n| n.announced().host.clone());
        (node.clone(), hosts.filter(|h| !is_literal(h)).collect())
    };
    nodes.iter().map(of).collect()
}

/// An old primary that was replaced while it was dead comes back as a replica. It loses what only
/// it has on its disk.
fn replaced(world: &World, plan: &Plan) -> Option<String> {
    let starts = |node: &NodeName| {
        plan.steps().any(|s| {
            s.node == *node && matches!(s.action, Action::Host(HostAction::StartServer(_)))
        })
    };
    let names: Vec<String> = world
        .store
        .pending_demotions()
        .into_iter()
        .filter(|d| starts(&d.node))
        .map(|d| format!("`{}`", d.node))
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "writes that only {} has on its disk, from before it was replaced",
            names.join(" and ")
        )
    })
}

/// What was proved, and what to type next.
fn report(world: &World, finished: &operate::Finished, after: &Topology) -> String {
    let mut text = String::new();
    let proof = finished.passed.iter().find(|p| {
        matches!(
            p.step.action,
            Action::Server(ServerAction::ProveWrite { .. })
        )
    });
    if let Some(primary) = after.primaries().next() {
        let replicas = after
            .nodes
            .iter()
            .filter(|n| n.upstream().is_some())
            .count();
        text = format!(
            "`{}` is set up: {} ({}) is the primary, with {replicas} replica{}.\n",
            world.inventory.name,
            primary.name,
            primary.announced,
            if replicas == 1 { "" } else { "s" }
        );
    }
    if let Some(proof) = proof {
        let _ = writeln!(
            text,
            "  proved: {}, and writes are refused there",
            proof.seen.text
        );
    }
    text.push_str("Look at it with: replctl status");
    text
}

impl Remote for super::args::Setup {
    fn only_looks(&self) -> bool {
        false
    }

    fn inventory(&self, disk: Disk) -> Result<Written> {
        Ok(disk.unedited())
    }

    fn run<'a>(&'a self, around: Surroundings<'a>) -> Running<'a> {
        Box::pin(run(around.world, around.global, self))
    }
}

impl Perform for Setup {
    fn tell(&self, _world: &World, _finished: &operate::Finished) -> bool {
        false
    }

    fn perform<'a>(&'a self, _world: &'a World, _request: &'a Request<'a>) -> Option<Running<'a>> {
        None
    }
}

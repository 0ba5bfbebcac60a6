//! `adopt`: makes replctl run servers that somebody else made.

use super::plan::{AdoptInput, Found};
use super::report::{self, adopted};
use crate::engine::known::known;
use crate::engine::one_address::one_address;
use crate::engine::operate::{self, Done, Finished, RunOptions};
use crate::engine::{Adopt, Operation, Plan, Promote, Refusal, hooks, inventory_edit};
use crate::error::{Exit, Result};
use crate::operations::command::{Remote, Running, Surroundings};
use crate::operations::perform::{Perform, Request, hand_over};
use crate::operations::working_inventory::{Disk, Written};
use crate::output::ended::nothing;
use crate::plan::{forecast, names};
use crate::topology::sentinel;
use crate::topology::service::access::Access;
use crate::topology::{NodeName, Topology};
use crate::world::names::ask_hosts;
use crate::world::persisted::warn_of_files;
use crate::world::{World, former, permissions, server_source};
use crate::{cli, output};
use futures::future::LocalBoxFuture;
use std::collections::BTreeMap;

/// Plans a hand-over from the observed topology.
pub type PlansHandOver =
    Box<dyn Fn(&Promote, &Topology) -> std::result::Result<Plan, Vec<Refusal>>>;

/// How another operation plans and performs a change of the primary.
#[derive(Clone, Copy)]
pub struct HandsOver {
    /// Collects what the plan of a hand-over needs. Returns the nodes with the names by which
    /// Sentinels know them.
    pub look: for<'a> fn(&'a World, Topology) -> LocalBoxFuture<'a, (Topology, PlansHandOver)>,
    /// Promotes a node after the adoption.
    pub promote: for<'a> fn(&'a World, NodeName, RunOptions) -> LocalBoxFuture<'a, Result<Exit>>,
}

/// Runs the command.
pub async fn run(
    world: &World,
    global: &cli::Global,
    args: &super::args::Adopt,
    with: HandsOver,
) -> Result<Exit> {
    let operation = Adopt {
        nodes: args.nodes.iter().map(|n| n.as_str().into()).collect(),
        hand_back: args.hand_back,
        pause: !args.ignore.is_empty(),
    };
    known(world, operation.nodes.iter())?;
    operate::nothing_comes_first(world)?;
    let asked = RunOptions::new(global, args.yes, args.dry_run).with(args.others);
    let primary = std::sync::Mutex::new(None);
    let planner = async || {
        let (plan, was) = make_plan(world, &operation, with).await?;
        *primary
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = was;
        Ok(plan)
    };
    let of = Operation::Adopt(operation.clone());
    let finished = match operate::carry_out(world, &asked, &of, planner).await? {
        Done::Nothing { warnings } => {
            nothing(Some(&of), &idle(&operation), &warnings);
            return Ok(Exit::Done);
        }
        Done::Shown => return Ok(Exit::Done),
        Done::Ran(finished) => finished,
    };
    hooks::on_failure(world, &finished, asked.verbose).await;
    report(world, &operation, &finished);
    let exit = hooks::warned(&finished);
    if let Some(error) = operate::verdict(&finished, &of.properties().again()) {
        return Err(error);
    }
    let was = primary
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    match was.filter(|_| operation.hand_back && finished.plan.changes_roles()) {
        Some(primary) => {
            let asked = RunOptions {
                yes: true,
                follows: true,
                ..asked
            };
            (with.promote)(world, primary, asked).await
        }
        None => Ok(exit),
    }
}

fn idle(operation: &Adopt) -> String {
    match &operation.nodes[..] {
        [] => "Nothing to do: replctl has made all nodes, or adopted them.".to_owned(),
        [one] => format!("Nothing to do: {one} is replctl's already."),
        _ => "Nothing to do: these nodes are replctl's already.".to_owned(),
    }
}

/// The plan, and the primary that hands over in it.
async fn make_plan(
    world: &World,
    operation: &Adopt,
    with: HandsOver,
) -> Result<(Plan, Option<NodeName>)> {
    let inventory = &world.inventory;
    let text = inventory_edit::unchanged(inventory, &inventory.digest)?;
    inventory_edit::writable(&inventory.path)?;
    let all: Vec<NodeName> = inventory.nodes.iter().map(|n| n.name.clone()).collect();
    let payload = server_source::available(inventory).await;
    let payload = payload.map_err(server_source::refused)?;
    let (seen, hosts) = world.observe_with_facts(&all).await;
    one_address(world, seen.all())?;
    let topology = seen.deployment().into_owned();
    let watched = sentinel::watched(&topology).is_some();
    let (topology, hand_over) = (with.look)(world, topology).await;
    let wanted = |n: &&crate::topology::Node| {
        let named = operation.nodes.is_empty() || operation.nodes.contains(&n.name);
        named && n.service.as_ref().is_none_or(|s| !s.managed)
    };
    let foreign: Vec<_> = topology.nodes.iter().filter(wanted).collect();
    let read = former::read(&world.hosts, &world.connections, &hosts, &foreign).await;
    let found: BTreeMap<NodeName, Found> = read
        .into_iter()
        .map(|(node, read)| (node, read.into()))
        .collect();
    let around = AdoptInput {
        inventory,
        text: &text,
        topology: &topology,
        hosts: &hosts,
        payload: &payload,
        found: &found,
        watched,
        hand_over: &*hand_over,
    };
    let plan = super::plan::plan(operation, &around).map_err(output::plan::refused)?;
    let later = super::plan::later(operation, &around);
    let plan = permitted(world, plan, &later).await?;
    let primary = topology.primaries().next().map(|p| p.name.clone());
    Ok((plan, primary))
}

/// The checks of every change of roles, with the files that the nodes will have then.
async fn permitted(world: &World, mut plan: Plan, later: &Topology) -> Result<Plan> {
    let checked = permissions::permitted(&world.servers, &mut plan).await;
    checked.map_err(output::plan::refused)?;
    let there = ask_hosts(&world.hosts, names::needed(&plan)).await;
    names::check(&mut plan, &there).map_err(output::plan::refused)?;
    forecast::check(&mut plan, later, &[]).map_err(output::plan::refused)?;
    warn_of_files(&world.hosts, later, &mut plan).await;
    Ok(plan)
}

const UNSEEN: &str = "its host was not looked at";

impl From<former::Read> for Found {
    fn from(read: former::Read) -> Self {
        fn unseen<T>() -> std::result::Result<T, String> {
            Err(UNSEEN.to_owned())
        }
        Self {
            stated: read.stated.unwrap_or_else(unseen),
            live: read.live,
            data_bytes: read.data_bytes,
            free_bytes: read.free_bytes,
            boot: read.boot.unwrap_or_else(unseen),
            access: read.access.unwrap_or_else(|| Access::unseen(UNSEEN)),
        }
    }
}

/// Prints the result for each node.
pub fn report(world: &World, operation: &Adopt, finished: &Finished) {
    let adopted = adopted(&world.inventory, operation, finished.facts());
    let reached = finished.reached();
    output::print_where(&adopted, || reached.then(|| report::text(&adopted)));
}

impl Remote for super::args::Adopt {
    fn only_looks(&self) -> bool {
        false
    }

    fn inventory(&self, disk: Disk) -> Result<Written> {
        Ok(disk.unedited())
    }

    fn run<'a>(&'a self, around: Surroundings<'a>) -> Running<'a> {
        Box::pin(run(around.world, around.global, self, hand_over()))
    }
}

impl Perform for Adopt {
    fn tell(&self, world: &World, finished: &Finished) -> bool {
        report(world, self, finished);
        true
    }

    /// Only its own command performs it.
    fn perform<'a>(&'a self, _world: &'a World, _request: &'a Request<'a>) -> Option<Running<'a>> {
        None
    }
}

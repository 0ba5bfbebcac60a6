//! `check`: observes servers and hosts, and finds what will fail later. It changes nothing without
//! `--fix`.

use super::plan::{concerned, plan};
use super::report::{self, Shown};
use crate::cli::Global;
use crate::engine::context::context;
use crate::engine::journal::Outcome;
use crate::engine::operate::{self, Done, Finished, RunOptions};
use crate::engine::{FixHosts, Operation, Properties};
use crate::error::{Exit, Result};
use crate::findings::{self, Context, Finding};
use crate::operations::command::{Remote, Running, Surroundings};
use crate::operations::perform::{Perform, Request};
use crate::operations::working_inventory::{Disk, Written};
use crate::output;
use crate::topology::candidate::primaries;
use crate::topology::detached::Observed;
use crate::topology::host::{Hosts, WriteRate};
use crate::topology::{Address, Topology};
use crate::world::{World, check};
use futures::future::join;
use jiff::Zoned;
use std::time::Duration;

/// How long the Sentinels may take to report what they see.
const SENTINELS: Duration = Duration::from_secs(6);

/// One observation, and its findings.
struct Looked {
    seen: Observed,
    hosts: Hosts,
    context: Context,
    found: Vec<Finding>,
    when: Zoned,
}

/// Runs the command.
pub async fn run(world: &World, global: &Global, args: &super::args::Check) -> Result<Exit> {
    let looked = look(world, args).await;
    if args.fix {
        let operation = FixHosts {
            nodes: concerned(&looked.found),
        };
        if !operation.nodes.is_empty() {
            return fix(world, global, args, operation).await;
        }
        output::note("There is nothing that --fix could set.");
    }
    Ok(shown(world, global, args, &looked))
}

/// Plans the safe changes, shows them, asks, makes them, and then observes again.
async fn fix(
    world: &World,
    global: &Global,
    args: &super::args::Check,
    operation: FixHosts,
) -> Result<Exit> {
    operate::nothing_comes_first(world)?;
    let asked = RunOptions::new(global, args.yes, args.dry_run).with(args.others);
    let planner = async || Ok(plan(&operation, &look(world, args).await.found));
    let of = Operation::FixHosts(operation.clone());
    match operate::carry_out(world, &asked, &of, planner).await? {
        Done::Shown => return Ok(Exit::Done),
        Done::Ran(finished) if finished.outcome != Outcome::Completed => {
            operate::print(&finished, None);
            let verdict = operate::verdict(&finished, &operation.again());
            return verdict.map_or(Ok(Exit::Failed), Err);
        }
        Done::Ran(_) | Done::Nothing { .. } => {}
    }
    Ok(shown(world, global, args, &look(world, args).await))
}

/// Observes servers, Sentinels and hosts.
async fn look(world: &World, args: &super::args::Check) -> Looked {
    let mut seen = world.observe().await;
    let topology = seen.all_mut();
    let watch = tokio::time::timeout(SENTINELS, world.sentinels.look_in_short(topology)).await;
    let watch = watch.ok().flatten();
    let topology = &*topology;
    let views = watch.iter().flat_map(|watch| &watch.views);
    let sentinels: Vec<Address> = views.map(|view| view.address.clone()).collect();
    let (mut hosts, rate) = join(
        check::look(
            (&world.hosts, &world.connections),
            topology,
            &sentinels,
            args.matrix,
        ),
        measured(world, topology, args.seconds),
    )
    .await;
    hosts.rate = rate;
    let context = context(world);
    let when = Zoned::now();
    let mut found = findings::findings(topology, &context);
    if let Some(watch) = &watch {
        found.extend(findings::sentinels::of_sentinels(topology, watch));
    }
    let today = when.date();
    found.extend(findings::hosts::of_hosts(topology, &context, &hosts, today));
    found.sort_by_key(|finding| finding.severity);
    Looked {
        seen,
        hosts,
        context,
        found,
        when,
    }
}

/// Prints the findings.
fn shown(world: &World, global: &Global, args: &super::args::Check, looked: &Looked) -> Exit {
    let shown = Shown {
        deployment: &world.inventory.name,
        topology: looked.seen.all(),
        hosts: &looked.hosts,
        planned: &looked.context.wanted,
        findings: &looked.found,
        codes: global.verbose,
        matrix: args.matrix,
        measured: args.seconds.is_some(),
        when: looked.when.timestamp(),
    };
    report::print(&shown, args.report);
    if findings::healthy(&looked.found) {
        Exit::Done
    } else {
        Exit::Problems
    }
}

/// Measures the writes to the only primary, if this is wanted.
async fn measured(world: &World, topology: &Topology, seconds: Option<u64>) -> Option<WriteRate> {
    let seconds = seconds?;
    let [primary] = primaries(topology)[..] else {
        return None;
    };
    check::rate(&world.connections, &primary.name, seconds).await
}

impl Remote for super::args::Check {
    fn only_looks(&self) -> bool {
        !self.fix
    }

    fn inventory(&self, disk: Disk) -> Result<Written> {
        Ok(disk.unedited())
    }

    fn run<'a>(&'a self, around: Surroundings<'a>) -> Running<'a> {
        Box::pin(run(around.world, around.global, self))
    }
}

impl Perform for FixHosts {
    fn tell(&self, _world: &World, _finished: &Finished) -> bool {
        false
    }

    fn perform<'a>(&'a self, _world: &'a World, _request: &'a Request<'a>) -> Option<Running<'a>> {
        None
    }
}

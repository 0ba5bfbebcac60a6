//! `promote`: another primary, with its proof.

use super::report;
use crate::actions::Action;
use crate::actions::role::RoleAction;
use crate::actions::server::ServerAction;
use crate::engine::journal::Outcome;
use crate::engine::one_address::one_address;
use crate::engine::operate::{self, Done, RunOptions};
use crate::engine::permissions::permitted;
use crate::engine::{Accept, Operation, Plan, Promote, Properties, hooks};
use crate::error::{Error, Exit, Result};
use crate::operations::command::{Remote, Running, Surroundings};
use crate::operations::perform::{Perform, Request};
use crate::operations::working_inventory::{Disk, Written};
use crate::output::ended::nothing;
use crate::plan::case::Access;
use crate::plan::detached;
use crate::plan::hooks::Wanted;
use crate::plan::reverse::Past;
use crate::topology::lineage::of_another_history;
use crate::topology::sentinel::{self, Watch};
use crate::topology::{Link, NodeName, Topology};
use crate::world::World;
use crate::{cli, output, plan};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a hand-over from a server before 6.2 is tried while scripts write.
const ATTEMPTS: u32 = 6;
/// How long a replica may take to be linked again after a hand-over was put back.
const LINKED_AGAIN: Duration = Duration::from_secs(10);

/// How it is done, and what is done around the change itself.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// How the operator asked for it.
    pub asked: RunOptions,
    /// Which hooks are run.
    pub hooks: Wanted,
    /// Disconnect the clients of the old primary.
    pub kick: bool,
    /// The operation that this promotion undoes.
    pub undoes: Option<&'a Past>,
}

/// Runs the command.
pub async fn run(world: &World, global: &cli::Global, args: &super::args::Promote) -> Result<Exit> {
    let mut accept = Vec::new();
    for (given, what) in [
        (args.allow_data_loss, Accept::DataLoss),
        (args.accept_split_brain, Accept::SplitBrain),
        (args.without_sentinel, Accept::WithoutSentinel),
    ] {
        if given {
            accept.push(what);
        }
    }
    accept.extend(args.ignore.iter().copied().map(Accept::from));
    let mut operation = Promote {
        node: args.node.as_deref().unwrap_or_default().into(),
        accept,
    };
    if args.node.is_some() {
        crate::engine::known::known(world, std::iter::once(&operation.node))?;
    }
    if !args.abandon_unfinished {
        operate::nothing_comes_first(world)?;
    }
    if args.node.is_none() {
        operation.node = super::choose::node(world, args, &operation).await?;
    }
    let options = Options {
        asked: RunOptions {
            abandon: args.abandon_unfinished,
            ..RunOptions::new(global, args.yes, args.dry_run).with(args.others)
        },
        hooks: if args.no_hooks {
            Wanted::None
        } else {
            Wanted::All
        },
        kick: args.kick_clients,
        undoes: None,
    };
    perform(world, &operation, options).await
}

/// Plans, shows, asks, and does it.
pub async fn perform(world: &World, operation: &Promote, options: Options<'_>) -> Result<Exit> {
    let finished = again_where_scripts_write(world, operation, options).await?;
    let Some(finished) = finished else {
        return Ok(Exit::Done);
    };
    hooks::on_failure(world, &finished, options.asked.verbose).await;
    report(world, operation, &finished);
    let exit = hooks::warned(&finished);
    operate::verdict(&finished, &operation.again()).map_or(Ok(exit), Err)
}

/// Servers before 6.2 have no fence that stops scripts. If a script writes at the very moment of
/// the demotion, the comparison after it finds that, and all is put back. Nothing is lost, so
/// replctl tries again.
async fn again_where_scripts_write(
    world: &World,
    promote: &Promote,
    mut options: Options<'_>,
) -> Result<Option<Box<operate::Finished>>> {
    for attempt in 2.. {
        let elsewhere = RefCell::new(Vec::new());
        let planner = async || {
            let (plan, found) = make_plan(world, promote, &options).await?;
            elsewhere.replace(found);
            Ok(plan)
        };
        let operation = Operation::Promote(promote.clone());
        let done = operate::carry_out(world, &options.asked, &operation, planner).await;
        let earlier = attempt > 2;
        let done = done.map_err(|error| if earlier { not_untouched(error) } else { error });
        let mut finished = match done? {
            Done::Nothing { warnings } => {
                let message = report::nothing_left(&promote.node, &elsewhere.take());
                nothing(Some(&operation), &message, &warnings);
                return Ok(None);
            }
            Done::Shown => return Ok(None),
            Done::Ran(finished) => finished,
        };
        finished.put_back_before = earlier;
        if attempt > ATTEMPTS || finished.interrupted || !slipped_past(&finished) {
            return Ok(Some(finished));
        }
        output::note(&format!(
            "A script wrote past the fence, which servers before 6.2 cannot prevent; all was put back and nothing is lost. Trying again ({attempt} of {ATTEMPTS})."
        ));
        options.asked.yes = true;
        if options.hooks == Wanted::All {
            options.hooks = Wanted::Again;
        }
        await_link(world, promote).await;
    }
    Ok(None)
}

/// The error of another attempt. It says that an earlier attempt was put back.
fn not_untouched(error: Error) -> Error {
    let exit = if error.exit == Exit::Refused {
        Exit::Failed
    } else {
        error.exit
    };
    let mut problems = error.problems;
    if let Some(first) = problems.first_mut() {
        let cause = "An earlier attempt was put back, and another one is not possible";
        first.causes.insert(0, cause.to_owned());
    }
    Error { problems, exit }
}

/// Whether it was put back because a write came between the last wait and the demotion, on a server
/// that cannot stop scripts.
fn slipped_past(finished: &operate::Finished) -> bool {
    let Outcome::RolledBack { at, .. } = &finished.outcome else {
        return false;
    };
    let Some(stage) = finished.plan.stages.get(at.stage) else {
        return false;
    };
    let before = stage.steps.iter().take(at.step);
    let leaks = |s: &crate::engine::Step| {
        matches!(
            s.action,
            Action::Server(ServerAction::RequireReplicas { .. })
        )
    };
    let demoted =
        |s: &crate::engine::Step| matches!(s.action, Action::Role(RoleAction::Demote { .. }));
    let compares = |s: &crate::engine::Step| {
        matches!(s.action, Action::Role(RoleAction::CompareOffsets { .. }))
    };
    before.clone().any(leaks)
        && before.clone().any(demoted)
        && stage.steps.get(at.step).is_some_and(compares)
}

/// Waits for the replica's link. A replica whose link was cut connects again within a second. If it
/// does not connect in time, the next plan says so.
async fn await_link(world: &World, operation: &Promote) {
    let end = tokio::time::Instant::now() + LINKED_AGAIN;
    while tokio::time::Instant::now() < end {
        let seen = world.observe().await;
        let upstream = seen.all().get(&operation.node).and_then(|n| n.upstream());
        if upstream.is_some_and(|up| up.link == Link::Up) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Prints the proof, if there is a new primary. The proof has only what the steps saw: a second
/// look at a node that may be dead would keep the operator waiting.
pub fn report(world: &World, operation: &Promote, finished: &operate::Finished) {
    let proof = report::proof(&world.inventory, operation, finished.facts());
    let stands = proof.primary.is_some();
    output::print_where(&proof, || stands.then(|| report::text(&proof)));
}

/// All that is looked at before a promotion is planned.
pub struct Observation {
    topology: Topology,
    by: By,
}

/// Who changes the primary.
enum By {
    /// The Sentinels that watch; `None`: the nodes count Sentinels, and none was found.
    Sentinels(Option<Watch>),
    /// replctl does, with what is known of the hosts of nodes that do not answer.
    Us(BTreeMap<NodeName, Access>),
}

impl Observation {
    /// Looks at the nodes, and at Sentinels or hosts.
    pub async fn look(world: &World, operation: &Promote) -> Result<Self> {
        let seen = world.observe().await;
        one_address(world, seen.all())?;
        if seen.is_detached(&operation.node) {
            let refusal = detached::refusal(&operation.node, detached::primary(&seen).as_ref());
            return Err(output::plan::refused(vec![refusal]));
        }
        let beside = operation.accept.contains(&Accept::WithoutSentinel);
        Ok(Self::of(world, seen.deployment().into_owned(), beside).await)
    }

    /// The same from nodes that were looked at. `beside`: whatever Sentinels there are.
    pub async fn of(world: &World, mut topology: Topology, beside: bool) -> Self {
        let by = if !beside && sentinel::watched(&topology).is_some() {
            By::Sentinels(world.sentinels.look(&mut topology).await)
        } else {
            By::Us(world.hosts.access(&topology).await)
        };
        Self { topology, by }
    }

    /// The nodes, without those that stand alone on purpose.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The plan, or its refusals.
    pub fn plan(
        &self,
        operation: &Promote,
    ) -> std::result::Result<Plan, Vec<crate::engine::Refusal>> {
        self.plan_on(operation, &self.topology)
    }

    /// The same for nodes that differ by then in what starts them.
    pub fn plan_on(
        &self,
        operation: &Promote,
        topology: &Topology,
    ) -> std::result::Result<Plan, Vec<crate::engine::Refusal>> {
        match &self.by {
            By::Sentinels(watch) => {
                super::plan::sentinel::plan(operation, topology, watch.as_ref())
            }
            By::Us(access) => super::plan::plan(operation, topology, access),
        }
    }
}

/// The plan, and the replicas that have another history than the node they seem to follow.
async fn make_plan(
    world: &World,
    operation: &Promote,
    options: &Options<'_>,
) -> Result<(Plan, Vec<NodeName>)> {
    let seen = Observation::look(world, operation).await?;
    let mut plan = seen.plan(operation).map_err(output::plan::refused)?;
    let topology = seen.topology();
    plan::strangers::warn(&mut plan, &operation.node, topology);
    plan::clients::add(&mut plan, operation, topology, options.kick);
    plan::hooks::add(
        &mut plan,
        operation,
        topology,
        &world.inventory.hooks,
        options.hooks,
    );
    crate::engine::undoing::still(options.undoes, &mut plan, topology)?;
    let accepted = operation.accept.iter().filter_map(|accept| match accept {
        Accept::Unkept(unkept) => Some(*unkept),
        Accept::DataLoss
        | Accept::SplitBrain
        | Accept::Drift
        | Accept::Difference(_)
        | Accept::Permissions
        | Accept::WithoutSentinel
        | Accept::Pause => None,
    });
    let plan = permitted(world, plan, &accepted.collect::<Vec<_>>()).await?;
    let elsewhere = topology.nodes.iter();
    let elsewhere = elsewhere.filter(|node| of_another_history(node, topology));
    Ok((plan, elsewhere.map(|node| node.name.clone()).collect()))
}

impl Remote for super::args::Promote {
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

impl Perform for Promote {
    fn tell(&self, world: &World, finished: &operate::Finished) -> bool {
        report(world, self, finished);
        true
    }

    fn perform<'a>(&'a self, world: &'a World, request: &'a Request<'a>) -> Option<Running<'a>> {
        let options = Options {
            asked: request.asked,
            hooks: request.hooks,
            kick: false,
            undoes: request.undoes,
        };
        let mut promote = self.clone();
        let accepted = request.accepted.iter().copied().map(Accept::Unkept);
        promote.accept.extend(accepted);
        Some(Box::pin(
            async move { perform(world, &promote, options).await },
        ))
    }
}

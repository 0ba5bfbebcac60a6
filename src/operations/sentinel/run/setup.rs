//! `sentinel setup`: the Sentinels that the inventory names, running and watching.

use crate::actions::Action;
use crate::actions::sentinel::SentinelAction;
use crate::engine::journal::Outcome;
use crate::engine::one_address::one_address;
use crate::engine::operate::{self, Done, Finished, RunOptions};
use crate::engine::{Operation, Plan, Sentinels};
use crate::error::{Exit, Problem, Reason, Result};
use crate::inventory::SentinelSettings;
use crate::operations::sentinel::plan::{self, SentinelInput};
use crate::output::ended::nothing;
use crate::plan::facts::{HostFacts, Listener, Unseen};
use crate::topology::sentinel::{Member, Watch};
use crate::topology::{NodeName, Topology, Trouble};
use crate::world::{World, server_source};
use crate::{cli, output};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Runs the command.
pub async fn run(
    world: &World,
    global: &cli::Global,
    args: &crate::operations::sentinel::args::SentinelSetup,
) -> Result<Exit> {
    let settings = named(world)?;
    if let Some(which) = world.sentinels.password_for_none() {
        return Err(Problem::new(format!(
            "{which} has a quotation mark in it, which a Sentinel cannot read again from the file it writes"
        ))
        .hint("choose another one; letters and digits are as good, if there are enough of them")
        .because(Reason::Secret).exit(Exit::Refused));
    }
    operate::nothing_comes_first(world)?;
    let asked = RunOptions::new(global, args.yes, args.dry_run).with(args.others);
    let planner = async || make_plan(world, settings).await;
    let of = Operation::Sentinels(Sentinels::Setup);
    let finished = match operate::carry_out(world, &asked, &of, planner).await? {
        Done::Nothing { warnings } => {
            let but = if warnings.is_empty() {
                ""
            } else {
                " but what the warnings say"
            };
            let message = format!(
                "Nothing to do{but}: {} Sentinel{} watch{} `{}` together.",
                settings.nodes.len(),
                plural(settings.nodes.len()),
                if settings.nodes.len() == 1 { "es" } else { "" },
                world.inventory.name
            );
            nothing(Some(&of), &message, &warnings);
            return Ok(Exit::Done);
        }
        Done::Shown => return Ok(Exit::Done),
        Done::Ran(finished) => finished,
    };
    let done = finished.outcome == Outcome::Completed;
    let text = done.then(|| report(world, settings, &finished));
    operate::print(&finished, text.as_deref());
    operate::verdict(&finished, &of.properties().again()).map_or(Ok(Exit::Done), Err)
}

/// What the inventory says of Sentinels, if it names any.
pub(super) fn named(world: &World) -> Result<&SentinelSettings> {
    let settings = world.inventory.sentinel.as_ref();
    settings.filter(|s| !s.nodes.is_empty()).ok_or_else(|| {
        let nodes = world.inventory.nodes.iter().take(3);
        let names: Vec<String> = nodes.map(|n| format!("\"{}\"", n.name)).collect();
        Problem::new(format!(
            "{} names no Sentinels: it has no `nodes` under [sentinel]",
            world.inventory.path.display()
        ))
        .hint(format!(
            "add, for example, `[sentinel]` with `nodes = [{}]`: three or more, on hosts of nodes or of their own",
            names.join(", ")
        ))
        .exit(Exit::Usage)
    })
}

async fn make_plan(world: &World, settings: &SentinelSettings) -> Result<Plan> {
    let payload = server_source::available(&world.inventory)
        .await
        .map_err(server_source::refused)?;
    let seen = Observation::look(world, settings).await;
    seen.one_address(world)?;
    let around = SentinelInput {
        payload: &payload,
        ..seen.around()
    };
    let plan = plan::plan(&world.inventory, settings, &around);
    let plan = plan.map_err(output::plan::refused)?;
    let needed = plan::names::needed(&plan, settings, &around);
    let there = crate::world::names::ask_hosts(&world.hosts, needed).await;
    let misled = plan::names::refusals(&there);
    if misled.is_empty() {
        Ok(plan)
    } else {
        Err(output::plan::refused(misled))
    }
}

/// All that is looked at before Sentinels are set up or removed.
pub(super) struct Observation {
    topology: Topology,
    watch: Option<Watch>,
    members: BTreeMap<NodeName, std::result::Result<Member, Trouble>>,
    hosts: BTreeMap<NodeName, std::result::Result<HostFacts, Unseen>>,
}

impl Observation {
    /// Looks at the nodes, the Sentinels and their hosts side by side.
    pub async fn look(world: &World, settings: &SentinelSettings) -> Self {
        let names: Vec<NodeName> = settings.nodes.iter().map(|n| n.name.clone()).collect();
        let looks = (world.observe_servers(), world.sentinels.members());
        let (seen, mut members, hosts) =
            futures::future::join3(looks.0, looks.1, world.hosts.facts(&names)).await;
        // One that was just starting may have been asked before it listened.
        let listens = |name: &NodeName| {
            let facts = hosts.get(name).and_then(|h| h.as_ref().ok());
            facts.is_some_and(|f| f.listener == Listener::Ours)
        };
        for (name, member) in &mut members {
            if member.is_err() && listens(name) {
                *member = world.sentinels.member(name).await;
            }
        }
        let mut topology = seen.deployment().into_owned();
        let watch = world.sentinels.look(&mut topology).await;
        Self {
            topology,
            watch,
            members,
            hosts,
        }
    }

    /// Checks that each node has an address of its own.
    pub fn one_address(&self, world: &World) -> Result<()> {
        one_address(world, &self.topology)
    }

    /// The input of the planners, without server programs to install.
    pub fn around(&self) -> SentinelInput<'_> {
        SentinelInput {
            topology: &self.topology,
            watch: self.watch.as_ref(),
            members: &self.members,
            hosts: &self.hosts,
            payload: &[],
        }
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// What was proved, and what to type next.
fn report(world: &World, settings: &SentinelSettings, finished: &Finished) -> String {
    let count = settings.nodes.len();
    let mut text = format!(
        "{count} Sentinel{} watch{} `{}`, which they call {}.\n",
        plural(count),
        if count == 1 { "es" } else { "" },
        world.inventory.name,
        settings.name
    );
    let mut seen = finished.passed.iter().map(|p| &p.step.action);
    let proof = seen.find(|a| matches!(a, Action::Sentinel(SentinelAction::AwaitTogether { .. })));
    if let Some(Action::Sentinel(SentinelAction::AwaitTogether {
        replicas, others, ..
    })) = proof
    {
        let _ = writeln!(
            text,
            "  proved: each hears from the primary, its {replicas} replica{} and {others} other Sentinel{}, and a failover can be agreed on (quorum {})",
            if *replicas == 1 { "" } else { "s" },
            if *others == 1 { "" } else { "s" },
            settings.rules.quorum
        );
    }
    text.push_str("Look at them with: replctl sentinel status");
    text
}

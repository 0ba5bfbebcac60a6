//! Stopped servers that a plan starts: the role that it writes into their file must be the one that
//! they start with. Else a second primary could start, which nothing accepts. Pure.

use super::same;
use crate::actions::Action;
use crate::actions::service::ServiceAction;
use crate::engine::{Ground, Plan, Refusal};
use crate::topology::service::chain::Line;
use crate::topology::service::{Arguments, Obstacle, Service};
use crate::topology::{Address, Node, Topology};

/// The role that the plan writes into the file of a stopped server before it starts it.
pub(super) fn started<'a>(plan: &'a Plan, node: &Node) -> Option<&'a Address> {
    let of_node = || plan.steps().filter(|step| step.node == node.name);
    let start = Action::Service(ServiceAction::StartServer);
    let fence = of_node().find_map(|step| {
        if let Action::Service(ServiceAction::FenceFile { address }) = &step.action {
            Some(address)
        } else {
            None
        }
    });
    fence.filter(|_| of_node().any(|step| step.action == start))
}

/// Refuses each start that may give another role than the one in the file.
pub(super) fn check(plan: &Plan, topology: &Topology) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for node in &topology.nodes {
        let (Some(to), Some(service)) = (started(plan, node), node.service.as_deref()) else {
            continue;
        };
        let name = &node.name;
        let again = format!("replctl {}", plan.operation.line());
        let (why, remedy) = match starts_as(service) {
            Ok(None) => continue,
            Ok(Some(line)) => {
                let follows = line.follows.as_ref();
                if follows.is_some_and(|at| same(topology, node, (at, to))) {
                    continue;
                }
                let obstacle = Obstacle::CommandLine(Some(line.clone()));
                (obstacle.why(service), obstacle.remedy(service))
            }
            Err(why) => (
                format!("what its next start reads is not known: {why}"),
                "when that is corrected on its host or in the inventory (`unit` or `config_file` of the node)".to_owned(),
            ),
        };
        refusals.push(Refusal::new(
            Ground::Difference,
            format!("`{name}` may start with another role than its file gives it: {why}"),
            format!("{remedy}; then: {again}"),
        ));
    }
    refusals
}

/// The line of the command line that gives a role, which wins over the file.
fn starts_as(service: &Service) -> Result<Option<&Line>, String> {
    let chain = service.settings.as_ref().map_err(String::clone)?;
    if service.file.is_none() {
        return Err("where its configuration file is, is not known".into());
    }
    match &service.arguments {
        Arguments::Shown(_) => Ok(chain.last_argument()),
        Arguments::Hidden(_) => Err("it was started with arguments that it does not show".into()),
        Arguments::Unknown(why) => Err(why.clone()),
    }
}

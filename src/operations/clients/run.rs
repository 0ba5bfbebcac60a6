//! `clients`: who uses the servers. It changes nothing.

use super::report::{OfNode, Shown, render};
use crate::error::{Exit, Result};
use crate::operations::command::{Remote, Running, Surroundings};
use crate::operations::working_inventory::{Disk, Written};
use crate::output;
use crate::output::table::Options;
use crate::topology::{NodeName, State};
use crate::world::World;
use crate::world::clients::clients;
use std::collections::BTreeMap;

/// Runs the command.
pub async fn run(world: &World, args: &super::args::Clients) -> Result<Exit> {
    let only: Option<NodeName> = args.node.as_deref().map(Into::into);
    crate::engine::known::known(world, only.iter())?;
    let topology = world.observe_servers().await.into_all();
    let wanted = |name: &NodeName| only.as_ref().is_none_or(|only| only == name);
    let answering: Vec<NodeName> = topology
        .nodes
        .iter()
        .filter(|n| wanted(&n.name) && n.server().is_some())
        .map(|n| n.name.clone())
        .collect();
    let mut listed: BTreeMap<NodeName, _> = clients(&world.connections, &answering)
        .await
        .into_iter()
        .collect();
    let nodes = topology
        .nodes
        .iter()
        .filter(|n| wanted(&n.name))
        .map(|node| {
            let role = match (&node.state, node.is_primary()) {
                (State::Down(_), _) => None,
                (State::Up(_), true) => Some("primary"),
                (State::Up(_), false) => Some("replica"),
            };
            let census = match &node.state {
                State::Down(trouble) => Err(trouble.detail.clone()),
                State::Up(_) => {
                    let known = listed.remove(&node.name);
                    known.unwrap_or_else(|| Err(String::new()))
                }
            };
            let (clients, trouble) = match census {
                Ok(census) => (Some(census), None),
                Err(why) => (None, Some(why)),
            };
            OfNode {
                node: node.name.clone(),
                role,
                clients,
                trouble,
            }
        });
    let seen = Shown {
        deployment: &world.inventory.name,
        nodes: nodes.collect(),
    };
    output::print(&seen, || render(&seen, Options::of_stdout()));
    let unknown = seen.nodes.iter().any(|n| n.clients.is_none());
    Ok(if unknown { Exit::Problems } else { Exit::Done })
}

impl Remote for super::args::Clients {
    fn only_looks(&self) -> bool {
        true
    }

    fn inventory(&self, disk: Disk) -> Result<Written> {
        Ok(disk.unedited())
    }

    fn run<'a>(&'a self, around: Surroundings<'a>) -> Running<'a> {
        Box::pin(run(around.world, self))
    }
}

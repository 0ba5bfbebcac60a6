//! Who carries out an operation that another command has come to: what `undo` and `repair` do in
//! the end is a promotion, a move, an addition or a removal of the ordinary kind.

use super::adopt::run::{HandsOver, PlansHandOver};
use super::{add, moves, promote, remove, setup};
use crate::engine::operate::Asked;
use crate::engine::{Accept, Operation, Promote};
use crate::error::{Error, Exit, Problem, Reason, Result};
use crate::inventory::edit::Edit;
use crate::plan::forecast::Unkept;
use crate::plan::hooks::Wanted;
use crate::plan::reverse::Past;
use crate::topology::{NodeName, Topology};
use crate::world::World;
use futures::future::LocalBoxFuture;

/// How `adopt` changes the primary: as `promote` does.
pub fn hand_over() -> HandsOver {
    fn look(world: &World, topology: Topology) -> LocalBoxFuture<'_, (Topology, PlansHandOver)> {
        Box::pin(async move {
            let seen = promote::run::Seen::of(world, topology, false).await;
            let named = seen.topology().clone();
            let plans: PlansHandOver = Box::new(move |of, on| seen.plan_on(of, on));
            (named, plans)
        })
    }
    fn promote(world: &World, node: NodeName, asked: Asked) -> LocalBoxFuture<'_, Result<Exit>> {
        Box::pin(async move {
            let promote = Promote {
                node,
                accept: Vec::new(),
            };
            let way = promote::run::Way {
                asked,
                hooks: Wanted::All,
                kick: false,
                undoes: None,
            };
            promote::run::perform(world, &promote, way).await
        })
    }
    HandsOver { look, promote }
}

/// What is handed over with the operation.
pub struct Request<'a> {
    /// How the operator asked for it.
    pub asked: Asked,
    /// Which hooks are run.
    pub hooks: Wanted,
    /// The operation that is undone by it.
    pub undoes: Option<&'a Past>,
    /// Why roles may be lost at a restart.
    pub accepted: &'a [Unkept],
    /// What brings the node of an addition into the inventory.
    pub edit: Option<&'a Edit>,
}

/// Plans, shows, asks, and does it; nothing for an operation that no other command comes to.
///
/// # Errors
/// As the operation's own command has them.
pub async fn perform(world: &World, operation: &Operation, request: &Request<'_>) -> Result<Exit> {
    let (asked, undoes, accepted) = (request.asked, request.undoes, request.accepted);
    match operation {
        Operation::Promote(promote) => {
            let way = promote::run::Way {
                asked,
                hooks: request.hooks,
                kick: false,
                undoes,
            };
            let mut promote = promote.clone();
            let accepted = accepted.iter().copied().map(Accept::Unkept);
            promote.accept.extend(accepted);
            promote::run::perform(world, &promote, way).await
        }
        Operation::Move(moved) => {
            let way = moves::run::Way {
                asked,
                undoes,
                accepted,
            };
            moves::run::perform(world, moved, way).await
        }
        Operation::Remove(remove) => remove::run::perform(world, remove, asked).await,
        Operation::Add(add) => match request.edit {
            Some(edit) => {
                let with = (edit, setup::plan::of_one as add::plan::SetUpOne);
                add::run::perform(world, add, with, asked).await
            }
            None => Err(in_it_again(&add.node)),
        },
        Operation::Setup(_)
        | Operation::Detach(_)
        | Operation::Rejoin(_)
        | Operation::Repair(_)
        | Operation::Replay(_)
        | Operation::Adopt(_)
        | Operation::Sentinels(_) => Ok(Exit::Done),
    }
}

/// A node that was removed, and came back by other means.
fn in_it_again(node: &NodeName) -> Error {
    Problem::new(format!(
        "the inventory has a node `{node}` again; nothing was touched"
    ))
    .hint(format!("if it is not set up: replctl setup {node}"))
    .because(Reason::Inventory)
    .exit(Exit::Refused)
}

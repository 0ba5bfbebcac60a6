//! Who carries out an operation that another command has come to, and tells of it: what `undo` and
//! `repair` do in the end is a promotion, a move, an addition or a removal of the ordinary kind,
//! and `resume` goes on with every kind.

use super::adopt::run::{HandsOver, PlansHandOver};
use super::command::Running;
use super::{add, promote, setup};
use crate::engine::operate::{Finished, RunOptions};
use crate::engine::{Operation, Promote};
use crate::error::{Error, Exit, Problem, Result};
use crate::inventory::edit::Edit;
use crate::output;
use crate::plan::forecast::Unkept;
use crate::plan::hooks::{self, Wanted};
use crate::plan::reverse::Past;
use crate::plan::strangers;
use crate::topology::{NodeName, Topology};
use crate::world::World;
use futures::future::LocalBoxFuture;

/// How `adopt` changes the primary: as `promote` does.
pub fn hand_over() -> HandsOver {
    fn look(world: &World, topology: Topology) -> LocalBoxFuture<'_, (Topology, PlansHandOver)> {
        Box::pin(async move {
            let seen = promote::run::Observation::of(world, topology, false).await;
            let named = seen.topology().clone();
            let hooks = world.inventory.hooks.clone();
            let plans: PlansHandOver = Box::new(move |of, on| {
                let mut plan = seen.plan_on(of, on)?;
                strangers::warn(&mut plan, &of.node, on);
                hooks::add(&mut plan, of, on, &hooks, Wanted::All);
                Ok(plan)
            });
            (named, plans)
        })
    }
    fn promote(
        world: &World,
        node: NodeName,
        asked: RunOptions,
    ) -> LocalBoxFuture<'_, Result<Exit>> {
        Box::pin(async move {
            let promote = Promote {
                node,
                accept: Vec::new(),
            };
            let options = promote::run::Options {
                asked,
                hooks: Wanted::All,
                kick: false,
                undoes: None,
            };
            promote::run::perform(world, &promote, options).await
        })
    }
    HandsOver { look, promote }
}

/// The settings that go with the operation.
pub struct Request<'a> {
    /// How the operator asked for it.
    pub asked: RunOptions,
    /// Which hooks are run.
    pub hooks: Wanted,
    /// The operation that this one undoes.
    pub undoes: Option<&'a Past>,
    /// The accepted reasons why roles may be lost at a restart.
    pub accepted: &'a [Unkept],
    /// The edit that adds the node of an addition to the inventory.
    pub edit: Option<&'a Edit>,
}

/// What other commands ask of an operation. Each answers in its own folder.
pub trait Perform {
    /// Prints what a run came to, in the words of its own command. `false`: its command has none
    /// for that.
    fn tell(&self, world: &World, finished: &Finished) -> bool;

    /// Plans, shows, asks, and does it; nothing where no other command comes to it.
    fn perform<'a>(&'a self, world: &'a World, request: &'a Request<'a>) -> Option<Running<'a>>;
}

/// Plans the work on the host of one node: an addition is set up as `setup` does it.
pub const SET_UP_ONE: add::plan::SetUpOne = setup::plan::of_one;

/// Plans, shows, asks, and does it.
///
/// # Errors
/// As the operation's own command has them; and where only that command does the operation.
pub async fn perform(world: &World, operation: &Operation, request: &Request<'_>) -> Result<Exit> {
    match super::performer(operation).perform(world, request) {
        Some(running) => running.await,
        None => Err(only_its_own(operation)),
    }
}

/// Nothing was done, so the command that came to it must not end as if all were done.
fn only_its_own(operation: &Operation) -> Error {
    let again = operation.properties().again();
    let line = output::escape(&operation.line());
    Problem::new(format!(
        "`{line}` is done by its own command alone; nothing was touched"
    ))
    .hint(again)
    .exit(Exit::Refused)
}

/// Prints what an operation that has run came to, in the words of its own command. `false`: its
/// command has none for that.
pub fn tell(world: &World, operation: &Operation, finished: &Finished) -> bool {
    super::performer(operation).tell(world, finished)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Detach;

    #[test]
    fn what_was_not_done_does_not_end_as_if_it_were() {
        let node = "a\u{1b}".into();
        let refused = only_its_own(&Operation::Detach(Detach { node }));
        assert_eq!(refused.exit, Exit::Refused);
        let problem = &refused.problems[0];
        assert!(problem.what.starts_with("`detach a"), "{refused:?}");
        assert!(!problem.what.contains('\u{1b}'), "{refused:?}");
    }
}

//! `history`: what was done to this deployment from this machine. It reads journals only.

use super::report::{Shown, history, text};
use crate::cli;
use crate::engine::journal::store::Store;
use crate::engine::journal::story::Story;
use crate::error::{Exit, Result};
use crate::operations::command::Local;
use crate::output::{self, table::Options};
use crate::topology::NodeName;
use crate::world::inventory;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Runs the command.
pub fn run(global: &cli::Global, args: &super::args::History) -> Result<()> {
    let inventory = inventory::load(global)?;
    let (store, unseen) = Store::look(&inventory.name)?;
    if let Some(problem) = unseen {
        output::warning(&problem);
    }
    let ids = store.ids();
    let nodes: Vec<NodeName> = args.nodes.iter().map(|n| n.as_str().into()).collect();
    let limit = if args.limit == 0 {
        usize::MAX
    } else {
        args.limit
    };
    let (stories, older) = read(&store, &ids, &nodes, limit);
    let holder = store.holder();
    let open = store.open_operations(holder.as_deref());
    let open: Vec<String> = open.into_iter().map(|story| story.id).collect();
    let noted = store.abandoned();
    let left = stories.iter().filter_map(|story| {
        let note = store.given_up(&noted, &story.id)?;
        Some((story.id.as_str(), note))
    });
    let left = left.collect();
    let shown = Shown {
        deployment: &inventory.name,
        stories: &stories,
        older,
        open: &open,
        left,
        holder: holder.as_deref(),
        now: Timestamp::now(),
        zone: TimeZone::system(),
    };
    output::print(&history(&shown), || text(&shown, Options::of_stdout()));
    Ok(())
}

/// The newest operations that were asked for, and the number of older ones. If no nodes were named,
/// the older journals need not be read.
fn read(store: &Store, ids: &[String], nodes: &[NodeName], limit: usize) -> (Vec<Story>, usize) {
    let all = ids.iter().map(|id| store.story(id));
    if nodes.is_empty() {
        let stories = all.take(limit).collect();
        return (stories, ids.len().saturating_sub(limit));
    }
    let mut chosen: Vec<Story> = all
        .filter(|story| nodes.iter().any(|node| story.touches(node)))
        .collect();
    let older = chosen.len().saturating_sub(limit);
    chosen.truncate(limit);
    (chosen, older)
}

impl Local for super::args::History {
    fn run(&self, global: &crate::cli::Global) -> Result<Exit> {
        run(global, self).map(|()| Exit::Done)
    }
}

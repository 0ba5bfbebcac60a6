//! What the proof says of the clients of the old primary.

use crate::actions::Action;
use crate::actions::server::ServerAction;
use crate::engine::journal::Evidence;
use crate::engine::run_facts::{Passed, RunFacts};
use crate::output::escape;
use crate::topology::NodeName;
use crate::topology::clients::Census;
use crate::topology::phrases::plural;
use serde::Serialize;

/// Who used the old primary, and who is still there.
#[derive(Debug, Clone, Serialize)]
pub struct Clients {
    /// The old primary.
    pub node: NodeName,
    /// Before the change; `None`: not known.
    pub before: Option<Census>,
    /// When all else was done; `None`: not known.
    pub after: Option<Census>,
    /// How many of those before are still connected.
    pub still: Option<usize>,
    /// Those that were disconnected, where that was asked for.
    pub disconnected: Option<Census>,
    /// What kept them from being listed or disconnected.
    pub because: Option<String>,
}

/// From what the steps saw; nothing where they were not asked for.
pub fn clients(run: RunFacts<'_>) -> Option<Clients> {
    let seen = |wanted: &Action| {
        let steps = run.passed.iter().filter(|p| p.step.action == *wanted);
        steps.collect::<Vec<_>>()
    };
    let promoted = run.passed.iter().position(|p| p.step.action.promotes());
    let lists = seen(&Action::Server(ServerAction::CountClients));
    let kick = seen(&Action::Server(ServerAction::KickClients)).pop();
    let node = lists.first().or(kick.as_ref())?.step.node.clone();
    // A run that resumes after the change has not seen the clients before it.
    let is_before = |p: &&&Passed| {
        promoted.is_some_and(|at| run.passed.iter().take(at).any(|e| e.begun == p.begun))
    };
    let census = |seen: &Evidence| seen.clients.as_deref().cloned();
    let before = lists.iter().find(is_before);
    let after = lists.iter().rfind(|p| !is_before(p));
    let unknown = |seen: &Evidence| seen.clients.is_none().then(|| seen.text.clone());
    let because = [kick, after.copied(), before.copied()]
        .into_iter()
        .flatten()
        .find_map(|p| unknown(&p.seen));
    let before = before.and_then(|p| census(&p.seen));
    let after = after.and_then(|p| census(&p.seen));
    let listed = |census: &Option<Census>| census.clone().filter(|c| !c.only_counted);
    let both = listed(&before).zip(listed(&after));
    let still = both.map(|(before, after)| {
        let both = after.ids.iter().filter(|id| before.ids.contains(id));
        both.count()
    });
    Some(Clients {
        node,
        still,
        disconnected: kick.and_then(|p| census(&p.seen)),
        before,
        after,
        because,
    })
}

impl Clients {
    /// The rows of the proof: label and text.
    pub fn rows(&self) -> Vec<(String, String)> {
        let mut rows = Vec::new();
        let nobody = |census: &Option<Census>| census.as_ref().is_none_or(|c| c.count == 0);
        if let Some(why) = &self.because {
            rows.push((self.label(), escape(why)));
        } else if !nobody(&self.before) || !nobody(&self.after) {
            rows.push((self.label(), escape(&self.before_and_after())));
        }
        if let Some(gone) = self.disconnected.as_ref().filter(|c| c.count > 0) {
            rows.push(("disconnected there".to_owned(), escape(&gone.to_string())));
        }
        rows
    }

    fn label(&self) -> String {
        format!("clients of {}", escape(&self.node.0))
    }

    fn before_and_after(&self) -> String {
        let before = self.before.as_ref().map(|c| match c.writers {
            0 if c.only_counted => format!("{} before", plural(c.count, "connection")),
            0 => format!("{} before", c.count),
            writers => format!("{} before ({writers} seen to write)", c.count),
        });
        let Some(after) = &self.after else {
            return before.unwrap_or_default();
        };
        let now = match (self.still, after.count) {
            (_, count) if after.only_counted => {
                let list = format!("list them with: replctl clients {}", self.node);
                format!("{count} now, {}; {list}", after.too_many())
            }
            (_, 0) => "none is left".to_owned(),
            (Some(still), count) if still == count => {
                format!("{still} of them still there: {after}")
            }
            (Some(still), count) => format!("{count} now, {still} of them from before: {after}"),
            (None, count) => format!("{count} now: {after}"),
        };
        before.map_or(now.clone(), |before| format!("{before}, {now}"))
    }
}

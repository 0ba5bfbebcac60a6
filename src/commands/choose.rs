//! `promote` without a node: which there are to choose from, and the question which it is to be.

use super::promote::Seen;
use crate::cli;
use crate::error::{Exit, Problem, Result};
use crate::output;
use crate::plan::candidates::{Candidate, Candidates, candidates};
use crate::plan::{Promote, Refusal};
use crate::topology::NodeName;
use crate::world::World;
use serde::Serialize;

/// What is shown to programs, which are not asked.
#[derive(Serialize)]
struct Choice<'a> {
    candidates: &'a [Candidate],
    best: Option<&'a NodeName>,
    /// What stands against each of them alike.
    whichever: Vec<&'a str>,
}

/// Asks which node is to be promoted.
///
/// # Errors
/// There is nobody to ask, or nobody to choose.
pub async fn node(world: &World, args: &cli::Promote, wished: &Promote) -> Result<NodeName> {
    let seen = Seen::look(world, wished).await?;
    let all = candidates(wished, seen.topology(), |promote| seen.plan(promote));
    let told = Choice {
        candidates: &all.nodes,
        best: all.best(),
        whichever: all.whichever.iter().map(|r| r.why.as_str()).collect(),
    };
    output::told_where(&told, || None);
    let Some(best) = all.best() else {
        return Err(nobody(&all));
    };
    let place = all.nodes.iter().position(|c| c.best).unwrap_or(0);
    output::before_question(&text(&all));
    if args.yes || !output::can_ask() {
        let dry = if args.dry_run { " --dry-run" } else { "" };
        return Err(Problem::new("which node to promote has to be said")
            .hint(format!("replctl promote {best}{dry}"))
            .exit(Exit::Usage));
    }
    let names: Vec<String> = all
        .nodes
        .iter()
        .map(|c| output::escape(&c.node.0))
        .collect();
    let answer = tokio::task::spawn_blocking(move || {
        let question = dialoguer::Select::new()
            .with_prompt("Which is to be the primary?")
            .items(&names)
            .default(place);
        output::ask(|| question.interact_opt())
    })
    .await;
    let untouched =
        |what: &str, exit| Problem::new(format!("{what}; nothing was touched")).exit(exit);
    match answer {
        Ok(Ok(Some(place))) => match all.nodes.get(place) {
            Some(candidate) => Ok(candidate.node.clone()),
            None => Err(untouched("none was chosen", Exit::Refused)),
        },
        Ok(Ok(None)) => Err(untouched("none was chosen", Exit::Refused)),
        Ok(Err(_)) | Err(_) => Err(untouched("interrupted", Exit::Interrupted)),
    }
}

fn nobody(all: &Candidates) -> crate::error::Error {
    let mut problem = Problem::new("no node can be promoted; nothing was touched");
    for candidate in &all.nodes {
        let Candidate { node, why, .. } = candidate;
        let about = format!("`{node}`");
        let line = if why.contains(&about) {
            why.clone()
        } else {
            format!("{about}: {why}")
        };
        problem = problem.cause(output::escape(&line));
    }
    problem.hint("replctl status").exit(Exit::Refused)
}

/// One line for each, and what stands against all.
fn text(all: &Candidates) -> String {
    let width = all.nodes.iter().map(|c| c.node.0.chars().count()).max();
    let width = width.unwrap_or(0);
    let line = |candidate: &Candidate| {
        let mark = if candidate.best { '*' } else { ' ' };
        let word = match (candidate.best, candidate.possible) {
            (true, true) => "best:",
            (false, true) => "can be promoted:",
            (_, false) => "cannot:",
        };
        let name = output::escape(&candidate.node.0);
        let why = output::escape(&candidate.why);
        format!("{mark} {name:width$}  {word} {why}")
    };
    let mut lines: Vec<String> = all.nodes.iter().map(line).collect();
    let whichever = |r: &Refusal| output::escape(&format!("whichever it is: {}", r.why));
    lines.extend(all.whichever.iter().map(whichever));
    lines.join("\n")
}

//! `promote` without a node: shows the candidates, and asks for one.

use super::plan::candidates::{Candidate, Candidates, candidates};
use super::run::Observation;
use crate::engine::{Ground, Operation, Promote, Refusal};
use crate::error::{Exit, Problem, Result};
use crate::output;
use crate::topology::NodeName;
use crate::world::World;
use serde::Serialize;

/// What is shown to programs, which are not asked.
#[derive(Serialize)]
struct Choice<'a> {
    candidates: &'a [Candidate],
    best: Option<&'a NodeName>,
    /// The refusals that all candidates have in common.
    whichever: Vec<&'a str>,
}

/// Asks which node is to be promoted.
///
/// # Errors
/// There is nobody to ask, or nobody to choose.
pub async fn node(
    world: &World,
    args: &super::args::Promote,
    wished: &Promote,
) -> Result<NodeName> {
    let seen = Observation::look(world, wished).await?;
    let all = candidates(wished, seen.topology(), |promote| seen.plan(promote));
    let told = Choice {
        candidates: &all.nodes,
        best: all.best(),
        whichever: all.whichever.iter().map(|r| r.why.as_str()).collect(),
    };
    output::print_where(&told, || None);
    let Some(best) = all.best() else {
        return Err(nobody(&all));
    };
    if args.yes || !output::can_ask() {
        output::note(&text(&all));
        return Err(Problem::new("no node to promote is named")
            .hint(line(args, wished, best))
            .exit(Exit::Usage));
    }
    output::before_question(&text(&all));
    let best = best.0.clone();
    let names: Vec<String> = all
        .nodes
        .iter()
        .map(|c| output::escape(&c.node.0))
        .collect();
    // Asks for a word and shows no menu: a menu hides the cursor, and Ctrl-C would leave it hidden.
    let answer = tokio::task::spawn_blocking(move || {
        let check = move |answer: &String| {
            let known = names.iter().any(|name| name == answer.trim());
            known.then_some(()).ok_or("it is none of these nodes")
        };
        let question = dialoguer::Input::<String>::new()
            .with_prompt("Which is to be the primary?")
            .default(output::escape(&best))
            .validate_with(check);
        output::ask(|| question.interact())
    })
    .await;
    let untouched =
        |what: &str, exit| Problem::new(format!("{what}; nothing was touched")).exit(exit);
    let Ok(Ok(answer)) = answer else {
        return Err(untouched("interrupted", Exit::Interrupted));
    };
    let chosen = |c: &&Candidate| output::escape(&c.node.0) == answer.trim();
    match all.nodes.iter().find(chosen) {
        Some(candidate) => Ok(candidate.node.clone()),
        None => Err(untouched("none was chosen", Exit::Refused)),
    }
}

/// What was typed, with the node in it.
fn line(args: &super::args::Promote, wished: &Promote, best: &NodeName) -> String {
    let operation = Operation::Promote(Promote {
        node: best.clone(),
        ..wished.clone()
    });
    let mut line = format!("replctl {}", operation.line());
    for (given, option) in [
        (args.no_hooks, "--no-hooks"),
        (args.kick_clients, "--kick-clients"),
        (args.abandon_unfinished, "--abandon-unfinished"),
        (args.others.take_over, "--take-over"),
        (args.dry_run, "--dry-run"),
        (args.yes, "--yes"),
    ] {
        if given {
            line.push(' ');
            line.push_str(option);
        }
    }
    line
}

fn nobody(all: &Candidates) -> crate::error::Error {
    let mut problem = Problem::new("no node can be promoted; nothing was touched");
    let ground = all.whichever.first().map(|refusal| refusal.ground);
    let own = all.nodes.iter().find_map(|candidate| candidate.ground);
    problem.reason = ground.or(own).map(Ground::reason);
    for candidate in all.nodes.iter().filter(|c| !c.possible) {
        let Candidate { node, why, .. } = candidate;
        let line = if candidate.named {
            why.clone()
        } else {
            format!("`{node}`: {why}")
        };
        problem = problem.cause(output::escape(&line));
    }
    for refusal in &all.whichever {
        let why = format!("whichever it is: {}", refusal.why);
        problem = problem.cause(output::escape(&why));
    }
    let hints = all.whichever.iter().map(|r| &r.hint);
    let mut hints = hints.chain(all.nodes.iter().flat_map(|c| &c.hints));
    let hint = hints.next().map_or("replctl status", String::as_str);
    problem.hint(hint).exit(Exit::Refused)
}

/// One line for each candidate, and the refusals that all have in common.
fn text(all: &Candidates) -> String {
    let width = all.nodes.iter().map(|c| c.node.0.chars().count()).max();
    let width = width.unwrap_or(0);
    let line = |candidate: &Candidate| {
        let mark = if candidate.best { '*' } else { ' ' };
        let word = match (candidate.best, candidate.possible) {
            (true, true) => "best:",
            (false, true) if !all.whichever.is_empty() => "is:",
            (false, true) => "can be promoted:",
            (_, false) => "cannot:",
        };
        let name = output::escape(&candidate.node.0);
        let why = output::escape(&candidate.why);
        format!("{mark} {name:width$}  {word} {why}")
    };
    let mut lines: Vec<String> = all.nodes.iter().map(line).collect();
    let whichever = |r: &Refusal| {
        let (why, hint) = (output::escape(&r.why), output::escape(&r.hint));
        format!("whichever it is: {why}\n hint: {hint}")
    };
    lines.extend(all.whichever.iter().map(whichever));
    lines.join("\n")
}

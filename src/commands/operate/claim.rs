//! The claim that keeps operators on other machines away: tried again for a while, because two that begin at the same moment both step back.

use super::{Asked, who};
use crate::error::{Exit, Problem, Result};
use crate::output;
use crate::topology::claims::Holder;
use crate::world::World;
use crate::world::claim::{Attempt, Claimed, random_between};
use std::time::{Duration, Instant};

/// How long a claim is tried for. A hand-over takes less; who works for longer is named at once, then.
const PATIENCE: Duration = Duration::from_secs(6);
/// Between two attempts, ms: at random, so that two who meet do not meet again and again.
const BETWEEN_MS: (u64, u64) = (200, 1_000);

/// Claims the deployment for `operation`, or says who holds it. Nothing was touched then.
pub async fn claim(world: &World, asked: &Asked, operation: &str) -> Result<Claimed> {
    let begun = Instant::now();
    let mut told = false;
    loop {
        let holders = match world.claim(operation, &who(), asked.take_over).await {
            Attempt::Held(claimed) => return Ok(claimed),
            Attempt::Taken(holders) => holders,
        };
        if begun.elapsed() >= PATIENCE || holders.iter().any(Holder::is_silent) {
            return Err(refused(&holders, operation));
        }
        if !std::mem::replace(&mut told, true) {
            let names: Vec<String> = holders.iter().map(Holder::to_string).collect();
            let names = output::escape(&names.join(" and "));
            output::note(&format!("waiting for {names}, which is under way"));
        }
        let (least, most) = BETWEEN_MS;
        tokio::time::sleep(Duration::from_millis(random_between(least, most))).await;
    }
}

fn refused(holders: &[Holder], operation: &str) -> crate::error::Error {
    let silent = holders.iter().any(Holder::is_silent);
    let hint = if silent {
        format!("if that command is dead or frozen: replctl {operation} --take-over")
    } else {
        "wait for it to end; its claim goes with its process".to_owned()
    };
    let mut problem =
        Problem::new("another operator changes this deployment at the moment; nothing was touched");
    for holder in holders {
        let nodes: Vec<&str> = holder.nodes.iter().map(|n| n.0.as_str()).collect();
        let seen = format!("{holder}, seen on {}", nodes.join(", "));
        problem = problem.cause(output::escape(&seen));
    }
    problem.hint(output::escape(&hint)).exit(Exit::Refused)
}

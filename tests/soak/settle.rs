//! What an operator does after a case, and what must hold then.

use crate::case::{Case, Dice, Order, Report};
use crate::crew::{Crew, name};
use crate::support::program::Replctl;
use std::time::{Duration, Instant};

/// What an operator does: go on or go back, and bring home whoever came back as a stranger. Gives the primary.
pub fn settle(
    crew: &Crew<'_>,
    operator: &Replctl<'_>,
    case: &Case,
    report: &mut Report,
    dice: &mut Dice,
) -> Result<usize, String> {
    let victim = case.victim;
    let back = dice.roll(2) == 0;
    let mut said = String::new();
    for turn in 0..4 {
        let verb = if back && turn == 0 {
            "rollback"
        } else {
            "resume"
        };
        let ran = operator.run_within(Duration::from_secs(90), &[verb, "--yes"]);
        if ran.stdout.contains("Nothing to do") {
            break;
        }
        verb.clone_into(&mut report.way);
        said = format!("{ran}");
        if ran.code == Some(0) {
            break;
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    for _ in 0..3 {
        let primaries = crew.primaries();
        let wanted = match primaries[..] {
            [one] => one,
            [] => {
                // All of them answer, so the one that has most is known.
                "a circle".clone_into(&mut report.way);
                let wanted = |i: usize| matches!(case.order, Order::Promote(n) if n == i);
                (0..crew.servers.len())
                    .max_by_key(|i| (crew.keys(*i), wanted(*i)))
                    .unwrap()
            }
            _ => {
                // A primary that was killed before its new role was in its file comes back as one. It took no write since.
                let came_back = case.fault.brings_back();
                let rest: Vec<usize> = primaries.iter().copied().filter(|p| *p != victim).collect();
                let ([keeps], true) = (&rest[..], came_back && primaries.contains(&victim)) else {
                    return Err(format!(
                        "{} primaries: {primaries:?}; {said}",
                        primaries.len()
                    ));
                };
                "two primaries, one sent home".clone_into(&mut report.way);
                crew.servers[victim].follow(&crew.servers[*keeps]);
                *keeps
            }
        };
        if crew.whole(Duration::from_secs(3)) == Ok(wanted) {
            break;
        }
        let name = name(wanted);
        let mut words = vec!["promote", &name, "--yes"];
        if primaries.is_empty() {
            // It was primary until it was killed, and has on its disk what it acknowledged since.
            words.push("--allow-data-loss");
        }
        let ran = operator.run_within(Duration::from_secs(90), &words);
        said = format!("{ran}");
    }
    crew.whole(Duration::from_secs(20))
        .map_err(|wrong| format!("{wrong}; {said}"))
}

/// What must hold once the deployment is whole again.
pub fn after(
    crew: &mut Crew<'_>,
    operator: &Replctl<'_>,
    primary: usize,
    tally: &crate::support::Tally,
    report: &mut Report,
) -> Result<(), String> {
    let lost = tally.lost(crew.servers[primary].address());
    report.lost = lost.len();
    if !lost.is_empty() {
        let some: Vec<&String> = lost.iter().take(5).collect();
        return Err(format!(
            "{} acknowledged writes are lost: {some:?}",
            lost.len()
        ));
    }
    let mut client = crew.client(primary).ok_or("the primary does not answer")?;
    let begun = Instant::now();
    let written = client.try_command(&["SET", "after", "all"]);
    if written.as_ref().map_or(true, crate::support::Reply::failed) {
        return Err(format!("the primary takes no writes: {written:?}"));
    }
    if begun.elapsed() > Duration::from_millis(500) {
        return Err(format!(
            "a fence was left: a write took {:?}",
            begun.elapsed()
        ));
    }
    let left = client
        .command(&["CONFIG", "GET", "min-replicas-to-write"])
        .items();
    if left.get(1).is_none_or(|v| v.text() != "0") {
        return Err("min-replicas-to-write was left as the fence set it".to_owned());
    }
    let closed = operator.run(&["resume", "--yes"]);
    if !closed.stdout.contains("Nothing to do") {
        return Err(format!("the journal is not closed: {closed}"));
    }
    // Whatever a role is now, it is in its server's file.
    operator.run_within(
        Duration::from_mins(1),
        &["promote", &name(primary), "--yes"],
    );
    for i in 0..crew.servers.len() {
        if let Some(mut client) = crew
            .client(i)
            .filter(|_| report.fault == "Unwritable" || report.way.contains("home"))
        {
            let _ = client.try_command(&["CONFIG", "REWRITE"]);
        }
    }
    let before = crew.upstreams();
    crew.power_cycle();
    if crew.upstreams() != before {
        return Err(format!(
            "a restart of all changed the roles: {before:?} became {:?}",
            crew.upstreams()
        ));
    }
    Ok(())
}

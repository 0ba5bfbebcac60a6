//! The operator's repair after a case, and the final conditions.

use crate::soak::case::{Case, Dice, Report};
use crate::soak::crew::{Crew, name};
use crate::soak::fault::Fault;
use crate::soak::order::Order;
use crate::soak::rescued::in_no_backup;
use crate::support::Tally;
use crate::support::program::Replctl;
use crate::support::server::Family;
use std::time::{Duration, Instant};

/// How long a repair, or a promotion after it, may take.
const REPAIR: Duration = Duration::from_secs(90);

/// Resumes or rolls back until nothing is unfinished. Returns the last output.
fn close(operator: &Replctl<'_>, report: &mut Report, dice: &mut Dice) -> String {
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
        report.said.push(said.clone());
        if ran.code == Some(0) {
            break;
        }
        // A person has made somebody a primary: neither way ends that, and the hint says what does.
        if turn > 0 && ran.stderr.contains("replctl abandon ") {
            operator.run(&["abandon", "last", "--yes"]).ok();
            break;
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    said
}

/// The command that leaves `stays` as the only primary.
fn one_of_two(case: &Case, primaries: &[usize], stays: usize, report: &mut Report) -> String {
    let stays = name(stays);
    if let Order::Detach(node) = case.order
        && primaries.contains(&node)
    {
        "brought back".clone_into(&mut report.way);
        let node = name(node);
        return format!("move {node} --under {stays} --discard-data {node} --yes");
    }
    "two primaries, repaired".clone_into(&mut report.way);
    format!("repair --keep {stays} --yes")
}

/// The operator's repair: resume or roll back, and bring back nodes that returned as strangers.
/// Returns the primary.
pub fn settle(
    crew: &Crew<'_>,
    operator: &Replctl<'_>,
    case: &Case,
    report: &mut Report,
    dice: &mut Dice,
) -> Result<usize, String> {
    let mut said = close(operator, report, dice);
    for _ in 0..3 {
        let primaries = crew.primaries();
        let wanted = match primaries[..] {
            [one] => one,
            [] => {
                // Whoever leads it has on its disk what it acknowledged until it was killed.
                "a circle, repaired".clone_into(&mut report.way);
                let ran = operator.run_within(REPAIR, &["repair", "--yes", "--allow-data-loss"]);
                said = format!("{ran}");
                report.said.push(said.clone());
                continue;
            }
            _ => {
                let Some(stays) = who_stays(case, &primaries) else {
                    return Err(format!("primaries: {primaries:?}; {said}"));
                };
                let line = one_of_two(case, &primaries, stays, report);
                let words: Vec<&str> = line.split(' ').collect();
                said = format!("{}", operator.run_within(REPAIR, &words));
                report.said.push(said.clone());
                continue;
            }
        };
        if crew.whole(Duration::from_secs(3)) == Ok(wanted) {
            break;
        }
        let ran = operator.run_within(REPAIR, &["promote", &name(wanted), "--yes"]);
        said = format!("{ran}");
        report.said.push(said.clone());
    }
    crew.whole(Duration::from_secs(20))
        .map_err(|wrong| format!("{wrong}; {said}"))
}

/// Of two primaries, the one that took the last writes. It is not one that was killed before its
/// new role was in its file and came back as a primary, not one that was to be demoted, and not a
/// detached one.
fn who_stays(case: &Case, primaries: &[usize]) -> Option<usize> {
    // No client wrote to it.
    let by_hand = |node: usize| case.fault == Fault::PromotedByHand && node == case.victim;
    let goes = |node: usize| match case.order {
        _ if by_hand(node) => true,
        Order::Detach(alone) => node == alone,
        Order::Rejoin { .. } | Order::Repair { .. } => node == 0,
        Order::Promote(_) | Order::Move { .. } => case.fault.brings_back() && node == case.victim,
    };
    let stay: Vec<usize> = primaries.iter().copied().filter(|p| !goes(*p)).collect();
    let [stays] = stay[..] else { return None };
    Some(stays)
}

/// What must hold once the deployment is whole again.
pub fn after(
    crew: &mut Crew<'_>,
    operator: &Replctl<'_>,
    (primary, order): (usize, Order),
    (family, tally): (&Family, &Tally),
    report: &mut Report,
) -> Result<(), String> {
    let mut lost = tally.lost(crew.servers[primary].address());
    if order.is_of_two() {
        lost = in_no_backup(lost, crew, family, operator, tally);
    }
    report.lost = lost.len();
    if !lost.is_empty() {
        let some: Vec<&String> = lost.iter().take(5).collect();
        return Err(format!(
            "{} acknowledged writes are lost: {some:?}",
            lost.len()
        ));
    }
    no_fence_is_left(crew, primary)?;
    the_journal_is_closed(operator)?;
    roles_outlive_a_restart(crew, operator, primary, report)
}

/// The primary takes a write at once.
fn no_fence_is_left(crew: &Crew<'_>, primary: usize) -> Result<(), String> {
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
    Ok(())
}

/// Nothing is unfinished.
fn the_journal_is_closed(operator: &Replctl<'_>) -> Result<(), String> {
    let mut closed = operator.run(&["resume", "--yes"]);
    // A person has made the target a primary before it had its turn: neither way ends that, and the
    // hint says what does.
    if closed.stderr.contains("replctl abandon ") {
        operator.run(&["abandon", "last", "--yes"]).ok();
        closed = operator.run(&["resume", "--yes"]);
    }
    if !closed.stdout.contains("Nothing to do") {
        return Err(format!("the journal is not closed: {closed}"));
    }
    Ok(())
}

/// Every present role is in its server's file.
fn roles_outlive_a_restart(
    crew: &mut Crew<'_>,
    operator: &Replctl<'_>,
    primary: usize,
    report: &Report,
) -> Result<(), String> {
    // A claim that a network cut off lives on its server until the end of its connection gets
    // through: told as another operator.
    let end = Instant::now() + Duration::from_secs(30);
    let written = loop {
        let line = ["promote", &name(primary), "--yes"];
        let ran = operator.run_within(Duration::from_mins(1), &line);
        if ran.code != Some(3) || !ran.stderr.contains("another operator") || Instant::now() > end {
            break ran;
        }
        std::thread::sleep(Duration::from_secs(1));
    };
    // What a person does by hand is in no file.
    let not_written = report.fault == "Unwritable" || report.fault.ends_with("ByHand");
    for i in 0..crew.servers.len() {
        if let Some(mut client) = crew.client(i).filter(|_| not_written) {
            let _ = client.try_command(&["CONFIG", "REWRITE"]);
        }
    }
    let before = crew.upstreams();
    crew.power_cycle();
    if crew.upstreams() != before {
        return Err(format!(
            "a restart of all changed the roles: {before:?} became {:?}; before it: {written}",
            crew.upstreams()
        ));
    }
    Ok(())
}

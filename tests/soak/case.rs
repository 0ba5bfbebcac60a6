//! One case: a tree, writers, a change of the primary, a fault in the midst of it, the way back, and what must hold then.

use crate::crew::{Crew, name};
use crate::fault::Fault;
use crate::support::program::Replctl;
use crate::support::server::families;
use crate::support::writer::{Load, Style, Writer};
use std::any::Any;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// How a case went.
#[derive(Default)]
pub struct Report {
    pub family: String,
    pub fault: String,
    /// The exit of the promotion.
    pub exit: String,
    /// What brought the deployment back.
    pub way: String,
    pub acknowledged: usize,
    pub lost: usize,
    /// The longest time without an acknowledged write, ms, where the promotion went through.
    pub window_ms: f64,
    pub violation: Option<String>,
}

impl Report {
    /// A case that did not come to its end.
    pub fn panicked(number: u64, why: &(dyn Any + Send)) -> Self {
        let text = why
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| why.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        Self {
            fault: "?".to_owned(),
            violation: Some(format!(
                "case {number} broke off: {}",
                text.unwrap_or_default()
            )),
            ..Self::default()
        }
    }
}

/// A small generator of our own, so that a seed means the same everywhere (splitmix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64, number: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number.wrapping_mul(0xD1B5_4A32_D192_ED03))
    }

    /// A number below `below`.
    pub fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % below as u64).unwrap()
    }
}

/// Runs case `number` of `seed`.
pub fn run(seed: u64, number: u64) -> Report {
    let mut dice = Dice::new(seed, number);
    let families = families();
    let family = &families[usize::try_from(number).unwrap() % families.len()];
    let fault = Fault::ALL[dice.roll(Fault::ALL.len())];
    let nodes = 2 + dice.roll(4);
    let parents: Vec<usize> = (1..nodes)
        .map(|i| if dice.roll(3) == 0 { dice.roll(i) } else { 0 })
        .collect();
    let mut crew = Crew::start(family, &parents);
    let operator = Replctl::new().inventory(&crew.inventory(&parents));
    let target = 1 + dice.roll(nodes - 1);
    let victim = [0, target, dice.roll(nodes)][dice.roll(3)];
    let line = 1 + dice.roll(36);
    let mut report = Report {
        family: family.name.to_owned(),
        fault: format!("{fault:?}"),
        way: "none needed".to_owned(),
        ..Report::default()
    };
    crew.whole(Duration::from_secs(20)).unwrap();

    let writer = Writer::start(load(&crew));
    writer.await_more(100, Duration::from_secs(20));
    let begun = Instant::now();
    let exit = change(&mut crew, &operator, fault, target, victim, line, &mut dice);
    report.exit = exit.map_or("killed".to_owned(), |code| code.to_string());
    if exit == Some(0) {
        writer.await_more(50, Duration::from_secs(20));
    }
    let ended = Instant::now();
    let tally = writer.stop();
    report.acknowledged = tally.acknowledged();
    if exit == Some(0) {
        report.window_ms = tally.longest_gap_between_ms(begun, ended);
    }
    fault.heal(&mut crew, victim);

    let end = match settle(
        &crew,
        &operator,
        fault,
        victim,
        target,
        &mut report,
        &mut dice,
    ) {
        Ok(primary) => after(&mut crew, &operator, primary, &tally, &mut report),
        Err(wrong) => Err(wrong),
    };
    if fault == Fault::Nothing && exit != Some(0) {
        report.violation = Some(format!(
            "nothing went wrong, and promote ended with {exit:?}"
        ));
    }
    if let Err(wrong) = end {
        report.violation = Some(wrong);
    }
    if let Some(violation) = &mut report.violation {
        let _ = write!(
            violation,
            " [{} {fault:?} on n{victim}, target n{target}, parents {parents:?}, line {line}, exit {}, way {}]",
            family.name, report.exit, report.way
        );
    }
    report
}

fn load(crew: &Crew) -> Load {
    let ports: Vec<u16> = crew.servers.iter().map(|s| s.port).collect();
    let mut load = Load::plain(&ports).styles(&[
        Style::Set,
        Style::Transaction,
        Style::Lua,
        Style::Pipelined(4),
        Style::Blocking,
    ]);
    load.per_second = Some(300);
    load.patience = Duration::from_secs(1);
    load
}

/// The promotion, with the fault in it. Gives its exit code.
fn change(
    crew: &mut Crew,
    operator: &Replctl<'_>,
    fault: Fault,
    target: usize,
    victim: usize,
    line: usize,
    dice: &mut Dice,
) -> Option<i32> {
    let words = ["promote", &name(target), "--yes"];
    let mut command = operator.command(&words);
    if fault == Fault::ReplctlDies {
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
    }
    let mut running = crate::support::Running::start(&mut command);
    if fault == Fault::SecondOperator {
        std::thread::sleep(Duration::from_millis(dice.roll(300) as u64));
        let other = name(dice.roll(crew.servers.len()));
        operator.run(&["promote", &other, "--yes"]);
    } else if !matches!(fault, Fault::Nothing | Fault::ReplctlDies) {
        let journal = operator.home().join(".local/state/replctl/soak/journal");
        while !running.has_ended() && lines_in(&journal) < line {
            std::thread::sleep(Duration::from_micros(300));
        }
        fault.strike(crew, victim);
    }
    running.wait(Duration::from_secs(90)).code
}

/// The lines of the newest journal.
fn lines_in(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let newest = entries.flatten().map(|e| e.path()).max();
    let text = newest.and_then(|file| std::fs::read_to_string(file).ok());
    text.unwrap_or_default().matches('\n').count()
}

/// What an operator does: go on or go back, and bring home whoever came back as a stranger. Gives the primary.
fn settle(
    crew: &Crew,
    operator: &Replctl<'_>,
    fault: Fault,
    victim: usize,
    target: usize,
    report: &mut Report,
    dice: &mut Dice,
) -> Result<usize, String> {
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
                (0..crew.servers.len())
                    .max_by_key(|i| (crew.keys(*i), *i == target))
                    .unwrap()
            }
            _ => {
                // A primary that was killed before its new role was in its file comes back as one. It took no write since.
                let came_back =
                    matches!(fault, Fault::Killed | Fault::Restarted) || fault == Fault::Unwritable;
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
fn after(
    crew: &mut Crew,
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

//! One case: a tree, writers, a change of the primary with a fault in it, the repair, and the final
//! conditions.

use crate::soak::crew::{Crew, name};
use crate::soak::fault::Fault;
use crate::soak::order::Order;
use crate::soak::settle::{after, settle};
use crate::support::program::Replctl;
use crate::support::server::{Family, families};
use crate::support::wire::Wire;
use crate::support::writer::{Load, Style, Writer};
use crate::support::{Net, Ran, Tally};
use std::any::Any;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How a case went.
#[derive(Default)]
pub struct Report {
    pub family: String,
    pub order: String,
    pub fault: String,
    /// The exit code of the order.
    pub exit: String,
    /// The exit of the second operator, where there is one.
    pub second: String,
    /// The way in which the deployment was repaired.
    pub way: String,
    pub acknowledged: usize,
    pub lost: usize,
    /// The longest time without an acknowledged write, ms, where the change went through.
    pub window_ms: f64,
    pub violation: Option<String>,
    /// The output of replctl, run after run, printed with a violation.
    pub said: Vec<String>,
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

/// What the dice say of a case.
pub struct Case {
    pub fault: Fault,
    parents: Vec<usize>,
    pub order: Order,
    /// The node that the fault hits, and the other one if it is between two (the operator, if the
    /// number is beyond the last node).
    pub victim: usize,
    other: usize,
    /// After which journal line.
    line: usize,
}

impl Case {
    fn new(dice: &mut Dice) -> Self {
        let fault = Fault::ALL[dice.roll(Fault::ALL.len())];
        let nodes = 2 + dice.roll(5);
        let parents: Vec<usize> = (1..nodes)
            .map(|i| if dice.roll(3) == 0 { dice.roll(i) } else { 0 })
            .collect();
        let order = Order::new(dice, &parents);
        let target = order.target();
        let mut victim = [0, target, dice.roll(nodes)][dice.roll(3)];
        // A person touches replicas only.
        if fault.is_by_hand() && victim == 0 {
            victim = target;
        }
        let last = if fault.is_by_hand() { nodes - 1 } else { nodes };
        let others: Vec<usize> = (0..=last).filter(|i| *i != victim).collect();
        Self {
            fault,
            victim,
            other: others[dice.roll(others.len())],
            line: 1 + dice.roll(order.lines()),
            parents,
            order,
        }
    }

    /// Which case it was and what was said in it, beside a violation.
    fn told(&self, family: &Family, exit: &str, way: &str, said: &[String]) -> String {
        let Self {
            fault,
            victim,
            other,
            line,
            parents,
            order,
        } = self;
        let mut text = format!(
            " [{} {fault:?} on n{victim} (n{other}), {order:?}, parents {parents:?}, line {line}, exit {exit}, way {way}]",
            family.name
        );
        for said in said {
            let _ = write!(text, "\n{said}");
        }
        text
    }
}

/// Runs case `number` of `seed`; `wire`: for faults that need a network to cut.
pub fn run(seed: u64, number: u64, wire: Option<&Wire>) -> Report {
    let mut dice = Dice::new(seed, number);
    let families = families();
    let family = &families[usize::try_from(number).unwrap() % families.len()];
    let mut case = Case::new(&mut dice);
    if case.fault.needs_wire() && wire.is_none() {
        case.fault = Fault::Frozen;
    }
    let wire = wire.filter(|_| case.fault.needs_wire());
    let mut crew = Crew::start(family, &case.parents, wire);
    let operator = crew.operator();
    let elsewhere = crew.operator();
    let fault = case.fault;
    let mut report = Report {
        family: family.name.to_owned(),
        order: case.order.called().to_owned(),
        fault: format!("{fault:?}"),
        way: "none needed".to_owned(),
        ..Report::default()
    };
    crew.whole(Duration::from_secs(20)).unwrap();
    case.order.prepare(&crew, &operator);

    let (ran, tally) = changed_under_load(
        (&mut crew, family),
        &case,
        (&operator, &elsewhere),
        &mut report,
        &mut dice,
    );
    if fault == Fault::OtherMachine {
        elsewhere.run_within(Duration::from_secs(90), &["resume", "--yes"]);
    }
    let end = match settle(&crew, &operator, &case, &mut report, &mut dice) {
        Ok(primary) => after(
            &mut crew,
            &operator,
            (primary, case.order),
            (family, &tally),
            &mut report,
        ),
        Err(wrong) => Err(wrong),
    };
    if fault == Fault::Nothing && ran.code != Some(0) {
        report.violation = Some(format!("nothing went wrong, and it failed: {ran}"));
    }
    if let Err(wrong) = end {
        report.violation = Some(wrong);
    }
    if let Some(violation) = &mut report.violation {
        violation.push_str(&case.told(family, &report.exit, &report.way, &report.said));
    }
    report
}

/// The change and the fault in the midst of it, while clients write.
fn changed_under_load(
    (crew, family): (&mut Crew<'_>, &Family),
    case: &Case,
    (operator, elsewhere): (&Replctl<'_>, &Replctl<'_>),
    report: &mut Report,
    dice: &mut Dice,
) -> (Ran, Tally) {
    let fault = case.fault;
    let writer = Writer::start(load(crew, case, family));
    writer.await_more(100, Duration::from_secs(20));
    let begun = Instant::now();
    let ((ran, struck), second) = if case.fault.is_operator() {
        let is_elsewhere = fault == Fault::OtherMachine;
        let one = if is_elsewhere { elsewhere } else { operator };
        beside_another(crew, (operator, one), case, dice)
    } else {
        (change(crew, operator, case), None)
    };
    report.said.push(format!("{ran}"));
    report
        .said
        .extend(second.iter().map(|ran| format!("{ran}")));
    report.second = second.map_or_else(String::new, |ran| called(ran.code));
    let exit = ran.code;
    report.exit = called(exit);
    // Who comes back as a primary must find nobody who writes to it.
    let late = struck && fault.brings_back();
    if struck && !late {
        fault.heal(crew, case.victim, case.other);
    }
    let unknown = fault == Fault::PromotedByHand && case.victim == case.order.target();
    if exit == Some(0) && !late && !unknown {
        writer.await_more(50, Duration::from_secs(20));
    }
    let ended = Instant::now();
    let tally = writer.stop();
    if late {
        fault.heal(crew, case.victim, case.other);
    }
    report.acknowledged = tally.acknowledged();
    // Beside two primaries some clients write to the one that is to go.
    if exit == Some(0) && !case.order.is_of_two() && !unknown {
        report.window_ms = tally.longest_gap_between_ms(begun, ended);
    }
    (ran, tally)
}

fn called(exit: Option<i32>) -> String {
    exit.map_or("killed".to_owned(), |code| code.to_string())
}

fn load(crew: &Crew<'_>, case: &Case, family: &Family) -> Load {
    let order = case.order;
    let lua = if order.is_scripted(family) {
        Style::Lua
    } else {
        Style::Set
    };
    let mut load = Load::plain(&[]).styles(&[
        Style::Set,
        Style::Transaction,
        lua,
        Style::Pipelined(4),
        Style::Blocking,
    ]);
    let written = crew.servers.iter().enumerate();
    load.nodes = written
        .filter(|(i, _)| order.is_written_to(*i))
        .filter(|(i, _)| case.fault != Fault::PromotedByHand || *i != case.victim)
        .map(|(_, server)| server.address())
        .collect();
    load.net = crew.wire.map_or(Net::Machine, Wire::net);
    load.per_second = Some(300);
    load.patience = Duration::from_secs(1);
    load
}

/// Runs the order with the fault in it. Returns its output, and whether the fault came before its
/// end.
fn change(crew: &mut Crew<'_>, operator: &Replctl<'_>, case: &Case) -> (Ran, bool) {
    let mut struck = false;
    let words = case.order.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut command = operator.command(&words);
    if case.fault == Fault::ReplctlDies {
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", case.line.to_string());
    }
    let journal = operator.home().join(".local/state/replctl/soak/journal");
    let before = newest(&journal);
    let mut running = crate::support::Running::start(&mut command);
    if !matches!(case.fault, Fault::Nothing | Fault::ReplctlDies) {
        let lines = || lines(newest(&journal).filter(|file| before.as_ref() != Some(file)));
        while !running.has_ended() && lines() < case.line {
            std::thread::sleep(Duration::from_micros(300));
        }
        struck = !running.has_ended();
        if struck {
            case.fault.strike(crew, case.victim, case.other);
        }
    }
    // A server takes up to a minute to see that a copy does not come on.
    (running.wait(Duration::from_mins(3)), struck)
}

/// Runs the order, and a promotion by somebody else at about the same time.
fn beside_another(
    crew: &Crew<'_>,
    (operator, other): (&Replctl<'_>, &Replctl<'_>),
    case: &Case,
    dice: &mut Dice,
) -> ((Ran, bool), Option<Ran>) {
    let words = case.order.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let running = operator.start(&words);
    let within = [40, 300][dice.roll(2)];
    std::thread::sleep(Duration::from_millis(dice.roll(within) as u64));
    let target = name(dice.roll(crew.servers.len()));
    let second = other.run_within(Duration::from_mins(3), &["promote", &target, "--yes"]);
    ((running.wait(Duration::from_mins(3)), false), Some(second))
}

fn newest(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    entries.flatten().map(|e| e.path()).max()
}

fn lines(file: Option<PathBuf>) -> usize {
    let text = file.and_then(|file| std::fs::read_to_string(file).ok());
    text.unwrap_or_default().matches('\n').count()
}

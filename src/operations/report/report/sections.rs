//! The sections of a report, each from the story that a journal tells.

use super::markdown::{code, table, text};
use super::{NOT_RECORDED, Report};
use crate::actions::Action;
use crate::actions::local::LocalAction;
use crate::actions::role::RoleAction;
use crate::actions::server::ServerAction;
use crate::actions::wire::Wire;
use crate::engine::Step;
use crate::engine::journal::steps::{End, StepRecord, Stop};
use crate::engine::journal::story::Story;
use crate::engine::journal::{Effect, Evidence, Moment, Resync};
use crate::output::screen::duration;
use crate::topology::Link;
use std::cmp::Ordering;
use std::fmt::Write as _;

/// Each step with what was sent, what was heard, and how long it took.
pub fn steps(report: &Report<'_>) -> String {
    let story = report.story;
    let all = story.steps();
    let mut out = String::new();
    for run in 0..story.runs.len() {
        let told: Vec<&StepRecord> = all.iter().filter(|t| t.run == run).collect();
        if run > 0 {
            let _ = writeln!(out, "\nTaken up by {}:\n", text(&story.runs[run].who));
        }
        if told.is_empty() {
            out.push_str("No step was begun.\n");
            continue;
        }
        let rows: Vec<Vec<String>> = told.iter().map(|t| row(report, t)).collect();
        let head = ["at", "node", "step", "sent", "heard", "took"];
        out.push_str(&table(&head, &rows));
    }
    if story.runs.is_empty() {
        NOT_RECORDED.clone_into(&mut out);
    }
    out
}

fn row(report: &Report<'_>, told: &StepRecord) -> Vec<String> {
    let story = report.story;
    let clock = told.begun.to_zoned(report.zone.clone());
    let (node, what, sent) = story.step(told.at).map_or_else(
        || {
            let number = format!("{}.{}", told.at.stage + 1, told.at.step + 1);
            ("?".to_owned(), number, "?".to_owned())
        },
        |step| words(story, step, told),
    );
    vec![
        clock.strftime("%H:%M:%S%.3f").to_string(),
        node,
        what,
        sent,
        heard(told),
        told.took_ms.map_or_else(|| "-".to_owned(), duration),
    ]
}

fn words(story: &Story, step: &Step, told: &StepRecord) -> (String, String, String) {
    let node = text(&step.node.0);
    if !told.back {
        return (node, text(&step.action.to_string()), sent(&step.action));
    }
    let undo = story.undo_of(told.at);
    let what = undo.map_or_else(|| step.action.to_string(), ToString::to_string);
    let sent = undo.map_or_else(|| "-".to_owned(), sent);
    (node, format!("**put back:** {}", text(&what)), sent)
}

fn sent(action: &Action) -> String {
    match action.wire() {
        Wire::Commands(commands) => {
            let commands: Vec<String> = commands.iter().map(|c| code(c)).collect();
            commands.join(", ")
        }
        Wire::Ssh => "a script over SSH".to_owned(),
        Wire::Here => "nothing".to_owned(),
        Wire::Own => "a command on this machine".to_owned(),
    }
}

fn heard(told: &StepRecord) -> String {
    match &told.end {
        End::Done(seen) if seen.text.is_empty() => "done".to_owned(),
        End::Done(seen) => text(&seen.text),
        End::Failed { why, effect } => {
            let effect = match effect {
                Some(Effect::None) => " (it had no effect)",
                Some(Effect::Unknown) => " (it may have had its effect)",
                None => "",
            };
            format!("**failed:** {}{effect}", text(why))
        }
        End::Open => "**nothing is recorded**".to_owned(),
    }
}

/// What stopped writes, and for how long.
pub fn writes(story: &Story) -> String {
    if story.plan.is_none() {
        return NOT_RECORDED.to_owned();
    }
    let stops = story.stops();
    if stops.is_empty() {
        return "Writes were not stopped.".to_owned();
    }
    let lines: Vec<String> = stops.iter().map(stop).collect();
    lines.join("\n")
}

fn stop(stop: &Stop) -> String {
    let node = text(&stop.node.0);
    match (stop.ms, &stop.promoted) {
        (Some(ms), Some(new)) => format!(
            "- Writes were stopped on {node} for {}, from its fence to the promotion of {}.",
            duration(ms),
            text(&new.0)
        ),
        (Some(ms), None) => format!(
            "- Writes were stopped on {node} for {}, until its fence was lifted.",
            duration(ms)
        ),
        (None, _) => {
            let most = stop.at_most_ms.map_or_else(
                || "its server knows no fence that ends by itself".to_owned(),
                |ms| format!("it ended by itself after {ms} ms at the latest"),
            );
            format!("- Writes were stopped on {node}; the end is not recorded: {most}.")
        }
    }
}

/// The nodes as they were seen: before the first run, after the last.
pub fn topology(story: &Story, wanted: Moment) -> String {
    let Some(snapshot) = story.snapshot(wanted) else {
        return NOT_RECORDED.to_owned();
    };
    let dash = || "-".to_owned();
    let rows = snapshot.nodes.iter().map(|node| {
        let server = node.server.as_ref();
        let up = server.and_then(|s| s.upstream.as_ref());
        let role = server.map_or("no answer", |s| {
            if s.upstream.is_none() {
                "primary"
            } else {
                "replica"
            }
        });
        let link = up.map_or_else(dash, |up| match up.link {
            Link::Up => "up".to_owned(),
            Link::Down => "**down**".to_owned(),
        });
        let follows = up.map(|up| {
            let name = up.node.as_ref().map(|n| n.0.clone());
            text(&name.unwrap_or_else(|| up.address.to_string()))
        });
        vec![
            text(&node.name.0),
            text(&node.address.to_string()),
            role.to_owned(),
            follows.unwrap_or_else(dash),
            link,
            server.map_or_else(dash, |s| s.offset.to_string()),
            server.map_or_else(dash, |s| s.keys.to_string()),
            server.map_or_else(dash, |s| text(&s.version)),
        ]
    });
    let head = [
        "node", "address", "role", "follows", "link", "offset", "keys", "version",
    ];
    table(&head, &rows.collect::<Vec<_>>())
}

/// The proofs: of each step the last time that it was done.
pub fn proof(story: &Story) -> String {
    let steps = story.steps();
    let done = steps.iter().filter_map(|told| match &told.end {
        End::Done(seen) if !told.back && story.progress.done.contains(&told.at) => {
            Some((told, story.step(told.at)?, seen))
        }
        End::Done(_) | End::Failed { .. } | End::Open => None,
    });
    let mut lines: Vec<String> = Vec::new();
    let mut compared: Option<String> = None;
    for (told, step, seen) in done {
        // A later run did it again, and that run counts.
        let again = steps
            .iter()
            .any(|t| t.run > told.run && t.at == told.at && matches!(t.end, End::Done(_)));
        if again {
            continue;
        }
        if let Action::Server(ServerAction::AwaitCaughtUp { with, .. })
        | Action::Role(RoleAction::CompareOffsets { with, .. }) = &step.action
        {
            compared = offsets(step, seen, &with.0);
            continue;
        }
        if let Action::Role(RoleAction::TakeOver { from, .. }) = &step.action {
            compared = offsets(step, seen, &from.0).or(compared);
        }
        if step.action.promotes() {
            lines.extend(compared.take());
        }
        lines.extend(holds(step, seen));
    }
    if lines.is_empty() {
        return "Nothing.".to_owned();
    }
    lines.join("\n")
}

fn offsets(step: &Step, seen: &Evidence, with: &str) -> Option<String> {
    let (wanted, offset) = (seen.wanted?, seen.offset?);
    let verdict = match offset.cmp(&wanted) {
        Ordering::Equal => "equal: no acknowledged write is lost",
        Ordering::Less => "**not equal**: the new one has less",
        Ordering::Greater => "**not equal**: the new one has bytes that the old one never sent",
    };
    Some(format!(
        "- The offsets at the change: {wanted} on {}, {offset} on {}: {verdict}.",
        text(with),
        text(&step.node.0)
    ))
}

fn holds(step: &Step, seen: &Evidence) -> Option<String> {
    let node = text(&step.node.0);
    if step.action.promotes() {
        return Some(format!("- {node} was seen to be the primary."));
    }
    if let Action::Server(ServerAction::AwaitInSync { with, .. }) = &step.action {
        let how = match seen.resync {
            Some(Resync::Partial) => " by a partial resync",
            Some(Resync::Full) => " by a full resync",
            None => "",
        };
        let offset = seen.offset.unwrap_or(0);
        let with = text(&with.0);
        return Some(format!(
            "- {node} was in sync with {with}{how}, at offset {offset}."
        ));
    }
    if step.action == Action::Server(ServerAction::PersistRole) {
        return was_read_back(seen).then(|| format!("- The role of {node}: {}.", text(&seen.text)));
    }
    if matches!(
        step.action,
        Action::Server(ServerAction::AwaitUnlisted { .. })
    ) {
        return Some(format!("- {node}: {}.", text(&seen.text)));
    }
    matches!(step.action, Action::Server(ServerAction::ProveWrite { .. }))
        .then(|| format!("- {}, and writes were refused there.", text(&seen.text)))
}

/// Whether a role was read back from its file. Without SSH it is only written. Early journals had
/// this only as text.
fn was_read_back(seen: &Evidence) -> bool {
    let in_words = || seen.text.starts_with("read back");
    seen.read_back.unwrap_or_else(in_words)
}

/// The roles that were written and could not be seen in their files.
fn only_written(story: &Story) -> Vec<String> {
    let steps = story.steps();
    let lines = steps.iter().filter_map(|told| {
        let step = story.step(told.at)?;
        let End::Done(seen) = &told.end else {
            return None;
        };
        (step.action == Action::Server(ServerAction::PersistRole)
            && !told.back
            && !was_read_back(seen))
        .then(|| {
            format!(
                "- The role of {}: {}.",
                text(&step.node.0),
                text(&seen.text)
            )
        })
    });
    lines.collect()
}

/// What is still to be done, and what may be lost.
pub fn left(report: &Report<'_>) -> String {
    let story = report.story;
    let Some(plan) = &story.plan else {
        return NOT_RECORDED.to_owned();
    };
    let mut lines = Vec::new();
    if let Some(loss) = &plan.may_lose {
        lines.push(format!("- May be lost: {}.", text(loss)));
    }
    for trouble in story.troubles() {
        if let (Some(node), Some(why)) = (trouble.node, trouble.why) {
            lines.push(format!("- {}: {}.", text(&node.0), text(&why)));
        }
    }
    let written = plan
        .stages
        .iter()
        .enumerate()
        .flat_map(|(stage, s)| {
            s.steps
                .iter()
                .enumerate()
                .map(move |(step, s)| (crate::engine::journal::At { stage, step }, s))
        })
        .filter(|(at, s)| {
            matches!(
                s.action,
                Action::Local(LocalAction::RememberDemotion { .. })
            ) && story.progress.done.contains(at)
        });
    lines.extend(written.map(|(_, step)| {
        format!(
            "- {} was not told of its new role; {} shows it until it was.",
            text(&step.node.0),
            code("replctl status")
        )
    }));
    lines.extend(only_written(story));
    for at in story.undone() {
        if let Some(step) = story.step(at) {
            lines.push(format!(
                "- Not done, or put back: {}: {}.",
                text(&step.node.0),
                text(&step.action.to_string())
            ));
        }
    }
    if lines.is_empty() {
        return "Nothing.".to_owned();
    }
    lines.join("\n")
}

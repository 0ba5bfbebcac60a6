//! The proof that a promotion ends with: offsets, how long writes were stopped, and how each node
//! got in sync.

mod clients;

use crate::actions::Action;
use crate::actions::role::RoleAction;
use crate::actions::sentinel::SentinelAction;
use crate::actions::server::ServerAction;
use crate::actions::service::ServiceAction;
use crate::engine::journal::{Outcome, Resync};
use crate::engine::run_facts::{Passed, RunFacts, was_put_back};
use crate::engine::{Promote, Step};
use crate::inventory::Inventory;
use crate::output::escape;
use crate::output::paint::{self, Tone, out};
use crate::output::screen::duration;
use crate::topology::{Address, NodeName};
use serde::Serialize;
use std::cmp::Ordering;
use std::fmt::Write as _;
use std::time::Duration;

/// What is said where nothing is left to do. `elsewhere`: replicas that have another history than
/// the node they seem to follow.
pub fn nothing_left(primary: &NodeName, elsewhere: &[NodeName]) -> String {
    let nothing = format!("Nothing to do: {primary} is the primary");
    let names: Vec<String> = elsewhere.iter().map(|node| format!("`{node}`")).collect();
    match &names[..] {
        [] => format!("{nothing}, and everything that answers follows it."),
        [one] => format!("{nothing}. But {one} has another history, see: replctl status"),
        several => format!(
            "{nothing}. But {} have other histories, see: replctl status",
            several.join(", ")
        ),
    }
}

/// The proof of a promotion.
#[derive(Debug, Clone, Serialize)]
pub struct Proof {
    /// The operation's id in the journal.
    pub id: String,
    /// The new primary; `None` where the promotion was not seen to be done, or was put back.
    pub primary: Option<NodeName>,
    /// Where clients must write now; `None` in the same cases.
    pub address: Option<Address>,
    /// How the run ended.
    pub outcome: Outcome,
    /// From the first byte of the fence to the proof of the promotion, ms; `None` for a failover.
    pub writes_stopped_ms: Option<f64>,
    /// From the first byte of the fence until all Sentinels named the new primary, ms: clients that
    /// ask them where to write are out for that long.
    pub sentinels_named_ms: Option<f64>,
    /// The old primary's last offset, bytes.
    pub old_offset: Option<u64>,
    /// The offset the new primary had before it was promoted, bytes.
    pub new_offset: Option<u64>,
    /// The nodes that were moved.
    pub nodes: Vec<Moved>,
    /// What may have been lost, where it may.
    pub may_lose: Option<String>,
    /// Who used the old primary, and who still does.
    pub clients: Option<clients::Clients>,
    /// Another node became primary. Otherwise replctl only attached nodes that did not follow it.
    pub changed_primary: bool,
}

/// One node after a promotion.
#[derive(Debug, Clone, Serialize)]
pub struct Moved {
    /// The node.
    pub node: NodeName,
    /// It was seen to have what the new primary has.
    pub in_sync: bool,
    /// How it got there.
    pub resync: Option<Resync>,
    /// Its role was read back from what its next start reads.
    pub persisted: bool,
    /// What became of its role in its file.
    pub role_in_file: RoleInFile,
    /// Its file was written while it was stopped, so that it returns as a replica.
    pub fenced: bool,
}

/// What became of the role of a node in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleInFile {
    /// It was written, and read back as the next start reads it.
    ReadBack,
    /// It was written; what a restart reads was not seen.
    Written,
    /// It was not written.
    No,
}

/// Whether the node is the primary now, as far as the steps have seen it.
fn stands(run: RunFacts<'_>, node: &NodeName) -> bool {
    match run.outcome {
        Outcome::Completed | Outcome::Incomplete { .. } => true,
        Outcome::RolledBack { .. } | Outcome::Halted { .. } | Outcome::Stopped { .. } => {
            run.did_on(node, Action::promotes)
        }
    }
}

fn role_in_file(run: RunFacts<'_>, node: &NodeName) -> RoleInFile {
    let back = |step: &Step| was_put_back(run.plan, run.outcome, step);
    let wrote = |p: &&Passed| {
        p.step.node == *node
            && p.step.action == Action::Server(ServerAction::PersistRole)
            && !back(&p.step)
    };
    match run.passed.iter().rfind(wrote).map(|p| p.seen.read_back) {
        Some(Some(true)) => RoleInFile::ReadBack,
        Some(Some(false) | None) => RoleInFile::Written,
        // What an earlier run of this plan had seen is in its journal only.
        None if run.did_on(node, |a| *a == Action::Server(ServerAction::PersistRole)) => {
            RoleInFile::Written
        }
        None => RoleInFile::No,
    }
}

/// Puts the proof together from what the steps saw.
pub fn proof(inventory: &Inventory, operation: &Promote, run: RunFacts<'_>) -> Proof {
    let (plan, passed) = (run.plan, run.passed);
    let find = |wanted: &dyn Fn(&Action) -> bool| passed.iter().find(|p| wanted(&p.step.action));
    let fence = find(&Action::fences);
    let promoted = passed
        .iter()
        .find(|p| p.step.node == operation.node && p.step.action.promotes());
    // The promotion compares the offsets. Where Sentinel promotes, and in journals of older
    // versions, the step before it compares them.
    let sets_side_by_side = |a: &Action| {
        matches!(
            a,
            Action::Server(ServerAction::AwaitCaughtUp { .. })
                | Action::Role(RoleAction::CompareOffsets { .. } | RoleAction::TakeOver { .. })
        )
    };
    let compared = passed
        .iter()
        .rfind(|p| sets_side_by_side(&p.step.action) && p.seen.wanted.is_some());
    let names = |a: &Action| matches!(a, Action::Sentinel(SentinelAction::AwaitAgreed { .. }));
    let told = plan
        .steps()
        .find_map(|s| s.action.followed(&operation.node));
    let address = told.cloned().unwrap_or_else(|| {
        let spec = inventory.get(&operation.node);
        spec.map_or_else(|| Address::new("?", 0), |n| n.announced().clone())
    });
    let is_primary = stands(run, &operation.node);
    Proof {
        id: run.id.to_owned(),
        primary: is_primary.then(|| operation.node.clone()),
        address: is_primary.then_some(address),
        outcome: run.outcome.clone(),
        writes_stopped_ms: fence
            .zip(promoted)
            .map(|(f, p)| p.ended.duration_since(f.begun).as_secs_f64() * 1e3),
        sentinels_named_ms: fence.zip(find(&names)).and_then(|(f, named)| {
            let at = named.begun + Duration::from_millis(named.seen.named_ms?);
            Some(at.duration_since(f.begun).as_secs_f64() * 1e3)
        }),
        old_offset: compared.and_then(|p| p.seen.wanted),
        new_offset: compared.and_then(|p| p.seen.offset),
        nodes: nodes(inventory, run),
        may_lose: plan.may_lose.clone(),
        clients: clients::clients(run),
        changed_primary: is_primary && plan.changes_roles(),
    }
}

/// The nodes that got another role, or whose role was written.
fn nodes(inventory: &Inventory, run: RunFacts<'_>) -> Vec<Moved> {
    let (plan, passed) = (run.plan, run.passed);
    let mut nodes: Vec<NodeName> = Vec::new();
    for step in plan.steps() {
        let moved = matches!(
            step.action,
            Action::Server(ServerAction::AwaitInSync { .. } | ServerAction::PersistRole)
                | Action::Service(ServiceAction::FenceFile { .. })
        );
        if (moved || step.action.promotes()) && !nodes.contains(&step.node) {
            nodes.push(step.node.clone());
        }
    }
    // As everywhere, in the order of the inventory.
    nodes.sort_by_key(|name| inventory.nodes.iter().position(|n| n.name == *name));
    let moved = nodes.into_iter().map(|node| {
        let synced = |a: &Action| matches!(a, Action::Server(ServerAction::AwaitInSync { .. }));
        let seen = passed
            .iter()
            .find(|p| p.step.node == node && synced(&p.step.action));
        Moved {
            in_sync: run.did_on(&node, synced),
            resync: seen.and_then(|p| p.seen.resync),
            persisted: role_in_file(run, &node) == RoleInFile::ReadBack,
            role_in_file: role_in_file(run, &node),
            fenced: run.did_on(&node, |a| {
                matches!(a, Action::Service(ServiceAction::FenceFile { .. }))
            }),
            node,
        }
    });
    moved.collect()
}

/// The proof as people read it.
pub fn text(proof: &Proof) -> String {
    let mut text = String::new();
    if let (Some(primary), Some(address)) = (&proof.primary, &proof.address) {
        let primary = format!("{} ({})", escape(&primary.0), escape(&address.to_string()));
        let _ = writeln!(text, "{} is the primary.", out(&primary, Tone::Strong));
    }
    let rows = rows(proof);
    let width = rows.iter().map(|r| r.0.chars().count()).max();
    for (label, tone, what) in &rows {
        // Padded first, because the colour sequences have a length, too.
        let label = format!("{label:width$}", width = width.unwrap_or(0));
        let label = tone.map_or(label.clone(), |tone| paint::out(&label, tone));
        let _ = writeln!(text, "  {label}  {what}");
    }
    if let (true, Some(address)) = (proof.changed_primary, &proof.address) {
        let address = escape(&address.to_string());
        let _ = write!(text, "Clients must now write to {address}.");
    }
    text.truncate(text.trim_end().len());
    text
}

/// What was measured, then each node: label, its colour, text.
fn rows(proof: &Proof) -> Vec<(String, Option<Tone>, String)> {
    let mut rows = Vec::new();
    if let (Some(ms), Some(old), Some(new)) =
        (proof.writes_stopped_ms, proof.old_offset, proof.new_offset)
    {
        let named = proof.sentinels_named_ms;
        let on_servers = named.map_or("", |_| " on the servers");
        let stopped = format!("{}{on_servers}", duration(ms));
        rows.push(("writes were stopped for".to_owned(), None, stopped));
        if let Some(ms) = named {
            let what = format!(
                "{} after writes were stopped; until then clients that ask them may have been sent to the old one",
                duration(ms)
            );
            rows.push(("all Sentinels name it".to_owned(), None, what));
        }
        let equal = match new.cmp(&old) {
            Ordering::Equal => paint::out("equal: no acknowledged write is lost", Tone::Good),
            Ordering::Less => paint::out("NOT equal: the new one has less", Tone::Bad),
            Ordering::Greater => paint::out(
                "NOT equal: the new one has bytes that the old one never sent",
                Tone::Bad,
            ),
        };
        rows.push((
            "offsets at the change".to_owned(),
            None,
            format!("{old} on the old primary, {new} on the new: {equal}"),
        ));
    }
    if let Some(loss) = &proof.may_lose {
        rows.push(("may be lost".to_owned(), Some(Tone::Warn), escape(loss)));
    }
    let nodes = proof.nodes.iter();
    rows.extend(nodes.map(|n| (escape(&n.node.0), None, moved(n, proof.primary.as_ref()))));
    let clients = proof.clients.iter().flat_map(clients::Clients::rows);
    rows.extend(clients.map(|(label, text)| (label, None, text)));
    rows
}

fn moved(node: &Moved, primary: Option<&NodeName>) -> String {
    let persisted = match node.role_in_file {
        RoleInFile::ReadBack => "role written to its file",
        RoleInFile::Written => "role written, what a restart reads was not seen",
        RoleInFile::No => "role NOT written: a restart may undo it",
    };
    if Some(&node.node) == primary {
        return format!("primary, {persisted}");
    }
    if node.fenced {
        return "stopped; its file says it returns as a replica".to_owned();
    }
    let how = match (node.in_sync, node.resync) {
        (true, Some(Resync::Partial)) => "in sync by a partial resync",
        (true, Some(Resync::Full)) => "in sync by a full resync",
        (true, None) => "in sync",
        (false, _) => "NOT in sync",
    };
    format!("replica, {how}, {persisted}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::engine::journal::{At, Evidence};
    use crate::engine::{Mode, Operation, Plan, Stage, Undo};
    use crate::inventory::parse::parse;
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::time::Instant;

    #[test]
    fn a_replica_of_another_history_is_not_said_to_follow() {
        let a = "a".into();
        assert!(nothing_left(&a, &[]).ends_with("everything that answers follows it."));
        let one = nothing_left(&a, &["b".into()]);
        assert!(one.contains("`b` has another history") && !one.contains("follows"));
    }

    #[test]
    fn a_promotion_that_was_put_back_names_no_primary() {
        let text = "[deployment]\nname = \"o\"\nauth = \"none\"\n[[node]]\nname = \"a\"\naddress = \"10.0.0.1\"\n";
        let inventory = parse(Path::new("i.toml"), text).unwrap();
        let promote = Promote {
            node: "a".into(),
            accept: Vec::new(),
        };
        let step = Step::new(
            &"a".into(),
            Action::Role(RoleAction::Promote),
            Undo::Impossible,
        );
        let stage = Stage {
            title: String::new(),
            mode: Mode::Atomic,
            steps: vec![step.clone()],
        };
        let plan = Plan {
            operation: Operation::Promote(promote.clone()),
            stages: vec![stage],
            warnings: Vec::new(),
            may_lose: None,
        };
        let passed = [Passed {
            step,
            seen: Evidence::default(),
            begun: Instant::now(),
            ended: Instant::now(),
        }];
        let told = |passed: &[Passed], outcome: &Outcome| {
            let run = RunFacts {
                id: "id",
                plan: &plan,
                passed,
                before: &BTreeSet::new(),
                outcome,
            };
            let proof = proof(&inventory, &promote, run);
            let json = serde_json::to_value(&proof).unwrap();
            assert_eq!(json["primary"].is_null(), json["address"].is_null());
            (json["primary"].is_string(), proof.changed_primary)
        };
        let at = At { stage: 0, step: 0 };
        let why = "it failed".to_owned();
        let back = Outcome::RolledBack {
            at,
            why: why.clone(),
        };
        let stopped = Outcome::Stopped { at, why };
        assert_eq!(told(&[], &back), (false, false));
        assert_eq!(told(&passed, &back), (false, false));
        assert_eq!(told(&[], &stopped), (false, false));
        assert_eq!(told(&passed, &stopped), (true, true));
        assert_eq!(told(&passed, &Outcome::Completed), (true, true));
    }
}

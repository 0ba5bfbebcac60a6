//! Plans the return of an old primary whose server gives no answer. Its file says replica before
//! its server is started. Pure.

use crate::actions::Action;
use crate::actions::rescue::RescueAction;
use crate::actions::server::ServerAction;
use crate::actions::service::ServiceAction;
use crate::engine::warning::returning::Returning;
use crate::engine::{Ground, Mode, Plan, Refusal, Rejoin, Stage, Step, Undo, Warning};
use crate::plan::divergence::{Disk, NoDisk, Own};
use crate::plan::facts::StoredData;
use crate::plan::follow::{IN_SYNC_MS, in_sync, persist};
use crate::topology::lineage::{Lineage, lineage};
use crate::topology::service::Starter;
use crate::topology::{Address, Node, Replication, Role, State};

/// Fills in the plan.
pub(super) fn plan(
    operation: &Rejoin,
    node: &Node,
    successor: &Node,
    own: &Own,
    plan: &mut Plan,
) -> Result<(), Vec<Refusal>> {
    let name = &node.name;
    let disk = disk(node, own)?;
    let address = successor.source_for(node.server());
    if let Some(refusal) = without_unit((node, successor), disk, &address) {
        return Err(vec![refusal]);
    }
    let first = first(operation, (node, successor), (own, disk), plan)?;
    let answer = Action::Server(ServerAction::AwaitAnswer {
        within_ms: IN_SYNC_MS,
    });
    let stage = |title: String, actions: Vec<Action>| Stage {
        title,
        mode: Mode::Atomic,
        steps: actions
            .into_iter()
            .map(|a| Step::new(name, a, Undo::Nothing))
            .collect(),
    };
    plan.stages = vec![
        stage(format!("make sure of what {name} has"), first),
        // From here on it cannot come back as a primary, even if a later step fails.
        stage(
            format!("let {name} return as a replica"),
            vec![Action::Service(ServiceAction::FenceFile { address })],
        ),
        stage(
            match node.foreign_unit() {
                Some(unit) => {
                    format!("start {name} by {unit}, as a replica of {}", successor.name)
                }
                None => format!("start {name} as a replica of {}", successor.name),
            },
            vec![Action::Service(ServiceAction::StartServer), answer],
        ),
        in_sync(successor, &[node]),
        persist(&[node]),
    ];
    Ok(())
}

/// Refuses a server that others have made and no unit starts: replctl does not know its command.
fn without_unit((node, successor): (&Node, &Node), disk: &Disk, to: &Address) -> Option<Refusal> {
    let name = &node.name;
    let service = node.foreign_service()?;
    let file = service.file.as_ref()?;
    let by = match &service.starter {
        Starter::Unit(_) | Starter::Unknown(_) => return None,
        Starter::Script(line) => format!("a start script starts it (`{line}`)"),
        Starter::Container(why) => why.clone(),
        Starter::Nothing => {
            "no unit that starts it was found (the inventory can name it: `unit` of the node)"
                .to_owned()
        }
    };
    if disk.runs {
        return Some(runs(node, false));
    }
    // Its start as a replica replaces what its disk holds.
    let copy = match &disk.folder {
        Some(folder) if has_own(disk, successor) => {
            format!("first copy {folder}, for only `{name}` may have what lies there; then ")
        }
        _ => String::new(),
    };
    Some(Refusal::new(
        Ground::Foreign,
        format!("`{name}` does not run, and replctl, which has not made it, cannot start it: {by}"),
        format!(
            "on its host, {copy}let {file} end with the line `replicaof {} {}`, and start it as before; then: replctl rejoin {name}",
            to.host, to.port
        ),
    ))
}

/// The steps before any start, and their warnings.
fn first(
    operation: &Rejoin,
    (node, successor): (&Node, &Node),
    (own, disk): (&Own, &Disk),
    plan: &mut Plan,
) -> Result<Vec<Action>, Vec<Refusal>> {
    let name = &node.name;
    let mut first = Vec::new();
    if disk.runs {
        if operation.backup.is_some() {
            return Err(vec![runs(node, true)]);
        }
        plan.may_lose = Some(format!(
            "what only `{name}` has in its memory and on its disk (WITHOUT a backup)"
        ));
        first.push(Action::Service(ServiceAction::StopServer));
    } else if has_own(disk, successor) {
        plan.may_lose = own.loss(node, operation.backup.as_deref());
        let has = Returning::Own {
            own: own.clone(),
            successor: successor.name.clone(),
        };
        plan.warnings.push(Warning::of(name, has));
        if let Some(folder) = &operation.backup {
            let copy = Action::Rescue(RescueAction::BackUpFiles {
                primary: successor.name.clone(),
                folder: folder.clone(),
            });
            first.push(copy);
        }
    } else {
        let history = match disk.data {
            StoredData::Keys => Some(successor.name.clone()),
            StoredData::Nothing | StoredData::Empty => None,
        };
        let nothing = Returning::NothingOnDisk(history);
        plan.warnings.push(Warning::of(name, nothing));
    }
    Ok(first)
}

fn disk<'a>(node: &Node, own: &'a Own) -> Result<&'a Disk, Vec<Refusal>> {
    let name = &node.name;
    let trouble = match &node.state {
        State::Down(trouble) => trouble.detail.as_str(),
        State::Up(_) => "",
    };
    let because = match own {
        Own::Silent(Ok(disk)) if disk.configured => return Ok(disk),
        Own::Silent(Ok(_)) => {
            return Err(vec![Refusal::new(
                Ground::Host,
                format!(
                    "`{name}` does not run ({trouble}), and its host has no configuration file for it"
                ),
                format!(
                    "if its file lies elsewhere, name it as `config_file` of `{name}` in the inventory; for a new and empty server: replctl setup {name}"
                ),
            )]);
        }
        Own::Silent(Err(NoDisk::Settings(why))) => {
            let look = node.foreign_unit().map_or_else(String::new, |unit| {
                format!("it is shown by `systemctl cat {unit}` on its host; ")
            });
            return Err(vec![Refusal::new(
                Ground::Foreign,
                format!(
                    "`{name}` gives no answer ({trouble}), and what its next start reads is not known: {why}"
                ),
                format!(
                    "{look}when that is corrected there, or in the inventory (`unit` or `config_file` of the node): replctl rejoin {name}"
                ),
            )]);
        }
        Own::Silent(Err(NoDisk::Host(why))) => why.as_str(),
        Own::Nothing { .. } | Own::Empty | Own::Commands { .. } | Own::Unknown(_) => {
            "it was not looked at"
        }
    };
    Err(vec![Refusal::new(
        Ground::Unreachable,
        format!(
            "`{name}` gives no answer ({trouble}), and its host cannot be worked on: {because}"
        ),
        format!("when its server or its host answers again: replctl rejoin {name}"),
    )])
}

/// `can_discard`: replctl can stop it and start it again.
fn runs(node: &Node, can_discard: bool) -> Refusal {
    let name = &node.name;
    let (why, or) = if can_discard {
        (
            "what it has in its memory cannot be backed up",
            format!("; or discard it: replctl rejoin {name} --discard-data {name}"),
        )
    } else {
        (
            "replctl, which has not made it, knows no unit to start it again by",
            String::new(),
        )
    };
    Refusal::new(
        Ground::Unreachable,
        format!("`{name}` runs and gives no answer: {why}"),
        format!(
            "let it answer again (a process that was stopped: kill -CONT PID), then: replctl rejoin {name}{or}"
        ),
    )
}

/// Whether only it may have what its disk holds.
fn has_own(disk: &Disk, successor: &Node) -> bool {
    disk.data == StoredData::Keys && !within(disk, successor)
}

/// Whether all that its dump holds is part of the primary's history.
fn within(disk: &Disk, successor: &Node) -> bool {
    let (Some((replid, offset)), Some(server)) = (&disk.history, successor.server()) else {
        return false;
    };
    let dumped = Replication {
        role: Role::Primary,
        offset: *offset,
        replid: replid.clone(),
        replid2: None,
        second_offset: None,
        backlog: None,
        replicas: Vec::new(),
        failover: None,
        priority: None,
    };
    matches!(lineage(&dumped, &server.replication), Lineage::Same { .. })
}

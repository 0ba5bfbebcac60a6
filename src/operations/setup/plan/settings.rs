//! Which settings of a changed inventory a running server can take, and which it cannot. Nothing
//! here restarts a server.

use super::hosts::wanted_config;
use super::{Look, Wiring, diskless_wanted};
use crate::actions::Action;
use crate::actions::host::HostAction;
use crate::actions::server::ServerAction;
use crate::config::Paths;
use crate::config::directives::{Directive, canonical, memory, quote, split};
use crate::config::server::{PASSWORD, Stamp, settable};
use crate::engine::warning::files::Files;
use crate::engine::{Step, Undo, Warning};
use crate::findings::drift;
use crate::inventory::secrets::is_secret;
use crate::inventory::{Auth, NodeSpec};
use crate::plan::facts::{ConfigFile, HostFacts};
use crate::plan::hosts::owner;
use crate::topology::{ReplicaAuth, Server};
use std::collections::BTreeMap;

/// What there is to do, and what has to wait.
#[derive(Default)]
pub(super) struct Changes {
    /// Steps on running nodes.
    pub steps: Vec<Step>,
    /// Warnings about settings that need a restart, and about files that replctl does not own.
    pub warnings: Vec<Warning>,
}

/// Compares every running node that is worked on with its inventory.
pub(super) fn changes(look: &Look<'_>, wiring: &Wiring) -> Changes {
    let mut changes = Changes::default();
    for node in look.scope().filter(|n| look.runs(&n.name)) {
        node_changes(look, wiring, node, &mut changes);
    }
    changes
}

fn node_changes(look: &Look<'_>, wiring: &Wiring, node: &NodeSpec, changes: &mut Changes) {
    let name = &node.name;
    let (Some(facts), Some(server)) = (
        look.facts(name),
        look.topology.get(name).and_then(|n| n.server()),
    ) else {
        return;
    };
    let paths = Paths::new(&look.inventory.server.directory, node.address.port);
    let Some(file) = &facts.config else {
        let gone = Files::Gone(paths.config());
        changes.warnings.push(Warning::of(name, gone));
        return;
    };
    let Some(stamp) = &file.stamp else {
        let foreign = Files::Foreign(paths.config());
        changes.warnings.push(Warning::of(name, foreign));
        return;
    };
    let wanted = wanted_config(look, wiring, node, facts).0;
    let lines = grouped(&wanted.directives);
    if stamp.fixed != wanted.stamp.fixed {
        changes.warnings.push(needs_restart(node, &lines, file));
    }
    let file = (file, stamp);
    let steps = steps(
        look,
        wiring,
        node,
        (facts, server),
        file,
        (&lines, &wanted.stamp),
    );
    let other = otherwise(node, &lines, server, file.0, &steps);
    changes.warnings.extend(other);
    changes.steps.extend(steps);
}

/// What is set on a running node, with what is noted of it in its file.
fn steps(
    look: &Look<'_>,
    wiring: &Wiring,
    node: &NodeSpec,
    (facts, server): (&HostFacts, &Server),
    (file, stamp): (&ConfigFile, &Stamp),
    (lines, wanted): (&BTreeMap<String, Vec<String>>, &Stamp),
) -> Vec<Step> {
    let name = &node.name;
    let paths = Paths::new(&look.inventory.server.directory, node.address.port);
    let mut steps = Vec::new();
    if wrong_login(look, server) {
        steps.push(Step::new(
            name,
            Action::Server(ServerAction::SetReplicaAuth),
            Undo::Nothing,
        ));
    }
    if stamp.settable != wanted.settable {
        steps.extend(
            lines
                .iter()
                .filter(|(n, _)| settable(n))
                .filter_map(|(n, args)| set(node, n, args, server, &file.directives)),
        );
        let put = |stamp: Stamp| {
            Action::Host(HostAction::StampConfig {
                path: paths.config(),
                stamp,
                owner: owner(look, facts).to_owned(),
            })
        };
        let new = Stamp {
            fixed: stamp.fixed.clone(),
            settable: wanted.settable.clone(),
        };
        steps.push(Step::new(
            name,
            Action::Server(ServerAction::PersistRole),
            Undo::Nothing,
        ));
        steps.push(Step::new(name, put(new), Undo::By(put(stamp.clone()))));
    } else if *name == wiring.primary && left_behind(look, wiring, server) {
        // An earlier run was cut short between the first sync and this.
        let back = Action::Server(ServerAction::SetDirective {
            name: "repl-diskless-sync".to_owned(),
            value: "yes".to_owned(),
        });
        steps.push(Step::new(name, back, Undo::Nothing));
    } else if !steps.is_empty() {
        // A CONFIG REWRITE may have written the wrong value into the file.
        steps.push(Step::new(
            name,
            Action::Server(ServerAction::PersistRole),
            Undo::Nothing,
        ));
    }
    steps
}

/// Warns of values, in the server or in its file, that differ from the inventory and that this run
/// does not change: somebody has set them by hand.
fn otherwise(
    node: &NodeSpec,
    lines: &BTreeMap<String, Vec<String>>,
    server: &Server,
    file: &ConfigFile,
    steps: &[Step],
) -> Option<Warning> {
    let set = |name: &String| {
        let sets = |a: &Action| matches!(a, Action::Server(ServerAction::SetDirective { name: of, .. }) if of == name);
        steps.iter().any(|s| sets(&s.action))
    };
    let own = |name: &String| node.config.contains_key(name) || name == "replica-priority";
    let mut said = Vec::new();
    for (name, args) in lines.iter().filter(|(name, _)| own(name) && !set(name)) {
        if is_secret(name) {
            continue;
        }
        let wanted = args.join(" ");
        let live = server
            .config
            .get(name)
            .filter(|live| !drift::same(name, live, args));
        if let Some(live) = live {
            let live = if live.is_empty() { "\"\"" } else { live };
            let when = if settable(name) {
                ""
            } else {
                ", which it takes at a restart"
            };
            said.push(format!("runs with `{name} {live}`, not `{wanted}`{when}"));
            continue;
        }
        let written = in_file(name, &file.directives).unwrap_or_default();
        if server.config.contains_key(name) && !drift::same(name, &written.join(" "), args) {
            let written = if written.is_empty() {
                "no such line".to_owned()
            } else {
                format!("`{name} {}`", written.join(" "))
            };
            said.push(format!(
                "has {written} in its file, not `{name} {wanted}`: its next start takes that"
            ));
        }
    }
    (!said.is_empty()).then(|| Warning::of(&node.name, Files::Otherwise(said)))
}

/// Whether it could not log in at another node: somebody has changed the running server's password,
/// and its file has the right one.
fn wrong_login(look: &Look<'_>, server: &Server) -> bool {
    let password = matches!(look.inventory.auth, Auth::Password(_));
    match server.replica_auth {
        Some(ReplicaAuth::Wrong) => true,
        Some(ReplicaAuth::Unset) => password,
        Some(ReplicaAuth::Right) | None => false,
    }
}

/// All arguments of each directive, without passwords: those are no settings.
fn grouped(directives: &[(String, String)]) -> BTreeMap<String, Vec<String>> {
    let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in directives.iter().filter(|(_, value)| value != PASSWORD) {
        let args = split(value).unwrap_or_else(|| vec![value.clone()]);
        lines.entry(name.clone()).or_default().extend(args);
    }
    lines
}

fn in_file(name: &str, directives: &[Directive]) -> Option<Vec<String>> {
    let mut lines = directives
        .iter()
        .filter(|d| canonical(&d.name) == name)
        .peekable();
    lines.peek()?;
    Some(lines.flat_map(|d| d.args.iter().cloned()).collect())
}

/// As the server would see it: units, case and the blanks between arguments do not matter.
fn same(a: &[String], b: &[String]) -> bool {
    let plain = |args: &[String]| -> Vec<String> {
        args.iter()
            .map(|arg| {
                memory(arg).map_or_else(|| arg.to_ascii_lowercase(), |bytes| bytes.to_string())
            })
            .filter(|arg| !arg.is_empty())
            .collect()
    };
    plain(a) == plain(b)
}

/// The server writes its directory without the slash at the end.
fn same_place(name: &str, a: &[String], b: &[String]) -> bool {
    let plain = |args: &[String]| -> Vec<String> {
        let trimmed = args.iter().map(|arg| arg.trim_end_matches('/'));
        trimmed.map(str::to_owned).collect()
    };
    name == "dir" && plain(a) == plain(b)
}

fn set(
    node: &NodeSpec,
    name: &str,
    args: &[String],
    server: &Server,
    directives: &[Directive],
) -> Option<Step> {
    let words = |value: &str| split(value).unwrap_or_else(|| vec![value.to_owned()]);
    let live = server.config.get(name).map(|v| words(v));
    let have = live.clone().or_else(|| in_file(name, directives));
    if have.as_deref().is_some_and(|have| same(have, args)) {
        return None;
    }
    let set = |args: &[String]| {
        Action::Server(ServerAction::SetDirective {
            name: name.to_owned(),
            value: args.join(" "),
        })
    };
    let undo = have.map_or(Undo::Nothing, |have| Undo::By(set(&have)));
    Some(Step::new(&node.name, set(args), undo))
}

fn needs_restart(
    node: &NodeSpec,
    lines: &BTreeMap<String, Vec<String>>,
    file: &ConfigFile,
) -> Warning {
    let changed = lines
        .iter()
        .filter(|(name, args)| {
            !settable(name)
                && !in_file(name, &file.directives)
                    .is_some_and(|have| same(&have, args) || same_place(name, &have, args))
        })
        .map(|(name, args)| {
            let args: Vec<String> = args.iter().map(|a| quote(a)).collect();
            let shown = if is_secret(name) {
                "(secret)".to_owned()
            } else {
                args.join(" ")
            };
            format!("{name} {shown}")
        })
        .collect();
    Warning::of(&node.name, Files::NeedsRestart(changed))
}

fn left_behind(look: &Look<'_>, wiring: &Wiring, server: &Server) -> bool {
    diskless_wanted(look, &wiring.primary)
        && server
            .config
            .get("repl-diskless-sync")
            .is_some_and(|v| v == "no")
}

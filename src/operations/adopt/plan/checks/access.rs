//! What only the running server knows, and a restart would lose: rights, modules, renamed commands,
//! arguments that its process does not show. Pure.

use super::super::former::is_hidden;
use super::super::{AdoptInput, Found, Subject, role_unwritten};
use crate::engine::{Ground, Refusal};
use crate::topology::service::whole::Stated;
use crate::topology::service::{Keep, Service, Writable};
use crate::topology::{Address, NodeName};

const LEAVE: &str =
    "leave it as it is: status, promote, move, detach, rejoin and repair work on it";

/// The refusals because of what no file says.
pub(super) fn refusals(around: &AdoptInput<'_>, subject: Subject<'_>, out: &mut Vec<Refusal>) {
    let name = &subject.spec.name;
    let (Some(found), Some(service)) = (around.found.get(name), subject.node.service.as_deref())
    else {
        return;
    };
    let Ok(stated) = &found.stated else { return };
    let hidden = is_hidden(service);
    rights(name, found, out);
    modules(name, found, stated, hidden, out);
    commands(name, found, stated, hidden, out);
    renamed(subject, stated, out);
    if hidden {
        rewritable(name, service, stated, out);
    }
    role(around, subject, service, out);
}

/// The default user may do everything, with one password.
fn rights(name: &NodeName, found: &Found, out: &mut Vec<Refusal>) {
    let why = match &found.access.limits {
        Ok(limits) if limits.is_empty() => return,
        Ok(limits) => format!(
            "the default user of `{name}` has rights that `adopt` does not take over: {}",
            limits.join(", ")
        ),
        Err(why) => format!("the rights of the default user of `{name}` are not known: {why}"),
    };
    out.push(Refusal::new(Ground::Secret, why, LEAVE));
}

/// Each module has a line of its own, which loads it again.
fn modules(
    name: &NodeName,
    found: &Found,
    stated: &[Stated],
    hidden: bool,
    out: &mut Vec<Refusal>,
) {
    let loads = stated.iter().filter(|t| t.line.name == "loadmodule");
    let mut lines: Vec<&str> = loads
        .filter_map(|t| t.line.args.first().map(String::as_str))
        .collect();
    lines.sort_unstable();
    lines.dedup();
    let mut refuse = |why: String| {
        out.push(Refusal::new(
            Ground::Difference,
            why,
            "write a `loadmodule` line for it into its file, restart it by its own means, and run this again",
        ));
    };
    let modules = match &found.access.modules {
        Ok(Some(modules)) => modules,
        Ok(None) if !hidden => return,
        Ok(None) => {
            return refuse(format!(
                "the modules of `{name}` are not known: it knows no MODULE"
            ));
        }
        Err(why) => return refuse(format!("the modules of `{name}` are not known: {why}")),
    };
    let unsaid = |path: &Option<String>| {
        let path = path.as_deref();
        path.is_some_and(|path| !lines.contains(&path))
    };
    let all: Vec<&str> = modules
        .iter()
        .filter(|m| unsaid(&m.path) || modules.len() > lines.len())
        .map(|m| m.name.as_str())
        .collect();
    if !all.is_empty() {
        refuse(format!(
            "`{name}` has modules that no file of its loads, and a restart would lose them: {}",
            all.join(", ")
        ));
    }
}

/// The commands that it does not know are those that its file renames.
fn commands(
    name: &NodeName,
    found: &Found,
    stated: &[Stated],
    hidden: bool,
    out: &mut Vec<Refusal>,
) {
    let mut refuse = |why: String| {
        out.push(Refusal::new(
            Ground::Difference,
            why,
            "correct the `rename-command` lines in its file, restart the server as you usually do, and run this again",
        ));
    };
    let missing = match &found.access.missing {
        Ok(missing) => missing,
        Err(_) if !hidden => return,
        Err(why) => {
            return refuse(format!(
                "which commands of `{name}` were renamed by its command line is not known: {why}"
            ));
        }
    };
    let lines = stated.iter().filter(|t| t.line.name == "rename-command");
    let renamed: Vec<String> = lines
        .filter_map(|t| Some(t.line.args.first()?.to_ascii_lowercase()))
        .collect();
    let upper = |names: Vec<&String>| {
        let names: Vec<String> = names.into_iter().map(|n| n.to_ascii_uppercase()).collect();
        names.join(", ")
    };
    let unsaid: Vec<&String> = missing.iter().filter(|n| !renamed.contains(n)).collect();
    if !unsaid.is_empty() {
        refuse(format!(
            "`{name}` does not know {}, and none of its files has `rename-command` for that: replctl could not start it again with the same commands",
            upper(unsaid)
        ));
    }
    let known: Vec<&String> = renamed.iter().filter(|n| !missing.contains(n)).collect();
    if !known.is_empty() {
        refuse(format!(
            "the file of `{name}` renames {}, and the server still knows it: a restart would change that",
            upper(known)
        ));
    }
}

/// The other name of a command is a secret of its kind.
fn renamed(subject: Subject<'_>, stated: &[Stated], out: &mut Vec<Refusal>) {
    let kept = subject.spec.config.contains_key("rename-command");
    let other = stated.iter().find(|t| {
        let to = t.line.args.get(1);
        t.line.name == "rename-command" && to.is_some_and(|to| !to.is_empty())
    });
    let Some(line) = other.filter(|_| !kept) else {
        return;
    };
    let command = line.line.args.first().map_or("", String::as_str);
    out.push(Refusal::new(
        Ground::Secret,
        format!(
            "the file of `{}` gives {command} another name, which may be a secret: `adopt` does not write it into the inventory",
            subject.spec.name
        ),
        "write it yourself under its [[node]], in [node.config]: rename-command = [\"COMMAND NAME\", …], with all such lines",
    ));
}

/// Its server writes all that it runs with into its file, and is started with that alone.
fn rewritable(name: &NodeName, service: &Service, stated: &[Stated], out: &mut Vec<Refusal>) {
    let hint = "stop it, write its arguments into its file, start it with the file alone, and run this again";
    let mut refuse = |why: String| out.push(Refusal::new(Ground::Unknown, why, hint));
    let beginning =
        format!("`{name}` was started by hand with arguments that its process does not show");
    let file = service.written.as_deref().unwrap_or("its file");
    match &service.writable {
        Writable::Yes => {}
        Writable::No(why) => refuse(format!(
            "{beginning}, and its server cannot write them into {file}: {why}"
        )),
        Writable::Unknown => refuse(format!(
            "{beginning}, and whether its server can write them into {file} is not known"
        )),
    }
    let include = stated.iter().filter_map(|t| t.file.as_ref());
    if let Some(include) = include
        .into_iter()
        .find(|at| service.file.as_ref() != Some(at))
    {
        refuse(format!(
            "{beginning}, and {file} includes {include}, which may win over what its server writes"
        ));
    }
}

/// The role that it has now can be written where its next start reads it.
fn role(around: &AdoptInput<'_>, subject: Subject<'_>, service: &Service, out: &mut Vec<Refusal>) {
    let Some(upstream) = subject.node.upstream() else {
        return;
    };
    let Some(above) = around.topology.upstream_of(subject.node) else {
        return;
    };
    let to = (above.name.clone(), upstream.address.clone());
    if !role_unwritten(around.topology, subject.node, &to) {
        return;
    }
    let name_of = |address: &Address| {
        let meant = around.topology.meant_by(subject.node, address);
        meant.map(|node| node.name.clone())
    };
    let same =
        |a: &Address, b: &Address| a == b || name_of(a).is_some() && name_of(a) == name_of(b);
    let at = Some(&upstream.address);
    if let Keep::No(obstacle) = service.keeps(at, at, same) {
        out.push(Refusal::new(
            Ground::Difference,
            format!(
                "if the adoption of `{}` fails, its former server would not be a replica of {} again: {}",
                subject.spec.name,
                upstream.address,
                obstacle.why(service)
            ),
            obstacle.remedy(service),
        ));
    }
}

//! The settings of a server that the inventory and replctl's own file cannot take over. Pure.

use super::super::{AdoptInput, Found, Subject, steps};
use crate::config::directives::memory;
use crate::engine::{Ground, Refusal};
use crate::inventory::secrets::is_secret;
use crate::inventory::server::present_name;
use crate::plan::facts::HostFacts;
use crate::topology::service::Arguments;
use crate::topology::service::whole::Stated;
use crate::topology::{NodeName, Server};

/// The refusals because of its configuration.
pub(super) fn refusals(
    around: &AdoptInput<'_>,
    subject: Subject<'_>,
    (facts, server): (&HostFacts, &Server),
    out: &mut Vec<Refusal>,
) {
    let name = &subject.spec.name;
    let Some(found) = around.found.get(name) else {
        return;
    };
    let stated = match &found.stated {
        Ok(stated) => stated,
        Err(why) => {
            out.push(Refusal::new(
                Ground::Unknown,
                format!("the configuration of `{name}` cannot be read: {why}"),
                "see: replctl status",
            ));
            return;
        }
    };
    if found.live.is_empty() {
        out.push(Refusal::new(
            Ground::Permission,
            format!("the live settings of `{name}` cannot be read: CONFIG GET returns nothing"),
            "allow it, or take `rename-command CONFIG` out of its file",
        ));
        return;
    }
    // CONFIG REWRITE writes the default user, which is checked elsewhere.
    let only_default = found.access.strays.as_ref().is_ok_and(Vec::is_empty);
    if !only_default && stated.iter().any(|t| t.line.name == "user") {
        out.push(Refusal::new(
            Ground::Secret,
            format!("the configuration of `{name}` has `user` lines, which hold passwords: `adopt` writes none into the inventory"),
            "leave it as it is: status, promote, move, detach, rejoin and repair work on it",
        ));
    }
    if subject.spec.tls.is_some() || found.live.get("tls-port").is_some_and(|port| port != "0") {
        out.push(Refusal::new(
            Ground::Unsupported,
            format!("`{name}` speaks TLS: `adopt` does not take over certificates"),
            "leave it as it is: status, promote, move, detach, rejoin and repair work on it",
        ));
    }
    on_command_line(subject, found, server, out);
    users_and_modules(subject, found, out);
    socket(name, found, out);
    append_only(name, found, out);
    clients(name, found, out);
    numbers(around, subject, found, out);
    if let Err(why) = steps::edit(around, subject, (facts, found), around.text) {
        out.extend(why);
    }
}

/// replctl could not give a password again that is only on the command line.
fn on_command_line(subject: Subject<'_>, found: &Found, server: &Server, out: &mut Vec<Refusal>) {
    let name = &subject.spec.name;
    let service = subject.node.service.as_deref();
    let Ok(stated) = &found.stated else { return };
    let shown = stated
        .iter()
        .any(|t| t.file.is_none() && is_secret(&t.line.name));
    let in_file = stated
        .iter()
        .any(|t| t.file.is_some() && present_name(&t.line.name) == "requirepass");
    let hides = service.is_some_and(|s| matches!(s.arguments, Arguments::Hidden(_)));
    if shown || hides && !in_file && server.has_password == Some(true) {
        out.push(Refusal::new(
            Ground::Secret,
            if shown {
                format!("the command line of `{name}` has a password, and `adopt` does not take it over")
            } else {
                format!("`{name}` has a password, and none of its files has `requirepass`")
            },
            "write it into its configuration file (CONFIG REWRITE does), and take it off its command line",
        ));
    }
}

/// Users that are in no file, and modules whose arguments may hold a password.
fn users_and_modules(subject: Subject<'_>, found: &Found, out: &mut Vec<Refusal>) {
    let name = &subject.spec.name;
    let mut refuse = |why: String, hint: &str| out.push(Refusal::new(Ground::Secret, why, hint));
    if found
        .live
        .get("aclfile")
        .is_some_and(|file| !file.is_empty())
    {
        refuse(
            format!("`{name}` has its users in an `aclfile`, which `adopt` does not take over"),
            "leave it as it is: status, promote, move, detach, rejoin and repair work on it",
        );
    }
    match &found.access.strays {
        Ok(strays) if strays.is_empty() => {}
        Ok(strays) => refuse(
            format!(
                "`{name}` has users that no file has, and a restart would lose them: {}",
                strays.join(", ")
            ),
            "leave it as it is: status, promote, move, detach, rejoin and repair work on it",
        ),
        Err(why) => refuse(
            format!("the users of `{name}` cannot be compared with its access list: {why}"),
            "see: replctl status",
        ),
    }
    let Ok(stated) = &found.stated else { return };
    let with_arguments = |t: &&Stated| t.line.name == "loadmodule" && t.line.args.len() > 1;
    let inventory = subject.spec.config.contains_key("loadmodule");
    if let Some(module) = stated.iter().find(with_arguments).filter(|_| !inventory) {
        let module = module.line.args.first().map_or("", String::as_str);
        refuse(
            format!(
                "`{name}` loads {module} with arguments, which may hold a password: `adopt` does not write them into the inventory"
            ),
            "write it yourself under its [[node]], in [node.config]: loadmodule = \"FILE ARGUMENTS\"",
        );
    }
}

/// A socket in a folder that its former unit creates.
fn socket(name: &NodeName, found: &Found, out: &mut Vec<Refusal>) {
    let socket = found.live.get("unixsocket").filter(|path| {
        ["/run/", "/var/run/"]
            .iter()
            .any(|run| path.starts_with(run))
    });
    if let Some(path) = socket {
        out.push(Refusal::new(
            Ground::Host,
            format!("`{name}` also listens on {path}, and what starts it now creates that folder"),
            "take `unixsocket` out of its configuration, or move it to a folder that stays",
        ));
    }
}

/// Settings with a key of their own in the inventory, where the inventory has another value.
fn numbers(around: &AdoptInput<'_>, subject: Subject<'_>, found: &Found, out: &mut Vec<Refusal>) {
    let name = &subject.spec.name;
    let live = |key: &str| found.live.get(key).map(String::as_str);
    let mut refuse = |why: String, hint: String| {
        out.push(Refusal::new(Ground::Inventory, why, hint));
    };
    let databases = around.inventory.server.databases.to_string();
    if let Some(has) = live("databases").filter(|has| *has != databases) {
        refuse(
            format!("`{name}` has {has} databases, and the inventory says {databases}"),
            format!("in [server]: databases = {has}"),
        );
    }
    let priority = subject.spec.priority.unwrap_or(100).to_string();
    if let Some(has) = live("replica-priority").filter(|has| *has != priority) {
        refuse(
            format!("`{name}` has `replica-priority {has}`, and the inventory says {priority}"),
            format!("under its [[node]]: priority = {has}"),
        );
    }
    let announced = subject.spec.announce.as_ref();
    let ip = announced.map_or("", |a| a.host.as_str());
    let port = announced.map_or(0, |a| u64::from(a.port));
    let host = live("replica-announce-ip").unwrap_or_default();
    let has_port = live("replica-announce-port").and_then(memory).unwrap_or(0);
    let other_port = has_port != port && (announced.is_none() || has_port != 0);
    if host != ip && !(host.is_empty() && announced.is_some()) || other_port {
        refuse(
            format!(
                "`{name}` announces `{host}`, port {has_port}, and the inventory has another value"
            ),
            format!("under its [[node]]: announce = \"HOST:PORT\", as `{name}` has it"),
        );
    }
}

/// Connections and files that the server's unit lets it have (`LimitNOFILE`), and those that it
/// needs beside its clients.
const FILES: u64 = 65_536;
const OWN_FILES: u64 = 32;

/// More clients than replctl's unit allows.
fn clients(name: &NodeName, found: &Found, out: &mut Vec<Refusal>) {
    let live = found.live.get("maxclients");
    let live = live.and_then(|v| v.parse::<u64>().ok());
    let most = FILES - OWN_FILES;
    if let Some(live) = live.filter(|live| *live > most) {
        out.push(Refusal::new(
            Ground::Unsupported,
            format!(
                "`{name}` runs with `maxclients {live}`, and replctl's unit allows {FILES} open files, which are {most} clients"
            ),
            format!("on its host: redis-cli CONFIG SET maxclients {most}"),
        ));
    }
}

/// Names of append-only files that are not copied.
fn append_only(name: &NodeName, found: &Found, out: &mut Vec<Refusal>) {
    let live = |key: &str| found.live.get(key).map_or("", String::as_str);
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let odd = ["appendfilename", "appenddirname"]
        .into_iter()
        .find(|key| !live(key).chars().all(plain));
    if let Some(key) = odd.filter(|_| live("appendonly") == "yes") {
        out.push(Refusal::new(
            Ground::Unsupported,
            format!(
                "`{name}` has `{key} \"{}\"`, and `adopt` copies only files with letters, digits and `._-` in their names",
                live(key)
            ),
            "leave it as it is: status, promote, move, detach, rejoin and repair work on it",
        ));
    }
}

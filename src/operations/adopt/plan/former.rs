//! How to start a server that somebody else made again, for the way back. Pure.

use super::{AdoptInput, Found, Subject};
use crate::actions::former::{Former, User};
use crate::config::Paths;
use crate::config::defaults::default_of;
use crate::findings::drift::same;
use crate::inventory::secrets::is_secret;
use crate::inventory::server::present_name;
use crate::topology::service::{Arguments, Service};
use crate::topology::{Node, PersistedRole};

/// Settings that a hidden command line may hold if the file does not have them. The server needs
/// them to run as before.
const PLACES: [(&str, &str); 5] = [
    ("port", "6379"),
    ("dir", ""),
    ("dbfilename", "dump.rdb"),
    ("logfile", ""),
    ("daemonize", "no"),
];

/// How the server is started.
pub(super) fn former(around: &AdoptInput<'_>, subject: Subject<'_>, found: &Found) -> Former {
    let service = subject.node.service.as_deref();
    let process = service.and_then(|s| s.process.as_ref());
    let folder = found.live.get("dir").cloned().unwrap_or_default();
    let unit = service.and_then(Service::unit).map(|u| u.name.clone());
    Former {
        port: subject.spec.address.port,
        arguments: match (&unit, service) {
            (None, Some(service)) => arguments(service, subject.node, found),
            (Some(_), _) | (None, None) => Vec::new(),
        },
        unit,
        program: process.and_then(|p| p.program.clone()).unwrap_or_default(),
        folder,
        user: User {
            uid: process.map_or(0, |p| p.uid),
            gid: process.map_or(0, |p| p.gid),
            groups: process.map_or_else(Vec::new, |p| p.groups.clone()),
        },
        unless: Paths::of(around.inventory, subject.spec).data(),
        open_files: found.boot.as_ref().ok().and_then(|boot| boot.open_files),
    }
}

/// The file and the arguments after it.
fn arguments(service: &Service, node: &Node, found: &Found) -> Vec<String> {
    let mut words: Vec<String> = service.file.iter().cloned().collect();
    match &service.arguments {
        Arguments::Shown(all) => words.extend(all.iter().cloned()),
        Arguments::Hidden(_) => words.extend(hidden(service, node, found)),
        Arguments::Unknown(_) => {}
    }
    words
}

/// The settings that the server must have got beside its file, by its live settings.
fn hidden(service: &Service, node: &Node, found: &Found) -> Vec<String> {
    let (Some(server), Ok(stated)) = (node.server(), &found.stated) else {
        return Vec::new();
    };
    let mut words = Vec::new();
    for (name, live) in found.live.iter().filter(|(name, _)| !is_secret(name)) {
        let said = stated
            .iter()
            .rev()
            .find(|t| present_name(&t.line.name) == *name);
        let place = PLACES.iter().find(|(place, _)| place == name);
        let otherwise = match (said, place) {
            (Some(said), _) => !same(name, live, &said.line.args),
            (None, Some((_, usual))) => live != usual,
            (None, None) => default_of(name, server.product, server.version)
                .is_some_and(|usual| !same(name, live, &[usual.to_owned()]) && live != usual),
        };
        // CONFIG GET returns several values in one, and the file has a line for each.
        if otherwise && name != "save" && name != "client-output-buffer-limit" {
            words.extend([format!("--{name}"), live.clone()]);
        }
    }
    let now = node.upstream().map(|up| &up.address);
    let file = service.role_in_file();
    if let (Some(now), Some(PersistedRole::Primary) | None) = (now, &file) {
        words.extend([
            "--replicaof".to_owned(),
            now.host.clone(),
            now.port.to_string(),
        ]);
    }
    words
}

//! How to start a server that somebody else made again, for the way back. Pure.

use super::{AdoptInput, Found, Subject};
use crate::actions::former::{Former, User};
use crate::config::Paths;
use crate::topology::service::{Arguments, Service};

/// Whether a person has started it with arguments that its process does not show. Its server writes
/// all that it runs with into its file, and is started again with that file alone.
pub(super) fn is_hidden(service: &Service) -> bool {
    service.unit().is_none() && matches!(service.arguments, Arguments::Hidden(_))
}

/// How the server is started.
pub(super) fn former(around: &AdoptInput<'_>, subject: Subject<'_>, found: &Found) -> Former {
    let service = subject.node.service.as_deref();
    let process = service.and_then(|s| s.process.as_ref());
    let folder = found.live.get("dir").cloned().unwrap_or_default();
    let unit = service.and_then(Service::unit).map(|u| u.name.clone());
    Former {
        port: subject.spec.address.port,
        arguments: match (&unit, service) {
            (None, Some(service)) => arguments(service),
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
fn arguments(service: &Service) -> Vec<String> {
    let mut words: Vec<String> = service.file.iter().cloned().collect();
    if let Arguments::Shown(all) = &service.arguments {
        words.extend(all.iter().cloned());
    }
    words
}

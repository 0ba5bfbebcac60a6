//! The nodes after their adoption: they have the same roles, and replctl's files hold the roles.
//! Pure.

use super::{AdoptInput, Subject};
use crate::config::Paths;
use crate::topology::Topology;
use crate::topology::service::{Arguments, Chain, Service, Starter, Unit, Writable};

/// The nodes after the replicas among `subjects` were adopted. `all`: the primary was adopted, too.
pub(super) fn adopted(around: &AdoptInput<'_>, subjects: &[Subject<'_>], all: bool) -> Topology {
    let mut later = around.topology.clone();
    for node in &mut later.nodes {
        let subject = subjects.iter().find(|s| s.spec.name == node.name);
        let Some(subject) = subject.filter(|s| all || !s.node.is_primary()) else {
            continue;
        };
        let paths = Paths::of(around.inventory, subject.spec);
        let role = node.upstream().map(|up| up.address.clone());
        let file = paths.config();
        let systemd = around.facts(&node.name).is_some_and(|f| f.systemd);
        let starter = Starter::Unit(Box::new(Unit {
            name: paths.unit(),
            user: Some(around.inventory.server.user.clone()),
            fragment: Some(format!("/etc/systemd/system/{}", paths.unit())),
            drop_ins: Vec::new(),
            exec_start: format!("{} {file}", paths.program()),
            enabled: Some(true),
            confined: Vec::new(),
        }));
        node.service = Some(Box::new(Service {
            starter: if systemd { starter } else { Starter::Nothing },
            process: None,
            settings: Ok(Chain::of_file(&file, role.as_ref())),
            file: Some(file.clone()),
            written: Some(file),
            arguments: Arguments::Shown(Vec::new()),
            writable: Writable::Yes,
            managed: true,
        }));
    }
    later
}

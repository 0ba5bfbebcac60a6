//! The steps that copy certificates and private keys to a host, where they differ from the
//! operator's files.

use super::{Do, Host};
use crate::actions::Action;
use crate::actions::host::Certificates;
use crate::actions::server::ServerAction;
use crate::config::tls;
use crate::engine::{Step, Undo};

impl Host<'_> {
    /// The certificates of a server that is to be started.
    pub fn certificates(&mut self) -> bool {
        let uid = self.facts.owner_uid;
        let have = &self.facts.certificates;
        let wanted = &self.facts.wanted_certificates;
        let is_there = |file: &&Certificates| {
            have.get(&file.path).is_some_and(|(sha256, of)| {
                *sha256 == file.sha256 && Some(of.uid) == uid && of.mode & 0o777 == 0o600
            })
        };
        if wanted.iter().all(|file| is_there(&file)) {
            return false;
        }
        let new = wanted.iter().filter(|file| !have.contains_key(&file.path));
        let paths: Vec<String> = new.map(|file| file.path.clone()).collect();
        let undo = (!paths.is_empty()).then_some(Do::RemoveFiles { paths });
        let action = Do::PutCertificates {
            files: wanted.clone(),
            program: self.paths.program(),
            owner: self.owner(),
        };
        self.add(action, undo);
        true
    }

    /// The certificates of a running server, which reads them again on `CONFIG SET`.
    pub fn new_certificates(&mut self) {
        let ours = self
            .facts
            .config
            .as_ref()
            .is_some_and(|c| c.stamp.is_some());
        if !ours || !self.certificates() {
            return;
        }
        // It reads all of them again, whichever directive is set.
        for (directive, name) in [("tls-cert-file", tls::CERT), ("tls-ca-cert-file", tls::CA)] {
            let value = self.paths.beside(name);
            let brought = self.facts.wanted_certificates.iter();
            if brought.into_iter().any(|file| file.path == value) {
                let read = Action::Server(ServerAction::SetDirective {
                    name: directive.to_owned(),
                    value,
                });
                self.steps
                    .push(Step::new(&self.node.name, read, Undo::Nothing));
                return;
            }
        }
    }
}

//! The steps that bring certificates and private keys to a host, where they differ from those of the operator's machine.

use super::{Do, Host};
use crate::config::tls;
use crate::plan::host::Certificates;
use crate::plan::{Action, Step, Undo};

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

    /// The certificates of one that runs, which reads them again where it is told so.
    pub(super) fn new_certificates(&mut self) {
        let ours = self
            .facts
            .config
            .as_ref()
            .is_some_and(|c| c.stamp.is_some());
        if ours && self.certificates() {
            let file = self.paths.beside(tls::CERT);
            let read = Action::SetDirective {
                name: "tls-cert-file".to_owned(),
                value: file,
            };
            self.steps
                .push(Step::new(&self.node.name, read, Undo::Nothing));
        }
    }
}

//! The steps that bring the server program to a host, or build it there, and the link by which the
//! node starts it.

use super::{Do, Host};
use crate::actions::host::HostAction;
use crate::inventory::{ServerSource, built_as};

/// The directory, beside the uploaded servers, that links to the distribution's.
const PACKAGE: &str = "package";

impl Host<'_> {
    /// The program, and the link to it.
    pub(super) fn server(&mut self) {
        let target = match &self.look.inventory.server.source {
            ServerSource::Embedded | ServerSource::Binary(_) => self.upload(),
            ServerSource::Package(name) => {
                let target = PACKAGE.to_owned();
                if !self.facts.servers.contains_key(&target) {
                    let into = self.beside(&target);
                    let name = name.clone();
                    let undo = Some(self.remove_server(&into));
                    self.add(Do::InstallPackage { name, into }, undo);
                }
                Some(target)
            }
            ServerSource::Tarball { sha256, .. } => Some(built_as(sha256)),
        };
        if let Some(target) = target {
            self.link(target);
        }
    }

    /// The program from its source, which takes minutes; on all hosts side by side, before the
    /// first server is started.
    pub fn build(&mut self) {
        let ServerSource::Tarball { file, sha256 } = &self.look.inventory.server.source else {
            return;
        };
        let target = built_as(sha256);
        if self.facts.servers.contains_key(&target) {
            return;
        }
        let into = self.beside(&target);
        let build = Do::BuildTarball {
            file: file.display().to_string(),
            sha256: sha256.clone(),
            directory: self.paths.root().to_owned(),
            into: into.clone(),
        };
        self.folders_of_all();
        let undo = self.remove_server(&into);
        self.add(build, Some(undo));
    }

    pub(super) fn builds(&self) -> bool {
        match &self.look.inventory.server.source {
            ServerSource::Tarball { sha256, .. } => {
                !self.facts.servers.contains_key(&built_as(sha256))
            }
            ServerSource::Embedded | ServerSource::Package(_) | ServerSource::Binary(_) => false,
        }
    }

    fn beside(&self, target: &str) -> String {
        format!("{}/{target}", self.paths.servers())
    }

    fn remove_server(&self, path: &str) -> HostAction {
        Do::RemoveServer {
            path: path.to_owned(),
            unless: self.paths.current(),
            node: self.paths.data(),
        }
    }

    /// Uploads the program unless the very same is there; the name of its directory.
    fn upload(&mut self) -> Option<String> {
        let server = self.look.payload_for(&self.facts.arch)?.clone();
        let target = server.directory_name();
        let there = self.facts.servers.get(&target);
        if there != Some(&server.sha256) {
            let into = self.beside(&target);
            let undo = there.is_none().then(|| self.remove_server(&into));
            self.add(Do::PutServer { server, into }, undo);
        }
        Some(target)
    }

    fn link(&mut self, target: String) {
        if self.facts.current.as_ref() == Some(&target) {
            return;
        }
        let link = self.paths.current();
        let undo = match &self.facts.current {
            Some(old) => Do::LinkServer {
                link: link.clone(),
                target: old.clone(),
            },
            None => Do::RemoveLink {
                link: link.clone(),
                node: self.paths.data(),
            },
        };
        self.add(Do::LinkServer { link, target }, Some(undo));
    }
}

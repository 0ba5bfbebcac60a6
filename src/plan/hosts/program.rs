//! The steps that bring the server program to a host, or build it there, and the link by which the
//! node starts it; and what stands against them.

use super::{Do, Host, HostLook};
use crate::actions::host::HostAction;
use crate::engine::{Ground, Refusal};
use crate::inventory::ServerSource;
use crate::inventory::source::Arrival;
use crate::plan::facts::HostFacts;
use crate::topology::NodeName;
use std::path::Path;

impl Host<'_> {
    /// The program, and the link to it.
    pub(super) fn server(&mut self) {
        let source = &self.look.inventory.server.source;
        let target = match source {
            ServerSource::Embedded | ServerSource::Binary(_) => self.upload(),
            ServerSource::Package(name) => self.install(name.clone()),
            ServerSource::Tarball { .. } => source.folder(),
        };
        if let Some(target) = target {
            self.link(target);
        }
    }

    /// The distribution's program, and the name of the folder that leads to it.
    fn install(&mut self, name: Option<String>) -> Option<String> {
        let target = self.look.inventory.server.source.folder()?;
        if !self.facts.servers.contains_key(&target) {
            let into = self.beside(&target);
            let undo = Some(self.remove_server(&into));
            self.add(Do::InstallPackage { name, into }, undo);
        }
        Some(target)
    }

    /// Builds the program from source, which takes minutes. All hosts build side by side, before
    /// the first server starts.
    pub fn build(&mut self) {
        let source = &self.look.inventory.server.source;
        let (ServerSource::Tarball { file, sha256 }, Some(target)) = (source, source.folder())
        else {
            return;
        };
        if !self.builds() {
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
        is_to_be_built(self.look, self.facts)
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

    /// Uploads the program unless the same one is on the host. Returns the name of its directory.
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

/// Whether the program is built on its host, and is not there yet.
fn is_to_be_built(look: &HostLook<'_>, facts: &HostFacts) -> bool {
    let source = &look.inventory.server.source;
    let folder = source
        .folder()
        .filter(|_| source.arrival() == Arrival::Built);
    folder.is_some_and(|folder| !facts.servers.contains_key(&folder))
}

/// What stands against getting the program there: what a host must have where it is not brought, but
/// installed or built there.
pub(super) fn refusal(look: &HostLook<'_>, name: &NodeName, facts: &HostFacts) -> Option<Refusal> {
    match &look.inventory.server.source {
        ServerSource::Package(package) => installer(package.as_deref(), name, facts),
        ServerSource::Tarball { file, .. } => {
            tools(file, name, facts).filter(|_| is_to_be_built(look, facts))
        }
        ServerSource::Embedded | ServerSource::Binary(_) => None,
    }
}

fn installer(package: Option<&str>, name: &NodeName, facts: &HostFacts) -> Option<Refusal> {
    let can = facts.root && facts.package_manager.is_some();
    if facts.package.is_some() || can {
        return None;
    }
    let package = package.unwrap_or("redis-server");
    Some(Refusal::new(
        Ground::Host,
        format!(
            "the package {package} cannot be installed on the host of `{name}`: that takes root and apt-get, dnf, yum, apk or zypper"
        ),
        "install it by hand, or use `source = \"embedded\"`",
    ))
}

fn tools(file: &Path, name: &NodeName, facts: &HostFacts) -> Option<Refusal> {
    let opener = match file.extension().and_then(|e| e.to_str()) {
        Some("xz" | "txz") => "xz",
        Some("bz2") => "bzip2",
        _ => "gzip",
    };
    let needed = |t: &&str| ["cc", "make", "tar", opener].contains(t);
    let lacks = facts.no_build.iter().map(String::as_str).filter(needed);
    let lacks: Vec<&str> = lacks.collect();
    if lacks.is_empty() {
        return None;
    }
    let install = match facts.package_manager.as_deref() {
        Some("apt-get") => "apt-get install -y build-essential",
        Some("apk") => "apk add build-base linux-headers",
        Some("dnf") => "dnf install -y gcc make tar",
        Some("yum") => "yum install -y gcc make tar",
        Some("zypper") => "zypper install -y gcc make tar",
        _ => "install them",
    };
    Some(Refusal::new(
        Ground::Host,
        format!(
            "the host of `{name}` has no {} to build a server with",
            lacks.join(", ")
        ),
        format!("there: {install}; or use `source = \"embedded\"`"),
    ))
}

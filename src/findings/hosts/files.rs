//! Owners and modes of the files that a server reads and writes. Pure.
//!
//! replctl changes no owner and no mode by itself here: the path comes from a server, and the
//! server may need the mode. A hint is given only for what is certain.

use super::super::{Code, Explanation, Finding, Severity};
use super::{Check, word};
use crate::topology::Node;
use crate::topology::host::{Owned, Places};
use crate::topology::phrases::name;
use crate::topology::service::{Process, Service, Starter};

/// The bit of a sticky folder.
const STICKY: u32 = 0o1000;

impl Check<'_> {
    pub(super) fn files(&self, node: &Node, places: &Places, found: &mut Vec<Finding>) {
        if !is_on_host(node, places) {
            return;
        }
        found.extend(self.closed(node, places));
        found.extend(self.open(node, places));
        found.extend(self.readable(node, places));
    }

    /// The user of the server cannot write into its data folder.
    fn closed(&self, node: &Node, places: &Places) -> Option<Finding> {
        let process = node.service.as_deref()?.process.as_ref()?;
        let (folder, owner) = (places.folder.as_deref()?, places.folder_owner?);
        if process.uid == 0 || owner.access_list || may(owner, process, 0o3) {
            return None;
        }
        let message = format!(
            "{} runs as user {} and may not write into its data folder {folder}, which is user {}'s (mode {:o}): it cannot save",
            name(&node.name),
            process.uid,
            owner.uid,
            owner.mode
        );
        let line = format!(
            "chown {}:{} {folder} && chmod u+rwx {folder}",
            process.uid,
            process.gid,
            folder = word(folder)?
        );
        let hint = self.is_its_folder(node, places, owner);
        let hint = hint.then(|| self.as_root(node, &line)).flatten();
        Some(
            Finding::about(node, Code::FolderClosed, Severity::Problem, message)
                .maybe_hint(hint)
                .with("uid", process.uid)
                .with("owner", owner.uid),
        )
    }

    /// Any user may put another dump there.
    fn open(&self, node: &Node, places: &Places) -> Option<Finding> {
        let (folder, owner) = (places.folder.as_deref()?, places.folder_owner?);
        if owner.mode & 0o002 == 0 {
            return None;
        }
        let then = if owner.mode & STICKY == 0 {
            ", and so replace its data"
        } else {
            ""
        };
        let message = format!(
            "any user of the host may write into {folder}, the data folder of {} (mode {:o}){then}",
            name(&node.name),
            owner.mode
        );
        let closed = with_mode(owner, owner.mode & !0o002);
        let hint = self.is_its_folder(node, places, owner) && keeps(node, closed, 0o3);
        let line = format!("chmod o-w {}", word(folder)?);
        let hint = hint.then(|| self.as_root(node, &line)).flatten();
        Some(
            Finding::about(node, Code::FolderOpen, Severity::Warning, message)
                .maybe_hint(hint)
                .with("mode", format!("{:o}", owner.mode)),
        )
    }

    /// Any user may read the configuration of a server that has a password.
    fn readable(&self, node: &Node, places: &Places) -> Option<Finding> {
        let (file, owner) = (places.config_file.as_deref()?, places.config_owner?);
        let locked = node.server()?.has_password == Some(true);
        let enclosed = places.config_enclosed?;
        if !locked || enclosed || owner.mode & 0o004 == 0 {
            return None;
        }
        let message = format!(
            "any user of the host may read {file} of {} (mode {:o}), and the server has a password",
            name(&node.name),
            owner.mode
        );
        let closed = with_mode(owner, owner.mode & !0o007);
        let service = node.service.as_deref();
        let named = service
            .is_some_and(|s| s.file.as_deref() == Some(file) && s.written.as_deref() == Some(file));
        let hint = named
            && service.is_some_and(has_files_of_root)
            && !owner.access_list
            && !is_of_system(file)
            && keeps(node, closed, 0o4);
        let line = format!("chmod o-rwx {}", word(file)?);
        let hint = hint.then(|| self.as_root(node, &line)).flatten();
        Some(
            Finding::about(node, Code::ConfigReadable, Severity::Warning, message)
                .maybe_hint(hint)
                .with("mode", format!("{:o}", owner.mode)),
        )
    }

    /// Whether the folder is certainly the server's alone: its files and the running server name
    /// it, no other server of the host has it, nothing else is in it, and its mode decides alone.
    fn is_its_folder(&self, node: &Node, places: &Places, owner: Owned) -> bool {
        let service = node.service.as_deref();
        let folder = places.folder.as_deref();
        let stored = service
            .and_then(|service| service.data_files()?.folder.as_deref())
            .map(without_slash);
        let live = self.seen.setting(&node.name, "dir").map(without_slash);
        folder.is_some_and(|f| !is_of_system(f))
            && live.is_some()
            && live == folder.map(without_slash)
            && live == stored
            && service.is_some_and(has_files_of_root)
            && places.folder_is_its == Some(true)
            && !self.is_shared(node, places)
            && owner.mode & STICKY == 0
            && !owner.access_list
    }

    /// Whether another node of the host has the same data folder.
    fn is_shared(&self, node: &Node, places: &Places) -> bool {
        let folder = |places: &Places| {
            places
                .folder
                .as_deref()
                .map(|f| without_slash(f).to_owned())
        };
        let own = folder(places);
        let mut all = self.seen.of(&node.name).into_iter().flat_map(|s| &s.nodes);
        all.any(|(name, places)| *name != node.name && folder(places) == own)
    }
}

/// Whether the paths of a server are those of the host that was looked at.
fn is_on_host(node: &Node, places: &Places) -> bool {
    let Some(service) = node.service.as_deref() else {
        return false;
    };
    let seen = match &service.starter {
        Starter::Container(_) => false,
        Starter::Unit(_) => true,
        Starter::Script(_) | Starter::Nothing | Starter::Unknown(_) => service.process.is_some(),
    };
    seen && places.on_host != Some(false)
}

/// Whether root's own files say what the server is started with.
fn has_files_of_root(service: &Service) -> bool {
    service.unit().is_some() || service.managed
}

/// Whether the running server keeps these rights with another mode.
fn keeps(node: &Node, owner: Owned, rights: u32) -> bool {
    let service = node.service.as_deref();
    let process = service.and_then(|service| service.process.as_ref());
    // Its next start may have another user than a server that root started by hand.
    let same = |process: &Process| {
        process.uid != 0 || service.and_then(Service::user).is_none_or(|u| u == "root")
    };
    process.is_some_and(|process| same(process) && may(owner, process, rights))
}

fn with_mode(owner: Owned, mode: u32) -> Owned {
    Owned { mode, ..owner }
}

fn without_slash(path: &str) -> &str {
    path.strip_suffix('/')
        .filter(|rest| !rest.is_empty())
        .unwrap_or(path)
}

/// Whether the mode alone gives a process these rights. Root may do more than that.
fn may(of: Owned, process: &Process, rights: u32) -> bool {
    let bits = if process.uid == of.uid {
        of.mode >> 6
    } else if process.gid == of.gid || process.groups.contains(&of.gid) {
        of.mode >> 3
    } else {
        of.mode
    };
    bits & rights == rights
}

/// Whether other programs than a server need a path as it is, or may need it.
fn is_of_system(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else {
        return true;
    };
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    if parts.iter().any(|part| part.starts_with('.')) {
        return true;
    }
    let second = parts.get(1).copied();
    let named = |name: &str| name.starts_with("redis") || name.starts_with("valkey");
    match parts.first().copied() {
        Some("etc") => !second.is_some_and(named),
        Some("var") => match second {
            Some("lib") => parts.len() < 3,
            Some(
                "tmp" | "spool" | "run" | "mail" | "cache" | "backups" | "log" | "lock" | "local",
            )
            | None => true,
            Some(_) => false,
        },
        Some("home" | "opt" | "srv" | "mnt" | "media") => parts.len() < 2,
        Some("bin" | "boot" | "dev" | "proc" | "root" | "run" | "sbin" | "sys" | "tmp" | "usr")
        | None => true,
        Some(other) => other.starts_with("lib"),
    }
}

pub(in super::super) const FOLDER_CLOSED: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "The user of the server may not make files in its data folder. It cannot save, and it may refuse writes after the next try. A folder with an access list is not judged.",
    cause: "The folder was made by another user, or the server was started as another user than before.",
    way_out: "Give the folder to the user of the server. The files in it need that too. The hint is missing where it is not certain that the folder is this server's alone.",
};

pub(in super::super) const FOLDER_OPEN: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "Any user of the host may replace the data of the server: it loads what lies there when it starts.",
    cause: "The mode of the data folder lets all users write.",
    way_out: "`chmod o-w` on the folder. First see that the server may write there as its owner or by its group: otherwise it can save no longer. The hint is given only where that was seen.",
};

pub(in super::super) const CONFIG_READABLE: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "Any user of the host may read the configuration file of a server that has a password. The password mostly stands there.",
    cause: "The file was made with a wide mode.",
    way_out: "`chmod o-rwx` on the file. First see that the server may read it as its owner or by its group: otherwise it does not start again. The hint is given only where that was seen. If other users could log in to the host, change the password.",
};

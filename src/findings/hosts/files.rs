//! Owners and modes of the files that a server reads and writes. Pure.

use super::super::{Code, Explanation, Finding, Severity};
use super::{Check, Repair, own, word};
use crate::topology::Node;
use crate::topology::host::{Owned, Places};
use crate::topology::phrases::name;

impl Check<'_> {
    pub(super) fn files(&self, node: &Node, places: &Places, found: &mut Vec<Finding>) {
        found.extend(self.closed(node, places));
        found.extend(self.open(node, places));
        found.extend(self.readable(node, places));
    }

    /// The user of the server cannot write into its data folder.
    fn closed(&self, node: &Node, places: &Places) -> Option<Finding> {
        let process = node.service.as_deref()?.process.as_ref()?;
        let (folder, owner) = (places.folder.as_deref()?, places.folder_owner?);
        if may_write(owner, process.uid, process.gid, &process.groups) {
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
        Some(
            Finding::about(node, Code::FolderClosed, Severity::Problem, message)
                .maybe_hint(self.as_root(node, &line))
                .with("uid", process.uid)
                .with("owner", owner.uid)
                .repaired_by(self.owned(node, folder, owner, (owner.mode | 0o700, process.uid))),
        )
    }

    /// Any user may put another dump there.
    fn open(&self, node: &Node, places: &Places) -> Option<Finding> {
        let (folder, owner) = (places.folder.as_deref()?, places.folder_owner?);
        if owner.mode & 0o002 == 0 {
            return None;
        }
        let message = format!(
            "any user of the host may write into {folder}, the data folder of {} (mode {:o}), and so replace its data",
            name(&node.name),
            owner.mode
        );
        let line = format!("chmod o-w {}", word(folder)?);
        Some(
            Finding::about(node, Code::FolderOpen, Severity::Warning, message)
                .maybe_hint(self.as_root(node, &line))
                .with("mode", format!("{:o}", owner.mode))
                .repaired_by(self.owned(node, folder, owner, (owner.mode & !0o002, owner.uid))),
        )
    }

    /// A change of mode and owner, if replctl may make it.
    fn owned(&self, node: &Node, path: &str, before: Owned, after: (u32, u32)) -> Vec<Repair> {
        let root = self.seen.of(&node.name).is_some_and(|state| state.root);
        let repair = root.then(|| own(path, before, after));
        repair.into_iter().collect()
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
        let line = format!("chmod o-rwx {}", word(file)?);
        Some(
            Finding::about(node, Code::ConfigReadable, Severity::Warning, message)
                .maybe_hint(self.as_root(node, &line))
                .with("mode", format!("{:o}", owner.mode))
                .repaired_by(self.owned(node, file, owner, (owner.mode & !0o007, owner.uid))),
        )
    }
}

/// Whether a user with these groups may create files in a folder.
fn may_write(folder: Owned, uid: u32, gid: u32, groups: &[u32]) -> bool {
    let bits = if uid == folder.uid {
        folder.mode >> 6
    } else if gid == folder.gid || groups.contains(&folder.gid) {
        folder.mode >> 3
    } else {
        folder.mode
    };
    uid == 0 || bits & 0o3 == 0o3
}

pub(in super::super) const FOLDER_CLOSED: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "The user of the server may not make files in its data folder. It cannot save, and it may refuse writes after the next try. An access list of the file system is not taken into account.",
    cause: "The folder was made by another user, or the server was started as another user than before.",
    way_out: "Give the folder to the user of the server. The files in it need that too.",
};

pub(in super::super) const FOLDER_OPEN: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "Any user of the host may replace the data of the server: it loads what lies there when it starts.",
    cause: "The mode of the data folder lets all users write.",
    way_out: "`chmod o-w` on the folder.",
};

pub(in super::super) const CONFIG_READABLE: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "Any user of the host may read the configuration file of a server that has a password. The password mostly stands there.",
    cause: "The file was made with a wide mode.",
    way_out: "`chmod o-rwx` on the file. If other users could log in to the host, change the password.",
};

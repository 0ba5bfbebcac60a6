//! Free space on disks, and file systems that refuse what a server needs. Pure.

use super::super::{Code, Explanation, Finding, Severity};
use super::{Check, word};
use crate::topology::Node;
use crate::topology::host::Places;
use crate::topology::phrases::{bytes, name};

/// A disk is nearly full if less than a twentieth is free, and less than this.
const SMALL: u64 = 1 << 30;

impl Check<'_> {
    pub(super) fn disk(&self, node: &Node, places: &Places, found: &mut Vec<Finding>) {
        found.extend(self.room_on_disk(node, places));
        found.extend(self.read_only(node, places));
        found.extend(self.noexec(node, places));
    }

    /// A new dump stays beside the old one until it is complete.
    fn room_on_disk(&self, node: &Node, places: &Places) -> Option<Finding> {
        let (all, free) = places.disk_bytes.zip(places.disk_free_bytes)?;
        let folder = places.folder.as_deref()?;
        let used = node.server().and_then(|server| server.used_memory);
        let own = name(&node.name);
        let message = if let Some(used) = used.filter(|used| *used > free) {
            format!(
                "{own} has {} in memory, and {} are free on the disk of {folder}: a dump or a full copy may not fit",
                bytes(used),
                bytes(free)
            )
        } else if free < all / 20 && free < SMALL {
            format!(
                "the disk of {folder} of {own} is nearly full: {} of {} are free",
                bytes(free),
                bytes(all)
            )
        } else {
            return None;
        };
        let hint = word(folder).and_then(|folder| {
            self.as_root(
                node,
                &format!("df -h {folder}; du -xk {folder} | sort -n | tail"),
            )
        });
        Some(
            Finding::about(node, Code::DiskRoom, Severity::Warning, message)
                .maybe_hint(hint)
                .with("free_bytes", free)
                .with("disk_bytes", all),
        )
    }

    fn read_only(&self, node: &Node, places: &Places) -> Option<Finding> {
        let folder = places.folder.as_deref()?;
        places.read_only.filter(|only| *only)?;
        let message = format!(
            "{folder} of {} is on a file system that takes no writes: nothing is saved, and a full copy fails",
            name(&node.name)
        );
        let line = format!(
            "mount -o remount,rw \"$(df -P {} | awk 'END {{ print $6 }}')\"",
            word(folder)?
        );
        Some(
            Finding::about(node, Code::ReadOnlyDisk, Severity::Problem, message)
                .maybe_hint(self.as_root(node, &line)),
        )
    }

    fn noexec(&self, node: &Node, places: &Places) -> Option<Finding> {
        let mount = places.noexec.as_deref()?;
        let message = format!(
            "the server program of {} is on {mount}, which is mounted `noexec`: its next start fails",
            name(&node.name)
        );
        let hint = self.as_root(node, &format!("mount -o remount,exec {}", word(mount)?));
        Some(
            Finding::about(node, Code::Noexec, Severity::Warning, message)
                .maybe_hint(hint)
                .with("mount", mount),
        )
    }
}

pub(in super::super) const DISK_ROOM: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The disk below the data folder has less room than the server has data, or is nearly full. A dump is written beside the one before it, and a full copy beside the dump of the replica. Where it does not fit, saving fails, and the server may refuse writes.",
    cause: "The disk is small, or logs and old files fill it.",
    way_out: "Make room, or give the host a larger disk.",
};

pub(in super::super) const READ_ONLY_DISK: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "The file system of the data folder takes no writes. The server cannot save, and a role cannot be written into its configuration.",
    cause: "The kernel has made it read-only after a fault of the disk, or it is mounted so.",
    way_out: "Look at the log of the kernel first: `dmesg`. If the disk is sound, mount it again with `rw`.",
};

pub(in super::super) const NOEXEC: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The server program is on a file system that starts no programs. What runs goes on running, and does not start again.",
    cause: "The file system is mounted with `noexec`.",
    way_out: "Mount it with `exec`, in `/etc/fstab` too, or put the program elsewhere.",
};

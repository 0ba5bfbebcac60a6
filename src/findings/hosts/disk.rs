//! Free space on disks, and file systems that refuse what a server needs. Pure.

use super::super::{Code, Explanation, Finding, Severity};
use super::{Check, word};
use crate::topology::Node;
use crate::topology::host::Places;
use crate::topology::phrases::{bytes, list, name};
use crate::topology::service::{Service, Starter};

/// A disk is nearly full if less than a twentieth is free, and less than this.
const SMALL: u64 = 1 << 30;

impl Check<'_> {
    pub(super) fn disk(&self, node: &Node, places: &Places, found: &mut Vec<Finding>) {
        if !is_on_host(places) || node.service.as_deref().is_some_and(is_contained) {
            return;
        }
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
        let together = self.together(node, places);
        let message = if let Some(used) = used.filter(|used| *used > free) {
            format!(
                "{own} has {} in memory, and {} are free on the disk of {folder}: a dump or a full copy may not fit",
                bytes(used),
                bytes(free)
            )
        } else if let Some((sharing, used)) = together.filter(|(_, used)| *used > free) {
            format!(
                "{} have {} in memory together, and {} are free on the disk that their data folders share: their dumps may not fit at the same time",
                list(sharing),
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

    /// The servers that share a file system with this one, and what they have in memory. `None`:
    /// this one is alone, or is not the first of them.
    fn together(&self, node: &Node, places: &Places) -> Option<(Vec<&Node>, u64)> {
        let number = places.file_system.as_deref()?;
        let state = self.seen.of(&node.name)?;
        let shares =
            |places: &Places| is_on_host(places) && places.file_system.as_deref() == Some(number);
        let all = state.nodes.iter().filter(|(_, places)| shares(places));
        let all: Vec<&Node> = all
            .filter_map(|(name, _)| self.topology.get(name))
            .collect();
        let first = all.first().is_some_and(|first| first.name == node.name);
        let used = all.iter().map(|node| node.server()?.used_memory);
        let used = used.flatten().fold(0u64, u64::saturating_add);
        (first && all.len() > 1).then_some((all, used))
    }

    fn read_only(&self, node: &Node, places: &Places) -> Option<Finding> {
        let folder = places.folder.as_deref()?;
        let of_host = places.read_only == Some(true);
        if !of_host && !places.read_only_for_it {
            return None;
        }
        let where_it_is = if places.broken {
            "on a file system that the kernel has closed (`emergency_ro` or `shutdown`), which only a check of it or a restart opens again"
        } else if of_host {
            "on a file system that takes no writes"
        } else {
            "on a mount of the server's own that takes no writes, as by `ReadOnlyPaths=` or `ProtectSystem=` of its unit"
        };
        let message = format!(
            "{folder} of {} is {where_it_is}: nothing is saved, and a full copy fails",
            name(&node.name)
        );
        let line = format!(
            "dmesg | tail; mount -o remount,rw \"$(df -P {} | awk 'END {{ print $6 }}')\"",
            word(folder)?
        );
        let hint = of_host && !places.broken;
        let hint = hint.then(|| self.as_root(node, &line)).flatten();
        Some(Finding::about(node, Code::ReadOnlyDisk, Severity::Problem, message).maybe_hint(hint))
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

/// Whether the process sees the files of the host that was looked at, as far as is known.
fn is_on_host(places: &Places) -> bool {
    places.on_host != Some(false)
}

/// Whether the paths of the server are those of a container.
fn is_contained(service: &Service) -> bool {
    matches!(service.starter, Starter::Container(_))
}

pub(in super::super) const DISK_ROOM: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The disk below the data folder has less room than the server has data, or than all servers with a folder there have, or is nearly full. A dump is written beside the one before it, and a full copy beside the dump of the replica. Where it does not fit, saving fails, and the server may refuse writes.",
    cause: "The disk is small, or logs and old files fill it.",
    way_out: "Make room, or give the host a larger disk.",
};

pub(in super::super) const READ_ONLY_DISK: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "The file system of the data folder takes no writes. The server cannot save, and a role cannot be written into its configuration.",
    cause: "The kernel has made it read-only after a fault of the disk, it is mounted so, or the unit of the server makes it so.",
    way_out: "Look at the log of the kernel first: `dmesg`. If the disk is sound, mount it again with `rw`. Where the kernel shows `emergency_ro` or `shutdown`, that is refused: unmount the file system and check it, or restart the host.",
};

pub(in super::super) const NOEXEC: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The server program is on a file system that starts no programs. What runs goes on running, and does not start again.",
    cause: "The file system is mounted with `noexec`.",
    way_out: "Mount it with `exec`, in `/etc/fstab` too, or put the program elsewhere.",
};

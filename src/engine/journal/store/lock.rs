//! The lock that keeps a second operation on this machine away.

use super::Store;
use crate::engine::journal::holder;
use crate::error::{Exit, Problem, Reason, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

/// Held while an operation changes things: a second one on this machine is refused. The kernel
/// frees it at the latest.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Store {
    /// Takes the lock, or says who holds it.
    pub fn lock(&self, who: &str) -> Result<Lock> {
        let path = self.folder.join("lock");
        let refused = |e: &dyn std::fmt::Display| {
            Problem::new(format!(
                "{}: the lock cannot be taken; nothing was touched",
                path.display()
            ))
            .cause(e)
            .exit(Exit::Failed)
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|e| refused(&e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).unwrap_or_default();
                return Err(Problem::new(format!(
                    "another operation on `{}` is running; nothing was touched",
                    self.deployment
                ))
                .because(Reason::Locked)
                .cause(holder.trim())
                .hint("wait for it to end; the lock goes with its process")
                .exit(Exit::Refused));
            }
            Err(fs::TryLockError::Error(e)) => return Err(refused(&e)),
        }
        file.set_len(0)
            .and_then(|()| {
                let holder = holder(who, std::process::id());
                file.write_all(format!("{holder}\n").as_bytes())
            })
            .map_err(|e| refused(&e))?;
        Ok(Lock { _file: file })
    }

    /// The holder of the lock, without taking it. To take it as a test would refuse an operation
    /// that begins at that moment.
    pub fn holder(&self) -> Option<String> {
        let path = self.folder.join("lock");
        let mut file = File::open(&path).ok()?;
        let inode = file.metadata().ok()?.ino();
        let locks = fs::read_to_string("/proc/locks").ok()?;
        if !is_held(&locks, device(&file)?, inode) {
            return None;
        }
        let mut text = String::new();
        file.read_to_string(&mut text).ok()?;
        Some(text.trim().to_owned())
    }
}

/// A device, as major and minor number.
type Device = (u32, u32);

/// The device of a file as the kernel's lists name it. For a file system with several volumes
/// (btrfs, overlay), `stat` names another device.
fn device(file: &File) -> Option<Device> {
    let about = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd()));
    let mounts = fs::read_to_string("/proc/self/mountinfo");
    if let (Ok(about), Ok(mounts)) = (about, mounts)
        && let Some(device) = of_mount(&about, &mounts)
    {
        return Some(device);
    }
    let device = file.metadata().ok()?.dev();
    Some((libc::major(device), libc::minor(device)))
}

/// The device of the mount that a file was opened on. `fdinfo` has the number of the mount,
/// `mountinfo` the devices of all mounts.
fn of_mount(fdinfo: &str, mountinfo: &str) -> Option<Device> {
    let mut lines = fdinfo.lines();
    let id = lines.find_map(|line| line.strip_prefix("mnt_id:"))?.trim();
    let mut mounts = mountinfo.lines().map(str::split_whitespace);
    let mut words = mounts.find(|words| words.clone().next() == Some(id))?;
    let (major, minor) = words.nth(2)?.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Whether the kernel's list has a whole-file lock on that file. Its lines:
/// `1: FLOCK ADVISORY WRITE 708 fe:01:17 0 EOF`, the device in hexadecimal.
fn is_held(locks: &str, device: Device, inode: u64) -> bool {
    let held = |line: &str| {
        let mut words = line.split_whitespace();
        // An arrow before the kind marks a process that waits for the lock and does not hold it.
        if words.nth(1)? != "FLOCK" {
            return None;
        }
        let mut place = words.nth(3)?.split(':');
        let number = |word: &str| u32::from_str_radix(word, 16).ok();
        let (major, minor) = (number(place.next()?)?, number(place.next()?)?);
        let same = (major, minor) == device && place.next()?.parse() == Ok(inode);
        same.then_some(())
    };
    locks.lines().any(|line| held(line).is_some())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const LOCKS: &str = concat!(
        "1: POSIX  ADVISORY  WRITE 708 fe:01:17 0 EOF\n",
        "2: FLOCK  ADVISORY  WRITE 709 00:2a:4711 0 EOF\n",
        "2: -> FLOCK  ADVISORY  WRITE 710 fe:01:18 0 EOF\n",
        "3: FLOCK  ADVISORY  READ -1 103:05:99 0 EOF\n",
    );

    #[test]
    fn a_lock_is_known_by_device_and_inode() {
        assert!(is_held(LOCKS, (0, 0x2a), 4711));
        assert!(is_held(LOCKS, (0x103, 5), 99));
        // The same inode on another device, and the end of another number.
        assert!(!is_held(LOCKS, (0xfe, 1), 4711));
        assert!(!is_held(LOCKS, (0, 0x2a), 11));
        // Another kind of lock, and one that is only waited for.
        assert!(!is_held(LOCKS, (0xfe, 1), 17));
        assert!(!is_held(LOCKS, (0xfe, 1), 18));
        assert!(!is_held("", (0, 0), 0) && !is_held("x y FLOCK", (0, 0), 0));
    }

    #[test]
    fn the_device_is_that_of_the_mount() {
        let fdinfo = "pos:\t0\nflags:\t0100000\nmnt_id:\t28\nino:\t17\n";
        let mounts = concat!(
            "1 0 254:1 / / rw - ext4 /dev/vda1 rw\n",
            "28 1 0:42 / /home rw,relatime shared:1 - btrfs /dev/vdb rw\n",
        );
        assert_eq!(of_mount(fdinfo, mounts), Some((0, 42)));
        assert_eq!(of_mount("pos:\t0\n", mounts), None);
        assert_eq!(of_mount("mnt_id:\t2\n", mounts), None);
    }

    #[test]
    fn the_kernel_says_so() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Store::of(folder.path(), "orders");
        fs::create_dir_all(&store.folder).unwrap();
        assert_eq!(store.holder(), None);
        let held = store.lock("ann@ops").unwrap();
        let process = std::process::id();
        assert_eq!(store.holder(), Some(format!("ann@ops, process {process}")));
        drop(held);
        assert_eq!(store.holder(), None);
    }
}

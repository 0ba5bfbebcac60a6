//! The folder of the journals: its owner, its mode, and the holders of its lock.

use crate::journals::{CUT, fixture, journals, put, unfinished};
use crate::support::process::run;
use crate::support::program::Replctl;
use crate::support::server::Family;
use crate::support::trio::{BACKLOG, Trio};
use crate::support::{InventoryText, NodeText, not_run, user_id};
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Commands that read or write journals, and would change nothing here.
const COMMANDS: [&[&str]; 6] = [
    &["status", "--no-ssh"],
    &["promote", "slave1", "--yes"],
    &["history"],
    &["report", "last"],
    &["resume"],
    &["abandon", CUT, "--yes"],
];

/// All commands refuse, with a command to paste. After it, none refuses.
fn repaired(operator: &Replctl<'_>, says: &str) {
    for command in COMMANDS {
        operator.run(command).code(3).says(says);
    }
    let told = operator.run(&["history", "--json"]).code(3);
    told.says("\"reason\": \"unknown\"");
    let hint = operator.run(&["history"]).stderr;
    let hint = hint.lines().find_map(|l| l.trim().strip_prefix("hint: "));
    // There is no sudo where the tests are root already.
    let hint = hint.unwrap().replace("sudo ", "");
    run(
        Command::new("sh").args(["-c", &hint]),
        Duration::from_secs(5),
    )
    .ok();
    operator.run(&["history"]).ok();
    operator.run(&["status", "--no-ssh"]);
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// K7.6.
#[test]
fn one_that_others_can_write_is_refused_with_the_command_that_repairs_it() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = Trio::start(family, &[BACKLOG]);
    let operator = deployment.operator();
    put(&operator, CUT, &fixture(CUT));
    let journal = journals(&operator);
    let own: Vec<PathBuf> = journal.ancestors().take(3).map(Path::to_owned).collect();
    assert!(own[2].ends_with("replctl"));
    for folder in &own {
        for bits in [0o770, 0o702, 0o777, 0o1777, 0o720] {
            mode(folder, bits);
            repaired(&operator, "others can write into");
            assert_eq!(fs::metadata(folder).unwrap().mode() & 0o022, 0);
        }
        mode(folder, 0o755);
        operator.run(&["history"]).ok();
    }
    // Above them a folder of everybody is one where they can be replaced, unless only owners may.
    let above = own[2].parent().unwrap();
    mode(above, 0o777);
    repaired(&operator, "everybody can write into");
    for bits in [0o1777, 0o775] {
        mode(above, bits);
        operator.run(&["history"]).ok();
    }
    assert_eq!(unfinished(&operator), [CUT]);
    deployment.assert_primary(0);
}

#[test]
fn one_that_is_not_ours_is_refused_and_so_is_a_link_of_others() {
    if user_id() != 0 {
        return not_run("only root can give files away");
    }
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = Trio::start(family, &[BACKLOG]);
    let operator = deployment.operator();
    put(&operator, CUT, &fixture(CUT));
    let journal = journals(&operator);
    for folder in journal.ancestors().take(3) {
        chown(folder, Some(65534), None).unwrap();
        repaired(&operator, "belongs to another user (uid 65534)");
    }
    assert_eq!(unfinished(&operator), [CUT]);
    // The real one elsewhere, and a link to it: ours is followed, that of somebody else is not.
    let orders = journal.parent().unwrap();
    let elsewhere = operator.home().join("elsewhere");
    fs::rename(orders, &elsewhere).unwrap();
    symlink(&elsewhere, orders).unwrap();
    assert_eq!(unfinished(&operator), [CUT]);
    std::os::unix::fs::lchown(orders, Some(65534), None).unwrap();
    repaired(&operator, "is a link that another user made (uid 65534)");
    assert!(elsewhere.join("journal").is_dir(), "what it led to stays");
    // No folder at all: the link is gone, and who looks makes none.
    assert!(fs::symlink_metadata(orders).is_err());
    fs::write(orders, "").unwrap();
    operator
        .run(&["status", "--no-ssh"])
        .code(3)
        .says("is no folder");
}

/// A file system in memory, for as long as this lives.
pub struct Memory(pub PathBuf);

impl Memory {
    /// Mounted there, of that size; `None` where that is not allowed.
    pub fn mount(folder: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let options = format!("mode=0700,size={size}");
        let mut command = Command::new("mount");
        command
            .args(["-t", "tmpfs", "-o", &options, "none"])
            .arg(folder);
        let mounted = user_id() == 0 && run(&mut command, Duration::from_secs(5)).code == Some(0);
        mounted.then(|| Self(folder.to_owned()))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let mut command = Command::new("umount");
        run(command.arg("-l").arg(&self.0), Duration::from_secs(5));
    }
}

/// K7.5: a lock is identified by device and inode. The same inode on another device is another
/// lock.
#[test]
fn a_lock_on_another_device_is_not_taken_for_this_one() {
    let there = tempfile::TempDir::new().unwrap();
    let node = NodeText::new("master", "127.0.0.1").port(1);
    let inventory = InventoryText::new("orders").node(node).write(there.path());
    let operator = Replctl::new().inventory(&inventory);
    let state = operator.home().join(".local/state");
    let other = operator.home().join("other");
    let (Some(ours), Some(other)) = (Memory::mount(&state, "1m"), Memory::mount(&other, "1m"))
    else {
        return not_run("no file system can be mounted");
    };
    // It died with this process number in its lock and in its journal.
    let who = "ann@ops, process 30048";
    put(&operator, CUT, &fixture(CUT));
    let lock = ours.0.join("replctl/orders/lock");
    fs::write(&lock, format!("{who}\n")).unwrap();
    assert_eq!(unfinished(&operator), [CUT]);
    let twin = twin(&other.0, fs::metadata(&lock).unwrap().ino());
    let held = holds(&twin);
    assert_eq!(unfinished(&operator), [CUT], "another file's lock");
    drop(held);
    let held = holds(&lock);
    assert_eq!(unfinished(&operator), Vec::<String>::new(), "it runs");
    drop(held);
}

/// A file with that inode.
fn twin(folder: &Path, inode: u64) -> PathBuf {
    for n in 0..1000 {
        let file = folder.join(n.to_string());
        fs::write(&file, "").unwrap();
        if fs::metadata(&file).unwrap().ino() == inode {
            return file;
        }
    }
    panic!("no file has the inode {inode}");
}

/// Holds a lock on that file until it is dropped.
fn holds(file: &Path) -> File {
    let file = File::open(file).unwrap();
    file.try_lock().unwrap();
    file
}

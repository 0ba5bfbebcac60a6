//! Files that other users own or have planted: who writes them, and what stays. The users are
//! `redis` (the server's) and `nobody` (somebody else).

use super::local::{Bench, Local};
use super::*;
use crate::config::server::PASSWORD;
use crate::plan::facts::Ownership;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) fn sh(line: &str) -> String {
    let out = Command::new("sh").args(["-ec", line]).output().unwrap();
    assert!(out.status.success(), "{line}: {out:?}");
    String::from_utf8(out.stdout).unwrap()
}

/// A place that everybody can reach.
pub(super) fn place(bench: &Bench) -> PathBuf {
    Bench::chmod(&bench.root(), 0o755);
    let place = PathBuf::from(bench.root()).join("place");
    fs::create_dir(&place).unwrap();
    place
}

/// Mode, owner and group: `640 redis:redis`.
pub(super) fn owned(path: &Path) -> String {
    let meta = fs::symlink_metadata(path).unwrap();
    let line = format!(
        "getent passwd {} | cut -d: -f1; getent group {} | cut -d: -f1",
        meta.uid(),
        meta.gid()
    );
    format!(
        "{:o} {}",
        meta.mode() & 0o7777,
        sh(&line).trim().replace('\n', ":")
    )
}

pub(super) fn listing(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn as_redis(test: &str, path: &Path) -> bool {
    let line = format!(
        "setpriv --reuid redis --regid redis --init-groups test {test} {} && echo yes || true",
        path.display()
    );
    sh(&line) == "yes\n"
}

/// Gives a file or folder an owner and a mode, such as `redis:redis 640`.
fn give(path: &Path, to: &str) {
    let (owner, mode) = to.split_once(' ').unwrap();
    sh(&format!(
        "chown {owner} {0}; chmod {mode} {0}",
        path.display()
    ));
}

/// The mode in what [`owned`] gives.
fn mode(owned: &str) -> u32 {
    u32::from_str_radix(owned.split(' ').next().unwrap(), 8).unwrap()
}

const FOLDERS: [&str; 6] = [
    "root:root 755",
    "redis:redis 750",
    "redis:redis 2770",
    "nobody:nogroup 755",
    "root:redis 775",
    "root:root 1777",
];
const FILES: [&str; 7] = [
    "redis:redis 600",
    "redis:redis 640",
    "root:redis 640",
    "root:root 644",
    "redis:adm 640",
    "nobody:redis 640",
    "redis:redis 770",
];

/// A fence in a stopped server's file keeps owner, group and mode. Otherwise nothing is written,
/// and nothing of the try stays.
#[tokio::test]
async fn a_fence_keeps_owner_group_and_mode_or_changes_nothing() {
    let to = Address::new("10.0.0.1", 6379);
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let place = place(&bench);
        let file = place.join("redis.conf");
        let mut done = 0;
        for folder in FOLDERS {
            for of in FILES {
                let what = format!("{shell:?}: {of} in {folder}");
                let text = "port 1\nreplicaof 1.2.3.4 5\nrequirepass secret\n";
                fs::write(&file, text).unwrap();
                give(&file, of);
                give(&place, folder);
                let (before, readable) = (owned(&file), as_redis("-r", &file));
                let fenced = fence(&shell, &file.display().to_string(), "redis", &to).await;
                assert_eq!(listing(&place), ["redis.conf"], "{what}: {fenced:?}");
                let now = fs::read_to_string(&file).unwrap();
                if let Err(why) = &fenced {
                    assert_eq!((now.as_str(), owned(&file)), (text, before), "{what}");
                    assert!(!why.is_empty(), "{what}");
                    continue;
                }
                done += 1;
                assert_eq!(
                    now, "port 1\nrequirepass secret\nreplicaof 10.0.0.1 6379\n",
                    "{what}"
                );
                assert_eq!(as_redis("-r", &file), readable, "{what}: {}", owned(&file));
                let wider = mode(&owned(&file)) & !(mode(&before) & 0o666 | 0o400);
                assert_eq!(wider, 0, "{what}: {}", owned(&file));
                let roots = folder == "root:root 755";
                if roots {
                    let (_, owners) = before.split_once(' ').unwrap();
                    assert!(owned(&file).ends_with(owners), "{what}: {}", owned(&file));
                }
            }
        }
        // replctl writes all files in root's folder, and redis's own in redis's folders. It refuses
        // a file that the server could no longer read.
        assert!((20..42).contains(&done), "{shell:?}: {done}");
    }
}

/// All actions that write or remove a server's file as root. The first one writes it.
fn writings(path: &str) -> [HostAction; 6] {
    let path = path.to_owned();
    let owner = "redis".to_owned();
    let stamp = Stamp {
        settable: "0".repeat(32),
        fixed: "0".repeat(32),
    };
    let write = HostAction::WriteConfig {
        path: path.clone(),
        text: format!("port 1\nrequirepass {PASSWORD}\n"),
        owner: owner.clone(),
    };
    [
        write,
        HostAction::ProtectConfig {
            path: path.clone(),
            owner: owner.clone(),
        },
        HostAction::StampConfig {
            path: path.clone(),
            stamp,
            owner,
        },
        HostAction::RestoreConfig {
            path: path.clone(),
            mode: Some(0o666),
        },
        HostAction::RemoveConfig { path: path.clone() },
        HostAction::RemoveFiles { paths: vec![path] },
    ]
}

/// K2.4: root writes through nothing that somebody planted under the names of replctl's files, or
/// in the place of folders.
#[tokio::test]
async fn what_the_servers_user_planted_leads_root_nowhere() {
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::with_password(&shell, "secret");
        let place = place(&bench);
        let bait = PathBuf::from(bench.root()).join("bait");
        let untouched = |what: &str| {
            assert_eq!(fs::read_to_string(&bait).unwrap(), "mine\n", "{what}");
            assert_eq!(owned(&bait), "600 root:root", "{what}");
        };
        fs::write(&bait, "mine\n").unwrap();
        Bench::chmod(&bait.display().to_string(), 0o600);
        let file = place.join("redis.cnf");
        let path = file.display().to_string();
        let plant = || {
            for name in [
                "redis.cnf.replctl-new",
                "redis.cnf.replctl-before",
                "redis.cnf",
            ] {
                let _ = fs::remove_file(place.join(name));
                symlink(&bait, place.join(name)).unwrap();
            }
            sh(&format!("chown -hR redis:redis {}", place.display()));
        };
        let actions = writings(&path);
        for action in &actions {
            plant();
            let _ = bench.act(&shell, action).await;
            untouched(&format!("{shell:?}: {action}"));
        }
        plant();
        let _ = fence(&shell, &path, "redis", &Address::new("1.2.3.4", 5)).await;
        untouched("fence");
        // A hard link to root's file lies in redis's folder: the file has two names.
        plant();
        fs::remove_file(&file).unwrap();
        fs::hard_link(&bait, &file).unwrap();
        assert!(bench.act(&shell, &actions[0]).await.is_err());
        untouched("hard link");
        // No file with the password stays after the failures.
        let left = sh(&format!("grep -rls secret {} || true", bench.root()));
        assert_eq!(left, "", "{shell:?}");
        // replctl writes an honest file beside those links.
        plant();
        fs::remove_file(&file).unwrap();
        bench.act(&shell, &actions[0]).await.unwrap();
        assert_eq!(owned(&file), "600 redis:redis", "{shell:?}");
        untouched("an honest file");
    }
}

/// Actions that change a server's file, each with the action that takes the change back.
fn undone(path: &str, was: Ownership) -> [(HostAction, HostAction); 2] {
    let (path, owner) = (path.to_owned(), "redis".to_owned());
    [
        (
            HostAction::WriteConfig {
                path: path.clone(),
                text: format!("requirepass {PASSWORD}\n"),
                owner: owner.clone(),
            },
            HostAction::RestoreConfig {
                path: path.clone(),
                mode: Some(was.mode),
            },
        ),
        (
            HostAction::ProtectConfig {
                path: path.clone(),
                owner,
            },
            HostAction::OwnAgain {
                all: vec![(path, was)],
            },
        ),
    ]
}

/// K2.7: a write that fails leaves nothing. An undo brings back the very file, its owner and its
/// mode.
#[tokio::test]
async fn what_failed_or_is_undone_leaves_file_owner_and_mode_as_they_were() {
    for shell in [Local::root(), Local::busybox()] {
        for (folder, of) in [
            ("redis:redis 750", "redis:redis 640"),
            ("redis:redis 750", "root:redis 644"),
            ("root:root 755", "nobody:redis 664"),
        ] {
            let bench = Bench::with_password(&shell, "secret");
            let place = place(&bench);
            let file = place.join("redis.cnf");
            let path = file.display().to_string();
            fs::write(&file, "port 1\n").unwrap();
            give(&file, of);
            give(&place, folder);
            let (before, inode) = (owned(&file), fs::metadata(&file).unwrap().ino());
            let was = Ownership {
                mode: mode(&before),
                uid: fs::metadata(&file).unwrap().uid(),
            };
            for (action, undo) in undone(&path, was) {
                let what = format!("{shell:?}: {action} on {of} in {folder}");
                for _ in 0..2 {
                    let done = bench.act(&shell, &action).await;
                    done.unwrap_or_else(|e| panic!("{what}: {e}"));
                }
                assert!(
                    owned(&file).starts_with("600 redis:"),
                    "{what}: {}",
                    owned(&file)
                );
                for _ in 0..2 {
                    let done = bench.act(&shell, &undo).await;
                    done.unwrap_or_else(|e| panic!("{what}: {e}"));
                }
                assert_eq!(owned(&file), before, "{what}");
                assert_eq!(fs::metadata(&file).unwrap().ino(), inode, "{what}");
                assert_eq!(fs::read_to_string(&file).unwrap(), "port 1\n", "{what}");
                assert_eq!(listing(&place), ["redis.cnf"], "{what}");
            }
        }
    }
}

/// On a full disk, replctl removes what it has begun of the new file.
#[tokio::test]
async fn a_full_disk_leaves_no_part_of_a_file_with_a_password() {
    let shell = Local::root();
    let bench = Bench::with_password(&shell, "secret");
    let place = place(&bench);
    let mount = format!("mount -t tmpfs -o size=64k,mode=750 t {}", place.display());
    if !Command::new("sh")
        .args(["-c", &mount])
        .output()
        .unwrap()
        .status
        .success()
    {
        assert!(
            std::env::var_os("CI").is_none(),
            "nothing can be mounted here"
        );
        return;
    }
    sh(&format!(
        "chown redis:redis {0}; echo port 1 >{0}/redis.cnf; chown redis:redis {0}/redis.cnf; head -c 40000 /dev/zero >{0}/fill",
        place.display()
    ));
    let text = format!("requirepass {PASSWORD}\n{}", "# filler\n".repeat(8_000));
    let path = place.join("redis.cnf").display().to_string();
    let write = HostAction::WriteConfig {
        path: path.clone(),
        text,
        owner: "redis".into(),
    };
    let failed = bench.act(&shell, &write).await;
    let (left, still) = (listing(&place), fs::read_to_string(&path).unwrap());
    sh(&format!("umount {}", place.display()));
    assert!(failed.is_err());
    assert_eq!(left, ["fill", "redis.cnf"]);
    assert_eq!(still, "port 1\n");
}

//! `check`: what its script sees of a host, and what its fixes write and put back.
#![allow(clippy::unwrap_used)]

use super::local::{Bench, Local};
use crate::actions::host::HostAction;
use crate::plan::facts::Ownership;
use crate::world::host::owner::{OWNER, without_comments};
use crate::world::host::script;
use crate::world::host::script_output::SAID;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

pub(super) const SCRIPT: &str = include_str!("../scripts/check.sh");
const LIMIT: Duration = Duration::from_mins(1);

/// A program of the host, in a folder of its own.
pub(super) fn program(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What the script prints, with these programs before all others.
pub(super) async fn said(
    shell: &Local,
    programs: &Path,
    text: &str,
    words: &[&str],
) -> Vec<String> {
    let before = format!("PATH={}:$PATH\n", programs.display());
    let text = without_comments(&[&before, OWNER, SAID, text]);
    let said = script(shell, &text, words, Vec::new(), LIMIT);
    let said = said.await.unwrap();
    assert!(said.ends_with("end:\n"), "{shell:?}: {said}");
    said.lines().map(str::to_owned).collect()
}

pub(super) fn of_key<'a>(said: &'a [String], key: &str) -> Vec<&'a str> {
    let values = said.iter().filter_map(|line| line.strip_prefix(key));
    values.filter_map(|rest| rest.strip_prefix(':')).collect()
}

/// A dead name server costs two seconds, and its names are not unknown.
#[tokio::test]
async fn a_slow_lookup_ends_and_says_nothing() {
    let programs = tempfile::tempdir().unwrap();
    let text =
        "case $2 in slow*) exec sleep 30 ;; none) exit 2 ;; *) echo \"10.0.0.1 STREAM $2\" ;; esac";
    program(programs.path(), "getent", text);
    let words = ["slow1", "known", "slow2", "none", "--", "--"];
    let without_timeout = SCRIPT.replace("has timeout", "false");
    for shell in [Local::root(), Local::busybox()] {
        for text in [SCRIPT, without_timeout.as_str()] {
            let begun = Instant::now();
            let said = said(&shell, programs.path(), text, &words).await;
            assert!(begun.elapsed() < Duration::from_secs(20), "{shell:?}");
            let mut names = of_key(&said, "name");
            names.sort_unstable();
            assert_eq!(names, ["known 10.0.0.1", "none "], "{shell:?}");
        }
    }
}

/// What a client says, and what that means.
#[tokio::test]
async fn only_an_answer_of_a_server_counts_as_reached() {
    let programs = tempfile::tempdir().unwrap();
    let text = "case $4 in 1) echo PONG ;; 2) echo 'NOAUTH Authentication required.' ;; \
        3) echo 'DENIED Redis is running in protected mode' ;; 4) echo 'Could not connect to Redis at x:4' ;; \
        5) echo 'Error: Server closed the connection' ;; 6) echo 'sh: no such program' ;; *) echo PONG ;; esac";
    program(programs.path(), "redis-cli", text);
    let mut words = vec!["--".to_owned()];
    for port in 1..=70 {
        words.extend(["127.0.0.1".to_owned(), port.to_string()]);
    }
    words.push("--".to_owned());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for shell in [Local::root(), Local::busybox()] {
        let said = said(&shell, programs.path(), SCRIPT, &words).await;
        let mut reached = of_key(&said, "reach");
        reached.sort_unstable_by_key(|line| line.split(' ').next().unwrap().parse::<u8>().unwrap());
        assert_eq!(reached.len(), 70, "{shell:?}");
        // Port 5 and 6 of this machine are closed, and bash has the last word.
        let first = [
            "0 yes", "1 yes", "2 denied", "3 no", "4 no", "5 no", "6 yes",
        ];
        assert_eq!(reached[..7], first, "{shell:?}");
    }
}

#[tokio::test]
async fn a_folder_is_the_servers_if_it_has_its_data_or_nothing() {
    let place = tempfile::tempdir().unwrap();
    let none = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o1770)).unwrap();
    let folder = place.path().display().to_string();
    let pid = std::process::id().to_string();
    let words = ["--", "--", &pid, &folder, "/etc/passwd", "", "own.rdb"];
    for shell in [Local::root(), Local::busybox()] {
        let its = async || {
            let said = said(&shell, none.path(), SCRIPT, &words).await;
            assert!(of_key(&said, "folder")[0].starts_with("drwxrwx--T"));
            assert_eq!(of_key(&said, "on_host"), ["yes"], "{shell:?}");
            assert_eq!(of_key(&said, "file_system").len(), 1, "{shell:?}");
            assert!(of_key(&said, "config")[0].starts_with("-rw-r--r--"));
            of_key(&said, "its").join(" ")
        };
        assert_eq!(its().await, "yes", "{shell:?}");
        fs::write(place.path().join("of another"), "").unwrap();
        assert_eq!(its().await, "no", "{shell:?}");
        fs::write(place.path().join("own.rdb"), "").unwrap();
        assert_eq!(its().await, "no", "{shell:?}");
        fs::remove_file(place.path().join("of another")).unwrap();
        fs::create_dir(place.path().join("appendonlydir")).unwrap();
        assert_eq!(its().await, "yes", "{shell:?}");
        // A list that was cut short is no empty folder.
        program(
            none.path(),
            "ls",
            "[ \"$1\" != -A ] || exec sleep 30; exec /bin/ls \"$@\"",
        );
        assert_eq!(its().await, "", "{shell:?}");
        fs::remove_file(none.path().join("ls")).unwrap();
        fs::remove_dir(place.path().join("appendonlydir")).unwrap();
        fs::remove_file(place.path().join("own.rdb")).unwrap();
    }
}

/// After a fault of the disk, only the options of the file system say `ro`, not those of the mount.
#[test]
fn a_file_system_that_is_mounted_read_only_is_seen() {
    let place = tempfile::tempdir().unwrap();
    let text = without_comments(&[OWNER, SAID, SCRIPT]);
    let file = place.path().join("script");
    fs::write(&file, text).unwrap();
    let line = "mkdir $0/a $0/b && mount -t tmpfs none $0/a && mount --bind $0/a $0/b && mount -o remount,ro $0/a && \
        sh $0/script -- -- '' $0/b '' '' ''";
    let ran = Command::new("unshare")
        .args(["-m", "sh", "-c", line])
        .arg(place.path())
        .output()
        .unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    if !ran.status.success() {
        assert!(
            std::env::var_os("CI").is_none(),
            "nothing can be mounted here"
        );
        return;
    }
    assert!(said.contains("\nread_only:yes\n"), "{said}");
}

/// No copy is ever written over, and an undo brings back the file with its owner and mode.
#[tokio::test]
async fn a_file_that_is_replaced_comes_back_as_it_was() {
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("90-replctl-x.conf");
        let copy = place.path().join("90-replctl-x.conf.before-replctl");
        fs::write(&copy, "of the operator\n").unwrap();
        fs::write(&file, "a=1\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let keep = |text: &str, back| HostAction::KeepFile {
            path: file.display().to_string(),
            text: text.to_owned(),
            reload: false,
            back,
        };
        bench.act(&shell, &keep("a=2", None)).await.unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "a=2\n");
        let back = keep("a=1", Some("a=2".to_owned()));
        bench.act(&shell, &back).await.unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "a=1\n");
        // It is back already.
        bench.act(&shell, &back).await.unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "a=1\n");
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{shell:?}");
        assert_eq!(fs::read_to_string(&copy).unwrap(), "of the operator\n");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2, "{shell:?}");
    }
}

/// The parent of `/data` is `/`.
#[tokio::test]
async fn a_folder_below_the_root_gets_its_owner_back() {
    let shell = Local::root();
    let bench = Bench::new(&shell);
    let place = tempfile::Builder::new()
        .prefix("replctl-")
        .tempdir_in("/")
        .unwrap();
    let action = HostAction::OwnAgain {
        all: vec![(
            place.path().display().to_string(),
            Ownership {
                mode: 0o750,
                uid: 65534,
            },
        )],
    };
    bench.act(&shell, &action).await.unwrap();
    let mode = fs::metadata(place.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o750);
}

//! What the command of an upload does, in real shells.
#![allow(clippy::unwrap_used)]

use super::*;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

const PROGRAM: &[u8] = b"#!/bin/sh\necho a program\n";

/// What the command of an upload comes to where `sent` arrives.
fn run(shell: &[&str], path: &Path, sent: &[u8], options: &UploadOptions) -> Option<i32> {
    let upload = Upload {
        files: &[(
            path.to_str().unwrap().to_owned(),
            Arc::new(PROGRAM.to_vec()),
        )],
        mode: 0o755,
        root: false,
        cancel: &Cancel::default(),
        progress: &|_| {},
        options,
    };
    let part = path.with_file_name(".part");
    let mut child = Command::new(shell[0])
        .args(&shell[1..])
        .arg(command(&upload, &[part.to_str().unwrap().to_owned()]))
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(sent).unwrap();
    drop(input);
    let status = child.wait().unwrap().code();
    let beside = path.parent().unwrap().read_dir().unwrap();
    let names: Vec<_> = beside.map(|e| e.unwrap().file_name()).collect();
    assert!(!names.contains(&".part".into()), "{names:?}");
    status
}

const SHELLS: [&[&str]; 2] = [&["sh", "-c"], &["busybox", "sh", "-c"]];

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    for shell in SHELLS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p");
        let options = UploadOptions::default();
        assert_eq!(run(shell, &path, &PROGRAM[..9], &options), Some(72));
        assert!(!path.exists());
        assert_eq!(run(shell, &path, PROGRAM, &options), Some(0));
        assert_eq!(fs::read(&path).unwrap(), PROGRAM);
    }
}

#[test]
fn a_file_is_kept_only_where_it_is_just_as_it_would_be_put_there() {
    let options = UploadOptions {
        unless_there: true,
        after: "exit 9".to_owned(),
    };
    for shell in SHELLS {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("p"), folder.path().join("other"));
        let number = |path: &Path| fs::metadata(path).unwrap().ino();
        assert_eq!(run(shell, &path, PROGRAM, &options), Some(9));
        let first = number(&path);
        assert_eq!(run(shell, &path, PROGRAM, &options), Some(9));
        assert_eq!(number(&path), first);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(run(shell, &path, PROGRAM, &options), Some(9));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o755);
        fs::rename(&path, &other).unwrap();
        symlink(&other, &path).unwrap();
        assert_eq!(run(shell, &path, PROGRAM, &options), Some(9));
        assert!(!path.is_symlink());
        if fs::metadata(&path).unwrap().uid() == 0 {
            std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
            assert_eq!(run(shell, &path, PROGRAM, &options), Some(9));
            assert_eq!(fs::metadata(&path).unwrap().uid(), 0);
        }
    }
}

#[test]
fn several_files_arrive_by_one_command_or_none_does() {
    let options = UploadOptions {
        unless_there: true,
        after: "echo after".to_owned(),
    };
    let all = [&b"first\n"[..], b"", b"third \0 \n\n", b"x"];
    for shell in SHELLS {
        let folder = tempfile::tempdir().unwrap();
        let at = |n: usize| {
            folder
                .path()
                .join(format!("it's {n}"))
                .display()
                .to_string()
        };
        let files: Vec<_> = (all.iter().enumerate())
            .map(|(n, data)| (at(n), Arc::new(data.to_vec())))
            .collect();
        let parts: Vec<String> = (0..all.len()).map(|n| format!("{}.part", at(n))).collect();
        let upload = Upload {
            files: &files,
            mode: 0o640,
            root: false,
            cancel: &Cancel::default(),
            progress: &|_| {},
            options: &options,
        };
        let send = |bytes: &[u8]| {
            let mut child = Command::new(shell[0])
                .args(&shell[1..])
                .arg(command(&upload, &parts))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut input = child.stdin.take().unwrap();
            input.write_all(bytes).unwrap();
            drop(input);
            let out = child.wait_with_output().unwrap();
            (out.status.code(), String::from_utf8(out.stdout).unwrap())
        };
        let names = || folder.path().read_dir().unwrap().count();
        let whole = all.concat();
        assert_eq!(send(&whole[..whole.len() - 1]).0, Some(72), "{shell:?}");
        assert_eq!(names(), 0, "{shell:?}");
        let done = (Some(0), "after\n".to_owned());
        assert_eq!(send(&whole), done, "{shell:?}");
        let number = |n: usize| fs::metadata(at(n)).unwrap().ino();
        let before = number(0);
        for (n, data) in all.iter().enumerate() {
            assert_eq!(fs::read(at(n)).unwrap(), *data, "{shell:?}");
            assert_eq!(fs::metadata(at(n)).unwrap().mode() & 0o7777, 0o640);
        }
        assert_eq!(send(&whole), done, "{shell:?}");
        assert_eq!(number(0), before, "{shell:?}: they are there");
        fs::write(at(3), "y").unwrap();
        assert_eq!(send(&whole), done, "{shell:?}");
        assert_eq!((fs::read(at(3)).unwrap(), names()), (b"x".to_vec(), 4));
    }
}

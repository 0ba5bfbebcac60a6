//! The notes beside the journals, damaged in several ways: replctl reports them, does nothing on
//! their basis, and gives a hint.

use crate::support::program::Replctl;
use crate::support::server::Family;
use crate::support::trio::{BACKLOG, Trio};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn note(operator: &Replctl<'_>, file: &str) -> PathBuf {
    operator
        .home()
        .join(".local/state/replctl/orders")
        .join(file)
}

/// A way to damage a note that was whole.
type Damage = (&'static str, fn(&Path));

fn damages() -> Vec<Damage> {
    vec![
        ("cut", |path| {
            let text = fs::read(path).unwrap();
            fs::write(path, &text[..text.len() / 2]).unwrap();
        }),
        ("empty", |path| fs::write(path, "").unwrap()),
        ("zeros", |path| fs::write(path, [0; 200]).unwrap()),
        ("not UTF-8", |path| fs::write(path, b"[\"\xff\"]").unwrap()),
        ("of another form", |path| {
            fs::write(path, "{\"a\": 1}").unwrap();
        }),
        ("open to others", |path| {
            fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
        }),
        ("a folder", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
    ]
}

#[test]
fn a_note_that_cannot_be_read_is_told_and_stands_against_changes() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[BACKLOG]);
    let operator = trio.operator();
    operator.run(&["detach", "slave2", "--yes"]).ok();
    operator.run(&["status", "--no-ssh"]).ok();
    let alone = note(&operator, "alone.json");
    let whole = fs::read(&alone).unwrap();
    for file in ["alone.json", "debts.json"] {
        for (how, damage) in damages() {
            let path = note(&operator, file);
            fs::write(&path, &whole).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            damage(&path);
            let shown = path.display().to_string();
            let told = format!("{shown} cannot be read");
            let status = operator.run(&["status", "--no-ssh"]).code(4);
            assert!(status.stdout.contains(&told), "{file}, {how}: {status}");
            for change in [
                &["promote", "slave1", "--yes"][..],
                &["promote", "slave1", "--dry-run"],
                &["move", "slave2", "--under", "slave1", "--yes"],
                &["setup", "--yes"],
                &["repair", "--yes"],
            ] {
                let ran = operator.run(change).code(3);
                assert!(ran.stderr.contains(&told), "{file}, {how}: {ran}");
                assert!(ran.stderr.contains("nothing was touched"), "{ran}");
            }
            assert_eq!([trio.role(0), trio.role(1)], ["master", "slave"]);
            // The way on is that of the hint.
            let hint = status.stdout.split("no longer count: ").nth(1).unwrap();
            let hint = hint.lines().next().unwrap();
            let ran = Command::new("sh").args(["-c", hint]).status().unwrap();
            assert!(ran.success(), "{hint}");
            let status = operator.run(&["status", "--no-ssh"]);
            assert!(!status.stdout.contains("cannot be read"), "{how}: {status}");
            let aside = format!("{shown}.unread");
            let _ = fs::remove_file(&aside);
            let _ = fs::remove_dir(&aside);
            fs::write(&alone, &whole).unwrap();
        }
    }
    // Whole again, it is what it was: nothing was written over it.
    operator.run(&["promote", "slave1", "--yes"]).ok();
    assert_eq!(trio.role(1), "master");
    assert_eq!(fs::read(&alone).unwrap(), whole);
}

#[test]
fn what_was_given_up_is_not_written_over_where_it_cannot_be_read() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[BACKLOG]);
    let operator = trio.operator();
    let id = crate::journals::CUT;
    crate::journals::put(&operator, id, &crate::journals::fixture(id));
    let path = note(&operator, "abandoned.json");
    fs::write(&path, "[").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let told = format!("{} cannot be read", path.display());
    operator.run(&["status", "--no-ssh"]).code(4).says(&told);
    operator.run(&["abandon", id, "--yes"]).code(3).says(&told);
    assert_eq!(fs::read(&path).unwrap(), b"[");
    fs::remove_file(&path).unwrap();
    operator.run(&["abandon", id, "--yes"]).ok();
    operator.run(&["status", "--no-ssh"]).ok();
}

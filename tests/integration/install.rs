//! `dist/install.sh` on artificial releases: a refusal leaves nothing behind, and the printed line
//! undoes an installation.
//!
//! Nothing is built here; `make dist-check` does the same with a real release, on other systems.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::support::repository;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A folder with releases in it, and a home.
struct Desk {
    folder: TempDir,
    /// Before the arguments: `sh`, or `busybox sh` with the programs of busybox alone.
    shell: Vec<String>,
    path: String,
}

fn machine() -> String {
    let out = Command::new("uname").arg("-m").output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("home")).unwrap();
        Self {
            folder,
            shell: vec!["sh".to_owned()],
            path: "/usr/bin:/bin".to_owned(),
        }
    }

    /// A desk that has only busybox's programs.
    fn with_busybox_only() -> Option<Self> {
        let mut desk = Self::new();
        let bin = desk.folder.path().join("busybox");
        fs::create_dir(&bin).unwrap();
        let mut install = Command::new("busybox");
        let made = install.args(["--install", "-s"]).arg(&bin).status();
        if !made.is_ok_and(|status| status.success()) {
            crate::support::not_run("busybox is not installed");
            return None;
        }
        bin.to_str().unwrap().clone_into(&mut desk.path);
        desk.shell = vec![bin.join("sh").to_str().unwrap().to_owned()];
        Some(desk)
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A release as `dist/pack.sh` names it, whose program says its version, with a page for each
    /// of `commands`; its SHA256SUMS beside it.
    fn release(&self, version: &str, arch: &str, program: &str, commands: &[&str]) -> PathBuf {
        let name = format!("replctl-{version}-{arch}-linux");
        let downloads = self.folder.path().join(format!("downloads {version}"));
        let tree = downloads.join(&name);
        fs::create_dir_all(tree.join("man")).unwrap();
        fs::create_dir_all(tree.join("completions")).unwrap();
        let write = |file: &str, text: &str| fs::write(tree.join(file), text).unwrap();
        write("replctl", program);
        fs::set_permissions(tree.join("replctl"), fs::Permissions::from_mode(0o755)).unwrap();
        for file in ["README.md", "LICENSE", "NOTICE", "CHANGELOG.md"] {
            write(file, &format!("{file} of {version}\n"));
        }
        for file in ["replctl.bash", "_replctl", "replctl.fish", "replctl.elv"] {
            write(&format!("completions/{file}"), &format!("# {file}\n"));
        }
        fs::create_dir_all(tree.join("docs/pictures")).unwrap();
        write("docs/promote.md", "# promote\n");
        write("docs/pictures/promote.svg", "<svg/>\n");
        write("man/replctl.1", ".TH replctl 1\n");
        for command in commands {
            write(&format!("man/replctl-{command}.1"), ".TH page 1\n");
        }
        fs::copy(script(), tree.join("install.sh")).unwrap();
        let packed = Command::new("tar")
            .args(["-czf", &format!("{name}.tar.gz"), &name])
            .current_dir(&downloads)
            .status();
        assert!(packed.unwrap().success());
        fs::remove_dir_all(&tree).unwrap();
        let sums = Command::new("sha256sum")
            .arg(format!("{name}.tar.gz"))
            .current_dir(&downloads)
            .output()
            .unwrap();
        fs::write(downloads.join("SHA256SUMS"), sums.stdout).unwrap();
        downloads.join(format!("{name}.tar.gz"))
    }

    fn good(&self, version: &str, commands: &[&str]) -> PathBuf {
        let program = format!("#!/bin/sh\necho replctl {version}\n");
        self.release(version, &machine(), &program, commands)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(&self.shell[0])
            .args(&self.shell[1..])
            .arg(script())
            .args(arguments)
            .env_clear()
            .env("HOME", self.home())
            .env("PATH", &self.path)
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    /// Asserts success, and returns the output.
    fn works(&self, arguments: &[&str]) -> String {
        let out = self.run(arguments);
        assert!(out.status.success() && out.stderr.is_empty(), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    }

    /// It must refuse with these words, and leave the home as it is.
    #[track_caller]
    fn refuses(&self, archive: &Path, words: &str) {
        let before = self.files();
        let out = self.run(&[archive.to_str().unwrap()]);
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(!out.status.success(), "{words}");
        assert!(
            said.starts_with("error: ") && said.contains(words),
            "{said}"
        );
        assert!(said.contains("nothing was installed"), "{said}");
        assert_eq!(self.files(), before, "{said}");
    }

    /// All files in the home with what is in them.
    fn files(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut ahead = vec![self.home()];
        while let Some(folder) = ahead.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    ahead.push(path);
                } else {
                    let name = path.strip_prefix(self.home()).unwrap();
                    let text = fs::read_to_string(&path).unwrap();
                    found.push((name.to_str().unwrap().to_owned(), text));
                }
            }
        }
        found.sort();
        found
    }

    fn names(&self) -> Vec<String> {
        self.files().into_iter().map(|(name, _)| name).collect()
    }
}

fn script() -> PathBuf {
    repository().join("dist/install.sh")
}

/// The line that undoes an installation, as it was printed.
fn undo(said: &str) -> &str {
    let (_, after) = said.split_once("to undo this:\n").expect(said);
    after.trim()
}

#[test]
fn what_is_not_the_release_is_refused_and_leaves_nothing() {
    let desk = Desk::new();
    let good = desk.good("1.0.0", &[]);
    let sums = good.with_file_name("SHA256SUMS");
    let right = fs::read_to_string(&sums).unwrap();

    let other = if right.starts_with('0') { "1" } else { "0" };
    fs::write(&sums, format!("{other}{}", &right[1..])).unwrap();
    desk.refuses(&good, "is not the file that");
    fs::write(&sums, right.replace("  replctl-", "  other-")).unwrap();
    desk.refuses(&good, "has not one checksum of");
    fs::remove_file(&sums).unwrap();
    desk.refuses(&good, "the checksums");
    fs::write(&sums, right).unwrap();

    let foreign = desk.release("1.0.1", "s390x", "#!/bin/sh\n", &[]);
    desk.refuses(&foreign, "is for s390x, and this machine is");
    let renamed = good.with_file_name("program.tar.gz");
    fs::copy(&good, &renamed).unwrap();
    desk.refuses(&renamed, "is not called like a release");
    let newer_libc = "#!/bin/sh\necho 'version GLIBC_9.9 not found' >&2; exit 1\n";
    let newer = desk.release("1.0.2", &machine(), newer_libc, &[]);
    desk.refuses(&newer, "does not run on this machine: version GLIBC_9.9");

    // Somebody's own program stays, unless it is said otherwise.
    fs::create_dir_all(desk.home().join(".local/bin")).unwrap();
    let own = desk.home().join(".local/bin/replctl");
    fs::write(&own, "mine").unwrap();
    desk.refuses(&good, "this script has not installed it");
    desk.works(&["--force", good.to_str().unwrap()]);
    assert_ne!(fs::read_to_string(&own).unwrap(), "mine");
}

fn installed_again_and_removed(desk: &Desk) {
    let theirs = desk.home().join(".local/share/man/man1/other.1");
    fs::create_dir_all(theirs.parent().unwrap()).unwrap();
    fs::write(&theirs, "of another program").unwrap();

    let first = desk.good("1.0.0", &["promote", "old"]);
    let said = desk.works(&[first.to_str().unwrap()]);
    let program = desk.home().join(".local/bin/replctl");
    assert!(
        said.starts_with(&format!(
            "installed: replctl 1.0.0, as {}\n",
            program.display()
        )),
        "{said}"
    );
    assert!(said.contains("not yet on your PATH"), "{said}");
    let out = Command::new(&program).output().unwrap();
    assert_eq!(out.stdout, b"replctl 1.0.0\n");
    for file in [
        "share/bash-completion/completions/replctl",
        "share/zsh/site-functions/_replctl",
        "share/fish/vendor_completions.d/replctl.fish",
        "share/man/man1/replctl-promote.1",
        "share/doc/replctl/NOTICE",
        "share/doc/replctl/docs/promote.md",
        "share/doc/replctl/docs/pictures/promote.svg",
    ] {
        let file = desk.home().join(".local").join(file);
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644, "{}", file.display());
    }

    // The same again changes nothing; a newer one replaces it, and what it has no more is gone.
    let before = desk.files();
    assert_eq!(desk.works(&[first.to_str().unwrap()]), said);
    assert_eq!(desk.files(), before);
    let second = desk.good("1.1.0", &["promote", "new"]);
    let said = desk.works(&[second.to_str().unwrap()]);
    let names = desk.names();
    let page = |name: &str| names.contains(&format!(".local/share/man/man1/{name}"));
    assert!(page("replctl-new.1") && page("replctl-promote.1") && page("other.1"));
    assert!(!page("replctl-old.1"), "{names:?}");
    assert!(names.iter().all(|n| !n.contains(".new.")), "{names:?}");

    // The line that it printed, pasted.
    let pasted = Command::new(&desk.shell[0])
        .args(["-c", undo(&said)])
        .env_clear()
        .env("HOME", desk.home())
        .env("PATH", &desk.path)
        .output()
        .unwrap();
    assert!(pasted.status.success(), "{pasted:?}");
    assert_eq!(desk.names(), [".local/share/man/man1/other.1"]);
    assert!(!desk.home().join(".local/share/doc/replctl").exists());
    let out = desk.run(&["--uninstall"]);
    assert!(!out.status.success());
}

#[test]
fn what_is_installed_runs_is_replaced_and_is_removed_by_the_line_that_was_printed() {
    installed_again_and_removed(&Desk::new());
}

#[test]
fn the_programs_of_busybox_are_enough() {
    if let Some(desk) = Desk::with_busybox_only() {
        installed_again_and_removed(&desk);
    }
}

#[test]
fn a_folder_of_any_name_can_be_the_place_and_what_stopped_half_way_can_be_removed() {
    let desk = Desk::new();
    let good = desk.good("1.0.0", &["promote"]);
    let good = good.to_str().unwrap();
    let place = desk.home().join("it's here");
    let said = desk.works(&["--prefix", place.to_str().unwrap(), good]);
    let pasted = Command::new("sh")
        .args(["-c", undo(&said)])
        .env("HOME", desk.home())
        .output();
    assert!(pasted.as_ref().unwrap().status.success(), "{pasted:?}");
    assert_eq!(desk.names(), [""; 0]);

    // Where a folder must come there is a file.
    fs::create_dir_all(desk.home().join(".local/share")).unwrap();
    fs::write(desk.home().join(".local/share/fish"), "no folder").unwrap();
    let out = desk.run(&[good]);
    let words = String::from_utf8(out.stderr).unwrap();
    assert!(!out.status.success());
    assert!(
        words.contains("some files are installed, and the program is as it was"),
        "{words}"
    );
    assert!(!desk.home().join(".local/bin/replctl").exists());
    desk.works(&["--uninstall"]);
    assert_eq!(desk.names(), [".local/share/fish"]);
}

#[test]
fn files_of_others_are_neither_replaced_unasked_nor_taken_for_its_own() {
    let desk = Desk::new();
    let good = desk.good("1.0.0", &[]);
    let local = desk.home().join(".local");
    let theirs = local.join("share/bash-completion/completions/replctl");
    fs::create_dir_all(theirs.parent().unwrap()).unwrap();
    fs::create_dir_all(local.join("bin")).unwrap();
    fs::write(&theirs, "theirs").unwrap();
    desk.refuses(&good, "completions/replctl is there");
    fs::write(local.join("bin/replctl"), "theirs").unwrap();
    desk.refuses(&good, "bin/replctl is there");
    // Told to replace them, it stops before it comes to either: they are not on its list.
    fs::write(local.join("share/man"), "no folder").unwrap();
    let out = desk.run(&["--force", good.to_str().unwrap()]);
    assert!(!out.status.success(), "{out:?}");
    let out = desk.run(&["--uninstall"]);
    assert!(!out.status.success(), "nothing was put in place: {out:?}");
    for file in [&theirs, &local.join("bin/replctl")] {
        assert_eq!(fs::read_to_string(file).unwrap(), "theirs");
    }
}

/// Programs of this system need a newer glibc, or more libraries, than a release may.
#[test]
fn a_program_that_needs_more_than_an_old_glibc_is_no_release() {
    let refused = |program: &Path| {
        let out = Command::new(repository().join("dist/abi.sh"))
            .arg(program)
            .output()
            .unwrap();
        assert!(!out.status.success(), "{}", program.display());
        String::from_utf8(out.stderr).unwrap()
    };
    let said = refused(Path::new("/bin/true"));
    assert!(said.contains("at most 2.17 is allowed"), "{said}");
    let said = refused(&crate::support::Replctl::binary());
    assert!(said.contains("which glibc 2.17 has not"), "{said}");
}

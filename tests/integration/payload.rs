//! The server that replctl carries: what `replctl server` says and writes, and that the programs
//! run where nothing else is installed. They fail, and say `make server`, where replctl was built
//! without one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod command;
mod process;
mod running;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Runs `replctl server` with these arguments.
fn replctl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_replctl"))
        .arg("server")
        .args(arguments)
        .output()
        .unwrap()
}

/// The programs of one architecture, written by replctl into a fresh folder.
fn extracted(arch: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("server");
    let done = replctl(&["--extract", into.to_str().unwrap(), "--arch", arch]);
    assert!(
        done.status.success(),
        "run `make server` first; replctl says: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    (folder, into)
}

/// What cannot be tried on this machine is said aloud; on the CI machine it is a failure.
fn missing(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "{what}");
    eprintln!("\nNOT TESTED: {what}\n");
}

fn installed(program: &str, package: &str) -> PathBuf {
    for folder in ["/usr/local/bin", "/usr/bin", "/usr/sbin", "/bin", "/sbin"] {
        let path = Path::new(folder).join(program);
        if path.exists() {
            return path;
        }
    }
    panic!("{program} is not installed: sudo apt-get install {package}")
}

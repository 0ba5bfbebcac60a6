//! The server inside replctl: what `replctl server` says and writes, and whether the programs run
//! without anything else installed. These tests fail with the hint `make server` if replctl was
//! built without a server.
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

/// Reports loudly what cannot be tested on this machine; on the CI machine that is a failure.
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

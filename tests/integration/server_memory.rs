//! The embedded server's memory routines (`server/fastmem.c`), compiled as `server/compile.sh` does
//! and run through every size, alignment and overlap that `server/fastmem_test.c` lists. They are
//! linked on x86-64 only.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::expect_used)]

use std::path::Path;
use std::process::Command;

#[test]
fn they_do_what_the_byte_by_byte_references_do() {
    let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("server");
    let directory = tempfile::tempdir().expect("a folder for the program");
    let program = directory.path().join("fastmem_test");
    let compiled = Command::new("musl-gcc")
        .args([
            "-O2",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-static",
            "-fno-builtin",
            "-fno-tree-loop-distribute-patterns",
            "-o",
        ])
        .arg(&program)
        .args([server.join("fastmem.c"), server.join("fastmem_test.c")])
        .output();
    let compiled = match compiled {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            panic!("musl-gcc is not installed: sudo apt-get install musl-tools")
        }
        other => other.expect("musl-gcc runs"),
    };
    assert!(
        compiled.status.success(),
        "musl-gcc: {}",
        String::from_utf8_lossy(&compiled.stderr)
    );
    let ran = Command::new("timeout")
        .arg("120")
        .arg(&program)
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{} {said}", ran.status);
    let cases: u64 = said
        .trim()
        .strip_suffix(" cases")
        .and_then(|n| n.parse().ok())
        .expect("it counts its cases");
    assert!(cases > 5_000_000, "only {cases} cases");
}

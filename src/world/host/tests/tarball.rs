//! Builds a server on a host, here from a small source.

use super::local::{Bench, Local};
use crate::world::host::Progress;
use crate::world::host::install::{build, hex_sha256};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Its `make` fails where another one works in the same folder. It adds a line for each run.
const MAKEFILE: &str = "all:\n\tmkdir src/busy\n\tsleep 0.3\n\tprintf '#!/bin/sh\\necho v=1.0\\n' >src/redis-server\n\tchmod +x src/redis-server\n\techo made >>made\n\trmdir src/busy\n";

fn tarball(at: &Path, makefile: &str) -> Vec<u8> {
    let top = at.join("tiny-1.0");
    std::fs::create_dir_all(top.join("src")).unwrap();
    std::fs::write(top.join("Makefile"), makefile).unwrap();
    let mut tar = Command::new("tar");
    tar.args(["-czf", "-", "-C"]).arg(at).arg("tiny-1.0");
    let tar = tar.output().unwrap();
    assert!(tar.status.success());
    tar.stdout
}

/// Where the test's source lies, the directory on the host, and where the program is to be.
fn places(bench: &Bench) -> (PathBuf, String, String) {
    let directory = bench.inventory.server.directory.clone();
    std::fs::create_dir_all(&directory).unwrap();
    let into = format!("{directory}/server/source-x");
    (PathBuf::from(bench.root()).join("src"), directory, into)
}

fn quiet() -> Progress {
    Box::new(|_| {})
}

#[tokio::test]
async fn two_nodes_of_one_host_build_it_once() {
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let (own, directory, into) = places(&bench);
        let source = tarball(&own, MAKEFILE);
        let sum = hex_sha256(&source);
        let one = || {
            let source = source.clone();
            build(&shell, source, "t.tar.gz", &sum, &directory, &into, quiet())
        };
        let both = futures::future::join(one(), one()).await;
        assert_eq!(both.0.as_deref(), Ok("v=1.0"), "{shell:?}");
        assert_eq!(both.1.as_deref(), Ok("v=1.0"), "{shell:?}");
        let made = std::fs::read_to_string(format!("{directory}/tiny-1.0/made"));
        assert_eq!(made.unwrap(), "made\n", "{shell:?}: it was built again");
        let mut left: Vec<_> = std::fs::read_dir(&directory)
            .unwrap()
            .map(|f| f.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["server", "tiny-1.0"], "{shell:?}");
    }
}

#[tokio::test]
async fn what_the_compiler_said_is_told_and_nothing_is_linked() {
    let shell = Local::root();
    let bench = Bench::new(&shell);
    let (own, directory, into) = places(&bench);
    let source = tarball(&own, "all:\n\t@echo 'no such header' >&2; exit 1\n");
    let (sum, file) = (hex_sha256(&source), "t.tgz");
    let cut = source[..source.len() / 2].to_vec();
    let wrong = build(&shell, cut, file, &sum, &directory, &into, quiet()).await;
    assert!(wrong.unwrap_err().contains("has the sha256"));
    let failed = build(&shell, source, file, &sum, &directory, &into, quiet()).await;
    assert!(failed.unwrap_err().contains("no such header"));
    assert!(!Path::new(&into).exists());
}

//! `source = "tarball"`: the published source, built on the hosts as in the tutorial.

use crate::setup_sshd::bench::{Bench, listing};
use crate::support::{figure, not_run};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The source release of the embedded server, as it was downloaded for its build.
fn published() -> Option<PathBuf> {
    let work = std::env::var_os("REPLCTL_SERVER_WORK").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/server"),
        PathBuf::from,
    );
    let files = std::fs::read_dir(&work).ok().into_iter().flatten();
    let found = files
        .filter_map(|f| f.ok().map(|f| f.path()))
        .find(|p| p.to_str().is_some_and(|p| p.ends_with(".orig.tar.gz")));
    if found.is_none() {
        not_run("there is no source tarball in target/server (server/build.sh --force)");
    }
    found
}

fn sha256(file: &Path) -> String {
    let digest = Sha256::digest(std::fs::read(file).unwrap());
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[test]
fn built_on_the_hosts_from_the_published_source() {
    let Some(tarball) = published() else { return };
    // Two nodes of one directory at the same time, as on one host. Not optimized: that is most of
    // the time it takes.
    let quick = "OPTIMIZATION=-O0 USE_JEMALLOC=no";
    let Some(mut bench) = Bench::in_environment(2, quick) else {
        return;
    };
    let source = |file: &Path, sum: &str| {
        let text = bench.text.clone().server("source", "tarball");
        text.server("file", file.to_str().unwrap())
            .server("sha256", sum)
    };
    let (wrong, right) = (
        source(&tarball, &"0".repeat(64)),
        source(&tarball, &sha256(&tarball)),
    );
    let nowhere = source(Path::new("/nowhere/redis.tar.gz"), &"0".repeat(64));
    for (text, why) in [(wrong, "has the sha256"), (nowhere, "cannot be read")] {
        bench.text = text;
        bench.write();
        bench.run(&["setup", "--yes"]).code(3).says(why);
        assert!(!bench.db().exists(), "something was made all the same");
    }

    bench.text = right;
    bench.write();
    let ran = bench
        .operator
        .run_within(Duration::from_mins(8), &["setup", "--yes"])
        .ok();
    bench.in_sync(0);
    assert_eq!(bench.client(1).info("memory")["mem_allocator"], "libc");
    let version = bench.client(0).info("server")["redis_version"].clone();
    let unpacked = bench.db().join(format!("redis-{version}/src/redis-server"));
    assert!(unpacked.exists(), "{}", unpacked.display());
    let left = std::fs::read_dir(bench.db()).unwrap().flatten();
    for name in left.map(|f| f.file_name().into_string().unwrap()) {
        assert!(!name.starts_with('.'), "{name} is left");
    }

    let before = listing(&bench.db());
    bench.run(&["setup", "--yes"]).ok().says("Nothing to do");
    assert_eq!(listing(&bench.db()), before, "a second run changed it");
    bench.run(&["promote", "slave1", "--yes"]).ok();
    bench.in_sync(1);
    figure(&format!(
        "setup of two nodes of one directory from the source of Redis {version}, not optimized: {:?}",
        ran.took
    ));
}

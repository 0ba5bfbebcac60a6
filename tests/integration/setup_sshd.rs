//! `setup` on hosts behind real sshds of this machine: from bare to running, again, and after
//! changes. Refusals are in `setup_sshd/refused.rs`, failures in `setup_sshd/failed.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod bench;
mod failed;
mod others;
mod refused;
mod tarball;
mod tls;
mod transports;

use crate::support::server::families;
use crate::support::{await_that, figure};
use bench::{Bench, NAMES, PASSWORD, listing, mode};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

const NOTHING: &str = "Nothing to do";

#[test]
fn bare_hosts_become_a_deployment_and_stay_one() {
    let Some(bench) = Bench::new(3) else { return };
    let ran = bench.run(&["setup", "--dry-run"]).ok();
    assert!(!bench.db().exists(), "{ran}");
    assert!(
        !ran.stdout.contains(PASSWORD) && !ran.stderr.contains(PASSWORD),
        "{ran}"
    );
    bench.run(&["setup"]).code(3).says("--yes");
    assert!(!bench.db().exists());

    let first = bench
        .run(&["setup", "--yes"])
        .ok()
        .says("master (127.0.0.1:")
        .says("with 2 replicas");
    assert!(!first.stdout.contains(PASSWORD) && !first.stderr.contains(PASSWORD));
    bench.in_sync(0);
    assert!(
        bench
            .client(1)
            .command(&["SET", "a", "b"])
            .text()
            .starts_with("READONLY"),
        "a replica takes writes"
    );
    files_are_as_in_the_tutorial(&bench);

    let before = listing(&bench.db());
    let second = bench.run(&["setup", "--yes"]).ok().says(NOTHING);
    bench.run(&["setup"]).ok().says(NOTHING);
    assert_eq!(
        listing(&bench.db()),
        before,
        "a second run changed something"
    );
    bench.run(&["status"]).ok();
    figure(&format!(
        "setup of three nodes behind sshds: first {:?}, second {:?}",
        first.took, second.took
    ));

    // Live roles win, whatever the inventory wished for at first.
    bench.run(&["promote", "slave1", "--yes"]).ok();
    bench.run(&["setup", "--yes"]).ok().says(NOTHING);
    bench.in_sync(1);
    bench.run(&["status"]).ok();
}

/// The lines of a node's configuration file.
fn lines_of_the_tutorial(bench: &Bench, n: usize) -> Vec<String> {
    let port = bench.port(n);
    let own = bench.db().join(port.to_string());
    let mut wanted = vec![
        "daemonize yes".to_owned(),
        format!("port {port}"),
        format!(
            "pidfile {}",
            own.join(format!("pid/redis_{port}.pid")).display()
        ),
        format!(
            "logfile {}",
            own.join(format!("logs/redis_{port}.log")).display()
        ),
        "databases 16".to_owned(),
        format!("dbfilename redis_{port}.rdb"),
        format!("dir {}", own.display()),
        "protected-mode yes".to_owned(),
        format!("requirepass {PASSWORD}"),
        format!("masterauth {PASSWORD}"),
    ];
    if n > 0 {
        wanted.push(format!("replicaof 127.0.0.1 {}", bench.port(0)));
    }
    wanted
}

/// The paths, the access rights and the content of the files.
fn files_are_as_in_the_tutorial(bench: &Bench) {
    let db = bench.db();
    for (n, name) in NAMES.iter().enumerate() {
        let port = bench.port(n);
        let own = db.join(port.to_string());
        let config = own.join("conf/redis.cnf");
        assert!(
            matches!(mode(&config), 0o600 | 0o640),
            "{name}: {:o}",
            mode(&config)
        );
        assert_eq!(mode(&own), 0o750);
        let text = std::fs::read_to_string(&config).unwrap();
        let wanted = lines_of_the_tutorial(bench, n);
        let plain = text.replace('"', "");
        for line in wanted {
            assert!(
                plain.lines().any(|l| l.trim_end_matches('/') == line),
                "{name} lacks `{line}`:\n{text}"
            );
        }
        let pid: i32 = std::fs::read_to_string(own.join(format!("pid/redis_{port}.pid")))
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        assert!(Path::new(&format!("/proc/{pid}")).exists());
        let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        assert!(
            !command.contains("replicaof") && !command.contains(PASSWORD),
            "{command}"
        );
        assert!(own.join(format!("logs/redis_{port}.log")).exists());
        // The file stays closed when the server writes it anew.
        assert_eq!(bench.client(n).command(&["CONFIG", "REWRITE"]).text(), "OK");
        assert!(
            matches!(mode(&config), 0o600 | 0o640),
            "{name} after CONFIG REWRITE"
        );
    }
    let link = format!("server/current-{}", bench.port(0));
    let current = std::fs::read_link(db.join(link)).unwrap();
    let program = db.join("server").join(current).join("redis-server");
    assert_eq!(mode(&program), 0o755);
}

#[test]
fn every_family_can_be_brought_as_a_program() {
    // What was fetched from other releases is started by a script, with libraries that only this
    // machine has: no host could run it.
    let programs: Vec<_> = families().iter().filter(|f| f.is_one_file()).collect();
    assert!(programs.len() >= 2, "{programs:?}");
    for family in programs {
        let Some(bench) = Bench::with(2, Some(&family.server)) else {
            return;
        };
        let ran = bench.run(&["setup", "--yes"]).ok();
        bench.in_sync(0);
        bench.run(&["setup", "--yes"]).ok().says(NOTHING);
        bench.run(&["status"]).ok();
        figure(&format!(
            "setup of two nodes with {} as source = \"binary\": {:?}",
            family.name, ran.took
        ));
    }
}

/// Of both servers.
fn process_ids(bench: &Bench) -> [String; 2] {
    [0, 1].map(|n| bench.client(n).info("server")["process_id"].clone())
}

/// setup does not do it.
fn what_takes_a_restart_is_said(bench: &mut Bench) {
    let before = process_ids(bench);
    bench.text = bench.text.clone().config("tcp-backlog", "300");
    bench.write();
    let ran = bench
        .run(&["setup", "--yes"])
        .ok()
        .says("`tcp-backlog 300`")
        .says("only at a restart")
        .says("but what the warnings say");
    assert!(!ran.stderr.contains("`dir "), "{ran}");
    assert!(
        !ran.stdout.contains("is set up as its inventory says"),
        "{ran}"
    );
    assert_eq!(process_ids(bench), before, "a server was restarted");
    bench.in_sync(0);
    // A replica that is stopped takes it when setup starts it again.
    bench.client(1).try_command(&["SHUTDOWN", "NOSAVE"]).ok();
    await_that("the replica to end", Duration::from_secs(5), || {
        !bench.answers(1)
    });
    bench.run(&["setup", "--yes"]).ok();
    assert_eq!(bench.client(1).config("tcp-backlog"), "300");
    bench.in_sync(0);
}

#[test]
fn a_changed_inventory_is_applied_to_what_runs() {
    let Some(mut bench) = Bench::new(2) else {
        return;
    };
    bench.text = bench.text.clone().config("maxmemory", "1gb");
    bench.write();
    bench.run(&["setup", "--yes"]).ok();
    let before = process_ids(&bench);
    assert_eq!(
        bench.client(1).config("maxmemory"),
        (1u64 << 30).to_string()
    );

    bench.text = bench.text.clone().config("maxmemory", "2gb");
    bench.write();
    let before_dry = listing(&bench.db());
    bench.run(&["setup", "--dry-run"]).ok().says("maxmemory");
    assert_eq!(
        listing(&bench.db()),
        before_dry,
        "a dry run changed something"
    );
    assert_eq!(
        bench.client(0).config("maxmemory"),
        (1u64 << 30).to_string()
    );
    bench.run(&["setup", "--yes"]).ok();
    for n in 0..2 {
        assert_eq!(
            bench.client(n).config("maxmemory"),
            (2u64 << 30).to_string()
        );
        let text = std::fs::read_to_string(bench.config(n)).unwrap();
        assert!(
            text.lines()
                .any(|l| l == "maxmemory 2gb" || l == "maxmemory 2147483648"),
            "{text}"
        );
        assert!(matches!(mode(&bench.config(n)), 0o600 | 0o640));
    }
    bench.run(&["setup", "--yes"]).ok().says(NOTHING);
    assert_eq!(process_ids(&bench), before, "a server was restarted");
    what_takes_a_restart_is_said(&mut bench);
}

#[test]
fn one_node_after_the_other_and_back_after_a_stop() {
    let Some(bench) = Bench::new(3) else { return };
    bench.run(&["setup", "master", "--yes"]).ok();
    assert_eq!(
        bench.client(0).command(&["SET", "precious", "1"]).text(),
        "OK"
    );
    bench.run(&["setup", "slave1", "--yes"]).ok();
    assert!(!bench.answers(2));
    bench.run(&["setup", "--yes"]).ok();
    bench.in_sync(0);
    // All stopped at once: each takes up the role its file has, and nothing is lost.
    bench.run(&["promote", "slave2", "--yes"]).ok();
    for n in 0..3 {
        bench.client(n).try_command(&["SHUTDOWN", "SAVE"]).ok();
        await_that("the server to end", Duration::from_secs(5), || {
            !bench.answers(n)
        });
    }
    bench.run(&["setup", "--yes"]).ok();
    bench.in_sync(2);
    assert_eq!(bench.client(0).command(&["GET", "precious"]).text(), "1");
    bench.run(&["setup", "--yes"]).ok().says(NOTHING);
    let log = std::fs::metadata(bench.db().join(bench.port(0).to_string())).unwrap();
    assert_eq!(log.permissions().mode() & 0o777, 0o750);
}

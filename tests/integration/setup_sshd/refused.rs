//! The refusals of `setup`: each has one true cause and a hint, and nothing is touched.

use crate::setup_sshd::bench::{Bench, PASSWORD, listing};
use crate::support::inventory::write_password;
use crate::support::process::Ran;
use crate::support::{Family, allowing_for_load, await_that};
use std::net::TcpListener;
use std::time::Duration;

/// One error, with a hint.
fn one_cause(ran: &Ran) {
    let errors = ran.stderr.lines().filter(|l| l.starts_with("error:"));
    assert_eq!(errors.count(), 1, "{ran}");
    assert!(ran.stderr.contains("hint:"), "{ran}");
}

#[test]
fn a_node_with_keys_of_its_own_is_not_emptied_without_a_word() {
    let Some(bench) = Bench::new(3) else { return };
    bench.run(&["setup", "--yes"]).ok();
    let mut stray = bench.client(1);
    assert_eq!(stray.command(&["REPLICAOF", "NO", "ONE"]).text(), "OK");
    assert_eq!(stray.command(&["SET", "own", "1"]).text(), "OK");
    assert_eq!(
        bench.client(0).command(&["SET", "theirs", "1"]).text(),
        "OK"
    );
    let ran = bench
        .run(&["setup", "--yes"])
        .code(3)
        .says("--discard-data");
    assert!(ran.stderr.contains("`slave1`"), "{ran}");
    assert_eq!(stray.command(&["GET", "own"]).text(), "1");
    bench
        .run(&["setup", "--yes", "--discard-data", "slave2"])
        .code(3);
    assert_eq!(stray.command(&["GET", "own"]).text(), "1");
    bench
        .run(&["setup", "--dry-run", "--discard-data", "slave1"])
        .ok()
        .says("may be lost");
    assert_eq!(stray.command(&["GET", "own"]).text(), "1");
    bench
        .run(&["setup", "--yes", "--discard-data", "slave1"])
        .ok();
    bench.in_sync(0);
    assert_eq!(bench.client(1).command(&["GET", "theirs"]).text(), "1");
    assert_eq!(bench.client(1).command(&["EXISTS", "own"]).text(), "0");
}

#[test]
fn a_foreign_server_or_process_on_the_port_is_left_alone() {
    let Some(family) = Family::debian() else {
        return;
    };
    let Some(mut bench) = Bench::new(2) else {
        return;
    };
    let holder = TcpListener::bind(("127.0.0.1", bench.port(1))).unwrap();
    let ran = bench
        .run(&["setup", "--yes"])
        .code(3)
        .says("is taken by")
        .says(&bench.port(1).to_string());
    one_cause(&ran);
    // By its name: the test program's.
    assert!(
        ran.stderr.contains(&std::process::id().to_string()),
        "{ran}"
    );
    drop(holder);
    assert!(!bench.db().exists());

    // A server that somebody else runs there, with the deployment's password.
    let pass = format!("requirepass {PASSWORD}");
    let foreign = family.start(&[&pass, &format!("masterauth {PASSWORD}")]);
    bench.text.node_mut("slave1").port = foreign.port;
    bench.write();
    let ran = bench
        .run(&["setup", "--yes"])
        .code(3)
        .says("replctl did not make the server of `slave1`");
    one_cause(&ran);
    assert!(foreign.is_alive() && !bench.db().exists());
}

#[test]
fn a_password_that_is_not_the_servers_is_named_once() {
    let Some(bench) = Bench::new(3) else { return };
    bench.run(&["setup", "--yes"]).ok();
    // No file has it: what the files have, setup would know.
    for n in 0..3 {
        let mut client = bench.client(n);
        client.command(&["CONFIG", "SET", "masterauth", "in-no-file-12"]);
        client.command(&["CONFIG", "SET", "requirepass", "in-no-file-12"]);
    }
    let before = listing(&bench.db());
    let ran = bench.run(&["setup", "--yes"]).code(3).says("password");
    assert!(!ran.stderr.contains(PASSWORD), "{ran}");
    for name in ["master", "slave1", "slave2"] {
        assert!(
            ran.stderr.matches(&format!("`{name}`")).count() <= 1,
            "more than one cause for {name}: {ran}"
        );
    }
    assert_eq!(listing(&bench.db()), before);
    bench.run(&["status"]).code(4).says("password");
    write_password(bench.folder(), "in-no-file-12");
    bench.run(&["status"]).ok();
}

#[test]
fn a_changed_host_key_is_refused_and_says_what_to_do() {
    let Some(mut bench) = Bench::new(2) else {
        return;
    };
    bench.run(&["setup", "--yes"]).ok();
    bench.sshds.replace_host_key(1);
    let ran = bench
        .run(&["setup", "--yes"])
        .code(3)
        .says("`slave1`")
        .says("ssh-keygen -R");
    one_cause(&ran);
    assert!(ran.stderr.contains("SHA256:"), "{ran}");
    // Neither is it taken with the word for new ones.
    bench
        .run(&["setup", "--yes", "--accept-new-host-keys"])
        .code(3);
}

#[test]
fn a_host_that_is_off_frozen_or_unknown_takes_bounded_time() {
    let Some(mut bench) = Bench::new(3) else {
        return;
    };
    bench.sshds.hosts()[1].kill();
    let ran = bench
        .run(&["setup", "--yes"])
        .code(3)
        .says("cannot look at the host of `slave1`");
    one_cause(&ran);
    assert!(!bench.db().exists());
    bench.sshds.restart(1);
    bench.sshds.hosts()[2].pause();
    let ran = bench
        .run(&["setup", "--yes"])
        .code(3)
        .says("cannot look at the host of `slave2`");
    one_cause(&ran);
    assert!(
        ran.took < allowing_for_load(Duration::from_secs(30)),
        "{ran}"
    );
    assert!(!bench.db().exists());
    bench.sshds.hosts()[2].resume();
    std::fs::write(bench.sshds.known_hosts(), "").unwrap();
    let ran = bench
        .run(&["setup", "--yes"])
        .code(3)
        .says("--accept-new-host-keys");
    assert!(ran.took < allowing_for_load(Duration::from_secs(20)));
    await_that("nothing to be made", Duration::from_secs(1), || {
        !bench.db().exists()
    });
    bench
        .run(&["setup", "--yes", "--accept-new-host-keys"])
        .ok();
    bench.in_sync(0);
    assert_eq!(
        std::fs::read_to_string(bench.sshds.known_hosts())
            .unwrap()
            .lines()
            .count(),
        3
    );
}

#[test]
fn what_the_inventory_may_not_say_is_refused() {
    let Some(mut bench) = Bench::new(2) else {
        return;
    };
    bench
        .run(&["setup", "slave9", "--yes"])
        .code(2)
        .says("slave9");
    bench.text = bench
        .text
        .clone()
        .config("requirepass", "x")
        .config("dir", "/tmp");
    bench.write();
    let ran = bench.run(&["setup", "--yes"]);
    assert!(matches!(ran.code, Some(2 | 3)), "{ran}");
    assert!(
        ran.stderr.contains("`requirepass`") && ran.stderr.contains("`dir`"),
        "{ran}"
    );
    assert!(!bench.db().exists());
}

//! Hosts that are full, frozen, cut off or switched off while `setup` runs: no hang, one true
//! cause, and started work is undone.

use crate::setup_lab::bench::{Bench, hosts};
use crate::support::process::Ran;
use crate::support::{Flavour, allowing_for_load, await_that, figure};
use std::time::Duration;

#[track_caller]
fn one_cause(ran: &Ran, node: &str) {
    let errors = ran.stderr.lines().filter(|l| l.starts_with("error:"));
    assert_eq!(errors.count(), 1, "{ran}");
    assert!(ran.stderr.contains(&format!("`{node}`")), "{ran}");
}

#[test]
fn a_full_disk_is_seen_before_and_while() {
    let Some(lab) = hosts(Flavour::Light, &["disk=96M"]) else {
        return;
    };
    let bench = Bench::new(&lab);
    lab.inside(
        "slave2",
        "dd if=/dev/zero of=/filler bs=1M 2>/dev/null; rm -f /x",
    );
    let ran = bench.run(&["setup", "--yes"]).code(3).says("disk");
    one_cause(&ran, "slave2");
    assert!(bench.is_bare("master") && bench.is_bare("slave2"));

    // There is room where preflight looks, and none where the server goes.
    let mount = "rm /filler && mkdir -p /db/redis/server && mount -t tmpfs -o size=1m none /db/redis/server";
    lab.inside("slave2", mount).ok();
    let ran = bench
        .run(&["setup", "--yes"])
        .code(5)
        .says("put back as it was");
    one_cause(&ran, "slave2");
    assert!(ran.stderr.contains(" KB are free there"), "{ran}");
    let left = lab.inside("slave2", "find /db/redis; id redis").stdout;
    assert_eq!(left, "/db/redis\n/db/redis/server\n");
    assert!(bench.answers(0) && bench.answers(1) && !bench.answers(2));
    lab.inside("slave2", "umount /db/redis/server").ok();
    bench.run(&["setup", "--yes"]).ok();
    bench.in_sync(0, &[1, 2]);
    bench.nothing_to_do();
}

#[test]
fn a_disk_that_is_full_when_a_setting_is_written() {
    let Some(lab) = hosts(Flavour::Light, &["disk=128M"]) else {
        return;
    };
    let mut bench = Bench::new(&lab);
    bench.run(&["setup", "--yes"]).ok();
    lab.inside("slave2", "cat /dev/zero >/filler 2>/dev/null; :")
        .ok();
    bench.change(|t| t.config("maxmemory", "1gb"));
    let ran = bench.run(&["setup", "--yes"]).code(5).says("put back");
    one_cause(&ran, "slave2");
    assert!(
        ran.stderr.contains("No space left") || ran.stderr.contains("disk"),
        "{ran}"
    );
    let bytes = (1u64 << 30).to_string();
    assert_eq!(bench.client(0).config("maxmemory"), bytes);
    assert_eq!(
        bench.client(2).config("maxmemory"),
        "0",
        "it was not put back"
    );
    lab.inside("slave2", "rm /filler").ok();
    bench.run(&["setup", "--yes"]).ok();
    assert_eq!(bench.client(2).config("maxmemory"), bytes);
    bench.nothing_to_do();
}

#[test]
fn a_frozen_or_cut_host_takes_bounded_time() {
    let Some(lab) = hosts(Flavour::Light, &[]) else {
        return;
    };
    let bench = Bench::new(&lab);
    lab.pause("slave1");
    let frozen = bench.run(&["setup", "--yes"]).code(3);
    one_cause(&frozen, "slave1");
    assert!(bench.is_bare("master"));
    lab.resume("slave1");
    lab.cut("slave2");
    let cut = bench.run(&["setup", "--yes"]).code(3);
    one_cause(&cut, "slave2");
    assert!(bench.is_bare("master"));
    figure(&format!(
        "setup refused after {:?} with a frozen host, {:?} with one cut off",
        frozen.took, cut.took
    ));
    assert!(
        frozen.took < allowing_for_load(Duration::from_secs(45))
            && cut.took < allowing_for_load(Duration::from_secs(45))
    );
    // The others can be set up without it.
    bench.run(&["setup", "master", "slave1", "--yes"]).ok();
    bench.in_sync(0, &[1]);
    lab.heal("slave2");
    bench.run(&["setup", "--yes"]).ok();
    bench.in_sync(0, &[1, 2]);
    // A deployment with a frozen host is looked at, and nothing of it is changed.
    lab.pause("slave2");
    let again = bench.run(&["setup", "--yes"]).code(3);
    one_cause(&again, "slave2");
    lab.resume("slave2");
    await_that("the host to answer", Duration::from_secs(10), || {
        bench.answers(2)
    });
    bench.nothing_to_do();
}

#[test]
fn a_host_that_loses_power_on_the_way_is_taken_up_again() {
    let Some(lab) = hosts(Flavour::Systemd, &[]) else {
        return;
    };
    let bench = Bench::new(&lab);
    let mut running = bench.operator.start(&["setup", "--yes"]);
    await_that(
        "setup to have begun on slave1",
        Duration::from_secs(30),
        || running.has_ended() || lab.inside("slave1", "[ -d /db ]").code == Some(0),
    );
    lab.kill("slave1");
    let ran = running.wait(Duration::from_mins(2));
    assert!(matches!(ran.code, Some(1 | 5)), "{ran}");
    one_cause(&ran, "slave1");
    figure(&format!(
        "setup ended after {:?} when a host lost power",
        ran.took
    ));
    assert!(bench.answers(0));
    lab.boot("slave1");
    lab.wait_for("slave1");
    bench.run(&["setup", "--yes"]).ok();
    bench.in_sync(0, &[1, 2]);
    bench.nothing_to_do();
}

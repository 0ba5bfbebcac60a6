//! Separate hosts with systemd, one of which is added and removed.

use crate::members::crew::PASSWORD;
use crate::support::inventory::write_password;
use crate::support::{Flavour, InventoryText, Lab, Net, RawRedis, Replctl, await_that, figure};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const BARE: &str = "[ ! -e /db/redis/6379 ] && ! id redis >/dev/null 2>&1 && [ ! -e /etc/systemd/system/replctl-6379.service ]";

fn answers(net: &Net) -> bool {
    let address = SocketAddr::from(([192, 168, 0, 140], 6379));
    RawRedis::connect(net, address, Some(PASSWORD), Duration::from_secs(3)).is_ok()
}

#[test]
fn a_systemd_host_is_taken_in_and_left_as_it_was_before() {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let password = write_password(folder.path(), PASSWORD);
    let text = InventoryText::on_lab(&lab).password_file(&password).text();
    // The last one is not in it yet.
    let text = text
        .split("\n[[node]]\nname = \"slave2\"")
        .next()
        .unwrap()
        .to_owned()
        + "\n# The end.\n";
    let file = folder.path().join("inventory.toml");
    std::fs::write(&file, &text).unwrap();
    let operator = Replctl::in_lab(&lab).inventory(&file);
    let run = |arguments: &[&str]| operator.run_within(Duration::from_mins(1), arguments);
    let now = || std::fs::read_to_string(&file).unwrap();
    run(&["setup", "--yes"]).ok();
    let begun = Instant::now();
    let add = ["add", "slave2", "--address", "192.168.0.140", "--yes"];

    // There is room where preflight looks, and none where the server goes.
    let mount = "mkdir -p /db/redis/server && mount -t tmpfs -o size=1m none /db/redis/server";
    lab.inside("slave2", mount).ok();
    run(&add)
        .code(1)
        .says(" KB are free there")
        .says("all was put back");
    assert_eq!(now(), text);
    lab.inside("slave2", BARE).ok();
    lab.inside("slave2", "umount /db/redis/server && rm -r /db")
        .ok();

    let ran = run(&add).ok().says("proved: a write was read on 1 replica");
    figure(&format!("add of a bare systemd host: {:?}", ran.took));
    assert!(answers(&lab.net()));
    lab.inside("slave2", "systemctl is-enabled replctl-6379.service")
        .ok();
    run(&["setup", "--yes"]).ok().says("Nothing to do");

    run(&["remove", "slave2", "--yes"])
        .ok()
        .says("nothing starts it again");
    assert_eq!(now(), text);
    let unit = lab.inside("slave2", "systemctl is-enabled replctl-6379.service");
    assert_ne!(unit.code, Some(0), "{unit}");
    run(&["undo", "last", "--yes"]).ok();
    lab.inside("slave2", "systemctl is-enabled replctl-6379.service")
        .ok();
    assert!(answers(&lab.net()));

    run(&["remove", "slave2", "--purge", "--yes"]).ok();
    assert_eq!(now(), text);
    // The user may have been there before, and stays.
    lab.inside(
        "slave2",
        "[ ! -e /db/redis ] && [ ! -e /etc/systemd/system/replctl-6379.service ]",
    )
    .ok();
    await_that("its end", Duration::from_secs(5), || !answers(&lab.net()));
    figure(&format!("a systemd host in and out: {:?}", begun.elapsed()));
}

//! A node whose adoption fails is as it was.

use super::{ADDRESSES, Bench, HOSTS, installed};
use crate::support::{Flavour, Lab};
use std::net::SocketAddr;

/// What systemd starts and where it reads that, what runs, and what replctl has left.
const STATE: &str = "find /etc/systemd /run/systemd/system -iname '*redis*' -printf '%p %y %l\\n' | sort; \
    find /etc/systemd -lname '*redis*' -printf '%p %l\\n' | sort; \
    systemctl is-enabled redis-server; systemctl is-active redis-server; systemctl show -p Restart redis-server; \
    pidof redis-server | wc -w; ls -d /db 2>&1";

#[test]
fn a_setting_that_would_not_come_back_puts_the_node_back_as_it_was() {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    installed(&lab);
    let bench = Bench::new(&lab);
    bench.in_sync(&["slave1", "slave2"]);
    // Nobody knows the default of this one here, and no file has it.
    bench.cli("slave1", "config set cluster-node-timeout 20001");
    let state = || HOSTS.map(|host| lab.inside(host, STATE).stdout);
    let before = (state(), bench.prints(), bench.text());
    let writer = bench.writer(0);
    let ran = bench.adopts(&["slave1", "--yes"]);
    ran.code(1)
        .says("`cluster-node-timeout 15000`, not `20001`")
        .says("all was put back");
    let tally = writer.stop();
    bench.in_sync(&["slave1", "slave2"]);
    tally.nothing_lost(SocketAddr::new(ADDRESSES[0].parse().unwrap(), 6379));
    assert_eq!((state(), bench.prints(), bench.text()), before);
    assert_eq!(bench.digest("slave1"), bench.digest("master"));
}

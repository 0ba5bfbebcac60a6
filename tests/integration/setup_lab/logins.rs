//! Logins that are not root: sudo with a password, without one, and none at all.

use crate::setup_lab::bench::{Bench, hosts};
use crate::support::{Flavour, figure};

#[test]
fn sudo_asks_once_for_all_hosts() {
    let Some(lab) = hosts(Flavour::Light, &[]) else {
        return;
    };
    let mut bench = Bench::new(&lab);
    bench.change(|t| t.ssh("user", "ops"));
    // Nobody to ask: refused with its cause, in bounded time.
    let ran = bench.run(&["setup", "--yes"]).code(3);
    assert!(ran.stderr.contains("sudo"), "{ran}");
    assert!(bench.is_bare("master") && bench.is_bare("slave1"));

    let mut terminal = bench.operator.terminal(40, &["setup"]);
    terminal.exp_regex("(?i)password[^\n]*ops").unwrap();
    terminal.send_line("ops-pw").unwrap();
    terminal.exp_string("Do this?").unwrap();
    terminal.send("y").unwrap();
    terminal.flush().unwrap();
    let rest = terminal.exp_string("is the primary").unwrap();
    assert!(
        !rest.contains("ops-pw") && !rest.to_lowercase().contains("password"),
        "asked again: {rest}"
    );
    terminal.exp_eof().unwrap();
    bench.in_sync(0, &[1, 2]);
}

#[test]
fn sudo_without_a_password_and_a_login_without_sudo() {
    let Some(lab) = hosts(Flavour::Systemd, &[]) else {
        return;
    };
    let mut bench = Bench::new(&lab);
    bench.change(|t| t.ssh("user", "plain"));
    let ran = bench.run(&["setup", "--yes"]).code(3);
    assert!(ran.stderr.contains("plain"), "{ran}");
    assert!(bench.is_bare("master"));
    bench.change(|t| t.ssh("user", "deploy"));
    let first = bench.run(&["setup", "--yes"]).ok();
    bench.in_sync(0, &[1, 2]);
    let second = bench.nothing_to_do();
    figure(&format!(
        "setup of three systemd hosts by sudo: first {:?}, second {:?}",
        first.took, second.took
    ));
    lab.inside("master", "systemctl is-active replctl-6379")
        .ok();
    // The login reads neither the password nor the data.
    lab.inside("master", "su deploy -c 'cat /db/redis/6379/conf/redis.cnf'")
        .code(1);
}

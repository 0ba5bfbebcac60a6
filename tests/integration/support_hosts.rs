//! Tests of the test tools: hosts behind plain sshds and in labs, and the program run on them.
//! Servers and clients are in `support_self.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::support::{
    Flavour, Lab, Load, Replctl, Running, Sshds, Writer, await_that, figure, process,
};
use std::time::{Duration, Instant};

#[test]
fn plain_sshds_answer_with_the_key_and_go_with_the_test() {
    let Some(mut sshds) = Sshds::start(3) else {
        return;
    };
    for host in sshds.hosts() {
        let ran = sshds
            .ssh(host, "echo $LAB_HOST $HOME; cat >&2 </dev/null; exit 7")
            .code(7);
        assert_eq!(
            ran.stdout.trim(),
            format!("{} {}", host.name, host.home.display())
        );
    }
    // What a deployment leaves running in the folder is found.
    std::fs::create_dir(sshds.folder().join("db")).unwrap();
    let line = format!(
        "cd {}/db && (setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $!)",
        sshds.folder().display()
    );
    let daemon: i32 = sshds
        .ssh(&sshds.hosts()[0], &line)
        .ok()
        .stdout
        .trim()
        .parse()
        .unwrap();
    assert_eq!(process::living_in(sshds.folder()), [daemon]);

    sshds.replace_host_key(1);
    assert!(
        sshds
            .ssh(&sshds.hosts()[1], "true")
            .code(255)
            .stderr
            .contains("HOST IDENTIFICATION HAS CHANGED")
    );
    sshds.hosts()[2].kill();
    assert!(
        sshds
            .ssh(&sshds.hosts()[2], "true")
            .code(255)
            .stderr
            .contains("Connection refused")
    );
    sshds.restart(2);
    sshds.ssh(&sshds.hosts()[2], "true").ok();
    sshds.hosts()[0].pause();
    let started = Instant::now();
    assert!(
        sshds
            .ssh(&sshds.hosts()[0], "true")
            .code(255)
            .stderr
            .contains("timed out"),
        "a frozen sshd says nothing"
    );
    assert!(started.elapsed() >= Duration::from_secs(4));
    drop(sshds);
    crate::support::await_that("the daemon's end", Duration::from_secs(5), || {
        !std::path::Path::new(&format!("/proc/{daemon}")).exists()
    });
}

#[test]
fn the_program_runs_and_is_asked_on_a_terminal() {
    let operator = Replctl::new();
    let version = concat!("replctl ", env!("CARGO_PKG_VERSION"));
    assert_eq!(operator.run(&["--version"]).ok().stdout.trim(), version);
    operator
        .terminal(10, &["--version"])
        .exp_string(version)
        .unwrap();
    operator
        .run(&["no-such-command"])
        .code(2)
        .says("no-such-command");
}

fn ssh(lab: &Lab, host: &str, line: &str) -> process::Ran {
    let mut command = lab.operator("/usr/bin/ssh".as_ref());
    command
        .arg("-F")
        .arg(lab.ssh_config())
        .args(["-o", "ConnectTimeout=4", host, line]);
    process::run(&mut command, Duration::from_secs(30))
}

#[test]
fn a_lab_has_hosts_of_every_kind() {
    let started = Instant::now();
    let Some(lab) = Lab::up() else { return };
    let turn = started.elapsed();
    lab.host("master", "192.168.0.120", Flavour::Systemd);
    lab.host("slave1", "192.168.0.130", Flavour::Light);
    lab.host_with("slave2", "192.168.0.140", Flavour::Busybox, &["disk=64M"]);
    lab.wait();
    figure(&format!(
        "a lab with three hosts is there after {:?} (its turn and base: {turn:?})",
        started.elapsed()
    ));
    assert_eq!(lab.hosts(), ["master", "slave1", "slave2"]);
    for host in lab.hosts() {
        assert_eq!(ssh(&lab, &host, "hostname").ok().stdout.trim(), host);
    }
    assert_eq!(
        lab.inside("master", "ps -p 1 -o comm=").ok().stdout.trim(),
        "systemd"
    );
    lab.inside(
        "slave1",
        "command -v systemctl && systemctl is-system-running",
    )
    .code(1);
    lab.inside("slave2", "busybox | head -1")
        .ok()
        .says("BusyBox");
    lab.inside("slave2", "command -v bash").code(127);

    // An operator in the lab's network, with this machine's files and an empty home.
    let operator = Replctl::in_lab(&lab);
    operator
        .run(&["--version"])
        .ok()
        .says(env!("CARGO_PKG_VERSION"));
    let environment = process::run(
        &mut lab.operator("/usr/bin/env".as_ref()),
        Duration::from_secs(10),
    )
    .ok()
    .stdout;
    assert!(
        environment.lines().all(|l| l.starts_with("PATH=")
            || l.starts_with("_=")
            || l.starts_with("PWD=")
            || l.starts_with("SHLVL=")),
        "{environment}"
    );

    ssh(&lab, "master", "systemctl poweroff");
    crate::support::await_that("the host to power off", Duration::from_secs(20), || {
        lab.console("master").lines().any(|l| l.contains("ended: "))
    });
    assert_ne!(ssh(&lab, "master", "true").code, Some(0));
    lab.boot("master");
    lab.wait_for("master");
    ssh(&lab, "master", "true").ok();
}

#[test]
fn a_labs_faults_are_seen_and_healed() {
    let Some(lab) = Lab::of_three(Flavour::Light) else {
        return;
    };
    let port = std::net::SocketAddr::from(([192, 168, 0, 120], 22));
    let reach = || lab.net().connect(port, Duration::from_millis(700)).is_ok();
    assert!(reach());
    lab.cut("master");
    assert!(!reach());
    lab.heal("master");
    assert!(reach());
    lab.refuse("master", 22);
    assert!(!reach());
    lab.allow("master", 22);
    assert!(reach());
    lab.cut_between("master", "slave1");
    let from = |host: &str| ssh(&lab, host, "timeout 1 bash -c '</dev/tcp/192.168.0.120/22'").code;
    assert!(reach() && from("slave1") != Some(0) && from("slave2") == Some(0));
    lab.heal_between("master", "slave1");
    assert_eq!(from("slave1"), Some(0));
    lab.pause("master");
    assert!(reach(), "a frozen host accepts connections");
    assert!(
        ssh(&lab, "master", "true")
            .code(255)
            .stderr
            .contains("timed out")
    );
    lab.resume("master");
    ssh(&lab, "master", "true").ok();
    lab.kill("master");
    assert!(!reach());
    lab.boot("master");
    lab.wait_for("master");
    lab.unplug("master");
    assert!(!reach());
    lab.plug("master");
    // The first packet after the cable is back may still meet the failed look-up of the address.
    await_that(
        "the host to be reached again",
        Duration::from_secs(10),
        reach,
    );
    lab.destroy("slave2");
    assert_eq!(lab.hosts(), ["master", "slave1"]);
}

#[test]
fn servers_in_a_lab_are_reached_from_the_test() {
    let Some(lab) = Lab::up() else { return };
    lab.host("master", "192.168.0.120", Flavour::Light);
    lab.wait();
    lab.inside(
        "master",
        "apt-get update -qq && apt-get install -y -qq redis-server >/dev/null",
    )
    .ok();
    let _server: Running = lab.start_inside(
        "master",
        "exec redis-server --bind 0.0.0.0 --protected-mode no --save ''",
    );
    let mut load = Load::plain(&[]);
    (load.net, load.nodes) = (
        lab.net(),
        vec![std::net::SocketAddr::from(([192, 168, 0, 120], 6379))],
    );
    let writer = Writer::start(load);
    writer.await_more(2_000, Duration::from_secs(20));
    writer
        .stop()
        .nothing_lost(([192, 168, 0, 120], 6379).into());
}

#[test]
fn nothing_is_left_of_a_lab() {
    let Some(lab) = Lab::up() else { return };
    lab.host("master", "192.168.0.120", Flavour::Light);
    lab.wait();
    let folder = lab.key().parent().unwrap().to_owned();
    let line = std::fs::read_to_string(folder.join("pid")).unwrap();
    let init: i32 = line.split_whitespace().next().unwrap().parse().unwrap();
    assert!(process::family_of(init).len() > 2);
    drop(lab);
    assert!(!folder.exists());
    assert!(!std::path::Path::new(&format!("/proc/{init}")).exists());
}

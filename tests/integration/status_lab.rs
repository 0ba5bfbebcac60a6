//! `status` on real hosts with faults: each is named with its one reason, within a bounded time,
//! and with a hint where one can help.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::support::deployed::PASSWORD;
use crate::support::{Deployed, Flavour, Lab, allowing_for_load, await_that, figure, process};
use std::process::Command;
use std::time::Duration;

/// Faults of the network and of the other end, one after the other, each undone.
#[test]
fn each_fault_of_the_network_has_its_own_row() {
    let Some(lab) = Lab::of_three(Flavour::Light) else {
        return;
    };
    let deployed = Deployed::set_up_with(&lab, |inventory| {
        inventory
            .config("repl-ping-replica-period", "1")
            .config("repl-timeout", "10")
    });
    let healthy = deployed.status("healthy", 0);
    assert!(
        healthy.took < allowing_for_load(Duration::from_secs(4)),
        "{healthy}"
    );

    lab.refuse("slave1", 6379);
    deployed
        .status("port of a replica firewalled, seen over SSH", 0)
        .says("2 replicas in sync");
    lab.allow("slave1", 6379);

    lab.cut("slave2");
    deployed
        .status("replica's host cut off", 4)
        .says("no answer to the connection attempt");
    lab.heal("slave2");

    lab.unplug("slave2");
    deployed
        .status("replica's cable pulled", 4)
        .says("? ")
        .says("slave2");
    lab.plug("slave2");

    cut_between_nodes(&deployed);

    lab.pause("slave1");
    deployed
        .status("replica's host frozen", 4)
        .says("frozen")
        .says("it accepts connections and says nothing");
    lab.resume("slave1");
    deployed.signal("slave1", "-STOP");
    deployed
        .status("replica's process frozen", 4)
        .says("it accepts connections and says nothing");
    deployed.signal("slave1", "-CONT");
    deployed.await_healthy();

    not_a_server(&deployed);
    a_changed_host_key(&deployed);
}

/// The operator sees both ends; the link between them is cut.
fn cut_between_nodes(deployed: &Deployed<'_>) {
    deployed.lab.cut_between("slave1", "master");
    await_that("the silence", Duration::from_secs(10), || {
        deployed.info("slave1", "master_last_io_seconds_ago") == "5"
    });
    deployed
        .status("link between two nodes cut, not yet noticed by them", 4)
        .says("1 of 2 replicas in sync")
        .says("the link of `slave1` to `master` is up in name only");
    await_that("the link to be down", Duration::from_secs(20), || {
        deployed.info("slave1", "master_link_status") == "down"
    });
    deployed
        .status("link between two nodes cut", 4)
        .says("the link of `slave1` to `master` has been down for")
        .says("`slave1` may not reach 192.168.0.120:6379 from its host")
        .says("root@192.168.0.130 tail -n 20");
    // Pasted, it reaches the host by the inventory's key and user, and shows the reason.
    deployed.paste("link-down").ok().says("MASTER");
    deployed.lab.heal_between("slave1", "master");
    deployed.await_healthy();
}

fn not_a_server(deployed: &Deployed<'_>) {
    let (operator, _folder) = deployed.other_operator(PASSWORD, |mut inventory| {
        inventory.node_mut("slave1").port = 22;
        inventory
    });
    let ran = operator.run(&["status"]).code(4);
    figure(&format!(
        "status, sshd on the port: {:.2} s",
        ran.took.as_secs_f64()
    ));
    ran.says("not a server")
        .says("something else than a Redis or Valkey server answers: SSH-2.0")
        .says("check `address` and `port` of `slave1` in the inventory");
}

/// Nothing about the server is unknown, so it is no problem. Facts that need SSH are reported as
/// unknown, with the reason.
fn a_changed_host_key(deployed: &Deployed<'_>) {
    let known = std::fs::read_to_string(deployed.lab.known_hosts()).unwrap();
    let stranger = deployed.folder().join("stranger");
    process::run(
        Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&stranger),
        Duration::from_secs(10),
    )
    .ok();
    let key = std::fs::read_to_string(stranger.with_extension("pub")).unwrap();
    let changed: String = known
        .lines()
        .filter(|line| !line.starts_with("slave1"))
        .map(|line| format!("{line}\n"))
        .chain([format!("192.168.0.130 {key}")])
        .collect();
    let file = deployed.folder().join("known_hosts");
    std::fs::write(&file, changed).unwrap();
    let (operator, _folder) = deployed.other_operator(PASSWORD, |inventory| {
        inventory.ssh("known_hosts", file.to_str().unwrap())
    });
    let ran = operator.run(&["status"]).ok();
    figure(&format!(
        "status, host key changed: {:.2} s",
        ran.took.as_secs_f64()
    ));
    ran.says("2 replicas in sync")
        .says("note: the role of `slave1` after a restart is not known")
        .says("key");
}

/// What people and programs get, whatever the terminal is.
#[test]
fn status_for_people_and_for_programs() {
    let Some(lab) = Lab::of_three(Flavour::Light) else {
        return;
    };
    let deployed = Deployed::set_up(&lab);
    let json = deployed.json();
    assert_eq!(json["nodes"].as_array().unwrap().len(), 3, "{json:#}");
    // These hosts have neither systemd nor a start script.
    let findings = json["findings"].as_array().unwrap();
    let codes: Vec<_> = findings.iter().map(|f| f["code"].as_str()).collect();
    assert_eq!(codes, [Some("reboot-forecast")], "{json:#}");
    assert_eq!(json["after_reboot"], "nothing-starts");
    let seconds = deployed.operator.run(&["status", "--seconds"]).ok();
    assert!(
        seconds.stdout.contains("lag") && seconds.stdout.contains(" ms"),
        "{seconds}"
    );
    let timed: serde_json::Value = serde_json::from_str(
        &deployed
            .operator
            .run(&["status", "--json", "--seconds"])
            .ok()
            .stdout,
    )
    .unwrap();
    assert!(timed.to_string().contains("seconds"), "{timed:#}");

    deployed.ask("slave2", &["REPLICAOF", "192.168.1.130", "6379"]);
    await_that("the link to be down", Duration::from_secs(5), || {
        deployed.info("slave2", "master_link_status") == "down"
    });
    for (locale, columns) in [("C", 60), ("C", 20), ("C.UTF-8", 60), ("C.UTF-8", 200)] {
        let text = on_a_terminal(&deployed, locale, columns);
        assert_eq!(locale != "C", !text.is_ascii(), "{text}");
        let hint = "hint: replctl promote master";
        assert!(text.contains(hint), "hints are not wrapped: {text}");
        let longest = text.lines().filter(|l| !l.contains("hint: "));
        let longest = longest.map(|l| l.chars().count()).max().unwrap();
        assert!(
            columns == 20 || longest <= columns,
            "{longest} columns: {text}"
        );
    }
    deployed.paste("upstream-unknown").ok();

    a_wrong_password(&deployed);
}

/// What a terminal of that width gets, without colours.
fn on_a_terminal(deployed: &Deployed<'_>, locale: &str, columns: usize) -> String {
    let mut program = deployed.operator.command(&["status"]);
    program
        .env("LC_ALL", locale)
        .env("NO_COLOR", "1")
        .env("TERM", "xterm");
    // script(1) makes the terminal, stty its width; the command goes on in it.
    let quoted = |word: &std::ffi::OsStr| {
        shlex::try_quote(word.to_str().unwrap())
            .unwrap()
            .into_owned()
    };
    let mut line = format!(
        "stty cols {columns} rows 50; exec {}",
        quoted(program.get_program())
    );
    for word in program.get_args() {
        line = format!("{line} {}", quoted(word));
    }
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).env_clear();
    command.envs(
        program
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    command.current_dir(program.get_current_dir().unwrap());
    let ran = process::run(&mut command, Duration::from_secs(20)).code(4);
    ran.stdout.replace('\r', "")
}

fn a_wrong_password(deployed: &Deployed<'_>) {
    let (stranger, _folder) = deployed.other_operator("another-password", |inventory| inventory);
    let ran = stranger.run(&["status"]).code(4);
    figure(&format!(
        "status, wrong password: {:.2} s",
        ran.took.as_secs_f64()
    ));
    let ran = ran.says("wrong password").says("WRONGPASS");
    assert!(!ran.stdout.contains(PASSWORD) && !ran.stdout.contains("another-password"));
    stranger
        .run(&["promote", "slave1", "--yes"])
        .code(3)
        .says("it refuses the password");
    // The primary alone refuses it: it is alive, and nobody takes its place.
    deployed.ask(
        "master",
        &["CONFIG", "SET", "requirepass", "changed-by-somebody"],
    );
    deployed
        .status("primary refuses the password", 4)
        .says("compare the inventory's password with `requirepass` of `master`");
    deployed
        .operator
        .run(&["promote", "slave1", "--yes", "--accept-split-brain"])
        .code(3)
        .says("`master` is alive");
    assert_eq!(deployed.info("slave1", "role"), "slave");
}

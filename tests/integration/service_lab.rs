//! Debian's own package on hosts with systemd, without any work of replctl: its forecasts of
//! restarts and reboots are compared with real ones.

#![allow(clippy::unwrap_used)]

use crate::support::inventory::InventoryText;
use crate::support::lab::Flavour;
use crate::support::process::Ran;
use crate::support::{Lab, Replctl, await_that};
use std::time::Duration;
use tempfile::TempDir;

const NAMES: [&str; 3] = ["master", "slave1", "slave2"];
const FILE: &str = "/etc/redis/redis.conf";

struct Bench<'a> {
    lab: &'a Lab,
    operator: Replctl<'a>,
    _folder: TempDir,
}

impl<'a> Bench<'a> {
    /// The package on three hosts, the first the primary, as an administrator sets it up: by its
    /// file and its unit.
    fn new(lab: &'a Lab) -> Self {
        let install = format!(
            "apt-get update -qq >/dev/null 2>&1; apt-get install -y -qq redis-server >/dev/null 2>&1; \
             sed -i 's/^bind .*/bind 0.0.0.0/; s/^protected-mode .*/protected-mode no/' {FILE}"
        );
        let installing: Vec<_> = NAMES
            .iter()
            .map(|h| lab.start_inside(h, &install))
            .collect();
        for running in installing {
            running.wait(Duration::from_mins(1)).ok();
        }
        for host in NAMES {
            let role = format!("echo 'replicaof 192.168.0.120 6379' >>{FILE}; ");
            let role = if host == NAMES[0] { "" } else { &role };
            lab.inside(host, &format!("{role}systemctl restart redis-server"))
                .ok();
        }
        let folder = TempDir::new().unwrap();
        let file = InventoryText::on_lab(lab).write(folder.path());
        let this = Self {
            lab,
            operator: Replctl::in_lab(lab).inventory(&file),
            _folder: folder,
        };
        lab.inside("master", "redis-cli set key 1").ok();
        this.in_sync(0);
        this
    }

    fn run(&self, words: &[&str]) -> Ran {
        self.operator.run(words)
    }

    fn info(&self, host: usize, field: &str) -> String {
        let line = format!("redis-cli info replication | sed -n 's/^{field}://p'");
        self.lab.inside(NAMES[host], &line).stdout.trim().to_owned()
    }

    /// The others follow it, and their links are up.
    fn in_sync(&self, primary: usize) {
        await_that("the replicas to be linked", Duration::from_secs(40), || {
            self.info(primary, "role") == "master"
                && (0..3)
                    .filter(|n| *n != primary)
                    .all(|n| self.info(n, "master_link_status") == "up")
        });
        await_that("a healthy deployment", Duration::from_secs(20), || {
            let told = self.run(&["status"]);
            told.stdout.contains(", 2 replicas in sync")
        });
    }

    /// Power off and on for all of them.
    fn reboot(&self) {
        for host in NAMES {
            self.lab.kill(host);
        }
        for host in NAMES {
            self.lab.boot(host);
        }
        self.lab.wait();
        for host in NAMES {
            await_that("the server", Duration::from_secs(20), || {
                self.lab
                    .inside(host, "redis-cli ping")
                    .stdout
                    .contains("PONG")
            });
        }
    }

    /// A drop-in of the package's unit.
    fn drop_in(&self, host: usize, text: &str) {
        let folder = "/etc/systemd/system/redis-server.service.d";
        let line = format!(
            "mkdir -p {folder}; printf '[Service]\\n{text}\\n' >{folder}/own.conf; systemctl daemon-reload; systemctl restart redis-server"
        );
        self.lab.inside(NAMES[host], &line).ok();
    }

    /// Asserts that no host has anything of replctl.
    fn assert_foreign(&self) {
        for host in NAMES {
            let line = "ls -d /db /etc/systemd/system/*redis*_* /etc/systemd/system/replctl* 2>/dev/null; true";
            assert_eq!(self.lab.inside(host, line).stdout, "", "{host}");
        }
    }
}

/// K3.4, K3.5.
#[test]
fn the_package_keeps_the_roles_that_it_is_said_to_keep() {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    let bench = Bench::new(&lab);
    let told = bench.run(&["status"]).ok();
    assert!(!told.stdout.contains("note:"), "{}", told.stdout);
    let done = bench.run(&["promote", "slave1", "--yes"]).ok();
    assert_eq!(
        done.stdout.matches("role written to its file").count(),
        3,
        "{}",
        done.stdout
    );
    bench.reboot();
    bench.in_sync(1);

    // A unit that does not let its server write its file.
    bench.drop_in(
        2,
        "ReadWritePaths=\\nReadWritePaths=/var/lib/redis /var/log/redis /run/redis",
    );
    bench.in_sync(1);
    bench
        .run(&["status"])
        .ok()
        .says("redis-server.service does not let it write in /etc/redis");
    let refused = bench.run(&["promote", "slave2", "--yes"]).code(3);
    refused.says("--ignore read-only-config");
    bench
        .run(&["promote", "slave2", "--yes", "--ignore", "read-only-config"])
        .ok();
    bench.in_sync(2);
    let told = bench.run(&["status"]).code(4);
    let told = told.says("`slave2` is primary, but not by its configuration file");
    told.says("when all hosts start again, there is no primary");
    bench.reboot();
    let primaries = (0..3)
        .filter(|n| bench.info(*n, "role") == "master")
        .count();
    assert_eq!(primaries, 0, "the forecast said that there is none");
    bench.assert_foreign();
}

/// K3.1.
#[test]
fn a_role_in_the_command_of_a_unit_is_told_before() {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    let bench = Bench::new(&lab);
    let command = format!(
        "/usr/bin/redis-server {FILE} --supervised systemd --daemonize no --replicaof 192.168.0.120 6379"
    );
    bench.drop_in(1, &format!("ExecStart=\\nExecStart={command}"));
    bench.in_sync(0);
    let note = bench.run(&["status"]).ok();
    note.says("`replicaof 192.168.0.120 6379` stands in ExecStart of redis-server.service");
    let refused = bench.run(&["promote", "slave1", "--yes"]).code(3);
    let refused = refused.says("systemctl edit --full redis-server.service");
    refused.says("replctl promote slave1 --ignore role-on-command-line");
    bench
        .run(&[
            "promote",
            "slave1",
            "--yes",
            "--ignore",
            "role-on-command-line",
        ])
        .ok();
    bench.in_sync(1);
    let told = bench.run(&["status"]).code(4);
    let told =
        told.says("`slave1` is primary, but not by the command line in redis-server.service");
    told.says(
        "when all hosts start again, there is no primary: `master` and `slave1` follow each other",
    );
    // The oracle: the unit restarted as it stands.
    lab.inside("slave1", "systemctl restart redis-server").ok();
    await_that("the server", Duration::from_secs(20), || {
        bench.info(1, "role") == "slave"
    });
    bench.assert_foreign();
}

/// K3.5.
#[test]
fn a_dead_primary_of_the_package_is_fenced_in_its_own_file() {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    let bench = Bench::new(&lab);
    lab.inside("master", "systemctl stop redis-server").ok();
    let done = bench.run(&["promote", "slave1", "--yes"]).ok();
    done.says("its file says it returns as a replica");
    let line = format!("grep '^replicaof' {FILE}");
    let told = lab.inside("master", &line).ok();
    assert_eq!(told.stdout, "replicaof 192.168.0.130 6379\n");
    let told = bench.run(&["status"]).code(4);
    assert!(!told.stdout.contains("replctl setup"), "{}", told.stdout);
    let returned = bench.run(&["rejoin", "master", "--yes"]).ok();
    returned.says("start master by redis-server.service, as a replica of slave1");
    bench.in_sync(1);
    bench.run(&["status"]).ok();
    bench.assert_foreign();
}

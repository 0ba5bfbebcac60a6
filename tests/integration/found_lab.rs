//! `replctl init --from` on hosts: the package with Sentinels, several servers on one host, servers
//! started by hand, and servers that only their own host reaches. The results are compared with the
//! output of systemctl and redis-cli, and with a hash of everything before and after.

#![allow(clippy::unwrap_used)]

use crate::support::process::{Ran, run};
use crate::support::server::every_server;
use crate::support::{Flavour, Lab, Replctl, await_that};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

mod returns;

const HOSTS: [&str; 3] = ["master", "slave1", "slave2"];

/// All of /etc and of the servers' folders, and what systemd has: one hash each.
const PRINT: &str = "cd /; for d in etc db srv var/lib/redis var/lib/valkey; do [ -e $d ] || continue; \
    find $d -xdev ! -path 'var/lib/*/dump.rdb' -printf '%p %y %m %U %G %l\\n' | sort | sha256sum; \
    find $d -xdev -type f ! -name '*.log' ! -name sentinel.conf ! -name dump.rdb -exec sha256sum {} + | sort | sha256sum; done; \
    systemctl list-unit-files --no-legend --no-pager 2>/dev/null | sort | sha256sum";

fn prints(lab: &Lab) -> Vec<String> {
    let of = |host: &&str| lab.inside(host, PRINT).ok().stdout;
    HOSTS.iter().map(of).collect()
}

/// An operator of the hosts, without an inventory.
struct Bench<'a> {
    lab: &'a Lab,
    operator: Replctl<'a>,
}

impl<'a> Bench<'a> {
    fn new(lab: &'a Lab) -> Self {
        Self {
            lab,
            operator: Replctl::in_lab(lab),
        }
    }

    /// `init --from` as root of the hosts.
    fn find(&self, from: &str, more: &[&str]) -> Ran {
        let (key, known) = (self.lab.key(), self.lab.known_hosts());
        let words = [
            "init",
            "--from",
            from,
            "--user",
            "root",
            "--identity-file",
            key.to_str().unwrap(),
            "--known-hosts",
            known.to_str().unwrap(),
        ];
        self.operator.run(&[&words[..], more].concat())
    }

    fn file(&self) -> PathBuf {
        self.operator.home().join("inventory.toml")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    fn nodes(&self) -> Vec<toml::Value> {
        let table: toml::Table = self.text().parse().unwrap();
        table["node"].as_array().unwrap().clone()
    }

    fn key(&self, node: usize, key: &str) -> String {
        let nodes = self.nodes();
        let value = nodes[node].get(key);
        value.map_or_else(String::new, |value| match value.as_str() {
            Some(text) => text.to_owned(),
            None => value.to_string(),
        })
    }

    fn forget(&self) {
        std::fs::remove_file(self.file()).unwrap();
    }

    fn links_are_up(&self, cli: &str, replicas: &[(&str, u16)]) {
        await_that("the links to come up", Duration::from_secs(40), || {
            replicas.iter().all(|(host, port)| {
                let line = format!("{cli} -p {port} info replication");
                let told = self.lab.inside(host, &line).stdout;
                told.contains("master_link_status:up")
            })
        });
    }
}

/// Debian's packages on three hosts.
fn installed(lab: &Lab, server: &str, packages: &str) {
    let install = format!(
        "apt-get update -qq >/dev/null 2>&1; apt-get install -y -qq {packages} >/dev/null 2>&1; \
         sed -i 's/^bind .*/bind 0.0.0.0/; s/^protected-mode .*/protected-mode no/' /etc/{server}/{server}.conf"
    );
    let installing: Vec<_> = HOSTS
        .iter()
        .map(|host| lab.start_inside(host, &install))
        .collect();
    for running in installing {
        running.wait(Duration::from_mins(2)).ok();
    }
}

/// A package of Debian's: its words for units, files and programs.
struct Package {
    server: &'static str,
    folder: &'static str,
    cli: &'static str,
}

#[test]
fn redis_of_the_package_with_its_sentinels_is_found_as_it_is_run() {
    package_is_found(&Package {
        server: "redis",
        folder: "/etc/redis",
        cli: "redis-cli",
    });
}

#[test]
fn valkey_of_the_package_with_its_sentinels_is_found_as_it_is_run() {
    if every_server().iter().any(|f| f.name == "valkey") {
        package_is_found(&Package {
            server: "valkey",
            folder: "/etc/valkey",
            cli: "valkey-cli",
        });
    }
}

/// Installs it on three hosts: a primary, two replicas, a Sentinel on each.
fn package_runs(package: &Package, bench: &Bench<'_>) {
    let Package {
        server,
        folder,
        cli,
    } = package;
    let lab = bench.lab;
    installed(lab, server, &format!("{server}-server {server}-sentinel"));
    for host in HOSTS {
        let role = if host == HOSTS[0] {
            String::new()
        } else {
            format!("echo 'replicaof 192.168.0.120 6379' >>{folder}/{server}.conf; ")
        };
        let sentinel = format!(
            "sed -i '/^sentinel monitor/d; s/^bind .*/bind 0.0.0.0/' {folder}/sentinel.conf; \
            printf 'protected-mode no\\nsentinel monitor mymaster 192.168.0.120 6379 2\\n' >>{folder}/sentinel.conf; "
        );
        let restart = format!("systemctl restart {server}-server {server}-sentinel");
        lab.inside(host, &format!("{role}{sentinel}{restart}")).ok();
    }
    bench.links_are_up(cli, &[("slave1", 6379), ("slave2", 6379)]);
    // Each Sentinel learns of the others and of the replicas for itself.
    await_that("the Sentinels", Duration::from_mins(1), || {
        let line = format!("{cli} -p 26379 sentinel master mymaster");
        HOSTS.iter().all(|host| {
            let told = lab.inside(host, &line).stdout;
            told.contains("num-other-sentinels\n2") && told.contains("num-slaves\n2")
        })
    });
}

fn package_is_found(package: &Package) {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    let Package { server, cli, .. } = package;
    let bench = Bench::new(&lab);
    package_runs(package, &bench);
    let before = prints(&lab);
    for start in ["192.168.0.130", "192.168.0.140:26379"] {
        let ran = bench.find(start, &[]).ok();
        ran.says("3 servers; 3 Sentinels watch them as `mymaster`, quorum 2")
            .says(&format!("{server}-server.service"));
        for (node, host) in HOSTS.iter().enumerate() {
            let name = lab.inside(host, "uname -n").ok().stdout;
            assert_eq!(bench.key(node, "name"), name.trim());
            assert_eq!(bench.key(node, "managed"), "false");
            let unit = bench.key(node, "unit");
            let line = format!(
                "systemctl show -p MainPID --value {unit}; pidof {server}-server | tr ' ' '\\n'"
            );
            let told = lab.inside(host, &line).ok().stdout;
            let mut pids = told.lines();
            let main = pids.next().unwrap();
            assert!(pids.any(|pid| pid == main), "{unit}: {told}");
            let line = format!("{cli} info server | sed -n 's/^config_file://p' | tr -d '\\r'");
            let told = lab.inside(host, &line).ok().stdout;
            assert_eq!(bench.key(node, "config_file"), told.trim());
        }
        bench
            .operator
            .run(&["status"])
            .ok()
            .says(", 2 replicas in sync");
        bench.operator.run(&["sentinel", "status"]).ok();
        let plan = bench.operator.run(&["promote", "slave1", "--dry-run"]).ok();
        plan.says("Sentinel");
        bench.forget();
    }
    assert_eq!(prints(&lab), before);
    // What was written is good for more than a look.
    bench.find("192.168.0.120", &[]).ok();
    let done = bench.operator.run(&["promote", "slave1", "--yes"]).ok();
    done.says("slave1");
}

/// Several servers on one host, one of them with its role in an include. Another one was started by
/// hand, as in the tutorial, with its role on the command line.
#[test]
fn several_servers_on_a_host_and_one_by_hand_are_found() {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    installed(&lab, "redis", "redis-server");
    let second = "mkdir -p /var/lib/redis-6380; chown redis: /var/lib/redis-6380; \
        printf 'include /etc/redis/common.conf\\nport 6380\\ndir /var/lib/redis-6380\\n' >/etc/redis/redis-6380.conf; \
        printf 'bind 0.0.0.0\\nprotected-mode no\\nreplicaof 127.0.0.1 6379\\n' >/etc/redis/common.conf; \
        chown redis: /etc/redis/*.conf; \
        printf '[Service]\\nUser=redis\\nExecStart=/usr/bin/redis-server /etc/redis/redis-6380.conf\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/redis-second.service; \
        systemctl daemon-reload; systemctl enable --now redis-second; systemctl restart redis-server";
    lab.inside("master", second).ok();
    let by_hand = "systemctl disable --now redis-server 2>/dev/null; mkdir -p /db/redis/6379/conf; \
        printf 'bind 0.0.0.0\\nprotected-mode no\\nport 6379\\ndir /db/redis/6379\\ndaemonize yes\\n' >/db/redis/6379/conf/redis.conf";
    lab.inside(
        "slave1",
        &format!(
            "{by_hand}; redis-server /db/redis/6379/conf/redis.conf --replicaof 192.168.0.120 6379"
        ),
    )
    .ok();
    let bench = Bench::new(&lab);
    bench.links_are_up("redis-cli", &[("master", 6380), ("slave1", 6379)]);
    let before = prints(&lab);
    let ran = bench.find("192.168.0.130", &[]).ok();
    ran.says("3 servers").says("hand  ");
    let all: Vec<(String, String)> = (0..3)
        .map(|node| (bench.key(node, "name"), bench.key(node, "unit")))
        .collect();
    let pair = |name: &str, unit: &str| (name.to_owned(), unit.to_owned());
    assert_eq!(all[0], pair("master-6379", "redis-server.service"));
    assert!(
        all.contains(&pair("master-6380", "redis-second.service")),
        "{all:?}"
    );
    assert!(all.contains(&pair("slave1", "")), "{all:?}");
    let text = bench.text();
    let file = "# config_file = \"/db/redis/6379/conf/redis.conf\"";
    assert!(text.contains(file), "{text}");
    bench.operator.run(&["status"]).says(", 2 replicas in sync");
    // Its process shows its title, and not what it was started with.
    let refused = bench.operator.run(&["promote", "slave1", "--dry-run"]);
    refused.code(3).says("--ignore role-on-command-line");
    bench
        .operator
        .run(&["promote", "master-6380", "--dry-run"])
        .says("--ignore role-in-include");
    assert_eq!(prints(&lab), before);
}

/// Servers that no other machine reaches but through SSH, and a host that only ~/.ssh/config knows.
#[test]
fn servers_that_only_their_own_host_reaches_are_found_through_ssh() {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    installed(&lab, "redis", "redis-server");
    // Loopback only, as the package has it; a second server on the same host.
    let line = "sed -i 's/^bind .*/bind 127.0.0.1/' /etc/redis/redis.conf; systemctl restart redis-server; \
        mkdir -p /srv/r; printf 'port 6380\\nbind 127.0.0.1\\ndir /srv/r\\ndaemonize yes\\nreplicaof 127.0.0.1 6379\\n' >/srv/r/redis.conf; \
        redis-server /srv/r/redis.conf";
    lab.inside("master", line).ok();
    let bench = Bench::new(&lab);
    bench.links_are_up("redis-cli", &[("master", 6380)]);
    let before = prints(&lab);
    let ran = bench.find("192.168.0.120", &[]).ok();
    ran.says("2 servers").says("via ssh 192.168.0.120");
    assert_eq!(bench.key(0, "address"), "127.0.0.1");
    bench.operator.run(&["status"]).says(", 1 replica in sync");
    bench.forget();
    let refused = bench.find("192.168.0.120", &["--no-ssh"]).code(1);
    refused.says("connection refused");

    // The name of a host that no resolver knows.
    let home = tempfile::tempdir().unwrap();
    let config = std::fs::read_to_string(lab.ssh_config()).unwrap();
    let more = format!(
        "Host db-alias\n  HostName 192.168.0.120\n  User root\n  IdentityFile {}\n  UserKnownHostsFile {}\n{config}",
        lab.key().display(),
        lab.known_hosts().display()
    );
    std::fs::write(home.path().join("config"), more).unwrap();
    let script = "mkdir -p /root/.ssh && mount --bind \"$0\" /root/.ssh && exec \"$@\"";
    let mut command: Command = lab.operator(std::path::Path::new("unshare"));
    command.args(["--mount", "sh", "-c", script]);
    command.arg(home.path()).arg(Replctl::binary());
    command
        .args(["init", "--from", "db-alias"])
        .current_dir(bench.operator.home())
        .env("HOME", bench.operator.home());
    run(&mut command, Duration::from_mins(1)).ok();
    let text = bench.text();
    assert!(text.contains("ssh = { host = \"db-alias\" }"), "{text}");
    assert_eq!(bench.nodes().len(), 2, "{text}");
    assert_eq!(prints(&lab), before);
}

/// Hosts without an earlier login, and an account with a password: on a terminal replctl asks for
/// keys and password. Without a terminal, the inventory names what is missing.
#[test]
fn keys_of_hosts_and_a_password_are_asked_for_on_a_terminal() {
    let Some(lab) = Lab::up() else {
        return;
    };
    lab.host("master", "192.168.0.120", Flavour::Light);
    lab.host("slave1", "192.168.0.130", Flavour::Light);
    lab.wait();
    let install = "apt-get update -qq >/dev/null 2>&1; apt-get install -y -qq redis-server >/dev/null 2>&1; mkdir -p /srv/r; cd /srv/r; \
        printf 'bind 0.0.0.0\nprotected-mode no\ndir /srv/r\ndaemonize yes\nlogfile /srv/r/log\n' >redis.conf";
    for (host, role) in [("master", ""), ("slave1", "replicaof 192.168.0.120 6379")] {
        let start =
            format!("{install}; echo '{role}' >>redis.conf; redis-server /srv/r/redis.conf");
        lab.start_inside(host, &start)
            .wait(Duration::from_mins(2))
            .ok();
    }
    let bench = Bench::new(&lab);
    bench.links_are_up("redis-cli", &[("slave1", 6379)]);
    let known = bench.operator.home().join("known");
    let words = [
        "init",
        "--from",
        "192.168.0.130",
        "--user",
        "ops",
        "--known-hosts",
        known.to_str().unwrap(),
    ];
    let ran = bench.operator.run(&words).ok();
    ran.says("2 servers")
        .says("how it is run is not known: the host key of 192.168.0.130 is not known");
    assert!(!known.exists());
    assert_eq!(bench.key(1, "name"), "192.168.0.130");
    bench.forget();

    let mut terminal = bench.operator.terminal(30, &words);
    // Two keys, each answered by one letter, and one password for both hosts.
    for _ in HOSTS.iter().take(2) {
        terminal.exp_string("[y/").unwrap();
        terminal.send("y").unwrap();
        terminal.flush().unwrap();
    }
    terminal.exp_string("Password of ops").unwrap();
    terminal.send_line("ops-pw").unwrap();
    let told = terminal.exp_eof().unwrap();
    assert!(told.contains("wrote inventory.toml"), "{told}");
    assert!(!told.contains("missing"), "{told}");
    for (node, host) in ["master", "slave1"].iter().enumerate() {
        let name = lab.inside(host, "uname -n").ok().stdout;
        assert_eq!(bench.key(node, "name"), name.trim());
    }
    assert!(!bench.text().contains("ops-pw"));
    // OpenSSH takes the keys that were added.
    for address in ["192.168.0.120", "192.168.0.130"] {
        let mut find = Command::new("ssh-keygen");
        find.args(["-F", address, "-f", known.to_str().unwrap()]);
        run(&mut find, Duration::from_secs(5)).ok();
    }
}

//! `replctl adopt` on hosts: Debian's package with a unit, one with its role in an include, and one
//! that was started by hand with its role on the command line. What comes of it is compared with
//! what systemctl and redis-cli say, and with a hash of the former files.

#![allow(clippy::unwrap_used)]

mod between;
mod kinds;
mod put_back;

use crate::support::process::{Ran, run};
use crate::support::{Flavour, Lab, Load, Replctl, Style, Writer, await_that, figure, process};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

const HOSTS: [&str; 3] = ["master", "slave1", "slave2"];
const ADDRESSES: [&str; 3] = ["192.168.0.120", "192.168.0.130", "192.168.0.140"];

/// The former configuration: a hash of its files with their owners and modes.
const PRINT: &str = "cd /; for d in etc/redis srv; do [ -e $d ] || continue; \
    find $d -xdev -name '*.conf' -printf '%p %y %m %U %G %l\\n' -exec sha256sum {} + | sort; done";

/// An operator of the hosts.
struct Bench<'a> {
    lab: &'a Lab,
    operator: Replctl<'a>,
}

impl<'a> Bench<'a> {
    /// An inventory of what runs, as `init --from` writes it.
    fn new(lab: &'a Lab) -> Self {
        let operator = Replctl::in_lab(lab);
        let (key, known) = (lab.key(), lab.known_hosts());
        let words = [
            "init",
            "--from",
            ADDRESSES[0],
            "--user",
            "root",
            "--identity-file",
            key.to_str().unwrap(),
            "--known-hosts",
            known.to_str().unwrap(),
        ];
        operator.run(&words).ok();
        let bench = Self { lab, operator };
        let text = bench.text();
        assert!(!text.contains("\n[server]"), "{text}");
        let server =
            "[server]\nsource = \"package\"\ndirectory = \"/db/redis\"\nuser = \"redis\"\n\n";
        let at = text.find("[[node]]").unwrap();
        let text = format!("{}{server}{}", &text[..at], &text[at..]);
        std::fs::write(bench.file(), text).unwrap();
        bench
    }

    fn file(&self) -> PathBuf {
        self.operator.home().join("inventory.toml")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    fn node(&self, name: &str) -> toml::Table {
        let table: toml::Table = self.text().parse().unwrap();
        let mut nodes = table["node"].as_array().unwrap().iter();
        let node = nodes.find(|n| n["name"].as_str() == Some(name));
        node.unwrap().as_table().unwrap().clone()
    }

    fn cli(&self, host: &str, words: &str) -> String {
        let ran = self.lab.inside(host, &format!("redis-cli {words}"));
        ran.stdout.trim().replace('\r', "")
    }

    fn digest(&self, host: &str) -> String {
        self.lab
            .inside(
                host,
                "redis-cli --no-auth-warning DEBUG DIGEST; redis-cli DBSIZE",
            )
            .stdout
    }

    fn in_sync(&self, replicas: &[&str]) {
        await_that("the links to come up", Duration::from_mins(1), || {
            replicas.iter().all(|host| {
                self.cli(host, "info replication")
                    .contains("master_link_status:up")
            })
        });
    }

    fn writer(&self, first: usize) -> Writer {
        let mut nodes: Vec<SocketAddr> = ADDRESSES
            .iter()
            .map(|a| SocketAddr::new(a.parse().unwrap(), 6379))
            .collect();
        nodes.rotate_left(first);
        let mut load = Load::plain(&[]).styles(&[
            Style::Set,
            Style::Transaction,
            Style::Lua,
            Style::Pipelined(8),
            Style::Blocking,
        ]);
        load.net = self.lab.net();
        load.nodes = nodes;
        load.per_second = Some(400);
        Writer::start(load)
    }

    fn adopts(&self, words: &[&str]) -> Ran {
        let words = [&["adopt"], words].concat();
        let mut command = self.operator.command(&words);
        run(&mut command, Duration::from_mins(5))
    }

    fn prints(&self) -> Vec<String> {
        HOSTS
            .map(|h| self.lab.inside(h, PRINT).ok().stdout)
            .to_vec()
    }

    /// One server runs on the port, by replctl's unit; that is started at boot, and no other is.
    fn one_unit(&self, host: &str) {
        let line = "pidof redis-server | wc -w; systemctl show -p MainPID --value replctl-6379; pidof redis-server; \
            systemctl is-enabled replctl-6379; systemctl is-enabled redis-server; systemctl is-active redis-server; \
            ls /run/systemd/system/redis-server.service.d 2>/dev/null | wc -l";
        let told = self.lab.inside(host, line).stdout;
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines[0], "1", "{host}: {told}");
        assert_eq!(lines[1], lines[2], "{host}: {told}");
        assert_eq!(lines[3], "enabled", "{host}: {told}");
        assert_ne!(lines[4], "enabled", "{host}: {told}");
        assert_ne!(lines[5], "active", "{host}: {told}");
        assert_eq!(lines[6], "0", "{host}: {told}");
    }

    /// Their settings, with their comments.
    fn settings_are_kept(&self) {
        assert_eq!(
            self.cli("master", "config get maxmemory"),
            "maxmemory\n209715200"
        );
        assert_eq!(
            self.cli("master", "config get slowlog-log-slower-than"),
            "slowlog-log-slower-than\n5000"
        );
        assert_eq!(
            self.cli("slave1", "config get slowlog-max-len"),
            "slowlog-max-len\n256"
        );
        assert_eq!(
            self.cli("slave2", "config get slowlog-max-len"),
            "slowlog-max-len\n300"
        );
        assert_eq!(
            self.cli("slave2", "config get appendonly"),
            "appendonly\nyes"
        );
        assert!(
            self.text()
                .contains("# for the shop\n# since 2019\nmaxmemory = \"200mb\"\n"),
            "{}",
            self.text()
        );
        assert!(
            self.text()
                .contains("# slow ones\nslowlog-max-len = \"256\"\n"),
            "{}",
            self.text()
        );
    }

    /// All of them, and the inventory says what `setup` finds.
    fn all_adopted(&self) {
        for host in HOSTS {
            self.one_unit(host);
            let node = self.node(host);
            for key in ["managed", "unit", "config_file"] {
                assert!(!node.contains_key(key), "{host}: {node}");
            }
        }
        self.operator
            .run(&["setup", "--yes"])
            .ok()
            .says("Nothing to do");
        self.adopts(&["--all", "--yes"]).ok().says("Nothing to do");
    }
}

/// The package on three hosts: the primary with settings of its own, a replica with its role in an
/// include, and one that was started by hand with its role on the command line.
fn installed(lab: &Lab) {
    let install = "apt-get update -qq >/dev/null 2>&1; apt-get install -y -qq redis-server >/dev/null 2>&1; \
        sed -i 's/^bind .*/bind 0.0.0.0/; s/^protected-mode .*/protected-mode no/' /etc/redis/redis.conf; \
        echo 'enable-debug-command yes' >>/etc/redis/redis.conf";
    let installing: Vec<_> = HOSTS.iter().map(|h| lab.start_inside(h, install)).collect();
    for running in installing {
        running.wait(Duration::from_mins(2)).ok();
    }
    let own = "printf '\\n# for the shop\\n# since 2019\\nmaxmemory 200mb\\nmaxmemory-policy allkeys-lru\\n' >>/etc/redis/redis.conf; \
        systemctl restart redis-server";
    lab.inside("master", own).ok();
    let include = "printf '# slow ones\\nslowlog-max-len 256\\nreplicaof 192.168.0.120 6379\\n' >/etc/redis/common.conf; \
        chown redis: /etc/redis/common.conf; echo 'include /etc/redis/common.conf' >>/etc/redis/redis.conf; \
        systemctl restart redis-server";
    lab.inside("slave1", include).ok();
    let by_hand = "systemctl disable --now redis-server 2>/dev/null; mkdir -p /srv/redis; \
        printf 'bind 0.0.0.0\\nprotected-mode no\\nport 6379\\ndir /srv/redis\\ndaemonize yes\\nappendonly yes\\nenable-debug-command yes\\n' >/srv/redis/redis.conf; \
        chown -R redis: /srv/redis; \
        su -s /bin/sh redis -c 'redis-server /srv/redis/redis.conf --replicaof 192.168.0.120 6379 --slowlog-max-len 300'";
    lab.inside("slave2", by_hand).ok();
}

#[test]
fn the_package_becomes_replctls_under_writers() {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    installed(&lab);
    let bench = Bench::new(&lab);
    bench.in_sync(&["slave1", "slave2"]);
    bench.cli("master", "config set slowlog-log-slower-than 5000");
    let files = bench.prints();
    let inventory = bench.text();

    // What is shown changes nothing.
    let shown = bench.adopts(&["--all", "--dry-run"]).ok();
    shown
        .says("adopt slave1")
        .says("hand over from master to")
        .says("`slowlog-log-slower-than 5000`, which its file does not have")
        .says("replctl starts it again with that file and without arguments")
        .says("maxmemory = \"200mb\"");
    assert_eq!((bench.prints(), bench.text()), (files.clone(), inventory));

    let writer = bench.writer(0);
    writer.await_more(500, Duration::from_secs(30));
    let ran = bench.adopts(&["--all", "--yes", "--json"]).ok();
    writer.await_more(500, Duration::from_mins(1));
    let tally = writer.stop();
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let primary = json["primary"].as_str().unwrap().to_owned();
    let place = HOSTS.iter().position(|h| *h == primary).unwrap();
    tally.nothing_lost(SocketAddr::new(ADDRESSES[place].parse().unwrap(), 6379));
    figure(&format!(
        "adopt of three servers of a package: {:.1} s, longest gap of the clients {:.0} ms, {} acknowledged writes, 0 lost",
        ran.took.as_secs_f64(),
        tally.longest_gap_ms(),
        tally.acknowledged()
    ));
    assert_eq!(json["nodes"].as_array().unwrap().len(), 3, "{json:#}");
    for node in json["nodes"].as_array().unwrap() {
        assert_eq!(node["adopted"], true, "{json:#}");
    }
    bench.all_adopted();

    bench.settings_are_kept();

    // The former files are as they were, but for the role that the old primary's has got, and what
    // the server that hides its arguments wrote.
    let now = bench.prints();
    assert_eq!(now[1], files[1]);
    let file = lab.inside("slave2", "cat /srv/redis/redis.conf").ok();
    file.says("replicaof 192.168.0.120 6379")
        .says("slowlog-max-len 300");

    comes_back(&bench, place);
    tally.nothing_lost(SocketAddr::new(ADDRESSES[place].parse().unwrap(), 6379));
}

/// Everything is there, and is there again after all hosts were down.
fn comes_back(bench: &Bench<'_>, place: usize) {
    let (lab, primary) = (bench.lab, HOSTS[place]);
    let others: Vec<&str> = HOSTS.into_iter().filter(|h| *h != primary).collect();
    bench.in_sync(&others);
    let digest = bench.digest(primary);
    for host in HOSTS {
        assert_eq!(bench.digest(host), digest, "{host}");
    }
    // What is in memory only would be lost with the power of all of them.
    for host in HOSTS {
        assert_eq!(bench.cli(host, "save"), "OK", "{host}");
    }
    for host in HOSTS {
        lab.kill(host);
    }
    for host in HOSTS {
        lab.boot(host);
    }
    lab.wait();
    bench.in_sync(&others);
    for host in HOSTS {
        bench.one_unit(host);
    }
    bench
        .operator
        .run(&["status"])
        .ok()
        .says(", 2 replicas in sync");
}

/// One server alone: refused, then adopted with its data.
#[test]
fn a_server_without_a_replica_is_adopted_with_its_data() {
    let Some(lab) = Lab::up() else {
        return;
    };
    lab.host("master", ADDRESSES[0], Flavour::Systemd);
    lab.wait();
    let install = "apt-get update -qq >/dev/null 2>&1; apt-get install -y -qq redis-server >/dev/null 2>&1; \
        sed -i 's/^bind .*/bind 0.0.0.0/; s/^protected-mode .*/protected-mode no/' /etc/redis/redis.conf; \
        printf 'save \"\"\\nenable-debug-command yes\\n' >>/etc/redis/redis.conf; systemctl restart redis-server";
    lab.inside("master", install).ok();
    let bench = Bench::new(&lab);
    bench
        .adopts(&["master", "--yes"])
        .code(3)
        .says("has no replica that could take over")
        .says("--ignore pause");
    let writer = bench.writer(0);
    writer.await_more(500, Duration::from_secs(30));
    let ran = bench.adopts(&["master", "--ignore", "pause", "--yes"]);
    writer.await_more(500, Duration::from_mins(1));
    let tally = writer.stop();
    let ran = ran
        .ok()
        .says("master is replctl's now, and redis-server.service is not started at boot any more");
    tally.nothing_lost(SocketAddr::new(ADDRESSES[0].parse().unwrap(), 6379));
    bench.one_unit("master");
    bench
        .operator
        .run(&["setup", "--yes"])
        .ok()
        .says("Nothing to do");
    assert_eq!(
        bench.cli("master", "config get min-replicas-to-write"),
        "min-replicas-to-write\n0"
    );
    figure(&format!(
        "adopt of one server alone: {:.1} s, longest gap of the clients {:.0} ms, {} acknowledged writes, 0 lost",
        ran.took.as_secs_f64(),
        tally.longest_gap_ms(),
        tally.acknowledged()
    ));
}

/// `adopt --all`, killed after so many lines of its journal, each time from where the last ended.
#[test]
fn killed_again_and_again_it_is_resumed_and_no_write_is_lost() {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    installed(&lab);
    let bench = Bench::new(&lab);
    bench.in_sync(&["slave1", "slave2"]);
    let writer = bench.writer(0);
    writer.await_more(200, Duration::from_secs(30));
    let mut command = bench.operator.command(&["adopt", "--all", "--yes"]);
    let mut kills = 0;
    let mut lines = 2;
    loop {
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", lines.to_string());
        let ran = process::run(&mut command, Duration::from_mins(3));
        if ran.signal != Some(9) {
            ran.ok();
            break;
        }
        kills += 1;
        lines += 3;
        command = bench.operator.command(&["resume"]);
        assert!(kills < 60, "it never ends");
    }
    writer.await_more(200, Duration::from_mins(1));
    let tally = writer.stop();
    let roles: Vec<String> = HOSTS.iter().map(|h| bench.cli(h, "role")).collect();
    let place = roles.iter().position(|r| r.starts_with("master")).unwrap();
    tally.nothing_lost(SocketAddr::new(ADDRESSES[place].parse().unwrap(), 6379));
    bench.all_adopted();
    figure(&format!(
        "adopt of three servers, killed {kills} times: {} acknowledged writes, 0 lost",
        tally.acknowledged()
    ));
    assert!(kills > 5, "{kills}");
}

//! Other kinds of deployments: packages with Sentinels, several servers on one host, one started by
//! hand.

use super::{ADDRESSES, HOSTS};
use crate::support::process::{Ran, run};
use crate::support::server::every_server;
use crate::support::{Flavour, Lab, Load, Replctl, Style, Writer, await_that, figure, process};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A server that is adopted: its host, its address, its port, and the program of its clients.
#[derive(Clone, Copy)]
struct At {
    host: &'static str,
    address: &'static str,
    port: u16,
}

const fn at(host: &'static str, address: &'static str, port: u16) -> At {
    At {
        host,
        address,
        port,
    }
}

/// An operator of the hosts, and what is adopted.
struct Kind<'a> {
    lab: &'a Lab,
    operator: Replctl<'a>,
    cli: String,
    all: Vec<At>,
}

impl<'a> Kind<'a> {
    /// The inventory that `init --from` writes, with `[server]`.
    fn new(lab: &'a Lab, cli: &str, all: &[At]) -> Self {
        let operator = Replctl::in_lab(lab);
        let kind = Self {
            lab,
            operator,
            cli: cli.to_owned(),
            all: all.to_vec(),
        };
        kind.in_sync();
        let (key, known) = (lab.key(), lab.known_hosts());
        let words = ["init", "--from", all[0].address, "--user", "root"];
        let of_ssh = [
            "--identity-file",
            key.to_str().unwrap(),
            "--known-hosts",
            known.to_str().unwrap(),
        ];
        let words = [&words[..], &of_ssh].concat();
        kind.operator.run(&words).ok();
        let text = kind.text();
        let server = "[server]\nsource = \"package\"\ndirectory = \"/db/redis\"\n";
        let user = if cli.starts_with("valkey") {
            "valkey"
        } else {
            "redis"
        };
        let place = text.find("[[node]]").unwrap();
        let (before, after) = text.split_at(place);
        let text = format!("{before}{server}user = \"{user}\"\n\n{after}");
        std::fs::write(kind.file(), text).unwrap();
        kind
    }

    fn file(&self) -> PathBuf {
        self.operator.home().join("inventory.toml")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    fn ask(&self, at: At, words: &str) -> String {
        let line = format!("{} -p {} {words}", self.cli, at.port);
        let ran = self.lab.inside(at.host, &line);
        ran.stdout.trim().replace('\r', "")
    }

    fn primary(&self) -> At {
        let is = |at: &&At| self.ask(**at, "role").starts_with("master");
        let all: Vec<&At> = self.all.iter().filter(is).collect();
        assert_eq!(all.len(), 1, "primaries");
        *all[0]
    }

    /// One primary, and all others follow.
    fn in_sync(&self) {
        await_that("the links to come up", Duration::from_mins(1), || {
            let up = |at: &&At| {
                let told = self.ask(**at, "info replication");
                told.contains("master_link_status:up")
            };
            self.all.iter().filter(up).count() + 1 == self.all.len()
        });
    }

    fn writer(&self) -> Writer {
        let node = |at: &At| SocketAddr::new(at.address.parse().unwrap(), at.port);
        let mut load = Load::plain(&[]).styles(&[
            Style::Set,
            Style::Transaction,
            Style::Lua,
            Style::Pipelined(8),
            Style::Blocking,
        ]);
        load.net = self.lab.net();
        load.nodes = self.all.iter().map(node).collect();
        load.per_second = Some(200);
        Writer::start(load)
    }

    fn adopts(&self, words: &[&str]) -> Ran {
        let words = [&["adopt"], words].concat();
        run(&mut self.operator.command(&words), Duration::from_mins(5))
    }

    /// The same, killed after so many lines of its journal, and resumed, again and again.
    fn adopts_in_spite_of_kills(&self, step: usize) -> usize {
        let words = ["adopt", "--all", "--yes"];
        let mut command = self.operator.command(&words);
        let (mut kills, mut lines) = (0, 2);
        loop {
            command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", lines.to_string());
            let ran = process::run(&mut command, Duration::from_mins(5));
            if ran.signal != Some(9) {
                ran.ok();
                return kills;
            }
            kills += 1;
            lines += step;
            command = self.operator.command(&["resume"]);
            assert!(kills < 80, "it never ends");
        }
    }

    /// For each port one process, by replctl's unit, and no other unit for it is started at boot.
    fn one_unit_each(&self) {
        for at in &self.all {
            let unit = format!("replctl-{}", at.port);
            let line = format!(
                "systemctl is-enabled {unit}; systemctl show -p MainPID --value {unit}; \
                 ss -Hltnp 'sport = :{}' | grep -o 'pid=[0-9]*' | sort -u | tr -d 'pid='; \
                 ls /run/systemd/system/*/zzzz-replctl-adopt.conf 2>/dev/null | wc -l; \
                 ls /etc/systemd/system/*.wants | grep -E '(redis|valkey)' | grep -v sentinel | wc -l",
                at.port
            );
            let told = self.lab.inside(at.host, &line).stdout;
            let lines: Vec<&str> = told.lines().collect();
            let what = format!("{}:{}: {told}", at.host, at.port);
            assert_eq!(lines[0], "enabled", "{what}");
            assert_eq!(lines[1], lines[2], "{what}");
            assert_eq!(lines[3..], ["0", "0"], "{what}");
        }
    }

    /// Adopted under writers; the same data on all, also after all hosts were down.
    fn adopted(&self, what: &str, kills: Option<usize>) {
        let shown = self.adopts(&["--all", "--dry-run"]).ok();
        shown.says("adopt ");
        let writer = self.writer();
        writer.await_more(200, Duration::from_secs(30));
        let killed = if let Some(step) = kills {
            self.adopts_in_spite_of_kills(step)
        } else {
            self.adopts(&["--all", "--yes"]).ok();
            0
        };
        writer.await_more(200, Duration::from_mins(1));
        let tally = writer.stop();
        let holds = |tally: &crate::support::Tally| {
            self.in_sync();
            let primary = self.primary();
            let node = SocketAddr::new(primary.address.parse().unwrap(), primary.port);
            tally.nothing_lost(node);
            let digest = self.ask(primary, "debug digest");
            for at in &self.all {
                assert_eq!(self.ask(*at, "debug digest"), digest, "{}", at.host);
            }
            self.one_unit_each();
        };
        holds(&tally);
        let setup = self.operator.run(&["setup", "--yes"]).ok();
        setup.says("Nothing to do");
        self.adopts(&["--all", "--yes"]).ok().says("Nothing to do");
        figure(&format!(
            "adopt of {what}, killed {killed} times: longest gap of the clients {:.0} ms, {} acknowledged writes, 0 lost",
            tally.longest_gap_ms(),
            tally.acknowledged()
        ));
        for at in &self.all {
            assert_eq!(self.ask(*at, "save"), "OK");
        }
        let hosts = self.lab.hosts();
        for host in &hosts {
            self.lab.kill(host);
        }
        for host in &hosts {
            self.lab.boot(host);
        }
        self.lab.wait();
        holds(&tally);
    }
}

/// Debian's package on the hosts, each open to the others.
fn installed(lab: &Lab, server: &str, packages: &str) {
    let install = format!(
        "apt-get update -qq >/dev/null 2>&1; apt-get install -y -qq {packages} >/dev/null 2>&1; \
         sed -i 's/^bind .*/bind 0.0.0.0/; s/^protected-mode .*/protected-mode no/' /etc/{server}/{server}.conf; \
         echo 'enable-debug-command yes' >>/etc/{server}/{server}.conf"
    );
    let installing: Vec<_> = lab
        .hosts()
        .iter()
        .map(|host| lab.start_inside(host, &install))
        .collect();
    for running in installing {
        running.wait(Duration::from_mins(2)).ok();
    }
}

fn three() -> [At; 3] {
    [0, 1, 2].map(|n| at(HOSTS[n], ADDRESSES[n], 6379))
}

/// A package on three hosts with a Sentinel on each.
fn package_with_sentinels(server: &'static str, kills: Option<usize>) {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    let cli = format!("{server}-cli");
    installed(&lab, server, &format!("{server}-server {server}-sentinel"));
    for host in HOSTS {
        let role = if host == HOSTS[0] {
            String::new()
        } else {
            format!("echo 'replicaof 192.168.0.120 6379' >>/etc/{server}/{server}.conf; ")
        };
        let line = format!(
            "{role}sed -i '/^sentinel monitor/d; s/^bind .*/bind 0.0.0.0/' /etc/{server}/sentinel.conf; \
            printf 'protected-mode no\\nsentinel monitor mymaster 192.168.0.120 6379 2\\nsentinel down-after-milliseconds mymaster 60000\\n' >>/etc/{server}/sentinel.conf; \
            systemctl restart {server}-server {server}-sentinel"
        );
        lab.inside(host, &line).ok();
    }
    await_that("the Sentinels", Duration::from_mins(1), || {
        let line = format!("{cli} -p 26379 sentinel master mymaster");
        HOSTS.iter().all(|host| {
            let told = lab.inside(host, &line).stdout;
            told.contains("num-other-sentinels\n2") && told.contains("num-slaves\n2")
        })
    });
    let kind = Kind::new(&lab, &cli, &three());
    kind.adopted(&format!("{server} with Sentinels"), kills);
    let primary = kind.primary();
    await_that("the Sentinels to agree", Duration::from_mins(1), || {
        let line = format!("{cli} -p 26379 sentinel get-master-addr-by-name mymaster");
        let told = |host: &&str| lab.inside(host, &line).stdout;
        HOSTS
            .iter()
            .all(|host| told(host).contains(primary.address))
    });
}

#[test]
fn redis_of_the_package_with_sentinels_becomes_replctls() {
    package_with_sentinels("redis", None);
}

#[test]
fn valkey_of_the_package_with_sentinels_becomes_replctls_in_spite_of_kills() {
    if every_server().iter().any(|f| f.name == "valkey") {
        package_with_sentinels("valkey", Some(7));
    }
}

/// Two servers on the first host, the second with its role in an include; one on the second host
/// was started by hand, as in the tutorial, with its role on the command line.
#[test]
fn several_servers_on_a_host_and_one_by_hand_become_replctls() {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    installed(&lab, "redis", "redis-server");
    let second = "mkdir -p /var/lib/redis-6380; chown redis: /var/lib/redis-6380; \
        printf 'include /etc/redis/common.conf\\nport 6380\\ndir /var/lib/redis-6380\\nenable-debug-command yes\\n' >/etc/redis/redis-6380.conf; \
        printf 'bind 0.0.0.0\\nprotected-mode no\\nreplicaof 192.168.0.120 6379\\n' >/etc/redis/common.conf; \
        chown redis: /etc/redis/*.conf; \
        printf '[Service]\\nUser=redis\\nExecStart=/usr/bin/redis-server /etc/redis/redis-6380.conf\\n[Install]\\nWantedBy=multi-user.target\\nAlias=kvs.service\\n' >/etc/systemd/system/redis-second.service; \
        systemctl daemon-reload; systemctl enable --now redis-second; systemctl restart redis-server";
    lab.inside("master", second).ok();
    let by_hand = "systemctl disable --now redis-server 2>/dev/null; mkdir -p /data/6379/conf; \
        printf 'bind 0.0.0.0\\nprotected-mode no\\nport 6379\\ndir /data/6379\\ndaemonize yes\\nenable-debug-command yes\\n' >/data/6379/conf/redis.conf; \
        redis-server /data/6379/conf/redis.conf --replicaof 192.168.0.120 6379";
    lab.inside("slave1", by_hand).ok();
    lab.inside("slave2", "systemctl disable --now redis-server 2>/dev/null")
        .ok();
    let all = [
        at("master", ADDRESSES[0], 6379),
        at("master", ADDRESSES[0], 6380),
        at("slave1", ADDRESSES[1], 6379),
    ];
    let kind = Kind::new(&lab, "redis-cli", &all);
    kind.adopted("several servers on a host", Some(7));
}

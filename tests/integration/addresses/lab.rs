//! Deployments whose hosts know each other by names, by IPv6 addresses, or only through a gateway
//! that forwards ports: setup, status and promotion.

use crate::support::inventory::{InventoryText, NodeText, write_password};
use crate::support::process::{Ran, run};
use crate::support::program::Replctl;
use crate::support::{Flavour, Lab, await_that, figure};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const HOSTS: [&str; 3] = ["master", "slave1", "slave2"];
const LAST: [u16; 3] = [120, 130, 140];
const PASSWORD: &str = "correct-horse-battery-staple";

/// One of several deployments on the hosts of one lab. Each has its own folder and ports.
struct Deployment<'a> {
    operator: Replctl<'a>,
    lab: &'a Lab,
    folder: TempDir,
}

impl<'a> Deployment<'a> {
    fn new(lab: &'a Lab, name: &str, names: Option<&Path>, nodes: &[NodeText], raw: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let password = write_password(folder.path(), PASSWORD);
        // The keys of the hosts, by their IPv6 addresses too.
        let known = std::fs::read_to_string(lab.known_hosts()).unwrap();
        let known = LAST.iter().fold(known, |known, last| {
            known.replace(
                &format!("192.168.0.{last}"),
                &format!("192.168.0.{last},fd00::{last},db{last}.lan"),
            )
        });
        let keys = folder.path().join("known_hosts");
        std::fs::write(&keys, known).unwrap();
        let mut text = InventoryText::new(name)
            .ssh("user", "root")
            .ssh("identity_file", lab.key().to_str().unwrap())
            .ssh("known_hosts", keys.to_str().unwrap())
            .server("source", "embedded")
            .server("directory", &format!("/db/{name}"))
            .password_file(&password)
            .raw(raw);
        for node in nodes {
            text = text.node(node.clone());
        }
        let mut operator = Replctl::in_lab(lab).inventory(&text.write(folder.path()));
        if let Some(names) = names {
            operator = operator.names(names);
        }
        Self {
            operator,
            lab,
            folder,
        }
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Ran {
        self.operator.run(arguments)
    }

    /// `status` finds only that Sentinels watch, and that nothing starts servers on these hosts.
    #[track_caller]
    fn calm(&self) {
        let mut last = None;
        for _ in 0..50 {
            let ran = self.run(&["status"]);
            let known = [
                "note: 3 Sentinels watch",
                "note: when the hosts start again, nothing starts the servers",
            ];
            let numbered = |line: &&str| line.starts_with(|c: char| c.is_ascii_digit());
            let mut found = ran.stdout.lines().filter(numbered);
            if ran.code == Some(0) && found.all(|line| known.iter().any(|k| line.contains(k))) {
                return;
            }
            last = Some(ran);
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{}", last.unwrap());
    }

    fn set_up(&self) {
        let first = self
            .operator
            .run_within(Duration::from_mins(2), &["setup", "--yes"])
            .ok();
        figure(&format!("setup: {:?}", first.took));
        self.run(&["setup", "--yes"]).ok().says("Nothing to do");
        self.calm();
    }

    #[track_caller]
    fn promote(&self, node: &str, endpoint: &str) {
        self.run(&["promote", node, "--yes"])
            .ok()
            .says("no acknowledged write is lost");
        self.calm();
        assert_eq!(self.run(&["endpoint"]).ok().stdout.trim(), endpoint);
    }
}

/// A command in the lab's network, as its operator.
fn outside(lab: &Lab, words: &[&str]) {
    let mut command = lab.operator(words[0].as_ref());
    run(command.args(&words[1..]), Duration::from_secs(10)).ok();
}

/// Names of the hosts, in the table of a host or of the operator.
fn table(except: Option<u16>) -> String {
    let known = LAST.iter().filter(|last| Some(**last) != except);
    let lines: Vec<String> = known
        .map(|last| format!("192.168.0.{last} db{last}.lan\n"))
        .collect();
    lines.concat()
}

/// Takes a name out of a host's table.
fn forget(lab: &Lab, host: &str, name: &str) {
    let line = format!("sed '/{name}/d' /etc/hosts >/tmp/h && cat /tmp/h >/etc/hosts");
    lab.inside(host, &line).ok();
}

/// A name that a host does not know is reported before any change, and again where it fails later.
fn unknown_names(deployment: &Deployment<'_>) {
    let lab = deployment.lab;
    let unknown =
        |host: &str, name: &str| format!("the host of `{host}` does not know the name `{name}`");
    // The old primary would not find the new one; another one that would not find it keeps nobody.
    forget(lab, "slave1", "db140");
    let said = unknown("slave1", "db140.lan");
    deployment
        .run(&["promote", "slave2", "--yes"])
        .code(3)
        .says(&said)
        .says("announce = ");
    deployment
        .run(&["move", "slave1", "--under", "slave2", "--yes"])
        .code(3);
    learn(lab, "slave1", 140);
    forget(lab, "master", "db140");
    deployment
        .run(&["promote", "slave2", "--dry-run"])
        .ok()
        .says(&unknown("master", "db140.lan"));
    learn(lab, "master", 140);
    // A server that looks up what nobody knows serves nobody meanwhile: it is seen in either state.
    forget(lab, "slave2", "db130");
    let kill = format!(
        "REDISCLI_AUTH={PASSWORD} /db/names/server/current-6379/redis-cli -h db130.lan client kill type replica"
    );
    lab.inside("slave1", &kill).ok();
    let (mut silent, mut down) = (false, false);
    await_that("both to be told", Duration::from_secs(40), || {
        let said = deployment.run(&["status"]).code(4).stdout;
        silent |= said.contains("busy looking up `db130.lan`");
        down |= said.contains(&unknown("slave2", "db130.lan"));
        silent && down
    });
    learn(lab, "slave2", 130);
    await_that("the link to come back", Duration::from_secs(30), || {
        deployment.run(&["status"]).code == Some(0)
    });
}

fn by_name(lab: &Lab, folder: &Path) {
    let names: PathBuf = folder.join("names");
    std::fs::write(&names, format!("127.0.0.1 localhost\n{}", table(None))).unwrap();
    for host in HOSTS {
        let except = (host == "slave2").then_some(120);
        lab.inside(
            host,
            &format!("printf '%s' '{}' >>/etc/hosts", table(except)),
        )
        .ok();
    }
    let node = |i: usize| NodeText::new(HOSTS[i], &format!("DB{}.lan", LAST[i]));
    let nodes = [
        node(0),
        node(1).replicaof("master"),
        node(2).replicaof("master"),
    ];
    let sentinels = "[sentinel]\nnodes = [\"master\", \"slave1\", \"slave2\"]\n";
    let deployment = Deployment::new(lab, "names", Some(&names), &nodes, sentinels);
    deployment
        .run(&["setup", "--yes"])
        .code(3)
        .says("the host of `slave2` does not know the name `db120.lan`");
    learn(lab, "slave2", 120);
    deployment.set_up();
    deployment.promote("slave1", "db130.lan:6379");
    unknown_names(&deployment);
    // A host that takes the primary's name for itself would have its Sentinel send everybody to
    // themselves.
    forget(lab, "slave1", "db130");
    let own = "echo 127.0.1.1 db130.lan >>/etc/hosts";
    lab.inside("slave1", own).ok();
    deployment
        .run(&["sentinel", "setup", "--yes"])
        .code(3)
        .says("takes `db130.lan` for 127.0.1.1, itself");
    forget(lab, "slave1", "db130");
    learn(lab, "slave1", 130);
    // Sentinels resolve the names and speak of addresses: that is no disagreement.
    deployment.run(&["sentinel", "setup", "--yes"]).ok();
    deployment
        .run(&["sentinel", "setup", "--yes"])
        .ok()
        .says("Nothing to do");
    deployment.promote("slave2", "db140.lan:6379");
    deployment
        .run(&["sentinel", "status"])
        .ok()
        .says("3 of 3 Sentinels answer")
        .says("slave2 (192.168.0.140:6379)");
    deployment
        .run(&["sentinel", "forget", "db130.lan:6379"])
        .code(3)
        .says("`db130.lan:6379` still replicates from `slave2`");
    deployment.run(&["sentinel", "remove", "--yes"]).ok();
    deployment.calm();
}

/// Puts a name back into a host's table.
fn learn(lab: &Lab, host: &str, last: u16) {
    let line = format!("echo 192.168.0.{last} db{last}.lan >>/etc/hosts");
    lab.inside(host, &line).ok();
}

fn by_ipv6(lab: &Lab) {
    outside(
        lab,
        &["ip", "addr", "add", "fd00::1/64", "dev", "br0", "nodad"],
    );
    for (host, last) in HOSTS.iter().zip(LAST) {
        lab.inside(host, &format!("ip addr add fd00::{last}/64 dev eth0 nodad"))
            .ok();
    }
    let node = |i: usize| NodeText::new(HOSTS[i], &format!("FD00:0::{}", LAST[i])).port(6390);
    let nodes = [
        node(0),
        node(1).replicaof("master"),
        node(2).replicaof("master"),
    ];
    let deployment = Deployment::new(lab, "six", None, &nodes, "");
    deployment.set_up();
    deployment.promote("slave2", "[fd00::140]:6390");
    deployment.promote("slave1", "[fd00::130]:6390");
    found_by_ipv6(&deployment);
}

/// `init --from` writes an inventory of the same deployment, from a replica's address.
fn found_by_ipv6(deployment: &Deployment<'_>) {
    let written = deployment.folder.path().join("found.toml");
    let file = |name: &str| deployment.folder.path().join(name).display().to_string();
    let (key, output) = (deployment.lab.key(), written.display().to_string());
    let words = [
        "init",
        "--from",
        "[fd00::120]:6390",
        "--user",
        "root",
        "--identity-file",
        key.to_str().unwrap(),
        "--known-hosts",
        &file("known_hosts"),
        "--password-file",
        &file("password"),
        "--yes",
        "--output",
        &output,
    ];
    let operator = Replctl::in_lab(deployment.lab);
    operator.run(&words).ok().says("3 servers");
    let table: toml::Table = std::fs::read_to_string(&written).unwrap().parse().unwrap();
    let nodes = table["node"].as_array().unwrap();
    let field = |node: &toml::Value, key: &str| node[key].as_str().map(str::to_owned).unwrap();
    let mut found: Vec<(String, String)> = nodes
        .iter()
        .map(|node| (field(node, "name"), field(node, "address")))
        .collect();
    found.sort();
    let pair = |i: usize| (HOSTS[i].to_owned(), format!("fd00::{}", LAST[i]));
    assert_eq!(found, [pair(0), pair(1), pair(2)]);
    let operator = operator.inventory(&written);
    operator.run(&["status"]).ok().says("2 replicas in sync");
    operator.run(&["promote", "slave2", "--dry-run"]).ok();
}

/// Pairs of hosts.
const PAIRS: [(usize, usize); 3] = [(0, 1), (0, 2), (1, 2)];

fn behind_a_gateway(lab: &Lab) {
    outside(lab, &["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    // Where bridges filter by the rules for IP too, packets within the bridge would be forwarded by
    // its rules; on others there is no such knob.
    outside(
        lab,
        &["sysctl", "-eqw", "net.bridge.bridge-nf-call-iptables=0"],
    );
    for rule in [
        "add table ip nat",
        "add chain ip nat pre { type nat hook prerouting priority -100; }",
        "add chain ip nat post { type nat hook postrouting priority 100; }",
        "add rule ip nat post ct status dnat masquerade",
    ] {
        outside(lab, &["nft", rule]);
    }
    for (i, last) in LAST.iter().enumerate() {
        let rule = format!(
            "add rule ip nat pre ip daddr 192.168.0.1 tcp dport 700{i} dnat to 192.168.0.{last}:6391"
        );
        outside(lab, &["nft", &rule]);
        lab.inside(HOSTS[i], "echo 192.168.0.1 gate.lan >>/etc/hosts")
            .ok();
    }
    for (one, other) in PAIRS {
        lab.cut_between(HOSTS[one], HOSTS[other]);
    }
    let node = |i: usize| {
        NodeText::new(HOSTS[i], &format!("192.168.0.{}", LAST[i]))
            .port(6391)
            .line(&format!("announce = \"gate.lan:700{i}\""))
    };
    let nodes = [
        node(0),
        node(1).replicaof("master"),
        node(2).replicaof("master"),
    ];
    let deployment = Deployment::new(lab, "nat", None, &nodes, "");
    deployment.set_up();
    deployment.promote("slave1", "gate.lan:7001");
    deployment
        .run(&["move", "slave2", "--under", "master", "--yes"])
        .ok();
    deployment.calm();
    deployment.promote("slave2", "gate.lan:7002");
    // Its host is reached as before, and the others only through the gateway.
    lab.inside("slave2", "kill $(cat /db/nat/6391/pid/*)").ok();
    await_that("its end", Duration::from_secs(15), || {
        deployment.run(&["status"]).stdout.contains("refused")
    });
    deployment
        .run(&["promote", "master", "--yes"])
        .ok()
        .says("write `replicaof gate.lan:7000` into its file");
    deployment.run(&["rejoin", "slave2", "--yes"]).ok();
    deployment.calm();
    for (one, other) in PAIRS {
        lab.heal_between(HOSTS[one], HOSTS[other]);
    }
}

#[test]
fn hosts_know_each_other_by_names() {
    let Some(lab) = Lab::of_three(Flavour::Light) else {
        return;
    };
    let folder = TempDir::new().unwrap();
    by_name(&lab, folder.path());
}

#[test]
fn hosts_know_each_other_by_ipv6_and_by_forwarded_ports() {
    let Some(lab) = Lab::of_three(Flavour::Light) else {
        return;
    };
    by_ipv6(&lab);
    behind_a_gateway(&lab);
}

//! Sentinels that resolve and announce host names, and have their own password and user; and one
//! that disagrees because it is cut off. On every family.

use super::NAMES;
use crate::support::inventory::{InventoryText, NodeText};
use crate::support::program::Replctl;
use crate::support::rotation::some_families;
use crate::support::sentinel::{LocalSentinel, NAME, await_together};
use crate::support::server::{Family, LocalServer};
use crate::support::wire::Wire;
use crate::support::{await_that, figure};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const PASSWORD: &str = "s3ntinel";
/// The rights that replctl's user needs on a Sentinel to look, to promote and to make it forget.
const OPS: &str = "-@all +ping +client|setname +client|id +sentinel|master +sentinel|masters +sentinel|get-master-addr-by-name +sentinel|replicas +sentinel|sentinels +sentinel|ckquorum +sentinel|myid +sentinel|failover +sentinel|reset +sentinel|debug";

/// Three nodes and three Sentinels at addresses of their own.
struct Named<'a> {
    wire: &'a Wire,
    ips: [Ipv4Addr; 3],
    sentinels: Vec<LocalSentinel>,
    operator: Replctl<'a>,
    _servers: Vec<LocalServer>,
    _folder: TempDir,
}

/// A primary and two replicas, which announce those hosts.
fn nodes(
    family: &Family,
    (wire, names): (&Wire, &Path),
    ips: [Ipv4Addr; 3],
    hosts: &[String; 3],
) -> Vec<LocalServer> {
    let servers: Vec<LocalServer> = ips
        .iter()
        .zip(hosts)
        .map(|(ip, host)| {
            let announce = format!("replica-announce-ip {host}");
            let lines = ["repl-backlog-size 64mb", &announce];
            family.start_at(wire, (*ip).into(), Some(names), &lines)
        })
        .collect();
    let port = servers[0].port.to_string();
    for replica in &servers[1..] {
        let told = replica.client().command(&["REPLICAOF", &hosts[0], &port]);
        assert_eq!(told.text(), "OK");
    }
    servers
}

/// An inventory of those Sentinels, still without nodes.
fn inventory(sentinels: &[LocalSentinel], login: &str) -> InventoryText {
    let at: Vec<String> = sentinels
        .iter()
        .map(|s| format!("\"{}:{}\"", s.ip, s.port))
        .collect();
    let raw = format!(
        "[sentinel]\nnodes = [{}]\n{login}password = {{ env = \"OF_SENTINEL\" }}\n",
        at.join(", ")
    );
    InventoryText::new("orders").without_sudo().raw(&raw)
}

impl<'a> Named<'a> {
    fn start(family: &Family, wire: &'a Wire) -> Self {
        // Neither names nor users before 6.2.
        let modern = family.name != "redis-6.0";
        let folder = TempDir::new().unwrap();
        let ips = [(); 3].map(|()| wire.address());
        let names: PathBuf = folder.path().join("names");
        let lines: Vec<String> = (0..3)
            .map(|i| format!("{} db{i}.example.org\n", ips[i]))
            .collect();
        std::fs::write(&names, lines.concat()).unwrap();
        let hosts = [0, 1, 2].map(|i| {
            if modern {
                format!("db{i}.example.org")
            } else {
                ips[i].to_string()
            }
        });
        let servers = nodes(family, (wire, &names), ips, &hosts);
        let lines = if modern {
            format!(
                "sentinel resolve-hostnames yes\nsentinel announce-hostnames yes\nsentinel sentinel-pass {PASSWORD}\nuser ops on >0ps {OPS}\n"
            )
        } else {
            String::new()
        };
        let primary = format!("{} {}", hosts[0], servers[0].port);
        let sentinels: Vec<LocalSentinel> = (0..3)
            .map(|_| {
                let watched = (primary.as_str(), 3_000);
                LocalSentinel::start_on(family, (wire, &names), watched, &lines, Some(PASSWORD))
            })
            .collect();
        await_together(&sentinels);
        let login = if modern { "user = \"ops\"\n" } else { "" };
        let mut text = inventory(&sentinels, login);
        for (i, server) in servers.iter().enumerate() {
            // Of one the inventory has the address, and the Sentinels the name; of the others both
            // have the name.
            let ip = ips[i].to_string();
            let address = if i == 1 { &ip } else { &hosts[i] };
            let node = NodeText::new(NAMES[i], address)
                .port(server.port)
                .ssh_port(1);
            text = text.node(if i == 0 {
                node
            } else {
                node.replicaof(NAMES[0])
            });
        }
        let secret = if modern { "0ps" } else { PASSWORD };
        let operator = Replctl::on_wire(wire)
            .names(&names)
            .inventory(&text.write(folder.path()))
            .env("OF_SENTINEL", secret);
        Self {
            wire,
            ips,
            sentinels,
            operator,
            _servers: servers,
            _folder: folder,
        }
    }

    /// Cuts the first Sentinel off, or lets it back.
    fn cut(&self, cut: bool) {
        let first = self.sentinels[0].ip;
        let others = self.sentinels[1..].iter().map(|s| s.ip);
        for ip in self.ips.into_iter().chain(others) {
            if cut {
                self.wire.cut(first, ip);
            } else {
                self.wire.heal(first, ip);
            }
        }
    }
}

fn by_names_and_with_a_user(family: &Family) {
    let Some(wire) = Wire::new() else {
        return;
    };
    let named = Named::start(family, &wire);
    let operator = &named.operator;
    let port = || named.sentinels[1].field("port");
    // Each needs a moment to link to the others.
    await_that("all to be well", Duration::from_secs(20), || {
        let ran = operator.run(&["sentinel", "status"]);
        ran.code == Some(0) && ran.stdout.contains("3 of 3 Sentinels answer")
    });
    let ran = operator
        .run(&["promote", "slave1", "--yes", "--verbose"])
        .ok();
    assert!(
        !ran.stderr.contains("0ps") && !ran.stderr.contains(PASSWORD),
        "{ran}"
    );
    let endpoint = operator.run(&["endpoint"]).ok().stdout;
    ran.says(&format!("Clients must now write to {}.", endpoint.trim()));
    operator.run(&["sentinel", "status"]).ok().says("slave1 (");
    operator
        .run(&["sentinel", "forget", "slave2"])
        .code(3)
        .says("still replicates from `slave1`");
    // One that is cut off sleeps through a failover of the others.
    named.cut(true);
    await_that("it to lose the primary", Duration::from_secs(30), || {
        named.sentinels[0].field("flags").contains("s_down")
    });
    let before = port();
    // Right after a failover it may not know the replicas yet, and where many run at once it may
    // give up on the way.
    await_that("another primary", Duration::from_secs(40), || {
        let _ = named.sentinels[1].ask(&["SENTINEL", "FAILOVER", NAME]);
        std::thread::sleep(Duration::from_secs(1));
        port() != before
    });
    operator
        .run(&["sentinel", "status"])
        .code(4)
        .says("the Sentinels disagree about the primary")
        .says("says of the primary: s_down")
        .says("NOQUORUM");
    named.cut(false);
    await_that("them to agree", Duration::from_secs(30), || {
        operator.run(&["sentinel", "status"]).code == Some(0)
    });
    figure(&format!(
        "{}: Sentinels with names and a user of their own are found and gone through, and told apart when one is cut off",
        family.name
    ));
}

#[test]
fn sentinels_with_host_names_and_a_user_of_their_own() {
    std::thread::scope(|s| {
        for family in some_families() {
            s.spawn(|| by_names_and_with_a_user(family));
        }
    });
}

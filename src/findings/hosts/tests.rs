#![allow(clippy::unwrap_used, clippy::expect_used)]

mod hints;
mod kept;
mod later;
mod places;

use super::of_hosts;
use crate::findings::tests::context;
use crate::findings::{Code, Finding};
use crate::topology::host::{HostLook, HostState, Hosts, Owned, Places, Setter, Unseen};
use crate::topology::service::{Arguments, Chain, DataFiles, Process, Service, Starter, Unit};
use crate::topology::testing::healthy;
use crate::topology::{Address, NodeName, Product, ReplicaLine, Topology, Version};
use jiff::civil::date;
use std::collections::BTreeMap;

const GIB: u64 = 1 << 30;
const FOLDER: &str = "/db/redis/6379";
const FILE: &str = "/db/redis/6379/conf/redis.cnf";

/// A deployment, and hosts without any problem.
struct Bench {
    topology: Topology,
    hosts: Hosts,
    password: bool,
}

fn service() -> Service {
    let unit = Unit {
        name: "redis.service".to_owned(),
        user: None,
        fragment: None,
        drop_ins: Vec::new(),
        exec_start: String::new(),
        enabled: Some(true),
        confined: Vec::new(),
    };
    let mut service = Service::unseen(None, "not read");
    service.starter = Starter::Unit(Box::new(unit));
    service.arguments = Arguments::Shown(Vec::new());
    service.settings = Ok(Chain {
        data: DataFiles {
            folder: Some(FOLDER.to_owned()),
            ..DataFiles::default()
        },
        ..Chain::default()
    });
    service.file = Some(FILE.to_owned());
    service.written = Some(FILE.to_owned());
    service.process = Some(Process {
        pid: 7,
        uid: 998,
        gid: 997,
        groups: vec![50],
        program: None,
    });
    service
}

#[allow(clippy::unnecessary_wraps)] // a field of `Places`
fn owned(mode: u32, uid: u32, gid: u32) -> Option<Owned> {
    Some(Owned {
        mode,
        uid,
        gid,
        access_list: false,
    })
}

fn places() -> Places {
    Places {
        folder: Some(FOLDER.to_owned()),
        folder_owner: owned(0o750, 998, 997),
        folder_is_its: Some(true),
        on_host: Some(true),
        file_system: Some("254:0".to_owned()),
        disk_bytes: Some(20 * GIB),
        disk_free_bytes: Some(12 * GIB),
        read_only: Some(false),
        broken: false,
        read_only_for_it: false,
        noexec: None,
        config_file: Some(FILE.to_owned()),
        config_owner: owned(0o640, 998, 997),
        config_enclosed: Some(false),
        uid: Some(998),
        open_files: Some(65_536),
        open_files_most: Some(65_536),
        huge_pages: Some(true),
        swapped_bytes: Some(0),
        memory_limit_bytes: None,
    }
}

fn setter(file: &str, setting: &str, value: &str) -> Setter {
    Setter {
        file: file.to_owned(),
        setting: setting.to_owned(),
        value: value.to_owned(),
    }
}

fn state(name: &str, number: usize) -> HostState {
    HostState {
        name: Some(name.to_owned()),
        boot_id: Some(format!("boot {number}")),
        root: true,
        systemd: Some(true),
        cpus: Some(2),
        memory_bytes: Some(2 * GIB),
        available_bytes: Some(GIB),
        swap_bytes: Some(0),
        clock_ahead_seconds: Some(0),
        overcommit: Some(1),
        huge_pages: Some("madvise".to_owned()),
        somaxconn: Some(4096),
        ephemeral_ports: Some((32_768, 60_999)),
        reserved_ports: Some(String::new()),
        own_addresses: [format!("192.168.0.{}", 120 + 10 * number)].into(),
        hosts_file: vec![
            ("127.0.0.1".to_owned(), vec!["localhost".to_owned()]),
            ("127.0.1.1".to_owned(), vec![name.to_owned()]),
            ("192.168.0.130".to_owned(), vec!["slave1".to_owned()]),
        ],
        nodes: BTreeMap::from([(NodeName::from(name), places())]),
        ..HostState::default()
    }
}

impl Bench {
    fn new() -> Self {
        let mut topology = healthy();
        let mut hosts = Hosts::default();
        for (number, node) in topology.nodes.iter_mut().enumerate() {
            node.service = Some(Box::new(service()));
            let server = node.up();
            server.version = Version {
                major: 9,
                minor: 0,
                patch: 0,
            };
            server.product = Product::Valkey;
            server.maxmemory = Some(GIB);
            for (key, value) in [
                ("maxmemory-policy", "noeviction"),
                ("save", "3600 1"),
                ("appendonly", "no"),
                ("repl-ping-replica-period", "10"),
                ("min-replicas-to-write", "1"),
                ("protected-mode", "no"),
                ("bind", "* -::*"),
            ] {
                server.config.insert(key.to_owned(), value.to_owned());
            }
            let name = node.name.clone();
            hosts.looks.push(HostLook {
                nodes: vec![name.clone()],
                state: Ok(state(&name.0, number)),
            });
            let settings = [
                ("maxclients", "10000"),
                ("tcp-backlog", "511"),
                ("repl-timeout", "60"),
                ("dir", FOLDER),
            ];
            let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
            hosts.settings.insert(name, settings.into());
        }
        for last in [130, 140] {
            let line = ReplicaLine {
                address: Address::new(format!("192.168.0.{last}"), 6379),
                state: "online".to_owned(),
                offset: None,
                ack_age_seconds: None,
            };
            topology.nodes[0].up().replication.replicas.push(line);
        }
        Self {
            topology,
            hosts,
            password: true,
        }
    }

    fn host(&mut self, number: usize) -> &mut HostState {
        self.hosts.looks[number].state.as_mut().unwrap()
    }

    fn places(&mut self, number: usize) -> &mut Places {
        self.host(number).nodes.values_mut().next().unwrap()
    }

    fn set(&mut self, key: &str, value: &str) {
        let settings = self.hosts.settings.get_mut(&NodeName::from("slave1"));
        settings.unwrap().insert(key.to_owned(), value.to_owned());
    }

    fn configure(&mut self, number: usize, key: &str, value: &str) {
        let server = self.topology.nodes[number].up();
        server.config.insert(key.to_owned(), value.to_owned());
    }

    fn found(&self) -> Vec<Finding> {
        let mut context = context();
        context.password = self.password;
        for wanted in &mut context.wanted {
            wanted.ssh_root = "ssh root@host".to_owned();
        }
        of_hosts(&self.topology, &context, &self.hosts, date(2026, 11, 30))
    }
}

/// A hint without its quotes: the line that the shell of root runs, if the hint is for root.
fn as_run(hint: &str) -> String {
    let Some(rest) = hint.strip_prefix("ssh root@host ") else {
        return hint.to_owned();
    };
    let on_the_host = shlex::split(rest).expect("words").join(" ");
    let words = shlex::split(&on_the_host).expect("words");
    assert_eq!(words[..2], ["sh", "-c"], "{hint}");
    format!("root: {}", words[2..].join(" "))
}

/// The findings after a change, as `code: message | hint`.
fn after(change: impl FnOnce(&mut Bench)) -> Vec<String> {
    let mut bench = Bench::new();
    change(&mut bench);
    let told = bench.found();
    let told = told.iter().map(|f| {
        let hint = f.hint.as_ref().map(|hint| format!(" | {}", as_run(hint)));
        format!(
            "{}: {}{}",
            f.code.name(),
            f.message,
            hint.unwrap_or_default()
        )
    });
    told.collect()
}

#[test]
fn nothing_is_found_on_healthy_hosts() {
    assert_eq!(after(|_| {}), [""; 0]);
}

#[test]
fn what_was_not_seen_is_not_judged() {
    let none = after(|bench| {
        for host in &mut bench.hosts.looks {
            let state = HostState {
                root: true,
                ..HostState::default()
            };
            host.state = Ok(state);
        }
        bench.hosts.settings.clear();
        for node in &mut bench.topology.nodes {
            node.service = None;
            node.up().config.clear();
            node.up().maxmemory = None;
            node.up().has_password = None;
        }
    });
    assert_eq!(none, [""; 0]);
}

type Case = (fn(&mut Bench), &'static str);

#[track_caller]
fn each_is_found_alone(cases: &[Case]) {
    for (change, expected) in cases {
        let told = after(change);
        assert_eq!(told, [*expected]);
    }
}

#[test]
fn faults_of_the_kernel() {
    each_is_found_alone(&[
        (
            |b| b.host(1).overcommit = Some(0),
            "overcommit: `vm.overcommit_memory` is 0 on the host of `slave1`: a save or a full copy fails where memory is short (a server uses 1.5 MiB, 1.0 GiB are available) \
             | root: echo 1 >/proc/sys/vm/overcommit_memory && mkdir -p /etc/sysctl.d && echo vm.overcommit_memory=1 >/etc/sysctl.d/90-replctl-overcommit_memory.conf",
        ),
        (
            |b| {
                b.host(1).systemd = Some(false);
                b.host(1).huge_pages = Some("always".to_owned());
            },
            "huge-pages: transparent huge pages are `always` on the host of `slave1`: while a copy is made, writes take longer and memory grows \
             | root: echo madvise >/sys/kernel/mm/transparent_hugepage/enabled",
        ),
        (
            |b| b.host(1).somaxconn = Some(128),
            "listen-backlog: `net.core.somaxconn` is 128 on the host of `slave1`, whose `tcp-backlog` is 511: many clients that connect at once are dropped; a higher limit counts from its next start \
             | root: echo 1024 >/proc/sys/net/core/somaxconn && mkdir -p /etc/sysctl.d && echo net.core.somaxconn=1024 >/etc/sysctl.d/90-replctl-somaxconn.conf",
        ),
        (
            |b| {
                b.host(1).ephemeral_ports = Some((1024, 65_000));
                b.host(1).reserved_ports = Some("80,7000-7005".to_owned());
            },
            "port-ephemeral: port 6379 of `slave1` is one that its host gives to outgoing connections (1024 to 65000): such a connection may keep the server from starting \
             | root: echo 80,7000-7005,6379 >/proc/sys/net/ipv4/ip_local_reserved_ports && mkdir -p /etc/sysctl.d && echo net.ipv4.ip_local_reserved_ports=80,7000-7005,6379 >/etc/sysctl.d/90-replctl-ip_local_reserved_ports.conf",
        ),
        (
            |b| {
                b.places(1).open_files = Some(1024);
                b.places(1).open_files_most = Some(1024);
                b.set("maxclients", "992");
            },
            "open-files: `slave1` may open 1024 files, so that it takes 992 clients and not 10000; a higher limit counts from its next start \
             | root: mkdir -p /etc/systemd/system/redis.service.d && printf '[Service]\\nLimitNOFILE=65536\\n' >/etc/systemd/system/redis.service.d/90-replctl-limits.conf && systemctl daemon-reload && systemctl show -p LimitNOFILE redis.service",
        ),
    ]);
}

#[test]
fn reserved_ports_and_wished_limits_are_no_fault() {
    let none = after(|b| {
        b.host(1).ephemeral_ports = Some((1024, 65_000));
        b.host(1).reserved_ports = Some("80,6370-6380".to_owned());
        // Somebody wants few clients.
        b.set("maxclients", "500");
        b.places(1).open_files = Some(532);
        b.places(1).open_files_most = Some(532);
        let service = b.topology.nodes[1].service.as_mut().unwrap();
        service.settings.as_mut().unwrap().data.clients = Some(500);
        b.places(2).open_files = None;
        b.host(2).huge_pages = Some("never".to_owned());
    });
    assert_eq!(none, [""; 0]);
}

/// The codes of the findings after a change.
fn codes(change: impl FnOnce(&mut Bench)) -> Vec<Code> {
    let mut bench = Bench::new();
    change(&mut bench);
    bench.found().iter().map(|f| f.code).collect()
}

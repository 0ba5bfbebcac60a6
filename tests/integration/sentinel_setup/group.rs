//! Three nodes behind real sshds with the Sentinels that replctl sets up beside them, checked by
//! clients that do not go through replctl.

use crate::sentinel_setup::bench::{Bench, PASSWORD};
use crate::support::process::{Ran, run};
use crate::support::writer::{Load, Writer};
use crate::support::{Net, RawRedis, Reply, await_that, ports};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A deployment with `[sentinel]` in its inventory.
pub struct Group {
    pub bench: Bench,
    pub ports: Vec<u16>,
    /// Lines of `[sentinel]` besides `nodes`.
    pub lines: String,
    /// The password for connections to them.
    pub password: Option<&'static str>,
    /// `$OF_SENTINEL` of the program under test.
    pub secret: Option<&'static str>,
    nodes: String,
}

impl Group {
    /// The nodes are set up; the Sentinels are only in the inventory.
    pub fn new(server: Option<&Path>) -> Option<Self> {
        let group = Self::with(server, |_| {})?;
        group.bench.in_sync(0);
        Some(group)
    }

    /// The same with a changed inventory, in whatever order the nodes replicate.
    pub fn with(server: Option<&Path>, change: impl FnOnce(&mut Bench)) -> Option<Self> {
        let mut bench = Bench::with(3, server)?;
        change(&mut bench);
        let ports: Vec<u16> = (0..3).map(|_| ports::free()).collect();
        let nodes: Vec<String> = crate::sentinel_setup::bench::NAMES
            .iter()
            .zip(&ports)
            .map(|(name, port)| format!("\"{name}:{port}\""))
            .collect();
        let mut this = Self {
            bench,
            nodes: nodes.join(", "),
            ports,
            lines: "down-after-milliseconds = 2000\nfailover-timeout = 20000\n".to_owned(),
            password: None,
            secret: None,
        };
        this.write();
        this.bench.run(&["setup", "--yes"]).ok();
        Some(this)
    }

    /// Writes the inventory as it is now.
    pub fn write(&mut self) {
        let plain = self.bench.text.clone();
        let section = format!("[sentinel]\nnodes = [{}]\n{}", self.nodes, self.lines);
        self.bench.text = plain.clone().raw(&section);
        self.bench.write();
        self.bench.text = plain;
    }

    /// Runs replctl with `$OF_SENTINEL`.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.bench.operator.command(arguments);
        command.envs(self.secret.map(|secret| ("OF_SENTINEL", secret)));
        run(&mut command, Duration::from_mins(1))
    }

    /// Other entries of `nodes`.
    pub fn name(&mut self, entries: &[String]) {
        self.nodes = entries.join(", ");
        self.write();
    }

    /// `db/PORT` of a Sentinel.
    pub fn folder(&self, n: usize) -> PathBuf {
        self.bench.db().join(self.ports[n].to_string())
    }

    pub fn file(&self, n: usize) -> PathBuf {
        self.folder(n).join("conf/sentinel.cnf")
    }

    pub fn connect(&self, n: usize) -> Option<RawRedis> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.ports[n]));
        let patience = Duration::from_secs(5);
        RawRedis::connect(&Net::Machine, address, self.password, patience).ok()
    }

    #[track_caller]
    pub fn ask(&self, n: usize, words: &[&str]) -> Reply {
        let client = self.connect(n);
        let mut client = client.unwrap_or_else(|| panic!("Sentinel {n} does not answer"));
        client.command(words)
    }

    /// One field of `SENTINEL MASTER`.
    #[track_caller]
    pub fn field(&self, n: usize, name: &str) -> String {
        let Reply::Array(Some(all)) = self.ask(n, &["SENTINEL", "MASTER", "loop"]) else {
            return String::new();
        };
        let texts: Vec<String> = all.iter().map(Reply::text).collect();
        let found = texts.chunks(2).find(|pair| pair[0] == name);
        found.map_or_else(String::new, |pair| pair[1].clone())
    }

    /// The process id of a Sentinel, from its pid file.
    pub fn pid(&self, n: usize) -> i32 {
        let file = format!("pid/sentinel_{}.pid", self.ports[n]);
        let text = std::fs::read_to_string(self.folder(n).join(file)).unwrap();
        text.trim().parse().unwrap()
    }

    /// Asserts that every Sentinel watches that node, knows both others, and reports it as healthy.
    #[track_caller]
    pub fn assert_watched(&self, primary: usize) {
        for n in 0..self.ports.len() {
            let of = |name: &str| self.field(n, name);
            assert_eq!(of("port"), self.bench.port(primary).to_string(), "{n}");
            assert_eq!(of("flags"), "master", "{n}");
            assert_eq!(of("num-other-sentinels"), "2", "{n}");
            assert_eq!(of("num-slaves"), "2", "{n}");
            let quorum = self.ask(n, &["SENTINEL", "CKQUORUM", "loop"]).text();
            assert!(quorum.starts_with("OK 3 usable"), "{n}: {quorum}");
        }
    }

    /// Writers to all nodes.
    pub fn writer(&self) -> Writer {
        let ports: Vec<u16> = (0..3).map(|n| self.bench.port(n)).collect();
        let writer = Writer::start(Load {
            password: Some(PASSWORD.to_owned()),
            per_second: Some(500),
            ..Load::plain(&ports)
        });
        writer.await_more(300, Duration::from_secs(20));
        writer
    }

    /// Waits until all Sentinels have a primary other than `old` that answers as one; returns it.
    #[track_caller]
    pub fn await_other(&self, old: usize) -> usize {
        let mut chosen = None;
        await_that("Sentinel's own failover", Duration::from_secs(40), || {
            let told = self.field(0, "port");
            chosen = (0..3).find(|n| *n != old && self.bench.port(*n).to_string() == told);
            chosen.is_some_and(|n| {
                let same = |s: usize| self.field(s, "port") == told;
                (0..self.ports.len()).all(same)
                    && self.bench.client(n).info("replication")["role"] == "master"
            })
        });
        chosen.unwrap()
    }
}

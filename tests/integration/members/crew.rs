//! A deployment of two nodes behind real sshds, further hosts, an inventory with comments, and its
//! operator.

use crate::support::inventory::write_password;
use crate::support::process::{Ran, living_in, run};
use crate::support::{InventoryText, Net, RawRedis, Replctl, Sshds, await_that, ports};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

pub const PASSWORD: &str = "correct-horse-battery";
const NAMES: [&str; 2] = ["master", "slave1"];

pub struct Crew {
    pub sshds: Sshds,
    pub operator: Replctl<'static>,
    folder: TempDir,
    /// The text of the inventory at the beginning.
    pub text: String,
    ports: Vec<u16>,
}

impl Crew {
    /// Two nodes that are set up, and hosts for `more`.
    pub fn new(more: usize) -> Option<Self> {
        let sshds = Sshds::start(2 + more)?;
        let folder = tempfile::Builder::new()
            .prefix("replctl-members-")
            .tempdir()
            .unwrap();
        let password = write_password(folder.path(), PASSWORD);
        // Where the primary has keys, it waits for more replicas before it sends them to one.
        let text = InventoryText::on_sshds(&sshds, &NAMES, None)
            .password_file(&password)
            .config("repl-diskless-sync-delay", "0");
        let mut ports: Vec<u16> = text.nodes().iter().map(|n| n.port).collect();
        ports.extend((0..more).map(|_| ports::free()));
        let file = text.write(folder.path());
        let mut text = text.text();
        text = text.replacen("[[node]]", "# Who is where.\n[[node]]   # in the cellar", 1);
        text.push_str("\n# [hooks]\n# before_promote = \"vip off\"\n");
        std::fs::write(&file, &text).unwrap();
        let operator = Replctl::new().inventory(&file);
        let this = Self {
            sshds,
            operator,
            folder,
            text,
            ports,
        };
        this.run(&["setup", "--yes"]).ok();
        Some(this)
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("inventory.toml")
    }

    /// The present inventory.
    pub fn now(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    pub fn port(&self, n: usize) -> u16 {
        self.ports[n]
    }

    /// A node's own folder on its host.
    pub fn own(&self, n: usize) -> PathBuf {
        self.db().join(self.port(n).to_string())
    }

    pub fn db(&self) -> PathBuf {
        self.sshds.folder().join("db")
    }

    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.operator.run(arguments)
    }

    /// `add` of the node on host `n`, with its options.
    pub fn adding(&self, name: &str, n: usize, more: &[&str]) -> Vec<String> {
        let address = format!("127.0.0.1:{}", self.port(n));
        let ssh = format!(":{}", self.sshds.hosts()[n].port);
        let mut all = vec!["add", name, "--address", &address, "--ssh", &ssh];
        all.extend(more);
        all.into_iter().map(str::to_owned).collect()
    }

    #[track_caller]
    pub fn add(&self, name: &str, n: usize, more: &[&str]) -> Ran {
        let arguments = self.adding(name, n, more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.run(&arguments)
    }

    /// Dies after that many lines of the journal; whether it did.
    #[track_caller]
    pub fn dies(&self, arguments: &[String], line: usize) -> bool {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = self.operator.command(&arguments);
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
        let ran = run(&mut command, Duration::from_mins(1));
        assert!(
            ran.code == Some(0) || ran.signal == Some(libc::SIGKILL),
            "it failed at line {line}: {ran}"
        );
        ran.code.is_none()
    }

    pub fn connect(&self, n: usize) -> std::io::Result<RawRedis> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port(n)));
        let within = Duration::from_secs(5);
        RawRedis::connect(&Net::Machine, address, Some(PASSWORD), within)
    }

    #[track_caller]
    pub fn client(&self, n: usize) -> RawRedis {
        self.connect(n).unwrap_or_else(|e| panic!("{n}: {e}"))
    }

    /// Asserts that a write on the primary arrives at node `n`.
    #[track_caller]
    pub fn follows(&self, n: usize, primary: usize) {
        let key = format!("k{n}");
        let value = format!("{:?}", std::time::Instant::now());
        assert_eq!(
            self.client(primary).command(&["SET", &key, &value]).text(),
            "OK"
        );
        await_that("the key to arrive", Duration::from_secs(10), || {
            self.client(n).command(&["GET", &key]).text() == value
        });
        let info = self.client(n).info("replication");
        assert_eq!(info["role"], "slave");
    }

    /// Asserts that nothing of the node is left or runs on its host.
    #[track_caller]
    pub fn nothing_of(&self, n: usize) {
        await_that("its server's end", Duration::from_secs(5), || {
            living_in(&self.own(n)).is_empty()
        });
        assert!(!self.own(n).exists(), "{}", tree(&self.own(n)));
    }

    /// How many replicas the primary lists.
    pub fn listed(&self, primary: usize) -> String {
        self.client(primary).info("replication")["connected_slaves"].clone()
    }

    pub fn json(ran: &Ran) -> Value {
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran}"))
    }
}

fn tree(folder: &Path) -> String {
    let mut command = std::process::Command::new("find");
    command.arg(folder);
    run(&mut command, Duration::from_secs(5)).stdout
}

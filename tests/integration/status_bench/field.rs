//! Many real servers, as light as possible: one primary and its replicas, each at its own address
//! in 127.0.0.0/8 and all on one port, as on separate hosts. One shell holds them all, and ends
//! them with the test process, however that ends.

use crate::support::ports;
use crate::support::process::signal;
use crate::support::redis::RawRedis;
use crate::support::{Net, await_that};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Starts a server for each line of a file, and ends all of them when its own standard input ends.
const LEASE: &str = r#"pids=
while read -r arguments <&3; do
    "$SERVER" $arguments </dev/null >>"$LOG" 2>&1 & pids="$pids $!"
    echo $!
done 3<"$LIST"
echo started
while read -r _; do :; done
kill -9 $pids 2>/dev/null
wait"#;

/// No files, one timer tick a second, a small backlog: a thousand such servers leave the machine
/// free for the measured program.
const LIGHT: &str = "--save '' --appendonly no --hz 1 --databases 1 --repl-backlog-size 16384 --repl-diskless-sync-delay 1 --tcp-backlog 64 --maxclients 1200 --io-threads 1 --protected-mode no";

/// The servers.
pub struct Field {
    /// Their port.
    pub port: u16,
    /// How many they are.
    pub nodes: usize,
    /// Their process ids.
    pub pids: Vec<i32>,
    /// The inventory that names them.
    pub inventory: PathBuf,
    folder: TempDir,
    shell: Child,
    lease: Option<ChildStdin>,
}

/// The address of a node.
pub fn ip(node: usize) -> Ipv4Addr {
    let byte = |n: usize| u8::try_from(n).unwrap();
    Ipv4Addr::new(127, 90, byte(node / 200), byte(node % 200 + 1))
}

impl Field {
    /// Starts them, and waits until all replicas are linked.
    pub fn start(server: &Path, nodes: usize) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("replctl-field-")
            .tempdir()
            .unwrap();
        let port = ports::free();
        let mut list = String::new();
        for node in 0..nodes {
            let own = ip(node);
            let _ = write!(
                list,
                "--port {port} --bind {own} --bind-source-addr {own} --dir {} {LIGHT}",
                folder.path().display()
            );
            if node > 0 {
                let _ = write!(list, " --replicaof {} {port}", ip(0));
            }
            list.push('\n');
        }
        // The shell splits the line into words and takes no quotes off.
        let list = list.replace("--save '' ", "");
        let at = folder.path().join("servers");
        std::fs::write(&at, list).unwrap();
        let mut shell = Command::new("/bin/sh")
            .args(["-c", LEASE])
            .env("SERVER", server)
            .env("LIST", &at)
            .env("LOG", folder.path().join("log"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(shell.stdout.take().unwrap()).lines();
        let pids = lines
            .map_while(Result::ok)
            .map_while(|line| line.trim().parse().ok());
        let mut this = Self {
            port,
            nodes,
            pids: pids.collect(),
            inventory: folder.path().join("inventory.toml"),
            folder,
            lease: shell.stdin.take(),
            shell,
        };
        assert_eq!(this.pids.len(), nodes);
        this.inventory = this.inventory_of("all", |node| (ip(node), port));
        await_that("all replicas to be linked", Duration::from_mins(2), || {
            let info = this.client(0).map(|mut c| c.info("replication"));
            let Ok(info) = info else {
                return false;
            };
            let online = info.values().filter(|v| v.contains("state=online"));
            online.count() == nodes - 1
        });
        this
    }

    /// A connection to a node.
    pub fn client(&self, node: usize) -> std::io::Result<RawRedis> {
        let at = SocketAddr::from((ip(node), self.port));
        RawRedis::connect(&Net::Machine, at, None, Duration::from_secs(5))
    }

    /// Another inventory, with each node where `place` says.
    pub fn inventory_of(&self, name: &str, place: impl Fn(usize) -> (Ipv4Addr, u16)) -> PathBuf {
        let mut text = "[deployment]\nname = \"field\"\nauth = \"none\"\n".to_owned();
        for node in 0..self.nodes {
            let (ip, port) = place(node);
            let _ = write!(
                text,
                "\n[[node]]\nname = \"n{node}\"\naddress = \"{ip}\"\nport = {port}\nvia = \"direct\"\n"
            );
            if node > 0 {
                text.push_str("replicaof = \"n0\"\n");
            }
        }
        let file = self.folder.path().join(format!("{name}.toml"));
        std::fs::write(&file, text).unwrap();
        file
    }

    /// Each tenth node, but for the primary.
    pub fn tenth(&self) -> impl Iterator<Item = usize> + use<> {
        (1..self.nodes).filter(|node| node % 10 == 5)
    }

    /// Freezes each tenth, or lets it go on.
    pub fn freeze(&self, frozen: bool) {
        let number = if frozen { libc::SIGSTOP } else { libc::SIGCONT };
        for node in self.tenth() {
            signal(self.pids[node], number);
        }
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        drop(self.lease.take());
        let _ = self.shell.wait();
    }
}

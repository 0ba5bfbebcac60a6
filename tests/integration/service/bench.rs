//! Servers started by hand, each on a host of its own behind a real sshd, and the operator who
//! looks at them.

use crate::support::inventory::{InventoryText, NodeText};
use crate::support::process::{Leased, Ran, signal};
use crate::support::server::Family;
use crate::support::{RawRedis, Replctl, Sshds, await_that, ports};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

const NAMES: [&str; 2] = ["a", "b"];

pub struct Bench {
    family: &'static Family,
    sshds: Sshds,
    folder: TempDir,
    ports: [u16; 2],
    /// Numeric ids of the servers' user; `None`: the user of the test.
    user: Option<(u32, u32)>,
    /// The words of each start, and its process.
    servers: [Option<(Vec<String>, Leased)>; 2],
    operator: Replctl<'static>,
}

impl Bench {
    pub fn new(family: &'static Family) -> Option<Self> {
        let folder = tempfile::Builder::new()
            .prefix("replctl-service-")
            .tempdir();
        let folder = folder.unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        Some(Self {
            family,
            sshds: Sshds::start(2)?,
            folder,
            ports: [ports::free(), ports::free()],
            user: None,
            servers: [None, None],
            operator: Replctl::new(),
        })
    }

    /// Runs the servers as that user; `None`, after a message, if the test may not become that
    /// user.
    pub fn as_user(family: &'static Family, name: &str) -> Option<Self> {
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
        let line = passwd.lines().find(|l| l.starts_with(&format!("{name}:")));
        if crate::support::user_id() != 0 || line.is_none() {
            crate::support::not_run(
                "servers of another user: the test is not root, or there is no such user",
            );
            return None;
        }
        let fields: Vec<&str> = line.unwrap().split(':').collect();
        let user = Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()));
        Some(Self {
            user,
            ..Self::new(family)?
        })
    }

    pub fn port(&self, n: usize) -> u16 {
        self.ports[n]
    }

    fn home(&self, n: usize) -> PathBuf {
        let home = self.folder.path().join(NAMES[n]);
        if !home.exists() {
            std::fs::create_dir(&home).unwrap();
            self.give(&home);
        }
        home
    }

    fn give(&self, path: &std::path::Path) {
        if let Some((uid, gid)) = self.user {
            chown(path, Some(uid), Some(gid)).unwrap();
        }
    }

    /// A file beside the configuration of `n`; its path.
    pub fn file(&self, n: usize, name: &str, text: &str) -> String {
        let path = self.home(n).join(name);
        std::fs::write(&path, text).unwrap();
        self.give(&path);
        path.to_str().unwrap().to_owned()
    }

    /// Starts it from a file that ends with `more`, with arguments behind it.
    pub fn start(&mut self, n: usize, more: &str, arguments: &[&str]) {
        let home = self.home(n);
        let text = format!(
            "port {}\nbind 127.0.0.1\ndir {}\nsave \"\"\nrepl-diskless-sync-delay 0\n{more}",
            self.ports[n],
            home.display()
        );
        let config = self.file(n, "redis.conf", &text);
        let words = std::iter::once(config.as_str()).chain(arguments.iter().copied());
        let words = words.map(str::to_owned).collect();
        self.launch(n, words);
    }

    pub fn start_without_file(&mut self, n: usize) {
        let (port, home) = (self.ports[n].to_string(), self.home(n));
        let mut words = vec!["--port", &port, "--dir", home.to_str().unwrap()];
        words.extend(["--save", "", "--repl-diskless-sync-delay", "0"]);
        let words = words.into_iter().map(str::to_owned).collect();
        self.launch(n, words);
    }

    fn launch(&mut self, n: usize, words: Vec<String>) {
        let log = self.home(n).join("log");
        let server = self.family.server.to_str().unwrap();
        let mut all: Vec<String> = Vec::new();
        if let Some((uid, gid)) = self.user {
            all.extend([
                "setpriv".to_owned(),
                format!("--reuid={uid}"),
                format!("--regid={gid}"),
            ]);
            all.extend(["--clear-groups".to_owned(), "--".to_owned()]);
        }
        all.push(server.to_owned());
        all.extend(words.iter().cloned());
        let arguments: Vec<&str> = all[1..].iter().map(String::as_str).collect();
        let process = Leased::start(all[0].as_ref(), &arguments, &log);
        self.servers[n] = Some((words, process));
        await_that("the server to answer", Duration::from_secs(10), || {
            RawRedis::connect(
                &crate::support::Net::Machine,
                ([127, 0, 0, 1], self.ports[n]).into(),
                None,
                Duration::from_secs(1),
            )
            .and_then(|mut c| c.try_command(&["PING"]))
            .is_ok()
        });
    }

    /// Ends it and starts it as it was started.
    pub fn restart(&mut self, n: usize) {
        let (words, process) = self.servers[n].take().unwrap();
        signal(process.pid, libc::SIGKILL);
        await_that("the server to end", Duration::from_secs(5), || {
            process.is_gone()
        });
        drop(process);
        self.launch(n, words);
    }

    pub fn client(&self, n: usize) -> RawRedis {
        RawRedis::local(self.ports[n])
    }

    pub fn role(&self, n: usize) -> String {
        self.client(n).info("replication")["role"].clone()
    }

    /// `master`, or the port that it follows.
    pub fn next_role(&self, n: usize) -> String {
        let info = self.client(n).info("replication");
        info.get("master_port")
            .cloned()
            .unwrap_or_else(|| "master".to_owned())
    }

    /// What `status --json` says of each server's next start, in the words of [`Self::next_role`];
    /// `None`: not known.
    pub fn foretold(&self) -> Vec<Option<String>> {
        let told = self.run(&["status", "--json"]);
        let json: serde_json::Value =
            serde_json::from_str(&told.stdout).unwrap_or_else(|e| panic!("{e}: {told}"));
        let nodes = json["nodes"].as_array().unwrap();
        let role = |node: &serde_json::Value| {
            let next = &node["persisted"];
            if next.as_str() == Some("primary") {
                return Some("master".to_owned());
            }
            next["replica-of"]["port"].as_u64().map(|p| p.to_string())
        };
        nodes.iter().map(role).collect()
    }

    pub fn follow(&self, n: usize, primary: usize) {
        let port = self.ports[primary].to_string();
        let said = self.client(n).command(&["REPLICAOF", "127.0.0.1", &port]);
        assert!(said.text().starts_with("OK"), "{}", said.text());
        self.linked(n);
    }

    pub fn linked(&self, n: usize) {
        await_that("the link to come up", Duration::from_secs(20), || {
            let info = self.client(n).info("replication");
            info.get("master_link_status").is_some_and(|s| s == "up")
        });
    }

    /// Makes its folder read-only for all.
    pub fn lock(&self, n: usize) {
        let home = self.home(n);
        chown(&home, Some(0), Some(0)).unwrap();
        std::fs::set_permissions(home, PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// Makes its folder sticky and writable for all, and its file root's.
    pub fn stick(&self, n: usize) {
        let home = self.home(n);
        let config = home.join("redis.conf");
        chown(&config, Some(0), None).unwrap();
        std::fs::set_permissions(&config, PermissionsExt::from_mode(0o644)).unwrap();
        std::fs::set_permissions(home, PermissionsExt::from_mode(0o1777)).unwrap();
    }

    fn inventory(&self, ssh: bool) -> PathBuf {
        let mut text = InventoryText::new("hand")
            .ssh("user", &self.sshds.user())
            .without_sudo()
            .ssh("identity_file", self.sshds.key().to_str().unwrap())
            .ssh("known_hosts", self.sshds.known_hosts().to_str().unwrap());
        for (n, host) in self.sshds.hosts().iter().enumerate() {
            let node = NodeText::new(NAMES[n], "127.0.0.1")
                .port(self.ports[n])
                .ssh_port(if ssh { host.port } else { 1 });
            text = text.node(if n == 0 {
                node
            } else {
                node.replicaof(NAMES[0])
            });
        }
        text.write(self.folder.path())
    }

    pub fn run(&self, words: &[&str]) -> Ran {
        let file = self.inventory(true);
        let all: Vec<&str> = ["-i", file.to_str().unwrap()]
            .into_iter()
            .chain(words.iter().copied())
            .collect();
        self.operator.run(&all)
    }

    pub fn without_ssh(&self, words: &[&str]) -> Ran {
        let file = self.inventory(false);
        let all: Vec<&str> = ["-i", file.to_str().unwrap()]
            .into_iter()
            .chain(words.iter().copied())
            .collect();
        self.operator.run(&all)
    }

    pub fn status(&self, code: i32) -> Ran {
        self.run(&["status"]).code(code)
    }
}

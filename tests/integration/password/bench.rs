//! A deployment on this machine's sshds whose password is changed, its operator, and checks that do
//! not go through replctl.

use crate::support::inventory::write_password;
use crate::support::process::{Ran, living_in, signal};
use crate::support::{InventoryText, Net, RawRedis, Replctl, Sshds, await_that};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

pub const NAMES: [&str; 3] = ["master", "slave1", "slave2"];
pub const OLD: &str = "canary-one-two-three";
pub const NEW: &str = "canary-four\"five\\six";

pub struct Bench {
    pub sshds: Sshds,
    pub plain: InventoryText,
    pub operator: Replctl<'static>,
    folder: TempDir,
}

impl Bench {
    /// Three nodes of that server (`None`: the embedded one), set up with that password.
    pub fn set_up(server: Option<&Path>, password: Option<&str>) -> Option<Self> {
        Self::of(3, server, password)
    }

    /// The same with so many nodes.
    pub fn of(count: usize, server: Option<&Path>, password: Option<&str>) -> Option<Self> {
        let sshds = Sshds::start(count)?;
        let folder = tempfile::Builder::new()
            .prefix("replctl-password-")
            .tempdir()
            .unwrap();
        let plain = InventoryText::on_sshds(&sshds, &NAMES[..count], server);
        let operator = Replctl::new().inventory(&plain.write(folder.path()));
        let this = Self {
            sshds,
            plain,
            operator,
            folder,
        };
        this.say(password);
        this.run(&["setup", "--yes"]).ok();
        this.in_sync(password);
        Some(this)
    }

    /// The inventory names that password.
    pub fn say(&self, password: Option<&str>) {
        let text = self.plain.clone();
        match password {
            None => text.write(self.folder.path()),
            Some(password) => {
                let file = write_password(self.folder.path(), password);
                text.password_file(&file).write(self.folder.path())
            }
        };
    }

    /// Makes the inventory ask for the password.
    pub fn say_prompt(&self) {
        let path = self.plain.write(self.folder.path());
        let text = std::fs::read_to_string(&path).unwrap();
        let typed = text.replace("auth = \"none\"", "password = { prompt = true }");
        assert_ne!(text, typed);
        std::fs::write(path, typed).unwrap();
    }

    /// Runs `setup --yes` on a terminal and types these words. Returns the rest of the screen.
    pub fn typed(&self, words: &[&str]) -> String {
        let mut command = self.operator.command(&["setup", "--yes"]);
        command.env("TERM", "xterm");
        let mut terminal = rexpect::session::spawn_command(command, Some(60_000)).unwrap();
        for word in words {
            terminal
                .exp_regex("password (of the servers|again[^:]*):")
                .unwrap();
            terminal.send_line(word).unwrap();
        }
        terminal.exp_eof().unwrap()
    }

    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let ran = self.operator.run(arguments);
        for word in ["canary", "five"] {
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert!(!said.contains(word), "a password is shown: {ran}");
        }
        ran
    }

    /// How many nodes there are.
    pub fn count(&self) -> usize {
        self.plain.nodes().len()
    }

    pub fn port(&self, n: usize) -> u16 {
        self.plain.nodes()[n].port
    }

    pub fn db(&self) -> PathBuf {
        self.sshds.folder().join("db")
    }

    pub fn config(&self, n: usize) -> PathBuf {
        self.db().join(format!("{}/conf/redis.cnf", self.port(n)))
    }

    /// A new connection, with that password; the error is the server's.
    pub fn connect(&self, n: usize, password: Option<&str>) -> std::io::Result<RawRedis> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port(n)));
        let mut client =
            RawRedis::connect(&Net::Machine, address, password, Duration::from_secs(5))?;
        let pong = client.try_command(&["PING"])?;
        if pong.text() == "PONG" {
            Ok(client)
        } else {
            Err(std::io::Error::other(pong.text()))
        }
    }

    #[track_caller]
    pub fn client(&self, n: usize, password: Option<&str>) -> RawRedis {
        self.connect(n, password)
            .unwrap_or_else(|e| panic!("{}: {e}", NAMES[n]))
    }

    /// The first node is the primary, and the others follow it.
    #[track_caller]
    pub fn in_sync(&self, password: Option<&str>) {
        await_that(
            "the replicas to be in sync",
            Duration::from_secs(15),
            || self.linked(|n| self.connect(n, password).ok()),
        );
    }

    /// The same with whatever connection can be had.
    pub fn linked(&self, mut client: impl FnMut(usize) -> Option<RawRedis>) -> bool {
        let Some(mut top) = client(0) else {
            return false;
        };
        let top = top.info("replication");
        top["role"] == "master"
            && (1..self.count()).all(|n| {
                client(n).is_some_and(|mut c| {
                    let info = c.info("replication");
                    info["role"] == "slave"
                        && info["master_link_status"] == "up"
                        && info["slave_repl_offset"] == top["master_repl_offset"]
                })
            })
    }

    /// Ends every link, and checks that all come up again with new logins.
    #[track_caller]
    pub fn links_come_back(&self, password: Option<&str>) {
        let full = |b: &Self| b.client(0, password).info("stats")["sync_full"].clone();
        let before = full(self);
        let mut top = self.client(0, password);
        let killed = top.command(&["CLIENT", "KILL", "TYPE", "replica"]);
        let links = (self.count() - 1).to_string();
        assert_eq!(killed.text(), links, "not all links were up");
        self.in_sync(password);
        assert_eq!(full(self), before, "a link came back by a full copy");
    }

    /// Asserts that every server has that password: running, in its file, and after a restart from
    /// it.
    #[track_caller]
    pub fn is_at(&self, password: Option<&str>, others: &[Option<&str>]) {
        for (n, name) in NAMES.iter().enumerate().take(self.count()) {
            self.has(n, password);
            for other in others {
                assert!(self.connect(n, *other).is_err(), "{name} lets in {other:?}");
            }
        }
        self.links_come_back(password);
        self.run(&["status"]).ok();
        self.run(&["setup", "--yes"]).ok().says("Nothing to do");
    }

    #[track_caller]
    fn has(&self, n: usize, password: Option<&str>) {
        let mut client = self.client(n, password);
        let name = NAMES[n];
        let wanted = password.unwrap_or_default();
        assert_eq!(client.config("requirepass"), wanted, "{name}");
        assert_eq!(client.config("masterauth"), wanted, "{name}");
        assert_eq!(client.config("masteruser"), "", "{name}");
        let mode = crate::password::mode(&self.config(n));
        assert!(matches!(mode, 0o600 | 0o640), "{name}: {mode:o}");
    }

    /// Every server is ended, and started from its file by its own program, not by replctl.
    #[track_caller]
    pub fn restart_all(&self) {
        self.end_all(libc::SIGTERM);
        self.start_all();
    }

    /// Replaces the servers' program by one that needs libraries that only this machine has, so no
    /// setup could install it.
    #[track_caller]
    pub fn replace_program(&self, server: &Path) {
        self.end_all(libc::SIGKILL);
        for n in 0..self.count() {
            let folder = self.db().join(self.port(n).to_string());
            let _ = std::fs::remove_file(folder.join(format!("redis_{}.rdb", self.port(n))));
        }
        // All their links lead there.
        let program = self.program(0);
        std::fs::remove_file(&program).unwrap();
        std::fs::copy(server, &program).unwrap();
        self.start_all();
    }

    fn end_all(&self, how: i32) {
        for n in 0..self.count() {
            signal(self.pid(n), how);
        }
        await_that("the servers' end", Duration::from_secs(10), || {
            (0..self.count())
                .all(|n| living_in(&self.db().join(self.port(n).to_string())).is_empty())
        });
    }

    fn program(&self, n: usize) -> PathBuf {
        let link = format!("server/current-{}/redis-server", self.port(n));
        self.db().join(link)
    }

    fn start_all(&self) {
        for (n, name) in NAMES.iter().enumerate().take(self.count()) {
            let output = std::process::Command::new(self.program(n))
                .arg(self.config(n))
                .output()
                .unwrap();
            let log = self
                .db()
                .join(format!("{0}/logs/redis_{0}.log", self.port(n)));
            let said = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr)
                + &std::fs::read_to_string(log).unwrap_or_default();
            assert!(output.status.success(), "{name}: {said}");
        }
    }

    pub fn pid(&self, n: usize) -> i32 {
        let file = self
            .db()
            .join(format!("{0}/pid/redis_{0}.pid", self.port(n)));
        std::fs::read_to_string(file)
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }

    /// Asserts that the operator's machine stores no password.
    #[track_caller]
    pub fn nothing_is_kept(&self) {
        let mut open = vec![self.operator.home().to_owned()];
        let mut files = 0;
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    open.push(entry.path());
                    continue;
                }
                files += 1;
                let text = std::fs::read(entry.path()).unwrap();
                let text = String::from_utf8_lossy(&text);
                assert!(!text.contains("canary"), "{}", entry.path().display());
            }
        }
        assert!(files > 0, "no journal");
    }
}

//! The server programs that can be had on this machine, and servers started from them on 127.0.0.1.

use super::process::{Leased, run, signal};
use super::redis::RawRedis;
use super::wire::Wire;
use super::{Net, await_that, not_run, ports, repository};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;

/// One server program.
#[derive(Debug, Clone)]
pub struct Family {
    /// `debian`, `embedded`, `valkey`, and those of `scripts/servers`: `redis-6.0`, ….
    pub name: &'static str,
    /// The program.
    pub server: PathBuf,
}

/// All available servers. Missing ones are reported loudly, once. With `CI` set that is a failure,
/// except for those that `REPLCTL_WITHOUT_SERVERS` (names separated by spaces) excuses.
pub fn every_server() -> &'static [Family] {
    static FOUND: OnceLock<Vec<Family>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let without = std::env::var("REPLCTL_WITHOUT_SERVERS").unwrap_or_default();
        let embedded = repository()
            .join("payload")
            .join(std::env::consts::ARCH)
            .join("redis-server");
        let fetched = "it is not there: scripts/servers fetches it";
        let wanted = [
            (
                "debian",
                PathBuf::from("/usr/bin/redis-server"),
                "redis-server is not installed",
            ),
            (
                "embedded",
                embedded,
                "the embedded server is not built: make server",
            ),
            (
                "valkey",
                PathBuf::from("/usr/bin/valkey-server"),
                "valkey-server is not installed",
            ),
            ("redis-6.0", cached("redis-6.0/redis-server"), fetched),
            ("redis-6.2", cached("redis-6.2/redis-server"), fetched),
            ("redis-8.0", cached("redis-8.0/redis-server"), fetched),
            ("redis-8.2", cached("redis-8.2/redis-server"), fetched),
            ("valkey-8.1", cached("valkey-8.1/valkey-server"), fetched),
            ("valkey-9.1", cached("valkey-9.1/valkey-server"), fetched),
        ];
        let mut found = Vec::new();
        for (name, server, reason) in wanted {
            if server.exists() {
                found.push(Family { name, server });
            } else if !without.split_whitespace().any(|w| w == name) {
                not_run(&format!("the server {name}: {reason}"));
            }
        }
        found
    })
}

/// Whether every test runs on every family, even where families behave alike: `make test-all`.
pub fn all_of_them() -> bool {
    std::env::var("REPLCTL_EVERY_FAMILY").is_ok_and(|v| !matches!(v.as_str(), "" | "0"))
}

/// The families that tests loop over: [`every_server`]. Redis 8.2 behaves like 8.0, so it is
/// included only if [`all_of_them`] holds.
pub fn families() -> &'static [Family] {
    static SOME: OnceLock<Vec<Family>> = OnceLock::new();
    SOME.get_or_init(|| {
        let wanted = |f: &&Family| f.name != "redis-8.2" || all_of_them();
        every_server().iter().filter(wanted).cloned().collect()
    })
}

/// Where `scripts/servers` puts them.
fn cached(name: &str) -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
    std::env::var_os("XDG_CACHE_HOME")
        .map_or_else(home, PathBuf::from)
        .join("replctl/servers")
        .join(name)
}

impl Family {
    /// Whether the server is one program, not a script that finds its libraries.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn is_one_file(&self) -> bool {
        let mut magic = [0; 4];
        let mut file = std::fs::File::open(&self.server).expect("the server's program");
        std::io::Read::read_exact(&mut file, &mut magic).expect("the server's program");
        magic == *b"\x7fELF"
    }

    /// Whether it was built with TLS.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn has_tls(&self) -> bool {
        // The next directive ends it, if this one does not.
        let words = ["--tls-port", "0", "--port", "0", "--dir", "/nonexistent"];
        let ran = run(
            Command::new(&self.server).args(words),
            Duration::from_secs(5),
        );
        !format!("{}{}", ran.stdout, ran.stderr).contains("Bad directive")
    }

    /// Debian's own server.
    pub fn debian() -> Option<&'static Self> {
        families().iter().find(|f| f.name == "debian")
    }

    /// Starts a server without persistence on a free port of 127.0.0.1, with further directives
    /// (`["maxmemory 1gb", …]`).
    ///
    /// # Panics
    /// When it does not answer within 10 seconds.
    pub fn start(&self, directives: &[&str]) -> LocalServer {
        LocalServer::start(Home::here(&self.server), directives, None)
    }

    /// [`Family::start`] with the data of a dump.
    pub fn start_with(&self, dump: &Path) -> LocalServer {
        let directives = ["dbfilename dump.rdb"];
        LocalServer::start(Home::here(&self.server), &directives, Some(dump))
    }

    /// The same at an address of its own in that network, from which it also connects to others.
    pub fn start_on(&self, wire: &Wire, directives: &[&str]) -> LocalServer {
        self.begin_on(wire, directives, None)
    }

    /// One there with the data of a dump.
    pub fn start_on_with(&self, wire: &Wire, dump: &Path) -> LocalServer {
        self.begin_on(wire, &["dbfilename dump.rdb"], Some(dump))
    }

    fn begin_on(&self, wire: &Wire, directives: &[&str], dump: Option<&Path>) -> LocalServer {
        let ip = wire.address();
        let mut directives = directives.to_vec();
        let source = format!("bind-source-addr {ip}");
        // Before 7.0 it connects from the address it is bound to.
        if !self.name.starts_with("redis-6") {
            directives.push(&source);
        }
        self.begin_at(wire, (ip.into(), None), &directives, dump)
    }

    /// Starts one at that address in that network, where `names`, if given, is its `/etc/hosts`.
    pub fn start_at(
        &self,
        wire: &Wire,
        ip: IpAddr,
        names: Option<&Path>,
        directives: &[&str],
    ) -> LocalServer {
        self.begin_at(wire, (ip, names), directives, None)
    }

    fn begin_at(
        &self,
        wire: &Wire,
        (ip, names): (IpAddr, Option<&Path>),
        directives: &[&str],
        dump: Option<&Path>,
    ) -> LocalServer {
        let mut directives = directives.to_vec();
        // 7.0 takes no other address than 127.0.0.1 for this machine.
        directives.push("protected-mode no");
        let mut command: Vec<String> = wire.prefix().to_vec();
        command.extend(names.into_iter().flat_map(super::wire::naming));
        command.push(self.server.to_str().unwrap().to_owned());
        let home = Home {
            net: wire.net(),
            ip,
            command,
        };
        LocalServer::start(home, &directives, dump)
    }
}

/// Where a server runs, and how it is started.
struct Home {
    net: Net,
    ip: IpAddr,
    command: Vec<String>,
}

impl Home {
    fn here(program: &Path) -> Self {
        Self {
            net: Net::Machine,
            ip: Ipv4Addr::LOCALHOST.into(),
            command: vec![program.to_str().unwrap().to_owned()],
        }
    }
}

/// A server of this machine. It ends when this is dropped, or with the test process.
pub struct LocalServer {
    /// Its port.
    pub port: u16,
    home: Home,
    folder: TempDir,
    process: Leased,
}

impl LocalServer {
    fn start(home: Home, directives: &[&str], dump: Option<&Path>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("replctl-server-")
            .tempdir()
            .unwrap();
        let port = ports::free();
        let text = format!(
            "port {port}\nbind {}\ndir {}\nsave \"\"\nrepl-diskless-sync-delay 0\n",
            home.ip,
            folder.path().display()
        );
        std::fs::write(
            folder.path().join("redis.conf"),
            text + &directives.join("\n") + "\n",
        )
        .unwrap();
        if let Some(dump) = dump {
            std::fs::copy(dump, folder.path().join("dump.rdb")).unwrap();
        }
        let process = launch(&home.command, folder.path());
        let this = Self {
            port,
            home,
            folder,
            process,
        };
        this.await_answer();
        this
    }

    fn await_answer(&self) {
        await_that("the server to answer", Duration::from_secs(10), || {
            if !self.is_alive() {
                let log = self.log();
                let lines: Vec<&str> = log.lines().rev().take(5).collect();
                panic!("the server ended; its last lines, newest first: {lines:?}");
            }
            self.connect(Duration::from_secs(1))
                .and_then(|mut c| c.try_command(&["PING"]))
                .is_ok()
        });
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((self.home.ip, self.port))
    }

    /// Its address without the port.
    pub fn ip(&self) -> IpAddr {
        self.home.ip
    }

    /// A connection, with that time-out.
    pub fn connect(&self, within: Duration) -> std::io::Result<RawRedis> {
        RawRedis::connect(&self.home.net, self.address(), None, within)
    }

    /// A connection.
    #[track_caller]
    pub fn client(&self) -> RawRedis {
        self.connect(Duration::from_secs(5))
            .unwrap_or_else(|e| panic!("{}: {e}", self.address()))
    }

    /// Makes it a replica of another one and waits until the link is up.
    pub fn follow(&self, primary: &Self) {
        let mut client = self.client();
        assert_eq!(
            client
                .command(&[
                    "REPLICAOF",
                    &primary.home.ip.to_string(),
                    &primary.port.to_string()
                ])
                .text(),
            "OK"
        );
        await_that("the link to come up", Duration::from_secs(20), || {
            client
                .info("replication")
                .get("master_link_status")
                .is_some_and(|s| s == "up")
        });
    }

    /// Its process.
    pub fn pid(&self) -> i32 {
        self.process.pid
    }

    /// Whether it runs.
    pub fn is_alive(&self) -> bool {
        self.process.is_alive()
    }

    /// Fills its disk: from now on nothing more can be written to a file. Or makes room again.
    pub fn disk_full(&self, full: bool) {
        let limit = if full {
            "--fsize=0:"
        } else {
            "--fsize=unlimited:"
        };
        let mut command = Command::new("prlimit");
        command.args(["--pid", &self.pid().to_string(), limit]);
        run(&mut command, Duration::from_secs(5)).ok();
    }

    /// `kill -9`.
    pub fn kill9(&self) {
        signal(self.process.pid, libc::SIGKILL);
    }

    /// Freezes it: it accepts connections and then says nothing.
    pub fn pause(&self) {
        signal(self.process.pid, libc::SIGSTOP);
    }

    /// Undoes [`LocalServer::pause`].
    pub fn resume(&self) {
        signal(self.process.pid, libc::SIGCONT);
    }

    /// Starts it again after its end, from the configuration file as it is now.
    pub fn restart(&mut self) {
        self.kill9();
        await_that("the server to end", Duration::from_secs(5), || {
            self.process.is_gone()
        });
        self.process = launch(&self.home.command, self.folder.path());
        self.await_answer();
    }

    /// Its configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("redis.conf")
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

fn launch(command: &[String], folder: &Path) -> Leased {
    let config = folder.join("redis.conf");
    let mut words: Vec<&str> = command[1..].iter().map(String::as_str).collect();
    words.push(config.to_str().unwrap());
    Leased::start(command[0].as_ref(), &words, &folder.join("log"))
}

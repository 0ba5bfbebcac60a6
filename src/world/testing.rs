//! Real servers for tests: each in its own temporary folder, on a free port of 127.0.0.1, ended by
//! its own process id.
//!
//! The program is `$REPLCTL_TEST_SERVER`, else `/usr/bin/redis-server`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::bounded::Stream;
use super::observe::Reach;
use crate::inventory::NodeSpec;
use crate::topology::Trouble;
use redis::Value;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long a server may take to listen, and a condition to come true.
const DEADLINE: Duration = Duration::from_secs(10);

/// One server process. It ends with this value.
pub struct TestServer {
    /// It listens there on 127.0.0.1.
    pub port: u16,
    /// Its process id.
    pub pid: u32,
    password: Option<String>,
    child: Child,
    _folder: TempDir,
}

impl TestServer {
    /// Starts a server with these lines added to its configuration file, and waits until it
    /// listens.
    pub fn start(lines: &[&str]) -> Self {
        for _ in 0..5 {
            if let Some(server) = Self::try_start(free_port(), lines) {
                return server;
            }
        }
        panic!("no server came up: is {} there?", program().display());
    }

    /// Starts a primary and `replicas` replicas of it, and waits until their links are up.
    pub fn start_deployment(replicas: usize, lines: &[&str]) -> Vec<Self> {
        // Disk-based, so that the first link is up at once.
        let mut all = vec![Self::start(&[lines, &["repl-diskless-sync no"]].concat())];
        let follow = format!("replicaof 127.0.0.1 {}", all[0].port);
        for _ in 0..replicas {
            all.push(Self::start(
                &[lines, &["repl-diskless-sync no", &follow]].concat(),
            ));
        }
        for replica in &all[1..] {
            replica.await_info("master_link_status:up");
        }
        all
    }

    fn try_start(port: u16, lines: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut text = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsave \"\"\nlogfile log\n",
            folder.path().display()
        );
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        let file = folder.path().join("server.conf");
        std::fs::write(&file, text).unwrap();
        let child = Command::new(program())
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("start the server");
        let password = lines
            .iter()
            .find_map(|line| line.strip_prefix("requirepass "))
            .map(str::to_owned);
        let mut server = Self {
            port,
            pid: child.id(),
            password,
            child,
            _folder: folder,
        };
        let until = Instant::now() + DEADLINE;
        while Instant::now() < until {
            if server.child.try_wait().unwrap().is_some() {
                return None; // the port was taken in between, or a line is wrong: the caller tries another port
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Some(server);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    /// One command, blocking, with the server's answer.
    pub fn command(&self, words: &[&str]) -> redis::RedisResult<Value> {
        let login = self
            .password
            .as_ref()
            .map(|p| format!(":{p}@"))
            .unwrap_or_default();
        let client = redis::Client::open(format!("redis://{login}127.0.0.1:{}/", self.port))?;
        let mut connection = client.get_connection_with_timeout(Duration::from_secs(2))?;
        connection.set_read_timeout(Some(Duration::from_secs(5)))?;
        let (name, arguments) = words.split_first().unwrap();
        redis::cmd(name).arg(arguments).query(&mut connection)
    }

    /// The text of `INFO`.
    pub fn info(&self) -> String {
        redis::from_redis_value(self.command(&["INFO"]).unwrap()).unwrap()
    }

    /// Waits until INFO has that line.
    pub fn await_info(&self, line: &str) {
        self.await_that(line, |info| info.lines().any(|l| l == line));
    }

    /// Waits until `so` holds of INFO.
    pub fn await_that(&self, what: &str, so: impl Fn(&str) -> bool) {
        let until = Instant::now() + DEADLINE;
        loop {
            let info = self.info();
            if so(&info) {
                return;
            }
            assert!(Instant::now() < until, "{what} did not come true:\n{info}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Freezes the process: it accepts connections and says nothing.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Ends a freeze.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        assert!(
            Command::new("kill")
                .args([signal, &self.pid.to_string()])
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A port before a server's own. It closes its first connections, so many, as soon as `word` is
/// sent over them, as a Sentinel closes those of all clients of a server whose role it changes.
pub async fn closing(port: u16, word: &'static str, mut times: usize) -> u16 {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listener = listener.await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let closes = times > 0;
            times = times.saturating_sub(1);
            tokio::spawn(async move {
                let server = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port));
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.await.unwrap().into_split();
                let back = tokio::spawn(async move {
                    let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
                });
                let mut bytes = vec![0; 65_536];
                while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
                    let sent = String::from_utf8_lossy(&bytes[..count]).contains(word);
                    if (closes && sent) || to_server.write_all(&bytes[..count]).await.is_err() {
                        break;
                    }
                }
                back.abort();
            });
        }
    });
    own
}

fn program() -> PathBuf {
    std::env::var_os("REPLCTL_TEST_SERVER")
        .map_or_else(|| PathBuf::from("/usr/bin/redis-server"), PathBuf::from)
}

/// TCP from this machine.
#[derive(Debug, Clone, Copy)]
pub struct Direct;

impl Reach for Direct {
    async fn open(&self, node: &NodeSpec) -> Result<Box<dyn Stream>, Trouble> {
        Ok(Box::new(super::resp::tcp(&node.address).await?))
    }
}

//! Real Sentinels on 127.0.0.1 that watch the servers of a test.

use super::process::Leased;
use super::redis::{RawRedis, Reply};
use super::server::Family;
use super::wire::{Wire, naming};
use super::{Net, await_that, ports};
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// What they call the deployment.
pub const NAME: &str = "m";

/// Where a Sentinel runs, and how it is started.
struct Place {
    ip: Ipv4Addr,
    net: Net,
    command: Vec<String>,
}

impl Place {
    fn here(family: &Family) -> Self {
        Self {
            ip: Ipv4Addr::LOCALHOST,
            net: Net::Machine,
            command: vec![family.server.to_str().unwrap().to_owned()],
        }
    }
}

/// One Sentinel. It ends when this is dropped, or with the test process.
pub struct LocalSentinel {
    /// Its port.
    pub port: u16,
    /// Where it listens.
    pub ip: Ipv4Addr,
    net: Net,
    process: Leased,
    password: Option<&'static str>,
    _folder: TempDir,
}

impl LocalSentinel {
    /// Starts one that watches the primary on that port.
    pub fn start(
        family: &Family,
        primary: u16,
        down_after_ms: u32,
        password: Option<&'static str>,
    ) -> Self {
        Self::start_with(family, primary, down_after_ms, password, &[])
    }

    /// The same with further lines in its file.
    pub fn start_with(
        family: &Family,
        primary: u16,
        down_after_ms: u32,
        password: Option<&'static str>,
        lines: &[String],
    ) -> Self {
        let mut text = lines.join("\n");
        text.push('\n');
        let primary = format!("127.0.0.1 {primary}");
        Self::begin(
            Place::here(family),
            (&primary, down_after_ms),
            &text,
            password,
        )
    }

    /// Starts one at an address of its own in that network, where `names` is its `/etc/hosts`, with
    /// further lines before the deployment is named.
    pub fn start_on(
        family: &Family,
        (wire, names): (&Wire, &Path),
        (primary, down_after_ms): (&str, u32),
        lines: &str,
        password: Option<&'static str>,
    ) -> Self {
        let mut command: Vec<String> = wire.prefix().to_vec();
        command.extend(naming(names));
        command.push(family.server.to_str().unwrap().to_owned());
        let place = Place {
            ip: wire.address(),
            net: wire.net(),
            command,
        };
        // 7.0 takes no other address than 127.0.0.1 for this machine; before it connects from the
        // address it is bound to.
        let mut lines = format!("protected-mode no\n{lines}");
        if !family.name.starts_with("redis-6") {
            lines = format!("bind-source-addr {}\n{lines}", place.ip);
        }
        Self::begin(place, (primary, down_after_ms), &lines, password)
    }

    fn begin(
        place: Place,
        (primary, down_after_ms): (&str, u32),
        lines: &str,
        password: Option<&'static str>,
    ) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("replctl-sentinel-")
            .tempdir()
            .unwrap();
        let port = ports::free();
        let ip = place.ip;
        let secret = password.map_or_else(String::new, |p| format!("requirepass {p}\n"));
        let text = format!(
            "port {port}\nbind {ip}\ndir {}\n{secret}{lines}sentinel monitor {NAME} {primary} 2\nsentinel down-after-milliseconds {NAME} {down_after_ms}\nsentinel failover-timeout {NAME} 20000\n",
            folder.path().display()
        );
        let file = folder.path().join("sentinel.conf");
        std::fs::write(&file, text).unwrap();
        let mut words: Vec<&str> = place.command[1..].iter().map(String::as_str).collect();
        words.extend([file.to_str().unwrap(), "--sentinel"]);
        let log = folder.path().join("log");
        let process = Leased::start(place.command[0].as_ref(), &words, &log);
        let this = Self {
            port,
            ip,
            net: place.net,
            process,
            password,
            _folder: folder,
        };
        await_that("the Sentinel to answer", Duration::from_secs(10), || {
            this.connect().is_some()
        });
        this
    }

    fn connect(&self) -> Option<RawRedis> {
        let address = std::net::SocketAddr::from((self.ip, self.port));
        RawRedis::connect(&self.net, address, self.password, Duration::from_secs(8)).ok()
    }

    /// A command to it.
    #[track_caller]
    pub fn ask(&self, words: &[&str]) -> Reply {
        self.connect().expect("the Sentinel answers").command(words)
    }

    /// One field of `SENTINEL MASTER`.
    #[track_caller]
    pub fn field(&self, name: &str) -> String {
        let Reply::Array(Some(all)) = self.ask(&["SENTINEL", "MASTER", NAME]) else {
            return String::new();
        };
        let texts: Vec<String> = all.iter().map(Reply::text).collect();
        let found = texts.chunks(2).find(|pair| pair[0] == name);
        found.map_or_else(String::new, |pair| pair[1].clone())
    }

    /// Freezes it: it accepts connections and says nothing.
    pub fn pause(&self) {
        super::process::signal(self.process.pid, libc::SIGSTOP);
    }

    /// Undoes [`LocalSentinel::pause`].
    pub fn resume(&self) {
        super::process::signal(self.process.pid, libc::SIGCONT);
    }

    /// Ends it at once.
    pub fn kill9(&self) {
        super::process::signal(self.process.pid, libc::SIGKILL);
    }
}

/// Three of them, which know each other and two replicas.
pub fn three(
    family: &Family,
    primary: u16,
    down_after_ms: u32,
    password: Option<&'static str>,
) -> Vec<LocalSentinel> {
    let all: Vec<LocalSentinel> = (0..3)
        .map(|_| LocalSentinel::start(family, primary, down_after_ms, password))
        .collect();
    await_together(&all);
    all
}

/// Waits until all know each other and two replicas.
pub fn await_together(all: &[LocalSentinel]) {
    await_that(
        "the Sentinels to know each other",
        Duration::from_secs(30),
        || {
            all.iter().all(|s| {
                s.field("num-other-sentinels") == "2"
                    && s.field("num-slaves") == "2"
                    && s.field("flags") == "master"
            })
        },
    );
}

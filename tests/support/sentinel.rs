//! Real Sentinels on 127.0.0.1 that watch the servers of a test.

use super::process::Leased;
use super::redis::{RawRedis, Reply};
use super::server::Family;
use super::{await_that, ports};
use std::time::Duration;
use tempfile::TempDir;

/// What they call the deployment.
pub const NAME: &str = "m";

/// One Sentinel. It ends when this is dropped, or with the test process.
pub struct LocalSentinel {
    /// Its port on 127.0.0.1.
    pub port: u16,
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
        let folder = tempfile::Builder::new()
            .prefix("replctl-sentinel-")
            .tempdir()
            .unwrap();
        let port = ports::free();
        let secret = password.map_or_else(String::new, |p| format!("requirepass {p}\n"));
        let lines = lines.join("\n");
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\n{lines}\n{secret}sentinel monitor {NAME} 127.0.0.1 {primary} 2\nsentinel down-after-milliseconds {NAME} {down_after_ms}\nsentinel failover-timeout {NAME} 20000\n",
            folder.path().display()
        );
        let file = folder.path().join("sentinel.conf");
        std::fs::write(&file, text).unwrap();
        let process = Leased::start(
            &family.server,
            &[file.to_str().unwrap(), "--sentinel"],
            &folder.path().join("log"),
        );
        let this = Self {
            port,
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
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], self.port));
        let net = super::Net::Machine;
        RawRedis::connect(&net, address, self.password, Duration::from_secs(2)).ok()
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
    await_each_other(&all);
    all
}

/// Waits until they know each other and two replicas.
pub fn await_each_other(all: &[LocalSentinel]) {
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

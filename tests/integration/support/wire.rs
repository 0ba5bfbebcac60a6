//! A separate network on loopback, in which the traffic between any two addresses can be cut or
//! disturbed.

use super::net::Net;
use super::process::{Leased, Ran, run};
use super::{await_that, not_run, user_id};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// The address of programs without their own one: the operator's and the clients'.
pub const OPERATOR: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// The drop rules, at the receiver: a sender learns nothing, as on a real network.
const RULES: &str = "
add table inet wire
add set inet wire cut { type ipv4_addr . ipv4_addr; }
add set inet wire lossy { type ipv4_addr . ipv4_addr; }
add chain inet wire in { type filter hook input priority 0; }
add rule inet wire in ip saddr . ip daddr @cut drop
add rule inet wire in ip saddr . ip daddr @lossy numgen random mod 100 < 30 drop";

/// A network namespace that goes with this, or with the test process.
pub struct Wire {
    holder: Leased,
    next: AtomicU16,
    _folder: TempDir,
}

/// The words before a command that make `names` its `/etc/hosts`, for this command only.
pub fn naming(names: &Path) -> [String; 6] {
    let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
    let file = names.to_str().unwrap();
    ["unshare", "--mount", "sh", "-c", script, file].map(str::to_owned)
}

impl Wire {
    /// Makes one; nothing where this user may not.
    pub fn new() -> Option<Self> {
        if user_id() != 0 {
            not_run("networks that are cut need root");
            return None;
        }
        let folder = TempDir::new().unwrap();
        let holder = Leased::start(
            "unshare".as_ref(),
            &["--net", "sleep", "infinity"],
            &folder.path().join("log"),
        );
        let this = Self {
            holder,
            next: AtomicU16::new(0),
            _folder: folder,
        };
        await_that("a network of its own", Duration::from_secs(5), || {
            let of = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net"));
            let (here, there) = (of("self"), of(&this.holder.pid.to_string()));
            there.is_ok_and(|there| here.unwrap() != there)
        });
        this.inside(&["ip", "link", "set", "lo", "up"]).ok();
        for rule in RULES.lines().filter(|l| !l.is_empty()) {
            this.inside(&["nft", rule]).ok();
        }
        Some(this)
    }

    /// The network, to connect in.
    pub fn net(&self) -> Net {
        Net::Namespace(self.file())
    }

    fn file(&self) -> PathBuf {
        format!("/proc/{}/ns/net", self.holder.pid).into()
    }

    /// The words before a command that make it run in this network.
    pub fn prefix(&self) -> [String; 2] {
        [
            "nsenter".to_owned(),
            format!("--net={}", self.file().display()),
        ]
    }

    /// Runs a command in it.
    pub fn inside(&self, words: &[&str]) -> Ran {
        let [program, net] = self.prefix();
        run(
            Command::new(program).arg(net).args(words),
            Duration::from_secs(10),
        )
    }

    /// A new address of this network.
    pub fn address(&self) -> Ipv4Addr {
        let [high, low] = self.next.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        Ipv4Addr::new(127, 77, high, low)
    }

    /// Silently drops everything between the two.
    pub fn cut(&self, one: Ipv4Addr, other: Ipv4Addr) {
        self.pair("add", "cut", one, other);
    }

    /// Undoes [`Wire::cut`].
    pub fn heal(&self, one: Ipv4Addr, other: Ipv4Addr) {
        self.pair("delete", "cut", one, other);
    }

    /// Drops three of ten packets between the two, which makes the link slow.
    pub fn hurt(&self, one: Ipv4Addr, other: Ipv4Addr) {
        self.pair("add", "lossy", one, other);
    }

    /// Undoes [`Wire::hurt`].
    pub fn soothe(&self, one: Ipv4Addr, other: Ipv4Addr) {
        self.pair("delete", "lossy", one, other);
    }

    fn pair(&self, verb: &str, set: &str, one: Ipv4Addr, other: Ipv4Addr) {
        let rule = format!("{verb} element inet wire {set} {{ {one} . {other}, {other} . {one} }}");
        self.inside(&["nft", &rule]).ok();
    }
}

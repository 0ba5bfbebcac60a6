//! What Sentinels report about a deployment: their primary, its replicas, and the other Sentinels.
//! Pure.
//!
//! All this comes from servers that may be anything. It is parsed strictly, and invalid parts are
//! dropped.

mod watch;

pub use watch::{View, ViewState, Watch};

use super::{Address, Node, Topology};
use serde::{Deserialize, Serialize};

/// The longest hello message of a Sentinel, bytes: a host name has at most 253, and a sensible name
/// too.
const LONGEST_HELLO: usize = 1024;

/// Why a Sentinel is not asked.
pub const NOT_ASKED: &str = "not asked: the inventory names no Sentinel at this address and port, and asking would give it the Sentinels' password";

/// How many Sentinels watch the deployment, as its own servers count them; `None` where none does
/// (or none of the servers can say).
///
/// An operation that changes roles while they watch must go through them. They undo any other
/// change within a minute.
pub fn watched(topology: &Topology) -> Option<u64> {
    let counts = topology
        .nodes
        .iter()
        .filter_map(|n| n.server()?.sentinels.filter(|count| *count > 0));
    counts.max()
}

/// One message of a Sentinel to the others:
/// `ip,port,runid,epoch,name,primary ip,primary port,config epoch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Where it listens.
    pub address: Address,
    /// Its own id, 40 hexadecimal digits.
    pub run_id: String,
    /// What it calls the deployment.
    pub name: String,
    /// Its primary.
    pub primary: Address,
    /// The number of the last failover it knows of.
    pub config_epoch: u64,
}

impl Hello {
    /// Reads a message; `None` where it is none.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(message)
            .ok()
            .filter(|t| t.len() <= LONGEST_HELLO)?;
        let fields: Vec<&str> = text.split(',').collect();
        let [
            ip,
            port,
            run_id,
            epoch,
            name,
            primary_ip,
            primary_port,
            config_epoch,
        ] = fields[..]
        else {
            return None;
        };
        epoch.parse::<u64>().ok()?;
        Some(Self {
            address: address(ip, port)?,
            run_id: run_id_of(run_id)?,
            name: name_of(name)?,
            primary: address(primary_ip, primary_port)?,
            config_epoch: config_epoch.parse().ok()?,
        })
    }
}

/// An address from its two texts: an IP address or a host name, and a port that is not 0.
pub fn address(host: &str, port: &str) -> Option<Address> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'%');
    let fits = !host.is_empty() && host.len() <= 253 && host.bytes().all(plain);
    let port: u16 = port.parse().ok().filter(|p| *p > 0)?;
    (fits && !host.starts_with('-')).then(|| Address::new(host, port))
}

/// Forty hexadecimal digits.
pub fn run_id_of(text: &str) -> Option<String> {
    (text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit())).then(|| text.to_owned())
}

/// A name as `sentinel monitor` takes it: no blank, nothing invisible.
pub fn name_of(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.len() <= 255 && text.chars().all(|c| c.is_ascii_graphic());
    fits.then(|| text.to_owned())
}

/// What one Sentinel says of the deployment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sees {
    /// Its own id, where it tells.
    pub run_id: Option<String>,
    /// Where it tells clients to write.
    pub primary: Option<Address>,
    /// The id of the primary's process, once it has heard from it.
    #[serde(default)]
    pub primary_run_id: Option<String>,
    /// What it says of the primary: `master`, and `s_down`, `o_down`, `failover_in_progress` and
    /// the like.
    pub flags: Vec<String>,
    /// The number of the failover that gave it this primary.
    pub epoch: u64,
    /// How many must agree that the primary is down.
    pub quorum: u64,
    /// How many other Sentinels it knows.
    pub others: u64,
    /// After how many milliseconds without an answer it takes a server for down.
    pub down_after_ms: u64,
    /// How long a failover may take, ms.
    pub failover_timeout_ms: u64,
    /// How many replicas are repointed at once.
    pub parallel_syncs: u64,
    /// The replicas it knows, also removed ones.
    pub replicas: Vec<KnownReplica>,
    /// The other Sentinels it knows, also removed ones.
    pub peers: Vec<Peer>,
    /// Its answer to `SENTINEL CKQUORUM`: nothing where a failover can be agreed on and authorized,
    /// else its own words.
    pub no_quorum: Option<String>,
    /// It is in TILT mode: it was frozen, or its clock jumped. It does nothing for 30 s, and a
    /// requested failover waits.
    #[serde(default)]
    pub tilt: bool,
    /// How often it reads `INFO` of the nodes, ms (`SENTINEL DEBUG`); `None`: it does not say.
    #[serde(default)]
    pub info_period_ms: Option<u64>,
    /// Why it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_debug: Option<NoDebug>,
    /// How many deployments its process watches, this one among them.
    #[serde(default)]
    pub watches: Option<u64>,
    /// The `INFO` period that a promotion on this machine noted and did not restore, ms.
    #[serde(skip)]
    pub noted_period_ms: Option<u64>,
}

/// Why a Sentinel does not tell its time limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoDebug {
    /// It does not know `SENTINEL DEBUG`: it is older than 7.0.
    NoCommand,
    /// The user may not run it: its name, where the Sentinel says it.
    Forbidden(Option<String>),
}

/// How often Sentinels read `INFO` of the nodes while a promotion waits for them, ms. Measured:
/// they see a new priority after 0.1 to 0.5 s. With 100, a replica that stalls for 450 ms could not
/// be chosen (`NOGOODSLAVE`: `INFO` must be younger than three periods).
pub const FAST_INFO_MS: u64 = 500;
/// How often they do by default, ms.
pub const DEFAULT_INFO_MS: u64 = 10_000;

/// A replica as a Sentinel knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownReplica {
    /// Its address.
    pub address: Address,
    /// `slave`, and `s_down`, `disconnected` and the like.
    pub flags: Vec<String>,
    /// Its priority; 0 is never promoted, otherwise the lowest is.
    pub priority: u32,
}

/// Another Sentinel as a Sentinel knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its address.
    pub address: Address,
    /// `sentinel`, and `s_down`, `disconnected` and the like.
    pub flags: Vec<String>,
}

/// A Sentinel of the inventory that answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Member {
    /// The deployments it watches, by the names they have there.
    pub watches: Vec<String>,
    /// What it says of this one, if it watches it.
    pub sees: Option<Sees>,
}

fn gone(flags: &[String]) -> bool {
    flags
        .iter()
        .any(|f| matches!(f.as_str(), "s_down" | "o_down" | "disconnected"))
}

impl KnownReplica {
    /// Whether the Sentinel hears nothing from it.
    pub fn is_gone(&self) -> bool {
        gone(&self.flags)
    }
}

impl Peer {
    /// Whether the Sentinel hears nothing from it.
    pub fn is_gone(&self) -> bool {
        gone(&self.flags)
    }
}

impl Sees {
    /// Whether it reports this flag.
    pub fn says(&self, flag: &str) -> bool {
        self.flags.iter().any(|f| f == flag)
    }

    /// Whether it sees the primary as healthy, with no failover under way.
    pub fn is_quiet(&self) -> bool {
        self.flags == ["master"]
    }

    /// Whether it could take part in a failover now.
    pub fn is_able(&self) -> bool {
        !self.tilt && self.no_quorum.is_none()
    }

    /// Its other flags of the primary.
    pub fn worries(&self) -> String {
        let other: Vec<&str> = self
            .flags
            .iter()
            .map(String::as_str)
            .filter(|f| *f != "master")
            .collect();
        other.join(", ")
    }

    /// Whether it hears from the primary. With `run_id`: whether that is this process, which takes
    /// some seconds after a failover.
    pub fn hears(&self, run_id: Option<&str>) -> bool {
        self.is_quiet() && (run_id.is_none() || self.primary_run_id.as_deref() == run_id)
    }

    /// What it still lacks: the primary, this number of its replicas or of other Sentinels, or a
    /// failover that could be agreed on. `None`: nothing.
    pub fn not_together(&self, run_id: Option<&str>, replicas: u64, others: u64) -> Option<String> {
        let near = |flags: &[String]| !gone(flags);
        let known = self.replicas.iter().filter(|r| near(&r.flags)).count() as u64;
        let peers = self.peers.iter().filter(|p| near(&p.flags)).count() as u64;
        if !self.hears(run_id) {
            return Some(self.why_deaf());
        }
        if known < replicas {
            return Some(format!("it hears from {known} of {replicas} replicas"));
        }
        if peers < others {
            return Some(format!("it hears from {peers} of {others} other Sentinels"));
        }
        self.unable()
    }

    /// Why it could take part in no failover now.
    fn unable(&self) -> Option<String> {
        let tilt = || "it is in TILT mode and does nothing".to_owned();
        self.no_quorum.clone().or_else(|| self.tilt.then(tilt))
    }

    /// What it still lacks after a reset: the primary, or one of these replicas or Sentinels. Or it
    /// still or again knows what is `gone`.
    pub fn not_relearned(
        &self,
        run_id: &str,
        (replicas, sentinels): (&[Address], &[Address]),
        gone: &[Address],
    ) -> Option<String> {
        let knows = |at: &Address, near: bool| {
            let replicas = self.replicas.iter().map(|r| (&r.address, r.is_gone()));
            let peers = self.peers.iter().map(|p| (&p.address, p.is_gone()));
            let mut all = replicas.chain(peers);
            all.any(|(known, away)| known == at && !(near && away))
        };
        if let Some(at) = gone.iter().find(|at| knows(at, false)) {
            return Some(format!("it knows {at}"));
        }
        if !self.hears(Some(run_id)) {
            return Some(self.why_deaf());
        }
        let missing = replicas.iter().chain(sentinels).find(|at| !knows(at, true));
        if let Some(at) = missing {
            return Some(format!("it does not hear from {at} yet"));
        }
        self.unable()
    }

    /// Why it does not hear from the primary, as far as replctl knows.
    pub fn why_deaf(&self) -> String {
        let primary = self.primary.as_ref();
        let at = primary.map_or_else(|| "nobody".to_owned(), ToString::to_string);
        match &self.primary_run_id {
            _ if self.says("failover_in_progress") => "it is failing over".to_owned(),
            None => format!(
                "it gets no answer to INFO from {at}: it cannot reach it, or its auth-pass is wrong"
            ),
            Some(_) if !self.is_quiet() => format!("it says of {at}: {}", self.worries()),
            Some(_) => format!("{at} is another server for it"),
        }
    }

    /// What it knows of a node as a replica.
    pub fn replica(&self, node: &Node) -> Option<&KnownReplica> {
        self.replicas.iter().find(|r| node.answers_to(&r.address))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]
    use super::*;

    const GOOD: &str = "192.168.0.130,26379,6c3d9ea2b9c1a1a1c31b0f0a7f0b8f6f8c5b1a00,3,mymaster,192.168.0.120,6379,2";

    #[test]
    fn a_hello_is_read() {
        let hello = Hello::parse(GOOD.as_bytes()).expect("it is one");
        assert_eq!(hello.address, Address::new("192.168.0.130", 26379));
        assert_eq!(hello.primary, Address::new("192.168.0.120", 6379));
        assert_eq!((hello.name.as_str(), hello.config_epoch), ("mymaster", 2));
        assert!(
            Hello::parse(GOOD.replace("192.168.0.120", "db1.example.org").as_bytes()).is_some()
        );
        assert!(Hello::parse(GOOD.replace("192.168.0.120", "2001:db8::7").as_bytes()).is_some());
    }

    #[test]
    fn what_is_no_hello_is_dropped() {
        let long = GOOD.replace("mymaster", &"m".repeat(2000));
        for wrong in [
            "",
            ",,,,,,,",
            &GOOD.replace(",2", ""),
            &format!("{GOOD},"),
            &GOOD.replace("26379", "0"),
            &GOOD.replace("26379", "99999"),
            &GOOD.replace("26379", "-1"),
            &GOOD.replace("6c3d9", "6c3d"),
            &GOOD.replace("6c3d9", "zzzzz"),
            &GOOD.replace("mymaster", "my master"),
            &GOOD.replace("mymaster", "my\u{1b}[31m"),
            &GOOD.replace("mymaster", ""),
            &GOOD.replace("192.168.0.120", "$(reboot)"),
            &GOOD.replace("192.168.0.120", "-oProxyCommand=x"),
            &GOOD.replace(",3,", ",three,"),
            &long,
        ] {
            assert_eq!(Hello::parse(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(Hello::parse(b"\xff\xfe,1,2,3,4,5,6,7"), None);
    }

    #[test]
    fn the_servers_count_who_watches() {
        let mut topology = crate::topology::sample::seed();
        assert_eq!(watched(&topology), None);
        if let super::super::State::Up(server) = &mut topology.nodes[1].state {
            server.sentinels = Some(3);
        }
        assert_eq!(watched(&topology), Some(3));
    }
}

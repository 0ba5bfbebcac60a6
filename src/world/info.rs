//! Reads the text of INFO into a [`Server`]. Pure, and made for hostile input: every field is
//! optional, no length is trusted, nothing panics.
//!
//! It must not decide what is healthy: that is the findings' work.

use crate::topology::{
    Address, Backlog, Disk, Link, Loading, Product, ReplicaLine, Replication, Role, Server,
    SyncProgress, Upstream, Version,
};
use std::collections::BTreeMap;
use std::fmt;

/// Longest text that is read, bytes. A server with thousands of replicas and databases stays far
/// below.
const MAX_TEXT: usize = 4 << 20;
/// Most replica lines that are kept.
const MAX_REPLICAS: usize = 4096;
/// Longest host name, state or id that is kept, characters (the longest legal DNS name has 253).
const MAX_WORD: usize = 255;
/// Longest file name that is kept, characters (Linux `PATH_MAX`).
const MAX_PATH: usize = 4096;
/// A link cannot be down for longer than this, seconds (about 31 years). 6.0 prints the Unix time
/// for "never was up".
const LONGEST_DOWN: u64 = 1_000_000_000;

/// Why a text is not the INFO of a data server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseTrouble {
    /// Longer than any real one.
    TooLong,
    /// It has no `role` field.
    NoRole,
    /// Its `role` is neither of the two.
    StrangeRole(String),
    /// It comes from a Sentinel.
    Sentinel,
}

impl fmt::Display for ParseTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "its INFO is longer than {MAX_TEXT} bytes"),
            Self::NoRole => f.write_str("its INFO names no role"),
            Self::StrangeRole(role) => write!(f, "its INFO names the unknown role `{role}`"),
            Self::Sentinel => f.write_str("a Sentinel answers there, not a data server"),
        }
    }
}

impl std::error::Error for ParseTrouble {}

/// Reads INFO (the default sections, everything, or replication alone).
///
/// A fact that the text does not have is `None`, empty, zero, or version 0.0.0. Facts from CONFIG
/// stay empty here.
///
/// # Errors
/// [`ParseTrouble`] where the text is not that of a data server.
pub fn parse(info_text: &str) -> Result<Server, ParseTrouble> {
    if info_text.len() > MAX_TEXT {
        return Err(ParseTrouble::TooLong);
    }
    let fields = Fields::read(info_text);
    if fields.is_sentinel() {
        return Err(ParseTrouble::Sentinel);
    }
    let (product, version) = fields.product();
    Ok(Server {
        product,
        version,
        run_id: fields.word("run_id").unwrap_or_default(),
        config_file: fields.text("config_file", MAX_PATH),
        process_id: fields.count("process_id").and_then(|n| n.try_into().ok()),
        uptime_seconds: fields.count("uptime_in_seconds"),
        cluster_enabled: fields.flag("cluster_enabled") == Some(true),
        loading: fields.loading(),
        disk: fields.disk(),
        used_memory: fields.count("used_memory"),
        maxmemory: fields.count("maxmemory"),
        keys: fields.keys(),
        expiring_fields: fields.expiring_fields(),
        sync_full: fields.count("sync_full"),
        sync_partial_ok: fields.count("sync_partial_ok"),
        replication: fields.replication()?,
        sentinels: None,
        claims: None,
        config: BTreeMap::new(),
        has_password: None,
        replica_auth: None,
        certificate: None,
    })
}

/// The `key:value` lines of one INFO text.
struct Fields<'a> {
    /// In the order of the text.
    lines: Vec<(&'a str, &'a str)>,
    /// The first value of each key.
    first: BTreeMap<&'a str, &'a str>,
}

impl<'a> Fields<'a> {
    fn read(text: &'a str) -> Self {
        let lines: Vec<(&str, &str)> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once(':'))
            .collect();
        let mut first = BTreeMap::new();
        for (key, value) in &lines {
            first.entry(*key).or_insert(*value);
        }
        Self { lines, first }
    }

    /// The value of a field, by its old name or by the one with the present words.
    fn get(&self, name: &str) -> Option<&'a str> {
        self.first.get(name).copied().or_else(|| {
            let new = name
                .replace("master", "primary")
                .replace("slave", "replica");
            self.first.get(new.as_str()).copied()
        })
    }

    /// A number of something; negative ones stand for "none" and are `None`.
    fn count(&self, name: &str) -> Option<u64> {
        self.get(name)?.trim().parse().ok()
    }

    fn flag(&self, name: &str) -> Option<bool> {
        Some(self.get(name)?.trim() != "0")
    }

    /// A text of at most `longest` characters; empty is `None`.
    fn text(&self, name: &str, longest: usize) -> Option<String> {
        let value = self.get(name)?.trim();
        (!value.is_empty()).then(|| value.chars().take(longest).collect())
    }

    fn word(&self, name: &str) -> Option<String> {
        self.text(name, MAX_WORD)
    }

    fn is_sentinel(&self) -> bool {
        self.get("redis_mode")
            .or_else(|| self.get("server_mode"))
            .map(str::trim)
            == Some("sentinel")
            || (self.get("sentinel_masters").is_some() && self.get("role").is_none())
    }

    /// Valkey says `redis_version:7.2.4` for the sake of old clients.
    fn product(&self) -> (Product, Version) {
        let valkey = self.get("valkey_version");
        let named = self
            .get("server_name")
            .is_some_and(|name| name.trim() == "valkey");
        let product = if valkey.is_some() || named {
            Product::Valkey
        } else {
            Product::Redis
        };
        (
            product,
            version(
                valkey
                    .or_else(|| self.get("redis_version"))
                    .unwrap_or_default(),
            ),
        )
    }

    fn disk(&self) -> Disk {
        let failed = |key: &str| self.get(key).is_some_and(|v| v.trim() == "err");
        Disk {
            append_failed: self.flag("aof_enabled") == Some(true)
                && failed("aof_last_write_status"),
            dump_failed: failed("rdb_last_bgsave_status"),
        }
    }

    fn loading(&self) -> Option<Loading> {
        (self.flag("loading") == Some(true)).then(|| Loading {
            percent: self.loading_percent(),
        })
    }

    /// A replica that loads a diskless transfer knows no total, and says 0 or nonsense.
    fn loading_percent(&self) -> Option<u8> {
        self.count("loading_total_bytes")
            .filter(|total| *total > 0)?;
        let whole = self.get("loading_loaded_perc")?.trim().split('.').next()?;
        whole.parse().ok().filter(|percent| *percent <= 100)
    }

    /// `db0:keys=2001,expires=0,avg_ttl=0`
    fn keys(&self) -> BTreeMap<u32, u64> {
        let one = |(key, value): &(&str, &str)| -> Option<(u32, u64)> {
            let number = numbered(key, "db")?;
            Some((number, part(value, "keys")?.parse().ok()?))
        };
        self.lines.iter().filter_map(one).collect()
    }

    /// `db0:keys=1,expires=0,avg_ttl=0,subexpiry=1` of Redis 7.4 and newer,
    /// `keys_with_volatile_items=1` of Valkey 9.
    fn expiring_fields(&self) -> Option<u64> {
        let one = |(key, value): &(&str, &str)| -> Option<u64> {
            numbered(key, "db")?;
            let count = part(value, "subexpiry");
            let count = count.or_else(|| part(value, "keys_with_volatile_items"));
            count?.parse().ok()
        };
        let all: Vec<u64> = self.lines.iter().filter_map(one).collect();
        let sum = all.iter().fold(0, |sum: u64, n| sum.saturating_add(*n));
        Some(sum).filter(|_| !all.is_empty())
    }

    fn replication(&self) -> Result<Replication, ParseTrouble> {
        let role = self.word("role").ok_or(ParseTrouble::NoRole)?;
        let role = match role.as_str() {
            "master" | "primary" => Role::Primary,
            "slave" | "replica" => Role::Replica(self.upstream()),
            _ => return Err(ParseTrouble::StrangeRole(role)),
        };
        Ok(Replication {
            role,
            offset: self.count("master_repl_offset").unwrap_or(0),
            replid: self.word("master_replid").unwrap_or_default(),
            replid2: self
                .word("master_replid2")
                .filter(|id| id.chars().any(|c| c != '0')),
            second_offset: self.count("second_repl_offset"),
            backlog: self.backlog(),
            replicas: self.replicas(),
            failover: self
                .word("master_failover_state")
                .filter(|state| state != "no-failover"),
            priority: self.count("slave_priority").and_then(|p| p.try_into().ok()),
        })
    }

    fn backlog(&self) -> Option<Backlog> {
        if self.flag("repl_backlog_active") != Some(true) {
            return None;
        }
        Some(Backlog {
            first: self.count("repl_backlog_first_byte_offset")?,
            held: self.count("repl_backlog_histlen")?,
            size: self.count("repl_backlog_size")?,
        })
    }

    fn upstream(&self) -> Upstream {
        // 6.x accepts port numbers that no socket has. Such an address belongs to no node.
        let port = self
            .count("master_port")
            .and_then(|port| port.try_into().ok())
            .unwrap_or(0);
        let host = self.word("master_host").unwrap_or_default();
        let up = self
            .get("master_link_status")
            .is_some_and(|status| status.trim() == "up");
        Upstream {
            address: Address::new(host, port),
            link: if up { Link::Up } else { Link::Down },
            offset: self.count("slave_repl_offset").unwrap_or(0),
            last_io_seconds: self.count("master_last_io_seconds_ago"),
            down_since_seconds: self
                .count("master_link_down_since_seconds")
                .filter(|seconds| !up && *seconds < LONGEST_DOWN),
            sync: self.sync(),
            read_only: self.flag("slave_read_only").unwrap_or(true),
        }
    }

    /// A total of 0 or -1 means that the primary has not sent the total (diskless transfer, or
    /// still waiting).
    fn sync(&self) -> Option<SyncProgress> {
        (self.flag("master_sync_in_progress") == Some(true)).then(|| SyncProgress {
            read: self.count("master_sync_read_bytes"),
            total: self
                .count("master_sync_total_bytes")
                .filter(|total| *total > 0),
            idle_seconds: self.count("master_sync_last_io_seconds_ago"),
        })
    }

    /// One entry per replica: while Valkey transfers over two channels, one replica has two lines.
    fn replicas(&self) -> Vec<ReplicaLine> {
        let mut found: Vec<(ReplicaLine, bool)> = Vec::new();
        let numbered_line = |key: &str| numbered(key, "slave").or_else(|| numbered(key, "replica"));
        for (key, value) in &self.lines {
            if found.len() == MAX_REPLICAS {
                break;
            }
            if numbered_line(key).is_some() {
                found.extend(replica_line(value));
            }
        }
        let main: std::collections::BTreeSet<Address> = found
            .iter()
            .filter(|(_, rdb)| !rdb)
            .map(|(line, _)| line.address.clone())
            .collect();
        found
            .into_iter()
            .filter(|(line, rdb)| !rdb || line.address.port == 0 || !main.contains(&line.address))
            .map(|(line, _)| line)
            .collect()
    }
}

/// `ip=…,port=…,state=…,offset=…,lag=…[,type=…]`, and whether it is the extra line of an RDB
/// channel. Host names and IPv6 have no commas.
fn replica_line(value: &str) -> Option<(ReplicaLine, bool)> {
    let cut = |text: &str| text.trim().chars().take(MAX_WORD).collect::<String>();
    let line = ReplicaLine {
        address: Address::new(cut(part(value, "ip")?), part(value, "port")?.parse().ok()?),
        state: part(value, "state").map(cut).unwrap_or_default(),
        offset: part(value, "offset").and_then(|offset| offset.parse().ok()),
        ack_age_seconds: part(value, "lag").and_then(|lag| lag.parse().ok()),
    };
    Some((line, part(value, "type") == Some("rdb-channel")))
}

/// The value of `name` in `name=value,name=value`.
fn part<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    list.split(',')
        .filter_map(|item| item.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.trim())
}

/// The number in `slave12`, `db0`.
fn numbered(key: &str, prefix: &str) -> Option<u32> {
    let digits = key.strip_prefix(prefix)?;
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

/// `7.0.15`, and what can be made of `8.0-rc1`.
fn version(text: &str) -> Version {
    let mut parts = text.trim().split('.').map(|part| {
        let end = part
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(part.len());
        part[..end].parse().unwrap_or(0)
    });
    let mut next = || parts.next().unwrap_or(0);
    Version {
        major: next(),
        minor: next(),
        patch: next(),
    }
}

#[cfg(test)]
mod lineage_of_samples;
#[cfg(test)]
mod tests;

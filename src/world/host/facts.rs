//! One look at a host: a script that prints, and the reading of what it printed. The host's answer is not trusted: whatever it says, reading it ends well.

use super::{Shell, script};
use crate::config::Paths;
use crate::config::directives::{parse, persisted_role};
use crate::config::server::Stamp;
use crate::inventory::{Inventory, NodeSpec};
use crate::plan::facts::{ConfigFile, HostFacts, Listener, Ownership, StoredData};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The script; see there for its output.
const SCRIPT: &str = include_str!("scripts/facts.sh");

/// Longer than any healthy host needs, hashing a few servers included.
const LIMIT: Duration = Duration::from_secs(20);

/// Looks at the host of `node`. The error is one sentence.
pub async fn facts(
    shell: &impl Shell,
    inventory: &Inventory,
    node: &NodeSpec,
) -> Result<HostFacts, String> {
    let paths = Paths::new(&inventory.server.directory, node.address.port);
    let dump = node
        .config
        .get("dbfilename")
        .and_then(|v| v.last())
        .cloned()
        .unwrap_or_else(|| paths.dump_name());
    let port = node.address.port.to_string();
    let args = [
        paths.root(),
        &port,
        &inventory.server.user,
        &paths.unit(),
        &dump,
    ];
    let output = script(shell, SCRIPT, &args, Vec::new(), LIMIT).await?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|d| i64::try_from(d.as_secs()).ok());
    read(&output, &paths, now)
}

/// What the script said, by key, in order.
struct Said(BTreeMap<String, Vec<String>>);

impl Said {
    fn of(output: &str) -> Self {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in output.lines() {
            if let Some((key, value)) = line.split_once('=')
                && let Some(text) = unhex(value)
            {
                all.entry(key.to_owned()).or_default().push(text);
            }
        }
        Self(all)
    }

    fn all(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    fn one(&self, key: &str) -> Option<&str> {
        self.all(key)
            .first()
            .map(|s| s.trim())
            .filter(|s| !s.is_empty())
    }

    fn text(&self, key: &str) -> Option<String> {
        self.all(key).first().cloned()
    }

    fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.one(key)?.parse().ok()
    }
}

/// Bytes become text with U+0041 … as they are; what is no UTF-8 is replaced.
fn unhex(hex: &str) -> Option<String> {
    Some(String::from_utf8_lossy(&unhex_bytes(hex)?).into_owned())
}

fn unhex_bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hex
        .trim()
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    Some(
        digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |sum, digit| sum << 4 | digit))
            .collect(),
    )
}

/// Reads the script's output; `now` is the operator's clock, seconds since 1970.
fn read(output: &str, paths: &Paths, now: Option<i64>) -> Result<HostFacts, String> {
    let said = Said::of(output);
    if said.all("end").is_empty() {
        return Err("the look at the host was cut short".to_owned());
    }
    let uid: Option<u32> = said.number("uid");
    let root = uid == Some(0);
    Ok(HostFacts {
        arch: said.one("arch").unwrap_or_default().to_owned(),
        kernel: said.one("kernel").unwrap_or_default().to_owned(),
        host_name: said.one("host").unwrap_or_default().to_owned(),
        login: said.one("login").unwrap_or_default().to_owned(),
        root,
        systemd: said.one("systemd").is_some(),
        owner_uid: if root { said.number("user_uid") } else { uid },
        free_bytes: said
            .number::<u64>("free_kb")
            .map(|kb| kb.saturating_mul(1024)),
        memory_bytes: said
            .number::<u64>("memory_kb")
            .map(|kb| kb.saturating_mul(1024)),
        clock_ahead_seconds: said
            .number::<i64>("epoch")
            .zip(now)
            .map(|(there, here)| there.saturating_sub(here)),
        overcommit: said.number("overcommit"),
        huge_pages: said.one("thp").is_some_and(|t| t.contains("[always]")),
        listener: listener(&said, paths),
        writable: said.one("writable") == Some("1"),
        servers: said
            .all("server")
            .iter()
            .filter_map(|s| s.trim().split_once(' '))
            .map(|(name, sha)| (name.to_owned(), sha.to_owned()))
            .collect(),
        current: said.one("current").map(str::to_owned),
        package: said.one("package").map(str::to_owned),
        package_manager: said.one("manager").map(str::to_owned),
        config: config(&said),
        directories: said
            .all("directory")
            .iter()
            .filter_map(|s| directory(s))
            .collect(),
        data: stored(output, &said),
        unit: said.text("unit"),
        unit_enabled: said.one("enabled") == Some("enabled"),
        hosts: said.text("hosts").unwrap_or_default(),
        rc_local: said.text("rc_local"),
        missing: said.all("missing").to_vec(),
    })
}

fn listener(said: &Said, paths: &Paths) -> Listener {
    if said.one("listening").is_none() {
        return Listener::Nobody;
    }
    let here = paths.data();
    if said
        .one("cwd")
        .is_some_and(|cwd| cwd == here || said.one("data_real") == Some(cwd))
    {
        return Listener::Ours;
    }
    let who = match (said.one("pid"), said.one("command").or(said.one("exe"))) {
        (Some(pid), Some(command)) => format!("`{command}` (pid {pid})"),
        (Some(pid), None) => format!("the process {pid}"),
        (None, _) => "a process of another user".to_owned(),
    };
    Listener::Foreign(who)
}

fn config(said: &Said) -> Option<ConfigFile> {
    let ownership = said.one("config_owner").and_then(ownership)?;
    let text = said.text("config").unwrap_or_default();
    let directives = parse(&text);
    let role = if said.all("config").is_empty() {
        crate::topology::PersistedRole::Unknown("replctl may not read it".to_owned())
    } else {
        persisted_role(&directives)
    };
    Some(ConfigFile {
        stamp: Stamp::of(&text),
        role,
        directives,
        ownership,
    })
}

/// `drwxr-x--- 998` as `ls -ldn` shows mode and owner.
fn ownership(text: &str) -> Option<Ownership> {
    let mut words = text.split_whitespace();
    let letters = words.next()?;
    let mode = letters.chars().skip(1).take(9).fold(0, |mode, c| {
        mode << 1 | u32::from(!matches!(c, '-' | 'S' | 'T'))
    });
    Some(Ownership {
        mode,
        uid: words.next()?.parse().ok()?,
    })
}

fn directory(text: &str) -> Option<(String, Ownership)> {
    let mut parts = text.splitn(3, ' ');
    let ownership = ownership(&format!("{} {}", parts.next()?, parts.next()?))?;
    Some((parts.next()?.to_owned(), ownership))
}

fn stored(output: &str, said: &Said) -> StoredData {
    if said.one("log_of_writes").is_some() {
        return StoredData::Keys;
    }
    let dump = output
        .lines()
        .find_map(|l| unhex_bytes(l.strip_prefix("dump=")?));
    match dump {
        None => StoredData::Nothing,
        Some(bytes) if snapshot_is_empty(&bytes) => StoredData::Empty,
        Some(_) => StoredData::Keys,
    }
}

/// Whether a snapshot holds no key: a header, notes (opcode 0xFA, two strings each), and at once the end (0xFF). Anything not understood is not empty.
fn snapshot_is_empty(bytes: &[u8]) -> bool {
    if bytes.is_empty() {
        return true;
    }
    let Some(mut rest) = bytes
        .strip_prefix(b"REDIS")
        .or_else(|| bytes.strip_prefix(b"VALKEY"))
        .and_then(version_skipped)
    else {
        return false;
    };
    loop {
        match rest.split_first() {
            Some((0xff, _)) => return true,
            Some((0xfa, tail)) => match string_skipped(tail).and_then(string_skipped) {
                Some(next) => rest = next,
                None => return false,
            },
            Some(_) | None => return false,
        }
    }
}

/// `REDIS0011` has four digits, `VALKEY080` three.
fn version_skipped(bytes: &[u8]) -> Option<&[u8]> {
    let digits = bytes
        .iter()
        .take(4)
        .take_while(|b| b.is_ascii_digit())
        .count();
    (digits >= 3).then(|| &bytes[digits..])
}

fn string_skipped(bytes: &[u8]) -> Option<&[u8]> {
    let (first, rest) = bytes.split_first()?;
    let low = usize::from(first & 0x3f);
    match (first >> 6, low) {
        (0, _) => rest.get(low..),
        (1, _) => {
            let (second, rest) = rest.split_first()?;
            rest.get(low << 8 | usize::from(*second)..)
        }
        (3, 0) => rest.get(1..),
        (3, 1) => rest.get(2..),
        (3, 2) => rest.get(4..),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::topology::{Address, PersistedRole};
    use proptest::prelude::*;
    use std::fmt::Write as _;

    fn say(pairs: &[(&str, &str)]) -> String {
        let mut out = String::new();
        for (key, value) in pairs {
            let hex = value.bytes().fold(String::new(), |mut hex, b| {
                write!(hex, "{b:02x}").unwrap();
                hex
            });
            writeln!(out, "{key}={hex}").unwrap();
        }
        out
    }

    fn paths() -> Paths {
        Paths::new("/db/redis", 6379)
    }

    #[test]
    fn a_look_is_read() {
        let stamp = format!("# replctl {} {}", "a".repeat(32), "b".repeat(32));
        let output = say(&[
            ("uid", "0"),
            ("user_uid", "998"),
            ("epoch", "1010"),
            ("free_kb", "2"),
            ("server", "7.0.15-abc 0123"),
            ("config_owner", "-rw-r--r-- 998"),
            (
                "config",
                &format!("{stamp}\nport 6379\nreplicaof 10.0.0.1 6379\n"),
            ),
            ("directory", "drwxr-x--- 998 /db/redis/6379"),
            ("listening", "1"),
            ("cwd", "/db/redis/6379"),
            ("thp", "[always] madvise never"),
            ("end", ""),
        ]);
        let facts = read(&output, &paths(), Some(1000)).unwrap();
        assert!(facts.root && facts.huge_pages);
        assert_eq!(
            (facts.owner_uid, facts.free_bytes, facts.clock_ahead_seconds),
            (Some(998), Some(2048), Some(10))
        );
        assert_eq!(facts.listener, Listener::Ours);
        assert_eq!(facts.servers["7.0.15-abc"], "0123");
        assert_eq!(
            facts.directories["/db/redis/6379"],
            Ownership {
                mode: 0o750,
                uid: 998
            }
        );
        let config = facts.config.unwrap();
        assert_eq!(
            config.role,
            PersistedRole::ReplicaOf(Address::new("10.0.0.1", 6379))
        );
        assert_eq!(
            (config.ownership.mode, config.stamp.unwrap().to_string()),
            (0o644, stamp)
        );
    }

    #[test]
    fn a_cut_answer_is_no_answer() {
        assert!(read(&say(&[("uid", "0")]), &paths(), None).is_err());
    }

    #[test]
    fn who_holds_the_port_is_told() {
        let facts = |extra: &[(&str, &str)]| {
            read(
                &say(&[&[("listening", "1"), ("end", "")], extra].concat()),
                &paths(),
                None,
            )
            .unwrap()
        };
        assert_eq!(
            facts(&[]).listener,
            Listener::Foreign("a process of another user".into())
        );
        let nginx = facts(&[("pid", "7"), ("cwd", "/"), ("command", "nginx -g x ")]);
        assert_eq!(
            nginx.listener,
            Listener::Foreign("`nginx -g x` (pid 7)".into())
        );
    }

    #[test]
    fn an_empty_snapshot_is_told_from_one_with_keys() {
        let head = b"REDIS0010\xfa\x09redis-ver\x067.0.15\xfa\x0aredis-bits\xc0\x40\xfa\x05ctime\xc2\x01\x02\x03\x04";
        assert!(snapshot_is_empty(
            &[head.as_slice(), b"\xff12345678"].concat()
        ));
        assert!(!snapshot_is_empty(
            &[
                head.as_slice(),
                b"\xfe\x00\xfb\x01\x00\x00\x01a\x01b\xff12345678"
            ]
            .concat()
        ));
        assert!(!snapshot_is_empty(head));
        assert!(!snapshot_is_empty(b"something else"));
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_a_panic(output in "(([a-z_]{1,12}|end|config|config_owner|dump|directory|server)=([0-9a-f]{0,40}|\\PC*)\n){0,20}end=\n") {
            let _ = read(&output, &paths(), Some(0));
        }

        #[test]
        fn any_snapshot_is_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = snapshot_is_empty(&[b"REDIS0011".as_slice(), &bytes].concat());
        }
    }
}

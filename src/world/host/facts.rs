//! Looks once at a host: a script prints facts, and this module reads them. replctl does not trust
//! the host's answer: reading ends well whatever the host prints.

use super::owner::on_file;
use super::script_output::{self, key_values};
use super::{Shell, together};
use crate::config::Paths;
use crate::config::directives::{parse, persisted_role};
use crate::config::server::Stamp;
use crate::inventory::{Inventory, NodeSpec};
use crate::plan::facts::{ConfigFile, Holder, HostFacts, Listener, Ownership, StoredData};
use crate::topology::service::DataFiles;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The script. Look there for its output.
pub(super) const SCRIPT: &str = include_str!("scripts/facts.sh");

/// The look into the data folder of a server that others have made.
const STORED: &str = include_str!("scripts/stored.sh");

/// A healthy host needs less, even where it hashes a few server programs.
pub(super) const LIMIT: Duration = Duration::from_secs(20);

/// What replctl asks a node's host.
pub(super) struct Look {
    /// The script's arguments.
    pub args: [String; 6],
}

impl Look {
    pub fn new(inventory: &Inventory, node: &NodeSpec) -> Self {
        let paths = Paths::of(inventory, node);
        let dump = node
            .config
            .get("dbfilename")
            .and_then(|v| v.last())
            .cloned()
            .unwrap_or_else(|| paths.dump_name());
        let args = [
            paths.root().to_owned(),
            node.address.port.to_string(),
            inventory.server.user.clone(),
            paths.unit(),
            dump,
            paths.config(),
        ];
        Self { args }
    }
}

/// Looks at the host of `node`. The error is one sentence.
pub async fn facts(
    shell: &impl Shell,
    inventory: &Inventory,
    node: &NodeSpec,
) -> Result<HostFacts, String> {
    together::look(shell, inventory, node, None).await?.facts
}

/// What the data files of a stopped server hold, and the history and the offset of its snapshot
/// where there is nothing else. `user`: the name of the server's user, or empty.
pub async fn stored_in(
    shell: &impl Shell,
    files: &DataFiles,
    user: &str,
) -> Result<(StoredData, Option<(String, u64)>), String> {
    let folder = files.folder.as_deref();
    let folder = folder.ok_or_else(|| "the folder of its data is not known".to_owned())?;
    let names = [&files.snapshot, &files.log, &files.log_folder].map(String::as_str);
    let output = on_file(shell, STORED, folder, user, &names, Vec::new()).await?;
    let said = FactValues::of(&output);
    if said.all("end").is_empty() {
        return Err(format!("the look into {folder} was cut short"));
    }
    Ok((stored(&output, &said), dumped(&output, &said)))
}

/// Whole seconds since 1970 on the operator's clock.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}

/// The seconds by which a host's clock is ahead at least. The host read it at some moment of
/// `during`.
fn ahead(there: i64, during: &RangeInclusive<i64>) -> i64 {
    if there > *during.end() {
        there.saturating_sub(*during.end())
    } else {
        there.saturating_sub(*during.start()).min(0)
    }
}

/// The values in the output of the script, by key and in order; see [`key_values`].
struct FactValues(BTreeMap<String, Vec<String>>);

impl FactValues {
    fn of(output: &str) -> Self {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, value) in key_values(output) {
            let text = String::from_utf8_lossy(&value).into_owned();
            all.entry(key.to_owned()).or_default().push(text);
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

    /// A number of kilobytes, in bytes.
    fn kilobytes(&self, key: &str) -> Option<u64> {
        let kilobytes = self.number::<u64>(key)?;
        Some(kilobytes.saturating_mul(1024))
    }
}

/// The text that hex digits stand for. Bytes that are not UTF-8 are replaced.
pub(super) fn unhex(hex: &str) -> Option<String> {
    Some(String::from_utf8_lossy(&script_output::unhex(hex)?).into_owned())
}

/// Reads the script's output. The script ran at some time of `during` on the operator's clock.
pub(super) fn read(output: &str, during: RangeInclusive<i64>) -> Result<HostFacts, String> {
    let said = FactValues::of(output);
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
        free_bytes: said.kilobytes("free_kb"),
        memory_bytes: said.kilobytes("memory_kb"),
        clock_ahead_seconds: said
            .number::<i64>("epoch")
            .map(|there| ahead(there, &during)),
        overcommit: said.number("overcommit"),
        huge_pages: said.one("thp").is_some_and(|t| t.contains("[always]")),
        listener: listener(&said),
        holder: holder(&said),
        writable: said.one("writable") == Some("1"),
        noexec: said.one("noexec").map(str::to_owned),
        not_alone: said.one("not_alone").map(str::to_owned),
        servers: said
            .all("server")
            .iter()
            .filter_map(|s| s.trim().split_once(' '))
            .map(|(name, sha)| (name.to_owned(), sha.to_owned()))
            .collect(),
        current: said.one("current").map(str::to_owned),
        shared: said.one("shared").map(str::to_owned),
        package: said.one("package").map(str::to_owned),
        package_manager: said.one("manager").map(str::to_owned),
        config: config(&said),
        directories: said
            .all("directory")
            .iter()
            .filter_map(|s| directory(s))
            .collect(),
        used_bytes: said.kilobytes("used_kb"),
        data: stored(output, &said),
        dumped: dumped(output, &said),
        unit: said.text("unit"),
        unit_enabled: said.one("enabled") == Some("enabled"),
        others: said.all("other").iter().filter_map(|s| other(s)).collect(),
        hosts: said.text("hosts").unwrap_or_default(),
        rc_local: said.text("rc_local"),
        certificates: said
            .all("certificate")
            .iter()
            .filter_map(|s| certificate(s))
            .collect(),
        missing: said.all("missing").to_vec(),
        no_build: said.all("no_build").to_vec(),
        ..HostFacts::default()
    })
}

/// `6380 Redis-family server on port 6380 (orders)`.
fn other(text: &str) -> Option<(u16, String)> {
    let (port, description) = text.trim().split_once(' ')?;
    let (_, name) = description.strip_suffix(')')?.split_once(" (")?;
    Some((port.parse().ok()?, name.to_owned()))
}

fn listener(said: &FactValues) -> Listener {
    if said.one("listening").is_none() {
        return Listener::Nobody;
    }
    if said.one("ours").is_some() {
        return Listener::Ours;
    }
    let who = match (said.one("pid"), said.one("command").or(said.one("exe"))) {
        (Some(pid), Some(command)) => format!("`{command}` (pid {pid})"),
        (Some(pid), None) => format!("the process {pid}"),
        (None, _) => "a process of another user".to_owned(),
    };
    Listener::Foreign(who)
}

fn holder(said: &FactValues) -> Option<Holder> {
    let parent = said.one("parent").and_then(|text| {
        let (pid, name) = text.split_once(' ')?;
        Some((name.to_owned(), pid.parse().ok()?))
    });
    let first = said
        .one("command")
        .and_then(|c| c.split_whitespace().next());
    let program = said.one("exe").or(first);
    Some(Holder {
        pid: said.number("pid")?,
        user: said.one("pid_user").map(str::to_owned),
        program: program.map(|p| p.trim_end_matches(" (deleted)").to_owned()),
        parent,
    })
}

fn config(said: &FactValues) -> Option<ConfigFile> {
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

/// Reads `drwxr-x--- 998`: mode and owner as `ls -ldn` shows them.
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

/// `-rw------- 998 SHA256 PATH`.
fn certificate(text: &str) -> Option<(String, (String, Ownership))> {
    let mut parts = text.splitn(4, ' ');
    let ownership = ownership(&format!("{} {}", parts.next()?, parts.next()?))?;
    let sha256 = parts.next()?.to_owned();
    Some((parts.next()?.to_owned(), (sha256, ownership)))
}

/// The beginning of the snapshot.
fn snapshot(output: &str) -> Option<Vec<u8>> {
    output
        .lines()
        .find_map(|l| script_output::unhex(l.strip_prefix("dump=")?))
}

/// Whether the log of writes may hold keys, in its parts or in its base.
fn logged(output: &str, said: &FactValues) -> bool {
    let bases = output.lines().filter_map(|l| l.strip_prefix("base="));
    let holds =
        |hex: &str| script_output::unhex(hex).is_none_or(|bytes| !snapshot_is_empty(&bytes));
    said.one("log_of_writes").is_some() || bases.into_iter().any(holds)
}

fn dumped(output: &str, said: &FactValues) -> Option<(String, u64)> {
    if logged(output, said) {
        return None;
    }
    crate::rescue::dump::history(&snapshot(output)?)
}

fn stored(output: &str, said: &FactValues) -> StoredData {
    if logged(output, said) {
        return StoredData::Keys;
    }
    match snapshot(output) {
        None => StoredData::Nothing,
        Some(bytes) if snapshot_is_empty(&bytes) => StoredData::Empty,
        Some(_) => StoredData::Keys,
    }
}

/// Whether a snapshot holds no key: after the header come only notes (opcode 0xFA, two strings
/// each) and the end (0xFF). A snapshot that this function does not understand is not empty.
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
mod tests;

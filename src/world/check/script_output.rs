//! Reads the output of `scripts/check.sh`. No output of a host can make this fail badly. Pure.

use crate::topology::NodeName;
use crate::topology::host::{HostState, Owned, Places, Reach, Target};
use crate::world::host::script_output::key_values;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// Reads the output. `nodes`: the servers in the order of the arguments, with what is known of
/// their places. `targets`: the servers that the host should reach, in that order. `during`: when
/// the script ran, on the clock of the operator.
pub(super) fn read(
    output: &str,
    during: &RangeInclusive<i64>,
    nodes: Vec<(NodeName, Places)>,
    targets: Vec<Target>,
) -> Result<HostState, String> {
    let untried = |to| Reach { to, reached: None };
    let mut state = HostState {
        reach: targets.into_iter().map(untried).collect(),
        ..HostState::default()
    };
    let mut places = nodes;
    let mut at: Option<usize> = None;
    let mut whole = false;
    for (key, value) in key_values(output) {
        let text = String::from_utf8_lossy(&value);
        let text = text.trim_end_matches('\n');
        match key {
            "node" => at = Some(at.map_or(0, |n| n + 1)),
            "end" => whole = true,
            "hosts" => state.hosts_file = text.lines().filter_map(hosts_line).collect(),
            "name" => state.names.extend(resolved(text)),
            "reach" => reached(text, &mut state.reach),
            "kept" => state.kept.extend(kept(text)),
            "epoch" => state.clock_ahead_seconds = ahead(text, during),
            _ => {
                let node = at.and_then(|n| places.get_mut(n));
                match node {
                    Some((_, places)) => of_server(key, text.trim(), places),
                    None => of_host(key, text.trim(), &mut state),
                }
            }
        }
    }
    if !whole {
        return Err("the look at the host was cut short".to_owned());
    }
    state.nodes = places.into_iter().collect();
    Ok(state)
}

fn of_host(key: &str, text: &str, state: &mut HostState) {
    let word = || (!text.is_empty()).then(|| text.to_owned());
    match key {
        "uid" => state.root = text == "0",
        "systemd" => state.systemd = yes(text),
        "host" => state.name = word(),
        "kernel" => state.kernel = word(),
        "boot" => state.boot_id = word(),
        "os" => state.os = word(),
        "cpus" => state.cpus = text.parse().ok(),
        "memory_kb" => state.memory_bytes = kilobytes(text),
        "available_kb" => state.available_bytes = kilobytes(text),
        "swap_kb" => state.swap_bytes = kilobytes(text),
        "overcommit" => state.overcommit = text.parse().ok(),
        "somaxconn" => state.somaxconn = text.parse().ok(),
        "thp" => state.huge_pages = mode(text),
        "ephemeral" => state.ephemeral_ports = range(text),
        "via" => state.via = word(),
        "reserved" => state.reserved_ports = Some(text.to_owned()),
        _ => {}
    }
}

fn of_server(key: &str, text: &str, places: &mut Places) {
    match key {
        "files" => places.open_files = text.parse().ok(),
        "process_uid" => places.uid = text.parse().ok(),
        "swapped_kb" => places.swapped_bytes = kilobytes(text),
        "limit" => places.memory_limit_bytes = limit(text, places.memory_limit_bytes),
        "folder" => places.folder_owner = owned(text),
        "disk_kb" => {
            let (all, free) = text.split_once(' ').unwrap_or_default();
            places.disk_bytes = kilobytes(all);
            places.disk_free_bytes = kilobytes(free);
        }
        "read_only" => places.read_only = yes(text),
        "noexec" => places.noexec = Some(text.to_owned()),
        "config" => places.config_owner = owned(text),
        "enclosed" => places.config_enclosed = yes(text),
        _ => {}
    }
}

fn yes(text: &str) -> Option<bool> {
    match text {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn kilobytes(text: &str) -> Option<u64> {
    Some(text.trim().parse::<u64>().ok()?.saturating_mul(1024))
}

/// The smaller of two limits. The kernel reports a huge number if there is no limit.
fn limit(text: &str, before: Option<u64>) -> Option<u64> {
    let limit = text.parse::<u64>().ok().filter(|bytes| *bytes < 1 << 60);
    limit.into_iter().chain(before).min()
}

/// `always [madvise] never`, or the word alone.
fn mode(text: &str) -> Option<String> {
    let inside = text
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'));
    let word = inside.map_or(text, |(word, _)| word);
    (!word.is_empty() && !word.contains(' ')).then(|| word.to_owned())
}

fn range(text: &str) -> Option<(u16, u16)> {
    let mut words = text.split_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// `drwxr-x--- 998 998`: mode, owner and group as `ls -ldn` shows them.
fn owned(text: &str) -> Option<Owned> {
    let mut words = text.split_whitespace();
    let letters = words.next()?;
    let mode = letters.chars().skip(1).take(9).fold(0, |mode, c| {
        mode << 1 | u32::from(!matches!(c, '-' | 'S' | 'T'))
    });
    Some(Owned {
        mode,
        uid: words.next()?.parse().ok()?,
        gid: words.next()?.parse().ok()?,
    })
}

/// `192.168.0.120 master db1 # the first`.
fn hosts_line(line: &str) -> Option<(String, Vec<String>)> {
    let line = line.split('#').next()?;
    let mut words = line.split_whitespace();
    let ip = words.next()?.parse::<IpAddr>().ok()?;
    Some((
        ip.to_canonical().to_string(),
        words.map(str::to_owned).collect(),
    ))
}

/// `master 192.168.0.120 fe80::1`.
fn resolved(text: &str) -> Option<(String, Vec<String>)> {
    let mut words = text.split_whitespace();
    let name = words.next()?.to_owned();
    let ips = words.filter_map(|ip| ip.parse::<IpAddr>().ok());
    Some((name, ips.map(|ip| ip.to_canonical().to_string()).collect()))
}

/// `/etc/sysctl.d/90-replctl-somaxconn.conf net.core.somaxconn=1024`.
fn kept(text: &str) -> Option<(String, String)> {
    let (path, line) = text.trim().split_once(' ')?;
    Some((path.to_owned(), line.to_owned()))
}

/// `3 yes`: the fourth target was reached.
fn reached(text: &str, all: &mut [Reach]) {
    let Some((number, said)) = text.trim().split_once(' ') else {
        return;
    };
    let target = number.parse::<usize>().ok().and_then(|n| all.get_mut(n));
    if let Some(target) = target {
        target.reached = yes(said);
    }
}

/// The least number of seconds by which the clock of the host is ahead.
fn ahead(text: &str, during: &RangeInclusive<i64>) -> Option<i64> {
    let there: i64 = text.trim().parse().ok()?;
    Some(if there > *during.end() {
        there.saturating_sub(*during.end())
    } else {
        there.saturating_sub(*during.start()).min(0)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::topology::Address;

    fn read_two(output: &str) -> Result<HostState, String> {
        let nodes = ["a", "b"].map(|name| (NodeName(name.to_owned()), Places::default()));
        let target = |port| Target {
            node: None,
            address: Address::new("h", port),
        };
        let targets = vec![target(1), target(2), target(3)];
        read(output, &(1000..=1002), nodes.to_vec(), targets)
    }

    #[test]
    fn facts_of_servers_stand_behind_their_mark() {
        let output = "uid:0\nsystemd:no\ncpus:2\nmemory_kb:2\nthp:always [madvise] never\n\
            hosts=\nhosts+127.0.1.1\ta b # c\nhosts+nonsense d\nname:a 127.0.1.1 ::ffff:10.0.0.1 x\n\
            ephemeral:32768\t60999\nnode:\nkept:/etc/sysctl.d/90-replctl-x.conf a=1 2\nreach:1 no\nfiles:1024\nfolder:drwxr-x--- 7 8\nlimit:9223372036854771712\n\
            limit:4096\nnode:\ndisk_kb:10 4\nread_only:yes\nnoexec:/tmp\nreach:0 yes\nreach:9 no\nreach:x\nepoch:1010\nend:\n";
        let state = read_two(output).unwrap();
        assert!(state.root && state.systemd == Some(false));
        assert_eq!((state.cpus, state.memory_bytes), (Some(2), Some(2048)));
        assert_eq!(state.huge_pages.as_deref(), Some("madvise"));
        let line = ("127.0.1.1".to_owned(), vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(state.hosts_file, [line]);
        assert_eq!(state.names["a"], ["127.0.1.1", "10.0.0.1"]);
        assert_eq!(state.ephemeral_ports, Some((32768, 60999)));
        assert_eq!(state.clock_ahead_seconds, Some(8));
        let [a, b] = ["a", "b"].map(|name| &state.nodes[&NodeName(name.to_owned())]);
        assert_eq!(a.open_files, Some(1024));
        assert_eq!(a.memory_limit_bytes, Some(4096));
        let folder = Owned {
            mode: 0o750,
            uid: 7,
            gid: 8,
        };
        assert_eq!(a.folder_owner, Some(folder));
        assert_eq!(
            (b.disk_bytes, b.disk_free_bytes),
            (Some(10_240), Some(4096))
        );
        assert_eq!(b.read_only, Some(true));
        assert_eq!(b.noexec.as_deref(), Some("/tmp"));
        assert_eq!((b.open_files, a.read_only), (None, None));
        assert_eq!(state.kept["/etc/sysctl.d/90-replctl-x.conf"], "a=1 2");
        let reached: Vec<_> = state.reach.iter().map(|r| r.reached).collect();
        assert_eq!(reached, [Some(true), Some(false), None]);
    }

    #[test]
    fn what_was_cut_short_is_no_look() {
        assert!(read_two("uid:0\nnode:\n").is_err());
        let odd = read_two("node:\nnode:\nnode:\nfiles:x\ndisk_kb:\nepoch:x\nlimit:max\nend:\n");
        assert_eq!(odd.unwrap().clock_ahead_seconds, None);
    }
}

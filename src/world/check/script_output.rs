//! Reads the output of `scripts/check.sh`. No output of a host can make this fail badly. Pure.

use crate::topology::NodeName;
use crate::topology::host::{HostState, Owned, Places, Reach, Setter, Target};
use crate::world::host::script_output::key_values;
use std::net::{IpAddr, Ipv6Addr};
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
    let untried = |to| Reach {
        to,
        reached: None,
        denied: false,
    };
    let mut state = HostState {
        reach: targets.into_iter().map(untried).collect(),
        ..HostState::default()
    };
    let mut places = nodes;
    let mut at: Option<usize> = None;
    let mut whole = false;
    let (mut first, mut last) = (None, None);
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
            "kept_more" => drop(state.kept.insert(text.trim().to_owned(), None)),
            "epoch" => first = text.trim().parse().ok(),
            "epoch_after" => last = text.trim().parse().ok(),
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
    let clock = first.or(last).zip(last.or(first));
    state.clock_ahead_seconds = clock.and_then(|(first, last)| ahead(first, last, during));
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
        "own" => state.own_addresses.extend(own(text)),
        "own_six" => state.own_addresses.extend(own_six(text)),
        "swap" => state.swaps.extend(swap(text)),
        "sets" => state.setters.extend(setter(text)),
        _ => {}
    }
}

fn of_server(key: &str, text: &str, places: &mut Places) {
    match key {
        "files" => places.open_files = text.parse().ok(),
        "files_most" => places.open_files_most = text.parse().ok(),
        "thp_enabled" => places.huge_pages = flag(text),
        "on_host" => places.on_host = yes(text),
        "its" => places.folder_is_its = yes(text),
        "file_system" => places.file_system = (!text.is_empty()).then(|| text.to_owned()),
        "process_uid" => places.uid = text.parse().ok(),
        "swapped_kb" => places.swapped_bytes = kilobytes(text),
        "limit" => places.memory_limit_bytes = limit(text, places.memory_limit_bytes),
        "folder" => places.folder_owner = owned(text),
        "disk_kb" => {
            let (all, free) = text.split_once(' ').unwrap_or_default();
            places.disk_bytes = kilobytes(all);
            places.disk_free_bytes = kilobytes(free);
        }
        "read_only" => {
            places.broken = text == "broken";
            places.read_only = yes(if places.broken { "yes" } else { text });
            places.read_only_for_it = text == "its";
        }
        "noexec" => places.noexec = Some(text.to_owned()),
        "config" => places.config_owner = owned(text),
        "enclosed" => places.config_enclosed = yes(text),
        _ => {}
    }
}

fn flag(text: &str) -> Option<bool> {
    match text {
        "1" => Some(true),
        "0" => Some(false),
        _ => None,
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
    let letters: Vec<char> = words.next()?.chars().collect();
    let nine = letters.get(1..10)?.iter().fold(0, |mode, c| {
        mode << 1 | u32::from(!matches!(c, '-' | 'S' | 'T'))
    });
    let special = [3, 6, 9].iter().fold(0, |mode, at| {
        mode << 1 | u32::from(matches!(letters[*at], 's' | 'S' | 't' | 'T'))
    });
    Some(Owned {
        mode: special << 9 | nine,
        uid: words.next()?.parse().ok()?,
        gid: words.next()?.parse().ok()?,
        access_list: letters.get(10) == Some(&'+'),
    })
}

fn own(text: &str) -> Option<String> {
    Some(text.parse::<IpAddr>().ok()?.to_canonical().to_string())
}

/// `fe800000000000000000000000000001`, as the kernel lists it.
fn own_six(text: &str) -> Option<String> {
    let bits = u128::from_str_radix(text, 16).ok()?;
    let ip = IpAddr::V6(Ipv6Addr::from(bits));
    (text.len() == 32).then(|| ip.to_canonical().to_string())
}

/// `-2 /dev/sda2`.
fn swap(text: &str) -> Option<(String, i32)> {
    let (priority, device) = text.split_once(' ')?;
    Some((device.to_owned(), priority.parse().ok()?))
}

fn pair(text: &str) -> Option<(String, String)> {
    let (one, other) = text.split_once(' ')?;
    Some((one.to_owned(), other.to_owned()))
}

/// `net.core.somaxconn /etc/sysctl.d/x.conf 1024`.
fn setter(text: &str) -> Option<Setter> {
    let (setting, rest) = pair(text)?;
    let (file, value) = pair(&rest).unwrap_or((rest, String::new()));
    Some(Setter {
        file,
        setting,
        value,
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
fn kept(text: &str) -> Option<(String, Option<String>)> {
    let (path, line) = pair(text.trim())?;
    Some((path, Some(line)))
}

/// `3 yes`: the fourth target was reached.
fn reached(text: &str, all: &mut [Reach]) {
    let Some((number, said)) = text.trim().split_once(' ') else {
        return;
    };
    let target = number.parse::<usize>().ok().and_then(|n| all.get_mut(n));
    if let Some(target) = target {
        target.denied = said == "denied";
        target.reached = if target.denied {
            Some(false)
        } else {
            yes(said)
        };
    }
}

/// The least number of seconds by which the clock of the host is ahead. It showed `first` when the
/// script began and `last` when it ended, both `during` that time. A clock that was set meanwhile
/// gives nothing.
fn ahead(first: i64, last: i64, during: &RangeInclusive<i64>) -> Option<i64> {
    let at_least = last.saturating_sub(*during.end());
    let at_most = first.saturating_sub(*during.start());
    (last >= first).then_some(if at_least > 0 {
        at_least
    } else {
        at_most.min(0)
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
            ephemeral:32768\t60999\nnode:\nkept:/etc/sysctl.d/90-replctl-x.conf a=1 2\nkept_more:/etc/y\nreach:1 no\nfiles:1024\nfolder:drwxr-x--- 7 8\nlimit:9223372036854771712\n\
            limit:4096\nread_only:broken\nnode:\ndisk_kb:10 4\nread_only:yes\nnoexec:/tmp\nreach:0 yes\nreach:9 no\nreach:x\nepoch_after:1010\nend:\n";
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
            access_list: false,
        };
        assert_eq!(a.folder_owner, Some(folder));
        assert_eq!(
            (b.disk_bytes, b.disk_free_bytes),
            (Some(10_240), Some(4096))
        );
        assert_eq!((b.read_only, b.broken), (Some(true), false));
        assert_eq!((a.read_only, a.broken), (Some(true), true));
        assert_eq!(b.noexec.as_deref(), Some("/tmp"));
        assert_eq!(b.open_files, None);
        let line = state.kept["/etc/sysctl.d/90-replctl-x.conf"].as_deref();
        assert_eq!((line, &state.kept["/etc/y"]), (Some("a=1 2"), &None));
        let reached: Vec<_> = state.reach.iter().map(|r| r.reached).collect();
        assert_eq!(reached, [Some(true), Some(false), None]);
    }

    #[test]
    fn facts_that_decide_whether_a_hint_may_be_given() {
        let output = "own:127.0.0.1\nown:x\nown_six:fe8000000000000000fc00fffe000001\nown_six:1\n\
            swap:-2 /dev/sda2\nswap:x\nsets:vm.overcommit_memory /etc/x.conf 0\nsets:huge-pages /etc/y\nepoch:1000\nreach:0 denied\n\
            node:\nfolder:drwxrwsrwt+ 0 0\nits:no\non_host:no\nread_only:its\nthp_enabled:0\nfiles_most:9\nnode:\nfolder:drwx\nend:\n";
        let state = read_two(output).unwrap();
        let own: Vec<&str> = state.own_addresses.iter().map(String::as_str).collect();
        assert_eq!(own, ["127.0.0.1", "fe80::fc:ff:fe00:1"]);
        assert_eq!(state.swaps, [("/dev/sda2".to_owned(), -2)]);
        let sets = [
            ["/etc/x.conf", "vm.overcommit_memory", "0"],
            ["/etc/y", "huge-pages", ""],
        ];
        let sets = sets.map(|set| set.map(str::to_owned));
        let sets = sets.map(|[file, setting, value]| Setter {
            file,
            setting,
            value,
        });
        assert_eq!(state.setters, sets);
        assert!(state.reach[0].denied && state.reach[0].reached == Some(false));
        let [a, b] = ["a", "b"].map(|name| &state.nodes[&NodeName(name.to_owned())]);
        let owner = a.folder_owner.unwrap();
        assert_eq!((owner.mode, owner.access_list), (0o3777, true));
        assert_eq!((a.folder_is_its, a.on_host), (Some(false), Some(false)));
        assert_eq!((a.read_only, a.read_only_for_it), (None, true));
        assert_eq!((a.huge_pages, a.open_files_most), (Some(false), Some(9)));
        assert_eq!(b.folder_owner, None);
    }

    #[test]
    fn a_clock_is_seen_although_the_script_took_long() {
        let during = 1000..=1010;
        // Both looks at the clock fit the time here.
        assert_eq!(ahead(1000, 1010, &during), Some(0));
        // Five seconds ahead, and five behind.
        assert_eq!(ahead(1005, 1015, &during), Some(5));
        assert_eq!(ahead(995, 1005, &during), Some(-5));
        assert_eq!(ahead(1005, 995, &during), None);
    }

    #[test]
    fn what_was_cut_short_is_no_look() {
        assert!(read_two("uid:0\nnode:\n").is_err());
        let odd = read_two("node:\nnode:\nnode:\nfiles:x\ndisk_kb:\nepoch:x\nlimit:max\nend:\n");
        assert_eq!(odd.unwrap().clock_ahead_seconds, None);
    }
}

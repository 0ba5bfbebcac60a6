//! What a run still leaves on a host after its undo: a comparison of two looks. Pure.

use super::{HostFacts, Listener};
use crate::config::Paths;
use crate::inventory::{Inventory, NodeSpec};

/// The differences from the first look, in words; empty if there are none. `alone`: no other node
/// of the deployment is on the host, so the parts that all nodes share are compared, too.
pub fn left(
    inventory: &Inventory,
    node: &NodeSpec,
    alone: bool,
    (before, after): (&HostFacts, &HostFacts),
) -> Vec<String> {
    let paths = Paths::of(inventory, node);
    let mut out = Vec::new();
    let mut say = |differs: bool, what: String| {
        if differs {
            out.push(what);
        }
    };
    let runs = |facts: &HostFacts| facts.listener != Listener::Nobody;
    say(
        !runs(before) && runs(after),
        format!("a server on port {}", node.address.port),
    );
    say(before.config != after.config, paths.config());
    say(
        before.certificates != after.certificates,
        "its certificates".to_owned(),
    );
    say(
        (&before.unit, before.unit_enabled) != (&after.unit, after.unit_enabled),
        paths.unit(),
    );
    // A server that ran before may write its data at any time.
    say(
        !runs(before) && (before.data, &before.dumped) != (after.data, &after.dumped),
        format!("data in {}", paths.data()),
    );
    say(before.current != after.current, paths.current());
    directories(before, after, &paths, alone, &mut out);
    if alone {
        shared(inventory, &paths, (before, after), &mut out);
    }
    out
}

/// The new directories, the innermost of each, and those with another owner or mode.
fn directories(
    before: &HostFacts,
    after: &HostFacts,
    paths: &Paths,
    alone: bool,
    out: &mut Vec<String>,
) {
    let data = paths.data();
    let mine = |path: &&String| alone || path.starts_with(&data);
    let made =
        |path: &str| after.directories.contains_key(path) && !before.directories.contains_key(path);
    let holds = |path: &str| {
        let below = format!("{path}/");
        let mut all = after.directories.keys();
        all.any(|p| p.starts_with(&below) && made(p))
    };
    for (path, is) in after.directories.iter().filter(|(p, _)| mine(p)) {
        match before.directories.get(path) {
            None if !holds(path) => out.push(path.clone()),
            Some(was) if was != is => out.push(format!("another owner or mode of {path}")),
            None | Some(_) => {}
        }
    }
    let gone = before.directories.keys().filter(mine);
    let gone = gone.filter(|p| !after.directories.contains_key(*p));
    out.extend(gone.map(|path| format!("{path}, which is gone")));
}

/// What belongs to all nodes of a host.
fn shared(
    inventory: &Inventory,
    paths: &Paths,
    (before, after): (&HostFacts, &HostFacts),
    out: &mut Vec<String>,
) {
    if before.owner_uid != after.owner_uid {
        out.push(format!("the user {}", inventory.server.user));
    }
    let new = after.servers.keys();
    let new = new.filter(|name| !before.servers.contains_key(*name));
    out.extend(new.map(|name| format!("{}/{name}", paths.servers())));
    if before.package.is_none() {
        let package = after.package.as_ref();
        out.extend(package.map(|program| format!("the package with {program}")));
    }
    for (differs, what) in [
        (before.hosts != after.hosts, "/etc/hosts"),
        (before.rc_local != after.rc_local, "/etc/rc.local"),
        (before.host_name != after.host_name, "the host's name"),
    ] {
        if differs {
            out.push(what.to_owned());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::operations::setup::plan::tests::stage::{bare_host, inventory};
    use crate::plan::facts::{Ownership, StoredData};

    fn told(alone: bool, change: impl FnOnce(&mut HostFacts)) -> Vec<String> {
        let inventory = inventory();
        let (before, mut after) = (bare_host(), bare_host());
        change(&mut after);
        left(&inventory, &inventory.nodes[1], alone, (&before, &after))
    }

    #[test]
    fn each_thing_that_stays_is_named() {
        assert!(told(true, |_| {}).is_empty());
        // Values that differ at every look do not count as left.
        assert!(told(true, |f| (f.free_bytes, f.memory_bytes) = (Some(1), None)).is_empty());
        let all = told(true, |f| {
            f.listener = Listener::Ours;
            f.unit = Some("x".into());
            f.data = StoredData::Keys;
            f.current = Some("x".into());
            for path in ["/db/redis", "/db/redis/6379", "/db/redis/6379/logs"] {
                f.directories.insert(path.into(), Ownership::default());
            }
            f.owner_uid = Some(998);
            f.servers.insert("redis-7".into(), "ab".into());
            f.package = Some("/usr/bin/redis-server".into());
            f.hosts.push('x');
            f.rc_local = Some(String::new());
            f.host_name = "slave1".into();
        });
        assert_eq!(
            all,
            [
                "a server on port 6379",
                "replctl-6379.service",
                "data in /db/redis/6379",
                "/db/redis/server/current-6379",
                "/db/redis/6379/logs",
                "the user redis",
                "/db/redis/server/redis-7",
                "the package with /usr/bin/redis-server",
                "/etc/hosts",
                "/etc/rc.local",
                "the host's name",
            ]
        );
        // What other nodes of the host brought stays for them.
        let mine = told(false, |f| {
            f.owner_uid = Some(998);
            f.servers.insert("redis-7".into(), "ab".into());
            for path in ["/db/redis", "/db/redis/server", "/db/redis/6379"] {
                f.directories.insert(path.into(), Ownership::default());
            }
        });
        assert_eq!(mine, ["/db/redis/6379"]);
    }
}

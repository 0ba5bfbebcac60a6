//! What other files set at the next start of the host, and what was set already.

use super::hints::one;
use super::*;
use crate::topology::host::{Reach, Target};

const KEY: &str = "vm.overcommit_memory";

/// The finding where these files set `vm.overcommit_memory`.
fn among(files: &[(&str, &str)]) -> Finding {
    one(|b| {
        b.host(1).overcommit = Some(0);
        let all = files.iter().map(|(file, value)| setter(file, KEY, value));
        b.host(1).setters = all.collect();
    })
}

#[test]
fn the_last_file_that_sets_it_counts() {
    let end = "; change it in /etc/sysctl.d/99-b.conf, too";
    let found = among(&[
        ("/etc/sysctl.d/99-a.conf", "1"),
        ("/etc/sysctl.d/99-b.conf", "1"),
        ("/etc/sysctl.d/99-b.conf", "0"),
        ("/usr/lib/sysctl.d/91-c.conf", "1"),
        ("/usr/lib/sysctl.d/99-b.conf", "1"),
    ]);
    assert!(found.message.ends_with(end), "{found:?}");
    assert!(found.repairs.is_empty(), "{found:?}");
}

#[test]
fn a_file_that_sets_what_is_wanted_needs_no_change() {
    let found = among(&[
        ("/etc/sysctl.d/91-a.conf", "0"),
        ("/etc/sysctl.d/99-b.conf", "1"),
    ]);
    assert!(!found.message.contains("change it"), "{found:?}");
    assert_eq!(found.repairs.len(), 1, "{found:?}");
    assert!(found.hint.is_some_and(|hint| !hint.contains("sysctl.d")));
    let higher = one(|b| {
        b.host(1).somaxconn = Some(128);
        b.host(1).setters = vec![setter("/etc/sysctl.d/99-a", "net.core.somaxconn", "65535")];
    });
    assert_eq!(higher.repairs.len(), 1, "{higher:?}");
    let ports = one(|b| {
        b.host(1).ephemeral_ports = Some((1024, 65_000));
        let key = "net.ipv4.ip_local_reserved_ports";
        b.host(1).setters = vec![setter("/etc/sysctl.d/99-a", key, "80,6370-6380")];
    });
    assert_eq!(ports.repairs.len(), 1, "{ports:?}");
    let huge = |values: &[&str]| {
        one(|b| {
            b.host(1).huge_pages = Some("always".to_owned());
            let all = values.iter();
            let all = all.map(|value| setter("/etc/tmpfiles.d/a.conf", "huge-pages", value));
            b.host(1).setters = all.collect();
        })
    };
    assert_eq!(huge(&["madvise"]).repairs.len(), 1);
    assert_eq!(huge(&["madvise", "always"]).repairs.len(), 0);
}

/// Whether the host reads such files at its start is not known.
#[test]
fn without_systemd_no_file_is_named() {
    let found = one(|b| {
        b.host(1).overcommit = Some(0);
        b.host(1).systemd = Some(false);
        b.host(1).setters = vec![setter("/etc/sysctl.d/99-a.conf", KEY, "0")];
    });
    assert!(!found.message.contains("change it"), "{found:?}");
}

#[test]
fn a_limit_that_is_raised_waits_for_a_restart() {
    let path = "/etc/systemd/system/redis.service.d/90-replctl-limits.conf";
    let hint = |line: Option<&str>, read: bool| {
        let found = one(|b| {
            b.places(1).open_files = Some(1024);
            b.places(1).open_files_most = Some(1024);
            b.set("maxclients", "992");
            b.host(1).kept = [(path.to_owned(), line.map(str::to_owned))].into();
            let service = b.topology.nodes[1].service.as_mut().unwrap();
            if let Starter::Unit(unit) = &mut service.starter {
                unit.drop_ins = read.then(|| path.to_owned()).into_iter().collect();
            }
        });
        assert!(found.repairs.is_empty(), "{found:?}");
        found.hint.unwrap()
    };
    let done = hint(Some("LimitNOFILE=65536"), true);
    let wanted = format!("restart `slave1`: the limit in {path} counts from then");
    assert_eq!(done, wanted);
    for other in [
        hint(Some("LimitNOFILE=65536"), false),
        hint(Some("LimitNOFILE=2000"), true),
        hint(None, true),
    ] {
        assert!(other.starts_with("raise the limit"), "{other}");
    }
}

#[test]
fn a_file_system_that_the_kernel_has_given_up_is_not_mounted_again() {
    let found = one(|b| {
        b.places(1).read_only = Some(true);
        b.places(1).broken = true;
    });
    assert_eq!((found.code, &found.hint), (Code::ReadOnlyDisk, &None));
    assert!(found.message.contains("emergency_ro"), "{found:?}");
}

#[test]
fn a_folder_of_two_servers_is_given_to_none() {
    let mut bench = Bench::new();
    bench.hosts.looks.truncate(2);
    bench.hosts.looks[1].nodes.push(NodeName::from("slave2"));
    bench.places(1).folder_owner = owned(0o777, 998, 997);
    let mut other = places();
    other.folder = Some(format!("{FOLDER}/"));
    let all = &mut bench.host(1).nodes;
    all.insert(NodeName::from("slave2"), other);
    let found = bench.found();
    let open: Vec<_> = found
        .iter()
        .filter(|f| f.code == Code::FolderOpen)
        .collect();
    assert!(open.len() == 1 && open[0].hint.is_none(), "{found:#?}");
}

/// Addresses that are translated on the way lead to the node, and are none of its host's.
#[test]
fn a_name_by_which_the_node_was_reached_is_right() {
    let leads = |ip: &'static str, reached: Option<bool>| {
        let mut bench = Bench::new();
        bench.topology.nodes[0].announced.host = "db1".to_owned();
        let to = Target {
            node: Some(NodeName::from("master")),
            address: bench.topology.nodes[0].announced.clone(),
        };
        let denied = false;
        let host = bench.host(1);
        host.names.insert("db1".to_owned(), vec![ip.to_owned()]);
        host.reach.push(Reach {
            to,
            reached,
            denied,
        });
        let found = bench.found().into_iter();
        let mut found = found.filter(|f| f.code == Code::NameElsewhere);
        found.next().map(|found| found.hint.is_some())
    };
    assert_eq!(leads("203.0.113.7", Some(true)), None);
    assert_eq!(leads("203.0.113.7", None), Some(false));
    assert_eq!(leads("203.0.113.7", Some(false)), Some(false));
    // `slave2` has answered, or `slave1` itself.
    assert_eq!(leads("192.168.0.140", Some(true)), Some(true));
    assert_eq!(leads("127.0.1.1", Some(true)), Some(true));
}

//! A hint or a repair is given only where it is certain to do no harm.

use super::*;
use crate::actions::host::HostAction;

/// The only finding after a change.
#[track_caller]
pub(super) fn one(change: impl FnOnce(&mut Bench)) -> Finding {
    let mut bench = Bench::new();
    change(&mut bench);
    let mut found = bench.found();
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

/// `redis` writes into the folder by the bits for others alone.
#[test]
fn no_hint_takes_the_rights_of_the_server_away() {
    let folder = one(|b| b.places(1).folder_owner = owned(0o777, 0, 0));
    assert_eq!((folder.code, &folder.hint), (Code::FolderOpen, &None));
    assert!(folder.repairs.is_empty(), "{folder:?}");
    let file = one(|b| b.places(1).config_owner = owned(0o644, 0, 0));
    assert_eq!((file.code, &file.hint), (Code::ConfigReadable, &None));
    assert!(file.repairs.is_empty(), "{file:?}");
    // By its group it still may.
    let folder = one(|b| b.places(1).folder_owner = owned(0o777, 0, 997));
    assert!(folder.hint.is_some(), "{folder:?}");
    let file = one(|b| b.places(1).config_owner = owned(0o644, 0, 50));
    assert!(file.hint.is_some() && file.repairs.is_empty(), "{file:?}");
    // A process that was not seen, and one that root has started by hand.
    let unseen = one(|b| {
        b.places(1).folder_owner = owned(0o777, 998, 997);
        b.topology.nodes[1].service.as_mut().unwrap().process = None;
    });
    assert_eq!(unseen.hint, None);
    let by_hand = one(|b| {
        b.places(1).config_owner = owned(0o644, 0, 0);
        let service = b.topology.nodes[1].service.as_mut().unwrap();
        service.process.as_mut().unwrap().uid = 0;
        let Starter::Unit(unit) = &mut service.starter else {
            return;
        };
        unit.user = Some("redis".to_owned());
    });
    assert_eq!(by_hand.hint, None);
}

/// A server says where its folder and its file are. That alone makes no path its own.
#[test]
fn a_path_that_a_server_names_is_touched_by_no_hint() {
    let named = |folder: &'static str, both: bool| {
        one(move |b| {
            b.places(1).folder = Some(folder.to_owned());
            b.places(1).folder_owner = owned(0o755, 0, 0);
            b.set("dir", folder);
            let service = b.topology.nodes[1].service.as_mut().unwrap();
            if both {
                service.settings.as_mut().unwrap().data.folder = Some(folder.to_owned());
            }
        })
    };
    for folder in [
        "/",
        "/etc",
        "/etc/cron.d",
        "/dev/shm",
        "/tmp",
        "/var/lib",
        "/var/spool/cron",
        "/var/tmp/x",
        "/usr/local/lib",
        "/home",
        "/root/.ssh",
        "/home/x/.ssh",
        "/lib/systemd",
        "relative",
    ] {
        assert_eq!(named(folder, true).hint, None, "{folder}");
    }
    // Its own file names another one.
    assert_eq!(named("/srv/other", false).hint, None);
    for folder in ["/data", "/var/lib/redis", "/etc/valkey/data", "/srv/redis/"] {
        assert!(named(folder, true).hint.is_some(), "{folder}");
    }
    let spoilt = |spoil: fn(&mut Places)| {
        one(move |b| {
            b.places(1).folder_owner = owned(0o1777, 998, 997);
            b.places(1).folder_owner.as_mut().unwrap().mode = 0o777;
            spoil(b.places(1));
        })
    };
    assert!(spoilt(|_| ()).hint.is_some());
    assert_eq!(spoilt(|p| p.folder_is_its = Some(false)).hint, None);
    assert_eq!(spoilt(|p| p.folder_is_its = None).hint, None);
    let sticky = spoilt(|p| p.folder_owner = owned(0o1777, 998, 997));
    assert!(sticky.hint.is_none() && !sticky.message.contains("replace"));
    let listed = spoilt(|p| p.folder_owner.as_mut().unwrap().access_list = true);
    assert_eq!(listed.hint, None);
    let passwd = one(|b| {
        b.places(1).config_owner = owned(0o644, 998, 997);
        b.places(1).config_file = Some("/etc/passwd".to_owned());
        let service = b.topology.nodes[1].service.as_mut().unwrap();
        service.file = Some("/etc/passwd".to_owned());
        service.written = Some("/etc/passwd".to_owned());
    });
    assert_eq!(passwd.hint, None);
}

#[test]
fn files_of_a_container_are_not_judged_on_the_host() {
    let contained = codes(|b| {
        b.places(1).folder_owner = owned(0o777, 0, 0);
        b.places(1).config_owner = owned(0o644, 0, 0);
        b.places(1).disk_free_bytes = Some(1);
        b.topology.nodes[1].service.as_mut().unwrap().starter = Starter::Container("x".to_owned());
    });
    assert_eq!(contained, []);
    let elsewhere = codes(|b| {
        b.places(1).folder_owner = owned(0o777, 0, 0);
        b.places(1).on_host = Some(false);
    });
    assert_eq!(elsewhere, []);
    let with_list = codes(|b| {
        b.places(1).folder_owner = owned(0o755, 0, 0);
        b.places(1).folder_owner.as_mut().unwrap().access_list = true;
    });
    assert_eq!(with_list, []);
}

/// A primary that its replicas have left must not be opened.
#[test]
fn the_wish_for_replicas_is_lowered_only_where_all_are_linked() {
    let lost = |wanted: &'static str| {
        one(move |b| {
            b.configure(0, "min-replicas-to-write", wanted);
            b.topology.nodes[0].up().replication.replicas.clear();
            let upstream = b.topology.nodes[2].up();
            if let crate::topology::Role::Replica(upstream) = &mut upstream.replication.role {
                upstream.link = crate::topology::Link::Down;
            }
        })
    };
    for wanted in ["1", "2", "9"] {
        let found = lost(wanted);
        assert_eq!((found.code, &found.hint), (Code::MinReplicas, &None));
        assert!(
            found.message.ends_with("; `slave2` is not linked"),
            "{found:?}"
        );
    }
    // replctl's own way to keep writes out.
    let fence = one(|b| b.configure(0, "min-replicas-to-write", "1000"));
    assert_eq!(fence.hint, None);
    // As many as there are: whoever wanted that, may keep it.
    let all = one(|b| b.configure(0, "min-replicas-to-write", "2"));
    assert_eq!(all.hint, None);
}

#[test]
fn nothing_is_set_where_another_file_decides_at_the_next_start() {
    let with = |file: &'static str, what: &'static str| {
        one(move |b| {
            b.host(1).overcommit = Some(0);
            b.host(1).setters = vec![setter(file, what, "0")];
        })
    };
    let key = "vm.overcommit_memory";
    let found = with("/usr/lib/sysctl.d/99-x.conf", key);
    assert!(found.repairs.is_empty(), "{found:?}");
    let end = "; change it in /usr/lib/sysctl.d/99-x.conf, too";
    assert!(found.message.ends_with(end), "{found:?}");
    assert!(found.hint.is_some_and(|hint| !hint.contains("sysctl.d")));
    for (file, what) in [
        ("/etc/sysctl.conf", key),
        ("/etc/sysctl.d/10-x.conf", key),
        ("/etc/sysctl.d/99-x.conf", "net.core.somaxconn"),
        ("/etc/sysctl.d/90-replctl-overcommit_memory.conf", key),
    ] {
        let found = with(file, what);
        assert_eq!(found.repairs.len(), 2, "{file}");
        assert!(!found.message.contains("change it"), "{found:?}");
    }
    let chosen = one(|b| b.host(1).overcommit = Some(2));
    assert!(chosen.repairs.is_empty() && chosen.hint.is_none());
    let huge = one(|b| {
        b.host(1).huge_pages = Some("always".to_owned());
        b.host(1).setters = vec![setter("/etc/tmpfiles.d/a.conf", "huge-pages", "")];
    });
    assert!(huge.repairs.is_empty(), "{huge:?}");
    let later = one(|b| {
        b.places(1).open_files = Some(1024);
        b.places(1).open_files_most = Some(1024);
        b.set("maxclients", "992");
        let service = b.topology.nodes[1].service.as_mut().unwrap();
        if let Starter::Unit(unit) = &mut service.starter {
            unit.drop_ins = vec!["/etc/systemd/system/redis.service.d/limit.conf".to_owned()];
        }
    });
    assert!(later.repairs.is_empty(), "{later:?}");
}

#[test]
fn a_file_with_other_lines_is_not_replaced() {
    let path = "/etc/sysctl.d/90-replctl-overcommit_memory.conf";
    let with = |line: Option<&'static str>| {
        one(move |b| {
            b.host(1).overcommit = Some(0);
            let line = line.map(str::to_owned);
            b.host(1).kept = BTreeMap::from([(path.to_owned(), line)]);
        })
    };
    for line in [None, Some("vm.swappiness=1")] {
        let found = with(line);
        assert!(found.repairs.is_empty(), "{line:?}");
        assert!(found.message.ends_with(".conf, too"), "{found:?}");
    }
    let found = with(Some("vm.overcommit_memory=0"));
    let undo = &found.repairs[1].undo;
    let back = HostAction::KeepFile {
        path: path.to_owned(),
        text: "vm.overcommit_memory=0".to_owned(),
        reload: false,
        back: Some("vm.overcommit_memory=1".to_owned()),
    };
    assert_eq!(*undo, back);
}

#[test]
fn huge_pages_matter_only_to_servers_that_get_them() {
    let with = |shown: Option<bool>, version: (u16, u16)| {
        codes(move |b| {
            b.host(1).huge_pages = Some("always".to_owned());
            b.places(1).huge_pages = shown;
            for node in &mut b.topology.nodes {
                let server = node.up();
                (server.version.major, server.version.minor) = version;
                server.product = if version.0 < 7 {
                    Product::Redis
                } else {
                    Product::Valkey
                };
            }
        })
    };
    assert_eq!(with(Some(false), (9, 0)), []);
    assert_eq!(with(Some(true), (9, 0)), [Code::HugePages]);
    assert_eq!(with(None, (9, 0)), []);
    assert_eq!(with(None, (6, 2)), []);
    assert_eq!(with(None, (6, 0)), [Code::HugePages]);
}

#[test]
fn swap_is_switched_on_again_as_it_was() {
    let with = |swaps: &'static [(&'static str, i32)]| {
        after(move |b| {
            b.places(1).swapped_bytes = Some(1 << 20);
            b.host(1).swaps = swaps.iter().map(|(d, p)| ((*d).to_owned(), *p)).collect();
        })
    };
    let told = "swapped: 1.0 MiB of the memory of `slave1` are in swap: commands that need them wait until they are";
    assert_eq!(with(&[]), [format!("{told} read back")]);
    assert_eq!(
        with(&[("/dev/sda2", -2), ("/swap", 5)]),
        [format!(
            "{told} read back | root: swapoff /dev/sda2 && swapon /dev/sda2 && swapoff /swap && swapon -p 5 /swap"
        )]
    );
    assert_eq!(
        with(&[("/dev/zram0", 100)]),
        [format!(
            "{told} unpacked | root: swapoff /dev/zram0 && swapon -p 100 /dev/zram0"
        )]
    );
    assert_eq!(with(&[("/my\\040swap", -2)]), [format!("{told} read back")]);
}

#[test]
fn a_disk_that_the_kernel_has_closed() {
    let closed = after(|b| b.places(1).read_only = Some(true));
    assert!(
        closed[0].contains("| root: dmesg | tail; mount -o remount,rw"),
        "{closed:?}"
    );
    let its = after(|b| b.places(1).read_only_for_it = true);
    assert!(its[0].contains("a mount of the server's own") && !its[0].contains('|'));
}

#[test]
fn servers_on_one_disk_are_added_up() {
    let shared = |number: &'static str| {
        after(move |b| {
            b.hosts.looks.truncate(2);
            b.hosts.looks[1].nodes.push(NodeName::from("slave2"));
            b.places(1).disk_free_bytes = Some(2 << 20);
            b.places(1).disk_bytes = Some(3 << 20);
            let mut other = b.places(1).clone();
            other.file_system = Some(number.to_owned());
            b.host(1).nodes.insert(NodeName::from("slave2"), other);
            for node in &mut b.topology.nodes {
                node.up().maxmemory = Some(GIB / 2);
            }
        })
    };
    let told = shared("254:0");
    assert!(
        told.len() == 1
            && told[0].contains(
                "`slave1` and `slave2` have 3.0 MiB in memory together, and 2.0 MiB are free"
            ),
        "{told:?}"
    );
    assert_eq!(shared("8:1"), [""; 0]);
}

#[test]
fn addresses_that_a_host_may_have() {
    let leads = |ips: &'static [&'static str], seen: bool| {
        codes(move |b| {
            b.topology.nodes[0].announced.host = "db1".to_owned();
            let ips = ips.iter().map(|ip| (*ip).to_owned()).collect();
            b.host(1).names.insert("db1".to_owned(), ips);
            b.host(0).own_addresses.insert("10.0.0.1".to_owned());
            if !seen {
                b.host(0).own_addresses.clear();
            }
        })
    };
    // Another network of the same host.
    assert_eq!(leads(&["10.0.0.1"], true), []);
    assert_eq!(leads(&["10.0.0.1", "fe80::1"], true), []);
    assert_eq!(leads(&["10.0.0.2"], true), [Code::NameElsewhere]);
    assert_eq!(leads(&["10.0.0.2"], false), []);
    assert_eq!(leads(&["127.0.1.1"], false), [Code::NameElsewhere]);
    // A list that may lack some.
    let full = codes(|b| {
        b.topology.nodes[0].announced.host = "db1".to_owned();
        let other = vec!["10.0.0.2".to_owned()];
        b.host(1).names.insert("db1".to_owned(), other);
        let many = (0..2000u16).map(|n| format!("10.1.{}.{}", n >> 8, n & 255));
        b.host(0).own_addresses.extend(many);
    });
    assert_eq!(full, []);
}

#[test]
fn a_server_with_tls_alone_is_not_called_open() {
    let with = |clients: Option<&'static str>| {
        codes(move |b| {
            b.password = false;
            b.topology.nodes[1].up().has_password = Some(false);
            b.configure(1, "port", "0");
            b.configure(1, "tls-port", "6379");
            if let Some(clients) = clients {
                b.set("tls-auth-clients", clients);
            }
        })
    };
    assert_eq!(with(None), []);
    assert_eq!(with(Some("yes")), []);
    assert_eq!(with(Some("no")), [Code::OpenServer]);
}

#[test]
fn a_buffer_without_a_limit_keeps_none() {
    use crate::topology::host::WriteRate;
    let told = |limits: &'static str| {
        after(move |b| {
            b.configure(0, "repl-backlog-size", "1073741824");
            let settings = b.hosts.settings.get_mut(&NodeName::from("master"));
            let key = "client-output-buffer-limit".to_owned();
            settings.unwrap().insert(key, limits.to_owned());
            b.hosts.rate = Some(WriteRate {
                node: NodeName::from("master"),
                bytes_per_second: 8 << 20,
                seconds: 5,
            });
        })
    };
    // The server takes the hard limit for the size of the backlog.
    assert_eq!(told("slave 268435456 0 0"), [""; 0]);
    let soft = told("slave 0 67108864 10");
    assert!(soft[0].contains("'slave 0 2013265920 60'"), "{soft:?}");
}

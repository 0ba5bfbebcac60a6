use super::*;

#[test]
fn faults_of_memory() {
    use Code::{MemoryOfHost, NoMemoryLimit, SettingsDiffer, Swapped};
    let more = |bytes| {
        codes(move |b| {
            for node in &mut b.topology.nodes {
                node.up().maxmemory = Some(bytes);
            }
        })
    };
    assert_eq!(more(GIB * 3 / 2), []);
    assert_eq!(more(GIB * 3 / 2 + 4), [MemoryOfHost; 3]);
    assert_eq!(more(0), [NoMemoryLimit]);
    assert_eq!(
        codes(|b| b.places(1).memory_limit_bytes = Some(GIB)),
        [MemoryOfHost]
    );
    assert_eq!(
        codes(|b| b.places(1).memory_limit_bytes = Some(2 * GIB)),
        []
    );
    // Above three quarters, and something is left.
    let told = after(|b| {
        for node in &mut b.topology.nodes {
            node.up().maxmemory = Some(GIB * 7 / 4);
        }
    });
    assert!(
        told[0].contains("the host has 2.0 GiB: 256.0 MiB are left for the copy of a save"),
        "{told:?}"
    );
    // A limit of the control group that is none.
    let none = codes(|b| {
        b.topology.nodes[1].up().maxmemory = Some(0);
        b.topology.nodes[0].up().maxmemory = Some(0);
        b.topology.nodes[2].up().maxmemory = Some(0);
        for number in 0..3 {
            b.places(number).memory_limit_bytes = Some(3 * GIB);
        }
    });
    assert_eq!(none, [NoMemoryLimit]);
    // A limit of the control group: only that is said.
    let told = after(|b| {
        b.topology.nodes[1].up().maxmemory = Some(0);
        b.places(1).memory_limit_bytes = Some(GIB);
    });
    assert!(
        !told.iter().any(|told| told.starts_with("no-memory-limit")),
        "{told:?}"
    );
    assert_eq!(
        codes(|b| b.places(1).swapped_bytes = Some(1 << 20)),
        [Swapped]
    );
    assert_eq!(codes(|b| b.places(1).swapped_bytes = Some(4096)), []);
    let other = codes(|b| b.topology.nodes[1].up().maxmemory = Some(GIB / 2));
    assert_eq!(other, [SettingsDiffer]);
    let told = after(|b| b.places(1).memory_limit_bytes = Some(GIB));
    assert_eq!(
        told,
        [
            "memory-of-host: the kernel ends `slave1` at 1.0 GiB, the memory limit of its unit, slice or container; it runs and may take 1.0 GiB by `maxmemory` \
             | redis-cli --askpass -h 192.168.0.130 -p 6379 config set maxmemory 805306368 && redis-cli --askpass -h 192.168.0.130 -p 6379 config rewrite"
        ]
    );
}

#[test]
fn faults_of_disks_and_files() {
    use Code::{ConfigReadable, DiskRoom, FolderClosed, FolderOpen, Noexec, ReadOnlyDisk};
    let owned = |mode, uid| owned(mode, uid, 50);
    assert_eq!(
        codes(|b| b.places(1).disk_free_bytes = Some(1 << 20)),
        [DiskRoom]
    );
    assert_eq!(
        codes(|b| b.places(1).disk_free_bytes = Some(GIB / 2)),
        [DiskRoom]
    );
    assert_eq!(codes(|b| b.places(1).disk_free_bytes = Some(GIB)), []);
    assert_eq!(
        codes(|b| b.places(1).read_only = Some(true)),
        [ReadOnlyDisk]
    );
    assert_eq!(codes(|b| b.places(1).noexec = Some("/db".into())), [Noexec]);
    assert_eq!(
        codes(|b| b.places(1).folder_owner = owned(0o755, 0)),
        [FolderClosed]
    );
    assert_eq!(codes(|b| b.places(1).folder_owner = owned(0o770, 0)), []);
    assert_eq!(
        codes(|b| b.places(1).folder_owner = owned(0o550, 998)),
        [FolderClosed]
    );
    assert_eq!(
        codes(|b| b.places(1).folder_owner = owned(0o757, 998)),
        [FolderOpen]
    );
    assert_eq!(
        codes(|b| b.places(1).config_owner = owned(0o644, 998)),
        [ConfigReadable]
    );
    let enclosed = codes(|b| {
        b.places(1).config_owner = owned(0o644, 998);
        b.places(1).config_enclosed = Some(true);
    });
    assert_eq!(enclosed, []);
    let told = after(|b| b.places(1).folder_owner = owned(0o755, 0));
    assert_eq!(
        told,
        [
            "folder-closed: `slave1` runs as user 998 and may not write into its data folder /db/redis/6379, which is user 0's (mode 755): it cannot save \
             | root: chown 998:997 /db/redis/6379 && chmod u+rwx /db/redis/6379"
        ]
    );
}

#[test]
fn names_that_lead_elsewhere() {
    use Code::{NameElsewhere, NameUnknown};
    let by_name = |there: Option<Vec<&'static str>>| {
        codes(move |b| {
            let node = &mut b.topology.nodes[0];
            node.announced.host = "db1".to_owned();
            let there = there.map(|ips| ips.into_iter().map(str::to_owned).collect());
            if let Some(there) = there {
                b.host(1).names.insert("db1".to_owned(), there);
            }
        })
    };
    assert_eq!(by_name(None), []);
    assert_eq!(by_name(Some(vec!["192.168.0.120"])), []);
    assert_eq!(by_name(Some(vec![])), [NameUnknown]);
    assert_eq!(by_name(Some(vec!["127.0.1.1"])), [NameElsewhere]);
    assert_eq!(
        by_name(Some(vec!["192.168.0.120", "192.168.1.120"])),
        [NameElsewhere]
    );
    let told = after(|b| b.host(0).hosts_file[2].0 = "192.168.0.140".to_owned());
    assert_eq!(
        told,
        [
            "name-elsewhere: `/etc/hosts` on the host of `master` says 192.168.0.140 for slave1, and `slave1` is at 192.168.0.130 \
             | root: b=/etc/hosts.before-replctl; while [ -e $b ]; do b=$b.1; done; cp -p /etc/hosts $b && { sed -E 's/([[:blank:]])slave1([[:blank:]]|$)/\\1\\2/g' $b; echo; echo 192.168.0.130 slave1; } >/etc/hosts"
        ]
    );
}

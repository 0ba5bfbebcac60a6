use super::*;

#[test]
fn clocks_are_compared() {
    let ahead = |seconds: [i64; 3]| {
        after(move |b| {
            for (number, seconds) in seconds.into_iter().enumerate() {
                b.host(number).clock_ahead_seconds = Some(seconds);
            }
        })
    };
    assert_eq!(ahead([2, -2, 0]), [""; 0]);
    let bare = after(|b| {
        b.host(1).clock_ahead_seconds = Some(60);
        b.host(1).systemd = Some(false);
    });
    assert!(!bare[0].contains('|'), "{bare:?}");
    let one = ahead([0, -3600, 1]);
    assert_eq!(one.len(), 1, "{one:?}");
    assert!(
        one[0].contains("of `slave1` is 3600 s behind this machine's"),
        "{one:?}"
    );
    let all = ahead([61, 60, 62]);
    assert_eq!(
        all,
        [
            "clock-off: the clocks of all hosts are 60 s ahead of this machine's: the clock here may be the wrong one | date -u"
        ]
    );
}

#[test]
fn hosts_that_are_not_seen_or_shared() {
    use Code::{HostUnseen, NoRoot, OneHost};
    let unseen = after(|b| {
        b.hosts.looks[2].state = Err(Unseen {
            why: "no route".to_owned(),
            hint: None,
        });
    });
    assert_eq!(
        unseen,
        ["host-unseen: the host of `slave2` could not be looked at: no route | ssh host true"]
    );
    assert_eq!(codes(|b| b.host(1).root = false), [NoRoot]);
    let one = |number: usize| {
        codes(move |b| {
            for host in 0..number {
                b.host(host).boot_id = Some("one".to_owned());
            }
        })
    };
    assert_eq!(one(2), []);
    assert_eq!(one(3), [OneHost]);
    assert_ne!(unseen, [""; 0], "{HostUnseen:?}");
}

#[test]
fn servers_that_a_host_does_not_reach() {
    use crate::topology::host::{Reach, Target};
    let told = after(|b| {
        for (port, reached) in [(6379, Some(true)), (6380, Some(false)), (6381, None)] {
            let to = Target {
                node: (port == 6380).then(|| NodeName::from("slave2")),
                address: Address::new("192.168.0.140", port),
            };
            let denied = false;
            b.host(1).reach.push(Reach {
                to,
                reached,
                denied,
            });
        }
    });
    let sentence = "no-way: the host of `slave1` does not reach `slave2` (192.168.0.140:6380): what is there could not follow after a promotion";
    assert_eq!(told, [sentence]);
    let with = |via: &'static str, denied| {
        after(move |b| {
            let to = Target {
                node: Some(NodeName::from("slave2")),
                address: Address::new("192.168.0.140", 6380),
            };
            b.host(1).via = Some(via.to_owned());
            b.host(1).reach.push(Reach {
                to,
                reached: Some(false),
                denied,
            });
        })
    };
    assert_eq!(
        with("bash", false),
        [format!(
            "{sentence} | root: timeout 3 bash -c \"exec 3<>/dev/tcp/192.168.0.140/6380\" && echo open"
        )]
    );
    assert_eq!(
        with("valkey-cli", true),
        [
            "no-way: `slave2` (192.168.0.140:6380) takes no commands from the host of `slave1` (its protected mode): what is there could not follow after a promotion \
             | root: timeout 3 valkey-cli -h 192.168.0.140 -p 6380 PING"
        ]
    );
}

#[test]
fn writes_against_the_backlog_and_the_buffers() {
    use crate::topology::host::WriteRate;
    let written = |bytes_per_second| {
        after(move |b| {
            b.configure(0, "repl-backlog-size", "1048576");
            let limits = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";
            let settings = b.hosts.settings.get_mut(&NodeName::from("master"));
            let settings = settings.expect("the settings of `master`");
            settings.insert("client-output-buffer-limit".to_owned(), limits.to_owned());
            b.hosts.rate = Some(WriteRate {
                node: NodeName::from("master"),
                bytes_per_second,
                seconds: 5,
            });
        })
    };
    assert_eq!(written(0), [""; 0]);
    assert_eq!(written((1 << 20) / 60), [""; 0]);
    let cli = "redis-cli --askpass -h 192.168.0.120 -p 6379";
    assert_eq!(
        written(1 << 20),
        [format!(
            "backlog-short: the backlog of `master` (1.0 MiB) holds what is written in 1 s (1.0 MiB a second, measured over 5 s): a replica that is away for longer needs all data again \
             | {cli} config set repl-backlog-size 125829120 && {cli} config rewrite"
        )]
    );
    let both = written(8 << 20);
    assert_eq!(both.len(), 2, "{both:?}");
    assert_eq!(
        both[1],
        format!(
            "buffer-short: `master` ends the link of a replica whose full copy takes longer than 32 s (8.0 MiB a second are written, measured over 5 s; `client-output-buffer-limit` for replicas is 268435456 67108864 60): the copy begins again and again \
             | {cli} config set client-output-buffer-limit 'slave 2013265920 2013265920 60' && {cli} config rewrite"
        )
    );
}

#[test]
fn settings_that_fail_later() {
    use Code::{MinReplicas, NothingSaved, OpenServer, SettingsDiffer, TimeoutShort};
    assert_eq!(
        codes(|b| b.configure(0, "min-replicas-to-write", "2")),
        [MinReplicas]
    );
    let problem = after(|b| b.configure(0, "min-replicas-to-write", "3"));
    assert_eq!(
        problem,
        [
            "min-replicas: `master` wants 3 replicas for a write and has 2 online: it refuses writes \
             | redis-cli --askpass -h 192.168.0.120 -p 6379 config set min-replicas-to-write 1 && redis-cli --askpass -h 192.168.0.120 -p 6379 config rewrite"
        ]
    );
    let off = codes(|b| {
        b.configure(0, "min-replicas-to-write", "3");
        b.configure(0, "min-replicas-max-lag", "0");
    });
    assert_eq!(off, []);
    assert_eq!(codes(|b| b.configure(0, "save", "")), [NothingSaved]);
    let kept = codes(|b| {
        b.configure(0, "save", "");
        b.configure(0, "appendonly", "yes");
    });
    assert_eq!(kept, []);
    assert_eq!(codes(|b| b.set("repl-timeout", "10")), [TimeoutShort]);
    assert_eq!(codes(|b| b.set("repl-timeout", "11")), []);
    let open = |bind: &'static str| {
        codes(move |b| {
            b.password = false;
            b.topology.nodes[1].up().has_password = Some(false);
            b.configure(1, "bind", bind);
        })
    };
    assert_eq!(open("* -::*"), [OpenServer]);
    assert_eq!(open(""), [OpenServer]);
    assert_eq!(open("127.0.0.1 -::1"), []);
    let policy = codes(|b| b.configure(2, "maxmemory-policy", "allkeys-lru"));
    assert_eq!(policy, [SettingsDiffer]);
    let gone = codes(|b| {
        let replicas = &mut b.topology.nodes[0].up().replication.replicas;
        replicas.retain(|line| line.address.host == "192.168.0.140");
    });
    assert_eq!(gone, [MinReplicas]);
}

#[test]
fn versions_past_their_end() {
    let told = after(|b| {
        let server = b.topology.nodes[0].up();
        server.product = Product::Redis;
        server.version = Version {
            major: 7,
            minor: 0,
            patch: 15,
        };
    });
    assert_eq!(
        told,
        [
            "end-of-life: `master` runs Redis 7.0.15, which its maker has not fixed since 2024-07-29; whether your distribution fixes it is not known (table of 2026-11-30)"
        ]
    );
    let version = |major, minor| {
        after(move |b| {
            let server = b.topology.nodes[0].up();
            server.product = Product::Redis;
            (server.version.major, server.version.minor) = (major, minor);
        })
    };
    // The maker has fixed 6.0 after the day that tables name.
    for (major, minor) in [(6, 0), (6, 2), (7, 2), (7, 4), (8, 0), (8, 2)] {
        assert_eq!(version(major, minor), [""; 0]);
    }
    assert_eq!(
        version(4, 0),
        [
            "end-of-life: `master` runs Redis 4.0.0, which its maker fixes no longer; whether your distribution fixes it is not known (table of 2026-11-30)"
        ]
    );
    let unknown = after(|b| b.topology.nodes[0].up().version.major = 12);
    assert_eq!(unknown, [""; 0]);
}

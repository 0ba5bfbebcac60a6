//! What setup checks before any change, what it undoes, and what it reports about hosts that differ
//! from the inventory. Checked with the hosts' own programs.

use crate::setup_lab::bench::{Bench, NAMES, PASSWORD, hosts};
use crate::support::{Flavour, Lab};

/// A host's files of a deployment, and its names: a refused or failed run must leave them as they
/// were.
const PRINT: &str = "cd /; sha256sum etc/hosts etc/hostname; stat -c '%a %U' etc/hosts; hostname; id redis 2>&1; \
    for d in db etc/systemd; do [ ! -e $d ] || find $d -xdev -printf '%p %y %m %U %l\\n' | sort | sha256sum; done; \
    systemctl list-units --all --plain --no-legend --no-pager 'replctl*' | awk '{ print $1, $2, $3 }'";

fn prints(lab: &Lab) -> Vec<String> {
    NAMES
        .iter()
        .map(|host| lab.inside(host, PRINT).ok().stdout)
        .collect()
}

#[test]
fn found_out_before_or_put_back_and_told() {
    let Some(lab) = hosts(Flavour::Systemd, &[]) else {
        return;
    };
    let mut bench = Bench::new(&lab);
    bench.change(|t| t.server_raw("hostnames = true").config("maxmemory", "1gb"));
    no_program_starts(&lab, &bench);
    wrong_directives(&lab, &mut bench);
    put_back(&lab, &bench);

    bench.run(&["setup", "--yes"]).ok();
    bench.in_sync(0, &[1, 2]);
    // A host's own name is that of its node's address, for a program that is not ours.
    for (host, address) in [("master", "192.168.0.120"), ("slave1", "192.168.0.130")] {
        let cli = format!(
            "REDISCLI_AUTH={PASSWORD} /db/redis/server/current-6379/redis-cli -h {host} ping; getent ahosts {host} | head -n 1"
        );
        let said = lab.inside(host, &cli).ok().stdout;
        assert!(said.starts_with("PONG\n"), "{said}");
        assert_eq!(said.split_whitespace().nth(1), Some(address), "{said}");
        let hosts = lab.inside(host, "cat /etc/hosts").ok().stdout;
        assert!(
            hosts.contains(&format!(" had: 127.0.1.1 {host}\n")),
            "{hosts}"
        );
    }
    bench.nothing_to_do();
    by_hand(&lab, &bench);
    changed_port(&lab, &mut bench);
    built_side_by_side(&lab);
}

fn no_program_starts(lab: &Lab, bench: &Bench) {
    lab.inside(
        "slave2",
        "mkdir -p /db && mount -t tmpfs -o noexec none /db",
    )
    .ok();
    let before = prints(lab);
    bench
        .run(&["setup", "--yes"])
        .code(3)
        .says("the file system /db on the host of `slave2` is mounted noexec");
    assert_eq!(prints(lab), before);
    lab.inside("slave2", "umount /db && rmdir /db").ok();
}

fn wrong_directives(lab: &Lab, bench: &mut Bench) {
    let good = bench.text.clone();
    bench.change(|mut t| {
        t.node_mut("slave1")
            .lines
            .push("config = { maxmemory = \"5zz\" }".to_owned());
        t.config("io-thread", "4")
    });
    let line = |what: &str| {
        let text = bench.text.text();
        1 + text.lines().position(|l| l.contains(what)).unwrap()
    };
    let (first, second) = (line("io-thread"), line("5zz"));
    let before = prints(lab);
    let ran = bench.run(&["setup", "--yes"]).code(3);
    for what in [
        format!(
            "inventory.toml:{first}:1: the server of `master`, `slave1`, `slave2` does not take `io-thread` as the inventory has it: "
        ),
        format!(
            "inventory.toml:{second}:12: the server of `slave1` does not take `maxmemory` as the inventory has it: argument must be a memory value"
        ),
        format!("correct `maxmemory` in line {second} of "),
    ] {
        assert!(ran.stderr.contains(&what), "{what}: {ran}");
    }
    assert!(!ran.stderr.contains("replctl setup"), "{ran}");
    assert_eq!(prints(lab), before);
    assert!(NAMES.iter().all(|host| bench.is_bare(host)));
    bench.change(|_| good);
}

fn put_back(lab: &Lab, bench: &Bench) {
    let folder = "/etc/systemd/system/replctl-6379.service.d";
    let drop_in = |line: &str| {
        let text = format!(
            "mkdir -p {folder}; printf '[Service]\\nExecStartPre={line}\\n' >{folder}/x.conf; systemctl daemon-reload"
        );
        lab.inside("master", &text).ok();
    };
    drop_in("/bin/false");
    let before = prints(lab);
    bench
        .run(&["setup", "--yes"])
        .code(1)
        .says("`master` failed and was put back as it was; nothing was changed on the other nodes");
    assert_eq!(prints(lab), before);
    // What the program has written stays, and is said.
    drop_in("/bin/sh -c \"echo x >/db/redis/6379/logs/x; false\"");
    bench
        .run(&["setup", "--yes"])
        .code(5)
        .says("`master` failed and was put back, but for /db/redis/6379/logs, the user redis");
    lab.inside("master", "cat /db/redis/6379/logs/x && id redis")
        .ok();
    assert_eq!(prints(lab)[1..], before[1..]);
    lab.inside(
        "master",
        &format!("rm -r {folder} /db; userdel redis; systemctl daemon-reload"),
    )
    .ok();
}

/// Somebody changes the running server, and a file.
fn by_hand(lab: &Lab, bench: &Bench) {
    let set = |value: &str| {
        let reply = bench
            .client(1)
            .command(&["CONFIG", "SET", "maxmemory", value]);
        assert_eq!(reply.text(), "OK");
    };
    set("2gb");
    bench
        .run(&["setup", "--yes"])
        .ok()
        .says("`slave1` is otherwise than the inventory says, and is left so: it runs with `maxmemory 2147483648`, not `1gb`")
        .says("but what the warnings say");
    assert_eq!(bench.client(1).config("maxmemory"), "2147483648");
    set("1gb");
    let file = "/db/redis/6379/conf/redis.cnf";
    lab.inside(
        "slave1",
        &format!("sed -i 's/^maxmemory .*/maxmemory 3gb/' {file}"),
    )
    .ok();
    bench
        .run(&["setup", "--yes"])
        .ok()
        .says("it has `maxmemory 3gb` in its file")
        .says("but what the warnings say");
    assert_eq!(bench.client(1).command(&["CONFIG", "REWRITE"]).text(), "OK");
    bench.nothing_to_do();
}

/// The inventory gives a node another port: setup reports its old server, and leaves it.
fn changed_port(lab: &Lab, bench: &mut Bench) {
    bench.change(|mut t| {
        t.node_mut("slave2").port = 6380;
        t
    });
    let ran = bench
        .run(&["setup", "--yes"])
        .ok()
        .says("a server of `orders` runs on port 6379 of the host of `slave2`, and the inventory has no node there")
        .says("systemctl disable --now replctl-6379.service");
    assert!(ran.stdout.contains("is set up"), "{ran}");
    bench.run(&["status"]).says("that the inventory lacks");
    lab.inside("slave2", "systemctl is-active replctl-6379 replctl-6380")
        .ok();
    // What it says to do ends it.
    lab.inside("slave2", "systemctl disable --now replctl-6379.service")
        .ok();
    bench.nothing_to_do();
}

/// A source that takes three seconds to build, on three hosts.
fn built_side_by_side(lab: &Lab) {
    let make = "#!/bin/sh\ndate +%s%N >/built.begin; sleep 3; cp /usr/local/bin/server \"$2/src/redis-server\"; date +%s%N >/built.end\n";
    for host in NAMES {
        let line = format!(
            "cp /db/redis/server/current-6379/redis-server /usr/local/bin/server; printf '%s' '{make}' >/usr/local/bin/make; \
             printf '#!/bin/sh\\n' >/usr/local/bin/cc; chmod 755 /usr/local/bin/*"
        );
        lab.inside(host, &line).ok();
    }
    let folder = tempfile::TempDir::new().unwrap();
    let tarball = folder.path().join("redis-0.tar");
    let packed = std::process::Command::new("sh")
        .args(["-c", "cd \"$1\" && mkdir -p redis-0/src && touch redis-0/src/redis.c && tar -cf redis-0.tar redis-0 && sha256sum <redis-0.tar", "sh"])
        .arg(folder.path())
        .output()
        .unwrap();
    let sum = String::from_utf8(packed.stdout).unwrap();
    let sum = sum.split_whitespace().next().unwrap().to_owned();
    let mut third = Bench::new(lab);
    third.change(|mut t| {
        for name in NAMES {
            t.node_mut(name).port = 6500;
        }
        t.named("built")
            .server("source", "tarball")
            .server("file", tarball.to_str().unwrap())
            .server("sha256", &sum)
            .server("directory", "/db/built")
    });
    third.run(&["setup", "--yes"]).ok().says("with 2 replicas");
    let time = |file: &str, host: &str| -> u128 {
        let said = lab.inside(host, &format!("cat /{file}")).ok().stdout;
        said.trim().parse().unwrap()
    };
    let last = NAMES.map(|h| time("built.begin", h)).into_iter().max();
    let first = NAMES.map(|h| time("built.end", h)).into_iter().min();
    assert!(last < first, "one host was built after another");
}

//! `rejoin` of stopped servers of Debian's package: their own unit starts them, and their own file
//! says where their data lies. What starts them is asked of systemd, and their role of redis-cli.

use super::*;

/// The folder that holds the backup of a node.
fn backup(bench: &Bench) -> PathBuf {
    let state = bench.operator.home().join(".local/state/replctl");
    let all = walk(&state);
    let manifest = all.iter().find(|p| p.ends_with("manifest.json"));
    manifest.unwrap().parent().unwrap().to_owned()
}

fn walk(folder: &std::path::Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let inner = entries.flat_map(|entry| match entry.path() {
        path if path.is_dir() => walk(&path),
        path => vec![path],
    });
    inner.collect()
}

fn replicates_from(lab: &Lab, host: &str, primary: &str) {
    await_that("the replica", Duration::from_secs(20), || {
        let told = lab.inside(host, "redis-cli info replication").stdout;
        told.contains(&format!("master_host:{primary}")) && told.contains("master_link_status:up")
    });
}

fn is_of_the_unit(lab: &Lab, host: &str) {
    let line = "systemctl is-active redis-server; systemctl show -p MainPID --value redis-server; pidof redis-server";
    let told = lab.inside(host, line).ok().stdout;
    let words: Vec<&str> = told.split_whitespace().collect();
    let [active, main, pid] = words[..] else {
        panic!("{told}");
    };
    assert_eq!((active, main), ("active", pid), "{told}");
}

#[test]
fn a_stopped_server_of_the_package_returns_by_its_own_unit() {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    installed(&lab, "redis", "redis-server");
    for host in HOSTS {
        let role = match host {
            "master" => "",
            _ => "echo 'replicaof 192.168.0.120 6379' >>/etc/redis/redis.conf; ",
        };
        // A name that says nothing of what the file is.
        let line = format!(
            "sed -i 's/^dbfilename .*/dbfilename orders/' /etc/redis/redis.conf; {role}systemctl restart redis-server"
        );
        lab.inside(host, &line).ok();
    }
    let bench = Bench::new(&lab);
    bench.links_are_up("redis-cli", &[("slave1", 6379), ("slave2", 6379)]);
    lab.inside("master", "redis-cli set before 1").ok();
    bench.find("192.168.0.120", &[]).ok();
    let named = |host: &str| lab.inside(host, "uname -n").ok().stdout.trim().to_owned();
    let (master, slave1, slave2) = (named("master"), named("slave1"), named("slave2"));

    // It ended in order: the primary's history goes on from its snapshot.
    lab.inside("master", "systemctl stop redis-server").ok();
    bench.operator.run(&["promote", &slave1, "--yes"]).ok();
    let plan = bench.operator.run(&["rejoin", &master, "--dry-run"]).ok();
    plan.says(&format!("start {master} by redis-server.service"));
    let active = lab.inside("master", "systemctl is-active redis-server");
    assert_eq!(active.stdout.trim(), "inactive");
    let done = bench.operator.run(&["rejoin", &master, "--yes"]).ok();
    done.says(&format!("{master} is a replica again"))
        .says("its dump ends before");
    is_of_the_unit(&lab, "master");
    replicates_from(&lab, "master", "192.168.0.130");

    // It has a key that nobody else has, in a snapshot with a name of its own.
    let own = "redis-cli replicaof no one; redis-cli set own 1; redis-cli save; systemctl stop redis-server";
    lab.inside("slave2", own).ok();
    let hash = "sha256sum </var/lib/redis/orders";
    let was = lab.inside("slave2", hash).ok().stdout;
    let done = bench.operator.run(&["rejoin", &slave2, "--yes"]).ok();
    done.says("their hashes compared");
    is_of_the_unit(&lab, "slave2");
    replicates_from(&lab, "slave2", "192.168.0.130");
    let kept = Command::new("sha256sum")
        .arg(backup(&bench).join("orders"))
        .output()
        .unwrap();
    let kept = String::from_utf8(kept.stdout).unwrap();
    assert_eq!(
        kept.split_whitespace().next(),
        was.split_whitespace().next()
    );
    let keys = lab.inside("slave2", "redis-cli exists own before").ok();
    assert_eq!(keys.stdout.trim(), "1");

    // The roles outlive a restart by others.
    for host in ["master", "slave2"] {
        lab.inside(host, "systemctl restart redis-server").ok();
        replicates_from(&lab, host, "192.168.0.130");
    }
    bench.operator.run(&["status"]).ok();
}

/// What lies behind a link is in no copy, and a role on the command line wins over the file: both
/// are refused, and nothing is changed.
#[test]
fn a_stopped_server_whose_data_or_role_are_elsewhere_stays_as_it_is() {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    installed(&lab, "redis", "redis-server");
    let replica = "echo 'replicaof 192.168.0.120 6379' >>/etc/redis/redis.conf; ";
    for (host, role) in [("master", ""), ("slave1", replica), ("slave2", replica)] {
        lab.inside(host, &format!("{role}systemctl restart redis-server"))
            .ok();
    }
    let bench = Bench::new(&lab);
    bench.links_are_up("redis-cli", &[("slave1", 6379), ("slave2", 6379)]);
    bench.find("192.168.0.120", &[]).ok();
    let name = lab
        .inside("slave2", "uname -n")
        .ok()
        .stdout
        .trim()
        .to_owned();
    let own = "cd /var/lib/redis && mkdir -p /srv/other && chown redis: /srv/other && \
        redis-cli replicaof no one && redis-cli config set appendonly yes && redis-cli config rewrite && \
        redis-cli set own 1 && sleep 3 && systemctl stop redis-server && \
        if [ -d appendonlydir ]; then mv appendonlydir /srv/other/ && ln -s /srv/other/appendonlydir appendonlydir; \
        else mv appendonly.aof /srv/other/ && ln -s /srv/other/appendonly.aof appendonly.aof; fi";
    lab.inside("slave2", own).ok();
    let print = "find /var/lib/redis/ /srv/other /etc/redis /etc/systemd/system -type f -exec sha256sum {} + | sort; systemctl is-active redis-server";
    let before = lab.inside("slave2", print).stdout;
    let refused = bench.operator.run(&["rejoin", &name, "--yes"]);
    assert_ne!(refused.code, Some(0), "{refused}");
    refused.says("is a link, and what it leads to is not copied");
    assert_eq!(lab.inside("slave2", print).stdout, before);

    let edit = "sed -i 's/^ExecStart=.*redis.conf/& --replicaof no one/' /lib/systemd/system/redis-server.service && \
        systemctl daemon-reload && systemctl show -p ExecStart redis-server";
    lab.inside("slave2", edit).ok().says("--replicaof no one");
    let before = lab.inside("slave2", print).stdout;
    let line = [
        "rejoin",
        &name,
        "--yes",
        "--discard-data",
        &name,
        "--ignore",
        "role-on-command-line",
    ];
    let refused = bench.operator.run(&line);
    assert_ne!(refused.code, Some(0), "{refused}");
    refused.says("may start with another role than its file gives it");
    assert_eq!(lab.inside("slave2", print).stdout, before);
}

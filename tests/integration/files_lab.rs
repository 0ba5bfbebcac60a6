//! Files of servers that run from Debian's package and unit, or were started by hand, on separate
//! hosts: by login and sudo, owner, mode and link. Meanwhile the server's user plants links. `/etc`
//! stays the same, except for the files that the plan named. Each server restarts as the same user
//! and groups with its role.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::setup_lab::bench;

use crate::support::{Flavour, Lab, await_that, figure};
use bench::{Bench, NAMES, PASSWORD, hosts};
use std::collections::BTreeMap;
use std::time::Duration;

/// The preparation of a host, from the state of the package.
struct Case {
    what: &'static str,
    /// Who logs in.
    login: &'static str,
    /// Lines of sh, with the server stopped.
    layout: &'static str,
    /// How it is started, and started again.
    start: &'static str,
    /// Its file, and the real file after all links.
    files: (&'static str, &'static str),
}

const UNIT: &str = "systemctl restart redis-server";
const BY_HAND: &str = "p=$(cat /var/lib/redis/pid 2>/dev/null) && kill $p && while kill -0 $p 2>/dev/null; do sleep 0.1; done; \
    cd /; umask 022; setpriv --reuid redis --regid redis --groups redis,adm redis-server /opt/app/redis.conf --daemonize yes --pidfile /var/lib/redis/pid";
const DEBIAN: (&str, &str) = ("/etc/redis/redis.conf", "/etc/redis/redis.conf");

const CASES: [Case; 8] = [
    Case {
        what: "the package as it is, root",
        login: "root",
        layout: "",
        start: UNIT,
        files: DEBIAN,
    },
    Case {
        what: "the package as it is, sudo",
        login: "deploy",
        layout: "",
        start: UNIT,
        files: DEBIAN,
    },
    Case {
        what: "the package as it is, sudo with a password",
        login: "ops",
        layout: "",
        start: UNIT,
        files: DEBIAN,
    },
    Case {
        what: "a link beside it, mode 600, sudo",
        login: "deploy",
        layout: "cd /etc/redis; mv redis.conf real.conf; ln -s real.conf redis.conf; chown -h redis:redis redis.conf; chmod 600 real.conf",
        start: UNIT,
        files: ("/etc/redis/redis.conf", "/etc/redis/real.conf"),
    },
    Case {
        what: "root's file in a folder of the group's, root",
        login: "root",
        layout: "chown root:redis /etc/redis /etc/redis/redis.conf; chmod 2775 /etc/redis; chmod 640 /etc/redis/redis.conf",
        start: UNIT,
        files: DEBIAN,
    },
    Case {
        what: "root's file for all in the user's folder, with a drop-in, sudo",
        login: "deploy",
        layout: "chown root:root /etc/redis/redis.conf; chmod 644 /etc/redis/redis.conf; mkdir -p /etc/systemd/system/redis-server.service.d; \
            printf '[Service]\\nUMask=022\\nSupplementaryGroups=adm\\n' >/etc/systemd/system/redis-server.service.d/x.conf; systemctl daemon-reload",
        start: UNIT,
        files: DEBIAN,
    },
    Case {
        what: "by hand, root",
        login: "root",
        layout: "mkdir -p /opt/app; cp /etc/redis/redis.conf /opt/app/redis.conf; chown -R redis:redis /opt/app; chmod 750 /opt/app; chmod 640 /opt/app/redis.conf",
        start: BY_HAND,
        files: ("/opt/app/redis.conf", "/opt/app/redis.conf"),
    },
    Case {
        what: "by hand, a link into another folder, sudo",
        login: "deploy",
        layout: "mkdir -p /opt/app /srv/store; cp /etc/redis/redis.conf /srv/store/r.conf; ln -s ../../srv/store/r.conf /opt/app/redis.conf; \
            chown -R redis:redis /opt/app /srv/store; chown -h redis /opt/app/redis.conf; chmod 750 /opt/app; chmod 660 /srv/store/r.conf",
        start: BY_HAND,
        files: ("/opt/app/redis.conf", "/srv/store/r.conf"),
    },
];

/// Everything in `/etc`, by `stat` and hash.
fn etc(lab: &Lab, host: &str) -> BTreeMap<String, String> {
    let line = "find /etc -type f -exec sh -c 'for f; do echo \"$f $(stat -c \"%a %u %g\" \"$f\") $(sha256sum <\"$f\")\"; done' sh {} +; \
        find /etc ! -type f -printf '%p %m %U %G %l\\n'";
    let said = lab.inside(host, line).ok().stdout;
    said.lines()
        .filter_map(|l| l.split_once(' '))
        .map(|(path, rest)| (path.to_owned(), rest.to_owned()))
        .collect()
}

/// User, groups and role of the server that runs.
fn running(bench: &Bench, host: usize) -> (String, String) {
    let line =
        "p=$(pidof redis-server | cut -d' ' -f1) && grep -E '^(Uid|Gid|Groups):' /proc/$p/status";
    let who = bench.lab.inside(NAMES[host], line).ok().stdout;
    let info = bench.client(host).info("replication");
    let upstream = info.get("master_host").cloned().unwrap_or_default();
    (who, format!("{} {upstream}", info["role"]))
}

fn start(bench: &Bench, case: &Case, host: usize) {
    bench.lab.inside(NAMES[host], case.start).ok();
    await_that("the server", Duration::from_secs(20), || {
        bench.answers(host)
    });
}

fn lay_out(bench: &Bench, case: &Case) {
    for (n, host) in NAMES.iter().enumerate() {
        let of = if n == 0 {
            ""
        } else {
            "replicaof 192.168.0.120 6379"
        };
        bench.lab.inside(host, &format!(
            "set -e; systemctl stop redis-server; [ ! -s /var/lib/redis/pid ] || {{ kill $(cat /var/lib/redis/pid) || :; sleep 0.5; rm -f /var/lib/redis/pid; }}; \
             rm -rf /opt/app /srv/store /etc/redis /var/lib/redis/dump.rdb /etc/systemd/system/redis-server.service.d; cp -a /root/etc-redis /etc/redis; systemctl daemon-reload; \
             printf '%s\\n' 'bind 0.0.0.0' 'requirepass {PASSWORD}' 'masterauth {PASSWORD}' 'repl-diskless-sync-delay 0' '{of}' >>/etc/redis/redis.conf; {}",
            case.layout
        )).ok();
        start(bench, case, n);
    }
    bench.in_sync(0, &[1, 2]);
}

/// Plants links in the folder of the server's file and removes them, as the server's user, until a
/// file tells it to stop: `ln` first makes a link by another name, which stays if it is killed.
const HOSTILE: &str = "cd $(dirname FILE) && rm -f /var/lib/redis/enough && exec setpriv --reuid redis --regid redis --init-groups sh -c 'echo $$ >/var/lib/redis/hostile; \
    while [ ! -e /var/lib/redis/enough ]; do \
    for x in new before other; do ln -sfn /etc/shadow FILE.replctl-$x; done; ln -sfn /etc/passwd FILE.l; rm -f FILE.l; sleep 0.01; done'";

/// The output that the operator sees. sudo may ask for a password.
fn promote(bench: &Bench, case: &Case) -> String {
    if case.login != "ops" {
        return bench.run(&["promote", "slave1", "--yes"]).ok().to_string();
    }
    let mut terminal = bench.operator.terminal(60, &["promote", "slave1"]);
    terminal.exp_regex("(?i)password[^\n]*ops").unwrap();
    terminal.send_line("ops-pw").unwrap();
    terminal.exp_string("Do this?").unwrap();
    terminal.send("y").unwrap();
    terminal.flush().unwrap();
    let said = terminal.exp_eof().unwrap();
    assert!(said.contains("is the primary"), "{said}");
    said
}

/// Ends the process that plants links on `slave1`; it removes its links.
fn enough(bench: &Bench, case: &Case) {
    let line = format!(
        "p=$(cat /var/lib/redis/hostile) && touch /var/lib/redis/enough && for n in $(seq 100); do [ -d /proc/$p ] || break; sleep 0.1; done; \
         [ ! -d /proc/$p ] && rm -f {0}.replctl-* {0}.l",
        case.files.0
    );
    bench.lab.inside("slave1", &line).ok();
}

/// The mode of the server's file on that host, and where it leads if it is a link: a line each.
fn mode_and_link(bench: &Bench, case: &Case, host: &str) -> String {
    let (at, file) = case.files;
    let line = format!("stat -c '%a' {file}; readlink {at} || :");
    bench.lab.inside(host, &line).ok().stdout
}

fn goes_through(bench: &mut Bench, case: &Case) {
    bench.change(|text| text.ssh("user", case.login));
    lay_out(bench, case);
    let before = NAMES.map(|h| (etc(bench.lab, h), mode_and_link(bench, case, h)));
    let who: Vec<_> = (0..3).map(|n| running(bench, n).0).collect();
    let hostile = bench
        .lab
        .start_inside("slave1", &HOSTILE.replace("FILE", case.files.0));
    let ran = promote(bench, case);
    enough(bench, case);
    drop(hostile);
    bench.in_sync(1, &[0, 2]);
    for (host, (files, file)) in NAMES.iter().zip(&before) {
        let what = format!("{}: {host}: {ran}", case.what);
        let now = etc(bench.lab, host);
        let changed: Vec<_> = now
            .iter()
            .filter(|(path, said)| files.get(*path) != Some(said))
            .map(|(path, _)| path.as_str())
            .filter(|path| *path != case.files.1 && *path != "/etc/redis")
            .collect();
        assert_eq!(changed, [""; 0], "{what}");
        assert!(now.keys().eq(files.keys()), "{now:?} {files:?} {what}");
        let (mode, link) = file.split_once('\n').unwrap();
        let after = mode_and_link(bench, case, host);
        let (mode_now, link_now) = after.split_once('\n').unwrap();
        assert_eq!(link_now, link, "{what}");
        let bits = |m: &str| u32::from_str_radix(m, 8).unwrap();
        let wider = bits(mode_now) & !bits(mode);
        assert_eq!(wider, 0, "{mode_now}, was {mode}: {what}");
    }
    for n in 0..3 {
        let (_, role) = running(bench, n);
        start(bench, case, n);
        assert_eq!(
            running(bench, n),
            (who[n].clone(), role),
            "{} {}",
            case.what,
            NAMES[n]
        );
    }
    bench.in_sync(1, &[0, 2]);
}

#[test]
fn servers_that_others_made_keep_their_files_and_start_again_with_their_roles() {
    let Some(lab) = hosts(Flavour::Systemd, &[]) else {
        return;
    };
    let mut bench = Bench::new(&lab);
    for host in NAMES {
        let line = "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y redis-server && systemctl stop redis-server && cp -a /etc/redis /root/etc-redis";
        lab.inside(host, line).ok();
    }
    for case in &CASES {
        goes_through(&mut bench, case);
    }
    figure(&format!(
        "files on systemd hosts: {} kinds through a promotion and restarts",
        CASES.len()
    ));
}

/// A login without sudo that is not the server's user cannot check the file, and says so. The role
/// is still written.
#[test]
fn a_login_without_sudo_says_what_it_cannot_know() {
    let Some(lab) = hosts(Flavour::Systemd, &[]) else {
        return;
    };
    let mut bench = Bench::new(&lab);
    for host in NAMES {
        let line = "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y redis-server && systemctl stop redis-server && cp -a /etc/redis /root/etc-redis";
        lab.inside(host, line).ok();
    }
    lay_out(&bench, &CASES[0]);
    bench.change(|text| text.ssh("user", "deploy").without_sudo());
    bench
        .run(&["promote", "slave1", "--dry-run"])
        .ok()
        .says("cannot see who may read");
    let ran = bench.run(&["promote", "slave1", "--yes"]).ok();
    assert!(
        format!("{}{}", ran.stdout, ran.stderr).contains("who may read"),
        "{ran}"
    );
    for n in 0..3 {
        start(&bench, &CASES[0], n);
    }
    bench.in_sync(1, &[0, 2]);
}

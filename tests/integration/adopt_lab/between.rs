//! What somebody does to a server while replctl is dead, and what is refused before it begins. The
//! server is a primary alone, of an instance of a template that forks.

use super::{ADDRESSES, Bench};
use crate::support::process::{Ran, run};
use crate::support::{Flavour, Lab, await_that};
use std::time::Duration;

const UNIT: &str = "[Service]\\nType=forking\\nUser=redis\\nRuntimeDirectory=shop-%%i\\nPIDFile=/run/shop-%%i/redis.pid\\n\
    ExecStart=/usr/bin/redis-server /etc/redis/shop-%%i.conf\\n[Install]\\nWantedBy=multi-user.target\\n";

const CONFIG: &str = "port 6379\\nbind 0.0.0.0\\nprotected-mode no\\ndaemonize yes\\nappendonly yes\\n\
    dir /var/lib/shop\\npidfile /run/shop-a/redis.pid\\nenable-debug-command yes\\n";

/// What systemd starts, what runs, and what replctl has left.
const STATE: &str = "find /etc/systemd /run/systemd/system -name '*shop*' -printf '%p %y %l\\n' | sort; \
    systemctl is-enabled shop@a; systemctl is-active shop@a; pidof redis-server | wc -w; ls -d /db 2>&1; true";

impl Bench<'_> {
    fn alone(&self, lines: Option<usize>) -> Ran {
        let words = ["adopt", "master", "--ignore", "pause", "--yes"];
        let mut command = self.operator.command(&words);
        if let Some(lines) = lines {
            command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", lines.to_string());
        }
        run(&mut command, Duration::from_mins(3))
    }

    fn on(&self, line: &str) -> String {
        self.lab.inside("master", line).ok().stdout
    }

    /// Dies right after the first moment at which the host says yes to `line`.
    fn dies_where(&self, line: &str) {
        for lines in (4..60).step_by(2) {
            assert_eq!(self.alone(Some(lines)).signal, Some(9));
            if self.lab.inside("master", line).stdout.trim() == "yes" {
                return;
            }
            self.operator.run(&["rollback", "--yes"]);
        }
        panic!("it was never so: {line}");
    }
}

#[test]
fn what_happens_to_a_server_while_nobody_looks_loses_no_write() {
    let Some(lab) = Lab::up() else {
        return;
    };
    lab.host("master", ADDRESSES[0], Flavour::Systemd);
    lab.wait();
    let install = format!(
        "apt-get update -qq >/dev/null 2>&1; apt-get install -y -qq redis-server >/dev/null 2>&1; \
        systemctl disable --now redis-server 2>/dev/null; mkdir -p /var/lib/shop; chown redis: /var/lib/shop; \
        printf '{UNIT}' >/etc/systemd/system/shop@.service; printf '{CONFIG}' >/etc/redis/shop-a.conf; \
        chown redis: /etc/redis/shop-a.conf; systemctl daemon-reload; systemctl enable --now shop@a"
    );
    lab.inside("master", &install).ok();
    let bench = Bench::new(&lab);
    bench.cli("master", "set first 1");
    refused(&bench);
    let before = bench.on(STATE);

    // Somebody starts the former server after the copy. Its writes are nowhere else.
    bench.dies_where(
        "ls /db/redis/6379/*.rdb >/dev/null 2>&1 && ! pidof redis-server >/dev/null && echo yes",
    );
    bench.on("systemctl start shop@a");
    await_that("the former server", Duration::from_secs(20), || {
        bench.cli("master", "set second 2") == "OK"
    });
    bench.operator.run(&["rollback", "--yes"]).ok();
    assert_eq!(bench.on(STATE), before);
    assert_eq!(bench.cli("master", "get second"), "2");

    // Somebody changes where its data is before it is ended.
    assert_eq!(bench.alone(Some(8)).signal, Some(9));
    bench.cli("master", "config set appendonly no");
    bench.cli("master", "set third 3");
    let resumed = bench.operator.run(&["resume"]);
    resumed
        .says("its settings have changed since the plan was made")
        .says("`appendonly no`, not `yes`");
    assert_eq!(bench.on(STATE), before);
    bench
        .alone(None)
        .ok()
        .says("shop@a.service is not started at boot any more");
    for (key, value) in [("first", "1"), ("second", "2"), ("third", "3")] {
        assert_eq!(bench.cli("master", &format!("get {key}")), value);
    }
}

/// What may start or end the server beside its unit.
fn refused(bench: &Bench<'_>) {
    let cron = "/etc/cron.d/shop";
    bench.on("mkdir -p /etc/cron.d; echo '@reboot redis redis-server /x.conf --requirepass canary' >/etc/cron.d/shop");
    let ran = bench.alone(None).code(3).says(cron);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("canary"));
    bench.on("rm /etc/cron.d/shop; mkdir /etc/systemd/system/shop@a.service.d; \
        printf '[Service]\\nRemainAfterExit=yes\\n' >/etc/systemd/system/shop@a.service.d/x.conf; systemctl daemon-reload");
    bench.alone(None).code(3).says("RemainAfterExit=yes");
    bench.on("rm -r /etc/systemd/system/shop@a.service.d; systemctl daemon-reload");
    bench.on(
        "setsid sleep 600 >/dev/null 2>&1 </dev/null & echo $! >/run/sleeps; \
        echo $! >/sys/fs/cgroup$(systemctl show -p ControlGroup --value shop@a)/cgroup.procs",
    );
    bench
        .alone(None)
        .code(3)
        .says("another process, too: ")
        .says("`sleep`");
    bench.on("kill $(cat /run/sleeps)");
}

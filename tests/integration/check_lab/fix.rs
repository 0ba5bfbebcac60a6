//! `check --fix` on real hosts: what is planned is set and kept, and a host on which a step fails
//! is put back.

use super::{check, made_healthy, needs_doing};
use crate::support::{Deployed, Flavour, Lab};

const OVERCOMMIT: &str = "cat /proc/sys/vm/overcommit_memory";
const HUGE_PAGES: &str = "cat /sys/kernel/mm/transparent_hugepage/enabled";
const KEPT: &str = "/etc/sysctl.d/90-replctl-overcommit_memory.conf";

/// What a line of sh prints on a host.
#[track_caller]
fn said(lab: &Lab, host: &str, line: &str) -> String {
    lab.inside(host, line).ok().stdout.trim().to_owned()
}

#[test]
fn what_is_safe_is_set_and_kept_or_put_back() {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    let deployed = Deployed::set_up(&lab);
    made_healthy(&lab);
    lab.inside(
        "slave1",
        "echo 0 >/proc/sys/vm/overcommit_memory && echo 128 >/proc/sys/net/core/somaxconn && \
         echo '[always] madvise never' >/sys/kernel/mm/transparent_hugepage/enabled && echo net.core.somaxconn=128 >/etc/sysctl.d/90-replctl-somaxconn.conf && \
         echo mine >/etc/sysctl.d/90-replctl-somaxconn.conf.before-replctl",
    )
    .ok();
    // The owner of a folder and its mode are never changed.
    lab.inside("slave2", "chmod 757 /db/redis/6379").ok();
    let operator = &deployed.operator;

    let plan = operator.run(&["check", "--fix", "--dry-run"]).ok();
    assert!(!plan.stdout.contains("/db/redis/6379"), "{plan}");
    plan.says("set /proc/sys/vm/overcommit_memory to 1");
    assert_eq!(said(&lab, "slave1", OVERCOMMIT), "0");

    // A step in the middle fails on one host.
    lab.inside(
        "slave1",
        "mv /etc/tmpfiles.d /etc/kept && touch /etc/tmpfiles.d",
    )
    .ok();
    let ran = operator.run(&["check", "--fix", "--yes"]);
    assert_ne!(ran.code, Some(0), "{ran}");
    assert_eq!(said(&lab, "slave1", OVERCOMMIT), "0", "{ran}");
    assert_eq!(
        said(&lab, "slave1", "cat /proc/sys/net/core/somaxconn"),
        "128"
    );
    let gone = format!("[ ! -e {KEPT} ] && cat /etc/sysctl.d/90-replctl-somaxconn.conf");
    assert_eq!(
        said(&lab, "slave1", &gone),
        "net.core.somaxconn=128",
        "{ran}"
    );
    lab.inside(
        "slave1",
        "rm /etc/tmpfiles.d && mv /etc/kept /etc/tmpfiles.d",
    )
    .ok();

    operator.run(&["check", "--fix", "--yes"]).code(4);
    let left = needs_doing(&check(&deployed));
    assert!(
        left.len() == 1 && left[0].contains("folder-open"),
        "{left:#?}"
    );
    let copies = "cd /etc/sysctl.d && cat 90-replctl-somaxconn.conf.before-replctl 90-replctl-somaxconn.conf.before-replctl.2";
    assert_eq!(said(&lab, "slave1", copies), "mine\nnet.core.somaxconn=128");
    assert_eq!(said(&lab, "slave2", "stat -c %a /db/redis/6379"), "757");
    lab.inside("slave2", "chmod 755 /db/redis/6379").ok();
    let again = operator.run(&["check", "--fix", "--yes"]).code(0);
    again.says("There is nothing that --fix could set.");

    lab.kill("slave1");
    lab.boot("slave1");
    lab.wait_for("slave1");
    assert_eq!(said(&lab, "slave1", OVERCOMMIT), "1");
    // The stand-in is a file, which is written over from its beginning.
    let mode = said(&lab, "slave1", HUGE_PAGES);
    assert!(mode.starts_with("madvise"), "{mode}");
}

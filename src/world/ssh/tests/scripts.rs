//! One shell that does one script after the other, through each transport: what a script leaves
//! behind, what becomes of one that is out of time, and of the shell that is ended.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::sshd::{Lab, appears, for_seconds, within};
use super::transports::settings;
use crate::inventory::Transport;
use crate::world::ssh::output::Output;
use crate::world::ssh::{Host, SshError, SshErrorKind};
use secrecy::zeroize::Zeroizing;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

const ALL: [Transport; 3] = [Transport::Builtin, Transport::OpenSsh, Transport::Local];

pub async fn script(host: &Host, text: &str, seconds: u64) -> Result<Output, SshError> {
    let text = Zeroizing::new(text.to_owned());
    host.script(text, for_seconds(seconds)).await
}

pub async fn gone(file: &Path) {
    let pid = std::fs::read_to_string(file).unwrap();
    let process = format!("/proc/{}/stat", pid.trim());
    let end = Instant::now() + Duration::from_secs(5);
    while let Ok(stat) = std::fs::read_to_string(&process) {
        assert!(Instant::now() < end, "it runs on: {stat}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_shell_does_them_all_and_each_ends_in_its_time() {
    within(100, async {
        let tried = ALL.map(|transport| tokio::spawn(everything(transport)));
        for (one, transport) in futures::future::join_all(tried).await.into_iter().zip(ALL) {
            one.unwrap_or_else(|e| panic!("{transport:?}: {e}"));
        }
    })
    .await;
}

async fn everything(transport: Transport) {
    let lab = Lab::new();
    let sshd = lab.sshd();
    let ssh = crate::world::ssh::Ssh::new(lab.options());
    let settings = settings(&sshd, transport);
    let host = ssh.host("node", &settings, "127.0.0.1").await.unwrap();
    leave_nothing_behind(&host).await;
    end_in_their_time(&host, &lab).await;
    // The shell itself is ended: what had been asked of it is no success, and the next is done.
    let ended = script(&host, "kill -9 $$; sleep 9", 20).await.unwrap_err();
    assert_eq!(ended.kind, SshErrorKind::Io, "{ended}");
    let out = script(&host, "echo on", 20).await.unwrap();
    assert_eq!(out.text(), "on");
    // Commands with a channel of their own go on beside it.
    let out = host.run("cat", for_seconds(10)).await.unwrap();
    assert!(out.success());
    drop(host);
    ssh.close().await;
}

async fn leave_nothing_behind(host: &Host) {
    let text =
        "x=1; cd /; umask 000; trap 'echo trapped' EXIT\nprintf 'no end'; echo why >&2; exit 7";
    let out = script(host, text, 20).await.unwrap();
    assert_eq!((out.status, out.text().as_str()), (7, "no endtrapped"));
    assert_eq!(out.stderr, b"why\n");
    let out = script(host, "echo $$ ${x:-none} $(umask); cat; pwd >&2", 20)
        .await
        .unwrap();
    let first = out.text();
    assert!(
        first.contains(" none 00") && !first.contains("0000"),
        "{first}"
    );
    let out = script(host, "echo $$ ${x:-none} $(umask)", 20)
        .await
        .unwrap();
    assert_eq!(out.text(), first, "another shell");
    // As much as is kept, and no more than that.
    let out = script(host, "head -c 3000000 /dev/zero; echo end >&2", 60)
        .await
        .unwrap();
    assert_eq!(
        (out.stdout.len(), out.dropped),
        (1 << 20, 3_000_000 - (1 << 20))
    );
    assert_eq!(out.stderr, b"end\n");
    // A number of the script's own, whatever it would be of a process.
    let out = script(host, "exit 137", 20).await.unwrap();
    assert_eq!((out.status, out.signal), (137, None));
    let out = script(host, "if", 20).await.unwrap();
    assert!(!out.success());
}

async fn end_in_their_time(host: &Host, lab: &Lab) {
    for (name, work) in [("silent", "sleep 300"), ("endless", "cat /dev/zero")] {
        let file = lab.path(name);
        let text = format!("sh -c 'echo $$ >{}; {work}; :'", file.display());
        let began = Instant::now();
        // Enough for a busy machine to begin it.
        let error = script(host, &text, 3).await.unwrap_err();
        assert_eq!(error.kind, SshErrorKind::Timeout, "{error}");
        assert!(began.elapsed() < Duration::from_secs(12), "{name}");
        gone(&file).await;
    }
    let file = lab.path("cancelled");
    let text = format!("sh -c 'echo $$ >{}; sleep 300; :'", file.display());
    tokio::select! {
        out = script(host, &text, 30) => panic!("{out:?}"),
        () = appears(&file) => {}
    }
    gone(&file).await;
}

/// A login that may do two things at a time: what holds it, and one other.
#[tokio::test(flavor = "multi_thread")]
async fn the_shell_gives_way_to_what_else_is_done() {
    within(60, async {
        let lab = Lab::new();
        lab.host_key("hostkey", "ed25519");
        let sshd = lab.sshd_with(&["hostkey"], "MaxSessions 2\n");
        for transport in [Transport::Builtin, Transport::OpenSsh] {
            let ssh = crate::world::ssh::Ssh::new(lab.options());
            let settings = settings(&sshd, transport);
            let host = ssh.host("node", &settings, "127.0.0.1").await.unwrap();
            let file = lab.path("held");
            let hold = format!("echo $$ >{}; echo held; cat >/dev/null", file.display());
            let said = host.hold("a", &hold, "false", false, "held").await.unwrap();
            assert_eq!(said, "held");
            let process = std::fs::read_to_string(&file).unwrap();
            let process = format!("/proc/{}", process.trim());
            for n in 0..8 {
                let out = script(&host, &format!("echo {n}"), 20).await.unwrap();
                assert_eq!(out.text(), n.to_string());
                let out = host.run("echo on", for_seconds(20)).await.unwrap();
                assert_eq!(out.text(), "on");
                assert!(Path::new(&process).exists(), "{transport:?}: {n}");
            }
            drop(host);
            ssh.close().await;
        }
    })
    .await;
}

/// The host has no session free to stop a script with: a new connection has one.
#[tokio::test(flavor = "multi_thread")]
async fn a_script_out_of_time_is_stopped_where_no_session_is_free() {
    within(90, async {
        let lab = Lab::new();
        lab.host_key("hostkey", "ed25519");
        let sshd = lab.sshd_with(&["hostkey"], "MaxSessions 2\n");
        for transport in [Transport::Builtin, Transport::OpenSsh] {
            let ssh = crate::world::ssh::Ssh::new(lab.options());
            let settings = settings(&sshd, transport);
            let host = ssh.host("node", &settings, "127.0.0.1").await.unwrap();
            let (file, order) = (
                lab.path(&format!("{transport:?}")),
                lab.path(&format!("order-{transport:?}")),
            );
            // One that has ended may not be collected yet.
            let alive = format!(
                "grep -q '^State:[^Z]*$' /proc/$(cat {})/status 2>/dev/null",
                file.display()
            );
            let hold = |word: &str| {
                format!(
                    "{{ {alive} && echo runs || echo {word}; }} >>{}; echo held; cat >/dev/null",
                    order.display()
                )
            };
            let (first, again) = (hold("first"), hold("again"));
            let said = host.hold("a", &first, &again, false, "held").await.unwrap();
            assert_eq!(said, "held");
            let text = format!("sh -c 'echo $$ >{}; sleep 300; :'", file.display());
            let error = script(&host, &text, 3).await.unwrap_err();
            assert_eq!(error.kind, SshErrorKind::Timeout, "{error}");
            let said = error.to_string();
            assert!(!said.contains("may still run"), "{transport:?}: {said}");
            gone(&file).await;
            let out = script(&host, "echo on", 20).await.unwrap();
            assert_eq!(out.text(), "on");
            // It was stopped before the host was held again.
            let order = std::fs::read_to_string(&order).unwrap();
            assert_eq!(order, "first\nagain\n", "{transport:?}");
            drop(host);
            ssh.close().await;
        }
    })
    .await;
}

/// The connection ends while a script runs, or before it is known to have begun: it is run once.
#[tokio::test(flavor = "multi_thread")]
async fn a_script_whose_connection_is_lost_is_not_run_again() {
    within(60, async {
        let lab = Lab::new();
        let sshd = lab.sshd();
        let ssh = crate::world::ssh::Ssh::new(lab.options());
        let settings = settings(&sshd, Transport::OpenSsh);
        let host = ssh.host("node", &settings, "127.0.0.1").await.unwrap();
        assert!(script(&host, "true", 20).await.unwrap().success());
        // The shell is stopped, so that no mark of it comes back, and goes on when the connection
        // is gone.
        let shells = lab.path("shell");
        let text = format!("echo $$ >{}", shells.display());
        assert!(script(&host, &text, 20).await.unwrap().success());
        let shell = std::fs::read_to_string(&shells).unwrap().trim().to_owned();
        super::sshd::run(std::process::Command::new("kill").args(["-STOP", &shell]));
        let runs = lab.path("runs");
        let text = format!("echo once >>{}", runs.display());
        let asked = script(&host, &text, 20);
        let cut = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            for pid in super::transports::masters(&lab) {
                super::sshd::run(
                    std::process::Command::new("kill").args(["-KILL", &pid.to_string()]),
                );
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            super::sshd::run(std::process::Command::new("kill").args(["-CONT", &shell]));
        };
        let (out, ()) = tokio::join!(asked, cut);
        let error = out.unwrap_err();
        assert_eq!(error.kind, SshErrorKind::Io, "{error}");
        tokio::time::sleep(Duration::from_millis(500)).await;
        let times = std::fs::read_to_string(&runs).unwrap_or_default();
        assert!(times.lines().count() <= 1, "{times}");
        drop(host);
        ssh.close().await;
    })
    .await;
}

/// A host where no such shell can be kept: what it reads a script with gives it only a part.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_keeps_no_shell_runs_each_script_once() {
    within(60, async {
        let lab = Lab::new();
        lab.host_key("hostkey", "ed25519");
        let (bin, head) = (lab.path("bin"), lab.path("bin/head"));
        std::fs::create_dir(&bin).unwrap();
        std::fs::write(&head, "#!/bin/sh\nexec /usr/bin/head -c 9\n").unwrap();
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&head, mode).unwrap();
        let path = format!("SetEnv PATH={}:/usr/bin:/bin\n", bin.display());
        let sshd = lab.sshd_with(&["hostkey"], &path);
        for transport in [Transport::Builtin, Transport::OpenSsh] {
            let ssh = crate::world::ssh::Ssh::new(lab.options());
            let settings = settings(&sshd, transport);
            let host = ssh.host("node", &settings, "127.0.0.1").await.unwrap();
            let runs = lab.path(&format!("runs-{transport:?}"));
            for n in 1..4 {
                let text = format!("echo {n} >>{}; cat; echo done; exit {n}", runs.display());
                let out = script(&host, &text, 20).await.unwrap();
                assert_eq!((out.text().as_str(), out.status), ("done", n));
            }
            let times = std::fs::read_to_string(&runs).unwrap();
            assert_eq!(times, "1\n2\n3\n", "{transport:?}");
            drop(host);
            ssh.close().await;
        }
    })
    .await;
}

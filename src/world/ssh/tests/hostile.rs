//! The shell for scripts where something works against it: output without end, marks of another
//! script, processes that are killed, a connection that is cut, login shells of other families.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::scripts::{gone, script};
use super::sshd::{Lab, Sshd, appears, within};
use super::transports::settings;
use crate::inventory::Transport;
use crate::world::ssh::{Host, Ssh, SshErrorKind};
use std::future::Future;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ALL: [Transport; 3] = [Transport::Builtin, Transport::OpenSsh, Transport::Local];

/// Does the same work through these transports, with an sshd for each.
async fn through<W: Future<Output = ()> + Send + 'static>(
    transports: &[Transport],
    work: fn(Arc<Lab>, Arc<Sshd>, Host) -> W,
) {
    let each = transports.iter().map(|&transport| {
        let work = async move {
            let lab = Arc::new(Lab::new());
            let sshd = Arc::new(lab.sshd());
            let ssh = Ssh::new(lab.options());
            let settings = settings(&sshd, transport);
            let host = ssh.host("node", &settings, "127.0.0.1").await.unwrap();
            work(lab, sshd, Host::clone(&host)).await;
            drop(host);
            ssh.close().await;
        };
        (transport, tokio::spawn(work))
    });
    let each: Vec<_> = each.collect();
    within(100, async {
        for (transport, one) in each {
            one.await.unwrap_or_else(|e| panic!("{transport:?}: {e}"));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn output_without_end_has_an_end() {
    through(&ALL, |lab, _, host| async move {
        for (name, work) in [
            ("stderr", "cat /dev/zero >&2"),
            ("both", "cat /dev/zero >&2 & cat /dev/zero"),
        ] {
            let file = lab.path(name);
            let text = format!("sh -c 'echo $$ >{}; {work}; :'", file.display());
            let began = Instant::now();
            let error = script(&host, &text, 3).await.unwrap_err();
            assert_eq!(error.kind, SshErrorKind::Timeout, "{name}: {error}");
            assert!(began.elapsed() < Duration::from_secs(12), "{name}");
            gone(&file).await;
        }
        // What goes on behind the end of a script is no part of the next one's output.
        for stream in ["", " >&2"] {
            let file = lab.path("behind");
            let text = format!(
                "cat /dev/zero{stream} & echo $! >{}; exit 3",
                file.display()
            );
            let out = script(&host, &text, 20).await.unwrap();
            assert_eq!(out.status, 3, "{stream}");
            // Until it fills the pipe again.
            tokio::time::sleep(Duration::from_millis(500)).await;
            let out = script(&host, "echo clean; echo too >&2", 20).await.unwrap();
            assert!(
                out.stdout == b"clean\n" && out.stderr == b"too\n",
                "{stream}"
            );
            gone(&file).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_of_another_script_and_bytes_of_any_kind_are_words() {
    through(&ALL, |lab, _, host| async move {
        let file = lab.path("mark");
        let text = format!("echo \"$replctl_m\" >{}", file.display());
        assert!(script(&host, &text, 20).await.unwrap().success());
        let earlier = std::fs::read_to_string(&file).unwrap().trim().to_owned();
        assert!(earlier.starts_with("replctl-"), "{earlier}");
        let text = format!(
            "for end in {earlier}:0 {earlier}:cut replctl-00:0; do echo $end; echo $end >&2; done; exit 4"
        );
        let out = script(&host, &text, 20).await.unwrap();
        let words = format!("{earlier}:0\n{earlier}:cut\nreplctl-00:0\n");
        assert_eq!(out.status, 4);
        assert_eq!(out.stdout, words.as_bytes());
        assert_eq!(out.stderr, words.as_bytes());
        // Its own environment has no mark, so what it starts knows none.
        let out = script(&host, "env | grep -c replctl_", 20).await.unwrap();
        assert_eq!(out.text(), "0");
        let text = "printf 'a\\0b\\377\\r\\n\\n'; printf '\\0' >&2";
        let out = script(&host, text, 20).await.unwrap();
        assert_eq!(out.stdout, b"a\0b\xff\r\n\n");
        assert_eq!(out.stderr, b"\0");
        // A shell drops such a byte, and would run something else.
        let error = script(&host, "echo a\0b", 20).await.unwrap_err();
        assert_eq!(error.kind, SshErrorKind::Command, "{error}");
        let command = host.run("echo a\0b", super::sshd::for_seconds(20));
        let error = command.await.unwrap_err();
        assert_eq!(error.kind, SshErrorKind::Command, "{error}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_at_once_take_turns_and_each_gets_its_own_output() {
    through(&ALL, |lab, _, host| async move {
        let file = lab.path("turns");
        let texts: Vec<String> = (1..8)
            .map(|n| {
                format!(
                    "echo b >>{0}; echo {n}; sleep 0.05; echo {n} >&2; echo e >>{0}; exit {n}",
                    file.display()
                )
            })
            .collect();
        let all = texts.iter().map(|text| script(&host, text, 30));
        let all = futures::future::join_all(all).await;
        for (n, out) in (1..8).zip(all) {
            let (out, word) = (out.unwrap(), format!("{n}\n"));
            assert_eq!(out.status, n);
            assert_eq!(out.stdout, word.as_bytes());
            assert_eq!(out.stderr, word.as_bytes());
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "b\ne\n".repeat(7));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_is_killed_is_no_success() {
    through(&ALL, |lab, _, host| async move {
        // Only the script: the number that every shell has for that.
        let text = "sh -c 'kill -9 $PPID'; echo not this";
        let out = script(&host, text, 20).await.unwrap();
        assert_eq!((out.status, out.stdout.len()), (137, 0));
        // The shell, by somebody else, while the script runs: its child goes on for a moment.
        let (shell, runs) = (lab.path("shell"), lab.path("runs"));
        let text = format!(
            "echo once >>{}; echo $$ >{}; sleep 3; echo end",
            runs.display(),
            shell.display()
        );
        let kill = async {
            appears(&shell).await;
            let pid = std::fs::read_to_string(&shell).unwrap();
            super::sshd::run(Command::new("kill").args(["-KILL", pid.trim()]));
        };
        let (out, ()) = tokio::join!(script(&host, &text, 20), kill);
        let error = out.unwrap_err();
        assert_eq!(error.kind, SshErrorKind::Io, "{error}");
        assert_eq!(std::fs::read_to_string(&runs).unwrap(), "once\n");
        // Between two scripts: the next one is done all the same, and once.
        let text = format!("echo $$ >{}", shell.display());
        assert!(script(&host, &text, 20).await.unwrap().success());
        let pid = std::fs::read_to_string(&shell).unwrap();
        super::sshd::run(Command::new("kill").args(["-KILL", pid.trim()]));
        gone(&shell).await;
        let text = format!("echo twice >>{}; echo on", runs.display());
        match script(&host, &text, 20).await {
            Ok(out) => assert_eq!(out.text(), "on"),
            // The installed ssh does not tell of a signal, so it may have been run.
            Err(error) => {
                assert!(error.to_string().contains("not sent again"), "{error}");
                assert_eq!(std::fs::read_to_string(&runs).unwrap(), "once\n");
                assert_eq!(script(&host, &text, 20).await.unwrap().text(), "on");
            }
        }
        assert_eq!(std::fs::read_to_string(&runs).unwrap(), "once\ntwice\n");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_whose_connection_is_cut_is_run_once_and_its_shell_ends() {
    let transports = [Transport::Builtin, Transport::OpenSsh];
    through(&transports, |lab, sshd, host| async move {
        let (shell, runs) = (lab.path("shell"), lab.path("runs"));
        let text = format!(
            "echo once >>{}; echo $$ >{}; sleep 1; echo end >>{0}",
            runs.display(),
            shell.display()
        );
        let cut = async {
            appears(&shell).await;
            sshd.cut();
        };
        let (out, ()) = tokio::join!(script(&host, &text, 20), cut);
        let error = out.unwrap_err();
        assert_eq!(error.kind, SshErrorKind::Io, "{error}");
        assert_eq!(script(&host, "echo on", 20).await.unwrap().text(), "on");
        gone(&shell).await;
        assert_eq!(std::fs::read_to_string(&runs).unwrap(), "once\nend\n");
    })
    .await;
}

/// Login shells that are none of Bourne's family.
#[tokio::test(flavor = "multi_thread")]
async fn the_login_shell_does_not_matter() {
    let mounts = Command::new("unshare").args(["-m", "true"]).status();
    if !mounts.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CI").is_none(), "no mount namespaces here");
        return;
    }
    let lab = Lab::new();
    let shells = ["/bin/tcsh", "/bin/bsd-csh", "/usr/bin/fish"];
    let there = shells.iter().filter(|shell| {
        let there = Path::new(shell).exists();
        assert!(there || std::env::var_os("CI").is_none(), "no {shell} here");
        there
    });
    let sshds: Vec<_> = there.map(|shell| (shell, lab.sshd_of(shell))).collect();
    within(90, async {
        for (shell, sshd) in &sshds {
            for transport in [Transport::Builtin, Transport::OpenSsh] {
                let ssh = Ssh::new(lab.options());
                let settings = settings(sshd, transport);
                let host = ssh.host("node", &settings, "127.0.0.1").await.unwrap();
                let text = "getent passwd \"$(id -u)\"; echo $$";
                let out = script(&host, text, 20).await.unwrap().text();
                assert!(out.lines().next().unwrap().ends_with(*shell), "{out}");
                let out_again = script(&host, text, 20).await.unwrap().text();
                assert_eq!(out_again, out, "{shell}: not one shell");
                let text = "x='it'\\''s \\! `echo a`'\nprintf '%s\\n' \"$x\"; cat; exit 5";
                let out = script(&host, text, 20).await.unwrap();
                assert_eq!((out.text().as_str(), out.status), ("it's \\! `echo a`", 5));
                let error = script(&host, "sleep 60", 1).await.unwrap_err();
                assert_eq!(error.kind, SshErrorKind::Timeout, "{shell}: {error}");
                drop(host);
                ssh.close().await;
            }
        }
    })
    .await;
}

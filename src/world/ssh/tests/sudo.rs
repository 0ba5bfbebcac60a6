//! Becoming root: what we say to sudo and what we make of its answers. A script stands in for sudo,
//! because a test has no second user and no right to change the machine's sudoers; the real one is
//! met on the lab's hosts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::sshd::{Lab, Scripted, Sshd, within};
use crate::inventory::{SshSettings, Transport};
use crate::world::ssh::{Host, Options, RemoteCommand, Ssh, SshErrorKind};
use secrecy::zeroize::Zeroizing;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

const SUDO: &str = r#"#!/bin/sh
here=${0%/*}; echo "$*" >>"$here/calls"
n=; p=Password:
while [ $# -gt 0 ]; do case $1 in -n) n=1;; -S) ;; -p) p=$2; shift;; --) shift; break;; esac; shift; done
case $(cat "$here/mode") in
  tty) echo 'sudo: sorry, you must have a tty to run sudo' >&2; exit 1;;
  free) REPLCTL_ROOT=1 exec "$@";;
  cached) [ -z "$n" ] || { echo 'sudo: a password is required' >&2; exit 1; }; REPLCTL_ROOT=1 exec "$@";;
esac
[ -z "$n" ] || { echo 'sudo: a password is required' >&2; exit 1; }
echo 'We trust you have received the usual lecture.' >&2
for try in 1 2 3; do
  printf %s "$p" >&2
  IFS= read -r pw || { echo 'sudo: no password was provided' >&2; echo 'sudo: 1 incorrect password attempt' >&2; exit 1; }
  if [ "$pw" = 'right $one' ]; then
    [ "$(cat "$here/mode")" != nobody ] || { echo 'plain is not in the sudoers file.' >&2; exit 1; }
    REPLCTL_ROOT=1 exec "$@"
  fi
  echo "$pw" >>"$here/wrong"; echo 'Sorry, try again.' >&2
done
echo 'sudo: 3 incorrect password attempts' >&2; exit 1
"#;

/// An sshd whose logins are no root, with the stand-in for sudo in that mode.
fn sshd(lab: &Lab, mode: &str) -> Sshd {
    let bin = lab.path("bin");
    std::fs::create_dir_all(&bin).unwrap();
    for (name, text) in [("sudo", SUDO), ("id", "#!/bin/sh\necho 1000\n")] {
        std::fs::write(bin.join(name), text).unwrap();
        std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    std::fs::write(bin.join("mode"), mode).unwrap();
    lab.host_key("hostkey", "ed25519");
    lab.sshd_with(
        &["hostkey"],
        &format!(
            "Subsystem sftp internal-sftp\nSetEnv PATH={}:/usr/bin:/bin\n",
            bin.display()
        ),
    )
}

fn as_root() -> RemoteCommand {
    RemoteCommand {
        root: true,
        stdin: b"the input\n".to_vec(),
        ..RemoteCommand::default()
    }
}

const LOOK: &str = "echo root=$REPLCTL_ROOT; cat";

/// Both are done as root, by one shell, and neither reads the password or the other.
async fn two_scripts(host: &Host, root: &str) {
    let text = "echo root=$REPLCTL_ROOT $$; cat";
    let script = async || {
        let text = Zeroizing::new(text.to_owned());
        host.script(text, as_root()).await.unwrap().text()
    };
    let first = script().await;
    assert!(first.starts_with(&format!("root={root} ")), "{first}");
    assert_eq!(first.lines().count(), 1, "{first}");
    assert_eq!(script().await, first, "not one shell");
}

/// The passwords that the stand-in has refused.
fn wrong_tries(lab: &Lab) -> String {
    std::fs::read_to_string(lab.path("bin/wrong")).unwrap()
}

async fn log_in(lab: &Lab, sshd: &Sshd, ask: Option<&Arc<Scripted>>) -> Arc<Host> {
    let ask = ask.map(|a| Arc::clone(a) as _);
    sshd.log_in(Options {
        ask,
        ..lab.options()
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_password() {
    let lab = Lab::new();
    let sshd = sshd(&lab, "free");
    within(30, async {
        let host = log_in(&lab, &sshd, None).await;
        assert!(!host.is_root() && host.can_root());
        let out = host.run(LOOK, as_root()).await.unwrap();
        assert_eq!(out.text(), "root=1\nthe input");
        let out = host
            .run("echo root=$REPLCTL_ROOT", RemoteCommand::default())
            .await
            .unwrap();
        assert_eq!(out.text(), "root=");
        two_scripts(&host, "1").await;
        let file = lab.path("as root");
        host.upload(
            Arc::new(b"content".to_vec()),
            file.to_str().unwrap(),
            0o640,
            true,
            |_| {},
        )
        .await
        .unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"content");
        let calls = std::fs::read_to_string(lab.path("bin/calls")).unwrap();
        assert!(
            calls.contains("cat >"),
            "an upload as root is written by root: {calls}"
        );
        assert_eq!(calls.matches("read -r replctl_m").count(), 1, "{calls}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_password_asked_once_for_all_hosts() {
    let lab = Lab::new();
    let sshds = [sshd(&lab, "ask"), sshd(&lab, "ask")];
    within(60, async {
        let ask = Scripted::secrets(&["a typing error", "right $one", "asked too often"]);
        let ssh = Ssh::new(Options {
            ask: Some(Arc::clone(&ask) as _),
            ..lab.options()
        });
        // One of them through the installed ssh: what is asked for is the same.
        let transports = [Transport::Builtin, Transport::OpenSsh];
        let work = sshds.iter().zip(transports).map(|(sshd, transport)| {
            let ssh = ssh.clone();
            async move {
                let settings = SshSettings {
                    transport: Some(transport),
                    ..sshd.settings()
                };
                let host = ssh.host("node", &settings, "127.0.0.1").await?;
                two_scripts(&host, "1").await;
                host.run(LOOK, as_root()).await
            }
        });
        for out in futures::future::join_all(work).await {
            assert_eq!(out.unwrap().text(), "root=1\nthe input");
        }
        assert_eq!(ask.questions().len(), 2, "{:?}", ask.questions());
        let calls = std::fs::read_to_string(lab.path("bin/calls")).unwrap();
        assert!(
            !calls.contains("right") && !calls.contains("typing"),
            "{calls}"
        );
        // sudo was run once for the scripts of each host, beside the refused tries.
        let (shells, wrong) = (
            calls.matches("read -r replctl_m").count(),
            wrong_tries(&lab),
        );
        assert_eq!(shells, 2 + wrong.lines().count(), "{calls}");
        // Each wrong password once: what would follow on standard input never counted as another
        // try.
        assert!(
            wrong.lines().all(|l| l == "a typing error") && wrong.lines().count() <= 2,
            "{wrong}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_not_asked_for_reaches_nobody() {
    let lab = Lab::new();
    let sshd = sshd(&lab, "cached");
    within(30, async {
        let ask = Scripted::secrets(&["right $one"]);
        let host = log_in(&lab, &sshd, Some(&ask)).await;
        assert_eq!(
            host.run(LOOK, as_root()).await.unwrap().text(),
            "root=1\nthe input"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_as_root_out_of_time_is_stopped() {
    let lab = Lab::new();
    let sshd = sshd(&lab, "ask");
    within(60, async {
        let ask = Scripted::secrets(&["right $one"]);
        let host = log_in(&lab, &sshd, Some(&ask)).await;
        let how = || RemoteCommand {
            root: true,
            timeout: std::time::Duration::from_secs(8),
            ..RemoteCommand::default()
        };
        // sudo asks for each: also for what stops another.
        for in_shell in [false, true] {
            let file = lab.path(if in_shell { "script" } else { "command" });
            let text = format!("sh -c 'echo $$ >{}; sleep 300; :'", file.display());
            let out = if in_shell {
                host.script(Zeroizing::new(text), how()).await
            } else {
                host.run(&text, how()).await
            };
            let error = out.unwrap_err();
            assert_eq!(error.kind, SshErrorKind::Timeout, "{error}");
            let pid = std::fs::read_to_string(&file).unwrap();
            let process = format!("/proc/{}", pid.trim());
            while std::path::Path::new(&process).exists() {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_use_sudo_is_told_why() {
    let lab = Lab::new();
    let sshd = sshd(&lab, "ask");
    let mode = |mode: &str| std::fs::write(lab.path("bin/mode"), mode).unwrap();
    within(60, async {
        mode("nobody");
        let ask = Scripted::secrets(&["right $one"]);
        let error = log_in(&lab, &sshd, Some(&ask))
            .await
            .run("true", as_root())
            .await
            .unwrap_err();
        assert_eq!(error.kind, SshErrorKind::NoSudo);
        assert!(
            error.to_string().contains("not in the sudoers file"),
            "{error}"
        );

        mode("tty");
        let ask = Scripted::secrets(&["right $one"]);
        let error = log_in(&lab, &sshd, Some(&ask))
            .await
            .run("true", as_root())
            .await
            .unwrap_err();
        assert_eq!(error.kind, SshErrorKind::NoSudo);
        assert!(error.to_string().contains("!requiretty"), "{error}");
        assert!(ask.questions().is_empty(), "{:?}", ask.questions());

        let mut settings = sshd.settings();
        settings.sudo = Some(false);
        let host = Ssh::new(lab.options())
            .host("node", &settings, "127.0.0.1")
            .await
            .unwrap();
        assert!(!host.can_root());
        assert_eq!(
            host.run("true", as_root()).await.unwrap_err().kind,
            SshErrorKind::NoSudo
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_sudo_refuses_is_asked_for_three_times() {
    let lab = Lab::new();
    let sshd = sshd(&lab, "ask");
    within(60, async {
        let host = log_in(&lab, &sshd, None).await;
        let error = host.run("true", as_root()).await.unwrap_err();
        assert_eq!(error.kind, SshErrorKind::SudoPasswordWrong);
        assert!(error.to_string().contains("nobody can be asked"), "{error}");

        let ask = Scripted::secrets(&["wrong 1", "wrong 2", "wrong 3", "wrong 4"]);
        let host = log_in(&lab, &sshd, Some(&ask)).await;
        let error = host.run("true", as_root()).await.unwrap_err();
        assert_eq!(error.kind, SshErrorKind::SudoPasswordWrong);
        assert!(
            error.to_string().contains("refused the password")
                && !error.to_string().contains("wrong "),
            "{error}"
        );
        assert_eq!(ask.questions().len(), 3);

        let ask = Scripted::secrets(&["wrong 1", "wrong 2", "wrong 3", "wrong 4"]);
        let settings = SshSettings {
            transport: Some(Transport::OpenSsh),
            ..sshd.settings()
        };
        let ssh = Ssh::new(Options {
            ask: Some(Arc::clone(&ask) as _),
            ..lab.options()
        });
        let host = ssh.host("node", &settings, "127.0.0.1").await.unwrap();
        let error = host.run("true", as_root()).await.unwrap_err();
        assert_eq!(error.kind, SshErrorKind::SudoPasswordWrong, "{error}");
        assert_eq!(ask.questions().len(), 3);
    })
    .await;
}

/// As OpenBSD's, which reads a password from a terminal only, and drops the environment.
const DOAS: &str = r#"#!/bin/sh
here=${0%/*}; n=
while [ $# -gt 0 ]; do case $1 in -n) n=1;; --) shift; break;; esac; shift; done
[ -n "$n" ] || { echo 'doas: a tty is required' >&2; exit 1; }
case $(cat "$here/mode") in
  free) exec env -i PATH="$PATH" REPLCTL_ROOT="1 $LC_ALL" "$@";;
  asks) echo 'doas: Authentication required' >&2; exit 1;;
  *) echo 'doas: Operation not permitted' >&2; exit 1;;
esac
"#;

#[tokio::test(flavor = "multi_thread")]
async fn doas_where_there_is_no_sudo() {
    let lab = Lab::new();
    let sshd = sshd(&lab, "free");
    let bin = lab.path("bin");
    std::fs::rename(bin.join("sudo"), bin.join("doas")).unwrap();
    std::fs::write(bin.join("doas"), DOAS).unwrap();
    // All programs of this machine but sudo.
    for entry in std::fs::read_dir("/usr/bin").unwrap().flatten() {
        if entry.file_name() != "sudo" {
            let _ = std::os::unix::fs::symlink(entry.path(), bin.join(entry.file_name()));
        }
    }
    let lines = format!("SetEnv PATH={}\n", bin.display());
    drop(sshd);
    let sshd = lab.sshd_with(&["hostkey"], &lines);
    let mode = |mode: &str| std::fs::write(lab.path("bin/mode"), mode).unwrap();
    within(60, async {
        for transport in [Transport::Builtin, Transport::OpenSsh] {
            let log_in = async || {
                let settings = SshSettings {
                    transport: Some(transport),
                    ..sshd.settings()
                };
                let ssh = Ssh::new(lab.options());
                ssh.host("node", &settings, "127.0.0.1").await.unwrap()
            };
            mode("free");
            let host = log_in().await;
            assert!(!host.is_root() && host.can_root());
            let look = "echo root=$REPLCTL_ROOT $LC_ALL; cat";
            let out = host.run(look, as_root()).await.unwrap();
            assert_eq!(out.text(), "root=1 C C\nthe input");
            two_scripts(&host, "1 C").await;
            for (word, says) in [("asks", "wants a password"), ("not", "does not let")] {
                mode(word);
                let error = log_in().await.run("true", as_root()).await.unwrap_err();
                assert_eq!(error.kind, SshErrorKind::NoSudo);
                let text = error.to_string();
                assert!(
                    text.contains(says) && text.contains("permit nopass"),
                    "{text}"
                );
            }
        }
    })
    .await;
}

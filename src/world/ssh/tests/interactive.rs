//! Keyboard-interactive logins at a real sshd with PAM: what `ssh` gets in by, replctl's own client
//! gets in by.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::sshd::{Lab, Scripted, Sshd, within};
use crate::inventory::{SshSettings, Transport};
use crate::world::ssh::{Options, RemoteCommand, Ssh, SshErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::Arc;

/// PAM asks for it, whoever logs in.
const PASSWORD: &str = "sesame";
/// The installed `ssh` has the program itself ask, which a unit test is not.
const ASKING: [Transport; 1] = [Transport::Builtin];

/// An sshd that has its users asked by PAM, after what `lines` say.
fn asking(lab: &Lab, lines: &str) -> Sshd {
    let check = lab.path("check");
    let text = format!("#!/bin/sh\np=$(tr -d '\\0'); [ \"$p\" = {PASSWORD} ]\n");
    std::fs::write(&check, text).unwrap();
    std::fs::set_permissions(&check, std::fs::Permissions::from_mode(0o755)).unwrap();
    let service = lab.path("pam");
    let text = format!(
        "auth required pam_exec.so quiet expose_authtok {}\nauth required pam_permit.so\naccount required pam_permit.so\nsession required pam_permit.so\n",
        check.display()
    );
    std::fs::write(&service, text).unwrap();
    lab.host_key("hostkey", "ed25519");
    let lines = format!(
        "PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication yes\n{lines}"
    );
    lab.sshd_of_pam(&service, &lines)
}

fn by(sshd: &Sshd, transport: Transport) -> SshSettings {
    SshSettings {
        transport: Some(transport),
        ..sshd.settings()
    }
}

/// Logs in where these secrets are typed: whether that is done, and what was asked.
async fn log_in(
    lab: &Lab,
    settings: &SshSettings,
    secrets: &[&'static str],
) -> (Result<(), crate::world::ssh::SshError>, Vec<String>) {
    let operator = Scripted::secrets(secrets);
    let ssh = Ssh::new(Options {
        ask: Some(Arc::clone(&operator) as _),
        ..lab.options()
    });
    let found = match ssh.host("node", settings, "127.0.0.1").await {
        Ok(host) => host.run("true", RemoteCommand::default()).await.map(|_| ()),
        Err(e) => Err(e),
    };
    ssh.close().await;
    (found, operator.questions())
}

/// Whether ssh itself gets in with that password.
fn oracle(lab: &Lab, sshd: &Sshd, password: &str) -> bool {
    let out = Command::new("timeout")
        .args(["30", "sshpass", "-p", password, "ssh", "-F"])
        .arg(lab.path("config"))
        .args(["-o", "NumberOfPasswordPrompts=1", "-p"])
        .arg(sshd.port.to_string())
        .args([
            "-o",
            "StrictHostKeyChecking=accept-new",
            "127.0.0.1",
            "true",
        ])
        .output()
        .unwrap();
    out.status.success()
}

fn possible() -> bool {
    let out = Command::new("unshare").args(["-m", "true"]).status();
    let possible = out.is_ok_and(|status| status.success());
    assert!(
        possible || std::env::var_os("CI").is_none(),
        "mount namespaces are not allowed here"
    );
    possible
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pam_asks_is_answered() {
    if !possible() {
        return;
    }
    let lab = Lab::new();
    let sshd = asking(&lab, "PubkeyAuthentication no\n");
    assert!(oracle(&lab, &sshd, PASSWORD) && !oracle(&lab, &sshd, "wrong"));
    for transport in ASKING {
        within(90, async {
            let settings = by(&sshd, transport);
            let (done, asked) = log_in(&lab, &settings, &[PASSWORD]).await;
            done.unwrap();
            assert_eq!(asked.len(), 1, "{transport:?}: {asked:?}");
            assert!(asked[0].contains("assword"), "{asked:?}");
            let (done, asked) = log_in(&lab, &settings, &["wrong", PASSWORD]).await;
            done.unwrap();
            assert_eq!(asked.len(), 2, "{transport:?}: {asked:?}");
            let (refused, _) = log_in(&lab, &settings, &["wrong", "wrong", "wrong"]).await;
            let refused = refused.unwrap_err();
            assert_eq!(refused.kind, SshErrorKind::AuthFailed, "{refused}");
            // Nobody to ask.
            let ssh = Ssh::new(lab.options());
            let silent = ssh.host("node", &settings, "127.0.0.1").await;
            let silent = silent.err().unwrap();
            assert_eq!(silent.kind, SshErrorKind::AuthFailed, "{silent}");
            let told = silent.to_string();
            assert!(told.contains("keyboard-interactive"), "{told}");
            let unasked = "it wants a password, and nobody can be asked for it";
            assert!(told.contains(unasked), "{told}");
            assert!(!told.contains("ssh-copy-id"), "{told}");
        })
        .await;
    }
}

/// A key and then a question: two factors.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_after_a_key_is_answered() {
    if !possible() {
        return;
    }
    let lab = Lab::new();
    let sshd = asking(
        &lab,
        "AuthenticationMethods publickey,keyboard-interactive\n",
    );
    assert!(oracle(&lab, &sshd, PASSWORD) && !oracle(&lab, &sshd, "wrong"));
    for transport in ASKING {
        within(60, async {
            let settings = by(&sshd, transport);
            let (done, asked) = log_in(&lab, &settings, &[PASSWORD]).await;
            done.unwrap();
            assert_eq!(asked.len(), 1, "{transport:?}: {asked:?}");
            let (refused, _) = log_in(&lab, &settings, &["wrong", "wrong", "wrong"]).await;
            let refused = refused.unwrap_err();
            assert_eq!(refused.kind, SshErrorKind::AuthFailed, "{refused}");
        })
        .await;
    }
}

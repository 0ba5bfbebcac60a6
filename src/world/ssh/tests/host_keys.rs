//! Unknown, changed and revoked host keys, against real host keys and real files.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::sshd::{Lab, Scripted, within};
use crate::world::ssh::ask::Questions;
use crate::world::ssh::settings::Target;
use crate::world::ssh::{Options, Ssh, SshErrorKind, hostkey, keyfile};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::Arc;

fn asking(lab: &Lab, ask: &Arc<Scripted>) -> Options {
    Options {
        accept_new_host_keys: false,
        ask: Some(Arc::clone(ask) as _),
        ..lab.options()
    }
}

fn silent(lab: &Lab) -> Options {
    Options {
        accept_new_host_keys: false,
        ..lab.options()
    }
}

fn fingerprint(lab: &Lab, key: &str) -> String {
    let out = Command::new("ssh-keygen")
        .arg("-lf")
        .arg(lab.path(&format!("{key}.pub")))
        .output()
        .unwrap();
    String::from_utf8(out.stdout)
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_is_refused_or_asked_for_and_added_once() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    within(60, async {
        let error = sshd.log_in(silent(&lab)).await.err().unwrap();
        assert_eq!(error.kind, SshErrorKind::HostKeyUnknown);
        assert!(
            error.to_string().contains(&fingerprint(&lab, "hostkey")),
            "{error}"
        );
        assert!(
            error.to_string().contains("--accept-new-host-keys"),
            "{error}"
        );
        assert!(!lab.known_hosts().exists());

        let no = Scripted::saying(false);
        assert_eq!(
            sshd.log_in(asking(&lab, &no)).await.err().unwrap().kind,
            SshErrorKind::HostKeyUnknown
        );
        assert!(
            no.questions()[0].contains(&fingerprint(&lab, "hostkey")),
            "{:?}",
            no.questions()
        );
        assert!(!lab.known_hosts().exists());

        // Two logins at the same moment: one question, one line.
        let yes = Scripted::saying(true);
        let (one, two) = (Ssh::new(asking(&lab, &yes)), sshd.settings());
        let mut other = two.clone();
        other.sudo = Some(false);
        let (a, b) = tokio::join!(
            one.host("a", &two, "127.0.0.1"),
            one.host("b", &other, "127.0.0.1")
        );
        assert!(a.is_ok() && b.is_ok());
        assert_eq!(yes.questions().len(), 1, "{:?}", yes.questions());
        let line = sshd.known_line(&lab.host_key("hostkey", "ed25519"));
        assert_eq!(std::fs::read_to_string(lab.known_hosts()).unwrap(), line);
        assert_eq!(
            std::fs::metadata(lab.known_hosts())
                .unwrap()
                .permissions()
                .mode()
                & 0o777,
            0o600
        );

        assert!(sshd.log_in(silent(&lab)).await.is_ok());
        assert_eq!(lab.known_lines().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_configuration_is_not_asked_against() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    within(30, async {
        lab.configure("Host *\n StrictHostKeyChecking yes\n");
        let yes = Scripted::saying(true);
        assert_eq!(
            sshd.log_in(asking(&lab, &yes)).await.err().unwrap().kind,
            SshErrorKind::HostKeyUnknown
        );
        assert!(yes.questions().is_empty());
        lab.configure("Host *\n StrictHostKeyChecking no\n");
        let error = sshd.log_in(silent(&lab)).await.err().unwrap();
        assert_eq!(
            error.kind,
            SshErrorKind::HostKeyUnknown,
            "never laxer than replctl itself"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_line_goes_after_the_last_even_without_its_newline() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    within(30, async {
        let folder = lab.path("new/folder");
        let mut settings = sshd.settings();
        settings.known_hosts = Some(folder.join("known_hosts"));
        lab.configure("Host *\n HashKnownHosts yes\n");
        Ssh::new(lab.options())
            .host("node", &settings, "127.0.0.1")
            .await
            .unwrap();
        assert_eq!(
            std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
            0o700
        );
        let text = std::fs::read_to_string(folder.join("known_hosts")).unwrap();
        assert!(
            text.starts_with("|1|") && text.ends_with('\n') && !text.contains("127.0.0.1"),
            "{text}"
        );
        // OpenSSH finds what was written, and so do we.
        let name = format!("[127.0.0.1]:{}", sshd.port);
        let found = Command::new("ssh-keygen")
            .args(["-F", &name, "-f"])
            .arg(folder.join("known_hosts"))
            .output()
            .unwrap();
        assert!(found.status.success());
        Ssh::new(silent(&lab))
            .host("node", &settings, "127.0.0.1")
            .await
            .unwrap();

        let other = lab.host_key("other", "ed25519");
        std::fs::write(lab.known_hosts(), format!("# mine\nother.example {other}")).unwrap();
        lab.configure("");
        sshd.log_in(lab.options()).await.unwrap();
        let lines = lab.known_lines();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert_eq!(lines[1], format!("other.example {other}"));
        assert_eq!(
            format!("{}\n", lines[2]),
            sshd.known_line(&lab.host_key("hostkey", "ed25519"))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_key_is_refused_whatever_is_said() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    let old = lab.host_key("old", "ed25519");
    within(30, async {
        let before = format!("# a comment\n{}", sshd.known_line(&old));
        std::fs::write(lab.known_hosts(), &before).unwrap();
        let yes = Scripted::saying(true);
        let mut options = asking(&lab, &yes);
        options.accept_new_host_keys = true;
        let error = sshd.log_in(options).await.err().unwrap();
        assert_eq!(error.kind, SshErrorKind::HostKeyChanged);
        let text = error.to_string();
        assert!(
            text.contains(&fingerprint(&lab, "hostkey"))
                && text.contains(&fingerprint(&lab, "old")),
            "{text}"
        );
        assert!(
            text.contains(&format!("{} line 2", lab.known_hosts().display())),
            "{text}"
        );
        let remedy = format!(
            "ssh-keygen -R '[127.0.0.1]:{}' -f {}",
            sshd.port,
            lab.known_hosts().display()
        );
        assert!(text.contains(&remedy), "{text}");
        assert!(yes.questions().is_empty());
        assert_eq!(std::fs::read_to_string(lab.known_hosts()).unwrap(), before);
        // The command in the hint works.
        super::sshd::run(Command::new("sh").args(["-c", &remedy]));
        assert!(sshd.log_in(lab.options()).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_even_where_it_is_known() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    let key = lab.host_key("hostkey", "ed25519");
    within(30, async {
        std::fs::write(
            lab.known_hosts(),
            format!("{}@revoked * {key}\n", sshd.known_line(&key)),
        )
        .unwrap();
        let error = sshd.log_in(lab.options()).await.err().unwrap();
        assert_eq!(error.kind, SshErrorKind::HostKeyRevoked);
        assert!(error.to_string().contains("line 2"), "{error}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kind_of_key_that_is_known_is_asked_for() {
    let lab = Lab::new();
    lab.host_key("hostkey", "ed25519");
    let rsa = lab.host_key("rsa-hostkey", "rsa");
    let sshd = lab.sshd_with(&["hostkey", "rsa-hostkey"], "");
    within(30, async {
        std::fs::write(lab.known_hosts(), sshd.known_line(&rsa)).unwrap();
        assert!(sshd.log_in(silent(&lab)).await.is_ok());
        assert_eq!(lab.known_lines().len(), 1);
    })
    .await;
    // Only a key of another kind is known, and the host has none of that kind. Somebody may hide
    // behind a kind that we do not know.
    let sshd = lab.sshd_with(&["hostkey"], "");
    within(30, async {
        std::fs::write(lab.known_hosts(), sshd.known_line(&rsa)).unwrap();
        assert_eq!(
            sshd.log_in(lab.options()).await.err().unwrap().kind,
            SshErrorKind::HostKeyChanged
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_is_not_taken_for_an_empty_one() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    within(30, async {
        std::fs::create_dir(lab.known_hosts()).unwrap();
        let error = sshd.log_in(lab.options()).await.err().unwrap();
        assert_eq!(error.kind, SshErrorKind::Config);
        assert!(error.to_string().contains("known_hosts"), "{error}");
    })
    .await;
}

#[test]
fn an_address_with_another_key_is_refused_where_it_counts() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::new();
    let (right, wrong) = (
        lab.host_key("hostkey", "ed25519"),
        lab.host_key("other", "ed25519"),
    );
    let file = folder.path().join("known hosts");
    std::fs::write(
        &file,
        format!("db {right}\n192.0.2.1 {wrong}\n192.0.2.2 {right}\n"),
    )
    .unwrap();
    let key = keyfile::public(&right).unwrap();
    let check = |address: &str, check_host_ip| {
        let target = Target {
            host: "db".to_owned(),
            port: 22,
            known_as: "db".to_owned(),
            user_known_hosts: vec![file.clone()],
            check_host_ip,
            ..Target::default()
        };
        let peer = Some(address.parse().unwrap());
        hostkey::check(&key, &target, peer, &Questions::new(None), true)
    };
    let error = check("192.0.2.1", true).unwrap_err();
    assert_eq!(error.kind, SshErrorKind::HostKeyChanged);
    let text = error.to_string();
    assert!(
        text.contains("CheckHostIP") && text.contains("192.0.2.1"),
        "{text}"
    );
    assert!(
        text.contains(&format!("ssh-keygen -R 192.0.2.1 -f '{}'", file.display())),
        "{text}"
    );
    for (address, counts) in [
        ("192.0.2.1", false),
        ("192.0.2.2", true),
        ("192.0.2.3", true),
        ("127.0.0.1", true),
    ] {
        assert_eq!(check(address, counts), Ok(()), "{address}");
    }
}

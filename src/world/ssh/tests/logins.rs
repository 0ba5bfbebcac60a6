//! Logging in: every kind of key, the agent, passphrases asked once, many hosts at once.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::sshd::{Lab, Scripted, within};
use crate::world::ssh::{Options, RemoteCommand, Ssh, SshErrorKind};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn key_files_of_each_kind() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    within(60, async {
        for kind in ["ed25519", "rsa", "ecdsa"] {
            let file = lab.keygen(kind, kind, "");
            lab.authorize(kind);
            let mut settings = sshd.settings();
            settings.identity_files = vec![file];
            let ssh = Ssh::new(lab.options());
            let host = ssh.host("node", &settings, "127.0.0.1").await.unwrap();
            assert!(
                host.run("true", RemoteCommand::default())
                    .await
                    .unwrap()
                    .success(),
                "{kind}"
            );
            assert_eq!(
                host.is_root(),
                host.run("id -u", RemoteCommand::default())
                    .await
                    .unwrap()
                    .text()
                    == "0"
            );
            ssh.close().await;
        }
    })
    .await;
    // A goodbye was said each time: sshd has nothing to complain of.
    let end = Instant::now() + Duration::from_secs(10);
    let log = loop {
        let log = std::fs::read_to_string(lab.path("log")).unwrap();
        if log.matches(": done").count() == 3 {
            break log;
        }
        assert!(Instant::now() < end, "{log}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(
        !log.contains("Broken pipe") && !log.contains("Connection reset"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_is_asked_once_for_all_hosts() {
    let lab = Lab::new();
    let sshds = [lab.sshd(), lab.sshd()];
    lab.keygen("locked", "ed25519", "open sesame");
    lab.authorize("locked");
    lab.configure(&format!(
        "Host *\n IdentitiesOnly yes\n IdentityFile {}\n",
        lab.path("locked").display()
    ));
    within(60, async {
        let ask = Scripted::secrets(&["a typing error", "open sesame", "asked too often"]);
        let ssh = Ssh::new(Options {
            ask: Some(Arc::clone(&ask) as _),
            ..lab.options()
        });
        let logins = sshds.iter().map(|sshd| {
            let ssh = ssh.clone();
            async move { ssh.host("node", &sshd.settings(), "127.0.0.1").await }
        });
        for host in futures::future::join_all(logins).await {
            assert!(
                host.unwrap()
                    .run("true", RemoteCommand::default())
                    .await
                    .unwrap()
                    .success()
            );
        }
        let asked = ask.questions();
        assert_eq!(asked.len(), 2, "{asked:?}");
        assert!(
            asked[0].starts_with("Passphrase of ") && asked[0].ends_with("/locked"),
            "{asked:?}"
        );

        let error = sshds[0].log_in(lab.options()).await.err().unwrap();
        assert_eq!(error.kind, SshErrorKind::PassphraseNeeded);
        assert!(
            error
                .to_string()
                .contains(&format!("hint: ssh-add {}", lab.path("locked").display())),
            "{error}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_says_what_was_tried() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    lab.keygen("other", "ed25519", "");
    lab.authorize("other");
    let open = lab.keygen("open", "ed25519", "");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    lab.configure(&format!(
        "Host *\n IdentityFile {}\n IdentityFile {}\n",
        open.display(),
        lab.path("authorized_keys").display()
    ));
    within(30, async {
        let ask = Scripted::secrets(&["wrong", "wrong too"]);
        let error = sshd
            .log_in(Options {
                ask: Some(Arc::clone(&ask) as _),
                ..lab.options()
            })
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind, SshErrorKind::AuthFailed);
        let text = error.to_string();
        assert!(text.contains("mode 644 shows it to others"), "{text}");
        assert!(
            text.contains("a public key, and no agent has its private half"),
            "{text}"
        );
        assert!(
            text.contains(&format!("{}: ", lab.path("key").display())),
            "{text}"
        );
        assert!(text.contains("the server takes: publickey"), "{text}");
        let hint = format!("hint: chmod 600 {}", open.display());
        assert!(text.contains(&hint), "{text}");
        assert!(!text.contains("wrong"), "no secret in an error");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agents_keys_are_tried_until_one_is_taken() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    for key in ["a", "b", "c"] {
        lab.keygen(key, "ed25519", "");
    }
    lab.authorize("b");
    let _agent = lab.agent("agent", &["a", "b", "c"]);
    for key in ["a", "b", "c"] {
        std::fs::remove_file(lab.path(key)).unwrap();
    }
    lab.configure(&format!(
        "Host *\n IdentityAgent {}\n",
        lab.path("agent").display()
    ));
    within(30, async {
        let began = Instant::now();
        let host = sshd.log_in(lab.options()).await.unwrap();
        assert!(
            host.run("true", RemoteCommand::default())
                .await
                .unwrap()
                .success()
        );
        assert!(
            began.elapsed() < Duration::from_secs(8),
            "no try after the success: {:?}",
            began.elapsed()
        );
        // Keys named in the inventory narrow what is offered, also of the agent's.
        let mut settings = sshd.settings();
        settings.identity_files = vec![lab.path("c")];
        let error = Ssh::new(lab.options())
            .host("node", &settings, "127.0.0.1")
            .await
            .err()
            .unwrap();
        assert!(
            error.to_string().contains("agent key `c`")
                && !error.to_string().contains("agent key `b`"),
            "{error}"
        );
        settings.identity_files = vec![lab.path("b")];
        assert!(
            Ssh::new(lab.options())
                .host("node", &settings, "127.0.0.1")
                .await
                .is_ok(),
            "by b.pub, its private half gone"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_says_nothing_does_not_stop_the_login() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    let _silent = UnixListener::bind(lab.path("agent")).unwrap();
    lab.configure(&format!(
        "Host *\n IdentityAgent {}\n",
        lab.path("agent").display()
    ));
    within(30, async {
        let began = Instant::now();
        assert!(sshd.log_in(lab.options()).await.is_ok());
        assert!(
            began.elapsed() >= Duration::from_secs(2) && began.elapsed() < Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_hosts_side_by_side() {
    let lab = Lab::new();
    let sshds: Vec<_> = (0..20).map(|_| lab.sshd()).collect();
    within(60, async {
        let ssh = Ssh::new(lab.options());
        let began = Instant::now();
        let work = sshds.iter().enumerate().map(|(n, sshd)| {
            let (ssh, file) = (ssh.clone(), lab.path(&format!("file{n}")));
            async move {
                let host = ssh
                    .host(&format!("n{n}"), &sshd.settings(), "127.0.0.1")
                    .await?;
                host.upload(
                    Arc::new(vec![7; 1 << 20]),
                    file.to_str().unwrap(),
                    0o600,
                    false,
                    |_| {},
                )
                .await?;
                host.run("echo $SSH_CONNECTION", RemoteCommand::default())
                    .await
            }
        });
        for (out, sshd) in futures::future::join_all(work)
            .await
            .into_iter()
            .zip(&sshds)
        {
            assert!(out.unwrap().text().ends_with(&format!(" {}", sshd.port)));
        }
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(lab.known_lines().len(), 20);
        ssh.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_one_host_share_its_session_and_its_failure() {
    let lab = Lab::new();
    let mut sshd = lab.sshd();
    within(30, async {
        let ssh = Ssh::new(lab.options());
        let settings = sshd.settings();
        let (a, b) = tokio::join!(
            ssh.host("a", &settings, "127.0.0.1"),
            ssh.host("b", &settings, "127.0.0.1")
        );
        assert!(
            a.unwrap()
                .run("true", RemoteCommand::default())
                .await
                .unwrap()
                .success()
        );
        assert!(
            b.unwrap()
                .run("true", RemoteCommand::default())
                .await
                .unwrap()
                .success()
        );
        assert_eq!(sshd.sessions().len(), 1);
        sshd.die();
        let ssh = Ssh::new(lab.options());
        let (a, b) = tokio::join!(
            ssh.host("a", &settings, "127.0.0.1"),
            ssh.host("b", &settings, "127.0.0.1")
        );
        let (a, b) = (a.err().unwrap(), b.err().unwrap());
        assert_eq!(
            (a.kind, b.kind),
            (SshErrorKind::Refused, SshErrorKind::Refused)
        );
        assert!(a.to_string().contains("`a`") && b.to_string().contains("`b`"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_connections_than_sshd_takes_at_once() {
    let lab = Lab::new();
    lab.host_key("hostkey", "ed25519");
    let sshd = lab.sshd_with(&["hostkey"], "MaxStartups 3\n");
    within(60, async {
        let host = sshd.log_in(lab.options()).await.unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let tunnels = (0..12).map(|_| host.tunnel("127.0.0.1", port));
        for tunnel in futures::future::join_all(tunnels).await {
            assert!(tunnel.is_ok(), "{:?}", tunnel.err());
        }
    })
    .await;
}

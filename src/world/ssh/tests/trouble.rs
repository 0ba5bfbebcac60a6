//! Hosts that are not there, not themselves, or stop being there: one true reason, in bounded time.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::sshd::{Lab, for_seconds, free_port, run, within};
use crate::inventory::SshSettings;
use crate::world::ssh::{Options, RemoteCommand, Ssh, SshErrorKind};
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn hasty(lab: &Lab) -> Options {
    Options {
        connect_timeout: Duration::from_secs(1),
        handshake_timeout: Duration::from_secs(1),
        auth_timeout: Duration::from_secs(1),
        stall_timeout: Duration::from_secs(1),
        ..lab.options()
    }
}

async fn kind_of(lab: &Lab, host: &str, port: u16) -> (SshErrorKind, Duration, String) {
    let began = Instant::now();
    let settings = SshSettings {
        port: Some(port),
        ..SshSettings::default()
    };
    let error = Ssh::new(hasty(lab))
        .host("node", &settings, host)
        .await
        .err()
        .unwrap();
    (error.kind, began.elapsed(), error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there() {
    let lab = Lab::new();
    within(30, async {
        let (kind, took, text) = kind_of(&lab, "127.0.0.1", free_port()).await;
        assert_eq!(kind, SshErrorKind::Refused, "{text}");
        assert!(took < Duration::from_secs(5));
        let (kind, took, text) = kind_of(&lab, "no-such-host.invalid", 22).await;
        assert_eq!(kind, SshErrorKind::NameUnknown, "{text}");
        assert!(took < Duration::from_secs(8), "{took:?}");
        let (kind, _, text) = kind_of(&lab, "-oProxyCommand=true", 22).await;
        assert_eq!(kind, SshErrorKind::Config, "{text}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_takes_the_connection_and_says_nothing() {
    let lab = Lab::new();
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    within(30, async {
        let (kind, took, text) =
            kind_of(&lab, "127.0.0.1", silent.local_addr().unwrap().port()).await;
        assert_eq!(kind, SshErrorKind::Frozen, "{text}");
        // As long as it is told to, and up to three times that where this machine is busy.
        assert!((1.0..4.5).contains(&took.as_secs_f32()), "{took:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn something_else_than_sshd() {
    let lab = Lab::new();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    // Ends each connection at once, with words that are no SSH; as often as it is tried.
    std::thread::spawn(move || {
        for socket in listener.incoming().take(8) {
            let _ = socket
                .unwrap()
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    within(30, async {
        let (kind, _, text) = kind_of(&lab, "127.0.0.1", port).await;
        assert_eq!(kind, SshErrorKind::Handshake, "{text}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_freezes_under_a_session() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    within(60, async {
        let ssh = Ssh::new(hasty(&lab));
        let host = ssh
            .host("node", &sshd.settings(), "127.0.0.1")
            .await
            .unwrap();
        let sessions: Vec<String> = sshd.sessions().iter().map(u32::to_string).collect();
        assert!(!sessions.is_empty());
        run(Command::new("kill").arg("-STOP").args(&sessions));
        let began = Instant::now();
        let error = host.run("true", for_seconds(2)).await;
        // The session is dead, the host is not: a new session finds that out.
        assert!(error.unwrap().success());
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
        let sessions: Vec<String> = sshd.sessions().iter().map(u32::to_string).collect();
        run(Command::new("kill").arg("-KILL").args(&sessions));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_dies_under_a_command_is_no_success() {
    let lab = Lab::new();
    let mut sshd = lab.sshd();
    within(30, async {
        let host = sshd.log_in(lab.options()).await.unwrap();
        let file = lab.path("begun");
        let running = Arc::clone(&host);
        let command = format!("touch {}; sleep 5", file.display());
        let running =
            tokio::spawn(async move { running.run(&command, RemoteCommand::default()).await });
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sshd.die();
        let began = Instant::now();
        let error = running.await.unwrap().unwrap_err();
        assert_eq!(error.kind, SshErrorKind::Io, "{error}");
        assert!(began.elapsed() < Duration::from_secs(3));
        let error = host
            .run("true", RemoteCommand::default())
            .await
            .unwrap_err();
        assert_eq!(error.kind, SshErrorKind::Refused, "{error}");
        // It comes back, and the same handle works again.
        let again = lab.try_sshd(sshd.port, &["hostkey"], "").unwrap();
        assert!(
            host.run("true", RemoteCommand::default())
                .await
                .unwrap()
                .success()
        );
        drop(again);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_to_a_host_that_freezes_ends() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    within(60, async {
        let ssh = Ssh::new(hasty(&lab));
        let host = ssh
            .host("node", &sshd.settings(), "127.0.0.1")
            .await
            .unwrap();
        let pids: Vec<String> = sshd.sessions().iter().map(u32::to_string).collect();
        let stop = std::sync::Once::new();
        let path = lab.path("file");
        let frozen = pids.clone();
        let progress =
            move |_| stop.call_once(|| run(Command::new("kill").arg("-STOP").args(&frozen)));
        let began = Instant::now();
        let error = host
            .upload(
                Arc::new(vec![1; 64 << 20]),
                path.to_str().unwrap(),
                0o600,
                false,
                progress,
            )
            .await
            .unwrap_err();
        assert_eq!(error.kind, SshErrorKind::Transfer, "{error}");
        assert!(error.to_string().contains("nothing moved"), "{error}");
        assert!(
            began.elapsed() < Duration::from_secs(15),
            "{:?}",
            began.elapsed()
        );
        assert!(!path.exists());
        run(Command::new("kill").arg("-KILL").args(&pids));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_runs_nothing() {
    let lab = Lab::new();
    lab.host_key("hostkey", "ed25519");
    let sshd = lab.sshd_with(
        &["hostkey"],
        "ForceCommand echo this account is closed; exit 1\n",
    );
    within(30, async {
        let error = sshd.log_in(lab.options()).await.err().unwrap();
        assert_eq!(error.kind, SshErrorKind::Command, "{error}");
        assert!(
            error.to_string().contains("this account is closed"),
            "{error}"
        );
    })
    .await;
}

/// A server that greets a connection by `greet`, as often as one comes.
fn server(greet: impl Fn(TcpStream) + Send + Clone + 'static) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let greet = greet.clone();
            std::thread::spawn(move || greet(socket));
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_never_end() {
    let lab = Lab::new();
    let lines = server(|mut socket| while socket.write_all(b"we are not there yet\r\n").is_ok() {});
    let one_line = server(|mut socket| while socket.write_all(&[b'x'; 4096]).is_ok() {});
    let drip = server(|mut socket| {
        while socket.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    // A greeting, and then messages to be ignored: 12 bytes, 6 of them padding, SSH_MSG_IGNORE.
    let messages = server(|mut socket| {
        let message = [0, 0, 0, 12, 6, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let many = message.repeat(256);
        let _ = socket.write_all(b"SSH-2.0-x\r\n");
        while socket.write_all(&many).is_ok() {}
    });
    within(60, async {
        for (name, port) in [
            ("lines", lines),
            ("one line", one_line),
            ("drip", drip),
            ("messages", messages),
        ] {
            let (kind, took, text) = kind_of(&lab, "127.0.0.1", port).await;
            // One line that is too long is no greeting at all.
            let expected = if name == "one line" {
                [SshErrorKind::Handshake, SshErrorKind::Frozen]
            } else {
                [SshErrorKind::Frozen; 2]
            };
            assert!(expected.contains(&kind), "{name}: {text}");
            assert!(took < Duration::from_secs(6), "{name}: {took:?}");
            assert!(!text.contains("xxxx"), "{name}: {text}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_greeting_has_the_time_that_is_configured() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    let (to, pause) = (sshd.port, Duration::from_secs(5));
    let port = server(move |socket| {
        std::thread::sleep(pause);
        let far = TcpStream::connect(("127.0.0.1", to)).unwrap();
        let (mut a, mut b) = (socket.try_clone().unwrap(), far.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut a, &mut b));
        let (mut a, mut b) = (socket, far);
        let _ = std::io::copy(&mut b, &mut a);
    });
    within(60, async {
        let (kind, _, text) = kind_of(&lab, "127.0.0.1", port).await;
        assert_eq!(kind, SshErrorKind::Frozen, "{text}");
        assert!(text.contains("ConnectTimeout"), "{text}");
        lab.configure("ConnectTimeout 20\n");
        let settings = SshSettings {
            port: Some(port),
            ..SshSettings::default()
        };
        let ssh = Ssh::new(hasty(&lab));
        let host = ssh.host("node", &settings, "127.0.0.1").await.unwrap();
        assert!(host.run("true", for_seconds(20)).await.unwrap().success());
        // The other way round: a shorter time counts as well.
        lab.configure("ConnectTimeout 1\n");
        let ssh = Ssh::new(lab.options());
        let error = ssh
            .host("node", &settings, "127.0.0.1")
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind, SshErrorKind::Frozen, "{error}");
    })
    .await;
}

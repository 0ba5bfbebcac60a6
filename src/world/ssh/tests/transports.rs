//! The same through each transport: a real sshd with libssh2, a real sshd with the installed `ssh`,
//! and this machine itself. What is asked of a host afterwards is asked of the kernel.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::scripts::gone;
use super::sshd::{Lab, Sshd, appears, children_of, for_seconds, within};
use crate::inventory::{SshSettings, Transport};
use crate::world::ssh::{Host, KEPT, Options, RemoteCommand, Ssh, SshErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const ALL: [Transport; 3] = [Transport::Builtin, Transport::OpenSsh, Transport::Local];

pub fn settings(sshd: &Sshd, transport: Transport) -> SshSettings {
    let port = (transport != Transport::Local).then_some(sshd.port);
    SshSettings {
        port,
        transport: Some(transport),
        ..SshSettings::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_files_tunnels_and_their_ends_are_the_same() {
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
    let ssh = Ssh::new(lab.options());
    let settings = settings(&sshd, transport);
    let host = ssh.host("node", &settings, "127.0.0.1").await.unwrap();
    let again = ssh.host("other", &settings, "127.0.0.1").await.unwrap();
    ends_and_outputs(&host, transport).await;
    nothing_outlives_its_time(&host, &lab).await;
    files(&host, &lab).await;
    holding(&host, &lab).await;
    tunnels(&host).await;
    if transport == Transport::OpenSsh {
        assert_eq!(sshd.sessions().len(), 1, "more than one connection");
        let own = masters(&lab);
        assert_eq!(own.len(), 1, "{own:?}");
    }
    works(&again).await;
    drop((host, again));
    ssh.close().await;
    let end = Instant::now() + Duration::from_secs(5);
    while !sshd.sessions().is_empty() || !masters(&lab).is_empty() {
        assert!(Instant::now() < end, "something is left of {transport:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn works(host: &Host) {
    let out = host.run("true", RemoteCommand::default()).await;
    assert!(out.unwrap().success());
}

/// The processes of this one that are called with the lab's configuration.
pub fn masters(lab: &Lab) -> Vec<u32> {
    let config = lab.path("config").display().to_string();
    let ours = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&config)
    };
    let mut all = children_of(std::process::id());
    all.retain(ours);
    all
}

async fn ends_and_outputs(host: &Host, transport: Transport) {
    let how = RemoteCommand {
        stdin: b"what is read\n".to_vec(),
        ..RemoteCommand::default()
    };
    let out = host.run("cat; echo not this >&2; exit 7", how).await;
    let out = out.unwrap();
    assert_eq!((out.status, &out.signal), (7, &None), "{transport:?}");
    assert_eq!(out.text(), "what is read");
    assert_eq!(out.stderr, b"not this\n");
    let out = host.run("kill -KILL $$", RemoteCommand::default()).await;
    let out = out.unwrap();
    // OpenSSH's client does not tell which.
    let told = out.signal.unwrap();
    assert!(told == "KILL" || transport == Transport::OpenSsh, "{told}");
    let flood = "head -c 5000000 /dev/zero; head -c 3000000 /dev/zero >&2";
    let out = host.run(flood, for_seconds(20)).await.unwrap();
    assert!(out.success());
    assert_eq!((out.stdout.len(), out.stderr.len()), (KEPT, KEPT));
    assert_eq!(out.dropped, 8_000_000 - 2 * KEPT as u64);
    // What does not read is no failure.
    let how = RemoteCommand {
        stdin: vec![b'x'; 3 << 20],
        ..RemoteCommand::default()
    };
    assert_eq!(host.run("exit 3", how).await.unwrap().status, 3);
}

async fn nothing_outlives_its_time(host: &Host, lab: &Lab) {
    for (name, work) in [("silent", "sleep 300"), ("endless", "cat /dev/zero")] {
        let file = lab.path(name);
        let command = format!("echo $$ >{}; {work}", file.display());
        let began = Instant::now();
        // Enough for a busy machine to begin it.
        let error = host.run(&command, for_seconds(3)).await.unwrap_err();
        assert_eq!(error.kind, SshErrorKind::Timeout, "{error}");
        assert!(began.elapsed() < Duration::from_secs(12), "{name}");
        gone(&file).await;
    }
    // Nobody waits any more.
    let file = lab.path("cancelled");
    let command = format!("echo $$ >{}; sleep 300", file.display());
    tokio::select! {
        out = host.run(&command, RemoteCommand::default()) => panic!("{out:?}"),
        () = appears(&file) => {}
    }
    gone(&file).await;
}

async fn files(host: &Host, lab: &Lab) {
    let data: Vec<u8> = (0..3_000_000_u32)
        .map(|n| n.to_le_bytes()[0] ^ 0x5a)
        .collect();
    let (data, file) = (Arc::new(data), lab.path("a file's name!"));
    let sent = Arc::clone(&data);
    let path = file.to_str().unwrap();
    host.upload(sent, path, 0o640, false, |_| {}).await.unwrap();
    assert!(std::fs::read(&file).unwrap() == *data);
    let folder = lab.path("none").join("file");
    let error = host.upload(data, folder.to_str().unwrap(), 0o600, false, |_| {});
    let error = error.await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Transfer, "{error}");
}

async fn holding(host: &Host, lab: &Lab) {
    let file = lab.path("let-go");
    let command = format!(
        "echo held; while read -r l; do :; done; echo x >{}",
        file.display()
    );
    let said = host.hold("a", &command, &command, false, "held").await;
    assert_eq!(said.unwrap(), "held");
    works(host).await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert!(!file.exists(), "it did not stay");
    host.let_go().await.unwrap();
    assert!(file.exists(), "it was not waited for");
}

async fn tunnels(host: &Host) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut near = host.tunnel("127.0.0.1", port).await.unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    // More than any buffer in between, both ways at once, and then the end of one direction.
    let sent = vec![7; 4 << 20];
    let (mut out, mut heard) = (vec![0; sent.len()], Vec::new());
    let far_side = async {
        let (mut read, mut write) = far.split();
        let (read, written) = tokio::join!(read.read_to_end(&mut heard), write.write_all(&sent));
        written.unwrap();
        read.unwrap();
    };
    let near_side = async {
        let (mut read, mut write) = near.split();
        let (read, written) = tokio::join!(read.read_exact(&mut out), write.write_all(&sent));
        written.unwrap();
        read.unwrap();
        write.shutdown().await.unwrap();
    };
    tokio::join!(far_side, near_side);
    assert!(out == sent && heard == sent);
    // The end of the far side is told at once, and the end of the near side, too.
    let mut near = host.tunnel("127.0.0.1", port).await.unwrap();
    drop(listener.accept().await.unwrap());
    let read = tokio::time::timeout(Duration::from_secs(2), near.read_u8()).await;
    assert!(read.unwrap().is_err());
    let near = host.tunnel("127.0.0.1", port).await.unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    drop(near);
    let read = tokio::time::timeout(Duration::from_secs(2), far.read_u8()).await;
    assert!(read.unwrap().is_err());
    let error = host.tunnel("127.0.0.1", super::sshd::free_port()).await;
    assert_eq!(error.err().unwrap().kind, SshErrorKind::Refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_and_a_host_that_is_not_trusted() {
    let lab = Lab::new();
    let mut sshd = lab.sshd();
    for transport in [Transport::Builtin, Transport::OpenSsh] {
        within(60, async {
            let settings = settings(&sshd, transport);
            let log_in = async |options: Options| {
                let ssh = Ssh::new(options);
                let host = ssh.host("node", &settings, "127.0.0.1").await;
                host.map(|host| (ssh, host))
            };
            let failure = async |options: Options| log_in(options).await.err().unwrap();
            // An unknown key: nobody may say yes. One that is not the known one: nobody is asked.
            let careful = Options {
                accept_new_host_keys: false,
                ..lab.options()
            };
            std::fs::write(lab.known_hosts(), "").unwrap();
            let error = failure(careful.clone()).await;
            assert_eq!(error.kind, SshErrorKind::HostKeyUnknown, "{error}");
            let other = lab.host_key("otherkey", "ed25519");
            std::fs::write(lab.known_hosts(), sshd.known_line(&other)).unwrap();
            let error = failure(lab.options()).await;
            assert_eq!(error.kind, SshErrorKind::HostKeyChanged, "{error}");
            let kept = lab.known_lines();
            assert_eq!(kept.len(), 1, "a changed key was written: {kept:?}");
            std::fs::write(lab.known_hosts(), "").unwrap();
            let (ssh, host) = log_in(lab.options()).await.unwrap();
            assert_eq!(lab.known_lines().len(), 1);

            breaks(&lab, &sshd, &host).await;
            // The next command makes a new connection.
            works(&host).await;
            drop(host);
            ssh.close().await;

            wrong_key(&lab, &settings).await;
        })
        .await;
    }
    sshd.die();
    for transport in [Transport::Builtin, Transport::OpenSsh] {
        let ssh = Ssh::new(lab.options());
        let settings = settings(&sshd, transport);
        let error = ssh.host("node", &settings, "127.0.0.1").await;
        let error = error.err().unwrap();
        assert_eq!(error.kind, SshErrorKind::Refused, "{error}");
    }
}

/// The connection is cut while a command runs.
async fn breaks(lab: &Lab, sshd: &Sshd, host: &Host) {
    let file = lab.path("running");
    let _ = std::fs::remove_file(&file);
    let command = format!("echo $$ >{}; exec sleep 300", file.display());
    let running = host.run(&command, RemoteCommand::default());
    let cut = async {
        appears(&file).await;
        sshd.cut();
    };
    let (error, ()) = tokio::join!(running, cut);
    // Nobody else ends what ran there.
    let pid = std::fs::read_to_string(&file).unwrap();
    super::sshd::run(std::process::Command::new("kill").args(["-KILL", pid.trim()]));
    let error = error.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Io, "{error}");
    assert!(error.to_string().contains("broke"), "{error}");
}

/// No key that is taken there.
async fn wrong_key(lab: &Lab, settings: &SshSettings) {
    lab.keygen("stranger", "ed25519", "");
    let wrong = SshSettings {
        identity_files: vec![lab.path("stranger")],
        ..settings.clone()
    };
    let ssh = Ssh::new(lab.options());
    let text = std::fs::read_to_string(lab.path("config")).unwrap();
    let bare: Vec<&str> = text
        .lines()
        .filter(|l| !l.contains("IdentityFile"))
        .collect();
    std::fs::write(lab.path("config"), bare.join("\n")).unwrap();
    let error = ssh.host("node", &wrong, "127.0.0.1").await.err().unwrap();
    assert_eq!(error.kind, SshErrorKind::AuthFailed, "{error}");
    std::fs::write(lab.path("config"), text).unwrap();
    for key in ["stranger", "stranger.pub", "otherkey", "otherkey.pub"] {
        let _ = std::fs::remove_file(lab.path(key));
    }
}

/// A server that takes the connection, and says nothing or something endless.
#[tokio::test(flavor = "multi_thread")]
async fn what_never_becomes_a_login_ends() {
    let lab = Lab::new();
    let options = Options {
        handshake_timeout: Duration::from_secs(1),
        auth_timeout: Duration::from_secs(1),
        connect_timeout: Duration::from_secs(1),
        ..lab.options()
    };
    for endless in [false, true] {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let settings = SshSettings {
            port: Some(listener.local_addr().unwrap().port()),
            transport: Some(Transport::OpenSsh),
            ..SshSettings::default()
        };
        let serve = async {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    while endless && socket.write_all(&[b'a'; 4096]).await.is_ok() {
                        socket.write_all(b"\n").await.unwrap_or_default();
                    }
                    let _ = socket.read(&mut [0; 4096]).await;
                    tokio::time::sleep(Duration::from_mins(1)).await;
                });
            }
        };
        let ssh = Ssh::new(options.clone());
        let error = tokio::select! {
            host = ssh.host("node", &settings, "127.0.0.1") => host.err().unwrap(),
            () = serve => unreachable!(),
            () = tokio::time::sleep(Duration::from_secs(15)) => panic!("it does not end"),
        };
        let known = [
            SshErrorKind::Frozen,
            SshErrorKind::Handshake,
            SshErrorKind::NoAnswer,
        ];
        assert!(known.contains(&error.kind), "{error}");
        assert!(masters(&lab).is_empty(), "ssh runs on");
    }
}

/// A login shell that is none of Bourne's family.
#[tokio::test(flavor = "multi_thread")]
async fn other_login_shells() {
    if !std::process::Command::new("unshare")
        .args(["-m", "true"])
        .status()
        .is_ok_and(|s| s.success())
    {
        assert!(
            std::env::var_os("CI").is_none(),
            "mount namespaces are not allowed here"
        );
        return;
    }
    let lab = Lab::new();
    let sshds = ["/bin/tcsh", "/bin/bsd-csh", "/usr/bin/fish"].map(|shell| {
        if Path::new(shell).exists() {
            return Some((shell, lab.sshd_of(shell)));
        }
        assert!(std::env::var_os("CI").is_none(), "{shell} is not installed");
        None
    });
    let each = sshds.iter().flatten().flat_map(|(shell, sshd)| {
        let by = |transport| through_login_shell(&lab, shell, sshd, transport);
        [by(Transport::Builtin), by(Transport::OpenSsh)]
    });
    within(60, futures::future::join_all(each)).await;
}

async fn through_login_shell(lab: &Lab, shell: &str, sshd: &Sshd, transport: Transport) {
    let ssh = Ssh::new(lab.options());
    let settings = settings(sshd, transport);
    let host = ssh.host("node", &settings, "127.0.0.1").await.unwrap();
    let shown = host
        .run("getent passwd \"$(id -u)\"", RemoteCommand::default())
        .await;
    let text = shown.unwrap().text();
    assert!(text.ends_with(shell), "not the login shell: {text}");
    let command = "printf '%s!\\n' \"it's\\\\\"\necho next";
    let out = host.run(command, RemoteCommand::default()).await.unwrap();
    assert_eq!(out.text(), "it's\\!\nnext", "{shell}: {out:?}");
    let error = host.run("sleep 60", for_seconds(1)).await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Timeout, "{shell}: {error}");
    let file = lab.path(&format!("{transport:?}'s in {}", shell.replace('/', "!")));
    let (data, path) = (Arc::new(b"content".to_vec()), file.to_str().unwrap());
    host.upload(data, path, 0o600, false, |_| {}).await.unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), b"content");
}

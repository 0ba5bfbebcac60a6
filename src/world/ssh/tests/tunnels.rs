//! Connections through a host: to a real server on its loopback, and to another host.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation
)]

use super::sshd::{Lab, Running, free_port, within};
use crate::inventory::SshSettings;
use crate::world::ssh::{RemoteCommand, Ssh, SshErrorKind};
use redis::AsyncConnectionConfig;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn redis_server(lab: &Lab) -> (Running, u16) {
    let port = free_port();
    let child = Command::new("redis-server")
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
        ])
        .arg(lab.path(""))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let server = Running(child);
    for _ in 0..250 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    (server, port)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_the_hosts_loopback() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    let (_server, port) = redis_server(&lab);
    within(60, async {
        let host = sshd.log_in(lab.options()).await.unwrap();
        let stream = host.tunnel("127.0.0.1", port).await.unwrap();
        let config =
            AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(5)));
        let info = redis::RedisConnectionInfo::default();
        let (mut server, driver) =
            redis::aio::MultiplexedConnection::new_with_config(&info, stream, config)
                .await
                .unwrap();
        let driver = tokio::spawn(driver);
        let pong: String = redis::cmd("PING").query_async(&mut server).await.unwrap();
        assert_eq!(pong, "PONG");
        // Both ways at once, and more than any buffer in between.
        let value = "v".repeat(8 << 20);
        let _: () = redis::cmd("SET")
            .arg("big")
            .arg(&value)
            .query_async(&mut server)
            .await
            .unwrap();
        let back: String = redis::cmd("GET")
            .arg("big")
            .query_async(&mut server)
            .await
            .unwrap();
        assert!(back == value);
        assert_eq!(sshd.sessions().len(), 2);
        drop(server);
        driver.abort();
        // The session of the tunnel ends with it.
        while sshd.sessions().len() > 1 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(
            host.run("true", RemoteCommand::default())
                .await
                .unwrap()
                .success()
        );
        let error = host.tunnel("127.0.0.1", free_port()).await.err().unwrap();
        assert_eq!(error.kind, SshErrorKind::Refused, "{error}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_one_direction_is_passed_on() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let port = listener.local_addr().unwrap().port();
    within(30, async {
        let host = sshd.log_in(lab.options()).await.unwrap();
        let mut near = host.tunnel("127.0.0.1", port).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        near.write_all(b"the question").await.unwrap();
        near.shutdown().await.unwrap();
        let mut heard = String::new();
        far.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "the question");
        far.write_all(b"the answer").await.unwrap();
        drop(far);
        let mut heard = String::new();
        near.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "the answer");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_other_hosts() {
    let lab = Lab::new();
    let (bastion, inner, target) = (lab.sshd(), lab.sshd(), lab.sshd());
    let me = Command::new("id").arg("-un").output().unwrap();
    let me = String::from_utf8(me.stdout).unwrap();
    let (far, first, second) = (target.port, bastion.port, inner.port);
    lab.configure(&format!(
        "Host target\n HostName 127.0.0.1\n Port {far}\n ProxyJump {me}@127.0.0.1:{first}\n\
         Host far\n HostName 127.0.0.1\n Port {far}\n ProxyJump bastion,inner\n\
         Host bastion\n HostName 127.0.0.1\n Port {first}\n\
         Host inner\n HostName 127.0.0.1\n Port {second}\n",
        me = me.trim(),
    ));
    within(60, async {
        let ssh = Ssh::new(lab.options());
        let settings = SshSettings::default();
        let host = ssh.host("node", &settings, "target").await.unwrap();
        assert_eq!(bastion.sessions().len(), 1);
        let out = host
            .run("echo $SSH_CONNECTION", RemoteCommand::default())
            .await;
        let text = out.unwrap().text();
        assert!(text.ends_with(&format!(" {far}")), "{text}");
        let data: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 253) as u8).collect();
        let (data, file) = (Arc::new(data), lab.path("file"));
        let sent = Arc::clone(&data);
        let upload = host.upload(sent, file.to_str().unwrap(), 0o600, false, |_| {});
        upload.await.unwrap();
        assert!(std::fs::read(&file).unwrap() == *data);

        let far = ssh.host("node", &settings, "far").await.unwrap();
        assert!(
            far.run("true", RemoteCommand::default())
                .await
                .unwrap()
                .success()
        );
        assert_eq!((bastion.sessions().len(), inner.sessions().len()), (2, 1));
        drop((host, far));
        ssh.close().await;
        while bastion.sessions().len() + inner.sessions().len() + target.sessions().len() > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ways_that_lead_nowhere() {
    let lab = Lab::new();
    lab.configure(
        "Host round\n ProxyJump round\nHost command\n ProxyCommand sh -c 'echo closed >&2' %h\n",
    );
    within(60, async {
        let failure = async |host: &str| {
            let ssh = Ssh::new(lab.options());
            let host = ssh.host("node", &SshSettings::default(), host).await;
            host.err().unwrap()
        };
        let error = failure("command").await;
        let text = error.to_string();
        assert_eq!(error.kind, SshErrorKind::Io, "{text}");
        assert!(
            text.contains("ProxyCommand") && text.contains("closed"),
            "{text}"
        );
        assert_eq!(failure("round").await.kind, SshErrorKind::Config);
    })
    .await;
}

#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;
use crate::world::testing::{TestServer, free_port};
use redis::cmd;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Instant;

fn here(port: u16) -> Address {
    Address::new("127.0.0.1", port)
}

async fn connect(port: u16, password: Option<&str>) -> Result<Conn, Trouble> {
    let login = password.map(ServerLogin::from);
    Conn::open(tcp(&here(port)).await?, login.as_ref()).await
}

async fn kind(port: u16, password: Option<&str>) -> TroubleKind {
    match connect(port, password).await {
        Ok(_) => panic!("it connected"),
        Err(trouble) => trouble.kind,
    }
}

/// A listener that sends `first` to its first client, `then` after the next words from it, hangs up
/// or not, and ends within 5 seconds.
fn says_then(first: &'static [u8], then: &'static [u8], hang_up: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(first);
        if hang_up {
            return;
        }
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let mut asked = Vec::new();
        let mut piece = [0; 4096];
        let mut answered = false;
        while let Ok(n @ 1..) = stream.read(&mut piece) {
            asked.extend_from_slice(&piece[..n]);
            if !answered && asked.windows(4).any(|w| w == b"INFO") {
                answered = true;
                let _ = stream.write_all(then);
            }
        }
    });
    port
}

fn says(bytes: &'static [u8], hang_up: bool) -> u16 {
    says_then(bytes, b"", hang_up)
}

#[tokio::test]
async fn a_server_is_called_and_its_errors_are_told() {
    let server = TestServer::start(&[]);
    let conn = connect(server.port, None).await.unwrap();
    assert!(!conn.has_password());
    assert!(conn.client_id().is_some());
    assert_eq!(
        conn.call(cmd("PING").arg("hello"), REPLY).await.unwrap(),
        Value::BulkString(b"hello".to_vec())
    );
    let name = conn
        .call(cmd("CLIENT").arg("GETNAME"), REPLY)
        .await
        .unwrap();
    let own = crate::topology::claims::worker(crate::world::claim::token());
    assert_eq!(name, Value::BulkString(own.into_bytes()));
    let wrong = conn.call(&cmd("NOSUCH"), REPLY).await.unwrap_err();
    assert_eq!(wrong.kind, TroubleKind::Other);
    assert!(wrong.detail.contains("unknown command"), "{}", wrong.detail);
    let mut pipeline = redis::pipe();
    pipeline.cmd("PING").cmd("NOSUCH").cmd("PING");
    let replies = conn.exchange(&pipeline, REPLY).await.unwrap();
    assert!(
        matches!(
            &replies[..],
            [
                Value::SimpleString(_),
                Value::ServerError(_),
                Value::SimpleString(_)
            ]
        ),
        "{replies:?}"
    );
}

#[tokio::test]
async fn passwords_are_used_missed_refused_and_not_needed() {
    let server = TestServer::start(&["requirepass right"]);
    assert!(
        connect(server.port, Some("right"))
            .await
            .unwrap()
            .has_password()
    );
    assert_eq!(kind(server.port, None).await, TroubleKind::PasswordMissing);
    assert_eq!(
        kind(server.port, Some("wrong")).await,
        TroubleKind::PasswordRefused
    );
    let open = TestServer::start(&[]);
    assert!(
        !connect(open.port, Some("right"))
            .await
            .unwrap()
            .has_password()
    );
}

#[tokio::test]
async fn a_server_that_refuses_clients_says_why() {
    let full = TestServer::start(&["maxclients 1"]);
    let mut first = connect(full.port, None).await;
    for _ in 0..100 {
        if first.is_ok() {
            break;
        }
        // The launcher's own probe may still count as a client.
        tokio::time::sleep(Duration::from_millis(20)).await;
        first = connect(full.port, None).await;
    }
    assert_eq!(kind(full.port, None).await, TroubleKind::TooManyClients);
    let denied =
        b"-DENIED Redis is running in protected mode because protected mode is enabled\r\n";
    assert_eq!(
        kind(says(denied, true), None).await,
        TroubleKind::ProtectedMode
    );
    assert_eq!(
        kind(says(denied, true), Some("x")).await,
        TroubleKind::ProtectedMode
    );
}

#[tokio::test]
async fn a_user_without_permission_is_told_apart() {
    let server = TestServer::start(&["user default on nopass ~* +@all -info"]);
    let conn = connect(server.port, None).await.unwrap();
    assert_eq!(
        conn.call(&cmd("INFO"), REPLY).await.unwrap_err().kind,
        TroubleKind::Forbidden
    );
}

#[tokio::test]
async fn a_script_that_does_not_end_is_busy() {
    let server = TestServer::start(&["busy-reply-threshold 50"]);
    let conn = connect(server.port, None).await.unwrap();
    let mut script = cmd("EVAL");
    script.arg("while true do end").arg(0);
    let late = conn
        .call(&script, Duration::from_millis(300))
        .await
        .unwrap_err();
    assert_eq!(late.kind, TroubleKind::Frozen);
    assert_eq!(kind(server.port, None).await, TroubleKind::Busy);
}

#[tokio::test]
async fn a_frozen_server_is_silent_and_comes_back() {
    let server = TestServer::start(&[]);
    let conn = connect(server.port, None).await.unwrap();
    server.freeze();
    let begin = Instant::now();
    assert_eq!(kind(server.port, None).await, TroubleKind::Frozen);
    assert!(begin.elapsed() < REPLY + Duration::from_secs(1));
    assert_eq!(
        conn.call(&cmd("PING"), Duration::from_millis(50))
            .await
            .unwrap_err()
            .kind,
        TroubleKind::Frozen
    );
    server.thaw();
    assert_eq!(
        conn.call(cmd("PING").arg("again"), REPLY).await.unwrap(),
        Value::BulkString(b"again".to_vec())
    );
}

#[tokio::test]
async fn what_is_no_server_is_told_by_its_own_words() {
    assert_eq!(kind(free_port(), None).await, TroubleKind::Refused);
    for garbage in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"220 mail ready\r\n",
        b"+OK POP3 ready\r\n",
    ] {
        assert_eq!(
            kind(says(garbage, false), None).await,
            TroubleKind::NotRedis,
            "{}",
            garbage.escape_ascii()
        );
    }
    assert_eq!(
        kind(says(b"\x15\x03\x01\x00\x02\x02\x46", true), None).await,
        TroubleKind::WantsTls
    );
    assert_eq!(kind(says(b"", true), None).await, TroubleKind::Other);
    let http = connect(says(b"HTTP/1.1 400 Bad Request\r\n", false), None)
        .await
        .err()
        .unwrap();
    assert!(
        http.detail.ends_with("answers: HTTP/1.1 400 Bad Request"),
        "{}",
        http.detail
    );
}

#[tokio::test]
async fn absurd_lengths_from_a_false_server_are_survived() {
    for absurd in [
        &b"*9223372036854775807\r\n"[..],
        b"*1000000000\r\n",
        b"%1000000000\r\n",
        b"$99999999999\r\nx",
        b"*1\r\n*1\r\n*1\r\n",
    ] {
        let port = says_then(b"+PONG\r\n+OK\r\n:1\r\n", absurd, false);
        let conn = connect(port, None).await.unwrap();
        let got = conn.call(&cmd("INFO"), Duration::from_millis(200)).await;
        assert!(got.is_err(), "{}", absurd.escape_ascii());
    }
}

#[tokio::test]
async fn names_are_looked_up() {
    assert!(!lookup("localhost", LOOKUP).await.unwrap().is_empty());
    assert_eq!(
        lookup("no-such-name.invalid", LOOKUP)
            .await
            .unwrap_err()
            .kind,
        TroubleKind::NameUnknown
    );
    assert_eq!(
        tcp(&Address::new("no-such-name.invalid", 1))
            .await
            .unwrap_err()
            .kind,
        TroubleKind::NameUnknown
    );
    let server = TestServer::start(&[]);
    let conn = Conn::open(
        tcp(&Address::new("localhost", server.port)).await.unwrap(),
        None,
    )
    .await
    .unwrap();
    assert!(conn.call(&cmd("PING"), REPLY).await.is_ok());
}

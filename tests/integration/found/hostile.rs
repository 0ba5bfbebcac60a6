//! First addresses that lead to no inventory: the command prints one clear sentence, and writes
//! nothing.

use super::{Finder, at};
use crate::support::server::Family;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// Gives every client the same answer, until the test ends.
fn listener(answer: impl Fn(&mut std::net::TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = std::sync::Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer) = (stream.unwrap(), answer.clone());
            std::thread::spawn(move || answer(&mut stream));
        }
    });
    port
}

fn read_some(stream: &mut std::net::TcpStream) {
    let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
    let _ = stream.read(&mut [0; 512]);
}

#[test]
fn what_is_no_server_is_said_and_nothing_is_written() {
    let http = listener(|stream| {
        read_some(stream);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    });
    let ssh = listener(|stream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
        read_some(stream);
    });
    let silent = listener(|stream| {
        std::thread::sleep(Duration::from_mins(1));
        read_some(stream);
    });
    let endless = listener(|stream| {
        let bytes = vec![b'+'; 1 << 16];
        while stream.write_all(&bytes).is_ok() {}
    });
    let endless_lines = listener(|stream| while stream.write_all(b"+OK\r\n").is_ok() {});
    let gone = listener(|_| {});
    for (port, said) in [
        (
            http,
            "something else than a Redis or Valkey server answers: HTTP/1.1 400",
        ),
        (
            ssh,
            "something else than a Redis or Valkey server answers: SSH-2.0",
        ),
        (silent, "says nothing within"),
        (
            endless,
            "something else than a Redis or Valkey server answers",
        ),
        (endless_lines, "caused by: "),
        (gone, "caused by: "),
    ] {
        let finder = Finder::new();
        let begun = Instant::now();
        let ran = finder.run(&at(port), &[]).code(1);
        let what = format!("error: no deployment can be found from {}", at(port));
        let ran = ran.says(&what).says("; nothing was written").says(said);
        assert!(ran.stdout.is_empty(), "{ran}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{ran}");
        finder.assert_nothing();
        let json = finder.run(&at(port), &["--json"]).code(1);
        let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(json["error"]["changed"], false, "{json:#}");
        assert_eq!(json["error"]["reason"], "unreachable", "{json:#}");
    }
    let finder = Finder::new();
    let nobody = crate::support::ports::free();
    finder
        .run(&at(nobody), &[])
        .code(1)
        .says("connection refused: nothing listens there");
    finder
        .run("no-such-host.invalid", &[])
        .code(1)
        .says("does not resolve");
}

#[test]
fn a_cluster_is_refused() {
    let Some(family) = Family::debian() else {
        return;
    };
    let bus = format!("cluster-port {}", crate::support::ports::free());
    let server = family.start(&["cluster-enabled yes", &bus]);
    let finder = Finder::new();
    finder
        .run(&at(server.port), &[])
        .code(3)
        .says("is a node of a Redis Cluster; nothing was written");
    finder.assert_nothing();
}

/// A server that names thousands of replicas, and some that are no addresses.
#[test]
fn what_a_server_makes_up_is_bounded() {
    let port = listener(|stream| {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
        let mut lines = String::from(
            "# Server\r\nredis_version:7.0.15\r\nrun_id:0123456789abcdef0123456789abcdef01234567\r\n# Replication\r\nrole:master\r\nconnected_slaves:9\r\n",
        );
        for (n, host) in ["$(reboot)", "x\u{1b}[31m", "127.0.0.1", "0.0.0.0", "-h"]
            .iter()
            .enumerate()
        {
            let _ = write!(
                lines,
                "slave{n}:ip={host},port=1,state=online,offset=1,lag=1\r\n"
            );
        }
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            let asked = String::from_utf8_lossy(&buffer[..count]).into_owned();
            let mut answer = String::new();
            for word in asked.split("\r\n") {
                let said = match word {
                    "PING" => "+PONG\r\n".to_owned(),
                    "SETNAME" => "+OK\r\n".to_owned(),
                    "ID" => ":7\r\n".to_owned(),
                    "INFO" => format!("${}\r\n{lines}\r\n", lines.len()),
                    "NUMSUB" | "GET" => "*0\r\n".to_owned(),
                    _ => continue,
                };
                answer.push_str(&said);
            }
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    let finder = Finder::new();
    let ran = finder.run(&at(port), &[]).ok();
    let text = finder.text();
    assert!(ran.stdout.contains("not taken in: "), "{ran}");
    assert!(
        !text.contains('\u{1b}') && !ran.stdout.contains('\u{1b}'),
        "{text}"
    );
    let commands = text.lines().filter(|line| !line.starts_with('#'));
    assert!(!commands.collect::<String>().contains("reboot"), "{text}");
    assert_eq!(text.matches("\n[[node]]").count(), 2, "{text}");
}

//! Servers behind mapped ports, which announce where they are reached.

use super::{Finder, at};
use crate::support::server::Family;
use std::io::copy;
use std::net::{TcpListener, TcpStream};

/// Forwards a port to another, until the test ends.
fn forward(to: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(one) = stream else { continue };
            let Ok(other) = TcpStream::connect(("127.0.0.1", to)) else {
                continue;
            };
            for (mut from, mut into) in [
                (one.try_clone().unwrap(), other.try_clone().unwrap()),
                (other, one),
            ] {
                std::thread::spawn(move || {
                    let _ = copy(&mut from, &mut into);
                    let _ = into.shutdown(std::net::Shutdown::Both);
                });
            }
        }
    });
    port
}

#[test]
fn servers_behind_mapped_ports_are_found_by_what_they_announce() {
    let Some(family) = Family::debian() else {
        return;
    };
    let servers: Vec<_> = (0..3).map(|_| family.start(&[])).collect();
    let own: Vec<u16> = servers.iter().map(|server| server.port).collect();
    let mapped: Vec<u16> = own.iter().map(|port| forward(*port)).collect();
    for (server, port) in servers.iter().zip(&mapped) {
        for (name, value) in [("ip", "127.0.0.1"), ("port", &port.to_string())] {
            let words = ["CONFIG", "SET", &format!("replica-announce-{name}"), value];
            assert_eq!(server.client().command(&words).text(), "OK");
        }
    }
    for (replica, upstream) in [(1, 0), (2, 1)] {
        let port = mapped[upstream].to_string();
        let words = ["REPLICAOF", "127.0.0.1", &port];
        assert_eq!(servers[replica].client().command(&words).text(), "OK");
    }
    crate::support::await_that("the links", std::time::Duration::from_secs(20), || {
        servers[1..].iter().all(|server| {
            let info = server.client().info("replication");
            info.get("master_link_status").is_some_and(|s| s == "up")
        })
    });
    // From outside, at the mapped port of any of them.
    let finder = Finder::new();
    finder.run(&at(mapped[2]), &[]).ok();
    let wanted = [
        (mapped[0], None),
        (mapped[1], Some(mapped[0])),
        (mapped[2], Some(mapped[1])),
    ];
    assert_eq!(finder.nodes(), wanted);
    finder.is_used(2);
    // From inside, at its own port: the others know it by another address.
    let finder = Finder::new();
    finder.run(&at(own[0]), &[]).ok();
    let text = finder.text();
    assert_eq!(text.matches("\n[[node]]").count(), 3, "{text}");
    finder.is_used(2);
}

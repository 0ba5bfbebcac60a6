//! Sentinels watch a deployment during a change of its password: they get the new one, and lose no
//! server.

use crate::password::bench::{Bench, NEW, OLD};
use crate::support::sentinel::{LocalSentinel, NAME, await_together};
use crate::support::{Family, await_that};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Every connection of the Sentinels is ended, and they come back by new logins.
#[track_caller]
fn they_come_back(bench: &Bench, all: &[LocalSentinel], password: Option<&str>) {
    for n in 0..3 {
        let mut client = bench.client(n, password);
        client.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        client.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    }
    // Twice the time after which one that cannot log in takes a server for dead.
    std::thread::sleep(Duration::from_secs(4));
    await_together(all);
    for sentinel in all {
        let said = sentinel.ask(&["SENTINEL", "CKQUORUM", NAME]).text();
        assert!(said.starts_with("OK"), "{said}");
    }
    let port = bench.port(0).to_string();
    assert!(all.iter().all(|s| s.field("port") == port), "a failover");
}

#[test]
fn the_sentinels_that_watch_are_told_in_time() {
    let Some(family) = Family::debian() else {
        return;
    };
    let Some(bench) = Bench::set_up(None, None) else {
        return;
    };
    let all: Vec<LocalSentinel> = (0..3)
        .map(|_| LocalSentinel::start(family, bench.port(0), 2_000, None))
        .collect();
    await_together(&all);
    for (from, to) in [(None, Some(OLD)), (Some(OLD), Some(NEW)), (Some(NEW), None)] {
        bench.say(to);
        let ran = bench.run(&["setup", "--yes"]).ok().says("auth-pass");
        assert!(ran.stderr.contains("let the Sentinel at"), "{ran}");
        if to.is_some() {
            assert!(bench.connect(0, from).is_err());
        }
        they_come_back(&bench, &all, to);
        bench.run(&["setup", "--yes"]).ok().says("Nothing to do");
    }
}

#[test]
fn one_that_cannot_be_told_is_named_and_nothing_is_changed() {
    let Some(family) = Family::debian() else {
        return;
    };
    let Some(bench) = Bench::set_up(None, None) else {
        return;
    };
    let all: Vec<LocalSentinel> = (0..3)
        .map(|_| LocalSentinel::start(family, bench.port(0), 30_000, None))
        .collect();
    await_together(&all);
    all[1].pause();
    bench.say(Some(NEW));
    let ran = bench.run(&["setup", "--yes"]).code(3).says("Sentinel");
    assert!(ran.stderr.contains(&all[1].port.to_string()), "{ran}");
    bench.in_sync(None);
    assert_eq!(bench.client(0, None).config("masterauth"), "");
    all[1].resume();
    await_that("it to answer", Duration::from_secs(5), || {
        all[1].field("flags") == "master"
    });
    bench.run(&["setup", "--yes"]).ok();
    bench.in_sync(Some(NEW));
}

/// A proxy that answers like the Sentinel on `port`, with another id, and records what it gets.
fn impostor(port: u16) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let own = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&heard);
    // It ends with the test process.
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
            let (mut said, mut there) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let all = Arc::clone(&all);
            std::thread::spawn(move || {
                pass_on(&mut said, &mut there, |piece| {
                    all.lock().unwrap().extend_from_slice(piece);
                });
            });
            let (mut server, mut client) = (server, client);
            std::thread::spawn(move || pass_on(&mut server, &mut client, other_id));
        }
    });
    (own, heard)
}

fn pass_on(from: &mut TcpStream, to: &mut TcpStream, mut look: impl FnMut(&mut [u8])) {
    let mut piece = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut piece) {
        look(&mut piece[..count]);
        if to.write_all(&piece[..count]).is_err() {
            return;
        }
    }
}

/// The answer to `SENTINEL MYID` is another id of 40 digits.
fn other_id(piece: &mut [u8]) {
    let start = b"$40\r\n";
    let found: Vec<usize> = (0..piece.len().saturating_sub(45))
        .filter(|i| piece[*i..].starts_with(start))
        .collect();
    for at in found {
        piece[at + start.len()..at + start.len() + 40].fill(b'd');
    }
}

#[test]
fn one_that_only_says_that_it_is_a_sentinel_is_told_no_password() {
    let Some(family) = Family::debian() else {
        return;
    };
    for (from, to) in [(None, Some(NEW)), (Some(OLD), Some(NEW))] {
        let Some(bench) = Bench::set_up(None, from) else {
            return;
        };
        let real = LocalSentinel::start(family, bench.port(0), 30_000, None);
        if from.is_some() {
            real.ask(&["SENTINEL", "SET", NAME, "auth-pass", OLD]);
        }
        await_that("it to watch", Duration::from_secs(20), || {
            real.field("num-slaves") == "2" && real.field("flags") == "master"
        });
        let (port, heard) = impostor(real.port);
        let hello = format!(
            "127.0.0.1,{port},{},0,{NAME},127.0.0.1,{},0",
            "ab".repeat(20),
            bench.port(0)
        );
        let say = || {
            let mut client = bench.client(0, from);
            client.command(&["PUBLISH", "__sentinel__:hello", &hello]);
            real.field("num-other-sentinels") == "1"
        };
        await_that("the Sentinel to believe it", Duration::from_secs(10), say);
        bench.say(to);
        let ran = bench.run(&["setup", "--yes"]).code(3);
        assert!(
            ran.stderr
                .contains(&format!("what answers at 127.0.0.1:{port}")),
            "{ran}"
        );
        let heard = heard.lock().unwrap();
        let heard = String::from_utf8_lossy(&heard);
        assert!(heard.contains("MASTER"), "nobody asked it: {heard}");
        assert!(!heard.contains("canary"), "it has a password: {heard}");
        bench.in_sync(from);
    }
}

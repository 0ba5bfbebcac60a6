//! TCP ports for the servers of tests that run side by side, in one process or in several.
//!
//! A file under a lock says which port is next, so that two tests never get the same one; the range
//! lies below the one the kernel takes outgoing connections from.

use std::fs::OpenOptions;
use std::io::{Read, Seek, Write};
use std::net::TcpListener;

const FIRST: u16 = 17_000;
const LAST: u16 = 31_999;

/// A port of 127.0.0.1 that nothing listens on, and that no other test is given soon.
pub fn free() -> u16 {
    let path = std::env::temp_dir().join(format!("replctl-test-ports-{}", super::user_id()));
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .expect("the file of ports");
    file.lock().expect("a lock on the file of ports");
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    let mut port: u16 = text
        .trim()
        .parse()
        .ok()
        .filter(|p| (FIRST..=LAST).contains(p))
        .unwrap_or(FIRST);
    let found = loop {
        let this = port;
        port = if port == LAST { FIRST } else { port + 1 };
        // Both addresses: a server elsewhere may have bound all of them.
        if TcpListener::bind(("0.0.0.0", this)).is_ok()
            && TcpListener::bind(("127.0.0.1", this)).is_ok()
        {
            break this;
        }
    };
    file.set_len(0).unwrap();
    file.rewind().unwrap();
    write!(file, "{port}").unwrap();
    found
}

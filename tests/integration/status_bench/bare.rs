//! The minimal cost of a look at many servers: one thread that sends INFO to all of them and reads
//! the answers as they come. It runs as a separate process, by the name of its test.

use super::field::ip;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;

/// The number of servers, and their port. If it is set, this process is the bare client.
pub const VARIABLE: &str = "REPLCTL_BARE_CLIENT";

struct Asked {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Asked {
    /// Whether the answer, a bulk string, is there as a whole.
    fn is_done(&self) -> bool {
        let Some(line) = self.answer.iter().position(|b| *b == b'\n') else {
            return false;
        };
        let length = std::str::from_utf8(&self.answer[1..line - 1]).unwrap();
        let length: usize = length.parse().unwrap();
        self.answer.len() >= line + 1 + length + 2
    }
}

/// Asks all.
#[allow(unsafe_code)]
pub fn ask(nodes: usize, port: u16) {
    // SAFETY: these calls read and write memory that lives longer than them.
    let poll = unsafe { libc::epoll_create1(0) };
    let mut asked = Vec::new();
    for node in 0..nodes {
        let mut stream = TcpStream::connect((ip(node), port)).unwrap();
        stream.write_all(b"*1\r\n$4\r\nINFO\r\n").unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: node as u64,
        };
        // SAFETY: as above.
        unsafe {
            libc::epoll_ctl(
                poll,
                libc::EPOLL_CTL_ADD,
                stream.as_raw_fd(),
                &raw mut event,
            )
        };
        asked.push(Asked {
            stream,
            answer: Vec::new(),
        });
    }
    let mut left = nodes;
    let mut events = [libc::epoll_event { events: 0, u64: 0 }; 256];
    while left > 0 {
        // SAFETY: as above.
        let ready = unsafe { libc::epoll_wait(poll, events.as_mut_ptr(), 256, 10_000) };
        assert!(ready > 0, "{left} servers do not answer");
        for event in &events[..usize::try_from(ready).unwrap()] {
            let one = &mut asked[usize::try_from(event.u64).unwrap()];
            let mut piece = [0; 16384];
            while let Ok(n @ 1..) = one.stream.read(&mut piece) {
                one.answer.extend_from_slice(&piece[..n]);
            }
            if one.is_done() {
                left -= 1;
                let _ = one.stream.shutdown(std::net::Shutdown::Both);
                // SAFETY: as above.
                unsafe {
                    let fd = one.stream.as_raw_fd();
                    libc::epoll_ctl(poll, libc::EPOLL_CTL_DEL, fd, std::ptr::null_mut())
                };
            }
        }
    }
}

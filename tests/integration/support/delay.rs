//! A delayed network on one machine: a port that forwards to another port, each byte after the same
//! delay, in both directions.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// One such port.
pub struct LongWay {
    /// Where to connect.
    pub port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    to: AtomicU16,
    delay: Duration,
    over: AtomicBool,
}

impl LongWay {
    /// Opens it; `delay` is that of one direction.
    pub fn open(delay: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            to: AtomicU16::new(0),
            delay,
            over: AtomicBool::new(false),
        });
        let of_thread = shared.clone();
        std::thread::spawn(move || {
            for near in listener.incoming() {
                if of_thread.over.load(Ordering::Relaxed) {
                    break;
                }
                let to = of_thread.to.load(Ordering::Relaxed);
                let far = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, to)));
                if let (Ok(near), Ok(far)) = (near, far) {
                    both_ways(&near, &far, of_thread.delay);
                }
            }
        });
        Self { port, shared }
    }

    /// Sends new connections there from now on.
    pub fn leads_to(&self, port: u16) {
        self.shared.to.store(port, Ordering::Relaxed);
    }
}

impl Drop for LongWay {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // It wakes the one who waits for connections.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn both_ways(near: &TcpStream, far: &TcpStream, delay: Duration) {
    for (from, to) in [(near, far), (far, near)] {
        let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else {
            return;
        };
        let _ = to.set_nodelay(true);
        let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
        std::thread::spawn(move || read(from, delay, &sender));
        std::thread::spawn(move || write(to, &receiver));
    }
}

fn read(mut from: TcpStream, delay: Duration, sender: &mpsc::Sender<(Instant, Vec<u8>)>) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let piece = (Instant::now() + delay, bytes[..count].to_vec());
        if sender.send(piece).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Read);
}

fn write(mut to: TcpStream, receiver: &mpsc::Receiver<(Instant, Vec<u8>)>) {
    for (at, piece) in receiver {
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        if to.write_all(&piece).is_err() {
            break;
        }
    }
    // Whoever reads there sees its end.
    let _ = to.shutdown(Shutdown::Both);
}

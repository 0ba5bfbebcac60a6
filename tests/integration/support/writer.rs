//! Clients that write without pause and record every acknowledged write, so that a test can check
//! each of them afterwards.
//!
//! They behave like clients that know several addresses and change to the next one only after an
//! error. Each connection is a thread.

use super::await_that;
use super::net::Net;
use super::redis::{RawRedis, Reply, encode};
use super::tally::{Connection, Tally};
use openssl::ssl::SslConnector;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How a connection writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// One `SET` at a time.
    Set,
    /// `MULTI`, two `SET`s, `EXEC`.
    Transaction,
    /// A script that writes.
    Lua,
    /// That many `SET`s sent at once.
    Pipelined(usize),
    /// A client blocked in `BRPOPLPUSH` is served by another client's `LPUSH`; the acknowledged
    /// push is looked for.
    Blocking,
}

/// Where and how to write.
#[derive(Debug, Clone)]
pub struct Load {
    /// The network.
    pub net: Net,
    /// The servers' addresses; each connection starts with the first.
    pub nodes: Vec<SocketAddr>,
    /// How to speak TLS with them.
    pub tls: Option<SslConnector>,
    /// The servers' password.
    pub password: Option<String>,
    /// One connection per entry.
    pub styles: Vec<Style>,
    /// At most that many acknowledged writes per second and connection; `None`: as many as there
    /// can be.
    pub per_second: Option<u32>,
    /// How long a connection waits for an answer before it considers the server dead.
    pub patience: Duration,
}

impl Load {
    /// Four connections with plain `SET`s to servers of this machine.
    pub fn plain(ports: &[u16]) -> Self {
        let nodes = ports
            .iter()
            .map(|p| SocketAddr::from(([127, 0, 0, 1], *p)))
            .collect();
        Self {
            net: Net::Machine,
            nodes,
            tls: None,
            password: None,
            styles: vec![Style::Set; 4],
            per_second: None,
            patience: Duration::from_secs(3),
        }
    }

    /// Six clients of five kinds, which write 4,000 times a second at most.
    pub fn of_all_kinds(ports: &[u16]) -> Self {
        let mut load = Self::plain(ports).styles(&[
            Style::Set,
            Style::Set,
            Style::Transaction,
            Style::Lua,
            Style::Pipelined(8),
            Style::Blocking,
        ]);
        load.per_second = Some(4_000);
        load
    }

    /// With these styles, one connection each.
    pub fn styles(mut self, styles: &[Style]) -> Self {
        self.styles = styles.to_vec();
        self
    }
}

/// A load that runs; [`Writer::stop`] ends it.
pub struct Writer {
    load: Load,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    connections: Vec<JoinHandle<Connection>>,
}

impl Writer {
    /// Starts to write.
    pub fn start(load: Load) -> Self {
        let (stop, count) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let connections = load.styles.iter().enumerate().map(|(number, style)| {
            let (load, stop, count, style) =
                (load.clone(), Arc::clone(&stop), Arc::clone(&count), *style);
            std::thread::spawn(move || write(&load, number, style, &stop, &count))
        });
        let connections = connections.collect();
        Self {
            load,
            stop,
            count,
            connections,
        }
    }

    /// How many writes have been acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Waits until that many more writes have been acknowledged.
    pub fn await_more(&self, more: u64, within: Duration) {
        let wanted = self.acknowledged() + more;
        await_that(&format!("{more} more acknowledged writes"), within, || {
            self.acknowledged() >= wanted
        });
    }

    /// Ends the load.
    pub fn stop(mut self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        let connections = std::mem::take(&mut self.connections)
            .into_iter()
            .map(|c| c.join().expect("a writer does not panic"))
            .collect();
        Tally {
            load: self.load.clone(),
            connections,
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn write(
    load: &Load,
    number: usize,
    style: Style,
    stop: &AtomicBool,
    count: &AtomicU64,
) -> Connection {
    let mut this = Connection {
        number,
        style: Some(style),
        ..Connection::default()
    };
    let (mut next, mut node) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        this.turns.push((next, node));
        let ended = serve(
            load,
            load.nodes[node],
            &mut this,
            style,
            &mut next,
            stop,
            count,
        );
        if let Err(error) = ended {
            let text = error.to_string();
            *this
                .errors
                .entry(
                    text.split_whitespace()
                        .next()
                        .unwrap_or_default()
                        .to_owned(),
                )
                .or_default() += 1;
            node = (node + 1) % load.nodes.len();
            if node == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
    this
}

/// Writes to one node until an error, or the end.
fn serve(
    load: &Load,
    node: SocketAddr,
    this: &mut Connection,
    style: Style,
    next: &mut u64,
    stop: &AtomicBool,
    count: &AtomicU64,
) -> io::Result<()> {
    let connect = || {
        let password = load.password.as_deref();
        RawRedis::connect_over(&load.net, node, load.tls.as_ref(), password, load.patience)
    };
    let mut client = connect()?;
    let mut second = if style == Style::Blocking {
        Some(connect()?)
    } else {
        None
    };
    let pause = load.per_second.map(|n| Duration::from_secs(1) / n.max(1));
    while !stop.load(Ordering::Relaxed) {
        let first = *next;
        // An id is used once: after an error nobody knows whether the write was done.
        *next += if let Style::Pipelined(n) = style {
            n as u64
        } else {
            1
        };
        let before = this.acknowledged.len();
        let done = one(&mut client, second.as_mut(), this, style, first..*next);
        count.fetch_add((this.acknowledged.len() - before) as u64, Ordering::Relaxed);
        done?;
        if let Some(pause) = pause {
            std::thread::sleep(pause);
        }
    }
    Ok(())
}

fn one(
    client: &mut RawRedis,
    second: Option<&mut RawRedis>,
    this: &mut Connection,
    style: Style,
    ids: std::ops::Range<u64>,
) -> io::Result<()> {
    let n = ids.start.to_string();
    let key = this.id(ids.start);
    match style {
        Style::Set => acknowledged(&client.try_command(&["SET", &key, &n])?)?,
        Style::Lua => acknowledged(&client.try_command(&[
            "EVAL",
            "return redis.call('SET', KEYS[1], ARGV[1])",
            "1",
            &key,
            &n,
        ])?)?,
        Style::Transaction => transaction(client, &key, &n)?,
        Style::Pipelined(_) => return pipelined(client, this, ids),
        Style::Blocking => {
            blocking_pair(
                client,
                second.expect("a second connection"),
                &this.id(0),
                &n,
                || this.acknowledged.push((ids.start, Instant::now())),
            )?;
            return Ok(());
        }
    }
    this.acknowledged.push((ids.start, Instant::now()));
    Ok(())
}

fn transaction(client: &mut RawRedis, key: &str, n: &str) -> io::Result<()> {
    let mut bytes = Vec::new();
    let also = format!("{key}:also");
    for words in [
        &["MULTI"][..],
        &["SET", key, n],
        &["SET", &also, n],
        &["EXEC"],
    ] {
        encode(&mut bytes, words);
    }
    client.send(&bytes)?;
    let replies = (0..4)
        .map(|_| client.read())
        .collect::<io::Result<Vec<_>>>()?;
    replies.iter().try_for_each(acknowledged)
}

fn pipelined(
    client: &mut RawRedis,
    this: &mut Connection,
    ids: std::ops::Range<u64>,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    for n in ids.clone() {
        encode(&mut bytes, &["SET", &this.id(n), &n.to_string()]);
    }
    client.send(&bytes)?;
    let mut ended = Ok(());
    for n in ids {
        match acknowledged(&client.read()?) {
            Ok(()) => this.acknowledged.push((n, Instant::now())),
            Err(error) => ended = Err(error),
        }
    }
    ended
}

/// The push is acknowledged, and counts, even where the blocked client is then sent away.
fn blocking_pair(
    blocked: &mut RawRedis,
    pusher: &mut RawRedis,
    list: &str,
    n: &str,
    count: impl FnOnce(),
) -> io::Result<()> {
    let mut bytes = Vec::new();
    encode(
        &mut bytes,
        &[
            "BRPOPLPUSH",
            &format!("{list}:in"),
            &format!("{list}:out"),
            "1",
        ],
    );
    blocked.send(&bytes)?;
    acknowledged(&pusher.try_command(&["LPUSH", &format!("{list}:in"), n])?)?;
    count();
    acknowledged(&blocked.read()?)
}

fn acknowledged(reply: &Reply) -> io::Result<()> {
    if reply.failed() {
        return Err(io::Error::other(match reply {
            Reply::Error(text) => text.clone(),
            Reply::Simple(_) | Reply::Integer(_) | Reply::Bulk(_) | Reply::Array(_) => {
                format!("{reply:?}")
            }
        }));
    }
    Ok(())
}

//! The writes that servers acknowledged, and whether they still exist.

use super::redis::{RawRedis, Reply, encode};
use super::writer::{Load, Style};
use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What was acknowledged.
pub struct Tally {
    /// The load.
    pub load: Load,
    /// Its connections.
    pub connections: Vec<Connection>,
}

/// The record of one connection.
#[derive(Default)]
pub struct Connection {
    /// Which of the load's connections.
    pub number: usize,
    /// How it wrote.
    pub style: Option<Style>,
    /// The number of each acknowledged write, and when it was acknowledged.
    pub acknowledged: Vec<(u64, Instant)>,
    /// For each change of node: the first write, and the node of the load.
    pub turns: Vec<(u64, usize)>,
    /// The errors it saw, by their first word.
    pub errors: BTreeMap<String, u64>,
}

impl Tally {
    /// How many writes were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.connections.iter().map(|c| c.acknowledged.len()).sum()
    }

    /// The errors the clients saw, by their first word, with counts.
    pub fn errors(&self) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        for (what, n) in self.connections.iter().flat_map(|c| &c.errors) {
            *all.entry(what.clone()).or_default() += n;
        }
        all
    }

    /// The longest time, in milliseconds, in which no client had a write acknowledged.
    pub fn longest_gap_ms(&self) -> f64 {
        self.gaps_ms().first().copied().unwrap_or_default()
    }

    /// All times between two acknowledged writes in milliseconds, the longest first.
    pub fn gaps_ms(&self) -> Vec<f64> {
        let mut times: Vec<Instant> = self
            .connections
            .iter()
            .flat_map(|c| c.acknowledged.iter().map(|a| a.1))
            .collect();
        times.sort_unstable();
        let mut gaps: Vec<f64> = times
            .windows(2)
            .map(|w| (w[1] - w[0]).as_secs_f64() * 1000.0)
            .collect();
        gaps.sort_by(|a, b| b.total_cmp(a));
        gaps
    }

    /// The longest time, in milliseconds, in which no client had a write acknowledged between two
    /// moments.
    pub fn longest_gap_between_ms(&self, begun: Instant, ended: Instant) -> f64 {
        let acknowledged = self.connections.iter().flat_map(|c| &c.acknowledged);
        let mut times: Vec<Instant> = acknowledged.map(|a| a.1).collect();
        times.sort_unstable();
        // What began at `begun` may stop the writes before another one is acknowledged: the gap is
        // from the last one before it.
        let first = times.partition_point(|at| *at <= begun).saturating_sub(1);
        let last = times.partition_point(|at| *at <= ended);
        let gaps = times[first.min(last)..last].windows(2);
        gaps.map(|w| (w[1] - w[0]).as_secs_f64() * 1e3)
            .fold(0.0, f64::max)
    }

    /// Looks every acknowledged write up on a server; gives the ids of those that are not there.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn lost(&self, on: SocketAddr) -> Vec<String> {
        let mut client = RawRedis::connect_over(
            &self.load.net,
            on,
            self.load.tls.as_ref(),
            self.load.password.as_deref(),
            Duration::from_secs(30),
        )
        .expect("the server to look on");
        let mut lost = Vec::new();
        for connection in &self.connections {
            match connection.style {
                Some(Style::Blocking) => connection.lost_of_lists(&mut client, &mut lost),
                _ => connection.lost_of_keys(&mut client, &mut lost),
            }
        }
        lost
    }

    /// Asserts that nothing acknowledged is missing on that server.
    #[track_caller]
    pub fn nothing_lost(&self, on: SocketAddr) {
        let lost = self.lost(on);
        let some: Vec<_> = lost.iter().take(10).collect();
        assert!(
            lost.is_empty(),
            "{} of {} acknowledged writes are lost on {on}: {some:?}…",
            lost.len(),
            self.acknowledged()
        );
    }
}

impl Connection {
    /// The name of a write: its key.
    pub fn id(&self, n: u64) -> String {
        format!("w{}:{n}", self.number)
    }

    /// Which of the load's nodes acknowledged a write.
    pub fn acknowledged_by(&self, n: u64) -> Option<usize> {
        let turn = self.turns.iter().rfind(|(first, _)| *first <= n);
        turn.map(|(_, node)| *node)
    }

    /// The keys that one acknowledged write set, each to its number.
    fn keys(&self, n: u64) -> impl Iterator<Item = String> {
        let also = (self.style == Some(Style::Transaction)).then(|| self.id(n) + ":also");
        std::iter::once(self.id(n)).chain(also)
    }

    fn lost_of_keys(&self, client: &mut RawRedis, lost: &mut Vec<String>) {
        for batch in self.acknowledged.chunks(1000) {
            let mut bytes = Vec::new();
            for (n, _) in batch {
                self.keys(*n)
                    .for_each(|key| encode(&mut bytes, &["GET", &key]));
            }
            client.send(&bytes).unwrap();
            for (n, _) in batch {
                let wanted = Reply::Bulk(Some(n.to_string().into_bytes()));
                lost.extend(self.keys(*n).filter(|_| client.read().unwrap() != wanted));
            }
        }
    }

    fn lost_of_lists(&self, client: &mut RawRedis, lost: &mut Vec<String>) {
        let lists = [self.id(0) + ":in", self.id(0) + ":out"];
        let there: HashSet<String> = lists
            .iter()
            .flat_map(|l| client.command(&["LRANGE", l, "0", "-1"]).items())
            .map(|r| r.text())
            .collect();
        lost.extend(
            self.acknowledged
                .iter()
                .map(|(n, _)| n)
                .filter(|n| !there.contains(&n.to_string()))
                .map(|n| self.id(*n)),
        );
    }
}

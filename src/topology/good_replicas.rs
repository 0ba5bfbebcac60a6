//! The replicas that a server counts before it takes a write (`min-replicas-to-write`). Pure.

use super::{ReplicaLine, Server};

/// `min-replicas-max-lag` where the server does not tell it, seconds: its own default.
const MAX_LAG: u64 = 10;

impl Server {
    /// How many replicas in sync it wants for a write; `None`: it takes writes without any. A
    /// maximum lag of 0 switches that off.
    pub fn replicas_for_a_write(&self) -> Option<u64> {
        let wanted = self.setting("min-replicas-to-write")?;
        (wanted > 0 && self.max_lag() > 0).then_some(wanted)
    }

    /// The replicas that it counts for that: online, and heard from within the maximum lag.
    pub fn good_replicas(&self) -> impl Iterator<Item = &ReplicaLine> {
        let lag = self.max_lag();
        let all = self.replication.replicas.iter();
        all.filter(move |r| r.state == "online" && r.ack_age_seconds.is_none_or(|age| age <= lag))
    }

    /// Seconds.
    fn max_lag(&self) -> u64 {
        self.setting("min-replicas-max-lag").unwrap_or(MAX_LAG)
    }

    fn setting(&self, name: &str) -> Option<u64> {
        self.config.get(name)?.parse().ok()
    }
}

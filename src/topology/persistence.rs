//! Whether a server can write to its disk, and whether it refuses writes if not. Pure.

use super::Server;
use serde::{Deserialize, Serialize};

/// How its last writes to the disk went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// The last append to the append-only file failed, or its `fsync` (`aof_last_write_status`).
    pub append_failed: bool,
    /// The last dump failed (`rdb_last_bgsave_status`).
    pub dump_failed: bool,
}

/// Progress of loading data from disk or from a primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loading {
    /// Whole percent, where the server knows the total.
    pub percent: Option<u8>,
}

/// Why a primary with this disk refuses every write (`MISCONF`); nothing if it takes them. This is
/// the server's own rule (`writeCommandsDeniedByDiskError`). Any failed append counts. A failed
/// dump counts only if dumps are scheduled and `stop-writes-on-bgsave-error` is on, which is the
/// default.
pub fn refuses_writes(server: &Server) -> Option<&'static str> {
    let set = |key: &str| server.config.get(key).map(String::as_str);
    if server.disk.append_failed {
        return Some("it cannot write to its append-only file");
    }
    let scheduled = set("save").is_none_or(|s| !s.is_empty());
    let stops = set("stop-writes-on-bgsave-error") != Some("no");
    (server.disk.dump_failed && scheduled && stops).then_some("its last dump to the disk failed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::testing::healthy;

    #[test]
    fn a_failed_dump_stops_writes_only_where_dumps_are_scheduled() {
        let mut topology = healthy();
        let server = topology.nodes[0].up();
        assert_eq!(refuses_writes(server), None);
        server.disk.dump_failed = true;
        let mut set = |key: &str, value: &str| {
            server.config.insert(key.to_owned(), value.to_owned());
            refuses_writes(server).is_some()
        };
        assert!(set("save", "3600 1"));
        assert!(!set("save", ""));
        assert!(set("save", "3600 1"));
        assert!(!set("stop-writes-on-bgsave-error", "no"));
        assert!(set("stop-writes-on-bgsave-error", "yes"));
        server.disk.append_failed = true;
        assert_eq!(
            refuses_writes(server),
            Some("it cannot write to its append-only file")
        );
    }
}

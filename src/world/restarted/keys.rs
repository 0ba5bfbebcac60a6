//! Compares the keys of a server before and after its restart. A key may be missing only if it has
//! expired or was evicted meanwhile. The server counts those keys itself.

use crate::engine::execute::Failure;
use crate::topology::NodeName;
use crate::world::connections::Connections;
use crate::world::replication::{Acted, ask, seen};
use crate::world::resp::Conn;
use redis::cmd;

/// The number of keys of a server, from one answer of INFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keys {
    /// All its keys.
    pub all: u64,
    /// The keys that it has dropped since its start, during and after loading, because they expired
    /// or its memory was full.
    pub dropped: u64,
}

/// Compares the keys with the number from before the restart.
pub(super) async fn compare(connections: &Connections, node: &NodeName) -> Acted {
    let now = count(&*connections.get(node).await?).await?;
    let Some(before) = connections.keys_before(node) else {
        return Err(Failure::none(
            "its keys cannot be compared: this run has not counted them before its restart",
        ));
    };
    judge(before, now).map(seen).map_err(Failure::none)
}

/// A server that refuses writes still has every key that it had, or has dropped it itself.
fn judge(before: Keys, now: Keys) -> Result<String, String> {
    let (had, has, dropped) = (before.all, now.all, now.dropped);
    if has > had || has.saturating_add(dropped) < had {
        return Err(format!(
            "it has {has} keys, and had {had} before; it says that it has dropped {dropped} of them"
        ));
    }
    Ok(if has == had {
        format!("{has} keys, as before")
    } else {
        format!("{has} keys of {had} before; the others have expired or were evicted")
    })
}

/// Its keys now.
pub(super) async fn count(conn: &Conn) -> Result<Keys, Failure> {
    let reply = ask(conn, &cmd("INFO")).await?;
    let text = redis::from_redis_value::<Vec<u8>>(reply).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    if !text.contains("# Keyspace") {
        return Err(Failure::none(
            "its keys cannot be counted: INFO was not understood",
        ));
    }
    Ok(read(&text))
}

/// `db0:keys=3,expires=1,avg_ttl=0`, `expired_keys:1`, …
fn read(info: &str) -> Keys {
    const DROPPED: [&str; 3] = ["rdb_last_load_keys_expired", "expired_keys", "evicted_keys"];
    let mut keys = Keys::default();
    for line in info.lines() {
        let Some((name, value)) = line.trim().split_once(':') else {
            continue;
        };
        if DROPPED.contains(&name) {
            keys.dropped = keys.dropped.saturating_add(value.parse().unwrap_or(0));
        }
        let database = name.strip_prefix("db");
        if database.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())) {
            let fields = value.split(',').filter_map(|field| field.split_once('='));
            let all = fields.filter(|(field, _)| *field == "keys");
            let all = all.filter_map(|(_, number)| number.parse::<u64>().ok());
            keys.all = all.fold(keys.all, u64::saturating_add);
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_all_databases_are_counted_with_those_that_were_dropped() {
        let info = "rdb_last_load_keys_expired:2\r\nexpired_keys:1\r\nexpired_keys_x:9\r\n# Keyspace\r\n\
            db0:keys=3,expires=1,avg_ttl=0\r\ndb12:keys=4,expires=4,avg_ttl=9,subexpiry=0\r\nother:1\r\n";
        assert_eq!(read(info), Keys { all: 7, dropped: 3 });
        assert_eq!(read("db0:keys=x"), Keys::default());
    }

    #[test]
    fn no_key_may_be_missing_that_the_server_has_not_dropped_itself() {
        let keys = |all, dropped| Keys { all, dropped };
        assert!(judge(keys(100, 7), keys(100, 0)).is_ok());
        assert!(judge(keys(100, 0), keys(60, 40)).is_ok());
        // All keys have a time to live, and an empty copy was loaded.
        assert!(judge(keys(100, 0), keys(0, 0)).is_err());
        assert!(judge(keys(100, 0), keys(60, 39)).is_err());
        // Somebody has written.
        assert!(judge(keys(100, 0), keys(101, 0)).is_err());
    }
}

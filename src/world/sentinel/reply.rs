//! Reads what Sentinels answer: lists of fields and values. No answer can break the reading; what
//! does not fit is dropped. It does no I/O.

use crate::topology::Address;
use crate::topology::sentinel::{KnownReplica, NoDebug, Peer, Sees, address, name_of, run_id_of};
use redis::Value;
use std::collections::BTreeMap;

/// More replicas, or more Sentinels, than this are not read from one answer.
const MOST: usize = 4096;

/// The fields of one entry.
type Fields = BTreeMap<String, String>;

/// The answer to `SENTINEL MASTER name`, which has everything except the lists; `None` if it is no
/// such answer.
pub fn primary(reply: &Value) -> Option<Sees> {
    let fields = fields(reply)?;
    let number = |key: &str| fields.get(key).and_then(|v| v.parse::<u64>().ok());
    Some(Sees {
        run_id: None,
        primary: at(&fields),
        primary_run_id: fields.get("runid").and_then(|id| run_id_of(id)),
        flags: flags(&fields),
        epoch: number("config-epoch")?,
        quorum: number("quorum")?,
        others: number("num-other-sentinels")?,
        down_after_ms: number("down-after-milliseconds")?,
        failover_timeout_ms: number("failover-timeout")?,
        parallel_syncs: number("parallel-syncs").unwrap_or(1),
        ..Sees::default()
    })
}

/// The answer to `SENTINEL MASTERS`: the names of what it watches; `None` where it is none.
pub fn names(reply: &Value) -> Option<Vec<String>> {
    items(reply)?;
    let names = entries(reply).filter_map(|mut fields| name_of(&fields.remove("name")?));
    Some(names.collect())
}

/// The same with where each of them has its primary; nothing where that is no address.
pub fn watched(reply: &Value) -> Vec<(String, Address)> {
    let all = entries(reply).filter_map(|mut fields| {
        let primary = at(&fields)?;
        Some((name_of(&fields.remove("name")?)?, primary))
    });
    all.collect()
}

/// The answer to `SENTINEL REPLICAS name`.
pub fn replicas(reply: &Value) -> Vec<KnownReplica> {
    let known = entries(reply).filter_map(|fields| {
        Some(KnownReplica {
            address: at(&fields)?,
            flags: flags(&fields),
            priority: fields.get("slave-priority")?.parse().ok()?,
        })
    });
    known.collect()
}

/// The answer to `SENTINEL SENTINELS name`.
pub fn peers(reply: &Value) -> Vec<Peer> {
    let known = entries(reply).filter_map(|fields| {
        Some(Peer {
            address: at(&fields)?,
            flags: flags(&fields),
        })
    });
    known.collect()
}

/// The answer to `SENTINEL GET-MASTER-ADDR-BY-NAME name`.
pub fn primary_address(reply: &Value) -> Option<Address> {
    let parts = items(reply)?;
    address(&text(parts.first()?)?, &text(parts.get(1)?)?)
}

/// The answer to `SENTINEL MYID`.
pub fn my_id(reply: &Value) -> Option<String> {
    run_id_of(&text(reply)?)
}

/// The answer to `SENTINEL CKQUORUM name`: `None` where all is well, else its words.
pub fn no_quorum(reply: &Value) -> Option<String> {
    if let Value::ServerError(error) = reply {
        return Some(format!(
            "{} {}",
            error.code(),
            error.details().unwrap_or_default()
        ));
    }
    None
}

/// The answer to `INFO sentinel`: whether it is in TILT mode, and how many deployments it watches.
pub fn tilt(reply: &Value) -> (bool, Option<u64>) {
    let text = redis::from_redis_value_ref::<Vec<u8>>(reply).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let field = |name: &str| {
        let mut lines = text.lines().map(str::trim_end);
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    };
    let watches = field("sentinel_masters").and_then(|n| n.parse().ok());
    (field("sentinel_tilt") == Some("1"), watches)
}

/// The answer to `SENTINEL DEBUG`: how often it reads `INFO`, ms, or why it does not say, where
/// that can be known.
pub fn info_period(reply: &Value) -> Result<u64, Option<NoDebug>> {
    if let Value::ServerError(error) = reply {
        let words = error.details().unwrap_or_default();
        // Redis 7.0: `User default has no permissions to run the 'sentinel|debug' command`.
        let user = words
            .strip_prefix("User ")
            .and_then(|rest| rest.split_once(" has no "));
        return Err(match error.code() {
            "NOPERM" => Some(NoDebug::Forbidden(user.map(|(user, _)| user.to_owned()))),
            "ERR" => Some(NoDebug::NoCommand),
            _ => None,
        });
    }
    let period = fields(reply).and_then(|f| f.get("INFO-PERIOD")?.parse().ok());
    period.ok_or(None)
}

/// The answer to `SENTINEL REPLICAS name`: how long ago it has read `INFO` of the one that is
/// meant, ms.
pub fn info_age(reply: &Value, is_it: impl Fn(&Address) -> bool) -> Option<u64> {
    let mut known = entries(reply);
    let found = known.find(|fields| at(fields).is_some_and(|at| is_it(&at)))?;
    found.get("info-refresh")?.parse().ok()
}

/// The answer to `SENTINEL MASTERS`: the names of what it watches at an address that is meant.
pub fn names_at(reply: &Value, is_it: impl Fn(&Address) -> bool) -> Vec<String> {
    let all = entries(reply).filter(|fields| at(fields).is_some_and(|at| is_it(&at)));
    all.filter_map(|mut fields| name_of(&fields.remove("name")?))
        .collect()
}

fn at(fields: &Fields) -> Option<Address> {
    address(fields.get("ip")?, fields.get("port")?)
}

fn flags(fields: &Fields) -> Vec<String> {
    let text = fields.get("flags").map_or("", String::as_str);
    text.split(',')
        .filter(|f| !f.is_empty())
        .take(32)
        .map(str::to_owned)
        .collect()
}

fn items(value: &Value) -> Option<&[Value]> {
    if let Value::Array(items) = value {
        Some(items)
    } else {
        None
    }
}

fn entries(reply: &Value) -> impl Iterator<Item = Fields> {
    let all = items(reply).unwrap_or_default();
    all.iter().take(MOST).filter_map(fields)
}

/// A flat list of names and values, or a map.
fn fields(value: &Value) -> Option<Fields> {
    let pairs = if let Value::Map(pairs) = value {
        pairs
            .iter()
            .filter_map(|(k, v)| Some((text(k)?, text(v)?)))
            .collect()
    } else {
        items(value)?
            .chunks_exact(2)
            .filter_map(|pair| Some((text(&pair[0])?, text(&pair[1])?)))
            .collect()
    };
    Some(pairs)
}

fn text(value: &Value) -> Option<String> {
    if let Value::BulkString(bytes) = value {
        Some(String::from_utf8_lossy(bytes).into_owned())
    } else if let Value::SimpleString(text) = value {
        Some(text.clone())
    } else if let Value::Int(number) = value {
        Some(number.to_string())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn list(words: &[&str]) -> Value {
        let bulk = |w: &&str| Value::BulkString(w.as_bytes().to_vec());
        Value::Array(words.iter().map(bulk).collect())
    }

    #[test]
    fn what_it_says_of_the_primary_is_read() {
        let sees = primary(&list(&[
            "name",
            "m",
            "ip",
            "10.0.0.1",
            "port",
            "6379",
            "flags",
            "master,s_down",
            "config-epoch",
            "4",
            "quorum",
            "2",
            "num-other-sentinels",
            "2",
            "down-after-milliseconds",
            "5000",
            "failover-timeout",
            "60000",
        ]))
        .unwrap();
        assert_eq!(sees.primary, Some(Address::new("10.0.0.1", 6379)));
        assert_eq!(sees.worries(), "s_down");
        assert!(!sees.is_quiet());
        assert_eq!(primary(&list(&["ip", "10.0.0.1", "port", "1"])), None);
    }

    #[test]
    fn replicas_and_addresses_are_read() {
        let known = replicas(&Value::Array(vec![
            list(&[
                "ip",
                "10.0.0.2",
                "port",
                "6379",
                "flags",
                "slave",
                "slave-priority",
                "1",
            ]),
            list(&[
                "ip",
                "10.0.0.3",
                "port",
                "0",
                "flags",
                "slave",
                "slave-priority",
                "1",
            ]),
            Value::Nil,
            list(&["ip"]),
        ]));
        assert_eq!(known.len(), 1);
        assert_eq!((known[0].priority, known[0].is_gone()), (1, false));
        assert_eq!(
            primary_address(&list(&["10.0.0.9", "6379"])),
            Some(Address::new("10.0.0.9", 6379))
        );
        assert_eq!(primary_address(&Value::Nil), None);
    }

    #[test]
    fn names_and_modes_are_read() {
        let all = Value::Array(vec![
            list(&["name", "a"]),
            list(&["name", "b c"]),
            Value::Nil,
        ]);
        assert_eq!(names(&all), Some(vec!["a".to_owned()]));
        assert_eq!(names(&Value::Okay), None);
        let info = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let tilted = "# Sentinel\r\nsentinel_masters:2\r\nsentinel_tilt:1\r\nsentinel_tilt_since_seconds:3\r\n";
        assert_eq!(tilt(&info(tilted)), (true, Some(2)));
        let well = "# Sentinel\r\nsentinel_tilt:0\r\nsentinel_tilt_since_seconds:-1\r\n";
        assert_eq!(tilt(&info(well)), (false, None));
        assert_eq!(tilt(&Value::Nil), (false, None));
        let debug = list(&["INFO-PERIOD", "10000", "PING-PERIOD", "1000"]);
        assert_eq!(info_period(&debug), Ok(10_000));
        assert_eq!(info_period(&Value::Nil), Err(None));
    }
}

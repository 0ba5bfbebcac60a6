//! Reads the reply to ROLE: the shortest look at what a server is. Pure, for hostile input.

use crate::topology::Address;
use redis::Value;

/// What ROLE says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveRole {
    /// It takes writes.
    Primary {
        /// Its replication offset, bytes.
        offset: u64,
    },
    /// It follows another.
    Replica {
        /// Where it replicates from.
        upstream: Address,
        /// `connect`, `connecting`, `handshake`, `sync` or `connected`.
        state: String,
        /// Bytes applied; `None` where it never was in sync.
        offset: Option<u64>,
    },
    /// It is a Sentinel.
    Sentinel,
}

/// Reads the reply to ROLE. `None` where it is no such reply.
pub fn parse(reply: &Value) -> Option<LiveRole> {
    let Value::Array(parts) = reply else {
        return None;
    };
    match text(parts.first()?)? {
        "master" | "primary" => Some(LiveRole::Primary {
            offset: count(parts.get(1)?)?,
        }),
        "slave" | "replica" => Some(LiveRole::Replica {
            upstream: Address::new(
                text(parts.get(1)?)?,
                count(parts.get(2)?)?.try_into().unwrap_or(0),
            ),
            state: text(parts.get(3)?)?.to_owned(),
            offset: count(parts.get(4)?),
        }),
        "sentinel" => Some(LiveRole::Sentinel),
        _ => None,
    }
}

fn text(value: &Value) -> Option<&str> {
    if let Value::BulkString(bytes) = value {
        std::str::from_utf8(bytes).ok()
    } else if let Value::SimpleString(text) = value {
        Some(text)
    } else {
        None
    }
}

/// A number that is not negative, as an integer or as text.
fn count(value: &Value) -> Option<u64> {
    if let Value::Int(number) = value {
        u64::try_from(*number).ok()
    } else {
        text(value)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::topology::Role;
    use crate::world::info;

    fn value(json: &serde_json::Value) -> Value {
        match json {
            serde_json::Value::Number(n) => Value::Int(n.as_i64().unwrap()),
            serde_json::Value::String(s) => Value::BulkString(s.as_bytes().to_vec()),
            serde_json::Value::Array(a) => Value::Array(a.iter().map(value).collect()),
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Object(_) => {
                Value::Nil
            }
        }
    }

    #[test]
    fn every_captured_role_agrees_with_the_info_taken_beside_it() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/info-samples");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let Some(stem) = path.to_str().unwrap().strip_suffix(".role.json") else {
                continue;
            };
            let json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let role = parse(&value(&json)).unwrap_or_else(|| panic!("{stem}: not read"));
            let info =
                info::parse(&std::fs::read_to_string(format!("{stem}.txt")).unwrap()).unwrap();
            match (role, info.replication.role) {
                (LiveRole::Primary { .. }, Role::Primary) => {}
                (LiveRole::Replica { upstream, .. }, Role::Replica(other)) => {
                    assert_eq!(upstream, other.address, "{stem}");
                }
                other => panic!("{stem}: {other:?}"),
            }
            seen += 1;
        }
        assert!(seen > 140, "only {seen} samples");
    }

    #[test]
    fn what_is_no_role_is_refused() {
        let word = |s: &str| Value::BulkString(s.as_bytes().to_vec());
        assert_eq!(parse(&Value::Nil), None);
        assert_eq!(parse(&Value::Array(vec![])), None);
        assert_eq!(parse(&Value::Array(vec![word("king")])), None);
        assert_eq!(
            parse(&Value::Array(vec![
                word("slave"),
                word("h"),
                Value::Int(-1)
            ])),
            None
        );
        assert_eq!(
            parse(&Value::Array(vec![word("sentinel")])),
            Some(LiveRole::Sentinel)
        );
    }
}

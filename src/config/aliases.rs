//! Directives with two names in one version. `CONFIG GET` returns both, and each with the same
//! value. Pure.
//!
//! Taken from `CONFIG GET *` of Redis 7.0, 8.0 and 8.2 and Valkey 8.0, 8.1 and 9.1. Older servers
//! have only the older names, so a newer name counts only where the server has it.

use crate::inventory::server::present_name;
use std::collections::BTreeMap;

/// The older and the newer name. The older words for replica are [`present_name`]'s.
const ALIASES: [(&str, &str); 8] = [
    ("hash-max-ziplist-entries", "hash-max-listpack-entries"),
    ("hash-max-ziplist-value", "hash-max-listpack-value"),
    ("list-max-ziplist-size", "list-max-listpack-size"),
    ("lua-time-limit", "busy-reply-threshold"),
    ("primaryauth", "masterauth"),
    ("primaryuser", "masteruser"),
    ("zset-max-ziplist-entries", "zset-max-listpack-entries"),
    ("zset-max-ziplist-value", "zset-max-listpack-value"),
];

/// The other name of a directive; `None`: it has none.
fn counterpart(name: &str) -> Option<&'static str> {
    let pair = ALIASES.iter().find(|(older, _)| *older == name);
    pair.map(|(_, newer)| *newer)
}

/// The one name of a directive on a server with these live settings.
pub fn name_in(live: &BTreeMap<String, String>, name: &str) -> String {
    let name = present_name(name);
    match counterpart(&name).filter(|newer| live.contains_key(*newer)) {
        Some(newer) => newer.to_owned(),
        None => name,
    }
}

/// Removes the second name of each setting.
pub fn one_name_each(live: &mut BTreeMap<String, String>) {
    for (older, newer) in ALIASES {
        if live.contains_key(newer) {
            live.remove(older);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_is_left_of_two_and_an_older_server_keeps_the_one_it_has() {
        let live = |names: &[&str]| -> BTreeMap<String, String> {
            let pairs = names.iter().map(|n| ((*n).to_owned(), "1".to_owned()));
            pairs.collect()
        };
        let mut new = live(&["busy-reply-threshold", "hz", "lua-time-limit"]);
        one_name_each(&mut new);
        assert_eq!(new, live(&["busy-reply-threshold", "hz"]));
        assert_eq!(name_in(&new, "lua-time-limit"), "busy-reply-threshold");
        let mut old = live(&["hash-max-ziplist-value", "lua-time-limit"]);
        one_name_each(&mut old);
        assert_eq!(old.len(), 2);
        assert_eq!(name_in(&old, "lua-time-limit"), "lua-time-limit");
        assert_eq!(name_in(&old, "slave-priority"), "replica-priority");
    }
}

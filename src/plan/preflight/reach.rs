//! Whether others can reach a node that is to be the primary: what it listens on, and whether it
//! lets other hosts in. Pure.

use super::Found;
use crate::plan::difference::gap::Gap;
use crate::topology::{Node, Server};
use std::net::IpAddr;

/// The settings that would keep its replicas and clients out.
pub fn out_of_reach(target: &Node, new: &Server) -> Vec<Found> {
    let set = |key: &str| new.config.get(key).map(String::as_str);
    // Only the other hosts know how they resolve a name.
    if !target.announced.host.parse().is_ok_and(is_elsewhere) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut tell = |gap| found.push((target.name.clone(), gap));
    let bound: Vec<&str> = set("bind").unwrap_or_default().split_whitespace().collect();
    let inside = |address: &&str| is_loopback(address.trim_start_matches('-'));
    if !bound.is_empty() && bound.iter().all(inside) {
        let bound = bound.iter().copied().map(str::to_owned).collect();
        tell(Gap::Listens(bound, target.announced.clone()));
    }
    // Before 7.0 an address that is bound ends protected mode, too.
    let protects = new.version.major >= 7 || bound.is_empty();
    let open = new.has_password == Some(false) && set("protected-mode") == Some("yes");
    if open && protects {
        tell(Gap::Protected);
    }
    found
}

/// The node may reach its memory limit one day and evict keys then. The primary refuses writes
/// instead, and keeps all its keys.
pub fn evicts(target: &Node, new: &Server, primary: &Server) -> Option<Found> {
    let policy = |s: &Server| s.config.get("maxmemory-policy").cloned();
    let (mine, theirs) = (policy(new)?, policy(primary)?);
    let limited = new.maxmemory.is_some_and(|m| m > 0);
    let keeps = theirs == "noeviction" || primary.maxmemory == Some(0);
    let differs = mine != theirs;
    let drops = mine != "noeviction" && limited;
    let gap = Gap::EvictionPolicy { mine, theirs };
    (drops && keeps && differs).then(|| (target.name.clone(), gap))
}

fn is_elsewhere(ip: IpAddr) -> bool {
    !ip.is_loopback()
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::topology::testing::replica;

    fn with(set: &[(&str, &str)]) -> Node {
        let mut node = replica("slave1", "192.168.0.130", "192.168.0.120", 1);
        let config = &mut node.up().config;
        config.extend(set.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        node
    }

    fn told(node: &Node) -> usize {
        out_of_reach(node, node.server().unwrap()).len()
    }

    #[test]
    fn what_keeps_others_out_is_told() {
        assert_eq!(told(&with(&[("bind", "127.0.0.1 -::1")])), 1);
        for fine in ["", "* -::*", "127.0.0.1 192.168.0.130"] {
            assert_eq!(told(&with(&[("bind", fine)])), 0, "{fine}");
        }
        let mut open = with(&[("bind", "192.168.0.130"), ("protected-mode", "yes")]);
        assert_eq!(told(&open), 0, "it has a password");
        open.up().has_password = Some(false);
        assert_eq!(told(&open), 1);
        open.up().version.major = 6;
        assert_eq!(told(&open), 0, "an address is bound");
        open.announced.host = "127.0.0.1".into();
        open.up().version.major = 7;
        assert_eq!(told(&open), 0, "all are on one host");
        open.announced.host = "db1.example.org".into();
        assert_eq!(told(&open), 0, "a name may be loopback to the others, too");
    }

    #[test]
    fn another_policy_counts_where_there_is_a_limit() {
        let mut new = with(&[("maxmemory-policy", "allkeys-lru")]);
        let mut primary = with(&[("maxmemory-policy", "noeviction")]);
        let told = |new: &Node, primary: &Node| {
            evicts(new, new.server().unwrap(), primary.server().unwrap()).is_some()
        };
        assert!(!told(&new, &primary), "no limit");
        new.up().maxmemory = Some(1 << 30);
        assert!(told(&new, &primary));
        primary.up().maxmemory = Some(1 << 30);
        primary
            .up()
            .config
            .insert("maxmemory-policy".into(), "allkeys-lfu".into());
        assert!(!told(&new, &primary), "both drop keys");
    }
}

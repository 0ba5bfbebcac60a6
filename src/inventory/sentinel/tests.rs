//! Tests of reading `[sentinel]`.
#![allow(clippy::unwrap_used)]

use crate::inventory::parse::parse;
use crate::inventory::{Inventory, SecretSource, SentinelRules};
use crate::topology::Address;
use std::path::Path;

fn read(section: &str) -> Result<Inventory, String> {
    let text = format!(
        "[deployment]\nname = \"orders\"\nauth = \"none\"\n[ssh]\nuser = \"op\"\n{section}\n[[node]]\nname = \"a\"\naddress = \"10.0.0.1\"\nssh = \"gate:2200\"\n[[node]]\nname = \"b\"\naddress = \"10.0.0.2\"\nreplicaof = \"a\"\n"
    );
    parse(Path::new("i"), &text).map_err(|problems| {
        let all: Vec<String> = problems.iter().map(crate::error::Problem::text).collect();
        all.join("\n")
    })
}

#[test]
fn members_are_nodes_or_hosts_of_their_own() {
    let inventory =
        read("[sentinel]\nnodes = [\"a\", \"b\", \"10.0.0.9\"]\npassword = { env = \"S\" }")
            .unwrap();
    let settings = inventory.sentinel.as_ref().unwrap();
    assert_eq!(settings.name, "orders");
    assert!(matches!(&settings.password, Some(SecretSource::Env(name)) if name == "S"));
    let names: Vec<&str> = settings.nodes.iter().map(|n| n.name.0.as_str()).collect();
    assert_eq!(names, ["sentinel@a", "sentinel@b", "sentinel@10.0.0.9"]);
    assert_eq!(settings.nodes[0].address, Address::new("10.0.0.1", 26379));
    assert_eq!(settings.nodes[0].ssh.host.as_deref(), Some("gate"));
    assert!(inventory.get(&"sentinel@b".into()).is_some());
    assert!(read("").unwrap().sentinel.is_none());
}

#[test]
fn each_member_may_have_a_port_and_a_way_of_its_own() {
    let inventory = read(
        "[sentinel]\nnodes = [\"a:26380\", { node = \"b\", port = 26381, announce = \"203.0.113.7\" }, { address = \"10.0.0.9:5000\", ssh = \"root@bastion:2222\", via = \"ssh\" }, \"10.0.0.9:5001\"]",
    )
    .unwrap();
    let all = inventory.sentinels();
    let names: Vec<&str> = all.iter().map(|n| n.name.0.as_str()).collect();
    assert_eq!(
        names,
        [
            "sentinel@a",
            "sentinel@b",
            "sentinel@10.0.0.9",
            "sentinel@10.0.0.9:5001"
        ]
    );
    assert_eq!(all[0].address, Address::new("10.0.0.1", 26380));
    assert_eq!(
        (all[0].ssh.host.as_deref(), all[0].ssh.port),
        (Some("gate"), Some(2200))
    );
    assert_eq!(*all[1].announced(), Address::new("203.0.113.7", 26381));
    assert_eq!(all[2].address, Address::new("10.0.0.9", 5000));
    assert_eq!(
        (all[2].ssh.host.as_deref(), all[2].ssh.user.as_deref()),
        (Some("bastion"), Some("root"))
    );
    assert_eq!(all[3].ssh.user.as_deref(), Some("op"));
}

#[test]
fn what_is_not_said_has_its_default() {
    let rules = |section: &str| read(section).unwrap().sentinel.unwrap().rules;
    let usual = SentinelRules {
        quorum: 2,
        down_after_ms: 5_000,
        failover_timeout_ms: 60_000,
        parallel_syncs: 1,
    };
    assert_eq!(
        rules("[sentinel]\nnodes = [\"a\", \"b\", \"10.0.0.9\"]"),
        usual
    );
    let own = rules(
        "[sentinel]\nnodes = [\"a\", \"b\", \"c\", \"d\", \"e\"]\nquorum = 2\ndown-after-milliseconds = 900\nfailover-timeout = 7000\nparallel-syncs = 3",
    );
    let wanted = SentinelRules {
        quorum: 2,
        down_after_ms: 900,
        failover_timeout_ms: 7_000,
        parallel_syncs: 3,
    };
    assert_eq!(own, wanted);
    let five = rules("[sentinel]\nnodes = [\"a\", \"b\", \"c\", \"d\", \"e\"]");
    assert_eq!(five.quorum, 3);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (section, wanted) in [
        ("[sentinel]\nnodes = \"a\"", "must be a list"),
        ("[sentinel]\nnodes = [\"a\", \"a\"]", "twice"),
        ("[sentinel]\nnodes = [\"a\", \"10.0.0.1\"]", "twice"),
        ("[sentinel]\nnodes = [\"a b\"]", "no address"),
        ("[sentinel]\nnodes = [3]", "strings and tables"),
        (
            "[sentinel]\nnodes = [{ node = \"x\" }]",
            "unknown node: `x`",
        ),
        (
            "[sentinel]\nnodes = [{ port = 3 }]",
            "either a `node` or an `address`",
        ),
        (
            "[sentinel]\nnodes = [{ node = \"a\", prot = 3 }]",
            "did you mean `port`?",
        ),
        (
            "[sentinel]\nnodes = [\"a:6379\"]",
            "where the server of node `a` does",
        ),
        ("[sentinel]\nname = \"a b\"", "is no name"),
        ("[sentinel]\nprot = 2", "did you mean `port`?"),
        (
            "[sentinel]\ndown_after = 2",
            "did you mean `down-after-milliseconds`?",
        ),
        ("[sentinel]\nquorum = 0", "from 1 to 1000"),
        (
            "[sentinel]\nnodes = [\"a\", \"b\"]\nquorum = 3",
            "could never agree",
        ),
        ("[sentinel]\npassword = \"a b\"", "holds a space"),
    ] {
        let said = read(section).unwrap_err();
        assert!(
            said.contains(wanted) && said.contains("[sentinel]") && said.contains("i:"),
            "{section}: {said}"
        );
    }
}

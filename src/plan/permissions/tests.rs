//! The permissions that plans need, and the messages where one is missing.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::actions::rights::*;
use crate::engine::{Promote, Stage};
use crate::operations::promote;
use crate::topology::testing::healthy;

fn plan(accept: &[Accept]) -> Plan {
    let operation = Promote {
        node: "slave1".into(),
        accept: accept.to_vec(),
    };
    promote::plan::plan(&operation, &healthy(), &BTreeMap::new()).unwrap()
}

fn lacks(forbidden: &[Need], gone: &[Need]) -> BTreeMap<NodeName, Lacks> {
    let lacks = Lacks {
        user: "ops".to_owned(),
        address: Some(Address::new("10.0.0.1", 6379)),
        forbidden: forbidden.to_vec(),
        gone: gone.to_vec(),
        open: Vec::new(),
    };
    [("master".into(), lacks)].into()
}

#[test]
fn a_hand_over_needs_what_its_steps_and_their_undoing_send() {
    let needs = of(&plan(&[]));
    let names = |node: &str| -> Vec<String> {
        let mut all: Vec<String> = needs[&node.into()].iter().map(Need::name).collect();
        all.sort();
        all
    };
    let both = ["CLIENT ID", "CLIENT KILL", "CONFIG GET", "CONFIG REWRITE"];
    for node in ["master", "slave1", "slave2"] {
        assert!(both.iter().all(|n| names(node).contains(&(*n).to_owned())));
    }
    assert!(names("master").contains(&"CLIENT PAUSE".to_owned()));
    assert!(names("master").contains(&"CLIENT UNPAUSE".to_owned()));
    // It holds its first writes until its offset was compared.
    assert!(names("slave1").contains(&"CLIENT PAUSE".to_owned()));
    assert!(!names("slave2").contains(&"CLIENT PAUSE".to_owned()));
    for node in ["master", "slave1", "slave2"] {
        assert!(names(node).contains(&"EXEC".to_owned()));
    }
    let pairs: Vec<(String, String, bool)> = logins(&plan(&[]))
        .into_iter()
        .map(|l| (l.node.0, l.at.0, l.spared))
        .collect();
    assert_eq!(
        pairs,
        [
            ("master".to_owned(), "slave1".to_owned(), false),
            ("slave2".to_owned(), "slave1".to_owned(), true)
        ]
    );
}

#[test]
fn what_is_missing_is_refused_with_the_line_that_allows_it() {
    let refused = check(&mut plan(&[]), &lacks(&[PAUSE, REWRITE], &[])).unwrap_err();
    assert_eq!(
        refused,
        [Refusal::new(
            Ground::Permission,
            "the user `ops` may not run CLIENT PAUSE, CONFIG REWRITE on `master`",
            "redis-cli -h 10.0.0.1 -p 6379 ACL SETUSER ops '+client|pause' '+config|rewrite'"
        )]
    );
    let refused = check(&mut plan(&[]), &lacks(&[], &[CONFIG_GET, REWRITE])).unwrap_err();
    assert!(refused[0].why.contains("does not know CONFIG: renamed"));
    assert!(
        refused[0]
            .hint
            .ends_with("replctl promote slave1 --ignore permissions")
    );
}

#[test]
fn only_what_can_be_done_without_can_be_accepted() {
    let mut accepted = plan(&[Accept::Permissions]);
    check(&mut accepted, &lacks(&[REWRITE], &[KILL])).unwrap();
    assert_eq!(accepted.warnings.len(), 2, "{:?}", accepted.warnings);
    assert!(
        accepted.warnings[0]
            .text()
            .contains("not written into its file")
    );
    let refused = check(
        &mut plan(&[Accept::Permissions]),
        &lacks(&[REPLICAOF, REWRITE], &[]),
    );
    assert!(!refused.unwrap_err()[0].hint.contains("--ignore"));
}

#[test]
fn a_replica_that_is_not_let_in_stands_against_its_own_move_only() {
    let mut plan = plan(&[]);
    let hindered = |node: &str, spared| {
        let login = Follower {
            node: node.into(),
            at: "slave1".into(),
            spared,
        };
        (login, Hindered::Refused("WRONGPASS".to_owned()))
    };
    check_logins(&mut plan, vec![hindered("slave2", true)]).unwrap();
    assert!(
        plan.warnings[0].text().contains("left behind"),
        "{:?}",
        plan.warnings
    );
    let refused = check_logins(&mut plan, vec![hindered("master", false)]).unwrap_err();
    assert!(
        refused[0]
            .why
            .starts_with("`master` could not log in at `slave1`")
    );
    assert_eq!(refused[0].ground, Ground::Login);
    assert!(plan.stages.iter().any(|s: &Stage| s.mode == Mode::Atomic));
}

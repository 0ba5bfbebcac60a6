//! Every word of the first version of the journal is read, and written as it was.
#![allow(clippy::unwrap_used)]

use super::*;
use std::collections::BTreeSet;

/// One of each word that stands without its group, as journals have it.
const RECORDED: [&str; 42] = [
    r#"{"pause-writes":{"ms":5000}}"#,
    r#""resume-writes""#,
    r#"{"require-replicas":{"to_write":1000,"max_lag":10}}"#,
    r#"{"await-near":{"with":"a","bytes":18446744073709551615,"within_ms":9,"optional":true}}"#,
    r#"{"await-caught-up":{"with":"a","within_ms":9}}"#,
    r#"{"drain-others":{"replicas":["a","b"],"within_ms":9}}"#,
    r#"{"check-most-advanced":{"others":["a"]}}"#,
    r#"{"await-in-sync":{"with":"a","within_ms":9}}"#,
    r#"{"await-quiet":{"within_ms":9}}"#,
    r#"{"await-answer":{"within_ms":9}}"#,
    r#"{"await-unlisted":{"gone":"a","addresses":[{"host":"h","port":1}],"within_ms":9,"optional":false}}"#,
    r#""count-clients""#,
    r#""kick-clients""#,
    r#""persist-role""#,
    r#"{"set-directive":{"name":"appendonly","value":"yes"}}"#,
    r#"{"shut-down":{"within_ms":9,"pause_ms":null,"follows":"a","counts":true,"runs_with":[["dir","/d"]]}}"#,
    r#"{"await-loaded":{"within_ms":9}}"#,
    r#""compare-keys""#,
    r#"{"see-settings":{"settings":[["hz","10"]]}}"#,
    r#""set-replica-auth""#,
    r#"{"prove-write":{"replicas":["a"]}}"#,
    r#"{"follow":{"upstream":"a","address":{"host":"h","port":1}}}"#,
    r#"{"follow-address":{"address":{"host":"h","port":1}}}"#,
    r#"{"check-roles":{"roles":[{"node":"a","was":"primary"}]}}"#,
    r#"{"demote":{"upstream":"a","address":{"host":"h","port":1},"others":["b"]}}"#,
    r#"{"compare-offsets":{"with":"a","others":[],"within_ms":9}}"#,
    r#"{"take-over":{"from":"a","hold_ms":null}}"#,
    r#"{"restore-primary":{"others":["b"]}}"#,
    r#""promote""#,
    r#"{"back-up":{"primary":"a","folder":"/f","fence_ms":null}}"#,
    r#"{"back-up-files":{"primary":"a","folder":"/f"}}"#,
    r#"{"replay":{"of":"a","source":{"backup":{"folder":"/f"}},"conflicts":false,"commands":2}}"#,
    r#"{"give-up":{"upstream":"a","address":{"host":"h","port":1},"covered":"empty"}}"#,
    r#""stop-server""#,
    r#""start-server""#,
    r#"{"fence-file":{"address":{"host":"h","port":1}}}"#,
    r#"{"remember-debt":{"address":{"host":"h","port":1}}}"#,
    r#""forget-debt""#,
    r#"{"note-alone":{"address":{"host":"h","port":1}}}"#,
    r#""forget-alone""#,
    r#"{"see-inventory":{"file":"/f","digest":"x"}}"#,
    r#"{"edit-inventory":{"file":"/f","node":"a","kind":{"repoint":{"to":"b","was":"c"}},"changes":[{"at":1,"line":1,"old":"c","new":"b"}],"before":"x","after":"y"}}"#,
];

/// One of each group that stands with its own word.
const NESTED: [&str; 3] = [
    r#"{"password":"accept"}"#,
    r#"{"host":{"make-user":{"user":"redis"}}}"#,
    r#"{"sentinel":{"reset":{"name":"m","at":{"host":"h","port":1}}}}"#,
];

fn groups() -> [&'static [&'static str]; 5] {
    [
        words::<ServerAction>(),
        words::<RoleAction>(),
        words::<RescueAction>(),
        words::<ServiceAction>(),
        words::<LocalAction>(),
    ]
}

#[test]
fn every_word_is_read_and_written_as_it_was() {
    let mut read = BTreeSet::new();
    for text in RECORDED.iter().chain(&NESTED) {
        let action: Action = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&action).unwrap(), *text);
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::from_value::<Action>(value).unwrap(), action);
        let word = text.trim_start_matches('{').split('"').nth(1).unwrap();
        read.insert(word);
    }
    let all: Vec<&str> = groups().concat();
    let missing: Vec<&&str> = all.iter().filter(|word| !read.contains(**word)).collect();
    assert!(missing.is_empty(), "not tried: {missing:?}");
    assert_eq!(all.len(), RECORDED.len(), "a word is in two groups");
    let nested = ["password", "sentinel", "hook", "host"];
    assert!(nested.iter().all(|word| !all.contains(word)));
}

#[test]
fn an_older_demotion_names_no_others() {
    let text = r#"{"demote":{"upstream":"a","address":{"host":"h","port":1}}}"#;
    let action: Action = serde_json::from_str(text).unwrap();
    let Action::Role(RoleAction::Demote { others, .. }) = action else {
        panic!("another action: {action}");
    };
    assert!(others.is_empty());
}

#[test]
fn what_is_no_action_is_refused() {
    let refused = |text: &str| {
        serde_json::from_str::<Action>(text)
            .unwrap_err()
            .to_string()
    };
    assert!(refused(r#""teleport""#).starts_with("unknown variant `teleport`"));
    assert!(refused(r#"{"pause-writes":{}}"#).starts_with("missing field `ms`"));
    assert!(refused(r#""pause-writes""#).contains("invalid type"));
    assert!(refused("7").starts_with("invalid type") || refused("7").contains("expected value"));
}

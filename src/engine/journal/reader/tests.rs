//! How the reader reads journals. tests/integration/journals.rs tests damaged journals with the
//! whole program.

use super::*;
use crate::engine::journal::story::Stand;

/// As the first replctl wrote it.
const OLD: &str = concat!(
    r#"{"time":"2025-11-01T10:00:00Z","event":"planned","format":1,"deployment":"orders","who":"ann@ops","plan":{"operation":{"detach":{"node":"slave2"}},"#,
    r#""stages":[{"title":"detach slave2","mode":"atomic","steps":[{"node":"slave2","action":"promote","undo":"impossible"}]}],"warnings":[],"may_lose":null}}"#,
    "\n",
    r#"{"time":"2025-11-01T10:00:01Z","event":"started","at":{"stage":0,"step":0}}"#,
    "\n",
);
const ID: &str = "20251101T095959.500Z-detach-slave2";

#[test]
fn an_old_journal_that_was_cut_short_tells_its_step() {
    let story = read(ID, OLD.as_bytes());
    assert_eq!(story.stand(None), Stand::CutShort);
    assert_eq!(
        story.stand(Some("ann@ops, process 7")),
        Stand::CutShort,
        "no process is known of it"
    );
    assert_eq!(
        (story.who(), story.line().as_str()),
        (Some("ann@ops"), "detach slave2")
    );
    assert_eq!(story.took().as_secs(), 1);
    let [trouble] = &story.troubles()[..] else {
        panic!("{:?}", story.troubles());
    };
    assert_eq!(trouble.action.as_deref(), Some("make it primary"));
    assert_eq!(trouble.why, None);
    assert!(story.touches(&"slave2".into()) && !story.touches(&"master".into()));
}

#[test]
fn each_time_it_is_taken_up_is_a_run() {
    let text = format!(
        "{OLD}{{\"time\":\"2025-11-01T10:00:\n{}\n{}\n",
        r#"{"time":"2025-11-01T12:00:00Z","event":"resumed","who":"bob@ops","process":42}"#,
        r#"{"time":"2025-11-01T12:00:02Z","event":"connection","node":"slave2","client_id":7}"#,
    );
    let story = read(ID, text.as_bytes());
    assert_eq!((story.runs.len(), story.who()), (2, Some("bob@ops")));
    assert_eq!(story.stand(Some("bob@ops, process 42")), Stand::Running);
    assert_eq!(story.stand(Some("bob@ops, process 43")), Stand::CutShort);
    let ended =
        r#"{"time":"2025-11-01T12:00:03Z","event":"ended","outcome":{"outcome":"completed"}}"#;
    let story = read(ID, format!("{text}{ended}\n").as_bytes());
    assert_eq!(story.stand(None), Stand::Done);
    assert!(story.troubles().is_empty());
    // The two hours between the runs are not counted.
    assert_eq!(story.took().as_secs(), 1 + 3);
}

#[test]
fn what_this_replctl_does_not_know_is_told_as_far_as_it_goes() {
    let plan = r#"{"time":"2025-11-01T10:00:00Z","event":"planned","format":2,"deployment":"orders","who":"ann@ops","plan":{"operation":{"teleport":{"node":"slave2"}}}}"#;
    let story = read("20251101T100000.000Z-teleport-slave2", plan.as_bytes());
    assert_eq!(story.line(), "teleport slave2");
    assert_eq!(
        (story.who(), story.stand(None)),
        (Some("ann@ops"), Stand::Unreadable)
    );
    assert_eq!(
        story.damage.as_deref(),
        Some("it is of format 2, and this replctl knows format 1")
    );
    let story = read(ID, b"\xff\x00 not a journal");
    assert_eq!(
        (story.line().as_str(), story.stand(None)),
        ("detach slave2", Stand::Unreadable)
    );
    assert_eq!(story.begun.unwrap().to_string(), "2025-11-01T09:59:59.5Z");
    assert_eq!(read("notes", b"").begun, None);
}

/// What the reader says of a text with these lines below those of the first replctl.
fn damage(below: &[&str]) -> Option<String> {
    let text = format!("{OLD}{}\n", below.join("\n"));
    read(ID, text.as_bytes()).damage
}

#[test]
fn a_line_that_cannot_stand_where_it_is_is_not_believed() {
    let ended =
        r#"{"time":"2025-11-01T10:00:02Z","event":"ended","outcome":{"outcome":"completed"}}"#;
    let resumed = r#"{"time":"2025-11-01T10:00:03Z","event":"resumed","who":"bob@ops"}"#;
    let started = r#"{"time":"2025-11-01T10:00:04Z","event":"started","at":{"stage":0,"step":0}}"#;
    let undone = r#"{"time":"2025-11-01T10:00:05Z","event":"undone","at":{"stage":0,"step":0}}"#;
    let far = r#"{"time":"2025-11-01T10:00:05Z","event":"started","at":{"stage":0,"step":1}}"#;
    let failed = r#"{"time":"2025-11-01T10:00:05Z","event":"failed","at":{"stage":0,"step":0},"why":"","effect":"none"}"#;
    assert_eq!(damage(&[ended]), None);
    assert_eq!(damage(&[undone, ended, ended]), None);
    assert_eq!(damage(&[ended, resumed, started, failed, ended]), None);
    let said = |below: &[&str]| damage(below).unwrap();
    assert_eq!(
        said(&[ended, started]),
        "line 4 goes on after the end of the run"
    );
    assert_eq!(
        said(&[ended, undone]),
        "line 4 goes on after the end of the run"
    );
    assert_eq!(said(&[far]), "line 3 names a step that is not in the plan");
    assert_eq!(
        said(&[resumed, failed]),
        "line 4 ends a step that was never begun"
    );
    assert_eq!(said(&["", ended]), "line 3 is empty");
    let again = OLD.lines().next().unwrap();
    assert_eq!(said(&[ended, again]), "line 4 begins another operation");
    // The first reason is the reported one.
    assert_eq!(said(&["{}", "x"]), said(&["{}"]));
}

#[test]
fn a_line_is_cut_where_a_run_died_and_nowhere_else() {
    let ended =
        r#"{"time":"2025-11-01T10:00:02Z","event":"ended","outcome":{"outcome":"completed"}}"#;
    let resumed = r#"{"time":"2025-11-01T10:00:03Z","event":"resumed","who":"bob@ops"}"#;
    for end in 1..ended.len() {
        let cut = &ended[..end];
        let at_the_end = read(ID, format!("{OLD}{cut}").as_bytes());
        assert_eq!(
            (at_the_end.damage.as_deref(), at_the_end.stand(None)),
            (None, Stand::CutShort),
            "{cut}"
        );
        assert_eq!(damage(&[cut, resumed, ended]), None, "{cut}");
        assert!(damage(&[cut, ended]).is_some(), "{cut}");
        assert!(
            damage(&[ended, cut]).is_some_and(|why| why == "line 4 is not JSON"),
            "{cut}"
        );
    }
    // Lines that are cut through a character, and lines that only look so.
    for (tail, readable) in [
        (
            &b"{\"time\":\"2025-11-01T10:00:02Z\",\"why\":\"\xe4\xb8"[..],
            true,
        ),
        (
            b"{\"time\":\"2025-11-01T10:00:02Z\",\"why\":\"\xe4\xb8\"",
            false,
        ),
        (b"{\"time\":\"2025-11-01T10:00:02Z\",\"why\":\"\xff", false),
        (b"{\"time\":\"2025-11-01T10:00:02Z\",\0\0", false),
        (b"{\"of\":", false),
        (b"\0\0\0", false),
    ] {
        let text = [OLD.as_bytes(), tail].concat();
        assert_eq!(read(ID, &text).damage.is_none(), readable, "{tail:?}");
    }
    // The first line is never cut: a journal gets its name after this line is written.
    let first = OLD.lines().next().unwrap();
    assert!(
        read(ID, &first.as_bytes()[..first.len() - 1])
            .damage
            .is_some()
    );
}

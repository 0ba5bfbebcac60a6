//! replctl dies during a promotion. Before it is resumed or rolled back, a person promotes a
//! replica, and clients write to that node. Neither resume nor rollback may replace its writes.

use crate::races::deed::Deed;
use crate::races::field::{FIRST, Field, SECOND};
use crate::support::await_that;
use crate::support::server::Family;
use std::sync::Mutex;
use std::time::Duration;

/// The journal lines after which it dies: before, during and after the hand-over of three nodes.
/// Each step has two lines.
const LINES: [usize; 10] = [4, 10, 14, 18, 20, 22, 24, 26, 28, 32];

#[test]
fn what_a_replica_took_after_a_death_is_not_replaced() {
    let Some(family) = Family::debian() else {
        return;
    };
    let verbs = ["resume", "rollback"];
    let all = LINES
        .iter()
        .flat_map(|line| verbs.map(|verb| (*line, verb)));
    let cases: Mutex<Vec<_>> = Mutex::new(all.collect());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let next = cases.lock().unwrap().pop();
                    let Some((line, verb)) = next else { return };
                    taken_up(family, line, verb);
                }
            });
        }
    });
}

fn taken_up(family: &Family, line: usize, verb: &str) {
    let field = Field::start(family, &[0, 0]);
    let operator = field.operator(FIRST, false);
    Deed::Resume { to: 1, line }.before(&field, &operator);
    let mut client = field.servers[2].client();
    client.command(&["REPLICAOF", "NO", "ONE"]);
    for n in 0..20 {
        let reply = client.command(&["SET", &format!("by-hand:{n}"), "1"]);
        assert_eq!(reply.text(), "OK");
    }
    let ran = operator.run_within(Duration::from_mins(1), &[verb, "--yes"]);
    let kept = (0..20).filter(|n| client.command(&["GET", &format!("by-hand:{n}")]).text() == "1");
    assert_eq!(
        (kept.count(), field.primaries().contains(&2)),
        (20, true),
        "died after {line} lines: {ran}"
    );
}

/// Another operator promotes a third node before the first one resumes: "n1 is the primary" would
/// be false then.
#[test]
fn a_promotion_that_another_replaced_is_not_gone_on_with() {
    let Some(family) = Family::debian() else {
        return;
    };
    for line in [28, 34, 40] {
        let field = Field::start(family, &[0, 0]);
        let [first, second] = [FIRST, SECOND].map(|user| field.operator(user, false));
        Deed::Resume { to: 1, line }.before(&field, &first);
        assert_eq!(field.primaries(), [1], "died after {line} lines");
        let words = ["promote", "n2", "--yes", "--no-hooks"];
        await_that("the replicas to be linked", Duration::from_secs(20), || {
            second.run(&words).code == Some(0)
        });
        let before = field.roles();
        let ran = first.run(&["resume", "--yes"]).code(3);
        let ran = ran.says("made `n1` the primary, and `n2` is the primary now");
        assert!(!ran.stdout.contains("is the primary"), "{ran}");
        assert_eq!(field.roles(), before, "{ran}");
        first
            .run(&["promote", "n2", "--abandon-unfinished", "--yes"])
            .ok();
        assert_eq!(field.whole(Duration::from_secs(10)), Ok(2));
    }
}

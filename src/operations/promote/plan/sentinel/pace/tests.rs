//! How soon Sentinels are brought to see a priority, and what is said where they cannot be.

use super::Pace;
use crate::actions::sentinel::SentinelAction;
use crate::engine::warning::sentences;
use crate::operations::promote::plan::sentinel::FIRST;
use crate::operations::promote::plan::sentinel::tests::{sees, watch};
use crate::topology::sample::seed;
use crate::topology::sentinel::{NoDebug, Watch};

/// Three Sentinels of the tutorial's nodes that tell their periods.
fn told(periods: [Option<u64>; 3]) -> Watch {
    let mut watch = watch(&seed());
    for (i, ms) in periods.into_iter().enumerate() {
        sees(&mut watch, i).info_period_ms = ms;
    }
    watch
}

fn pace(watch: &Watch) -> Pace {
    Pace::of(watch, &seed().nodes[1], 15_000)
}

#[test]
fn each_gets_back_what_it_had_and_those_that_are_fast_are_left_alone() {
    let pace = pace(&told([Some(10_000), Some(7_000), Some(400)]));
    let Some((
        SentinelAction::SetInfoPeriod { sentinels, ms: 500 },
        SentinelAction::RestoreInfoPeriod {
            sentinels: back,
            from_ms: 500,
            within_ms,
        },
    )) = pace.hasten()
    else {
        panic!("{:?}", pace.hasten());
    };
    assert_eq!(sentinels, back);
    let periods: Vec<u64> = back.iter().map(|s| s.ms).collect();
    assert_eq!(periods, [10_000, 7_000]);
    // down-after is 2 s, and two periods are 1 s.
    assert!(pace.sees_within_ms + within_ms < 3_000);
    assert_eq!(pace.warnings, Vec::new());
}

#[test]
fn who_cannot_be_told_makes_it_slow_and_that_is_said() {
    let mut old = told([Some(10_000), None, Some(10_000)]);
    sees(&mut old, 1).no_debug = Some(NoDebug::NoCommand);
    let slow = pace(&old);
    assert!(slow.hasten().is_none());
    assert_eq!(slow.sees_within_ms, 15_000);
    let said = slow.warnings[0].text();
    assert!(
        said.contains("10.0.1.1:26379 is older than 7.0") && said.contains("6 to 16 s"),
        "{said}"
    );
    sees(&mut old, 1).no_debug = Some(NoDebug::Forbidden(Some("ops".to_owned())));
    let said = sentences(&pace(&old).warnings).join("\n");
    let hint = "redis-cli -h 10.0.1.1 -p 26379 ACL SETUSER ops '+sentinel|debug'";
    assert!(said.ends_with(hint), "{said}");
    // One that does nothing is not waited for.
    sees(&mut old, 1).tilt = true;
    assert!(pace(&old).hasten().is_some());
}

#[test]
fn other_deployments_that_it_watches_are_said() {
    let mut shared = told([Some(10_000); 3]);
    sees(&mut shared, 2).watches = Some(3);
    let said = sentences(&pace(&shared).warnings);
    assert!(
        said[0].contains("10.0.1.2:26379 watches 2 other deployments too"),
        "{said:?}"
    );
}

#[test]
fn nothing_is_set_where_all_see_the_priority_already() {
    let mut seen = told([Some(10_000); 3]);
    for i in 0..3 {
        sees(&mut seen, i).replicas[0].priority = FIRST;
    }
    assert!(pace(&seen).hasten().is_none());
}

//! replctl dies at every line of its journal during `add` and `remove`. It is resumed or rolled
//! back, whatever the inventory says then.

use crate::members::crew::Crew;
use crate::support::figure;

#[test]
fn killed_at_every_journal_line_a_node_comes_or_all_is_as_before() {
    let Some(crew) = Crew::new(1) else { return };
    let add = crew.adding("slave2", 2, &["--yes"]);
    let (mut deaths, mut back) = (0, 0);
    for line in 1.. {
        if !crew.dies(&add, line) {
            break;
        }
        deaths += 1;
        if line % 5 == 1 {
            crew.run(&["resume", "--yes"])
                .ok()
                .says("is a replica of master");
            crew.follows(2, 0);
            crew.run(&["resume"]).ok().says("Nothing to do");
        } else {
            crew.run(&["rollback", "--yes"]).ok();
        }
        // What has come, or had come wholly before it died, goes again.
        if crew.now() == crew.text {
            back += 1;
        } else {
            crew.run(&["remove", "slave2", "--purge", "--yes"]).ok();
        }
        assert_eq!(crew.now(), crew.text, "line {line}");
        crew.nothing_of(2);
        assert_eq!(crew.listed(0), "1", "line {line}");
    }
    assert!(deaths > 15 && back > 8, "{deaths} lines, {back} put back");
    figure(&format!(
        "add: killed at each of {deaths} journal lines, {back} put back, the others gone on with"
    ));
}

#[test]
fn killed_at_every_journal_line_a_node_goes_or_all_is_as_before() {
    let Some(crew) = Crew::new(1) else { return };
    let remove = ["remove", "slave2", "--purge", "--yes"].map(str::to_owned);
    let (mut deaths, mut back) = (0, 0);
    crew.add("slave2", 2, &["--yes"]).ok();
    let with = crew.now();
    for line in 1.. {
        if !crew.dies(&remove, line) {
            break;
        }
        deaths += 1;
        let ran = crew.run(&["rollback", "--yes"]);
        if ran.code == Some(0) && crew.now() == with {
            back += 1;
            crew.follows(2, 0);
            continue;
        }
        // Past the first file that is gone there is only forward.
        crew.run(&["resume", "--yes"]).ok();
        assert_eq!(crew.now(), crew.text, "line {line}: {ran}");
        crew.nothing_of(2);
        crew.add("slave2", 2, &["--yes"]).ok();
        assert_eq!(crew.now(), with);
    }
    crew.nothing_of(2);
    assert_eq!(crew.now(), crew.text);
    assert!(deaths > 14 && back > 4, "{deaths} deaths, {back} put back");
    figure(&format!(
        "remove --purge: killed at each of {deaths} journal lines, {back} put back, the others gone on with"
    ));
}

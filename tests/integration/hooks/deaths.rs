//! replctl dies at every line of its journal: the hooks after resume and rollback; and the hooks
//! under Sentinels.

use crate::hooks::hooked::Hooked;
use crate::support::process::run;
use crate::support::sentinel::three;
use crate::support::server::Family;
use crate::support::trio::{BACKLOG, NAMES};
use crate::support::{await_some, figure};
use std::time::Duration;

#[test]
fn killed_at_every_journal_line_each_hook_is_run_once() {
    let Some(family) = Family::debian() else {
        return;
    };
    let hooked = Hooked::start(family, &[BACKLOG]);
    let operator = hooked.operator();
    let (mut target, mut deaths) = (0, 0);
    for line in 1.. {
        let before = target;
        target = (target + 1) % 3;
        let mut command = operator.command(&["promote", NAMES[target], "--yes"]);
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
        let ran = run(&mut command, Duration::from_mins(1));
        if ran.code == Some(0) {
            break;
        }
        assert_eq!(ran.code, None, "it failed at line {line}: {ran}");
        deaths += 1;
        let resumed = operator.run(&["resume", "--yes"]).ok();
        hooked.trio.assert_primary(target);
        let log = hooked.log();
        let at = |hook: &str, n: usize| format!("{hook} {}", hooked.at(n));
        let wanted = [at("before_promote", before), at("after_promote", target)];
        assert_eq!(log, wanted, "died at line {line}: {resumed}");
    }
    assert!(deaths > 25, "{deaths} lines");
    figure(&format!(
        "hooks: killed at each of {deaths} journal lines and resumed; before_promote and after_promote run once each time"
    ));
}

#[test]
fn killed_while_a_hook_runs_that_hook_is_run_again() {
    let Some(family) = Family::debian() else {
        return;
    };
    let hooked = Hooked::start(family, &[BACKLOG]);
    let operator = hooked.operator();
    let at = |hook: &str, n: usize| format!("{hook} {}", hooked.at(n));
    let (before, after) = ("before_promote", "after_promote");
    for (victim, wanted) in [
        (before, vec![at(before, 0), at(before, 0), at(after, 1)]),
        (after, vec![at(before, 1), at(after, 0), at(after, 0)]),
    ] {
        // Its parent is replctl.
        let kills = "[ -e $D/killed ] || { touch $D/killed; kill -9 $PPID; }";
        hooked.does(victim, kills);
        let target = usize::from(victim == before);
        let ran = operator.run(&["promote", NAMES[target], "--yes"]);
        assert_eq!(ran.signal, Some(9), "{ran}");
        operator.run(&["resume", "--yes"]).ok();
        hooked.trio.assert_primary(target);
        assert_eq!(hooked.log(), wanted);
        hooked.does(victim, "");
        std::fs::remove_file(hooked.folder.path().join("killed")).unwrap();
    }
}

#[test]
fn ctrl_c_ends_a_hook_and_what_it_started() {
    let Some(family) = Family::debian() else {
        return;
    };
    let hooked = Hooked::start(family, &[BACKLOG]);
    let operator = hooked.operator();
    hooked.does("before_promote", "sleep 60 & echo $! >$D/pid; wait");
    let mut running = operator.start(&["promote", "slave1", "--yes"]);
    let file = hooked.folder.path().join("pid");
    let pid = await_some("the hook to run", Duration::from_secs(20), || {
        let text = std::fs::read_to_string(&file).ok()?;
        text.ends_with('\n').then(|| text.trim().to_owned())
    });
    running.signal(libc::SIGINT);
    running
        .wait(Duration::from_secs(20))
        .code(130)
        .says("it was interrupted and stopped; nothing was changed");
    hooked.trio.assert_primary(0);
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
}

#[test]
fn rolled_back_the_one_for_failures_is_run() {
    let Some(family) = Family::debian() else {
        return;
    };
    let hooked = Hooked::start(family, &[BACKLOG]);
    let operator = hooked.operator();
    // That line is inside the hand-over, with the fence up.
    let mut command = operator.command(&["promote", "slave1", "--yes"]);
    command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", "14");
    assert_eq!(run(&mut command, Duration::from_mins(1)).code, None);
    hooked.log();
    operator
        .run(&["rollback", "--yes"])
        .ok()
        .says("hook on_failure: ");
    hooked.trio.assert_primary(0);
    assert_eq!(hooked.log(), [format!("on_failure {}", hooked.at(0))]);
    // And on request it is not.
    let mut command = operator.command(&["promote", "slave1", "--yes"]);
    command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", "14");
    assert_eq!(run(&mut command, Duration::from_mins(1)).code, None);
    hooked.log();
    operator
        .run(&["resume", "--yes", "--no-hooks"])
        .ok()
        .says("the hooks are left out");
    hooked.trio.assert_primary(1);
    assert!(hooked.log().is_empty());
}

#[test]
fn through_sentinel_they_are_run_as_well() {
    let Some(family) = Family::debian() else {
        return;
    };
    let hooked = Hooked::start(family, &[BACKLOG]);
    let sentinels = three(family, hooked.trio.servers[0].port, 5_000, None);
    for sentinel in &sentinels {
        sentinel.ask(&["SENTINEL", "DEBUG", "info-period", "400"]);
    }
    let operator = hooked.operator();
    hooked.does("before_promote", "exit 1");
    operator.run(&["promote", "slave1", "--yes"]).code(3);
    assert_eq!(hooked.log().len(), 2);
    for server in &hooked.trio.servers {
        assert_eq!(server.client().config("replica-priority"), "100");
    }
    hooked.does("before_promote", "");
    operator
        .run_within(Duration::from_mins(1), &["promote", "slave1", "--yes"])
        .ok();
    assert_eq!(
        hooked.log(),
        [
            format!("before_promote {}", hooked.at(0)),
            format!("after_promote {}", hooked.at(1))
        ]
    );
    hooked.trio.assert_primary(1);
}

//! Two operators on different machines set up the same bare hosts: no server shows a claim yet.

use crate::setup_sshd::bench::{Bench, PASSWORD, listing};
use crate::support::inventory::write_password;
use crate::support::process::{Ran, Running, signal};
use crate::support::{InventoryText, Replctl, await_that, figure};
use std::path::Path;
use std::time::Duration;

const LONG: Duration = Duration::from_mins(2);
const REFUSED: &str = "another operator changes this deployment at the moment; nothing was touched";

/// Another machine of an operator, with the same inventory.
fn other(bench: &Bench) -> Replctl<'static> {
    Replctl::new().inventory(&bench.folder().join("inventory.toml"))
}

/// Whether an operator has a journal: a refused one has none.
fn began(operator: &Replctl<'_>) -> bool {
    let base = operator.home().join(".local/state/replctl");
    let deployments = std::fs::read_dir(base).into_iter().flatten().flatten();
    deployments.into_iter().any(|deployment| {
        let journals = std::fs::read_dir(deployment.path().join("journal"));
        journals.into_iter().flatten().flatten().count() > 0
    })
}

/// Freezes a setup that has begun to work on the hosts.
fn frozen(bench: &Bench, operator: &Replctl<'_>) -> Running {
    let mut running = operator.start(&["setup", "--yes"]);
    await_that("a directory", Duration::from_secs(20), || {
        bench.db().join("server").exists()
    });
    running.signal(libc::SIGSTOP);
    running
}

#[test]
fn of_two_who_begin_at_once_one_sets_up_and_the_other_changes_nothing() {
    let Some(bench) = Bench::new(2) else { return };
    let mut refused = 0;
    // How much later the second begins, ms.
    for offset in [0, 0, 20, 60, 100, 250, 600, 1_200, 2_500] {
        let operators = [other(&bench), other(&bench)];
        let first = operators[0].start(&["setup", "--yes"]);
        std::thread::sleep(Duration::from_millis(offset));
        let second = operators[1].start(&["setup", "--yes"]);
        let ran = [first.wait(LONG), second.wait(LONG)];
        let begun: Vec<usize> = (0..2).filter(|i| began(&operators[*i])).collect();
        let tell = || format!("{offset} ms: {begun:?}\n{}\n{}", ran[0], ran[1]);
        let [one] = begun[..] else {
            panic!("{}", tell())
        };
        assert_eq!(ran[one].code, Some(0), "{}", tell());
        let it = &ran[1 - one];
        let waited = |it: &Ran| it.code == Some(0) && it.stdout.contains("Nothing to do");
        let told = it.code == Some(3) && it.stderr.contains(REFUSED);
        assert!(told || waited(it), "{}", tell());
        assert!(
            it.stderr.contains("`setup` by ") || waited(it),
            "{}",
            tell()
        );
        refused += usize::from(told);
        bench.in_sync(0);
        bench.strip();
    }
    figure(&format!(
        "setup by two operators at once: 9 races, the other was refused in {refused} and found nothing to do in the rest"
    ));
}

#[test]
fn a_frozen_setup_is_told_and_taken_over_and_changes_nothing_afterwards() {
    let Some(bench) = Bench::new(2) else { return };
    let (first, second) = (other(&bench), other(&bench));
    let mut running = frozen(&bench, &first);
    let ran = second.run(&["setup", "--yes"]).code(3);
    assert!(ran.stderr.contains("waiting for `setup` by "), "{ran}");
    assert!(ran.stderr.contains(REFUSED), "{ran}");
    assert!(!began(&second), "{ran}");

    // The lock is the host's: another deployment, at other ports, in another directory, is kept
    // away as well.
    let folder = tempfile::TempDir::new().unwrap();
    let elsewhere = elsewhere(&bench, folder.path());
    let third = Replctl::new().inventory(&elsewhere);
    std::thread::sleep(Duration::from_secs(5));
    let ran = third.run(&["setup", "--yes"]).code(3);
    assert!(ran.stderr.contains(REFUSED), "{ran}");
    assert!(ran.stderr.contains(", silent for 1"), "{ran}");
    assert!(ran.stderr.contains("replctl setup --take-over"), "{ran}");
    assert!(!began(&third), "{ran}");

    second.run(&["setup", "--yes", "--take-over"]).ok();
    bench.in_sync(0);
    let before = listing(&bench.db());
    running.signal(libc::SIGCONT);
    let ran = running.wait(LONG);
    assert!(ran.code != Some(0), "{ran}");
    assert!(ran.stderr.contains("is not held any more"), "{ran}");
    assert_eq!(listing(&bench.db()), before, "it changed something: {ran}");
    bench.in_sync(0);
    second.run(&["status"]).ok();
}

/// An inventory of another deployment on the same hosts.
fn elsewhere(bench: &Bench, folder: &Path) -> std::path::PathBuf {
    let text = InventoryText::on_sshds(&bench.sshds, &["one", "two"], None);
    let password = write_password(folder, PASSWORD);
    let text = text.password_file(&password).text();
    let text = text.replace("\"loop\"", "\"others\"");
    let db = bench.db().display().to_string();
    let file = folder.join("inventory.toml");
    std::fs::write(&file, text.replace(&db, &format!("{db}2"))).unwrap();
    file
}

/// The lock ends with its process, even a killed one: the next run need not wait.
#[test]
fn a_killed_setup_holds_no_host() {
    let Some(bench) = Bench::new(2) else { return };
    let (first, second) = (other(&bench), other(&bench));
    let mut running = first.start(&["setup", "--yes"]);
    await_that("a directory", Duration::from_secs(20), || {
        bench.db().join("server").exists()
    });
    running.kill9();
    running.wait(Duration::from_secs(10));
    let ran = second.run(&["setup", "--yes"]).ok();
    assert!(!ran.stderr.contains("waiting for"), "{ran}");
    bench.in_sync(0);
}

/// A host that runs only one command per session cannot be locked. It is still set up, and a
/// message says so.
#[test]
fn a_host_that_runs_one_command_at_a_time_is_set_up_and_said_not_to_be_held() {
    let Some(bench) = Bench::new(2) else { return };
    let own = bench.sshds.folder().join("h1");
    let config = own.join("sshd_config");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("MaxSessions 100", "MaxSessions 1")).unwrap();
    let pid = std::fs::read_to_string(own.join("pid")).unwrap();
    signal(pid.trim().parse().unwrap(), libc::SIGHUP);
    // ssh itself works there.
    await_that(
        "the host to take a login again",
        Duration::from_secs(10),
        || bench.sshds.ssh(&bench.sshds.hosts()[0], "true").code == Some(0),
    );
    bench
        .operator
        .run_within(LONG, &["setup", "--yes"])
        .ok()
        .says("lets a login run one command at a time, so replctl does not hold it");
    bench.in_sync(0);
}

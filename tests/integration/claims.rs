//! Operators on different machines: each has its own state folder, and they see each other only on
//! the servers.

#![allow(clippy::unwrap_used)]

use crate::support::await_that;
use crate::support::process::{Running, family_of, run};
use crate::support::program::Replctl;
use crate::support::rotation::each_family;
use crate::support::server::Family;
use crate::support::trio::{BACKLOG, Trio};
use std::path::Path;
use std::time::Duration;

/// How long the first operator's hook sleeps, seconds: the claim is held all the time.
const SLEEPS: u64 = 8;

/// The inventory of the first operator, with a slow hook.
fn slow(trio: &Trio) -> Replctl<'static> {
    let file = trio.inventory();
    let text = std::fs::read_to_string(&file).unwrap();
    let folder = tempfile::TempDir::new().unwrap().keep();
    let slow = folder.join("inventory.toml");
    let hooks = format!("{text}\n[hooks]\nbefore_promote = [\"sleep\", \"{SLEEPS}\"]\n");
    std::fs::write(&slow, hooks).unwrap();
    Replctl::new().inventory(&slow)
}

/// The names of all connections of a server.
fn names(trio: &Trio, i: usize) -> Vec<String> {
    let mut names = Vec::new();
    for kind in ["normal", "pubsub"] {
        let list = trio.servers[i]
            .client()
            .command(&["CLIENT", "LIST", "TYPE", kind]);
        let list = list.text();
        let fields = list.lines().flat_map(|line| line.split(' '));
        names.extend(
            fields
                .filter_map(|f| f.strip_prefix("name="))
                .map(str::to_owned),
        );
    }
    names
}

fn claims(trio: &Trio, i: usize) -> usize {
    let claim = |name: &&String| name.starts_with("replctl:promote%20slave1:");
    names(trio, i).iter().filter(claim).count()
}

/// Starts the slow promotion and waits until its claim is on every node.
fn claimed(trio: &Trio, operator: &Replctl<'_>) -> Running {
    let running = operator.start(&["promote", "slave1", "--yes"]);
    await_that("the claim on all nodes", Duration::from_secs(10), || {
        (0..3).all(|i| claims(trio, i) == 1)
    });
    running
}

fn journals(home: &Path) -> usize {
    let folder = home.join(".local/state/replctl/orders/journal");
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[test]
fn a_second_operator_is_told_who_works_there_and_changes_nothing() {
    each_family(|_, family| {
        let trio = Trio::start(family, &[BACKLOG]);
        let first = slow(&trio);
        let second = trio.operator();
        let running = claimed(&trio, &first);
        let seen = second.run(&["status", "--no-ssh"]).ok();
        assert!(seen.stdout.contains("`promote slave1` by "), "{seen}");
        let ran = second.run(&["promote", "slave2", "--yes"]).code(3);
        assert!(
            ran.stderr.contains("waiting for `promote slave1` by "),
            "{}: {ran}",
            family.name
        );
        let refused = "another operator changes this deployment at the moment; nothing was touched";
        assert!(ran.stderr.contains(refused), "{}: {ran}", family.name);
        assert_eq!(journals(second.home()), 0, "{}", family.name);
        running.wait(Duration::from_mins(1)).ok();
        trio.assert_primary(1);
        await_that("the end of the claim", Duration::from_secs(5), || {
            (0..3).all(|i| claims(&trio, i) == 0)
        });
        second.run(&["promote", "slave2", "--yes"]).ok();
        trio.assert_primary(2);
    });
}

/// A cut network hides the end of a killed replctl from its servers, so its claim stays for
/// minutes. Another run on the same machine knows that this process is dead. It knows that about no
/// other claim.
#[test]
fn the_claim_of_ones_own_dead_run_is_in_nobodys_way() {
    each_family(|_, family| {
        let trio = Trio::start(family, &[BACKLOG]);
        let operator = trio.operator();
        let mut dying = operator.command(&["promote", "slave1", "--yes"]);
        dying.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", "3");
        let ran = run(&mut dying, Duration::from_mins(1));
        assert_eq!(ran.code, None, "{}: {ran}", family.name);
        let folder = operator.home().join(".local/state/replctl/orders/journal");
        let journal = std::fs::read_dir(folder).unwrap().next().unwrap();
        let text = std::fs::read_to_string(journal.unwrap().path()).unwrap();
        let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        let [who, token] = ["who", "claim"].map(|f| first[f].as_str().unwrap());
        let hold = |i: usize, who: &str, token: &str| {
            let name = format!("replctl:promote%20slave1:{who}:{token}");
            let mut held = trio.servers[i].client();
            assert_eq!(held.command(&["CLIENT", "SETNAME", &name]).text(), "OK");
            held
        };
        // From another machine, or of an operation that this one knows nothing of.
        for (who, token) in [("ann@elsewhere", token), (who, "77")] {
            let stranger = hold(1, who, token);
            let ran = operator.run(&["resume", "--yes"]).code(3);
            let told = "another operator changes this deployment at the moment";
            assert!(ran.stderr.contains(told), "{}: {ran}", family.name);
            drop(stranger);
            await_that("its end", Duration::from_secs(5), || claims(&trio, 1) == 0);
        }
        let mut own = hold(0, who, token);
        operator.run(&["resume", "--yes"]).ok();
        trio.assert_primary(1);
        assert!(own.try_command(&["PING"]).is_err(), "it may still speak");
    });
}

/// A server's `timeout` ends silent connections; the claim is not silent.
#[test]
fn a_claim_outlives_a_short_timeout_of_the_servers() {
    let Some(family) = Family::debian() else {
        return;
    };
    // The claim speaks each second: with a limit of one second a busy machine would end it, too.
    let trio = Trio::start(family, &[BACKLOG, "timeout 3"]);
    let first = slow(&trio);
    let running = claimed(&trio, &first);
    for _ in 0..6 {
        std::thread::sleep(Duration::from_secs(1));
        assert!((0..3).all(|i| claims(&trio, i) == 1), "a claim was closed");
    }
    running.wait(Duration::from_mins(1)).ok();
    trio.assert_primary(1);
}

/// A frozen holder is reported as silent and its connections are ended. After it thaws, it changes
/// nothing more.
#[test]
fn what_is_frozen_is_taken_over_and_changes_nothing_afterwards() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[BACKLOG]);
    let first = slow(&trio);
    let second = trio.operator();
    let mut running = claimed(&trio, &first);
    // In its hook: whoever is frozen while it looks goes on with half an old picture, and refuses
    // for that.
    let sleeps = |pid: &i32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|c| c.trim() == "sleep")
    };
    await_that("its hook", Duration::from_secs(10), || {
        family_of(running.pid()).iter().any(sleeps)
    });
    running.signal(libc::SIGSTOP);
    std::thread::sleep(Duration::from_secs(12));
    let ran = second.run(&["promote", "slave2", "--yes"]).code(3);
    assert!(ran.stderr.contains(", silent for 1"), "{ran}");
    assert!(
        ran.stderr.contains("replctl promote slave2 --take-over"),
        "{ran}"
    );
    second
        .run(&["promote", "slave2", "--yes", "--take-over"])
        .ok();
    trio.assert_primary(2);
    running.signal(libc::SIGCONT);
    let ran = running.wait(Duration::from_mins(1)).code(1);
    assert!(ran.stderr.contains("nothing was changed"), "{ran}");
    trio.assert_primary(2);
}

/// A connection with a claim's name counts, whoever made it. A person's connection with another
/// name does not.
#[test]
fn any_connection_with_a_claims_name_counts() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[BACKLOG]);
    let second = trio.operator();
    let mut other = trio.servers[2].client();
    other.command(&["CLIENT", "SETNAME", "replctl:setup:ann%40ops@b:77"]);
    let ran = second.run(&["promote", "slave1", "--yes"]).code(3);
    assert!(ran.stderr.contains("`setup` by ann@ops@b"), "{ran}");
    other.command(&["CLIENT", "SETNAME", "replctlish"]);
    second.run(&["promote", "slave1", "--yes"]).ok();
}

//! Which node returns under which, what is refused, and what is planned.

mod stopped;

use super::plan;
use crate::actions::rescue::Covered;
use crate::engine::{Plan, Refusal, Rejoin, Undo};
use crate::operations::rejoin::checks::pair;
use crate::plan::divergence::Own;
use crate::plan::returning::DemotionNote;
use crate::topology::sample::{address, node, seed, version};
use crate::topology::{Backlog, PersistedRole, ReplicaAuth, Server, State, Topology};

/// slave1 took over from master at offset 101, and slave2 follows it.
fn parted() -> Topology {
    let mut topology = seed();
    topology.nodes[1] = node("slave1", 1, None);
    topology.nodes[2] = node("slave2", 2, Some(address(1)));
    let new = up(&mut topology, 1);
    new.replication.replid2 = Some(std::mem::replace(
        &mut new.replication.replid,
        "b".repeat(40),
    ));
    new.replication.second_offset = Some(101);
    new.keys.insert(0, 50);
    new.replication.backlog = Some(Backlog {
        first: 1,
        held: 100,
        size: 1 << 20,
    });
    up(&mut topology, 0).keys.insert(0, 50);
    topology
}

fn up(topology: &mut Topology, i: usize) -> &mut Server {
    match &mut topology.nodes[i].state {
        State::Up(server) => server,
        State::Down(_) => panic!("it is down"),
    }
}

fn asked(name: &str) -> Rejoin {
    Rejoin {
        node: name.into(),
        under: None,
        backup: Some("/b".to_owned()),
    }
}

fn run(operation: &Rejoin, own: &Own, topology: &Topology) -> Result<Plan, Vec<Refusal>> {
    let pair = pair(operation, topology, &[], false)?;
    plan(operation, pair, own, topology)
}

fn some() -> Own {
    Own::Commands {
        bytes: 4_331,
        commands: 12,
        safe: 10,
        keys: 7,
    }
}

fn actions(plan: &Plan) -> Vec<String> {
    plan.steps()
        .map(|s| format!("{}: {}", s.node, s.action))
        .collect()
}

fn reason(result: Result<Plan, Vec<Refusal>>) -> String {
    let refused = result.unwrap_err();
    format!("{} | {}", refused[0].why, refused[0].hint)
}

#[test]
fn what_only_it_has_is_backed_up_behind_a_fence_before_it_follows() {
    let plan = run(&asked("master"), &some(), &parted()).unwrap();
    assert_eq!(
        actions(&plan),
        [
            "master: see that nobody else has changed a role",
            "master: pause writes (for at most 60000 ms)",
            "master: back up all it has into /b",
            "master: replicate from slave1 (10.0.0.1:6380), unless it has something that is not in the backup",
            "master: resume writes",
            "master: write its role into its configuration file and read it back",
            "master: wait until in sync with slave1",
        ]
    );
    assert_eq!(plan.stages[0].steps[3].undo, Undo::Impossible);
    assert_eq!(
        plan.may_lose.as_deref(),
        Some("12 commands that only `master` has (backed up first)")
    );
    assert_eq!(
        plan.warnings[0].text(),
        "only `master` has 12 commands on 7 keys (4.2 KiB of its stream), 10 of them safe to replay on `slave1`; they are listed by: replctl lost master"
    );
    let unknown = Own::Unknown("it keeps no backlog".to_owned());
    let plan = run(&asked("master"), &unknown, &parted()).unwrap();
    assert_eq!(
        plan.may_lose.as_deref(),
        Some("what only `master` has among its 50 keys (backed up first)")
    );
    let none = Rejoin {
        backup: None,
        ..asked("master")
    };
    let plan = run(&none, &some(), &parted()).unwrap();
    assert_eq!(
        actions(&plan)[2],
        "master: replicate from slave1 (10.0.0.1:6380)"
    );
    assert!(plan.may_lose.unwrap().ends_with("(WITHOUT a backup)"));
}

#[test]
fn where_nothing_is_its_own_nothing_is_backed_up() {
    let nothing = Own::Nothing {
        replid: "a".repeat(40),
        up_to: 100,
    };
    for (own, when) in [(nothing, "something of its own"), (Own::Empty, "a key")] {
        let plan = run(&asked("master"), &own, &parted()).unwrap();
        assert_eq!(
            actions(&plan)[2],
            format!("master: replicate from slave1 (10.0.0.1:6380), unless it has {when} by then")
        );
        assert_eq!(plan.may_lose, None);
        assert_eq!(
            plan.warnings[1].text(),
            "nothing is discarded, and no backup is needed"
        );
    }
}

#[test]
fn servers_without_a_pause_of_writes_and_a_wrong_login_are_seen_to() {
    let mut topology = parted();
    for i in 0..3 {
        up(&mut topology, i).version = version(6, 0, 16);
        up(&mut topology, i).has_password = Some(true);
    }
    let plan = run(&asked("master"), &some(), &topology).unwrap();
    assert_eq!(
        actions(&plan)[..4],
        [
            "master: see that nobody else has changed a role",
            "master: set min-replicas-to-write 1000, min-replicas-max-lag 10",
            "master: set its masterauth to what the inventory says",
            "master: back up all it has into /b",
        ]
    );
    up(&mut topology, 1).version = version(7, 0, 15);
    assert!(reason(run(&asked("master"), &some(), &topology)).contains("cannot load a full copy"));
    let mut topology = parted();
    up(&mut topology, 0).replica_auth = Some(ReplicaAuth::Right);
    assert!(reason(run(&asked("master"), &some(), &topology)).contains("no password"));
}

#[test]
fn those_under_it_are_told_and_waited_for() {
    let mut topology = parted();
    topology.nodes[2] = node("slave2", 2, Some(address(0)));
    let plan = run(&asked("master"), &some(), &topology).unwrap();
    assert_eq!(actions(&plan)[7], "slave2: wait until in sync with master");
    let told = "the data of `slave2` are replaced, too";
    let all = &plan.warnings;
    assert!(all.iter().any(|w| w.text() == told), "{all:?}");
}

#[test]
fn the_one_that_took_over_stays_unless_the_other_is_named() {
    let wrong = reason(run(&asked("slave1"), &some(), &parted()));
    assert!(
        wrong.starts_with("`slave1` took over from `master`")
            && wrong.contains("replctl rejoin master"),
        "{wrong}"
    );
    let named = Rejoin {
        under: Some("master".into()),
        ..asked("slave1")
    };
    run(&named, &some(), &parted()).unwrap();
    // Known by the note alone.
    let mut strangers = parted();
    up(&mut strangers, 1).replication.replid2 = None;
    let noted_demotions: Vec<DemotionNote> = vec![("master".into(), address(1))];
    assert!(pair(&asked("slave1"), &strangers, &noted_demotions, false).is_err());
    assert!(pair(&asked("master"), &strangers, &noted_demotions, false).is_ok());
    // One that came back without its data.
    up(&mut strangers, 1).keys.clear();
    let empty = reason(run(&asked("master"), &some(), &strangers));
    assert!(empty.contains("`slave1` holds no key, and `master` 50"));
    assert!(pair(&asked("slave1"), &strangers, &[], false).is_ok());
}

/// A detached node shares the history of the primary that it left, like a node that took over.
#[test]
fn a_detached_node_is_no_primary_that_took_over() {
    let refused = pair(&asked("slave1"), &parted(), &[], true).unwrap_err();
    assert!(refused[0].why.starts_with("`slave1` was detached"));
    assert!(
        refused[0]
            .hint
            .contains("replctl rejoin slave1 --under master")
            && refused[0]
                .hint
                .contains("replctl move slave1 --under master --discard-data slave1"),
        "{refused:?}"
    );
    // The note says that the other should follow it, so it did take over.
    let noted_demotions: Vec<DemotionNote> = vec![("master".into(), address(1))];
    let noted = pair(&asked("slave1"), &parted(), &noted_demotions, true).unwrap_err();
    assert!(noted[0].why.contains("took over from `master`"));
}

#[test]
fn of_several_primaries_the_right_one_has_to_be_said() {
    let mut three = parted();
    three.nodes[2] = node("slave2", 2, None);
    let which = reason(run(&asked("master"), &some(), &three));
    assert!(
        which.ends_with("replctl rejoin master --under slave1"),
        "{which}"
    );
    let noted_demotions: Vec<DemotionNote> = vec![("master".into(), address(2))];
    let (_, successor) = pair(&asked("master"), &three, &noted_demotions, false).unwrap();
    assert_eq!(successor.name.0, "slave2");
    assert!(reason(run(&asked("master"), &some(), &seed())).contains("is the only primary"));
    assert!(reason(run(&asked("nobody"), &some(), &seed())).contains("has no node"));
    let follower = Rejoin {
        under: Some("slave2".into()),
        ..asked("master")
    };
    assert!(reason(run(&follower, &some(), &seed())).contains("no other primary"));
}

#[test]
fn a_replica_has_nothing_to_return_from() {
    let plan = run(&asked("slave1"), &some(), &seed()).unwrap();
    assert!(plan.is_empty());
    let mut unwritten = seed();
    unwritten.nodes[1].persisted = Some(PersistedRole::Primary);
    let plan = run(&asked("slave1"), &some(), &unwritten).unwrap();
    assert_eq!(plan.steps().count(), 1);
    let mut lost = seed();
    lost.nodes[1] = node("slave1", 1, Some(address(9)));
    assert!(
        reason(run(&asked("slave1"), &some(), &lost))
            .ends_with("replctl move slave1 --under master")
    );
}

#[test]
fn what_is_covered_is_said() {
    let up_to = Covered::UpTo {
        replid: "a".to_owned(),
        offset: 3,
    };
    let text = serde_json::to_string(&up_to).unwrap();
    assert_eq!(serde_json::from_str::<Covered>(&text).unwrap(), up_to);
}

//! What is planned and what is refused where Sentinels watch the tutorial's three nodes.

use super::plan;
use crate::actions::Action;
use crate::actions::sentinel::SentinelAction;
use crate::engine::{Accept, Plan, Promote, Refusal};
use crate::topology::sample::{down, seed};
use crate::topology::sentinel::{KnownReplica, Sees, View, ViewState, Watch};
use crate::topology::{Address, State, Topology, Trouble, TroubleKind};

pub(super) fn watch(topology: &Topology) -> Watch {
    let known = topology.nodes[1..].iter().map(|n| KnownReplica {
        address: n.announced.clone(),
        flags: vec!["slave".to_owned()],
        priority: 100,
    });
    let sees = Sees {
        primary: Some(topology.nodes[0].announced.clone()),
        flags: vec!["master".to_owned()],
        down_after_ms: 2_000,
        failover_timeout_ms: 60_000,
        info_period_ms: Some(10_000),
        replicas: known.collect(),
        ..Sees::default()
    };
    let views = (0..3).map(|i| View {
        address: Address::new(format!("10.0.1.{i}"), 26379),
        state: ViewState::Up(Box::new(sees.clone())),
    });
    Watch {
        name: "m".to_owned(),
        other_names: Vec::new(),
        hosts: std::collections::BTreeMap::new(),
        counted: 3,
        views: views.collect(),
    }
}

pub(super) fn sees(watch: &mut Watch, i: usize) -> &mut Sees {
    match &mut watch.views[i].state {
        ViewState::Up(sees) => sees,
        ViewState::Down(_) | ViewState::NotAsked => panic!("it is down"),
    }
}

fn run(topology: &Topology, watch: Option<&Watch>) -> Result<Plan, Vec<Refusal>> {
    let operation = Promote {
        node: "slave1".into(),
        accept: vec![Accept::Drift],
    };
    plan(&operation, topology, watch)
}

fn refused(topology: &Topology, watch: Option<&Watch>) -> String {
    let refusals = run(topology, watch).unwrap_err();
    let all: Vec<String> = refusals
        .iter()
        .map(|r| format!("{} | {}", r.why, r.hint))
        .collect();
    all.join("\n")
}

#[test]
fn the_old_primary_is_demoted_before_sentinel_is_asked() {
    let topology = seed();
    let plan = run(&topology, Some(&watch(&topology))).unwrap();
    let actions: Vec<String> = plan
        .steps()
        .map(|s| format!("{}: {}", s.node, s.action))
        .collect();
    assert_eq!(
        actions,
        [
            "slave1: set replica-priority 1",
            "slave1: let 3 Sentinels read INFO every 0.5 s (SENTINEL DEBUG INFO-PERIOD 500; before: 10000)",
            "slave1: wait until 3 Sentinels see its priority 1 (up to 1.8 s)",
            "slave1: put INFO-PERIOD back at 3 Sentinels (10000)",
            "slave1: wait until less than 256.0 KiB behind master",
            "slave2: wait until less than 256.0 KiB behind master",
            "slave1: wait for the moment from which the Sentinel 10.0.1.0:26379 sees a promotion soonest (up to 1 s)",
            "slave1: see that nobody else has changed a role",
            "master: pause writes (for at most 1500 ms)",
            "master: let slave2 catch up too",
            "slave1: wait until it has every byte of master",
            "master: replicate from slave1 (10.0.0.1:6380), and tell its last offset",
            "slave1: see that it has exactly what master has",
            "slave1: let Sentinel make it primary (SENTINEL FAILOVER m at 10.0.1.0:26379)",
            "master: resume writes",
            "slave1: wait until every Sentinel takes it for the primary and has repointed the others",
            "master: wait until in sync with slave1",
            "slave2: wait until in sync with slave1",
            "slave1: set replica-priority 100",
            "slave1: write its role into its configuration file and read it back",
            "master: write its role into its configuration file and read it back",
            "slave2: write its role into its configuration file and read it back",
        ]
    );
}

#[test]
fn what_stands_against_it_is_said_with_its_way_on() {
    let topology = seed();
    assert!(refused(&topology, None).contains("--without-sentinel"));
    let mut two = watch(&topology);
    two.other_names.push("n".to_owned());
    assert!(refused(&topology, Some(&two)).contains("several names: m, n"));
    let mut busy = watch(&topology);
    sees(&mut busy, 1)
        .flags
        .push("failover_in_progress".to_owned());
    assert!(refused(&topology, Some(&busy)).contains("in the middle of a failover"));
    let mut worried = watch(&topology);
    sees(&mut worried, 1).flags.push("s_down".to_owned());
    assert!(refused(&topology, Some(&worried)).contains("says of the primary `master`: s_down"));
    let mut few = watch(&topology);
    sees(&mut few, 2).no_quorum = Some("NOQUORUM 1 usable Sentinels".to_owned());
    assert!(refused(&topology, Some(&few)).contains("NOQUORUM"));
    let mut other = watch(&topology);
    sees(&mut other, 0).primary = Some(topology.nodes[2].announced.clone());
    assert!(refused(&topology, Some(&other)).contains("`master` is"));
    let mut rival = watch(&topology);
    sees(&mut rival, 0).replicas[1].priority = 1;
    let said = refused(&topology, Some(&rival));
    assert!(said.contains("`slave2` has replica-priority 1"), "{said}");
    assert!(said.contains("CONFIG SET replica-priority 100"), "{said}");
    let mut unknown = watch(&topology);
    sees(&mut unknown, 0).replicas.clear();
    assert!(refused(&topology, Some(&unknown)).contains("does not know `slave1`"));
    let mut unseen = watch(&topology);
    sees(&mut unseen, 0).replicas[0]
        .flags
        .push("s_down".to_owned());
    assert!(refused(&topology, Some(&unseen)).contains("cannot reach `slave1`"));
    let mut silent = watch(&topology);
    for view in &mut silent.views {
        view.state = ViewState::Down(Trouble {
            kind: TroubleKind::PasswordMissing,
            detail: "it wants a password".to_owned(),
        });
    }
    let said = refused(&topology, Some(&silent));
    assert!(
        said.contains("it wants a password") && said.contains("[sentinel]"),
        "{said}"
    );
}

/// slave1 hangs under slave2, and no Sentinel knows it.
fn chained() -> (Topology, Watch) {
    let mut topology = seed();
    let mut watch = watch(&topology);
    topology.nodes[1] =
        crate::topology::sample::node("slave1", 1, Some(topology.nodes[2].announced.clone()));
    for i in 0..3 {
        let known = &mut sees(&mut watch, i).replicas;
        known.retain(|r| r.address != topology.nodes[1].announced);
    }
    (topology, watch)
}

#[test]
fn a_replica_of_a_replica_is_moved_first() {
    let (mut topology, mut watch) = chained();
    let plan = run(&topology, Some(&watch)).unwrap();
    let actions: Vec<String> = plan
        .steps()
        .map(|s| format!("{}: {}", s.node, s.action))
        .collect();
    assert_eq!(
        actions[..9],
        [
            "master: wait until it has every byte of slave1",
            "slave1: see that nobody else has changed a role",
            "slave1: replicate from master (10.0.0.1:6379)",
            "slave1: wait until in sync with master",
            "slave1: write its role into its configuration file and read it back",
            "slave1: set replica-priority 1",
            "slave1: let 3 Sentinels read INFO every 0.5 s (SENTINEL DEBUG INFO-PERIOD 500; before: 10000)",
            "slave1: wait until 3 Sentinels see its priority 1 (up to 1.8 s)",
            "slave1: put INFO-PERIOD back at 3 Sentinels (10000)",
        ]
    );
    assert!(
        plan.warnings[0]
            .text()
            .contains("it is moved under `master` first")
    );
    let known = plan.steps().find_map(|s| {
        if let Action::Sentinel(SentinelAction::AwaitPriority { replica, .. }) = &s.action {
            return Some(replica.clone());
        }
        None
    });
    assert_eq!(known, Some(topology.nodes[1].announced.clone()));
    // The other replicas of the old primary are still drained. Sentinel repoints the nodes that it
    // replicated from.
    assert!(actions.contains(&"slave2: wait until in sync with slave1".to_owned()));

    // The reason why it cannot be moved comes once.
    let mut closed = topology.clone();
    if let State::Up(server) = &mut closed.nodes[1].state {
        server.version.major = 6;
    }
    if let State::Up(server) = &mut closed.nodes[0].state {
        server.version.major = 8;
    }
    let said = refused(&closed, Some(&watch));
    assert!(
        said.contains("cannot load a full copy from `master`"),
        "{said}"
    );
    assert!(!said.contains("dead"), "{said}");

    // Nothing can be moved under a primary that is dead.
    topology.nodes[0] = down("master", 0);
    for i in 0..3 {
        sees(&mut watch, i).flags.push("s_down".to_owned());
    }
    let said = refused(&topology, Some(&watch));
    assert!(
        said.contains("`slave1` replicates from the replica `slave2`"),
        "{said}"
    );
    assert!(
        said.contains("replctl promote slave2, and then: replctl promote slave1"),
        "{said}"
    );
}

#[test]
fn one_silent_sentinel_is_only_warned_of() {
    let topology = seed();
    let mut watch = watch(&topology);
    watch.views[2].state = ViewState::Down(Trouble {
        kind: TroubleKind::NoAnswer,
        detail: "no answer".to_owned(),
    });
    let plan = run(&topology, Some(&watch)).unwrap();
    assert!(
        plan.warnings
            .iter()
            .any(|w| w.text().contains("10.0.1.2:26379: no answer"))
    );
}

#[test]
fn a_dead_primary_is_sentinels_own_affair_until_it_does_nothing() {
    let mut topology = seed();
    let mut watch = watch(&topology);
    topology.nodes[0] = down("master", 0);
    if let State::Up(server) = &mut topology.nodes[1].state {
        server.sentinels = Some(3);
    }
    assert!(refused(&topology, Some(&watch)).contains("still hears from"));
    for i in 0..3 {
        sees(&mut watch, i).flags.push("s_down".to_owned());
    }
    let through = run(&topology, Some(&watch)).unwrap();
    assert!(through.may_lose.is_some());
    assert!(through.stages[0].title.contains("through Sentinel"));
    sees(&mut watch, 1)
        .flags
        .push("failover_in_progress".to_owned());
    assert!(refused(&topology, Some(&watch)).contains("failing over by itself just now"));
    for i in 0..3 {
        sees(&mut watch, i).no_quorum = Some("NOQUORUM".to_owned());
    }
    assert!(refused(&topology, Some(&watch)).contains("cannot replace it"));
}

#[test]
fn a_primary_that_sentinels_do_not_know_is_not_called_done() {
    let mut topology = seed();
    let other = watch(&topology);
    topology.nodes.swap(0, 1);
    let operation = Promote {
        node: "master".into(),
        accept: Vec::new(),
    };
    assert!(
        plan(&operation, &topology, Some(&other))
            .unwrap()
            .is_empty()
    );
    let mut stale = other;
    sees(&mut stale, 0).primary = Some(topology.nodes[0].announced.clone());
    let said = plan(&operation, &topology, Some(&stale)).unwrap_err();
    assert!(said[0].why.contains("will make `master` its replica"));
}

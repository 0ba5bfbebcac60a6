//! What is refused, and the order of what is not.

use super::*;
use crate::inventory::parse::parse;
use crate::topology::sentinel::{KnownReplica, Peer, View, ViewState};
use crate::topology::{State, Trouble, TroubleKind, sample};
use std::path::Path;

fn address(i: usize) -> Address {
    sample::address(i)
}

fn sentinel(i: usize) -> Address {
    Address::new(format!("10.0.1.{i}"), 26379)
}

fn flags(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

/// Three Sentinels over a primary with two replicas; `slave2` is gone.
struct Case {
    inventory: Inventory,
    topology: Topology,
    watch: Watch,
}

impl Case {
    fn new() -> Self {
        let text = "[deployment]\nname = \"m\"\nauth = \"none\"\n[[node]]\nname = \"master\"\naddress = \"10.0.0.1:6379\"\n[[node]]\nname = \"slave1\"\naddress = \"10.0.0.1:6380\"\nreplicaof = \"master\"\n[[node]]\nname = \"slave2\"\naddress = \"10.0.0.1:6381\"\nreplicaof = \"master\"\n[sentinel]\nnodes = [\"10.0.1.0\"]\n";
        let mut topology = sample::seed();
        topology.nodes[2] = sample::down("slave2", 2);
        let views = (0..3).map(|i| {
            let known = |n: usize, words: &[&str]| KnownReplica {
                address: address(n),
                flags: flags(words),
                priority: 100,
            };
            let others = (0..3).filter(|n| *n != i).map(|n| Peer {
                address: sentinel(n),
                flags: flags(&["sentinel"]),
            });
            let sees = Sees {
                primary: Some(address(0)),
                flags: flags(&["master"]),
                quorum: 2,
                others: 2,
                replicas: vec![known(1, &["slave"]), known(2, &["slave", "s_down"])],
                peers: others.collect(),
                ..Sees::default()
            };
            View {
                address: sentinel(i),
                state: ViewState::Up(Box::new(sees)),
            }
        });
        Self {
            inventory: parse(Path::new("i"), text).unwrap(),
            topology,
            watch: Watch {
                name: "m".to_owned(),
                other_names: Vec::new(),
                hosts: std::collections::BTreeMap::new(),
                counted: 3,
                views: views.collect(),
            },
        }
    }

    fn sees(&mut self, i: usize) -> &mut Sees {
        match &mut self.watch.views[i].state {
            ViewState::Up(sees) => sees,
            ViewState::Down(_) | ViewState::NotAsked => panic!("{i} is down"),
        }
    }

    fn silence(&mut self, i: usize) {
        self.watch.views[i].state = ViewState::Down(Trouble {
            kind: TroubleKind::Refused,
            detail: "connection refused".to_owned(),
        });
    }

    fn plan(&self, what: &[&str]) -> Result<Plan, Vec<Refusal>> {
        let what: Vec<String> = what.iter().map(|w| (*w).to_owned()).collect();
        plan(&what, &self.inventory, &self.topology, Some(&self.watch))
    }

    #[track_caller]
    fn refused(&self, what: &[&str], wanted: &str) {
        let refusals = self.plan(what).unwrap_err();
        let all: Vec<&str> = refusals.iter().map(|r| r.why.as_str()).collect();
        assert!(
            all.iter().any(|why| why.contains(wanted)),
            "no `{wanted}` in {all:#?}"
        );
        assert!(refusals.iter().all(|r| !r.hint.is_empty()));
    }
}

#[test]
fn one_after_the_other_and_each_is_seen_to_know_all_again() {
    let case = Case::new();
    for what in ["slave2", "10.0.0.1:6381"] {
        let plan = case.plan(&[what]).unwrap();
        assert_eq!(plan.stages.len(), 4);
        let names: Vec<&str> = plan.stages[..3]
            .iter()
            .map(|s| s.steps[0].node.0.as_str())
            .collect();
        assert_eq!(
            names,
            [
                "sentinel@10.0.1.0",
                "sentinel@10.0.1.1:26379",
                "sentinel@10.0.1.2:26379"
            ]
        );
        for stage in &plan.stages[..3] {
            assert_eq!((stage.mode, stage.steps.len()), (Mode::Atomic, 2));
            assert_eq!(stage.steps[0].undo, Undo::Impossible);
            let Action::Sentinel(SentinelAction::AwaitRelearned {
                replicas,
                sentinels,
                gone,
                ..
            }) = &stage.steps[1].action
            else {
                panic!("{:?}", stage.steps[1]);
            };
            assert_eq!(
                (replicas.as_slice(), gone.as_slice()),
                (&[address(1)][..], &[address(2)][..])
            );
            assert_eq!(sentinels.len(), 2);
        }
        assert_eq!(
            (plan.stages[3].mode, plan.stages[3].steps.len()),
            (Mode::Gate, 3)
        );
    }
    let plan = case.plan(&["slave2"]).unwrap();
    assert!(
        plan.warnings[0]
            .text()
            .contains("`slave2` stays in the inventory")
    );
}

#[test]
fn those_that_do_not_know_it_are_left_alone() {
    let mut case = Case::new();
    case.sees(1).replicas.truncate(1);
    assert_eq!(case.plan(&["slave2"]).unwrap().stages.len(), 3);
    assert!(case.plan(&["10.9.9.9:6379"]).unwrap().is_empty());
    assert!(case.plan(&["10.9.9.9"]).unwrap().is_empty());
}

#[test]
fn what_is_still_there_is_not_forgotten() {
    let case = Case::new();
    case.refused(&["master"], "`master` is the primary");
    case.refused(&["10.0.0.1:6379"], "`10.0.0.1:6379` is the primary");
    let case = Case::new();
    case.refused(
        &["slave1", "slave2"],
        "`slave1` still replicates from `master`",
    );
    case.refused(
        &["10.0.1.2", "slave2"],
        "the Sentinel 10.0.1.2:26379 still answers",
    );
    let mut case = Case::new();
    if let State::Up(server) = &mut case.topology.nodes[0].state {
        server
            .replication
            .replicas
            .push(crate::topology::ReplicaLine {
                address: address(2),
                state: "online".to_owned(),
                offset: None,
                ack_age_seconds: None,
            });
    }
    case.refused(&["slave2"], "the primary still serves 10.0.0.1:6381");
}

#[test]
fn a_sentinel_that_left_is_forgotten_if_enough_are_left() {
    let mut case = Case::new();
    for i in 0..3 {
        case.sees(i).replicas.truncate(1);
    }
    case.silence(0);
    for i in 1..3 {
        case.sees(i).peers[0].flags = flags(&["sentinel", "s_down"]);
    }
    for what in ["10.0.1.0:26379", "sentinel@10.0.1.0"] {
        let plan = case.plan(&[what]).unwrap();
        assert_eq!(plan.stages.len(), 3, "{plan:#?}");
        assert!(
            plan.warnings[0]
                .text()
                .contains("with 2 Sentinels, no failover is possible")
        );
    }
    for i in 1..3 {
        case.sees(i).quorum = 3;
    }
    case.refused(
        &["10.0.1.0:26379"],
        "2 Sentinels would be left, and a failover takes 3",
    );
}

#[test]
fn whatever_would_be_lost_besides_is_refused() {
    let mut case = Case::new();
    case.silence(2);
    case.refused(
        &["slave2"],
        "the Sentinel 10.0.1.2:26379 cannot be told to forget",
    );
    let mut case = Case::new();
    case.sees(1).replicas[0].flags = flags(&["slave", "disconnected"]);
    case.refused(&["slave2"], "would forget it, too");
    let mut case = Case::new();
    case.sees(0).flags = flags(&["master", "s_down"]);
    case.refused(&["slave2"], "says of the primary `master`: s_down");
    let mut case = Case::new();
    case.sees(0).primary = Some(address(1));
    case.refused(&["slave2"], "says that 10.0.0.1:6380 is the primary");
    let mut case = Case::new();
    case.topology.nodes[0] = sample::down("master", 0);
    case.refused(&["slave2"], "not exactly one primary");
    let case = Case::new();
    case.refused(&["no such"], "is no node of the inventory");
    case.refused(&["10.0.0.1"], "means 10.0.0.1:6380 and 10.0.0.1:6381");
    let none = plan(&["x".to_owned()], &case.inventory, &case.topology, None).unwrap_err();
    assert!(none[0].why.contains("no Sentinel that watches"));
}

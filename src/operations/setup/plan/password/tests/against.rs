//! What is refused in a change of passwords: then nothing is planned, and the refusal says why.

use super::*;
use crate::engine::warning::sentences;
use crate::plan::facts::Listener;
use crate::topology::sentinel::{View, ViewState};
use crate::topology::{ReplicaLine, State, Trouble, TroubleKind};

#[test]
fn what_stands_against_it_is_told_and_nothing_is_planned() {
    let told = |change: &dyn Fn(&mut Stage, &mut BTreeMap<NodeName, NodePasswords>)| {
        let mut world = world(true);
        let mut held = Model::new(&world, [Secret::None; 3]).held();
        change(&mut world, &mut held);
        let refusals = plan(&world, &held, false).unwrap_err();
        let all: Vec<String> = refusals
            .iter()
            .map(|r| format!("{} HINT {}", r.why, r.hint))
            .collect();
        all.join("\n")
    };
    let name = NodeName::from("slave1");
    let of = |change: fn(&mut NodePasswords)| {
        told(&|_, held: &mut BTreeMap<NodeName, NodePasswords>| {
            change(held.get_mut(&name).unwrap());
        })
    };
    assert!(of(|h| h.acl_file = true).contains("aclfile"));
    assert!(of(|h| h.elsewhere = Some("/etc/x".into())).contains("/etc/x"));
    assert!(of(|h| h.elsewhere = Some(String::new())).contains("without a configuration file"));
    assert!(of(|h| h.live = None).contains("does not tell"));
    assert!(of(|h| h.file = Err("no".into())).contains("cannot be read"));
    let old = told(&|world, _| {
        if let State::Up(server) = &mut world.topology.nodes[1].state {
            server.version.major = 5;
        }
    });
    assert!(old.contains("Redis 5"), "{old}");
    let shut = told(&|world, held| {
        world.topology.nodes[1].state = State::Down(Trouble {
            kind: TroubleKind::PasswordRefused,
            detail: "WRONGPASS".into(),
        });
        held.get_mut(&name).unwrap().live = None;
    });
    assert!(
        shut.contains("is not known") && shut.contains("config rewrite; then: replctl setup"),
        "{shut}"
    );
    let watched = told(&|world, _| {
        if let State::Up(server) = &mut world.topology.nodes[0].state {
            server.sentinels = Some(3);
        }
    });
    assert!(watched.contains("3 Sentinels watch"), "{watched}");
}

fn words(refusals: &[Refusal]) -> String {
    let all = refusals.iter().map(|r| format!("{}: {}", r.why, r.hint));
    all.collect::<Vec<_>>().join("\n")
}

/// One that answers as a Sentinel.
fn sentinel(host: &str) -> View {
    View {
        address: Address::new(host, 26379),
        state: ViewState::Up(Box::default()),
    }
}

#[test]
fn only_sentinels_that_somebody_vouches_for_are_told() {
    let mut world = world(true);
    let held = Model::new(&world, [Secret::Old; 3]).held();
    let mut watch = Watch {
        name: "m".to_owned(),
        other_names: Vec::new(),
        counted: 2,
        views: vec![sentinel("10.0.1.1"), sentinel("10.0.1.2")],
        hosts: BTreeMap::new(),
    };
    if let State::Up(server) = &mut world.topology.nodes[0].state {
        server.sentinels = Some(2);
    }
    let of = |watch: &Watch, confirmed: &[&str]| {
        let confirmed = confirmed.iter().map(|h| Address::new(*h, 26379)).collect();
        watched((&world, &held, false), Some(watch), &confirmed)
    };
    let told = |plan: &Plan| -> Vec<String> {
        let all = plan.steps().map(|s| s.action.to_string());
        all.filter(|text| text.contains("Sentinel at")).collect()
    };
    assert_eq!(
        told(&of(&watch, &["10.0.1.1", "10.0.1.2"]).unwrap()).len(),
        2
    );
    let why = |refused: Result<Plan, Vec<Refusal>>| words(&refused.unwrap_err());
    let refused = why(of(&watch, &["10.0.1.1"]));
    assert!(
        refused.contains("what answers at 10.0.1.2:26379"),
        "{refused}"
    );
    assert!(refused.contains("name it in `[sentinel]`"), "{refused}");
    assert!(
        refused.contains("2 Sentinels watch, and replctl knows 1 of them"),
        "{refused}"
    );
    // A process that says it is a Sentinel does not replace one that was not found.
    watch.counted = 2;
    watch.views.remove(0);
    let refused = why(of(&watch, &[]));
    assert!(refused.contains("knows 0 of them"), "{refused}");
}

#[test]
fn the_password_of_a_server_that_replctl_did_not_make_is_left_alone() {
    let told = |change: &dyn Fn(&mut Stage)| {
        let mut world = world(true);
        let mut held = Model::new(&world, [Secret::Old; 3]).held();
        change(&mut world);
        let runs = world.topology.nodes[2].server().is_some();
        held.get_mut(&NodeName::from("slave2"))
            .filter(|_| !runs)
            .iter_mut()
            .for_each(|h| h.live = None);
        let plan = plan(&world, &held, false);
        plan.map(|p| sentences(&p.warnings))
            .map_err(|all| words(&all))
    };
    let stop = |world: &mut Stage| {
        world.topology.nodes[2].state = State::Down(Trouble {
            kind: TroubleKind::Refused,
            detail: "refused".into(),
        });
        let facts = world.hosts.get_mut(&NodeName::from("slave2")).unwrap();
        facts.as_mut().unwrap().listener = Listener::Nobody;
    };
    let not_ours = |world: &mut Stage| world.inventory.nodes[2].service.managed = Some(false);
    assert!(told(&|_| {}).is_ok());
    let warned = told(&stop).unwrap().join("\n");
    assert!(warned.contains("`slave2` does not run"), "{warned}");
    for both in [false, true] {
        let refused = told(&|world: &mut Stage| {
            not_ours(world);
            if both {
                stop(world);
            }
        });
        let refused = refused.unwrap_err();
        assert!(
            refused.contains("replctl did not make the server of `slave2`")
                && refused.contains("managed = false")
                && refused.contains("change it by hand on all nodes"),
            "{refused}"
        );
    }
}

#[test]
fn a_replica_that_the_inventory_lacks_is_not_cut_off() {
    for (from, password) in ways() {
        let mut world = world(password);
        let held = Model::new(&world, [from; 3]).held();
        let line = |host: &str| ReplicaLine {
            address: Address::new(host, 6379),
            state: "online".into(),
            offset: None,
            ack_age_seconds: None,
        };
        let mut all = vec![line("192.168.0.130"), line("192.168.0.140")];
        let listed = |world: &mut Stage, lines: &[ReplicaLine]| {
            if let State::Up(server) = &mut world.topology.nodes[0].state {
                server.replication.replicas = lines.to_vec();
            }
        };
        listed(&mut world, &all);
        assert!(plan(&world, &held, false).is_ok());
        all.push(line("192.168.0.150"));
        listed(&mut world, &all);
        let refused = plan(&world, &held, false).unwrap_err();
        let told: Vec<String> = refused
            .iter()
            .map(|r| format!("{}: {}", r.why, r.hint))
            .collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0]
                .contains("`master` feeds a replica that the inventory lacks (192.168.0.150:6379)")
                && told[0].contains("replctl add NAME --address 192.168.0.150:6379"),
            "{told:?}"
        );
    }
}

//! The diagnoses of Sentinels.

use super::*;
use crate::topology::sample::seed;
use crate::topology::sentinel::{KnownReplica, Peer};
use crate::topology::{Trouble, TroubleKind};

fn watch(topology: &Topology, change: impl Fn(usize, &mut Sees)) -> Watch {
    let views = (0..3).map(|i| {
        let mut sees = Sees {
            primary: Some(topology.nodes[0].announced.clone()),
            flags: vec!["master".to_owned()],
            others: 2,
            replicas: topology.nodes[1..]
                .iter()
                .map(|n| KnownReplica {
                    address: n.announced.clone(),
                    flags: vec!["slave".to_owned()],
                    priority: 100,
                })
                .collect(),
            ..Sees::default()
        };
        change(i, &mut sees);
        View {
            address: Address::new(format!("10.0.1.{i}"), 26379),
            state: ViewState::Up(Box::new(sees)),
        }
    });
    Watch {
        name: "m".to_owned(),
        other_names: Vec::new(),
        hosts: std::collections::BTreeMap::new(),
        counted: 3,
        views: views.collect(),
    }
}

fn topology() -> Topology {
    let mut topology = seed();
    if let crate::topology::State::Up(server) = &mut topology.nodes[0].state {
        server.sentinels = Some(3);
    }
    topology
}

fn said(change: impl Fn(usize, &mut Sees)) -> String {
    let topology = topology();
    let found = of_sentinels(&topology, &watch(&topology, change));
    let all: Vec<String> = found
        .iter()
        .map(|f| format!("{:?}: {}", f.code, f.message))
        .collect();
    all.join("\n")
}

#[test]
fn three_that_agree_are_well() {
    assert_eq!(said(|_, _| {}), "");
}

#[test]
fn each_trouble_is_named() {
    let wrong = said(|i, s| {
        if i == 1 {
            s.primary = Some(Address::new("10.0.0.1", 6380));
        }
    });
    assert!(
        wrong.contains(
            "SentinelWrongPrimary: the Sentinel 10.0.1.1:26379 sends clients to 10.0.0.1:6380"
        ),
        "{wrong}"
    );
    assert!(wrong.contains("SentinelsDisagree"), "{wrong}");
    assert!(said(|_, s| s.flags.push("o_down".to_owned())).contains("says of the primary: o_down"));
    assert!(
        said(|_, s| s.flags.push("failover_in_progress".to_owned())).contains("SentinelFailover")
    );
    let tilted = said(|i, s| s.tilt = i == 2);
    assert!(
        tilted.contains("SentinelTilt: the Sentinel 10.0.1.2:26379 is in TILT mode"),
        "{tilted}"
    );
    let hastened = said(|i, s| s.info_period_ms = Some(if i == 1 { 500 } else { 400 }));
    assert!(
        hastened.starts_with("SentinelInfoPeriod: the Sentinel 10.0.1.1:26379 has INFO-PERIOD 500")
            && hastened.lines().count() == 1,
        "{hastened}"
    );
    assert!(said(|_, s| s.no_quorum = Some("NOQUORUM x".to_owned())).contains("NOQUORUM x"));
    assert!(said(|_, s| s.others = 1).contains("2 Sentinels cannot outvote"));
    assert!(said(|_, s| s.replicas.truncate(1)).contains("does not know `slave2`"));
    assert!(
        said(|_, s| s.replicas[0].address = Address::new("10.9.9.9", 6379))
            .contains("still watches over 10.9.9.9:6379")
    );
    assert!(
        said(|_, s| s.peers.push(Peer {
            address: Address::new("10.0.1.7", 26379),
            flags: vec!["s_down".to_owned(), "sentinel".to_owned()],
        }))
        .contains("hears nothing from 10.0.1.7:26379")
    );
    let topology = topology();
    let mut strange = watch(&topology, |_, _| {});
    strange.views[2].state = ViewState::NotAsked;
    let found = of_sentinels(&topology, &strange);
    let said = &found[0].message;
    assert_eq!(found[0].code, Code::SentinelNotAsked);
    assert!(
        said.contains("10.0.1.2:26379 is not asked: the inventory names no Sentinel"),
        "{said}"
    );
    let mut silent = watch(&topology, |_, _| {});
    silent.views[0].state = ViewState::Down(Trouble {
        kind: TroubleKind::Refused,
        detail: "connection refused".to_owned(),
    });
    assert_eq!(
        of_sentinels(&topology, &silent)[0].code,
        Code::SentinelSilent
    );
}

//! What is wrong with the Sentinels that watch, and where what they say is not what is. Pure.

use super::{Code, Finding, Severity};
use crate::topology::candidate::primaries;
use crate::topology::phrases::name;
use crate::topology::sentinel::{
    DEFAULT_INFO_MS, FAST_INFO_MS, NOT_ASKED, Sees, View, ViewState, Watch,
};
use crate::topology::{Address, Addresses, Topology};
use std::collections::BTreeSet;

/// All diagnoses, the worst first.
pub fn of_sentinels(topology: &Topology, watch: &Watch) -> Vec<Finding> {
    let mut found = Vec::new();
    for view in &watch.views {
        match &view.state {
            ViewState::Down(trouble) => found.push(
                Finding::of_all(
                    Code::SentinelSilent,
                    Severity::Problem,
                    format!(
                        "the Sentinel {} cannot be asked: {}",
                        view.address, trouble.detail
                    ),
                )
                .with("sentinel", view.address.to_string()),
            ),
            ViewState::Up(sees) => own(topology, view, sees, &mut found),
            ViewState::NotAsked => found.push(not_asked(view)),
        }
    }
    together(topology, watch, &mut found);
    found.sort_by_key(|finding| finding.severity);
    found
}

/// Those of them that `status` has room for: what keeps the Sentinels from a failover, and a primary that they take for another.
pub fn in_short(topology: &Topology, watch: &Watch) -> Vec<Finding> {
    let mut found = of_sentinels(topology, watch);
    found.retain(|finding| {
        matches!(
            finding.code,
            Code::SentinelTilt
                | Code::SentinelNoQuorum
                | Code::SentinelInfoPeriod
                | Code::SentinelFailover
                | Code::SentinelWrongPrimary
                | Code::SentinelsDisagree
        )
    });
    found
}

fn about(view: &View, code: Code, severity: Severity, what: &str) -> Finding {
    Finding::of_all(
        code,
        severity,
        format!("the Sentinel {} {what}", view.address),
    )
    .with("sentinel", view.address.to_string())
}

/// It may be a Sentinel that is not in the inventory yet, or nobody's.
fn not_asked(view: &View) -> Finding {
    let what = format!("is {NOT_ASKED}");
    about(view, Code::SentinelNotAsked, Severity::Warning, &what).hint(format!(
        "if it is one of yours, name it in `nodes` under [sentinel]: \"{}\"",
        view.address
    ))
}

/// What one Sentinel says, against what is.
fn own(topology: &Topology, view: &View, sees: &Sees, found: &mut Vec<Finding>) {
    if let [primary] = primaries(topology)[..]
        && let Some(told) = sees.primary.as_ref().filter(|at| !primary.answers_to(at))
    {
        let what = format!(
            "sends clients to {told}, and the primary is {} ({})",
            name(&primary.name),
            primary.announced
        );
        found.push(
            about(view, Code::SentinelWrongPrimary, Severity::Problem, &what).hint(
                "look again in a minute; it makes replicas of all others: replctl sentinel status",
            ),
        );
    }
    if sees.says("failover_in_progress") {
        found.push(about(
            view,
            Code::SentinelFailover,
            Severity::Warning,
            "is in the middle of a failover",
        ));
    } else if !sees.is_quiet() {
        let what = format!("says of the primary: {}", sees.worries());
        found.push(about(view, Code::SentinelWorried, Severity::Problem, &what));
    }
    if sees.tilt {
        let what = "is in TILT mode: it was frozen or its clock jumped, and for 30 s it does nothing, not even a failover that is asked for";
        found.push(
            about(view, Code::SentinelTilt, Severity::Problem, what).hint(
                "look again in 30 s; if it does not end, see to the clock and the load of its host",
            ),
        );
    }
    found.extend(hastened(view, sees));
    if let Some(why) = &sees.no_quorum {
        let what = format!("could get no failover agreed on and authorized: {why}");
        found.push(
            about(view, Code::SentinelNoQuorum, Severity::Problem, &what)
                .hint("bring the missing Sentinels back"),
        );
    }
    let gone: Vec<String> = sees
        .peers
        .iter()
        .filter(|p| p.is_gone())
        .map(|p| p.address.to_string())
        .collect();
    if !gone.is_empty() {
        let what = format!(
            "hears nothing from {}, and counts {} for the majority all the same",
            gone.join(", "),
            if gone.len() == 1 { "it" } else { "them" }
        );
        found.push(about(view, Code::SentinelGone, Severity::Warning, &what).hint(forget(&gone)));
    }
    replicas(topology, view, sees, found);
}

/// A period that a promotion sets for a moment. No Sentinel says who has set it.
fn hastened(view: &View, sees: &Sees) -> Option<Finding> {
    if sees.info_period_ms != Some(FAST_INFO_MS) {
        return None;
    }
    let what = format!(
        "has INFO-PERIOD {FAST_INFO_MS}: a promotion sets that for about 1 s, and one that is killed leaves it; with it a failover passes over replicas that stall for 1.5 s"
    );
    let (at, back) = (
        &view.address,
        sees.noted_period_ms.unwrap_or(DEFAULT_INFO_MS),
    );
    Some(
        about(view, Code::SentinelInfoPeriod, Severity::Warning, &what).hint(format!(
            "unless a promotion runs just now: redis-cli -h {} -p {} SENTINEL DEBUG INFO-PERIOD {back}",
            at.host, at.port
        )),
    )
}

fn replicas(topology: &Topology, view: &View, sees: &Sees, found: &mut Vec<Finding>) {
    let foreign: Vec<String> = sees
        .replicas
        .iter()
        .filter(|r| topology.at(&r.address).is_none())
        .map(|r| r.address.to_string())
        .collect();
    if !foreign.is_empty() {
        let what = format!(
            "still watches over {}, which the inventory does not have: whatever answers there is made a replica, and its data replaced",
            foreign.join(", ")
        );
        found.push(
            about(view, Code::SentinelForeignReplica, Severity::Warning, &what)
                .hint(forget(&foreign)),
        );
    }
    let [primary] = primaries(topology)[..] else {
        return;
    };
    let known: Addresses = sees.replicas.iter().map(|r| &r.address).collect();
    for node in topology.followers_of(primary).filter(|n| !known.mean(n)) {
        let what = format!(
            "does not know {} as a replica, and would leave it behind",
            name(&node.name)
        );
        found.push(
            about(view, Code::SentinelUnknownReplica, Severity::Warning, &what).hint(
                "it learns of replicas within 10 s, and of names only with `resolve-hostnames yes`",
            ),
        );
    }
}

/// What they are together.
fn together(topology: &Topology, watch: &Watch, found: &mut Vec<Finding>) {
    let told: BTreeSet<&Address> = watch.up().filter_map(|(_, s)| s.primary.as_ref()).collect();
    if told.len() > 1 {
        let all: Vec<String> = told.iter().map(ToString::to_string).collect();
        let what = format!(
            "the Sentinels disagree about the primary: {}",
            all.join(" or ")
        );
        found.push(
            Finding::of_all(Code::SentinelsDisagree, Severity::Problem, what)
                .hint("the newest epoch wins within seconds: replctl sentinel status"),
        );
    }
    if !watch.other_names.is_empty() {
        let what = format!(
            "these nodes are watched under several names: {}, {}",
            watch.name,
            watch.other_names.join(", ")
        );
        found.push(
            Finding::of_all(Code::SentinelTwoNames, Severity::Problem, what)
                .hint("end all but one, on each of their Sentinels: SENTINEL REMOVE NAME"),
        );
    }
    let count = watch.up().map(|(_, s)| s.others + 1).max().unwrap_or(0);
    if (1..3).contains(&count) {
        let what = format!(
            "{count} Sentinel{} cannot outvote a failure: with fewer than three, none may be lost",
            if count == 1 { "" } else { "s" }
        );
        found.push(Finding::of_all(Code::SentinelFew, Severity::Warning, what));
    }
    if let [primary] = primaries(topology)[..]
        && primary.server().is_some_and(|s| s.sentinels == Some(0))
        && watch.up().next().is_some()
    {
        let what = format!(
            "no Sentinel listens on {}, the primary",
            name(&primary.name)
        );
        found.push(Finding::of_all(
            Code::SentinelSilent,
            Severity::Warning,
            what,
        ));
    }
}

/// What makes them forget.
fn forget(gone: &[String]) -> String {
    format!(
        "if that is gone for good: replctl sentinel forget {}",
        gone.join(" ")
    )
}

#[cfg(test)]
mod tests {
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
        assert!(
            said(|_, s| s.flags.push("o_down".to_owned())).contains("says of the primary: o_down")
        );
        assert!(
            said(|_, s| s.flags.push("failover_in_progress".to_owned()))
                .contains("SentinelFailover")
        );
        let tilted = said(|i, s| s.tilt = i == 2);
        assert!(
            tilted.contains("SentinelTilt: the Sentinel 10.0.1.2:26379 is in TILT mode"),
            "{tilted}"
        );
        let hastened = said(|i, s| s.info_period_ms = Some(if i == 1 { 500 } else { 400 }));
        assert!(
            hastened
                .starts_with("SentinelInfoPeriod: the Sentinel 10.0.1.1:26379 has INFO-PERIOD 500")
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
}

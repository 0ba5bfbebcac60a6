//! Problems of the Sentinels that watch, and differences between their view and the real state.
//! Pure.

use super::{Code, Explanation, Finding, Severity};
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
    debug_assert!(found.iter().all(Finding::is_explained), "{found:?}");
    found
}

/// The diagnoses that `status` shows: those that block a failover of the Sentinels, and a wrong
/// primary in their view.
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

/// The Sentinel may be ours and missing in the inventory, or it belongs to a stranger.
fn not_asked(view: &View) -> Finding {
    let what = format!("is {NOT_ASKED}");
    about(view, Code::SentinelNotAsked, Severity::Warning, &what).hint(format!(
        "if it is one of yours, name it in `nodes` under [sentinel]: \"{}\"",
        view.address
    ))
}

/// Compares the view of one Sentinel with the real state.
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
        let what = "is in TILT mode: it was frozen or its clock jumped, and for 30 s it does nothing, not even a requested failover";
        found.push(
            about(view, Code::SentinelTilt, Severity::Problem, what).hint(
                "look again in 30 s; if it does not end, check the clock and the load of its host",
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

/// An `INFO` period that only a promotion sets, for a moment. No Sentinel reports who set it.
fn hastened(view: &View, sees: &Sees) -> Option<Finding> {
    if sees.info_period_ms != Some(FAST_INFO_MS) {
        return None;
    }
    let what = format!(
        "has INFO-PERIOD {FAST_INFO_MS}: a promotion sets that for about 1 s, and a killed one leaves it; with it a failover skips replicas that stall for 1.5 s"
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

/// The diagnoses about all Sentinels together.
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

/// The hint that makes the Sentinels forget.
fn forget(gone: &[String]) -> String {
    format!(
        "if that will not come back: replctl sentinel forget {}",
        gone.join(" ")
    )
}

pub(super) const SENTINEL_SILENT: Explanation = Explanation {
    severities: &[Severity::Problem, Severity::Warning],
    meaning: "A Sentinel cannot be asked, or none listens on the primary.",
    cause: "It is down, cut off, or refuses the password; or the Sentinels were just set up.",
    way_out: "Start it again, or correct `[sentinel]` in the inventory. If it will not come back: `replctl sentinel forget HOST:PORT`.",
};

pub(super) const SENTINEL_NOT_ASKED: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "Something says that it is a Sentinel of this deployment, and nothing confirms it. The Sentinels' password is not sent there.",
    cause: "It is a Sentinel that the inventory does not name, on a host that replctl does not reach by SSH; or it belongs to a stranger.",
    way_out: "If it is one of yours, name it in `nodes` under `[sentinel]`.",
};

pub(super) const SENTINEL_WRONG_PRIMARY: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "A Sentinel sends clients to another node than the primary.",
    cause: "It has not heard of a promotion yet, or it was cut off meanwhile.",
    way_out: "Look again in a minute: `replctl sentinel status`. It makes replicas of all others.",
};

pub(super) const SENTINEL_FAILOVER: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "A Sentinel is in the middle of a failover.",
    cause: "It and its quorum considered the primary dead, or somebody requested a failover.",
    way_out: "Wait until it has ended. `promote` does nothing beside it.",
};

pub(super) const SENTINEL_WORRIED: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "A Sentinel considers the primary down, or reports another problem with it.",
    cause: "The primary did not answer it for `down-after-milliseconds`, because it is dead, cut off from the Sentinel, or too busy.",
    way_out: "Look at the primary and at the network between the two. A failover may be near.",
};

pub(super) const SENTINEL_TILT: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "A Sentinel is in TILT mode: for 30 s it does nothing, not even a requested failover.",
    cause: "It was frozen, or its clock jumped.",
    way_out: "Look again in 30 s. If it does not end, check the clock and the load of its host.",
};

pub(super) const SENTINEL_INFO_PERIOD: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "A Sentinel reads INFO of its nodes more often than usual. Meanwhile a failover skips replicas that stall for 1.5 s.",
    cause: "A promotion sets this for about 1 s, and a killed one leaves it.",
    way_out: "If no promotion runs: `replctl resume`, `rollback` or `abandon` of that operation, or the command of the hint.",
};

pub(super) const SENTINEL_NO_QUORUM: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "Too few Sentinels answer for a failover to be agreed on and authorized.",
    cause: "Sentinels are down or cut off, or removed ones still count.",
    way_out: "Bring the missing ones back. For those that will not come back: `replctl sentinel forget HOST:PORT`.",
};

pub(super) const SENTINEL_GONE: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "A Sentinel hears nothing from another one, and still counts it for the majority.",
    cause: "That one is down, cut off or removed: a Sentinel never forgets by itself.",
    way_out: "Bring it back, or make the others forget it: `replctl sentinel forget HOST:PORT`.",
};

pub(super) const SENTINEL_FOREIGN_REPLICA: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "A Sentinel watches over a replica that the inventory does not have. It makes any server at that address a replica, and replaces its data.",
    cause: "A node left, and a Sentinel never forgets by itself.",
    way_out: "If it will not come back: `replctl sentinel forget HOST:PORT`. Otherwise take it into the inventory.",
};

pub(super) const SENTINEL_UNKNOWN_REPLICA: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "A Sentinel does not know one of the primary's replicas, and would leave it behind in a failover.",
    cause: "The replica is new (a Sentinel learns of it within 10 s), or it is announced by a name and the Sentinel has no `resolve-hostnames yes`.",
    way_out: "Look again in 10 s. For names, set `resolve-hostnames yes` on the Sentinels.",
};

pub(super) const SENTINELS_DISAGREE: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "The Sentinels name different primaries.",
    cause: "A failover has just been, or some Sentinels are cut off from the others.",
    way_out: "The newest epoch wins within seconds: `replctl sentinel status`. If it stays, look at the network between them.",
};

pub(super) const SENTINEL_TWO_NAMES: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "Sentinels watch these nodes under several names. Each name has a failover of its own.",
    cause: "Two setups, or a name that was changed and not removed.",
    way_out: "End all but one, on each of their Sentinels: `SENTINEL REMOVE NAME`.",
};

pub(super) const SENTINEL_FEW: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "Fewer than three Sentinels watch. None of them may be lost, or no failover can be agreed on.",
    cause: "Too few were set up, or some left.",
    way_out: "Name at least three in `nodes` under `[sentinel]`, then `replctl sentinel setup`.",
};

#[cfg(test)]
mod tests;

//! The address that programs should write to: the one primary, or the reasons why none can be
//! named. Pure.
//!
//! A program that gets a wrong primary loses its writes. So any doubt is a reason to name none.

use super::candidate::primaries;
use super::one_address::{With, clashes};
use super::phrases::name;
use super::{Link, Node, Topology};
use crate::findings::{Code, Finding};

/// Why no primary can be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// What was seen, in one sentence. It may hold words from servers.
    pub seen: String,
    /// A command to paste, or what to do.
    pub hint: String,
}

/// The one healthy primary. `topology`: without the detached nodes; `findings`: the diagnoses of
/// it.
///
/// # Errors
/// What was observed instead, at least one sentence.
pub fn endpoint<'a>(topology: &'a Topology, findings: &[Finding]) -> Result<&'a Node, Vec<Doubt>> {
    let [primary] = primaries(topology)[..] else {
        return Err(none_or_several(findings));
    };
    let mut doubts: Vec<Doubt> = findings
        .iter()
        .filter(|f| stands_against(f.code) && f.concerns(&primary.name))
        .map(|f| Doubt {
            seen: f.message.clone(),
            hint: "replctl status".to_owned(),
        })
        .collect();
    doubts.extend(follower_of_another(topology, primary));
    doubts.extend(address_of_another(topology, primary));
    if doubts.is_empty() {
        Ok(primary)
    } else {
        Err(doubts)
    }
}

fn none_or_several(findings: &[Finding]) -> Vec<Doubt> {
    let about_roles = findings
        .iter()
        .find(|f| matches!(f.code, Code::NoPrimary | Code::SeveralPrimaries));
    let status = || "replctl status".to_owned();
    let doubt = match about_roles {
        // The repair of two primaries discards data. A person must read its help in full, not paste
        // it from a script's log.
        Some(f) if f.code == Code::SeveralPrimaries => Doubt {
            seen: f.message.clone(),
            hint: status(),
        },
        Some(f) => Doubt {
            seen: f.message.clone(),
            hint: f.hint.clone().unwrap_or_else(status),
        },
        None => Doubt {
            seen: "there is not exactly one primary".to_owned(),
            hint: status(),
        },
    };
    vec![doubt]
}

/// Diagnoses of a primary that keep programs from writing, or their writes from staying.
fn stands_against(code: Code) -> bool {
    matches!(
        code,
        Code::ClusterMode | Code::Loading | Code::FailoverRunning | Code::UnfencedOldPrimary
    )
}

/// A client that uses the primary's announced address may reach another server.
fn address_of_another(topology: &Topology, primary: &Node) -> Option<Doubt> {
    if primary.announced == primary.address {
        return None;
    }
    let clashes = clashes(topology);
    let clash = clashes.iter().find(|clash| {
        let with = match &clash.with {
            With::Node(other, _) | With::Process(other) => other.name == primary.name,
            With::Stranger => false,
        };
        (clash.node.name == primary.name || with) && clash.address == primary.announced
    })?;
    let other = match &clash.with {
        With::Stranger => "a server that is no node of the inventory".to_owned(),
        With::Node(other, _) | With::Process(other) if other.name == primary.name => {
            name(&clash.node.name)
        }
        With::Node(other, _) | With::Process(other) => name(&other.name),
    };
    Some(Doubt {
        seen: format!(
            "{} is the primary and is announced at {}, which is an address of {other} too",
            name(&primary.name),
            clash.address
        ),
        hint: "replctl status".to_owned(),
    })
}

/// A replica whose link is up and whose history is another. It hears from a primary that does not
/// answer here, so there may be two.
fn follower_of_another(topology: &Topology, primary: &Node) -> Option<Doubt> {
    let history = |node: &Node| node.server().map(|s| s.replication.replid.clone());
    let own = history(primary);
    topology.nodes.iter().find_map(|node| {
        let upstream = node.upstream().filter(|up| up.link == Link::Up)?;
        let above = topology.upstream_of(node);
        let elsewhere = above.is_none_or(|up| up.server().is_none());
        if !elsewhere || history(node) == own {
            return None;
        }
        Some(Doubt {
            seen: format!(
                "{} is a primary, and {} replicates another history from {}: that node does not answer here, and may be a primary, too",
                name(&primary.name),
                name(&node.name),
                above.map_or_else(|| upstream.address.to_string(), |up| name(&up.name)),
            ),
            hint: "replctl status".to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::testing::{down, healthy, primary, replica};
    use super::super::{Address, Loading, TroubleKind};
    use super::*;
    use crate::findings::{Context, PendingDemotion, findings};

    fn ask(topology: &Topology, context: &Context) -> Result<String, String> {
        match endpoint(topology, &findings(topology, context)) {
            Ok(node) => Ok(node.name.0.clone()),
            Err(doubts) => Err(doubts.into_iter().map(|d| d.seen + "|" + &d.hint).collect()),
        }
    }

    #[track_caller]
    fn doubted(topology: &Topology, wanted: &[&str]) {
        let said = ask(topology, &Context::default()).unwrap_err();
        for part in wanted {
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn the_one_primary_is_named_whatever_its_name_is() {
        let mut topology = healthy();
        assert_eq!(ask(&topology, &Context::default()), Ok("master".to_owned()));
        topology.nodes = vec![
            down("master", "192.168.0.120", TroubleKind::Refused, "refused"),
            primary("slave1", "192.168.0.130", 5000),
            replica("slave2", "192.168.0.140", "192.168.0.130", 5000),
        ]
        .into();
        assert_eq!(ask(&topology, &Context::default()), Ok("slave1".to_owned()));
    }

    #[test]
    fn none_and_two_are_told_with_the_way_on() {
        let mut topology = healthy();
        topology.nodes[0] = down("master", "192.168.0.120", TroubleKind::Refused, "refused");
        let way = "|replctl promote slave1";
        doubted(&topology, &["no primary", "`master` does not answer", way]);
        let mut topology = healthy();
        topology.nodes[2] = primary("slave2", "192.168.0.140", 5000);
        doubted(&topology, &["`master` and `slave2` are both primaries"]);
        // A script gets no command that discards data.
        let said = ask(&topology, &Context::default()).unwrap_err();
        assert!(said.ends_with("|replctl status"), "{said}");
    }

    #[test]
    fn a_primary_that_serves_nobody_is_not_named() {
        let mut topology = healthy();
        topology.nodes[0].up().cluster_enabled = true;
        doubted(&topology, &["cluster mode"]);
        topology.nodes[0].up().cluster_enabled = false;
        topology.nodes[0].up().loading = Some(Loading { percent: None });
        doubted(&topology, &["`master` is loading"]);
        topology.nodes[0].up().loading = None;
        topology.nodes[0].up().replication.failover = Some("waiting-for-sync".into());
        doubted(&topology, &["a FAILOVER command runs on `master`"]);
        // A problem of a replica does not matter here.
        topology.nodes[0].up().replication.failover = None;
        topology.nodes[1].up().loading = Some(Loading { percent: None });
        assert_eq!(ask(&topology, &Context::default()), Ok("master".to_owned()));
    }

    #[test]
    fn an_old_primary_that_was_replaced_is_not_named() {
        let gone = |name: &str, host: &str| down(name, host, TroubleKind::NoAnswer, "no answer");
        let topology = Topology {
            nodes: vec![
                primary("master", "192.168.0.120", 5000),
                gone("slave1", "192.168.0.130"),
            ]
            .into(),
        };
        let context = Context {
            pending_demotions: vec![PendingDemotion {
                node: "master".into(),
                address: Address::new("192.168.0.130", 6379),
                since: jiff::Timestamp::UNIX_EPOCH,
            }],
            ..Context::default()
        };
        let said = ask(&topology, &context).unwrap_err();
        assert!(said.contains("`master` was replaced by `slave1`"), "{said}");
        // Even without a note, a replica that still hears from the other primary reveals it.
        let mut follower = replica("slave2", "192.168.0.140", "192.168.0.130", 6000);
        let mut topology = topology;
        topology.nodes.push(follower.clone());
        assert_eq!(ask(&topology, &Context::default()), Ok("master".to_owned()));
        follower.up().replication.replid = "another".into();
        topology.nodes[2] = follower;
        doubted(
            &topology,
            &["`slave2` replicates another history from `slave1`"],
        );
    }
}

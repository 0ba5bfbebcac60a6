//! Which roles survive a restart of one node, and of all hosts at once. Reported where a role is
//! not the wanted one, or unknown. Pure.

use super::{Code, Explanation, Finding, Look, Severity};
use crate::topology::phrases::{list, name};
use crate::topology::reboot::{Reboot, reboot};
use crate::topology::service::{Keep, Obstacle, Service};
use crate::topology::tree::ring;
use crate::topology::{Address, Node, PersistedRole, sentinel};
use std::collections::BTreeMap;
use std::fmt::Write as _;

impl<'a> Look<'a> {
    /// What concerns several nodes at once.
    pub(super) fn forecast(&self, found: &mut Vec<Finding>) {
        found.extend(self.unknown());
        self.not_kept(found);
        found.extend(self.reboot());
    }

    /// Compares the present role with the one that the next start reads.
    pub(super) fn next_start(&self, node: &Node) -> Option<Finding> {
        let own = name(&node.name);
        let named = |address: &Address| {
            let at = self.topology.meant_by(node, address);
            at.map_or_else(|| address.to_string(), |at| name(&at.name))
        };
        let place = place(node);
        let message = match (node.persisted.as_ref()?, node.upstream()) {
            // One finding covers all such nodes.
            (PersistedRole::Unknown(_), _) => return None,
            // The repair of these nodes writes their files, too.
            (_, None) if self.primary().is_none() => return None,
            (_, Some(_))
                if self.topology.upstream_of(node).is_none()
                    || !ring(node, self.topology).is_empty() =>
            {
                return None;
            }
            (PersistedRole::Primary, None) => return None,
            (PersistedRole::Unwritten, _) => format!(
                "the role of {own} could not be written into its configuration file: restarted, it has its former one"
            ),
            (PersistedRole::Primary, Some(link)) => format!(
                "{own} follows {}, but not by {place}: restarted, it is a primary",
                named(&link.address)
            ),
            (PersistedRole::ReplicaOf(address), None) => format!(
                "{own} is primary, but not by {place}: restarted, it follows {}{}",
                named(address),
                self.in_circle(node, address)
            ),
            (PersistedRole::ReplicaOf(address), Some(link)) => {
                if self.same(node)(address, &link.address) {
                    return None;
                }
                format!(
                    "{own} follows {}, but by {place} it follows {}: restarted, it does",
                    named(&link.address),
                    named(address)
                )
            }
        };
        let hint = match self.obstacle(node, node.upstream().map(|up| &up.address)) {
            Some((obstacle, service)) => Some(obstacle.remedy(service)),
            None => self.put_right(),
        };
        Some(
            Finding::about(node, Code::UnpersistedRole, Severity::Warning, message)
                .maybe_hint(hint),
        )
    }

    /// The addition for a node whose next upstream follows it now.
    fn in_circle(&self, node: &Node, address: &Address) -> &'static str {
        let other = self.topology.meant_by(node, address);
        let back = other.and_then(|other| self.topology.upstream_of(other));
        if back.is_some_and(|back| back.name == node.name) {
            ", which follows it: there is no primary then"
        } else {
            ""
        }
    }

    /// Compares two addresses: whether both lead to one node, seen from `node`.
    fn same(&self, node: &'a Node) -> impl Fn(&Address, &Address) -> bool {
        let topology = self.topology;
        move |a, b| {
            let at = |address| topology.meant_by(node, address).map(|n| &n.name);
            a == b || (at(a).is_some() && at(a) == at(b))
        }
    }

    /// What keeps `role` from being kept by the node.
    fn obstacle<'n>(
        &self,
        node: &'n Node,
        role: Option<&Address>,
    ) -> Option<(Obstacle, &'n Service)> {
        let service = node.service.as_ref()?;
        let now = node.upstream().map(|up| &up.address);
        let same = |a: &Address, b: &Address| {
            let at = |address| self.topology.meant_by(node, address).map(|n| &n.name);
            a == b || (at(a).is_some() && at(a) == at(b))
        };
        match service.keeps(role, now, same) {
            Keep::No(obstacle) => Some((obstacle, service)),
            Keep::Yes | Keep::Unknown(_) => None,
        }
    }

    /// Nodes whose next role is unknown. As a rule these are all nodes, for one reason, so one line
    /// covers them.
    fn unknown(&self) -> Option<Finding> {
        let mut reasons = Vec::new();
        let unknown: Vec<&Node> = self
            .topology
            .nodes
            .iter()
            .filter(|n| match &n.persisted {
                Some(PersistedRole::Unknown(why)) if n.server().is_some() => {
                    reasons.push(why);
                    true
                }
                _ => false,
            })
            .collect();
        let why = reasons.first()?;
        if let [node] = unknown[..] {
            let message = format!(
                "the role of {} after a restart is not known: {why}",
                name(&node.name)
            );
            return Some(Finding::about(
                node,
                Code::PersistedUnknown,
                Severity::Note,
                message,
            ));
        }
        let message = format!(
            "the roles of {} after a restart are not known; of {}: {why}",
            list(unknown.iter().copied()),
            name(&unknown[0].name),
        );
        let names: Vec<&str> = unknown.iter().map(|n| n.name.0.as_str()).collect();
        Some(Finding::of_all(Code::PersistedUnknown, Severity::Note, message).with("nodes", names))
    }

    /// Nodes that have the right role, and could not keep another one: one line per reason.
    fn not_kept(&self, found: &mut Vec<Finding>) {
        let mut alike: BTreeMap<(String, String), Vec<&Node>> = BTreeMap::new();
        for node in self.topology.nodes.iter().filter(|n| n.server().is_some()) {
            if let Some((obstacle, service)) = self.would_not_keep(node) {
                let reason = (obstacle.why(service), obstacle.remedy(service));
                alike.entry(reason).or_default().push(node);
            }
        }
        for ((why, remedy), nodes) in alike {
            let names: Vec<&str> = nodes.iter().map(|n| n.name.0.as_str()).collect();
            let of = list(nodes.iter().copied());
            let message = format!("a new role of {of} would end with its process: {why}");
            let finding = match nodes[..] {
                [node] => Finding::about(node, Code::RoleNotKept, Severity::Note, message),
                _ => {
                    Finding::of_all(Code::RoleNotKept, Severity::Note, message).with("nodes", names)
                }
            };
            found.push(finding.hint(remedy));
        }
    }

    /// The obstacle that another role would meet, where the present role survives.
    fn would_not_keep<'n>(&self, node: &'n Node) -> Option<(Obstacle, &'n Service)> {
        let now = node.upstream().map(|up| &up.address);
        if node.service.is_none() || self.next_start(node).is_some() {
            return None;
        }
        let nobody = Address::new("0.0.0.0", 1);
        let other = if now.is_some() { None } else { Some(&nobody) };
        self.obstacle(node, other)
    }

    fn reboot(&self) -> Option<Finding> {
        let watched = sentinel::watched(self.topology).is_some();
        let mut severity = Severity::Warning;
        let (message, nodes) = match reboot(self.topology) {
            // A role that is lost at a restart is a finding about its node.
            Reboot::AsNow | Reboot::Unknown(_) | Reboot::Another(_) | Reboot::Astray(_) => {
                return None;
            }
            Reboot::Nothing => {
                let all: Vec<&Node> = self.topology.nodes.iter().collect();
                let text = "when the hosts start again, nothing starts the servers: they were started by hand, or their units are not enabled";
                return Some(of_nodes(text.to_owned(), Severity::Note, &all));
            }
            Reboot::Missing(nodes) => {
                let text = format!(
                    "when the hosts start again, nothing starts {}",
                    list(nodes.iter().copied())
                );
                return Some(of_nodes(text, Severity::Note, &nodes));
            }
            Reboot::Primaries(nodes) => (
                format!(
                    "when all hosts start again, {} are primaries",
                    list(nodes.iter().copied())
                ),
                nodes,
            ),
            Reboot::NoPrimary(ring) if ring.is_empty() => {
                let (gone, by_hand) = self.not_started();
                // An operator who starts servers by hand does so after a reboot, too.
                if by_hand {
                    severity = Severity::Note;
                }
                let why = if gone.is_empty() {
                    String::new()
                } else {
                    format!(": nothing starts {}", list(gone.iter().copied()))
                };
                (
                    format!("when all hosts start again, there is no primary{why}"),
                    gone,
                )
            }
            Reboot::NoPrimary(ring) => (
                format!(
                    "when all hosts start again, there is no primary: {} follow each other",
                    list(ring.iter().copied())
                ),
                ring,
            ),
        };
        let mut message = message;
        if watched {
            severity = Severity::Note;
            let _ = write!(
                message,
                ", until the Sentinels run again and have agreed on one"
            );
        }
        Some(of_nodes(message, severity, &nodes))
    }

    /// The nodes that nothing starts at boot, and whether one of them is started by hand.
    fn not_started(&self) -> (Vec<&Node>, bool) {
        let starts = |n: &Node| n.service.as_ref().and_then(|s| s.starts_at_boot());
        let all = self.topology.nodes.iter();
        let gone: Vec<&Node> = all.filter(|n| starts(n) == Some(false)).collect();
        let by_hand = |n: &&Node| n.service.as_ref().is_some_and(|s| s.unit().is_none());
        let any = gone.iter().any(by_hand);
        (gone, any)
    }
}

fn of_nodes(message: String, severity: Severity, nodes: &[&Node]) -> Finding {
    let names: Vec<&str> = nodes.iter().map(|n| n.name.0.as_str()).collect();
    Finding::of_all(Code::RebootForecast, severity, message).with("nodes", names)
}

/// The place from which the next start reads the role.
fn place(node: &Node) -> String {
    let line = node.service.as_ref().and_then(|service| {
        let chain = service.settings.as_ref().ok()?;
        Some((chain.last()?.file.clone(), service))
    });
    match line {
        Some((None, service)) => match service.unit() {
            Some(unit) => format!("the command line in {}", unit.name),
            None => "its command line".to_owned(),
        },
        Some((Some(file), service)) if service.file.as_ref() != Some(&file) => {
            format!("{file}, which it includes")
        }
        Some(_) | None => "its configuration file".to_owned(),
    }
}

pub(super) const PERSISTED_UNKNOWN: Explanation = Explanation {
    severities: &[Severity::Note],
    meaning: "It is not known which role a node has after a restart.",
    cause: "Its host cannot be reached by SSH, the node runs in a container or behind a forwarded port, or it hides its arguments.",
    way_out: "Give replctl SSH to the host, or say it in the inventory: `unit`, `config_file`, `managed`.",
};

pub(super) const UNPERSISTED_ROLE: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The node has one role now, and another one after its next restart.",
    cause: "Its role was changed at run time and not written into what the next start reads: its file, an include, its command line or its unit.",
    way_out: "`replctl promote PRIMARY` writes the roles as they are. Where a role stands on a command line or in an include, the hint says what to change.",
};

pub(super) const ROLE_NOT_KEPT: Explanation = Explanation {
    severities: &[Severity::Note],
    meaning: "The node's role is right, and it could not keep another one: a new role would end with its process.",
    cause: "It runs without a configuration file, its role stands on its command line or in an include, or it may not replace its file.",
    way_out: "The hint says what to change. A promotion is refused until then, unless you accept it by the name in the refusal.",
};

pub(super) const REBOOT_FORECAST: Explanation = Explanation {
    severities: &[Severity::Warning, Severity::Note],
    meaning: "When all hosts start again at once, there is no primary, there are several, or some servers are not started at all.",
    cause: "Units that are not enabled, servers that were started by hand, or files whose roles do not fit together.",
    way_out: "Enable the units. Where roles do not fit together, `replctl promote PRIMARY` writes them anew.",
};

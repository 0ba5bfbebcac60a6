//! Nodes that share an address with another node or with a stranger, and two names of one server.
//! Pure.

use super::{Code, Explanation, Finding, Look, Severity};
use crate::topology::Node;
use crate::topology::one_address::{Claim, Clash, With, clashes, same_server};
use crate::topology::phrases::name;

impl Look<'_> {
    pub(super) fn addresses(&self, found: &mut Vec<Finding>) {
        found.extend(same_server(self.topology).into_iter().map(one_server));
        found.extend(clashes(self.topology).iter().map(|clash| self.clash(clash)));
    }

    fn clash(&self, clash: &Clash<'_>) -> Finding {
        let own = name(&clash.node.name);
        let at = &clash.address;
        let claims = match clash.claim {
            Claim::Announces => format!("{own} announces {at}"),
            Claim::Inventory => format!("the inventory announces {own} at {at}"),
            Claim::OtherPort => format!("{own} listens at {at} too"),
            Claim::Real => format!("the inventory has {own} at {at}"),
        };
        let (what, other) = match &clash.with {
            With::Node(other, Claim::Real) => (
                format!("the address of {}", name(&other.name)),
                Some(*other),
            ),
            With::Node(other, Claim::OtherPort) => {
                let what = format!("another port of {}", name(&other.name));
                (what, Some(*other))
            }
            With::Node(other, Claim::Inventory | Claim::Announces) => {
                let what = format!("where {} is announced too", name(&other.name));
                (what, Some(*other))
            }
            With::Process(other) => (format!("where {} answers", name(&other.name)), Some(*other)),
            With::Stranger => (
                "where a server answers that is no node of the inventory".to_owned(),
                None,
            ),
        };
        let elsewhere = other.map_or_else(|| "that server".to_owned(), |other| name(&other.name));
        let message = format!(
            "{claims}, {what}: a client for {own} may reach {elsewhere}, and a change of roles could make a node follow itself"
        );
        let nodes: Vec<&str> = std::iter::once(clash.node)
            .chain(other)
            .map(|n| n.name.0.as_str())
            .collect();
        Finding::about(clash.node, Code::AddressClash, Severity::Problem, message)
            .hint(self.ways_out(clash, other))
            .with("address", at.to_string())
            .with("nodes", nodes)
    }

    /// Either the server announces the wrong address, or the inventory has the wrong one.
    fn ways_out(&self, clash: &Clash<'_>, other: Option<&Node>) -> String {
        let own = name(&clash.node.name);
        let both = other.map_or_else(
            || own.clone(),
            |other| format!("{own} or {}", name(&other.name)),
        );
        let inventory =
            format!("correct `address`, `port` or `announce` of {both} in the inventory");
        let set = |key: &str| {
            let server = clash.node.server();
            let value = server.and_then(|s| s.config.get(key)).map(String::as_str);
            value.is_some_and(|value| !value.is_empty() && value != "0")
        };
        let mut lines = Vec::new();
        if set("replica-announce-ip") {
            lines.push("replica-announce-ip ''");
        }
        if set("replica-announce-port") {
            lines.push("replica-announce-port 0");
        }
        if clash.claim != Claim::Announces || lines.is_empty() {
            return inventory;
        }
        let cli = self.cli(clash.node);
        let set: Vec<String> = lines
            .iter()
            .map(|l| format!("{cli} config set {l}"))
            .collect();
        format!(
            "if {own} announces a wrong address: {} && {cli} config rewrite; if it is right: {inventory}",
            set.join(" && ")
        )
    }
}

/// Two names of the inventory that lead to one process.
fn one_server((node, other): (&Node, &Node)) -> Finding {
    let message = format!(
        "{} ({}) and {} ({}) are one and the same server",
        name(&other.name),
        other.address,
        name(&node.name),
        node.address
    );
    Finding::about(node, Code::TwoNamesOneServer, Severity::Problem, message)
        .hint(format!(
            "correct `address` or `port` of {0} in the inventory, or take {0} out",
            name(&node.name)
        ))
        .with("same_as", other.name.0.as_str())
}

pub(super) const ADDRESS_CLASH: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "Two nodes have one address, or a node is announced at an address where another server answers. A client for one of them may reach the other, and a change of roles could make a node follow itself.",
    cause: "`replica-announce-ip` or `replica-announce-port` was copied from another server, or `address`, `port` or `announce` in the inventory is that of another node.",
    way_out: "Correct the announcement on the server, or the inventory: the hint has both. No command changes anything until one of the two addresses is corrected.",
};

pub(super) const TWO_NAMES_ONE_SERVER: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "Two nodes of the inventory are one and the same server process. A change of one of them also changes the other.",
    cause: "Two tables of the inventory name the same server by different addresses, ports or names.",
    way_out: "Correct `address` or `port` of one of them, or take it out of the inventory.",
};

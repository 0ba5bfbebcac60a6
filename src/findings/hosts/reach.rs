//! Hosts that could not be reached, or only without root, and nodes that share a host. Pure.

use super::super::{Code, Explanation, Finding, Severity};
use super::{Check, OnHost, nodes_on};
use crate::topology::host::Target;
use crate::topology::phrases::{list, name, plural};

impl Check<'_> {
    pub(super) fn reach(&self, found: &mut Vec<Finding>) {
        for look in &self.seen.looks {
            let nodes = nodes_on(self.topology, look);
            let Some(first) = nodes.first() else {
                continue;
            };
            match &look.state {
                Err(unseen) => {
                    let message = format!(
                        "the host of {} could not be looked at: {}",
                        list(nodes.iter().copied()),
                        unseen.why
                    );
                    let hint = unseen.hint.clone();
                    let hint = hint.unwrap_or_else(|| format!("{} true", self.look.ssh(first)));
                    found.push(
                        Finding::about(first, Code::HostUnseen, Severity::Warning, message)
                            .hint(hint),
                    );
                }
                Ok(state) if !state.root => {
                    let message = format!(
                        "replctl is not root on the host of {}: what only root may read there is not known",
                        list(nodes.iter().copied())
                    );
                    found.push(Finding::about(first, Code::NoRoot, Severity::Note, message));
                }
                Ok(_) => {}
            }
        }
        found.extend(self.one_host());
        for host in self.hosts() {
            found.extend(self.no_way(&host));
        }
    }

    /// Servers that this host should reach and does not, although they answer this machine.
    fn no_way(&self, host: &OnHost<'_>) -> Option<Finding> {
        let closed = host.state.reach.iter();
        let closed: Vec<_> = closed.filter(|r| r.reached == Some(false)).collect();
        let first = closed.first()?;
        let called = |target: &Target| match &target.node {
            Some(node) => format!("{} ({})", name(node), target.address),
            None => format!("the Sentinel {}", target.address),
        };
        let others = match closed.len() {
            1 => String::new(),
            count => format!(" and {}", plural(count - 1, "other server")),
        };
        let on = list(host.nodes.iter().copied());
        let message = if first.denied {
            format!(
                "{} takes no commands from the host of {on} (its protected mode){others}: what is there could not follow after a promotion",
                called(&first.to)
            )
        } else {
            format!(
                "the host of {on} does not reach {}{others}: what is there could not follow after a promotion",
                called(&first.to)
            )
        };
        let at = &first.to.address;
        let test = match host.state.via.as_deref() {
            Some("bash") => Some(format!(
                "timeout 3 bash -c \"exec 3<>/dev/tcp/{}/{}\" && echo open",
                at.host, at.port
            )),
            Some("nc") => Some(format!(
                "printf \"PING\\r\\n\" | timeout 3 nc {} {}",
                at.host, at.port
            )),
            Some(cli @ ("redis-cli" | "valkey-cli")) => Some(format!(
                "timeout 3 {cli} -h {} -p {} PING",
                at.host, at.port
            )),
            Some(_) | None => None,
        };
        let all: Vec<String> = closed.iter().map(|r| r.to.address.to_string()).collect();
        Some(
            Finding::about(host.first, Code::NoWay, Severity::Warning, message)
                .maybe_hint(test.and_then(|test| self.as_root(host.first, &test)))
                .with("to", all),
        )
    }

    /// The primary and all its replicas are on one host, whatever names it has.
    fn one_host(&self) -> Option<Finding> {
        let primary = self.look.primary()?;
        let id = |node| {
            self.seen
                .of(node)
                .and_then(|state| state.boot_id.as_deref())
        };
        let its = id(&primary.name)?;
        let others = self.topology.nodes.iter();
        let others = others.filter(|node| node.name != primary.name);
        let elsewhere = others.clone().any(|node| id(&node.name) != Some(its));
        if elsewhere || others.count() == 0 {
            return None;
        }
        let message = format!(
            "{} and all its replicas run on one host: if that host fails, no copy is left",
            name(&primary.name)
        );
        Some(
            Finding::about(primary, Code::OneHost, Severity::Warning, message)
                .hint("replctl add NAME --address HOST:PORT"),
        )
    }
}

pub(in super::super) const HOST_UNSEEN: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The host could not be looked at over SSH. Nothing of it is known, and an operation that must write there will be refused.",
    cause: "The host does not answer, its key has changed, or the login is refused.",
    way_out: "Log in with `ssh` as the inventory says, and do what the message says.",
};

pub(in super::super) const NO_ROOT: Explanation = Explanation {
    severities: &[Severity::Note],
    meaning: "On the host, replctl is a user without root's rights. Some facts are then not known.",
    cause: "The login is not root, and `sudo` is not there or is switched off in the inventory.",
    way_out: "Nothing, if that is meant. Otherwise allow `sudo` without a password for the login.",
};

pub(in super::super) const ONE_HOST: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The primary and all its replicas run on one host. The replicas help against a fault of a server, and not against a fault of the host.",
    cause: "All nodes of the inventory lead to one host, perhaps by several names.",
    way_out: "Put a replica on another host: `replctl add NAME --address HOST:PORT`.",
};

pub(in super::super) const NO_WAY: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "A server that answers here takes no connection from a host that may have to follow it. The replica on that host would lose its link at the next promotion, or a Sentinel is not found.",
    cause: "A firewall on one of the hosts or between them, or a server that listens on other addresses.",
    way_out: "Let the port pass on the host of the server, for all hosts of the deployment. The command of the hint says `PONG`, `NOAUTH` or `open` then. If the protected mode refuses, give the server a password.",
};

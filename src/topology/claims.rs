//! The names by which operations on a deployment see each other. Each operation holds one
//! connection on every node, and the connection's name says who works there. Pure.
//!
//! `replctl:OPERATION:USER@MACHINE:TOKEN`, each part percent-encoded: a connection's name may have
//! no space. The other connections of the same process are called `replctl-TOKEN`, so that another
//! process that takes over can end them, too.

use super::NodeName;
use super::clients::Client;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The channel that every claim subscribes to, if its user may. One number from a server then tells
/// whether there is a claim, and the server never closes the connection for being idle.
pub const CHANNEL: &str = "replctl";
/// A holder is reported as silent after this many seconds without a command: a live claim sends one
/// each second.
pub const SILENT_SECONDS: u64 = 10;

const PREFIX: &str = "replctl:";

/// An operation that works on a deployment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// What is done, for example `promote slave1`.
    pub operation: String,
    /// Who does it: user@machine.
    pub who: String,
    /// One process of replctl.
    pub token: String,
}

/// A claim of another process, as the servers list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Who.
    pub claim: Claim,
    /// The nodes that list it.
    pub nodes: BTreeSet<NodeName>,
    /// Seconds since it was last heard, by the node that heard it last.
    pub idle_seconds: u64,
}

impl Claim {
    /// The connection's name.
    pub fn name(&self) -> String {
        let parts = [&self.operation, &self.who, &self.token].map(|part| encoded(part));
        format!("{PREFIX}{}", parts.join(":"))
    }

    /// Reads a connection's name. Any name that begins like a claim is one, whatever follows.
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix(PREFIX)?.splitn(3, ':').map(decoded);
        Some(Self {
            operation: parts.next().unwrap_or_default(),
            who: parts.next().unwrap_or_default(),
            token: parts.next().unwrap_or_default(),
        })
    }
}

/// What the other connections of a process are called.
pub fn worker(token: &str) -> String {
    format!("replctl-{token}")
}

/// Whether a connection is one of replctl's own, of whatever process.
pub fn is_ours(name: &str) -> bool {
    name == "replctl" || name.starts_with(PREFIX) || name.starts_with("replctl-")
}

/// The claims of others among the clients of these nodes; `own`: the token of this process.
pub fn others<'a>(
    lists: impl IntoIterator<Item = (&'a NodeName, &'a [Client])>,
    own: &str,
) -> Vec<Holder> {
    let mut holders: Vec<Holder> = Vec::new();
    let mut known: BTreeMap<Claim, usize> = BTreeMap::new();
    for (node, clients) in lists {
        for client in clients {
            let Some(claim) = Claim::parse(&client.name).filter(|c| c.token != own) else {
                continue;
            };
            if let Some(place) = known.get(&claim) {
                let holder = &mut holders[*place];
                holder.nodes.insert(node.clone());
                holder.idle_seconds = holder.idle_seconds.min(client.idle_seconds);
            } else {
                known.insert(claim.clone(), holders.len());
                holders.push(Holder {
                    claim,
                    nodes: [node.clone()].into(),
                    idle_seconds: client.idle_seconds,
                });
            }
        }
    }
    holders
}

impl Holder {
    /// Whether it is silent for longer than a live claim ever is.
    pub fn is_silent(&self) -> bool {
        self.idle_seconds > SILENT_SECONDS
    }
}

impl fmt::Display for Holder {
    /// `promote slave1` by ops@jump.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Claim { operation, who, .. } = &self.claim;
        write!(f, "`{operation}` by {who}")?;
        if self.is_silent() {
            write!(f, ", silent for {} s", self.idle_seconds)?;
        }
        Ok(())
    }
}

/// Letters, digits and a few marks stay; all else is `%XX`.
fn encoded(text: &str) -> String {
    use fmt::Write as _;
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Text in another form stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).filter(|_| *byte == b'%');
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        if let Some(value) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            out.push(value);
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::clients::parse;
    use super::*;
    use proptest::prelude::*;

    fn claim(operation: &str) -> Claim {
        Claim {
            operation: operation.to_owned(),
            who: "ops@jump".to_owned(),
            token: "ab12".to_owned(),
        }
    }

    proptest! {
        #[test]
        fn a_name_is_read_back_and_has_nothing_that_a_server_refuses(operation in ".*", who in ".*") {
            let claim = Claim { operation, who, token: "t".to_owned() };
            let name = claim.name();
            prop_assert!(name.bytes().all(|b| b.is_ascii_graphic()));
            prop_assert_eq!(Claim::parse(&name).unwrap(), claim);
        }
    }

    #[test]
    fn any_claim_counts_and_our_own_does_not() {
        let list = format!(
            "id=1 addr=10.0.0.9:1 name={} idle=12\nid=2 addr=a:1 name=replctl:x idle=0\nid=3 addr=a:2 name=replctl-ab12 idle=0\nid=4 addr=a:3 name=app idle=0\n",
            claim("promote slave1").name()
        );
        let clients = parse(&list);
        let (a, b) = (NodeName::from("a"), NodeName::from("b"));
        let lists = || [(&a, clients.as_slice()), (&b, clients.as_slice())];
        let seen = others(lists(), "mine");
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].claim, claim("promote slave1"));
        assert_eq!(seen[0].nodes.len(), 2);
        assert_eq!(
            seen[0].to_string(),
            "`promote slave1` by ops@jump, silent for 12 s"
        );
        assert_eq!(others(lists(), "ab12").len(), 1);
    }

    #[test]
    fn the_connections_of_replctl_are_known() {
        for name in ["replctl", "replctl-ab12", "replctl:a:b:c"] {
            assert!(is_ours(name), "{name}");
        }
        assert!(!is_ours("replctlish") && !is_ours("app"));
    }
}

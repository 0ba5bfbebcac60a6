//! The facts for a hook: the same in its environment and as JSON on its standard input. Neither has
//! a secret.

use crate::actions::hook::{Change, Hook, Party};
use crate::engine::journal::Outcome;
use crate::inventory::Inventory;
use crate::inventory::hooks::HookPoint;
use crate::topology::{Address, NodeName};
use crate::world::running::RunningOperation;
use serde::Serialize;

/// The facts for one hook. The JSON has these fields and `"format": 1`; fields are added, never
/// renamed.
#[derive(Debug, Serialize)]
pub struct HookFacts<'a> {
    format: u8,
    hook: HookPoint,
    deployment: &'a str,
    /// The operation's id in the journal.
    id: &'a str,
    change: Change,
    old_primary: Option<&'a Party>,
    new_primary: &'a Party,
    /// All nodes of the inventory, in its order.
    nodes: Vec<Known<'a>>,
    may_lose: Option<&'a str>,
    /// How it ended, for `on_failure`.
    outcome: Option<&'a Outcome>,
}

/// A node of the inventory.
#[derive(Debug, Serialize)]
struct Known<'a> {
    name: &'a NodeName,
    /// Where clients reach it.
    address: &'a Address,
    /// Whether they do over TLS.
    tls: bool,
}

impl<'a> HookFacts<'a> {
    /// Puts it together.
    pub fn new(
        hook: &'a Hook,
        inventory: &'a Inventory,
        running: &'a RunningOperation,
        ended: Option<&'a Outcome>,
    ) -> Self {
        let nodes = inventory.nodes.iter().map(|n| Known {
            name: &n.name,
            address: n.announced(),
            tls: n.tls.is_some(),
        });
        Self {
            format: 1,
            hook: hook.point,
            deployment: &inventory.name,
            id: &running.id,
            change: hook.change,
            old_primary: hook.old.as_ref(),
            new_primary: &hook.new,
            nodes: nodes.collect(),
            may_lose: running.may_lose.as_deref(),
            outcome: ended,
        }
    }

    /// The JSON, with a line's end.
    pub fn document(&self) -> Vec<u8> {
        // String keys and no fallible values: there is nothing that can fail.
        let mut text = serde_json::to_vec(self).unwrap_or_default();
        text.push(b'\n');
        text
    }

    /// The variables; `None`: not to be set.
    pub fn variables(&self) -> Vec<(&'static str, Option<String>)> {
        let name = |party: Option<&Party>| party?.name.as_ref().map(|n| n.0.clone());
        let host = |party: Option<&Party>| party.map(|p| p.address.host.clone());
        let port = |party: Option<&Party>| party.map(|p| p.address.port.to_string());
        let (old, new) = (self.old_primary, Some(self.new_primary));
        let tls = |party: Option<&Party>| {
            let named = party?.name.as_ref();
            let known = self.nodes.iter().find(|n| Some(n.name) == named)?;
            Some(if known.tls { "yes" } else { "no" }.to_owned())
        };
        let change = match self.change {
            Change::HandOver => "hand-over",
            Change::FailOver => "fail-over",
        };
        vec![
            ("REPLCTL_HOOK", Some(self.hook.key().to_owned())),
            ("REPLCTL_DEPLOYMENT", Some(self.deployment.to_owned())),
            ("REPLCTL_ID", Some(self.id.to_owned())),
            ("REPLCTL_CHANGE", Some(change.to_owned())),
            ("REPLCTL_OLD_PRIMARY", name(old)),
            ("REPLCTL_OLD_PRIMARY_HOST", host(old)),
            ("REPLCTL_OLD_PRIMARY_PORT", port(old)),
            ("REPLCTL_NEW_PRIMARY", name(new)),
            ("REPLCTL_NEW_PRIMARY_HOST", host(new)),
            ("REPLCTL_NEW_PRIMARY_PORT", port(new)),
            ("REPLCTL_NEW_PRIMARY_TLS", tls(new)),
            ("REPLCTL_OUTCOME", self.outcome.map(word)),
        ]
    }
}

/// As in the journal.
fn word(outcome: &Outcome) -> String {
    let word = match outcome {
        Outcome::Completed => "completed",
        Outcome::Incomplete { .. } => "incomplete",
        Outcome::RolledBack { .. } => "rolled-back",
        Outcome::Halted { .. } => "halted",
        Outcome::Stopped { .. } => "stopped",
    };
    word.to_owned()
}

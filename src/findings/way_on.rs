//! Hints for the cases that setup cannot solve. Pure.

use super::{Code, Finding, Look};
use crate::topology::{Node, State, TroubleKind};

impl Look<'_> {
    /// Replaces a hint to run setup where setup cannot help: setup makes no users, and leaves
    /// foreign servers alone.
    pub(super) fn not_by_setup(&self, finding: &mut Finding) {
        let node = finding.node.as_ref().and_then(|n| self.topology.get(n));
        let (true, Some(node)) = (finding.by_setup, node) else {
            return;
        };
        let shut = self.shut(finding);
        let of_others = of_others(node) || shut.is_some_and(of_others);
        if !self.context.users && !of_others {
            return;
        }
        finding.hint = if let State::Down(trouble) = &node.state {
            self.to_one_that_is_down(node, trouble.kind)
        } else if let Some(upstream) = shut {
            Some(self.let_in(upstream))
        } else if finding.code == Code::AnnouncedElsewhere {
            Some(self.announce_by_hand(node))
        } else {
            Some(self.set_passwords(finding.code, node))
        };
    }

    /// The upstream whose protected mode keeps the link down, for a finding with that cause.
    fn shut(&self, finding: &Finding) -> Option<&Node> {
        let told = |key| finding.data.get(key).and_then(|value| value.as_str());
        let upstream = told("upstream").filter(|_| told("cause") == Some("protected-mode"))?;
        self.topology.get(&upstream.into())
    }

    fn to_one_that_is_down(&self, node: &Node, trouble: TroubleKind) -> Option<String> {
        if trouble == TroubleKind::PasswordMissing {
            return Some(super::unreachable::GIVE_PASSWORD.to_owned());
        }
        if trouble == TroubleKind::PasswordRefused {
            return Some(super::unreachable::compare_password(node));
        }
        // Only a server that is down is started.
        let unit = node
            .foreign_unit()
            .filter(|_| trouble == TroubleKind::Refused)?;
        Some(format!("{} systemctl start {unit}", self.ssh_root(node)))
    }

    fn announce_by_hand(&self, node: &Node) -> String {
        let (cli, at) = (self.cli(node), &node.announced);
        format!(
            "correct `announce` in the inventory, or let the server say the same: {cli} config set replica-announce-ip {} && {cli} config set replica-announce-port {}, and the same in its file",
            at.host, at.port
        )
    }

    fn set_passwords(&self, code: Code, node: &Node) -> String {
        let what = if self.context.users {
            "CONFIG SET masteruser and masterauth, or ACL SETUSER"
        } else if code == Code::NoPassword {
            "CONFIG SET masterauth and requirepass"
        } else if self.context.password {
            "CONFIG SET masterauth"
        } else {
            "CONFIG SET masterauth ''"
        };
        format!(
            "as the inventory says, {what}, and then CONFIG REWRITE: {}",
            self.cli(node)
        )
    }
}

/// Whether the host shows that the server is foreign.
fn of_others(node: &Node) -> bool {
    node.foreign_unit().is_some() || node.runs_foreign()
}

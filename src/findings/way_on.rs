//! The way on where setup is none. Pure.

use super::{Finding, Look};

impl Look<'_> {
    /// The way on where setup is none: it makes no users, and it leaves alone what others have
    /// made.
    pub(super) fn not_by_setup(&self, finding: &mut Finding) {
        let by_setup = |hint: &String| hint.contains("replctl setup");
        let node = finding.node.as_ref().and_then(|n| self.topology.get(n));
        let (true, Some(node)) = (finding.hint.as_ref().is_some_and(by_setup), node) else {
            return;
        };
        let unit = node.foreign_unit();
        if !self.context.users && unit.is_none() && !node.runs_foreign() {
            return;
        }
        if let (None, Some(unit)) = (node.server(), unit) {
            let ssh = self.ssh_root(node);
            finding.hint = Some(format!("{ssh} systemctl start {unit}"));
            return;
        }
        finding.hint = node.server().map(|_| {
            format!(
                "as the inventory says, CONFIG SET masteruser and masterauth, or ACL SETUSER, and then CONFIG REWRITE: {}",
                self.cli(node)
            )
        });
    }
}

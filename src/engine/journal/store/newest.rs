//! Facts from the newest operations of this machine, for later operations.

use super::{LOOKED_BACK, Record, Store};
use crate::engine::journal::Outcome;
use crate::engine::journal::story::Story;
use crate::engine::operation::Successor;
use crate::topology::NodeName;
use std::collections::BTreeSet;

impl Store {
    /// The nodes whose role is not in their files, because the newest operation that tried could
    /// not write it.
    pub fn unwritten(&self) -> Vec<NodeName> {
        let mut written: Vec<NodeName> = Vec::new();
        let mut unwritten: Vec<NodeName> = Vec::new();
        let stories = self.newest().into_iter();
        for record in stories.filter_map(Record::of) {
            for (node, done) in record.roles_written() {
                if !written.contains(&node) && !unwritten.contains(&node) {
                    if done { &mut written } else { &mut unwritten }.push(node);
                }
            }
        }
        unwritten
    }

    /// The new primary of the newest promotion or repair that reached its goal; `None` also if the
    /// effect of a later operation is not known.
    pub fn last_promoted(&self) -> Option<NodeName> {
        let stories = self.newest().into_iter();
        let mut records = stories.map_while(Record::of);
        records.find_map(|record| {
            let reached = matches!(
                record.outcome,
                Some(Outcome::Completed | Outcome::Incomplete { .. })
            );
            match record.plan.operation.answers().successor {
                Successor::Node(made) => reached.then(|| made.clone()),
                Successor::ThePrimary | Successor::Unsaid => None,
            }
        })
    }

    /// The newest operations, as far as they are looked back at.
    fn newest(&self) -> Vec<Story> {
        let listed = self.list();
        let newest = listed.iter().take(LOOKED_BACK);
        newest.map(|one| self.read(&one.id, &one.path)).collect()
    }

    /// What the claims of earlier runs say of their processes. The caller holds the lock, so all of
    /// these processes except its own have ended.
    pub fn earlier_claims(&self) -> BTreeSet<String> {
        let runs = self.newest().into_iter().flat_map(|story| story.runs);
        runs.filter_map(|run| run.claim).collect()
    }
}

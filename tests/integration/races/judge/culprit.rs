//! Who lost an acknowledged write, by the servers' logs.

use super::{Bench, SHORT};
use crate::races::field::Role;
use crate::races::record::{Event, Who, then};
use std::path::PathBuf;

impl Bench<'_> {
    /// The backups that are whole, of either operator.
    pub(super) fn backups(&self) -> Vec<PathBuf> {
        let bases = self
            .operators
            .iter()
            .map(|o| o.home().join("state/replctl/race/backup"));
        let folders = bases.flat_map(|base| std::fs::read_dir(base).into_iter().flatten());
        folders.flatten().map(|e| e.path()).collect()
    }

    /// Who took a write away: see the head of `judge`.
    pub(super) fn culprit(&self, id: &str) -> Option<Who> {
        let mut words = id.strip_prefix('w')?.split(':');
        let number: usize = words.next()?.parse().ok()?;
        let n: u64 = words.next()?.parse().ok()?;
        let connection = self.tally.connections.iter().find(|c| c.number == number)?;
        let address = self.tally.load.nodes[connection.acknowledged_by(n)?];
        let mut holder = self.field.at(address.port())?;
        let (_, moment) = connection.acknowledged.iter().find(|(m, _)| *m == n)?;
        // The client reads the answer a little later than the server logs a change that came after
        // it.
        let mut at = then(*moment) - 20;
        let events = &self.record.events;
        // In these 20 ms a person may have made it the primary again; what it had taken before its
        // demotion, the new one has by equal offsets.
        let made = events
            .iter()
            .rfind(|e| e.node == holder && e.at <= at + 20 && e.to == Role::Primary);
        if made.is_some_and(|e| e.who == Who::Person && e.at > at - SHORT) {
            return Some(Who::Person);
        }
        let mut last = None;
        for _ in 0..events.len() {
            let demoted = |e: &&Event| e.node == holder && e.at >= at && e.to != Role::Primary;
            let Some(event) = events.iter().find(demoted) else {
                break;
            };
            if event.who == Who::Person {
                return Some(Who::Person);
            }
            last = Some(event.who);
            let Role::Of(port) = event.to else { break };
            let Some(next) = self.field.at(port) else {
                break;
            };
            (holder, at) = (next, event.at + 1);
        }
        last
    }
}

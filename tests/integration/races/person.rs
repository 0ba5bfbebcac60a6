//! A person with redis-cli, who sends plain REPLICAOF at random moments and looks at nothing.

use crate::races::dice::Dice;
use crate::races::field::{Field, name};
use crate::support::redis::Reply;
use std::time::{Duration, Instant};

/// How long a person who waits for a change waits at most.
const LONGEST: Duration = Duration::from_secs(4);

/// One command.
#[derive(Debug, Clone, Copy)]
pub struct Stroke {
    /// How long after the operator's start.
    pub after: Duration,
    /// On which node.
    pub node: usize,
    /// Which node it is to follow; nobody: `REPLICAOF NO ONE`.
    pub under: Option<usize>,
}

impl Stroke {
    /// What the dice say, for so many nodes and within so many ms.
    pub fn new(dice: &mut Dice, nodes: usize, within: usize) -> Self {
        let node = dice.roll(nodes);
        let under = (node + 1 + dice.roll(nodes - 1)) % nodes;
        Self {
            after: Duration::from_millis(dice.roll(within) as u64),
            node,
            under: (dice.roll(2) == 0).then_some(under),
        }
    }

    /// Sends them all, each at its moment; where they are `aimed`, the first of them as soon as any
    /// role has changed.
    pub fn all(strokes: &[Self], aimed: bool, field: &Field, start: Instant) {
        if aimed {
            await_a_change(field, start);
        }
        for stroke in strokes {
            std::thread::sleep((start + stroke.after).saturating_duration_since(Instant::now()));
            let Some(mut client) = field.client(stroke.node) else {
                continue;
            };
            let port = stroke.under.map(|i| field.servers[i].port.to_string());
            let words = match &port {
                Some(port) => ["REPLICAOF", "127.0.0.1", port],
                None => ["REPLICAOF", "NO", "ONE"],
            };
            let _ = client.try_command(&words);
        }
    }

    /// The nodes that a message can name: the changed node, and its new upstream.
    pub fn names(&self) -> Vec<String> {
        let nodes = std::iter::once(self.node).chain(self.under);
        nodes.map(name).collect()
    }
}

/// Waits for the operator's first change of a role, asking every 0.2 ms.
fn await_a_change(field: &Field, start: Instant) {
    let all = 0..field.servers.len();
    let mut clients: Vec<_> = all.filter_map(|i| field.client(i)).collect();
    let mut first = None;
    while start.elapsed() < LONGEST {
        let told = clients.iter_mut().map(|client| {
            let role = client.try_command(&["ROLE"]).map(Reply::items);
            // Whom it follows, not how far it has come.
            let words = role.unwrap_or_default().into_iter().take(3);
            let words = words.filter(|w| !matches!(w, Reply::Array(_)));
            let is_replica = |w: &Reply| w.text() == "slave";
            let words: Vec<Reply> = words.collect();
            let kept = if words.first().is_some_and(is_replica) {
                3
            } else {
                1
            };
            words.into_iter().take(kept).map(|w| w.text()).collect()
        });
        let now: Vec<Vec<String>> = told.collect();
        if first.get_or_insert_with(|| now.clone()) != &now {
            return;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

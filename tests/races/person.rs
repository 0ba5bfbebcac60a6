//! A person with redis-cli, who sends plain REPLICAOF at random moments and looks at nothing.

use crate::dice::Dice;
use crate::field::{Field, name};
use std::time::{Duration, Instant};

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

    /// Sends them all, each at its moment.
    pub fn all(strokes: &[Self], field: &Field, start: Instant) {
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

    /// The nodes that somebody who looks can name: the one whose role was changed, and whom it follows since.
    pub fn names(&self) -> Vec<String> {
        let nodes = std::iter::once(self.node).chain(self.under);
        nodes.map(name).collect()
    }
}

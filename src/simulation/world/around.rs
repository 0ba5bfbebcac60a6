//! The actions around the change itself, and the state of the world at each: hooks, and the clients
//! of the old primary.

use super::Servers;
use crate::actions::server::ServerAction;
use crate::inventory::hooks::HookPoint;
use crate::topology::{Address, NodeName};

/// A hook that ran, and the state of the world at that time.
#[derive(Debug, Clone)]
pub struct Called {
    pub point: HookPoint,
    pub shape: Vec<(bool, Option<Address>)>,
    pub primaries: Vec<NodeName>,
    pub fenced: bool,
    pub stopped: bool,
}

impl Servers {
    /// Runs a hook, and records the state of the world.
    pub(super) fn called(&mut self, point: HookPoint) {
        let up = self.sims.iter().filter(|s| s.up);
        let called = Called {
            point,
            shape: self.sims.iter().map(|s| (s.up, s.of.clone())).collect(),
            primaries: up
                .filter(|s| s.of.is_none())
                .map(|s| s.name.clone())
                .collect(),
            fenced: self.sims.iter().any(|s| s.fenced),
            stopped: !self.stopped.is_empty(),
        };
        self.hooks.push(called);
    }

    /// The clients of a server are counted or disconnected: never inside a fence, and never those
    /// of the primary.
    pub(super) fn clients(&mut self, i: usize, action: &ServerAction) {
        let kicked = *action == ServerAction::KickClients && self.sims[i].of.is_none();
        if kicked || self.sims.iter().any(|s| s.fenced) {
            let name = &self.sims[i].name;
            let text = format!("`{name}`: {action}, inside a fence or of the primary");
            self.violations.push(text);
        }
    }
}

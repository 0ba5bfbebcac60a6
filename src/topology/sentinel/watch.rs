//! The Sentinels of one deployment together, as they were seen. Pure.

use super::{NOT_ASKED, Sees};
use crate::topology::{Address, Trouble, same_host};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The Sentinels of one deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// What they call it.
    pub name: String,
    /// Other names under which the same servers are watched: then they are watched twice.
    pub other_names: Vec<String>,
    /// How many listen on its servers.
    pub counted: u64,
    /// The report of each known Sentinel.
    pub views: Vec<View>,
    /// The addresses of the inventory's Sentinel host names: Sentinels name each other by
    /// addresses.
    #[serde(default)]
    pub hosts: BTreeMap<String, Vec<String>>,
}

/// One Sentinel, and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Where it listens.
    pub address: Address,
    /// What was seen.
    pub state: ViewState,
}

/// What was seen of a Sentinel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewState {
    /// It answered.
    Up(Box<Sees>),
    /// It gave no usable answer, and this is the one reason.
    Down(Trouble),
    /// It would get the Sentinels' password, and its address is not in the inventory: any server
    /// may have named it.
    NotAsked,
}

impl View {
    /// What it says, if it answered.
    pub fn sees(&self) -> Option<&Sees> {
        match &self.state {
            ViewState::Up(sees) => Some(sees),
            ViewState::Down(_) | ViewState::NotAsked => None,
        }
    }

    /// Why it says nothing; `None` if it answered.
    pub fn silence(&self) -> Option<&str> {
        match &self.state {
            ViewState::Up(_) => None,
            ViewState::Down(trouble) => Some(&trouble.detail),
            ViewState::NotAsked => Some(NOT_ASKED),
        }
    }
}

impl Watch {
    /// Those that answered, with what they say.
    pub fn up(&self) -> impl Iterator<Item = (&Address, &Sees)> {
        self.views
            .iter()
            .filter_map(|v| Some((&v.address, v.sees()?)))
    }

    /// Where those that answered listen.
    pub fn addresses(&self) -> Vec<Address> {
        self.up().map(|(address, _)| address.clone()).collect()
    }

    /// The Sentinels that could take part in a failover now.
    pub fn able(&self) -> impl Iterator<Item = &Address> {
        let able = self.up().filter(|(_, sees)| sees.is_able());
        able.map(|(address, _)| address)
    }

    /// How many must be able for a failover: the quorum, and more than half of all that are known.
    pub fn needed(&self) -> u64 {
        let all = self.up().map(|(_, sees)| sees.others + 1).max();
        let quorum = self.up().map(|(_, sees)| sees.quorum).max();
        (all.unwrap_or(0) / 2 + 1).max(quorum.unwrap_or(0))
    }

    /// Whether `at`, as a Sentinel says it, is where the inventory has one.
    pub fn is_at(&self, spec: &Address, at: &Address) -> bool {
        let stands_for = self.hosts.get(&spec.host);
        let mut hosts = stands_for.into_iter().flatten();
        spec.port == at.port
            && (same_host(&spec.host, &at.host) || hosts.any(|ip| same_host(ip, &at.host)))
    }

    /// Adds the `INFO` periods of Sentinels that promotions on this machine noted, ms.
    pub fn note_periods(&mut self, noted: &BTreeMap<Address, u64>) {
        for view in &mut self.views {
            if let ViewState::Up(sees) = &mut view.state {
                sees.noted_period_ms = noted.get(&view.address).copied();
            }
        }
    }

    /// The shortest silence after which one of them takes a server for down, ms.
    pub fn down_after_ms(&self) -> Option<u64> {
        self.up().map(|(_, sees)| sees.down_after_ms).min()
    }

    /// The longest time any of them gives a failover, ms.
    pub fn failover_timeout_ms(&self) -> u64 {
        let longest = self.up().map(|(_, sees)| sees.failover_timeout_ms).max();
        longest.unwrap_or(180_000)
    }
}

//! The Sentinels of the model: their temporary settings, which are in no file, and their actions.

use crate::actions::sentinel::{InfoPeriod, SentinelAction};
use crate::engine::execute::Failure;
use crate::simulation::world::Servers;
use crate::topology::sentinel::FAST_INFO_MS;
use crate::topology::{Address, NodeName};
use std::collections::{BTreeMap, BTreeSet};

/// The Sentinels.
#[derive(Debug, Clone, Default)]
pub struct Sentinels {
    /// How often each reads `INFO`, ms.
    pub periods: BTreeMap<Address, u64>,
    /// Those that answer nothing.
    pub deaf: BTreeSet<Address>,
    /// One that answers nothing from that call on.
    pub deaf_from: Option<(usize, Address)>,
}

impl Sentinels {
    /// The Sentinels that still read `INFO` at a promotion's pace.
    fn hastened(&self) -> Vec<&Address> {
        let fast = self.periods.iter().filter(|(_, ms)| **ms == FAST_INFO_MS);
        fast.map(|(at, _)| at).collect()
    }

    /// Sets the `INFO` period of each. A Sentinel that does not answer does not stop the others.
    fn set_periods(&mut self, all: &[InfoPeriod], ms: u64) -> Result<(), Failure> {
        let mut failed = Ok(());
        for one in all {
            let now = self.periods.get(&one.at).copied();
            if now != Some(one.ms) && now != Some(ms) {
                return Err(Failure::unknown("somebody else has set it"));
            }
            match self.answers(&one.at) {
                Ok(()) => drop(self.periods.insert(one.at.clone(), ms)),
                Err(deaf) => failed = Err(deaf),
            }
        }
        failed
    }

    /// Restores the period of each Sentinel that reads `INFO` every `from_ms`.
    fn restore_periods(&mut self, all: &[InfoPeriod], from_ms: u64) -> Result<(), Failure> {
        let mut failed = Ok(());
        for one in all {
            match self.answers(&one.at) {
                Ok(()) if self.periods.get(&one.at) == Some(&from_ms) => {
                    self.periods.insert(one.at.clone(), one.ms);
                }
                Ok(()) => {}
                Err(deaf) => failed = Err(deaf),
            }
        }
        failed
    }

    fn answers(&self, at: &Address) -> Result<(), Failure> {
        if self.deaf.contains(at) {
            return Err(Failure::unknown(format!("the Sentinel {at} says nothing")));
        }
        Ok(())
    }
}

/// Asserts that no setting at the Sentinels makes them replace a demoted primary sooner than usual.
pub fn before_demotion(servers: &mut Servers) {
    let left: Vec<String> = servers
        .sentinels
        .hastened()
        .iter()
        .map(ToString::to_string)
        .collect();
    if !left.is_empty() {
        let what = format!("demoted while {} had INFO-PERIOD 500", left.join(", "));
        servers.violations.push(what);
    }
}

pub fn apply(
    servers: &mut Servers,
    node: &NodeName,
    action: &SentinelAction,
) -> Result<(), Failure> {
    let i = servers.index(node);
    if let Some((call, at)) = servers.sentinels.deaf_from.clone()
        && servers.call > call
    {
        servers.sentinels.deaf.insert(at);
    }
    match action {
        SentinelAction::SetInfoPeriod { sentinels, ms } => {
            servers.sentinels.set_periods(sentinels, *ms)
        }
        SentinelAction::RestoreInfoPeriod {
            sentinels, from_ms, ..
        } => servers.sentinels.restore_periods(sentinels, *from_ms),
        SentinelAction::AwaitPriority { sentinels, .. } => {
            for at in sentinels {
                servers.sentinels.answers(at)?;
            }
            if servers.sims[i].of != servers.first {
                return Err(Failure::none("it does not know it"));
            }
            Ok(())
        }
        SentinelAction::AwaitTurn { .. } => Ok(()),
        SentinelAction::FailOver { at, or, .. } => {
            if servers.priorities.get(node).is_none_or(|p| p != "1") {
                return Err(Failure::none("it would choose another"));
            }
            if std::iter::once(at)
                .chain(or)
                .all(|at| servers.sentinels.deaf.contains(at))
            {
                return Err(Failure::none("no Sentinel answers"));
            }
            servers.sims[i].of = None;
            Ok(())
        }
        SentinelAction::AwaitAgreed {
            primary, sentinels, ..
        } => {
            let first = servers.first.clone();
            for sim in &mut servers.sims {
                if sim.up && sim.of.is_some() && sim.of == first {
                    sim.of = Some(primary.clone());
                }
            }
            sentinels
                .iter()
                .try_for_each(|at| servers.sentinels.answers(at))
        }
        other => Err(Failure::none(format!("not simulated: {other}"))),
    }
}

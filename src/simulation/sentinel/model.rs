//! The Sentinels of the model: what they were told for a moment, which stands in no file, and what
//! they do.

use crate::actions::sentinel::SentinelAction;
use crate::engine::execute::Failure;
use crate::simulation::world::Inner;
use crate::topology::sentinel::FAST_INFO_MS;
use crate::topology::{Address, NodeName};
use std::collections::{BTreeMap, BTreeSet};

/// What they are.
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
    /// Whether one still reads `INFO` as often as a promotion has it do.
    fn hastened(&self) -> Vec<&Address> {
        let fast = self.periods.iter().filter(|(_, ms)| **ms == FAST_INFO_MS);
        fast.map(|(at, _)| at).collect()
    }

    fn answers(&self, at: &Address) -> Result<(), Failure> {
        if self.deaf.contains(at) {
            return Err(Failure::unknown(format!("the Sentinel {at} says nothing")));
        }
        Ok(())
    }
}

/// Nothing was left at them that has them replace a demoted primary sooner than ever.
pub fn before_demotion(inner: &mut Inner) {
    let left: Vec<String> = inner
        .sentinels
        .hastened()
        .iter()
        .map(ToString::to_string)
        .collect();
    if !left.is_empty() {
        let what = format!("demoted while {} had INFO-PERIOD 500", left.join(", "));
        inner.violations.push(what);
    }
}

pub fn apply(inner: &mut Inner, node: &NodeName, action: &SentinelAction) -> Result<(), Failure> {
    let i = inner.index(node);
    if let Some((call, at)) = inner.sentinels.deaf_from.clone()
        && inner.calls > call
    {
        inner.sentinels.deaf.insert(at);
    }
    match action {
        SentinelAction::SetInfoPeriod { sentinels, ms } => {
            let mut failed = Ok(());
            for one in sentinels {
                let now = inner.sentinels.periods.get(&one.at).copied();
                if now != Some(one.ms) && now != Some(*ms) {
                    return Err(Failure::unknown("somebody else has set it"));
                }
                match inner.sentinels.answers(&one.at) {
                    Ok(()) => drop(inner.sentinels.periods.insert(one.at.clone(), *ms)),
                    Err(deaf) => failed = Err(deaf),
                }
            }
            failed
        }
        SentinelAction::RestoreInfoPeriod {
            sentinels, from_ms, ..
        } => {
            let mut failed = Ok(());
            for one in sentinels {
                match inner.sentinels.answers(&one.at) {
                    Ok(()) if inner.sentinels.periods.get(&one.at) == Some(from_ms) => {
                        inner.sentinels.periods.insert(one.at.clone(), one.ms);
                    }
                    Ok(()) => {}
                    Err(deaf) => failed = Err(deaf),
                }
            }
            failed
        }
        SentinelAction::AwaitPriority { sentinels, .. } => {
            for at in sentinels {
                inner.sentinels.answers(at)?;
            }
            if inner.sims[i].of != inner.first {
                return Err(Failure::none("it does not know it"));
            }
            Ok(())
        }
        SentinelAction::AwaitTurn { .. } => Ok(()),
        SentinelAction::FailOver { at, or, .. } => {
            if inner.priorities.get(node).is_none_or(|p| p != "1") {
                return Err(Failure::none("it would choose another"));
            }
            if std::iter::once(at)
                .chain(or)
                .all(|at| inner.sentinels.deaf.contains(at))
            {
                return Err(Failure::none("no Sentinel answers"));
            }
            inner.sims[i].of = None;
            Ok(())
        }
        SentinelAction::AwaitAgreed {
            primary, sentinels, ..
        } => {
            let first = inner.first.clone();
            for sim in &mut inner.sims {
                if sim.up && sim.of.is_some() && sim.of == first {
                    sim.of = Some(primary.clone());
                }
            }
            sentinels
                .iter()
                .try_for_each(|at| inner.sentinels.answers(at))
        }
        other => Err(Failure::none(format!("not simulated: {other}"))),
    }
}

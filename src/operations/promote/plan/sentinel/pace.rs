//! How soon Sentinels see a new priority. They read `INFO` of the nodes every ten seconds; from
//! Redis 7.0 and in Valkey they can be told to do it more often for the moment. Pure.

use super::FIRST;
use crate::actions::sentinel::{InfoPeriod, SentinelAction};
use crate::engine::Warning;
use crate::engine::warning::sentinels_asked::SentinelsAsked;
use crate::topology::sentinel::{FAST_INFO_MS, Sees, Watch};
use crate::topology::{Address, Node};

/// The longest time that they may then take to see it, ms (measured: 0.1 to 0.7 s).
const FAST_MS: u64 = 5_000;
/// How long a Sentinel that gives no answer is asked again to take its period back, ms: minimum and
/// maximum.
const BACK_MS: (u64, u64) = (500, 3_000);
/// The best age of the last `INFO` of the promoted node at the Sentinel that is asked, ms. The
/// Sentinel reads `INFO` again after a second, or at the next of its ten ticks a second, and takes
/// up to 270 ms to promote. So it sees the promotion after 0.5 to 0.6 s, and not after 1.1 s
/// (measured).
pub(super) const AGE_MS: u64 = 550;
/// A Sentinel reads `INFO` at least this often while a failover runs, ms.
const IN_FAILOVER_MS: u64 = 1_000;

/// How they are brought to see a priority.
pub(super) struct Pace {
    /// The Sentinels whose period is shortened, each with the value to put back. Empty if all look
    /// often enough, or if the period cannot be changed.
    change: Vec<InfoPeriod>,
    /// How long all of them may take to see it, ms.
    pub sees_within_ms: u64,
    /// How long putting it back may take, ms.
    back_within_ms: u64,
    /// The warnings about it.
    pub warnings: Vec<Warning>,
}

impl Pace {
    /// Decides the pace. `slow_ms`: how long they may take without any change.
    pub fn of(watch: &Watch, target: &Node, slow_ms: u64) -> Self {
        let able = || watch.up().filter(|(_, sees)| sees.is_able());
        let mut pace = Self {
            change: Vec::new(),
            sees_within_ms: slow_ms,
            back_within_ms: 0,
            warnings: Vec::new(),
        };
        let first = |sees: &Sees| sees.replica(target).is_some_and(|r| r.priority == FIRST);
        if able().all(|(_, sees)| first(sees)) {
            return pace;
        }
        let slow = || able().filter(|(_, sees)| sees.info_period_ms.is_none());
        if slow().next().is_some() {
            let why = |(at, sees): (&Address, &Sees)| {
                SentinelsAsked::Slow(at.clone(), sees.no_debug.clone())
            };
            pace.warnings.extend(slow().map(why).map(Warning::of_all));
            return pace;
        }
        for (at, sees) in able() {
            let Some(ms) = sees.info_period_ms.filter(|ms| *ms > FAST_INFO_MS) else {
                continue;
            };
            pace.change.push(InfoPeriod { at: at.clone(), ms });
            if let Some(others) = sees
                .watches
                .and_then(|n| n.checked_sub(1))
                .filter(|n| *n > 0)
            {
                let shared = SentinelsAsked::Shared(at.clone(), others);
                pace.warnings.push(Warning::of_all(shared));
            }
        }
        if !pace.change.is_empty() {
            // Both together are less than the time in which Sentinels replace a primary that says
            // it is a replica: down-after and two periods.
            let whole = watch.down_after_ms().unwrap_or(0) + 2 * FAST_INFO_MS;
            pace.sees_within_ms = (whole / 5 * 3).clamp(1_000, FAST_MS);
            pace.back_within_ms = (whole / 4).clamp(BACK_MS.0, BACK_MS.1);
        }
        pace
    }

    /// Both steps; nothing where they look often enough, or cannot.
    pub fn hasten(&self) -> Option<(SentinelAction, SentinelAction)> {
        if self.change.is_empty() {
            return None;
        }
        let set = SentinelAction::SetInfoPeriod {
            sentinels: self.change.clone(),
            ms: FAST_INFO_MS,
        };
        let back = SentinelAction::RestoreInfoPeriod {
            sentinels: self.change.clone(),
            from_ms: FAST_INFO_MS,
            within_ms: self.back_within_ms,
        };
        Some((set, back))
    }
}

/// Whether there is a moment to wait for. There is none if the Sentinel reads `INFO` as often as in
/// a failover, or more often.
pub(super) fn has_turn(at: &Address, watch: &Watch) -> bool {
    let mut all = watch.up().filter(|(a, _)| *a == at);
    let period = all.find_map(|(_, sees)| sees.info_period_ms);
    period.is_none_or(|ms| ms > IN_FAILOVER_MS)
}

#[cfg(test)]
mod tests;

//! Clocks that differ. Pure.

use super::super::{Code, Explanation, Finding, Severity};
use super::Check;
use crate::topology::phrases::{list, name};

/// A larger difference makes logs and the expiry of keys unreliable, seconds.
const MOST: u64 = 2;

impl Check<'_> {
    pub(super) fn clocks(&self, found: &mut Vec<Finding>) {
        let clocks: Vec<_> = self
            .hosts()
            .filter_map(|host| Some((host.state.clock_ahead_seconds?, host.first, host.state)))
            .collect();
        let (Some(least), Some(most)) = (
            clocks.iter().map(|(ahead, ..)| *ahead).min(),
            clocks.iter().map(|(ahead, ..)| *ahead).max(),
        ) else {
            return;
        };
        let off = |ahead: i64| ahead.unsigned_abs() > MOST;
        if clocks.len() > 1 && off(least) && off(most) && most.abs_diff(least) <= MOST {
            let message = format!(
                "the clocks of all hosts are {} this machine's: the clock here may be the wrong one",
                beside(least)
            );
            let hint = "date -u";
            let names = list(clocks.iter().map(|(_, node, _)| *node));
            found.push(
                Finding::of_all(Code::ClockOff, Severity::Warning, message)
                    .hint(hint)
                    .with("ahead_seconds", least)
                    .with("hosts_of", names),
            );
            return;
        }
        for (ahead, node, state) in clocks.iter().filter(|(ahead, ..)| off(*ahead)) {
            let message = format!(
                "the clock of the host of {} is {} this machine's: keys expire at other times on it, and its log has other times",
                name(&node.name),
                beside(*ahead)
            );
            let systemd = state.systemd == Some(true);
            let hint = systemd.then(|| {
                let line = "timedatectl set-ntp true && timedatectl";
                self.as_root(node, line)
            });
            let hint = hint.flatten();
            found.push(
                Finding::about(node, Code::ClockOff, Severity::Warning, message)
                    .maybe_hint(hint)
                    .with("ahead_seconds", *ahead),
            );
        }
    }
}

/// `12 s ahead of`.
fn beside(ahead: i64) -> String {
    let seconds = ahead.unsigned_abs();
    if ahead > 0 {
        format!("{seconds} s ahead of")
    } else {
        format!("{seconds} s behind")
    }
}

pub(in super::super) const CLOCK_OFF: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The clock of a host differs by more than two seconds from the clock of the machine that replctl runs on. A replica does not expire keys by itself, but a promoted one does, by its own clock. Logs of two hosts cannot be compared.",
    cause: "No time service runs on the host, or it does not reach its source. If all hosts differ alike, the clock of this machine may be the wrong one.",
    way_out: "Start a time service: `timedatectl set-ntp true` where systemd runs, or chrony.",
};

//! The state of an operation, in one phrase, and its time.

use crate::engine::journal::story::{Stand, Story};
use crate::engine::journal::{BY_HAND, INTERRUPTED};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A time in the reader's time zone.
pub fn local(time: Timestamp, zone: &TimeZone) -> String {
    let local = time.to_zoned(zone.clone());
    local.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Its state and its step, in one phrase.
pub fn outcome(story: &Story, stand: Stand) -> String {
    let troubles = story.troubles();
    let at = troubles.iter().filter_map(|t| {
        let (node, action) = (t.node.as_ref()?, t.action.as_ref()?);
        Some(format!("{node}: {action}"))
    });
    let at = at.collect::<Vec<_>>().join("; ");
    let by_hand = troubles.iter().any(|t| t.why.as_deref() == Some(BY_HAND));
    let interrupted = troubles
        .iter()
        .any(|t| t.why.as_deref() == Some(INTERRUPTED));
    let phrase = match stand {
        Stand::Running => "running",
        Stand::Done => "done",
        Stand::Incomplete => "done, but for",
        Stand::RolledBack | Stand::Vetoed if by_hand => return "rolled back".to_owned(),
        Stand::RolledBack | Stand::Vetoed if interrupted => "interrupted and put back at",
        Stand::RolledBack => "failed and put back at",
        Stand::Vetoed => return "forbidden by the hook before_promote".to_owned(),
        Stand::Halted => "failed at",
        Stand::Stopped => "stopped half-way at",
        Stand::CutShort if at.is_empty() => "cut short between two steps",
        Stand::CutShort => "cut short at",
        Stand::Unreadable => "not known",
    };
    match stand {
        Stand::Unreadable => {
            let why = story.damage.as_deref().unwrap_or("it has no beginning");
            format!("not known: its journal cannot be read ({why})")
        }
        Stand::Done => phrase.to_owned(),
        _ if at.is_empty() => phrase.to_owned(),
        Stand::Running
        | Stand::Incomplete
        | Stand::RolledBack
        | Stand::Vetoed
        | Stand::Halted
        | Stand::Stopped
        | Stand::CutShort => format!("{phrase} {at}"),
    }
}

//! The report of an ended run whose command has no document of its own; and whether the run has
//! changed something.

use super::{Finished, verdict};
use crate::output;
use crate::output::ended::Ended;
use crate::output::form::Changed;

/// Prints how it ended: `text` for people, where there is something to say.
pub fn print(finished: &Finished, text: Option<&str>) {
    let of = (finished.id.as_str(), &finished.plan);
    let ended = Ended::of(of, &finished.outcome, &finished.passed, text);
    output::print_where(&ended, || text.map(output::lines));
}

/// Notes whether the run has changed something, for the last message.
pub fn note_change(finished: &Finished) {
    match verdict::change(finished) {
        Changed::Yes => output::changed(),
        Changed::Unknown => output::perhaps_changed(),
        Changed::No => {}
    }
}

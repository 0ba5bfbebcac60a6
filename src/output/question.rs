//! Ctrl-C at a question on the terminal, with JSON wanted: the document is still printed, with the
//! interruption as its error.
//!
//! Without JSON the signal ends the process, as everywhere.

use super::form;
use crate::error::{Exit, Problem};
use rustix::process::getpgrp;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, OnceLock, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The time that the asking code has to report the interruption itself.
const OWN_WORDS: Duration = Duration::from_millis(500);
/// How long a document that is being written may take.
pub(super) const WRITTEN: Duration = Duration::from_secs(1);

/// Other code handles Ctrl-C now.
static HEARD: AtomicBool = AtomicBool::new(false);
static BEGUN: Once = Once::new();
/// The terminal's settings before the present question: the question for a password hides the
/// input.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);
/// Ends what must not outlive the process.
static END: OnceLock<fn()> = OnceLock::new();

/// Notes that other code handles Ctrl-C from now on, or no longer does.
pub fn heard_elsewhere(heard: bool) {
    HEARD.store(heard, Ordering::Relaxed);
}

/// Sets the function that is called before Ctrl-C at a question ends the process. The first one
/// counts.
pub fn before_interruption(end: fn()) {
    let _ = END.set(end);
}

/// Asks.
pub(super) fn asked<T>(question: impl FnOnce() -> T) -> T {
    if form::json() {
        // A listener keeps the signal from ending the process by itself. So it stays up to the end
        // of the process.
        BEGUN.call_once(listen);
        let _kept = SavedTerminal::take(io::stdin());
        return question();
    }
    question()
}

/// While this is held, the terminal's earlier settings are known.
struct SavedTerminal;

impl SavedTerminal {
    /// Reads the terminal's settings; `None` if there is no terminal, or if a question is open on
    /// it.
    fn take(terminal: impl AsFd) -> Option<Self> {
        let mut before = before();
        if before.is_some() {
            return None;
        }
        *before = Some(tcgetattr(terminal).ok()?);
        Some(Self)
    }
}

impl Drop for SavedTerminal {
    fn drop(&mut self) {
        *before() = None;
    }
}

fn before() -> MutexGuard<'static, Option<Termios>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Restores the terminal's settings from before the question, if one is open.
fn put_back(terminal: impl AsFd, before: Option<&Termios>) {
    if let Some(before) = before {
        let _ = tcsetattr(terminal, OptionalActions::Now, before);
    }
}

/// Waits if a question got no answer and the asking code would go on without one. If the cause was
/// Ctrl-C, the process ends meanwhile.
pub fn unanswered() {
    if form::json() {
        std::thread::sleep(OWN_WORDS * 4);
    }
}

/// If no listener can be started, the signal ends the process.
fn listen() {
    let (tell, told) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().name("ctrl-c".to_owned());
    let started = thread.spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build();
        let Ok(runtime) = runtime else {
            return;
        };
        runtime.block_on(async {
            let Ok(ctrl_c) = signal(SignalKind::interrupt()) else {
                return;
            };
            let _ = tell.send(());
            wait(ctrl_c).await;
        });
    });
    if started.is_ok() {
        let _ = told.recv();
    }
}

async fn wait(mut ctrl_c: Signal) {
    while ctrl_c.recv().await.is_some() {
        if HEARD.load(Ordering::Relaxed) {
            continue;
        }
        std::thread::sleep(OWN_WORDS);
        let error = Problem::new("interrupted").exit(Exit::Interrupted);
        if form::interrupted(&error) {
            std::thread::sleep(WRITTEN);
        }
        end();
    }
}

fn end() -> ! {
    if let Some(end) = END.get() {
        end();
    }
    // This is held up to the end, so no other question begins.
    let before = before();
    // The system would stop a background process that does this.
    if tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp()) {
        put_back(io::stdin(), before.as_ref());
    }
    std::process::exit(i32::from(Exit::Interrupted as u8));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rustix::termios::LocalModes;
    use std::fs::File;

    #[test]
    fn a_terminal_that_shows_nothing_during_a_question_shows_what_is_typed_after_it() {
        let open = || File::options().read(true).write(true).open("/dev/ptmx");
        let terminal = open().unwrap();
        let shows = || {
            let now = tcgetattr(&terminal).unwrap();
            now.local_modes.contains(LocalModes::ECHO)
        };
        let hide = || {
            let mut hidden = tcgetattr(&terminal).unwrap();
            hidden.local_modes.remove(LocalModes::ECHO);
            tcsetattr(&terminal, OptionalActions::Now, &hidden).unwrap();
        };
        assert!(shows());
        let kept = SavedTerminal::take(&terminal);
        assert!(kept.is_some());
        hide();
        // A question that begins meanwhile must not save this as the earlier state.
        assert!(SavedTerminal::take(&terminal).is_none());
        put_back(&terminal, before().as_ref());
        assert!(shows());
        // Without an open question, the terminal stays as it is.
        drop(kept);
        hide();
        put_back(&terminal, before().as_ref());
        assert!(!shows());
        // A pipe is no terminal.
        let (pipe, _other) = io::pipe().unwrap();
        assert!(SavedTerminal::take(&pipe).is_none());
        assert!(before().is_none());
    }
}

//! Ctrl-C and the other signals that ask a run to end, while a plan runs.

use crate::error::{Exit, Problem, Result};
use crate::output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

/// How long the last words may take to be written.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Listens from its creation until it is dropped.
pub struct Interrupt {
    /// Set when the operator wants to stop.
    pub flag: Arc<AtomicBool>,
    listener: JoinHandle<()>,
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.listener.abort();
        output::heard_elsewhere(false);
    }
}

impl Interrupt {
    /// Starts to listen. The signals are registered here and not when the task first runs: the
    /// first step may have begun by then.
    pub fn listen() -> Result<Self> {
        let failed = |e: std::io::Error| {
            Problem::new("Ctrl-C cannot be listened for; nothing was touched")
                .cause(e)
                .exit(Exit::Failed)
        };
        let ctrl_c = signal(SignalKind::interrupt()).map_err(failed)?;
        let ends = [
            signal(SignalKind::terminate()).map_err(failed)?,
            signal(SignalKind::hangup()).map_err(failed)?,
        ];
        let flag = Arc::new(AtomicBool::new(false));
        output::heard_elsewhere(true);
        let listener = tokio::spawn(wait(ctrl_c, ends, flag.clone()));
        Ok(Self { flag, listener })
    }
}

/// The first signal stops before the next step that can still be put back; a second Ctrl-C ends the
/// process. The end of a session (SIGHUP) stops nothing: the operation goes on without an observer.
async fn wait(mut ctrl_c: Signal, ends: [Signal; 2], flag: Arc<AtomicBool>) {
    let [mut term, mut hang_up] = ends;
    loop {
        let at_once = tokio::select! {
            _ = ctrl_c.recv() => true,
            _ = term.recv() => false,
            _ = hang_up.recv() => continue,
        };
        if !flag.swap(true, Ordering::Relaxed) {
            // The operator typed it and waits for an answer: `--quiet` does not hide the answer.
            output::before_question(
                "stopping before the next step, if it can be put back (Ctrl-C again: at once)",
            );
        } else if at_once {
            last_words();
            crate::world::ssh::end_all();
            std::process::exit(i32::from(Exit::Interrupted as u8));
        }
    }
}

/// Prints the last message before the process ends at once: the result of the current step is not
/// known.
fn last_words() {
    output::before_question("interrupted; to go on: replctl resume");
    output::perhaps_changed();
    output::form::keep(
        &Problem::new("it was interrupted, and ended at once")
            .hint("replctl resume")
            .exit(Exit::Interrupted),
    );
    output::flush(Some(LAST_WORDS));
    // A reader that does not read must not stop the process from ending.
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        output::form::finish();
        let _ = tell.send(());
    });
    let _ = told.recv_timeout(LAST_WORDS);
}

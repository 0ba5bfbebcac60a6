//! Ctrl-C while a question stands on the terminal, where JSON is wanted: the document is printed
//! all the same, with the interruption as its error.
//!
//! Without JSON the signal ends the process, as everywhere.

use super::form;
use crate::error::{Exit, Problem};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long whoever asked has to say by itself that it was interrupted.
const OWN_WORDS: Duration = Duration::from_millis(500);
/// How long a document that is being written may take.
pub(super) const WRITTEN: Duration = Duration::from_secs(1);

/// Somebody else does what Ctrl-C wants.
static HEARD: AtomicBool = AtomicBool::new(false);
static BEGUN: Once = Once::new();

/// Notes that Ctrl-C is heard elsewhere from now on, or no more.
pub fn heard_elsewhere(heard: bool) {
    HEARD.store(heard, Ordering::Relaxed);
}

/// Asks.
pub(super) fn asked<T>(question: impl FnOnce() -> T) -> T {
    if form::json() {
        // Once the signal is listened for it ends nothing by itself any more: so it is listened for
        // up to the end of the process.
        BEGUN.call_once(listen);
    }
    question()
}

/// Waits where a question got no answer and whoever asked goes on without one: Ctrl-C ends the
/// process meanwhile, if it was that.
pub fn unanswered() {
    if form::json() {
        std::thread::sleep(OWN_WORDS * 4);
    }
}

/// Where nothing can listen, the signal ends the process.
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
        std::process::exit(i32::from(Exit::Interrupted as u8));
    }
}

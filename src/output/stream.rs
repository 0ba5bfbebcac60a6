//! The two ways out: results go to stdout, everything else goes to stderr.
//!
//! A separate thread writes to stderr. A closed terminal, a full disk or a stuck reader neither
//! ends nor delays the program's work.

use super::form::Changed;
use indicatif::{ProgressDrawTarget, TermLike};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// The frames of a progress display that may wait for the terminal; later ones are dropped.
const FRAMES: usize = 16;
/// How often a progress display is drawn, frames a second.
const RATE: u8 = 10;

/// The time that a result waits for the earlier text.
const IN_TURN: Duration = Duration::from_secs(2);

enum Message {
    Text(String),
    Frame(String),
    /// Reports that all earlier text was written, or could not be written.
    Written(Sender<()>),
}

static WAITING: AtomicUsize = AtomicUsize::new(0);
static LOST: OnceLock<io::Error> = OnceLock::new();
static CHANGED: AtomicBool = AtomicBool::new(false);
static DOUBT: AtomicBool = AtomicBool::new(false);
static CLOSED: AtomicBool = AtomicBool::new(false);

/// The way to the thread; `None` where it could not be started.
fn errors() -> Option<&'static Sender<Message>> {
    static WAY: OnceLock<Option<Sender<Message>>> = OnceLock::new();
    WAY.get_or_init(|| {
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new().name("stderr".to_owned());
        thread.spawn(move || write_all(&receiver)).ok()?;
        Some(sender)
    })
    .as_ref()
}

fn write_all(receiver: &Receiver<Message>) {
    for message in receiver {
        match message {
            Message::Text(text) => {
                let _ = io::stderr().write_all(text.as_bytes());
            }
            Message::Frame(text) => {
                let _ = io::stderr().write_all(text.as_bytes());
                WAITING.fetch_sub(1, Ordering::Relaxed);
            }
            Message::Written(tell) => {
                let _ = tell.send(());
            }
        }
    }
}

/// Prints to stderr, a newline after it. It does not wait.
pub fn note(text: &str) {
    let text = format!("{text}\n");
    let _ = match errors() {
        Some(way) => way.send(Message::Text(text)).is_ok(),
        None => io::stderr().write_all(text.as_bytes()).is_ok(),
    };
}

/// Waits until everything is written to stderr, for at most `limit`. Without a limit, a slow reader
/// may make it wait forever.
pub fn flush(limit: Option<Duration>) {
    let (tell, told) = channel();
    let sent = errors().is_some_and(|way| way.send(Message::Written(tell)).is_ok());
    if sent {
        let _ = match limit {
            Some(limit) => told.recv_timeout(limit).is_ok(),
            None => told.recv().is_ok(),
        };
    }
}

/// Prints a result to stdout, a newline after it. What cannot be written is kept for [`lost`].
pub fn result(text: &str) {
    result_by(|out| out.write_all(text.as_bytes()));
}

/// The same for a result that `write` writes piece by piece.
pub fn result_by(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
    part_by(|out| {
        write(out)?;
        out.write_all(b"\n")
    });
}

/// The same for a part of a result, with nothing after it.
pub fn part_by(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
    // A stuck reader of stderr must not delay the result, nor the release of what this process
    // holds.
    flush(Some(IN_TURN));
    let written = if CLOSED.load(Ordering::Relaxed) {
        Err(io::Error::from_raw_os_error(libc::EBADF))
    } else {
        let mut out = BufWriter::new(io::stdout().lock());
        write(&mut out).and_then(|()| out.flush())
    };
    if let Err(error) = written {
        let _ = LOST.set(error);
    }
}

/// Notes that something was changed, for the case that the result cannot be written.
pub fn changed() {
    CHANGED.store(true, Ordering::Relaxed);
}

/// Notes that something may have changed.
pub fn perhaps_changed() {
    DOUBT.store(true, Ordering::Relaxed);
}

/// Whether something was changed, as far as that is known.
pub fn change() -> Changed {
    if CHANGED.load(Ordering::Relaxed) {
        Changed::Yes
    } else if DOUBT.load(Ordering::Relaxed) {
        Changed::Unknown
    } else {
        Changed::No
    }
}

/// Why a result could not be written, and whether something was changed before.
pub fn lost() -> Option<(&'static io::Error, bool)> {
    LOST.get()
        .map(|error| (error, CHANGED.load(Ordering::Relaxed)))
}

/// The target for progress: stderr's terminal, if it is one.
pub fn progress() -> ProgressDrawTarget {
    if io::stderr().is_terminal() && !super::form::quiet() {
        ProgressDrawTarget::term_like_with_hz(Box::<Terminal>::default(), RATE)
    } else {
        ProgressDrawTarget::hidden()
    }
}

/// The terminal of stderr, written through the thread. Its failures are no errors here.
#[derive(Debug, Default)]
struct Terminal {
    frame: Mutex<String>,
}

impl Terminal {
    fn add(&self, text: &str) {
        let mut frame = self.frame.lock().unwrap_or_else(PoisonError::into_inner);
        frame.push_str(text);
    }

    fn moved(&self, by: usize, way: char) {
        if by > 0 {
            self.add(&format!("\x1b[{by}{way}"));
        }
    }

    fn size() -> (u16, u16) {
        let size = terminal_size::terminal_size_of(io::stderr());
        size.map_or((80, 24), |(width, height)| (width.0, height.0))
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        Self::size().0
    }

    fn height(&self) -> u16 {
        Self::size().1
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'D');
        Ok(())
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.add(line);
        self.add("\n");
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.add(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add("\r\x1b[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut frame = self.frame.lock().unwrap_or_else(PoisonError::into_inner);
        let frame = std::mem::take(&mut *frame);
        if frame.is_empty() {
            return Ok(());
        }
        let Some(way) = errors() else { return Ok(()) };
        if WAITING.fetch_add(1, Ordering::Relaxed) < FRAMES {
            let _ = way.send(Message::Frame(frame));
        } else {
            WAITING.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Makes signals end this process again, even after a listener was set up.
#[allow(unsafe_code)]
pub fn signals_end_it() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: it gives a signal its default action, and touches nothing of this process's
        // memory.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Checks before the runtime begins whether stdout is closed. The runtime opens `/dev/null` in its
/// place, and then nothing shows it.
#[allow(unsafe_code)]
mod early {
    use std::sync::atomic::Ordering;

    #[used]
    #[unsafe(link_section = ".init_array")]
    static LOOK: extern "C" fn() = look;

    extern "C" fn look() {
        // SAFETY: the call only reads a flag of a file descriptor, and needs nothing of the
        // runtime.
        if unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) } == -1 {
            super::CLOSED.store(true, Ordering::Relaxed);
        }
    }
}

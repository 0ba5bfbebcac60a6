//! A client that is not `ssh`, for what `ssh` does only at the wrong moment.
#![allow(clippy::unwrap_used)]

use super::session::Session;
use super::*;
use crate::world::ssh::link::Refused;
use crate::world::ssh::streams::{End, Pipes};
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicUsize, Ordering};

const HELLO: [u32; 2] = [1, 4];
const OPENED: [u32; 3] = [0x8000_0006, 0, 1];
const EXIT_0: [u32; 3] = [0x8000_0004, 1, 0];
const ALIVE: [u32; 3] = [0x8000_0005, 0, 1];
/// The second message to a client, and where its kind stands.
const ALIVE_CHECK: [u8; 4] = [0x10, 0, 0, 4];
const KIND_AT: usize = 16;

/// What the client does once it was asked for a command.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    /// Answers, and then passes all on.
    Answers,
    /// Says the status, and ends before the rest of the output.
    EndsAfterStatus,
    /// Ends without a word.
    Ends,
    /// Says nothing.
    Nothing,
}

/// A client in a folder of its own, and how often it was asked for a command.
struct Fake {
    master: Arc<Master>,
    asked: Arc<AtomicUsize>,
}

fn say(socket: &mut UnixStream, message: &[u32]) {
    let length = u32::try_from(message.len() * 4).unwrap();
    socket.write_all(&length.to_be_bytes()).unwrap();
    for number in message {
        socket.write_all(&number.to_be_bytes()).unwrap();
    }
}

fn fake(does: Does) -> Fake {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let mut heard = [0; 4096];
            let length = socket.read(&mut heard).unwrap();
            say(&mut socket, &HELLO);
            if heard[KIND_AT..length].starts_with(&ALIVE_CHECK) {
                say(&mut socket, &ALIVE);
                continue;
            }
            count.fetch_add(1, Ordering::SeqCst);
            match does {
                Does::Answers | Does::EndsAfterStatus => {
                    say(&mut socket, &OPENED);
                    say(&mut socket, &EXIT_0);
                }
                Does::Ends | Does::Nothing => {}
            }
            if matches!(does, Does::Ends | Does::EndsAfterStatus) {
                return;
            }
            kept.push(socket);
        }
    });
    let child = Command::new("sleep").arg("60").spawn().unwrap();
    let client = Client {
        child: Mutex::new(child),
        folder: Mutex::new(Some(folder)),
    };
    let master = Arc::new(Master {
        client: Arc::new(client),
        said: Arc::default(),
        socket,
    });
    Fake { master, asked }
}

fn run(fake: &Fake) -> Result<Session, Refused> {
    let Pipes { far, .. } = Pipes::new().unwrap();
    let until = Until::for_tidying(Duration::from_millis(500));
    Session::run(&fake.master, "true", far, &until)
}

#[test]
fn a_status_counts_only_where_all_the_output_has_come() {
    let until = Until::for_tidying(Duration::from_secs(5));
    let mut whole = run(&fake(Does::Answers)).unwrap();
    assert_eq!(whole.end(&until), Some(End::Status(0)));
    let mut cut = run(&fake(Does::EndsAfterStatus)).unwrap();
    let end = cut.end(&until);
    assert!(matches!(end, Some(End::Lost(_))), "{end:?}");
}

#[test]
fn a_command_that_the_client_was_told_is_not_to_be_sent_again() {
    for does in [Does::Ends, Does::Nothing] {
        let fake = fake(does);
        let refused = run(&fake).err().unwrap();
        assert!(matches!(refused, Refused::Unanswered(_)), "{refused:?}");
        assert_eq!(fake.asked.load(Ordering::SeqCst), 1);
    }
}

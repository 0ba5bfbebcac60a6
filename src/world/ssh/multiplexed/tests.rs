//! A client in place of `ssh`, for what `ssh` does only at the wrong moment.
#![allow(clippy::unwrap_used)]

use super::jumps::Hop;
use super::session::Session;
use super::*;
use crate::world::ssh::ask::Ask;
use crate::world::ssh::link::Refused;
use crate::world::ssh::streams::{End, Pipes};
use crate::world::ssh::{Options, pump};
use secrecy::SecretString;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::AtomicUsize;

const HELLO: [u32; 2] = [1, 4];
const OPENED: [u32; 3] = [0x8000_0006, 0, 1];
const EXIT_0: [u32; 3] = [0x8000_0004, 1, 0];
const ALIVE: [u32; 3] = [0x8000_0005, 0, 1];
/// The second message to a client, and the position of its kind.
const ALIVE_CHECK: [u8; 4] = [0x10, 0, 0, 4];
const KIND_AT: usize = 16;

/// What the client does after it was asked for a command.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    /// Answers, and then passes everything on.
    Answers,
    /// Sends the status, and ends before the rest of the output.
    EndsAfterStatus,
    /// Ends without an answer.
    Ends,
    /// Sends nothing.
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
            // Reads the descriptors.
            let time = Some(Duration::from_millis(50));
            socket.set_read_timeout(time).unwrap();
            while socket.read(&mut heard).is_ok_and(|n| n > 0) {}
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
        given_up: AtomicBool::new(false),
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

#[test]
fn a_client_that_opens_no_tunnel_in_time_is_used_on_only_where_it_opens_anything() {
    for (does, ends) in [(Does::Answers, false), (Does::Nothing, true)] {
        let fake = fake(does);
        let time = Duration::from_millis(300);
        if does == Does::Nothing {
            let target = Target::default();
            let opened = pump::through(&fake.master, &target, ("127.0.0.1", 6379), time);
            let error = opened.err().unwrap().to_string();
            assert!(error.contains("did not open a connection"), "{error}");
        } else {
            Master::doubt(&fake.master, time);
        }
        std::thread::sleep(time * 5);
        assert_eq!(fake.master.has_ended(), ends);
    }
}

/// An operator who types these secrets, the last one first.
struct Typing {
    secrets: Mutex<Vec<&'static str>>,
    asked: Mutex<Vec<String>>,
}

impl Ask for Typing {
    fn confirm(&self, _: &str) -> bool {
        false
    }

    fn secret(&self, prompt: &str) -> Option<SecretString> {
        ask::lock(&self.asked).push(prompt.to_owned());
        let typed = ask::lock(&self.secrets).pop();
        typed.map(SecretString::from)
    }
}

fn typing(secrets: &[&'static str]) -> (Arc<Typing>, Context) {
    let typing = Arc::new(Typing {
        secrets: Mutex::new(secrets.iter().rev().copied().collect()),
        asked: Mutex::default(),
    });
    let context = Context::new(Options {
        ask: Some(Arc::clone(&typing) as Arc<dyn Ask>),
        ..Options::default()
    });
    (typing, context)
}

fn hop(name: &str) -> Hop {
    Hop {
        arguments: Vec::new(),
        shown: format!("ops@{name}"),
        command: format!("ssh {name}"),
    }
}

/// The way to a host of that name.
fn way(host: &str) -> (Target, Plan) {
    let target = Target {
        host: host.to_owned(),
        user: "root".to_owned(),
        ..Target::default()
    };
    let plan = Plan {
        current: Mutex::default(),
        arguments: Vec::new(),
        patience: None,
        names: vec![host.to_owned()],
        marks_questions: true,
        prompts: 3,
        hops: ["bastion", "gate"].map(hop).to_vec(),
    };
    (target, plan)
}

/// The answers that a login gets where the processes of these numbers ask these questions.
fn login(context: &Context, way: &(Target, Plan), questions: &[(u32, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(context, &way.0, &way.1, folder.path()).unwrap();
    let answers = questions.iter().map(|(by, question)| {
        let mut socket = UnixStream::connect(folder.path().join("q")).unwrap();
        let text = format!("\0{by}\0{question}");
        socket.write_all(text.as_bytes()).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        desk.serve();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    });
    let answers = answers.collect();
    desk.proven();
    answers
}

#[test]
fn the_ssh_to_a_host_in_between_asks_the_same_and_has_refused_nothing() {
    let key = "Enter passphrase for key '/k': ";
    let (operator, context) = typing(&["sesame"]);
    for host in ["db1", "db2"] {
        let heard = login(&context, &way(host), &[(1, key), (2, key)]);
        assert_eq!(heard, ["sesame", "sesame"]);
    }
    assert_eq!(*ask::lock(&operator.asked), ["Passphrase of /k"]);

    let (operator, context) = typing(&["bastion's", "db's"]);
    for host in ["db1", "db2"] {
        let own = format!("(root@{host}) Password: ");
        let asked = [(1, "root@bastion's password: "), (2, own.as_str())];
        let heard = login(&context, &way(host), &asked);
        assert_eq!(heard, ["bastion's", "db's"]);
    }
    let asked = ask::lock(&operator.asked).clone();
    let own = "Password of root (on db1 and the other hosts)";
    assert_eq!(asked, ["Password of root on bastion", own]);
}

#[test]
fn a_wrong_answer_is_asked_for_again_though_another_key_was_taken() {
    let key = "Enter passphrase for key '/k': ";
    let (_, context) = typing(&["wrong", "right"]);
    let mut way = way("db1");
    way.1.prompts = 1;
    assert_eq!(login(&context, &way, &[(1, key)]), ["wrong"]);
    assert_eq!(
        login(&context, &way, &[(1, key), (1, key)]),
        ["wrong", "right"]
    );
}

#[test]
fn an_ssh_that_shows_the_words_of_a_host_as_they_are_gets_no_secret_that_is_kept() {
    let key = "Enter passphrase for key '/k': ";
    let (operator, context) = typing(&["sesame", "for this host"]);
    let mut way = way("db1");
    assert_eq!(login(&context, &way, &[(1, key)]), ["sesame"]);
    way.1.marks_questions = false;
    assert_eq!(login(&context, &way, &[(1, key)]), ["for this host"]);
    assert_eq!(ask::lock(&operator.asked)[1], key.trim());
    // A host cannot pass for ssh where its words are marked.
    way.1.marks_questions = true;
    let marked = format!("(root@db1) {key}");
    assert_eq!(login(&context, &way, &[(1, &marked)]), [""]);
}

#[test]
fn the_host_in_between_is_named_where_ssh_comes_no_further() {
    let (_, plan) = way("db1");
    let refused = "Host key verification failed.\n";
    let closed = "Connection closed by UNKNOWN port 65535\r\n";
    for (behind, named) in [
        (0, None),
        (1, Some("ops@bastion")),
        (2, Some("ops@gate")),
        (3, Some("ops@gate")),
    ] {
        let said = format!("{refused}{}", closed.repeat(behind));
        let hop = plan.stopped_at(&said);
        assert_eq!(hop.map(|hop| hop.shown.as_str()), named);
    }
    // The bastion does not reach db1. The login to the bastion itself works.
    let said = format!("stdio forwarding failed\r\n{closed}");
    assert_eq!(plan.stopped_at(&said), None);
    // db1 itself gives the reason.
    let said = "Received disconnect from UNKNOWN port 65535:2: Too many authentication failures\r\n\
                Disconnected from UNKNOWN port 65535\r\n";
    assert_eq!(plan.stopped_at(said), None);
}

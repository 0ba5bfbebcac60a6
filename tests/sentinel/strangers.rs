//! The Sentinels' password goes to nobody whose address only a hello names.

use super::Watched;
use super::support::server::Family;
use super::support::{await_that, ports};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PASSWORD: &str = "s3ntinel";

/// Listens on 127.0.0.2, where no node of the inventory is, and keeps what is said to it.
struct Stranger {
    port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Stranger {
    fn listen() -> Self {
        let port = ports::free();
        let listener = TcpListener::bind(("127.0.0.2", port)).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&heard);
        // It ends with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let all = Arc::clone(&all);
                std::thread::spawn(move || keep(stream, &all));
            }
        });
        Self { port, heard }
    }

    /// Whether replctl has spoken to it: it says its name in its first words. Real Sentinels speak to it, too.
    fn heard_replctl(&self) -> bool {
        let heard = self.heard.lock().unwrap();
        String::from_utf8_lossy(&heard).contains("replctl")
    }
}

fn keep(mut stream: TcpStream, all: &Mutex<Vec<u8>>) {
    let mut piece = [0; 1024];
    while let Ok(count) = stream.read(&mut piece) {
        if count == 0 {
            return;
        }
        all.lock().unwrap().extend_from_slice(&piece[..count]);
    }
}

#[test]
fn a_stranger_in_a_hello_gets_no_password() {
    let Some(family) = Family::debian() else {
        return;
    };
    let mut watched = Watched::start(family, 10_000, Some(PASSWORD));
    watched.hurry();
    let stranger = Stranger::listen();
    let hello = format!(
        "127.0.0.2,{},{},0,m,127.0.0.1,{},0",
        stranger.port,
        "ab".repeat(20),
        watched.servers[0].port
    );
    watched.servers[0]
        .client()
        .command(&["PUBLISH", "__sentinel__:hello", &hello]);
    await_that(
        "the Sentinels to believe it",
        Duration::from_secs(10),
        || {
            watched
                .sentinels
                .iter()
                .all(|s| s.field("num-other-sentinels") == "3")
        },
    );
    watched.raw = "[sentinel]\npassword = { env = \"OF_SENTINEL\" }\n".to_owned();
    let operator = watched.operator().env("OF_SENTINEL", PASSWORD);
    let at = format!("127.0.0.2:{}", stranger.port);
    operator
        .run(&["sentinel", "status"])
        .code(4)
        .says("3 of 4 Sentinels answer")
        .says(&format!(
            "the Sentinel {at} is not asked: its address is not in the inventory"
        ))
        .says(&format!("name it in `nodes` under [sentinel]: \"{at}\""));
    operator
        .run(&["promote", "slave1", "--yes"])
        .ok()
        .says(&format!("{at}: not asked"));
    watched.assert_primary(1);
    assert!(!stranger.heard_replctl(), "the stranger was asked");

    // Named in the inventory it is asked, and does not answer.
    watched.raw = format!(
        "[sentinel]\npassword = {{ env = \"OF_SENTINEL\" }}\nnodes = [{{ address = \"{at}\", via = \"direct\" }}]\n"
    );
    let operator = watched.operator().env("OF_SENTINEL", PASSWORD);
    operator
        .run(&["sentinel", "status"])
        .code(4)
        .says(&format!("the Sentinel {at} cannot be asked"));
    assert!(stranger.heard_replctl());
}

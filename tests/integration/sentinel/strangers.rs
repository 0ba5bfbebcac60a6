//! The Sentinels' password never goes to an address that only a hello message names.

use super::Watched;
use crate::support::inventory::{InventoryText, NodeText};
use crate::support::program::Replctl;
use crate::support::server::Family;
use crate::support::sshd::Sshds;
use crate::support::{await_that, ports};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PASSWORD: &str = "s3ntinel";

/// A listener that records what it gets.
struct Stranger {
    port: u16,
    ip: &'static str,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Stranger {
    fn listen(ip: &'static str) -> Self {
        let port = ports::free();
        let listener = TcpListener::bind((ip, port)).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&heard);
        // It ends with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let all = Arc::clone(&all);
                std::thread::spawn(move || keep(stream, &all));
            }
        });
        Self { port, ip, heard }
    }

    /// Whether replctl has connected to it: its first words contain its name. Real Sentinels
    /// connect to it, too.
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

/// On 127.0.0.2 there is no node of the inventory.
#[test]
fn a_stranger_in_a_hello_gets_no_password() {
    a_stranger_gets_no_password("127.0.0.2");
}

/// K8.4: on 127.0.0.1 are all the nodes, and the real Sentinels at other ports.
#[test]
fn a_stranger_on_a_nodes_own_host_gets_no_password_either() {
    a_stranger_gets_no_password("127.0.0.1");
}

/// Hosts confirm real Sentinels that the inventory does not name, and no other listener on the same
/// host.
#[test]
fn a_host_tells_its_sentinels_from_what_else_listens() {
    let (Some(family), Some(sshds)) = (Family::debian(), Sshds::start(1)) else {
        return;
    };
    let mut watched = Watched::start(family, 10_000, Some(PASSWORD));
    watched.hurry();
    let stranger = Stranger::listen("127.0.0.1");
    announce(&watched, &stranger);
    let key = sshds.key().to_str().unwrap().to_owned();
    let known = sshds.known_hosts().to_str().unwrap().to_owned();
    watched.raw = "[sentinel]\npassword = { env = \"OF_SENTINEL\" }\n".to_owned();
    let mut text = InventoryText::new("orders")
        .ssh("user", &sshds.user())
        .ssh("identity_file", &key)
        .ssh("known_hosts", &known)
        .without_sudo()
        .raw(&watched.raw);
    for (name, server) in super::NAMES.iter().zip(&watched.servers) {
        let node = NodeText::new(name, "127.0.0.1")
            .port(server.port)
            .ssh_port(sshds.hosts()[0].port);
        let follows = *name != super::NAMES[0];
        text = text.node(if follows {
            node.replicaof(super::NAMES[0])
        } else {
            node
        });
    }
    let folder = tempfile::TempDir::new().unwrap();
    let operator = Replctl::new()
        .inventory(&text.write(folder.path()))
        .env("OF_SENTINEL", PASSWORD);
    operator
        .run(&["sentinel", "status"])
        .code(4)
        .says("3 of 4 Sentinels answer")
        .says(&format!(
            "the Sentinel 127.0.0.1:{} is not asked",
            stranger.port
        ));
    operator.run(&["promote", "slave1", "--yes"]).ok();
    watched.assert_primary(1);
    assert!(!stranger.heard_replctl(), "the stranger was asked");
}

/// Makes all Sentinels believe that the stranger is one of them.
fn announce(watched: &Watched, stranger: &Stranger) {
    let hello = format!(
        "{},{},{},0,m,127.0.0.1,{},0",
        stranger.ip,
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
}

fn a_stranger_gets_no_password(ip: &'static str) {
    let Some(family) = Family::debian() else {
        return;
    };
    let mut watched = Watched::start(family, 10_000, Some(PASSWORD));
    watched.hurry();
    let stranger = Stranger::listen(ip);
    announce(&watched, &stranger);
    watched.raw = watched.named_with_password("OF_SENTINEL");
    let operator = watched.operator().env("OF_SENTINEL", PASSWORD);
    let at = format!("{ip}:{}", stranger.port);
    operator
        .run(&["sentinel", "status"])
        .code(4)
        .says("3 of 4 Sentinels answer")
        .says(&format!(
            "the Sentinel {at} is not asked: the inventory names no Sentinel at this address and port"
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

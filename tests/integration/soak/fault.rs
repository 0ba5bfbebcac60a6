//! The fault of a case, its step, and the repair of the world afterwards.

use crate::soak::crew::Crew;
use crate::support::wire::Wire;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a host takes to come back: longer than its links take to count as down (`repl-timeout`
/// of the crew, checked once a second).
const BOOT: Duration = Duration::from_secs(6);

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// None: the change has to go through.
    Nothing,
    /// replctl is killed after that journal line.
    ReplctlDies,
    /// A server is killed, and comes back later from its file.
    Killed,
    /// A server is killed and started again at once.
    Restarted,
    /// A server is frozen for longer than any wait inside the fence, and thaws.
    Frozen,
    /// A server is frozen and thawed again and again for two seconds: a slow link.
    Slow,
    /// The configuration file of a server cannot be written.
    Unwritable,
    /// A server is given a wrong `masterauth`.
    WrongPassword,
    /// Somebody else on the same machine wants another primary.
    SecondOperator,
    /// Somebody on another machine, with a state folder of their own, wants another primary.
    OtherMachine,
    /// A person with redis-cli points a replica at another node.
    PointedByHand,
    /// A person with redis-cli makes a replica a primary, to which no client writes.
    PromotedByHand,
    /// Two nodes, or a node and the operator with the clients, do not reach each other for a while.
    Cut,
    /// A node reaches no other for a while.
    Isolated,
    /// Its host loses power: its packets go nowhere, and it comes back later from its file.
    PoweredOff,
    /// A node loses three of ten packets to and from all others.
    Lossy,
    /// Nothing more can be written to a server's disk.
    DiskFull,
}

impl Fault {
    /// All of them; a case takes one by its number.
    pub const ALL: [Self; 22] = [
        Self::ReplctlDies,
        Self::Killed,
        Self::Frozen,
        Self::ReplctlDies,
        Self::Restarted,
        Self::Slow,
        Self::Unwritable,
        Self::ReplctlDies,
        Self::WrongPassword,
        Self::SecondOperator,
        Self::Frozen,
        Self::Nothing,
        Self::Cut,
        Self::Isolated,
        Self::Cut,
        Self::PoweredOff,
        Self::Lossy,
        Self::DiskFull,
        Self::OtherMachine,
        Self::PointedByHand,
        Self::OtherMachine,
        Self::PromotedByHand,
    ];

    /// Whether it needs a network of its own.
    pub fn needs_wire(self) -> bool {
        matches!(
            self,
            Self::Cut | Self::Isolated | Self::PoweredOff | Self::Lossy | Self::DiskFull
        )
    }

    /// Whether a server may come back from its file in a role that it lost meanwhile.
    pub fn brings_back(self) -> bool {
        matches!(
            self,
            Self::Killed | Self::Restarted | Self::Unwritable | Self::PoweredOff | Self::DiskFull
        )
    }

    /// Makes it happen to `victim`, and to `other` where there are two.
    pub fn strike(self, crew: &mut Crew<'_>, victim: usize, other: usize) {
        match self {
            Self::Nothing | Self::ReplctlDies | Self::SecondOperator | Self::OtherMachine => {}
            Self::PointedByHand => by_hand(crew, victim, Some(other)),
            Self::PromotedByHand => by_hand(crew, victim, None),
            Self::Killed => crew.servers[victim].kill9(),
            Self::Restarted => crew.servers[victim].restart(),
            Self::Frozen => {
                crew.servers[victim].pause();
                std::thread::sleep(Duration::from_secs(3));
                crew.servers[victim].resume();
            }
            Self::Slow => {
                let end = Instant::now() + Duration::from_secs(2);
                while Instant::now() < end {
                    crew.servers[victim].pause();
                    std::thread::sleep(Duration::from_millis(40));
                    crew.servers[victim].resume();
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            Self::Unwritable => {
                let file = crew.servers[victim].config_file();
                std::fs::rename(&file, kept(&file)).unwrap();
                std::fs::create_dir(&file).unwrap();
            }
            Self::WrongPassword => masterauth(crew, victim, "wrong"),
            Self::Cut => crew.wire.unwrap().cut(crew.ip(victim), crew.ip(other)),
            Self::Isolated => around(crew, victim, Wire::cut),
            Self::PoweredOff => {
                around(crew, victim, Wire::cut);
                crew.servers[victim].kill9();
            }
            Self::Lossy => around(crew, victim, Wire::hurt),
            Self::DiskFull => crew.servers[victim].disk_full(true),
        }
    }

    /// Repairs what can be repaired without replctl.
    pub fn heal(self, crew: &mut Crew<'_>, victim: usize, other: usize) {
        match self {
            Self::Killed => crew.servers[victim].restart(),
            Self::Cut => crew.wire.unwrap().heal(crew.ip(victim), crew.ip(other)),
            Self::Isolated => around(crew, victim, Wire::heal),
            Self::PoweredOff => {
                std::thread::sleep(BOOT);
                around(crew, victim, Wire::heal);
                crew.servers[victim].restart();
            }
            Self::Lossy => around(crew, victim, Wire::soothe),
            Self::DiskFull => room_again(crew, victim),
            Self::Unwritable => {
                let file = crew.servers[victim].config_file();
                let _ = std::fs::remove_dir(&file);
                std::fs::rename(kept(&file), &file).unwrap();
            }
            Self::WrongPassword => masterauth(crew, victim, ""),
            Self::Nothing
            | Self::ReplctlDies
            | Self::Restarted
            | Self::Frozen
            | Self::Slow
            | Self::SecondOperator
            | Self::OtherMachine
            | Self::PointedByHand
            | Self::PromotedByHand => {}
        }
    }

    /// Whether it is a person with redis-cli.
    pub fn is_by_hand(self) -> bool {
        matches!(self, Self::PointedByHand | Self::PromotedByHand)
    }

    /// Whether a second replctl is started in the midst of the first.
    pub fn is_operator(self) -> bool {
        matches!(self, Self::SecondOperator | Self::OtherMachine)
    }
}

/// A change by a person who looks first: demoting a primary by hand loses writes by itself.
fn by_hand(crew: &Crew<'_>, victim: usize, under: Option<usize>) {
    let replica = crew.look(victim).get("role").is_some_and(|r| r == "slave");
    let Some(mut client) = crew.client(victim).filter(|_| replica) else {
        return;
    };
    let words = match under.and_then(|i| crew.servers.get(i)) {
        Some(server) => [server.ip().to_string(), server.port.to_string()],
        None => ["NO".to_owned(), "ONE".to_owned()],
    };
    let _ = client.try_command(&["REPLICAOF", &words[0], &words[1]]);
}

fn kept(file: &Path) -> std::path::PathBuf {
    file.with_extension("kept")
}

/// Applies `what` to the traffic of `victim` with all others, the operator and the clients too.
fn around(crew: &Crew<'_>, victim: usize, what: impl Fn(&Wire, Ipv4Addr, Ipv4Addr)) {
    for other in (0..=crew.servers.len()).filter(|i| *i != victim) {
        what(crew.wire.unwrap(), crew.ip(victim), crew.ip(other));
    }
}

/// A server ends if it cannot rewrite its files after a copy, and from 7.0 on also if it cannot
/// save what its primary sends. It retries a failed write every second.
fn room_again(crew: &mut Crew<'_>, victim: usize) {
    let server = &mut crew.servers[victim];
    if server.is_alive() {
        server.disk_full(false);
    }
    let end = Instant::now() + Duration::from_secs(5);
    while server.is_alive() && Instant::now() < end {
        let asked = server.connect(Duration::from_secs(1));
        let text = asked.and_then(|mut c| c.try_command(&["INFO", "persistence"]));
        if text.is_ok_and(|t| t.text().contains("aof_last_write_status:ok")) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    server.restart();
}

fn masterauth(crew: &Crew<'_>, victim: usize, value: &str) {
    if let Some(mut client) = crew.client(victim) {
        let _ = client.try_command(&["CONFIG", "SET", "masterauth", value]);
    }
}

//! The same with network delay: between replctl and the servers, and between the servers.

use super::{load, median};
use crate::support::await_that;
use crate::support::delay::LongWay;
use crate::support::figure;
use crate::support::inventory::{InventoryText, NodeText};
use crate::support::program::Replctl;
use crate::support::server::families;
use crate::support::trio::{BACKLOG, NAMES, Trio};
use crate::support::writer::Writer;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// Delays of one direction, ms, where `REPLCTL_BENCH_DELAYS_MS` does not name others.
const DELAYS_MS: [u64; 1] = [5];
/// Changes of the primary for each delay, where `REPLCTL_BENCH_ROUNDS` does not say more.
const ROUNDS: usize = 2;
/// The delays, ms, and the number of server families: by default one.
fn delays() -> (Vec<u64>, usize) {
    let given = std::env::var("REPLCTL_BENCH_DELAYS_MS").ok();
    given.map_or((DELAYS_MS.to_vec(), 1), |list| {
        let delays = list.split(',').map(|ms| ms.parse().unwrap());
        (delays.collect(), usize::MAX)
    })
}

/// Three servers that are reached only through ports with a delay.
struct Far {
    trio: Trio,
    ways: Vec<LongWay>,
}

impl Far {
    fn start(family: &crate::support::server::Family, delay: Duration) -> Self {
        let trio = Trio::start(family, &[BACKLOG]);
        let ways: Vec<LongWay> = NAMES.iter().map(|_| LongWay::open(delay)).collect();
        for (way, server) in ways.iter().zip(&trio.servers) {
            way.leads_to(server.port);
            let port = way.port.to_string();
            let mut client = server.client();
            for (name, value) in [
                ("replica-announce-ip", "127.0.0.1"),
                ("replica-announce-port", port.as_str()),
            ] {
                let said = client.command(&["CONFIG", "SET", name, value]).text();
                assert_eq!(said, "OK");
            }
        }
        let first = ways[0].port.to_string();
        for replica in &trio.servers[1..] {
            let said = replica
                .client()
                .command(&["REPLICAOF", "127.0.0.1", &first]);
            assert_eq!(said.text(), "OK");
        }
        let this = Self { trio, ways };
        this.await_primary(0);
        this
    }

    fn operator(&self) -> Replctl<'static> {
        let mut text = InventoryText::new("orders").without_sudo();
        for (name, way) in NAMES.iter().zip(&self.ways) {
            let node = NodeText::new(name, "127.0.0.1").port(way.port).ssh_port(1);
            text = text.node(if *name == NAMES[0] {
                node
            } else {
                node.replicaof(NAMES[0])
            });
        }
        Replctl::new().inventory(&text.write(self.trio.folder()))
    }

    fn await_primary(&self, i: usize) {
        assert_eq!(self.trio.role(i), "master");
        for other in (0..3).filter(|o| *o != i) {
            await_that("the replicas to be linked", Duration::from_secs(20), || {
                let info = self.trio.servers[other].client().info("replication");
                info["role"] == "slave"
                    && info["master_port"] == self.ways[i].port.to_string()
                    && info["master_link_status"] == "up"
            });
        }
        self.trio.await_in_sync();
    }
}

#[test]
fn over_long_ways_writes_stop_for_a_few_round_trips() {
    let mut table = String::from(
        "promote over long ways, between replctl and the servers and between the servers\nserver       one way, ms  rounds  lost  no writes, ms: min/med/max  round trips\n",
    );
    let (delays, most) = delays();
    for delay in delays {
        for family in families().iter().take(most) {
            let far = Far::start(family, Duration::from_millis(delay));
            let (mut gaps, mut lost, mut primary) = (Vec::new(), 0, 0);
            let rounds = super::rounds(ROUNDS);
            for _ in 0..rounds {
                let target = (primary + 1) % NAMES.len();
                let writer = Writer::start(load(&far.trio, primary));
                writer.await_more(500, Duration::from_mins(1));
                let begun = Instant::now();
                far.operator()
                    .run(&["promote", NAMES[target], "--yes"])
                    .ok();
                writer.await_more(500, Duration::from_mins(1));
                let ended = Instant::now();
                let tally = writer.stop();
                lost += tally.lost(far.trio.servers[target].address()).len();
                gaps.push(tally.longest_gap_between_ms(begun, ended));
                far.await_primary(target);
                primary = target;
            }
            gaps.sort_by(f64::total_cmp);
            let trips = median(&gaps) / 2.0 / f64::from(u32::try_from(delay).unwrap());
            let _ = writeln!(
                table,
                "{:<12} {delay:>11} {rounds:>7} {lost:>5}  {:>26} {trips:>12.1}",
                family.name,
                format!(
                    "{:.1}/{:.1}/{:.1}",
                    gaps[0],
                    median(&gaps),
                    gaps[rounds - 1]
                ),
            );
            assert_eq!(lost, 0, "{}: acknowledged writes are lost", family.name);
        }
    }
    figure(&table);
}

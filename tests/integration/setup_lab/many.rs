//! Fifty hosts at once, on a machine with other work for all its cores: replctl waits for slow
//! hosts and gives up none.

use crate::setup_lab::bench::{Bench, NAMES, PASSWORD};
use crate::support::{Flavour, Lab, NodeText, figure};
use std::process::{Child, Command};

/// Hosts beside the three that every lab has.
pub const MORE: u8 = 47;

/// Endless work for every core, until it is dropped.
struct Busy(Vec<Child>);

impl Busy {
    fn on_all_cores() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let endless = || {
            let mut shell = Command::new("sh");
            shell.args(["-c", "while :; do :; done"]).spawn().unwrap()
        };
        Self((0..cores).map(|_| endless()).collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub fn name(n: u8) -> String {
    format!("more{n}")
}

pub fn address(n: u8) -> String {
    format!("192.168.0.{}", 10 + n)
}

/// Boots them two at a time.
pub fn boot(lab: &Lab) {
    let small = ["disk=128M"];
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                for n in (0..MORE).filter(|n| n % 2 == half) {
                    lab.host_with(&name(n), &address(n), Flavour::Light, &small);
                }
            });
        }
        for (host, last) in NAMES.into_iter().zip([120, 130, 140]) {
            let address = format!("192.168.0.{last}");
            lab.host_with(host, &address, Flavour::Light, &small);
        }
    });
    lab.wait();
}

#[test]
fn no_host_is_given_up_because_the_machine_is_busy() {
    let Some(lab) = Lab::up() else {
        return;
    };
    boot(&lab);
    let mut bench = Bench::new(&lab);
    bench.change(|text| {
        (0..MORE).fold(text, |text, n| {
            text.node(NodeText::new(&name(n), &address(n)).replicaof(NAMES[0]))
        })
    });
    let busy = Busy::on_all_cores();
    let ran = bench.run(&["--concurrency", "64", "setup", "--yes"]);
    let ran = ran.ok().says("with 49 replicas");
    drop(busy);
    figure(&format!(
        "setup of 50 hosts beside {} busy loops: {:?}",
        std::thread::available_parallelism().map_or(2, usize::from),
        ran.took
    ));
    assert!(!ran.stderr.contains(PASSWORD), "{ran}");
}

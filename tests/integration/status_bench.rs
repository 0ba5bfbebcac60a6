//! The cost of one look, with 3, 100 and 1,000 nodes in one run: `replctl status` against a loop of
//! `redis-cli`, the same with `xargs -P16`, and a bare client that only sends INFO to all and reads
//! the answers. Also the cost of silent nodes. `make bench-status` runs it at full size and checks
//! the limits. Without `REPLCTL_BENCH_STATUS` it is quick, and only checks that the output is
//! right.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

mod bare;
mod cost;
mod field;

use crate::support::program::Replctl;
use crate::support::{figure, not_run, ports, repository};
use cost::{Cost, median};
use field::{Field, ip};
use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// Sizes of the quick run, and rounds of each method.
const QUICK: ([usize; 2], usize) = ([3, 40], 1);
/// The same at full size.
const FULL: ([usize; 3], usize) = ([3, 100, 1000], 5);

#[test]
fn a_look_at_many_nodes() {
    let server = repository()
        .join("payload")
        .join(std::env::consts::ARCH)
        .join("redis-server");
    if !server.exists() {
        return not_run("the cost of status: the embedded server is not built: make server");
    }
    let full = std::env::var("REPLCTL_BENCH_STATUS").is_ok_and(|v| !matches!(v.as_str(), "" | "0"));
    let (sizes, rounds) = if full {
        (&FULL.0[..], FULL.1)
    } else {
        (&QUICK.0[..], QUICK.1)
    };
    let mut table = head();
    let mut seen = Vec::new();
    for nodes in sizes {
        let field = Field::start(&server, *nodes);
        let look = Look::at(&field, rounds);
        look.write(*nodes, &mut table);
        silent(&field, &mut table);
        seen.push((*nodes, look));
    }
    figure(&table);
    if full {
        hold(&seen, &table);
    }
}

/// Not a test: the bare client, where it is started as such.
#[test]
fn bare_client() {
    let said = std::env::var(bare::VARIABLE).unwrap_or_default();
    if let Some((nodes, port)) = said.split_once(' ') {
        bare::ask(nodes.parse().unwrap(), port.parse().unwrap());
    }
}

fn head() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "one look; load {}\n{:>6} {:<26} {:>9} {:>9} {:>11} {:>11} {:>9}\n",
        load.trim(),
        "nodes",
        "by",
        "wall, ms",
        "cpu, ms",
        "cpu/node, us",
        "memory, MiB",
        "wall is"
    )
}

/// The medians of all methods, taken in turns.
struct Look {
    ours: Cost,
    cli: Cost,
    xargs: Cost,
    bare: Cost,
}

impl Look {
    fn at(field: &Field, rounds: usize) -> Self {
        let operator = Replctl::new().inventory(&field.inventory);
        let mut ours = Vec::new();
        let (mut cli, mut xargs, mut bare) = (Vec::new(), Vec::new(), Vec::new());
        let port = field.port;
        let all = field.inventory.with_file_name("addresses");
        let list: Vec<String> = (0..field.nodes).map(|n| ip(n).to_string()).collect();
        std::fs::write(&all, list.join("\n") + "\n").unwrap();
        let (one_by_one, side_by_side) = (
            format!(
                "while read -r h; do redis-cli -h $h -p {port} info replication </dev/null; done <{}",
                all.display()
            ),
            format!(
                "xargs -P16 -I@ redis-cli -h @ -p {port} info replication <{}",
                all.display()
            ),
        );
        for _ in 0..rounds {
            let one = cost::of(&mut operator.command(&["status", "--no-ssh"]));
            assert_eq!(one.code, 0, "not healthy");
            ours.push(one);
            bare.push(cost::of(
                Command::new(std::env::current_exe().unwrap())
                    .args(["--exact", "status_bench::bare_client", "--test-threads=1"])
                    .env(bare::VARIABLE, format!("{} {port}", field.nodes)),
            ));
            cli.push(cost::of(Command::new("sh").args(["-c", &one_by_one])));
            xargs.push(cost::of(Command::new("sh").args(["-c", &side_by_side])));
        }
        for costs in [&cli, &xargs, &bare] {
            assert!(costs.iter().all(|c| c.code == 0), "{costs:?}");
        }
        Self {
            ours: median(&ours),
            cli: median(&cli),
            xargs: median(&xargs),
            bare: median(&bare),
        }
    }

    fn write(&self, nodes: usize, table: &mut String) {
        for (name, cost) in [
            ("replctl status", &self.ours),
            ("a bare client's INFO", &self.bare),
            ("xargs -P16 redis-cli", &self.xargs),
            ("a loop of redis-cli", &self.cli),
        ] {
            let _ = writeln!(
                table,
                "{nodes:>6} {name:<26} {:>9.0} {:>9.0} {:>11.0} {:>11.1} {:>8.2}x",
                cost.wall_ms,
                cost.cpu_ms,
                cost.cpu_ms * 1e3 / nodes as f64,
                cost.memory_mib,
                cost.wall_ms / self.ours.wall_ms
            );
        }
    }
}

/// A tenth of the nodes frozen, dead, or behind a firewall that drops packets.
fn silent(field: &Field, table: &mut String) {
    let mut look = |what: &str, inventory: &Path| {
        let operator = Replctl::new().inventory(inventory);
        let cost = cost::of(&mut operator.command(&["status", "--no-ssh"]));
        assert_eq!(cost.code, 4, "{what}");
        let _ = writeln!(
            table,
            "{:>6} {:<26} {:>9.0} {:>9.0}",
            field.nodes,
            format!("replctl, a tenth {what}"),
            cost.wall_ms,
            cost.cpu_ms
        );
        // One time-out of two seconds in all, and what looking costs besides.
        let most = 3_500.0 + 3.0 * field.nodes as f64;
        assert!(cost.wall_ms < most, "{what}: {cost:?}");
    };
    if field.tenth().next().is_none() {
        return;
    }
    let moved =
        |to: u16| move |node: usize| (ip(node), if node % 10 == 5 { to } else { field.port });
    look("dead", &field.inventory_of("dead", moved(ports::free())));
    let wall = Wall::build();
    look("cut off", &field.inventory_of("cut-off", moved(wall.port)));
    // Last: those that were frozen have to get in sync again.
    field.freeze(true);
    look("frozen", &field.inventory);
    field.freeze(false);
}

/// A port that answers no client: a listener that accepts nothing, and whose queue is full.
struct Wall {
    port: u16,
    _listener: TcpListener,
    _queue: Vec<std::net::TcpStream>,
}

impl Wall {
    #[allow(unsafe_code)]
    fn build() -> Self {
        let port = ports::free();
        let listener = TcpListener::bind(("0.0.0.0", port)).unwrap();
        // SAFETY: a call without memory of ours.
        unsafe { libc::listen(std::os::fd::AsRawFd::as_raw_fd(&listener), 0) };
        let at = std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let within = std::time::Duration::from_millis(200);
        let mut queue = Vec::new();
        while let Ok(stream) = std::net::TcpStream::connect_timeout(&at, within) {
            queue.push(stream);
        }
        Self {
            port,
            _listener: listener,
            _queue: queue,
        }
    }
}

/// The limits, in one run.
fn hold(seen: &[(usize, Look)], table: &str) {
    let at = |nodes: usize| &seen.iter().find(|(n, _)| *n == nodes).unwrap().1;
    let (hundred, thousand) = (at(100), at(1000));
    let times = |other: &Cost| other.wall_ms / thousand.ours.wall_ms;
    let each = |look: &Look, nodes: usize| look.ours.cpu_ms / nodes as f64;
    let growth = each(thousand, 1000) / each(hundred, 100);
    let mut wrong = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    let (cli, xargs) = (times(&thousand.cli), times(&thousand.xargs));
    check(
        cli >= 12.0,
        format!("a loop of redis-cli takes {cli:.1} times as long, not 12"),
    );
    check(
        xargs >= 6.0,
        format!("xargs -P16 takes {xargs:.1} times as long, not 6"),
    );
    let bare = 1.0 / times(&thousand.bare);
    check(
        bare <= 2.5,
        format!("it takes {bare:.1} times as long as the bare client, not 2.5"),
    );
    let memory = thousand.ours.memory_mib;
    check(memory <= 48.0, format!("it takes {memory:.0} MiB, not 48"));
    check(
        growth <= 1.3,
        format!("a node costs {growth:.2} times as much at 1,000 as at 100, not 1.3"),
    );
    assert!(wrong.is_empty(), "{wrong:?}\n{table}");
}

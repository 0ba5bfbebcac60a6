//! The cost of a setup on its hosts, counted in processes and commands, not in time. One process
//! per fact once made fifty hosts as slow as a shell script that asks one after the other.

use crate::setup_lab::bench::{Bench, hosts};
use crate::support::{Flavour, Lab, figure};

/// A replica's host: less happens on it than on the primary's.
const HOST: &str = "slave1";

/// The number of the last process on a host, which counts its processes from its own numbers. The
/// reading itself takes a few.
fn last_process(lab: &Lab) -> u32 {
    let said = lab
        .inside(HOST, "read -r _ _ _ _ last </proc/loadavg; echo $last")
        .ok();
    said.stdout.trim().parse().unwrap()
}

/// Processes that are started between two readings anyway.
fn reading(lab: &Lab) -> u32 {
    let before = last_process(lab);
    last_process(lab) - before
}

/// Commands that sshd has begun on the host so far, and logins.
fn commands(lab: &Lab) -> (usize, usize) {
    let console = lab.console(HOST);
    let count = |words: &str| console.lines().filter(|l| l.contains(words)).count();
    (count("Starting session: "), count("Accepted publickey"))
}

fn counted(lab: &Lab, work: impl FnOnce()) -> (u32, usize, usize) {
    let (processes, (begun, logins)) = (last_process(lab), commands(lab));
    work();
    let after = commands(lab);
    let processes = last_process(lab) - processes - reading(lab);
    (processes, after.0 - begun, after.1 - logins)
}

#[test]
fn a_look_and_a_set_up_start_few_processes() {
    for flavour in [Flavour::Light, Flavour::Busybox] {
        let Some(lab) = hosts(flavour, &[]) else {
            return;
        };
        // OpenSSH tells its commands then; dropbear does not.
        let tells = flavour == Flavour::Light;
        if tells {
            let line = "echo LogLevel VERBOSE >>/etc/ssh/sshd_config.d/lab.conf && kill -HUP $(cat /run/sshd.pid)";
            lab.inside(HOST, line).ok();
            lab.wait_for(HOST);
        }
        let bench = Bench::new(&lab);
        let first = counted(&lab, || drop(bench.run(&["setup", "--yes"]).ok()));
        let again = counted(&lab, || drop(bench.nothing_to_do()));
        figure(&format!(
            "setup of a {flavour:?} host: {} processes, {} commands; of one that is set up: {} processes, {} commands",
            first.0, first.1, again.0, again.1
        ));
        let most = if tells { (110, 32) } else { (100, 27) };
        assert!(first.0 <= most.0, "{flavour:?}: {} processes", first.0);
        assert!(again.0 <= most.1, "{flavour:?}: {} processes", again.0);
        if tells {
            assert!(first.1 <= 8, "{} commands", first.1);
            assert!(again.1 <= 3, "{} commands", again.1);
            assert_eq!((first.2, again.2), (1, 1), "logins");
        }
    }
}

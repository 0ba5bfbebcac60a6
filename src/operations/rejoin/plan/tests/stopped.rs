//! Old primaries whose servers give no answer.

use super::*;
use crate::plan::divergence::{Disk, NoDisk};
use crate::plan::facts::StoredData;
use crate::topology::sample::down;
use crate::topology::service::{Arguments, Chain, Service, Starter, Unit};
use crate::topology::{Trouble, TroubleKind};

fn disk() -> Disk {
    Disk {
        runs: false,
        configured: true,
        data: StoredData::Keys,
        history: Some(("a".repeat(40), 100)),
        folder: None,
    }
}

#[test]
fn one_that_is_stopped_gets_its_role_into_its_file_before_it_is_started() {
    let mut topology = parted();
    topology.nodes[0] = down("master", 0);
    let run = |disk: Disk| run(&asked("master"), &Own::Silent(Ok(disk)), &topology).unwrap();
    let started = [
        "master: write `replicaof 10.0.0.1:6380` into its file, so that it returns as a replica",
        "master: start the server over SSH",
        "master: wait until it answers",
        "master: wait until in sync with slave1",
        "master: write its role into its configuration file and read it back",
    ];
    let within = run(disk());
    assert_eq!(actions(&within), started);
    assert_eq!(within.may_lose, None);
    assert!(
        within.warnings[0]
            .text()
            .contains("its dump ends before `slave1` took over")
    );
    for history in [None, Some(("a".repeat(40), 101)), Some(("c".repeat(40), 5))] {
        let plan = run(Disk { history, ..disk() });
        assert_eq!(actions(&plan)[0], "master: copy its data files into /b");
        assert_eq!(actions(&plan)[1..], started);
        assert_eq!(
            plan.may_lose.as_deref(),
            Some("what only `master` has on its disk (backed up first)")
        );
    }
    let empty = run(Disk {
        data: StoredData::Empty,
        history: None,
        ..disk()
    });
    assert_eq!(actions(&empty), started);
}

/// A server of Debian's package, which is stopped.
fn of_others(starter: Starter) -> Topology {
    let mut topology = parted();
    topology.nodes[0] = down("master", 0);
    topology.nodes[0].service = Some(Box::new(Service {
        starter,
        file: Some("/etc/redis/redis.conf".to_owned()),
        settings: Ok(Chain::default()),
        arguments: Arguments::Shown(Vec::new()),
        ..Service::unseen(None, "")
    }));
    topology
}

#[test]
fn one_that_others_have_made_is_started_by_its_own_unit_or_by_them() {
    let unit = Unit {
        name: "redis-server.service".to_owned(),
        user: Some("redis".to_owned()),
        fragment: None,
        drop_ins: Vec::new(),
        exec_start: String::new(),
        enabled: Some(true),
        confined: Vec::new(),
    };
    let own = Own::Silent(Ok(disk()));
    let topology = of_others(Starter::Unit(Box::new(unit)));
    let planned = run(&asked("master"), &own, &topology).unwrap();
    let titles: Vec<&str> = planned.stages.iter().map(|s| s.title.as_str()).collect();
    assert!(
        titles.contains(&"start master by redis-server.service, as a replica of slave1"),
        "{titles:?}"
    );
    // Without a file, its role would have no place. The host answers all the same.
    let bare = "redis-server.service starts it without a configuration file".to_owned();
    let bare = Own::Silent(Err(NoDisk::Settings(bare)));
    let refused = reason(run(&asked("master"), &bare, &topology));
    assert!(
        refused
            .contains("its next start reads is not known: redis-server.service starts it without")
            && refused.contains("systemctl cat redis-server.service"),
        "{refused}"
    );
}

#[test]
fn one_that_no_unit_starts_is_left_to_its_makers_with_its_data() {
    let topology = of_others(Starter::Nothing);
    let by_hand = |disk: Disk| reason(run(&asked("master"), &Own::Silent(Ok(disk)), &topology));
    let within = by_hand(disk());
    assert_eq!(
        within,
        "`master` does not run, and replctl, which has not made it, cannot start it: no unit that starts it was found (the inventory can name it: `unit` of the node) | on its host, let /etc/redis/redis.conf end with the line `replicaof 10.0.0.1 6380`, and start it as before; then: replctl rejoin master"
    );
    // Its start as a replica replaces what it has: the hint has a copy made first.
    let own = by_hand(Disk {
        history: None,
        folder: Some("/srv/orders".to_owned()),
        ..disk()
    });
    assert!(
        own.contains(
            "first copy /srv/orders, for only `master` may have what lies there; then let"
        ),
        "{own}"
    );
    let frozen = by_hand(Disk {
        runs: true,
        ..disk()
    });
    assert!(
        frozen.contains("`master` runs and gives no answer") && !frozen.contains("discard"),
        "{frozen}"
    );
}

#[test]
fn what_a_silent_process_has_in_its_memory_is_discarded_only_when_named() {
    let mut topology = parted();
    topology.nodes[0].state = State::Down(Trouble {
        kind: TroubleKind::Frozen,
        detail: "it says nothing".to_owned(),
    });
    let silent = |disk| Own::Silent(disk);
    let runs = silent(Ok(Disk {
        runs: true,
        ..disk()
    }));
    let refused = reason(run(&asked("master"), &runs, &topology));
    assert!(
        refused.contains("cannot be backed up") && refused.contains("kill -CONT"),
        "{refused}"
    );
    let discard = Rejoin {
        backup: None,
        ..asked("master")
    };
    let plan = run(&discard, &runs, &topology).unwrap();
    assert_eq!(actions(&plan)[0], "master: stop the server over SSH");
    assert!(plan.may_lose.unwrap().contains("in its memory"));
    let unreachable = silent(Err(NoDisk::Host("no route".to_owned())));
    assert!(
        reason(run(&asked("master"), &unreachable, &topology))
            .contains("its host cannot be worked on: no route")
    );
    let bare = silent(Ok(Disk {
        configured: false,
        ..disk()
    }));
    assert!(reason(run(&asked("master"), &bare, &topology)).ends_with("replctl setup master"));
}

//! `add` and `remove` on hosts behind real sshds of this machine: each is done completely or not at
//! all, also in the inventory, whose other bytes stay. Failures are in `members/failed.rs`, deaths
//! of replctl in `members/deaths.rs`, hosts with systemd in `members/lab.rs`.

#![allow(clippy::unwrap_used)]

mod crew;
mod deaths;
mod failed;
mod lab;

use crate::support::process::living_in;
use crate::support::{await_that, figure};
use crew::{Crew, PASSWORD};

/// Adds `slave2`. Returns the inventory with it.
fn comes(crew: &Crew) -> String {
    let ran = crew
        .add("slave2", 2, &["--priority", "7", "--yes", "--json"])
        .ok();
    assert!(!ran.stdout.contains(PASSWORD) && !ran.stderr.contains(PASSWORD));
    let json = Crew::json(&ran);
    assert_eq!(
        (&json["written"], &json["upstream"]),
        (&true.into(), &"master".into())
    );
    assert!(
        json["proved"]
            .as_str()
            .unwrap()
            .contains("a write was read on 1 replica")
    );
    figure(&format!("add of one node behind sshd: {:?}", ran.took));
    crew.follows(2, 0);
    assert_eq!(crew.client(2).config("replica-priority"), "7");
    let table = format!(
        "\n[[node]]\nname = \"slave2\"\naddress = \"127.0.0.1\"\nport = {}\nreplicaof = \"master\"\npriority = 7\nssh = \":{}\"\n",
        crew.port(2),
        crew.sshds.hosts()[2].port
    );
    let with = crew
        .text
        .replace("\n\n# [hooks]", &format!("\n{table}\n# [hooks]"));
    assert_eq!(crew.now(), with);
    crew.run(&["setup", "--yes"]).ok().says("Nothing to do");
    crew.run(&["status"]).ok();
    crew.add("slave2", 2, &["--yes"])
        .code(3)
        .says("replctl setup slave2");
    with
}

/// Removes `slave2` but keeps its files, so that it can come back.
fn goes_and_is_brought_back(crew: &Crew, with: &str) {
    let ran = crew
        .run(&["remove", "slave2", "--yes"])
        .ok()
        .says("nothing starts it again");
    figure(&format!("remove of one node behind sshd: {:?}", ran.took));
    assert_eq!(crew.now(), crew.text);
    assert!(crew.connect(2).is_err() && crew.own(2).join("conf/redis.cnf").exists());
    assert_eq!(crew.listed(0), "1");
    crew.run(&["status"]).ok();
    let full = crew.client(0).info("stats")["sync_full"].clone();
    crew.run(&["undo", "last", "--yes"])
        .ok()
        .says("To undo `remove slave2`: replctl add slave2");
    assert_eq!(crew.now(), with);
    crew.follows(2, 0);
    assert_eq!(
        crew.client(0).info("stats")["sync_full"],
        full,
        "it had its data still"
    );
}

/// Removes it with all its files.
fn is_purged(crew: &Crew, with: &str) {
    crew.run(&["remove", "slave2", "--purge", "--dry-run"])
        .ok()
        .says("and all that is in it (");
    assert_eq!(crew.now(), with);
    let json = Crew::json(
        &crew
            .run(&["remove", "slave2", "--purge", "--yes", "--json"])
            .ok(),
    );
    assert_eq!(
        (&json["stopped"], &json["purged"]),
        (&true.into(), &true.into())
    );
    assert_eq!(crew.now(), crew.text);
    crew.nothing_of(2);
    // The program is the others' too.
    assert!(
        crew.db()
            .join(format!("server/current-{}/redis-server", crew.port(0)))
            .exists()
    );
    crew.run(&["undo", "last", "--yes"])
        .code(3)
        .says("replctl add slave2 --address");
    crew.run(&["report", "last"])
        .ok()
        .says("master: it lists 1 other replica");
    crew.run(&["history", "slave2"])
        .ok()
        .says("remove slave2 --purge");
}

#[test]
fn a_node_comes_and_goes_and_every_other_byte_stays() {
    let Some(crew) = Crew::new(1) else { return };
    crew.add("slave2", 2, &["--dry-run"])
        .ok()
        .says("[[node]], name = \"slave2\"");
    crew.add("slave2", 2, &[]).code(3).says("--yes");
    assert_eq!(crew.now(), crew.text);
    assert!(!crew.own(2).exists());

    let with = comes(&crew);
    goes_and_is_brought_back(&crew, &with);
    is_purged(&crew, &with);
}

#[test]
fn what_was_added_is_undone_with_all_that_came_with_it() {
    let Some(crew) = Crew::new(1) else { return };
    crew.add("slave2", 2, &["--yes"]).ok();
    crew.run(&["undo", "last", "--dry-run"]).ok().says("out of");
    crew.run(&["undo", "last", "--yes"])
        .ok()
        .says("replctl remove slave2 --purge");
    assert_eq!(crew.now(), crew.text);
    crew.nothing_of(2);
    // What stays running is taken out and in again without being touched.
    crew.add("slave2", 2, &["--replicaof", "slave1", "--yes"])
        .ok();
    crew.follows(2, 0);
    let pid = crew.client(2).info("server")["process_id"].clone();
    let with = crew.now();
    crew.run(&["remove", "slave2", "--leave-running", "--yes"])
        .ok()
        .says("goes on replicating");
    assert_eq!(crew.now(), crew.text);
    crew.run(&["undo", "last", "--yes"]).ok();
    assert_eq!(crew.now(), with);
    assert_eq!(crew.client(2).info("server")["process_id"], pid);
    // Whoever has its data from another keeps that one.
    crew.run(&["remove", "slave1", "--yes"])
        .code(3)
        .says("replctl move slave2 --under master");
}

#[test]
fn the_primary_stays_and_the_first_one_leaves_once_it_was_replaced() {
    let Some(crew) = Crew::new(1) else { return };
    crew.add("slave2", 2, &["--yes"]).ok();
    crew.run(&["remove", "master", "--yes"])
        .code(3)
        .says("is the primary");
    crew.run(&["promote", "slave1", "--yes"]).ok();
    // Its host is dead: what could not be done there is said.
    for pid in living_in(&crew.own(0)) {
        crate::support::process::signal(pid, libc::SIGKILL);
    }
    crew.sshds.hosts()[0].kill();
    await_that(
        "its death to be seen",
        std::time::Duration::from_secs(5),
        || crew.listed(1) == "1",
    );
    crew.run(&["remove", "master", "--purge", "--yes"])
        .ok()
        .says("nothing can be done on the host of `master`")
        .says("its files stay");
    let now = crew.now();
    assert!(!now.contains("name = \"master\"") && now.starts_with("[deployment]"));
    assert!(
        now.contains("# Who is where.\n") && now.contains("# before_promote"),
        "{now}"
    );
    assert_eq!(now.matches("replicaof = \"slave1\"").count(), 1, "{now}");
    crew.run(&["status"]).ok();
    crew.follows(2, 1);
}

#[test]
fn a_host_that_only_cannot_be_reached_keeps_its_node() {
    let Some(crew) = Crew::new(0) else { return };
    crew.sshds.hosts()[1].kill();
    crew.run(&["remove", "slave1", "--yes"])
        .code(3)
        .says("`slave1` answers, and cannot be stopped");
    assert_eq!(crew.now(), crew.text);
    crew.run(&["remove", "slave1", "--leave-running", "--yes"])
        .ok();
    assert!(!crew.now().contains("slave1"));
    assert_eq!(crew.listed(0), "1");
    // What runs and replicates is taken in again as it is, although nobody can work on its host.
    crew.add("slave1", 1, &["--yes"])
        .ok()
        .says("only taken into the inventory");
    crew.follows(1, 0);
}

//! The tutorial's story on real hosts at its own addresses, with its mistake: slave2 points at
//! 192.168.1.130, and the network is 192.168.0. Its author pasted `master_link_status:down` and did
//! not notice.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::support::{Deployed, Flavour, Lab, await_that};
use std::time::Duration;

#[test]
fn the_tutorials_typo_is_named_and_repaired_by_its_hint() {
    let Some(lab) = Lab::of_three(Flavour::Light) else {
        return;
    };
    let story = Deployed::set_up(&lab);
    writes_flow_one_way(&story);

    // The master is lost, and the rest is done by hand, as the tutorial does it.
    lab.kill("master");
    assert_eq!(story.ask("slave1", &["SLAVEOF", "NO", "ONE"]), "OK");
    assert_eq!(
        story.ask("slave2", &["SLAVEOF", "192.168.1.130", "6379"]),
        "OK"
    );
    await_that(
        "the link to be down for a second",
        Duration::from_secs(10),
        || story.info("slave2", "master_link_down_since_seconds") == "1",
    );
    let ran = story
        .status("master's host off, and the typo", 4)
        .says("primary slave1 (192.168.0.130:6379), 0 of 2 replicas in sync")
        .says("`slave2` replicates from 192.168.1.130:6379, which is no node of the inventory (closest: `slave1`, 192.168.0.130:6379), and the link has been down for")
        .says("hint: replctl promote slave1");
    assert_eq!(
        ran.stdout.matches("`slave2`").count(),
        1,
        "one cause, one finding: {ran}"
    );
    let typo = story.finding("upstream-unknown");
    assert_eq!(typo["severity"], "problem");
    assert_eq!(typo["data"]["closest"], "slave1");
    assert!(
        typo["data"]["down_since_seconds"].as_u64().unwrap() >= 1,
        "{typo:#}"
    );

    story
        .paste("upstream-unknown")
        .ok()
        .says("slave1 (192.168.0.130:6379) is the primary");
    story.await_primary("slave1", &["slave2"]);
    assert_eq!(story.ask("slave2", &["LLEN", "lst"]), "5");
    assert_eq!(story.persisted("slave1"), "");
    assert_eq!(story.persisted("slave2"), "replicaof 192.168.0.130 6379");
    let left = story.status("master's host off", 4);
    assert!(!left.stdout.contains("192.168.1.130"), "{left}");

    the_old_master_returns(&story);
}

fn writes_flow_one_way(story: &Deployed<'_>) {
    let five = ["LPUSH", "lst", "1", "2", "3", "4", "5"];
    assert_eq!(story.ask("master", &five), "5");
    await_that("the list on slave1", Duration::from_secs(5), || {
        let list = story
            .client("slave1")
            .command(&["LRANGE", "lst", "0", "-1"]);
        let list: Vec<String> = list
            .items()
            .iter()
            .map(crate::support::Reply::text)
            .collect();
        list == ["5", "4", "3", "2", "1"]
    });
    let refused = story.ask("slave2", &["LPUSH", "lst", "6"]);
    assert!(refused.starts_with("READONLY"), "{refused}");
    story.status("healthy", 0).says("2 replicas in sync");
}

/// Nothing starts its server. It comes back as a replica, whatever its name suggests.
fn the_old_master_returns(story: &Deployed<'_>) {
    story.lab.boot("master");
    story.lab.wait_for("master");
    story
        .status("master's server not started", 4)
        .says("nothing listens there");
    story.paste("unfenced-old-primary").ok();
    story.await_primary("slave1", &["master", "slave2"]);
    story.await_healthy();
    assert_eq!(story.ask("master", &["LLEN", "lst"]), "5");
    story
        .operator
        .run(&["promote", "master", "--yes"])
        .ok()
        .says("no acknowledged write is lost");
    story.await_primary("master", &["slave1", "slave2"]);
    story.status("the original order again", 0);
}

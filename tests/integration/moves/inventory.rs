//! The inventory's line for a moved node: it is reported, and changed only on request.

use crate::moves::four;
use crate::support::program::Replctl;
use crate::support::server::Family;

#[test]
fn the_inventory_is_told_where_that_is_asked_for() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = four(family);
    let file = deployment.inventory();
    let operator = Replctl::new().inventory(&file);
    let text = std::fs::read_to_string(&file).unwrap();
    let now = || std::fs::read_to_string(&file).unwrap();
    let line = text.lines().position(|l| l.contains("\"slave2\"")).unwrap() + 4;
    let here = format!("{}:{line} says `replicaof = \"master\"`", file.display());
    let hint = "replctl move slave2 --under slave1 --update-inventory";
    let move_2 = ["move", "slave2", "--under", "slave1", "--yes"];
    operator.run(&move_2).ok().says(&here).says(hint);
    operator.run(&move_2).ok().says("Nothing to do").says(&here);
    assert_eq!(now(), text);
    // Nothing is left to do but that; and then nothing at all.
    let told = [
        "move",
        "slave2",
        "--under",
        "slave1",
        "--update-inventory",
        "--yes",
    ];
    let ran = operator.run(&told).ok();
    assert!(!ran.stdout.contains("says `replicaof"), "{ran}");
    let slave2 = format!(
        "port = {}\nreplicaof = \"master\"",
        deployment.servers[2].port
    );
    let moved = text.replace(&slave2, &slave2.replace("master", "slave1"));
    assert_ne!(moved, text);
    assert_eq!(now(), moved);
    operator.run(&told).ok().says("Nothing to do");
    // Undone together, and together with the move.
    operator.run(&["undo", "last", "--yes"]).ok();
    let back = [
        "move",
        "slave2",
        "--under",
        "master",
        "--update-inventory",
        "--yes",
        "--json",
    ];
    let json = operator.run(&back).ok().stdout;
    assert!(json.contains("\"replicaof\": \"master\""), "{json}");
    assert_eq!(now(), text);
    operator.run(&told).ok();
    assert_eq!(now(), moved);
    operator.run(&["undo", "last", "--yes"]).ok();
    assert_eq!(now(), text);
    deployment.assert_under(2, 0);
    refused_where_it_cannot_be_written(&operator, &told);
}

/// A circle among the inventory's upstreams, and the first primary, which has no `replicaof` line.
fn refused_where_it_cannot_be_written(operator: &Replctl<'_>, told: &[&str]) {
    operator.run(told).ok();
    operator
        .run(&[
            "move",
            "slave1",
            "--under",
            "master",
            "--update-inventory",
            "--yes",
        ])
        .ok()
        .says("Nothing to do");
    operator.run(&["promote", "slave1", "--yes"]).ok();
    operator
        .run(&[
            "move",
            "master",
            "--under",
            "slave1",
            "--update-inventory",
            "--yes",
        ])
        .code(3)
        .says("it is the first primary");
}

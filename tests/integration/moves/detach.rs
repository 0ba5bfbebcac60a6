//! A detached replica: no other command touches it until an operator brings it back by name.

use super::*;

#[test]
fn a_detached_node_is_left_alone_until_it_is_brought_back() {
    let Some(family) = Family::debian() else {
        return;
    };
    let mut deployment = four(family);
    let operator = deployment.operator();
    assert_everybody_gets_writes(&deployment);
    let role = |d: &Deployment| d.servers[3].client().info("replication")["role"].clone();
    operator
        .run(&["detach", "master", "--yes"])
        .code(3)
        .says("is a primary");
    operator
        .run(&["move", "slave2", "--under", "slave3", "--yes"])
        .ok();
    operator
        .run(&["detach", "slave3", "--yes"])
        .code(3)
        .says("replctl move slave2 --under master");
    operator
        .run(&["move", "slave2", "--under", "master", "--yes"])
        .ok();
    operator
        .run(&["detach", "slave3", "--yes"])
        .ok()
        .says("writable primary of its own")
        .says("slave3 stands alone");
    assert_eq!(role(&deployment), "master");
    operator
        .run(&["detach", "slave3", "--yes"])
        .ok()
        .says("Nothing to do");
    deployment.servers[3].restart();
    assert_eq!(role(&deployment), "master", "its file says so");
    let mut own = deployment.servers[3].client();
    assert_eq!(own.command(&["SET", "own", "1"]).text(), "OK");
    let seen = operator
        .run(&["status", "--no-ssh"])
        .says("slave3` was detached");
    assert!(!seen.stdout.contains("PRIMARIES"), "{seen}");
    assert!(!seen.stdout.contains("take writes"), "{seen}");
    // Promoting works beside it, and does not touch it.
    operator.run(&["promote", "slave1", "--yes"]).ok();
    deployment.assert_under(0, 1);
    deployment.assert_under(2, 1);
    assert_eq!(role(&deployment), "master");
    for arguments in [
        &["promote", "slave3", "--yes"][..],
        &["setup", "slave3", "--yes"],
        &["move", "slave2", "--under", "slave3", "--yes"],
    ] {
        operator.run(arguments).code(3).says("stands alone");
    }
    operator
        .run(&["move", "slave3", "--under", "slave1", "--yes"])
        .code(3)
        .says("--discard-data slave3");
    assert_eq!(own.command(&["GET", "own"]).text(), "1");
    back(&operator, "slave1");
    deployment.assert_under(3, 1);
    let seen = operator.run(&["status", "--no-ssh"]);
    assert!(!seen.stdout.contains("detached"), "{seen}");
}

fn back(operator: &Replctl<'_>, under: &str) {
    operator
        .run(&[
            "move",
            "slave3",
            "--under",
            under,
            "--discard-data",
            "slave3",
            "--yes",
        ])
        .ok();
}

#[test]
fn a_detachment_is_gone_on_with_wherever_it_died() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = four(family);
    let operator = deployment.operator();
    assert_everybody_gets_writes(&deployment);
    let mut deaths = 0;
    for line in 1.. {
        let mut command = operator.command(&["detach", "slave3", "--yes"]);
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
        let ran = crate::support::process::run(&mut command, Duration::from_mins(1));
        if ran.code == Some(0) {
            break;
        }
        assert_eq!(ran.code, None, "{}", ran.stderr);
        deaths += 1;
        operator.run(&["resume", "--yes"]).ok();
        let mut own = deployment.servers[3].client();
        assert_eq!(own.info("replication")["role"], "master");
        let seen = operator.run(&["status", "--no-ssh"]);
        assert!(seen.stdout.contains("slave3` was detached"), "{seen}");
        back(&operator, "master");
        deployment.assert_under(3, 0);
    }
    assert!(deaths > 6, "only {deaths} lines");
    figure(&format!(
        "detach: killed at each of {deaths} journal lines and resumed"
    ));
}

//! Failures of `add` and `remove`: everything is rolled back, and foreign changes in the inventory
//! stay.

use crate::members::crew::Crew;
use crate::support::await_that;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

#[test]
fn what_stands_against_it_is_said_before_anything_is_touched() {
    let Some(crew) = Crew::new(1) else { return };
    let refused = |ran: crate::support::Ran, code: i32, says: &str| {
        ran.code(code).says(says);
        assert_eq!(crew.now(), crew.text);
        assert!(!crew.own(2).exists());
    };
    let taken = TcpListener::bind(("127.0.0.1", crew.port(2))).unwrap();
    let why = format!("port {} of the host of `slave2` is taken", crew.port(2));
    refused(crew.add("slave2", 2, &["--yes"]), 3, &why);
    drop(taken);
    let add = |arguments: &[&str]| crew.run(&[&["add"], arguments, &["--yes"]].concat());
    refused(
        add(&["slave 2", "--address", "127.0.0.1"]),
        2,
        "is no name for a node",
    );
    refused(
        add(&["slave2", "--address", "127.0.0.1:0"]),
        2,
        "has a port that is no number",
    );
    let again = format!("127.0.0.1:{}", crew.port(0));
    refused(
        add(&["slave2", "--address", &again]),
        2,
        "so is that of node `master`",
    );
    refused(
        add(&["slave2", "--address", "10.0.0.300"]),
        2,
        "is no IPv4 address",
    );
    refused(
        add(&["slave2", "--address", "127.0.0.1:1", "--ssh", "a b@"]),
        2,
        "cannot add `slave2`: `user`",
    );
    refused(
        add(&["slave2", "--address", "127.0.0.1:1", "--replicaof", "x"]),
        2,
        "no node `x`",
    );
    crew.sshds.hosts()[2].kill();
    refused(
        crew.add("slave2", 2, &["--yes"]),
        3,
        "cannot look at the host of `slave2`",
    );
    // Root may write anything: only others find a file that they may not.
    let file = crew.file();
    if std::fs::OpenOptions::new()
        .append(true)
        .open("/proc/version")
        .is_err()
    {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o400)).unwrap();
    }
    crew.run(&["remove", "nobody", "--yes"])
        .code(2)
        .says("no node `nobody`");
}

#[test]
fn what_fails_on_the_way_is_put_back_wholly() {
    let Some(crew) = Crew::new(1) else { return };
    // A file where a directory belongs.
    std::fs::create_dir(crew.own(2)).unwrap();
    let log = crew.own(2).join("logs");
    std::fs::write(&log, "somebody's").unwrap();
    crew.add("slave2", 2, &["--yes"])
        .code(1)
        .says("all was put back");
    assert_eq!(crew.now(), crew.text);
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "somebody's");
    std::fs::remove_dir_all(crew.own(2)).unwrap();

    // The primary gives it no data: its server has run by then, and has written its log.
    let mut primary = crew.client(0);
    assert_eq!(
        primary
            .command(&["ACL", "SETUSER", "default", "-psync"])
            .text(),
        "OK"
    );
    let all = crew.adding("slave2", 2, &["--yes"]);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut running = crew.operator.start(&all);
    await_that("its server", Duration::from_secs(20), || {
        crew.connect(2).is_ok()
    });
    running.signal(libc::SIGINT);
    let ran = running.wait(Duration::from_mins(1));
    assert!(matches!(ran.code, Some(1 | 130)), "{ran}");
    assert_eq!(crew.now(), crew.text, "{ran}");
    crew.nothing_of(2);
    assert_eq!(crew.listed(0), "1");
    assert_eq!(
        primary
            .command(&["ACL", "SETUSER", "default", "+psync"])
            .text(),
        "OK"
    );
    crew.add("slave2", 2, &["--yes"]).ok();
    crew.follows(2, 0);
}

#[test]
fn what_somebody_else_writes_meanwhile_is_left_alone() {
    let Some(crew) = Crew::new(1) else { return };
    let mine = "\n# mine\n";
    // While the question stands there.
    let all = crew.adding("slave2", 2, &[]);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut asked = crew.operator.terminal(20, &all);
    asked.exp_string("Do this?").unwrap();
    std::fs::write(crew.file(), crew.text.clone() + mine).unwrap();
    asked.send("y").unwrap();
    asked.flush().unwrap();
    asked
        .exp_string("was changed while this was planned")
        .unwrap();
    asked.exp_eof().unwrap();
    assert_eq!(crew.now(), crew.text.clone() + mine);
    assert!(!crew.own(2).exists());

    // After replctl has written it, and died.
    let text = crew.now();
    assert!(crew.dies(&crew.adding("slave2", 2, &["--yes"]), 5));
    let with = crew.now();
    assert!(with.contains("slave2"), "{with}");
    std::fs::write(crew.file(), with.clone() + mine).unwrap();
    let stopped = crew.run(&["rollback", "--yes"]).code(5);
    let stopped = stopped.says("was changed since this was planned, and is left as it is");
    assert_eq!(crew.now(), with + mine, "{stopped}");
    // Whoever did it takes it out by hand.
    std::fs::write(crew.file(), text.clone() + mine).unwrap();
    crew.run(&["rollback", "--yes"])
        .ok()
        .says("all is as it was before");
    assert_eq!(crew.now(), text + mine);
    crew.nothing_of(2);
}

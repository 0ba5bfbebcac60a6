//! `status` names the one true cause first: on real servers that load, are busy, hide INFO, are fed
//! by the primary without being nodes, or died in their first seconds. Its hints work.

#![allow(clippy::unwrap_used)]

use crate::support::await_that;
use crate::support::inventory::{InventoryText, NodeText};
use crate::support::program::Replctl;
use crate::support::rotation::each_family;
use crate::support::server::{Family, LocalServer};
use crate::support::sshd::Sshds;
use crate::support::trio::{NAMES, Trio};
use std::process::{Command, Stdio};
use std::time::Duration;

fn ask(server: &LocalServer, words: &[&str]) -> String {
    server.client().command(words).text()
}

/// The findings, first to last, as `code: message | hint`.
fn findings(operator: &Replctl<'_>, more: &[&str]) -> Vec<String> {
    let arguments: Vec<&str> = ["status", "--json"].iter().chain(more).copied().collect();
    let json: serde_json::Value = serde_json::from_str(&operator.run(&arguments).stdout).unwrap();
    let text = |v: &serde_json::Value| v.as_str().unwrap_or("-").to_owned();
    let all = json["findings"].as_array().unwrap().iter();
    all.map(|f| {
        format!(
            "{}: {} | {}",
            text(&f["code"]),
            text(&f["message"]),
            text(&f["hint"])
        )
    })
    .collect()
}

fn shell(line: &str) -> String {
    let ran = Command::new("sh")
        .args(["-c", line])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    format!(
        "{}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    )
}

/// K6.1: the replica is named, with the effect of a promotion on it, and that effect is real.
#[test]
fn a_replica_that_the_inventory_lacks_is_named() {
    each_family(|_, family| {
        let trio = Trio::start(family, &[]);
        let operator = trio.operator();
        operator.run(&["status", "--no-ssh"]).ok();
        let fourth = family.start(&[]);
        fourth.follow(&trio.servers[0]);
        let at = format!("127.0.0.1:{}", fourth.port);
        operator
            .run(&["status", "--no-ssh"])
            .code(4)
            .says(&format!(
                "`master` feeds a replica that the inventory lacks: {at}"
            ))
            .says(&format!("replctl add NAME --address {at}"));
        operator
            .run(&["promote", "slave1", "--yes"])
            .ok()
            .says(&format!(
                "`master` feeds a replica that the inventory lacks ({at}): it stays under `master`"
            ));
        let upstream = fourth.client().info("replication")["master_port"].clone();
        assert_eq!(upstream, trio.servers[0].port.to_string());
        let says = format!("`master` feeds a replica that the inventory lacks: {at}");
        // 6.x cuts the links of a node that is demoted.
        await_that("the link of the fourth", Duration::from_secs(10), || {
            let ran = operator.run(&["status", "--no-ssh"]);
            ran.code == Some(4) && ran.stdout.contains(&says)
        });
    });
}

/// Slows a server that starts with data: it loads for seconds.
fn restart_slowly(server: &mut LocalServer) {
    let keys = "for i = 1, 20000 do redis.call('SET', i, i) end return 1";
    assert_eq!(ask(server, &["EVAL", keys, "0"]), "1");
    assert_eq!(ask(server, &["SAVE"]), "OK");
    let config = std::fs::read_to_string(server.config_file()).unwrap();
    // 20,000 keys at 200 µs each are four seconds.
    let slow = "key-load-delay 200\nloading-process-events-interval-bytes 1024\n";
    std::fs::write(server.config_file(), format!("{config}{slow}")).unwrap();
    server.restart();
}

/// K6.2: a loading node is reported first, and there are no guesses about its links.
#[test]
fn a_primary_that_loads_is_the_cause_of_all_else() {
    let Some(family) = Family::debian() else {
        return;
    };
    let mut trio = Trio::start(family, &[]);
    let operator = trio.operator();
    restart_slowly(&mut trio.servers[0]);
    await_that("a link to be down", Duration::from_secs(3), || {
        trio.servers[1].client().info("replication")["master_link_status"] == "down"
    });
    let found = findings(&operator, &["--no-ssh"]);
    assert!(
        found[0].starts_with("loading: `master` is loading its data"),
        "{found:#?}"
    );
    let guessed = found.iter().find(|f| f.contains("may not reach"));
    assert_eq!(guessed, None, "{found:#?}");
    let promoted = operator.run(&["promote", "slave1", "--yes"]).code(3);
    promoted.says("`master`, the primary, is still loading its data");
    trio.await_in_sync();
    operator.run(&["status", "--no-ssh"]).ok();
    // A replica that loads asks for no link yet.
    assert_eq!(ask(&trio.servers[1], &["SAVE"]), "OK");
    let config = std::fs::read_to_string(trio.servers[1].config_file()).unwrap();
    let slow = format!(
        "{config}\nreplicaof 127.0.0.1 {}\nkey-load-delay 200\nloading-process-events-interval-bytes 1024\n",
        trio.servers[0].port
    );
    std::fs::write(trio.servers[1].config_file(), slow).unwrap();
    trio.servers[1].restart();
    let found = findings(&operator, &["--no-ssh"]);
    assert!(
        found[0].starts_with("loading: `slave1` is loading its data"),
        "{found:#?}"
    );
    assert_eq!(
        found.iter().find(|f| f.contains("slave1` to")),
        None,
        "{found:#?}"
    );
    let promoted = operator.run(&["promote", "slave1", "--yes"]).code(3);
    assert!(!promoted.stderr.contains("its link"), "{promoted}");
    promoted.says("`slave1` is still loading its data");
}

/// Keeps a server busy until it is told to stop.
fn keep_busy(server: &LocalServer, words: &[&str]) {
    let address = server.address();
    let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
    std::thread::spawn(move || {
        let mut client = crate::support::redis::RawRedis::local(address.port());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let _ = client.try_command(&words);
    });
    await_that("the script to be long", Duration::from_secs(10), || {
        ask(server, &["PING"]).starts_with("BUSY")
    });
}

/// K6.3: the primary is alive. It is not replaced, and the first hint ends the script.
#[test]
fn a_busy_primary_is_there_and_its_script_can_be_ended() {
    each_family(|_, family| {
        let trio = Trio::start(family, &["lua-time-limit 100"]);
        let operator = trio.operator();
        let mut scripts = vec![(vec!["EVAL", "while true do end", "0"], "script kill")];
        if !family.name.starts_with("redis-6") {
            let library =
                "#!lua name=l\nredis.register_function('f', function() while true do end end)";
            assert_eq!(ask(&trio.servers[0], &["FUNCTION", "LOAD", library]), "l");
            scripts.push((vec!["FCALL", "f", "0"], "function kill"));
        }
        for (words, ends) in scripts {
            keep_busy(&trio.servers[0], &words);
            operator
                .run(&["status", "--no-ssh"])
                .code(4)
                .says("NO PRIMARY SEEN - `master`, which `slave1` and `slave2` follow, lives: a script keeps it from answering");
            let found = findings(&operator, &["--no-ssh"]);
            assert!(found[0].starts_with("no-primary: "), "{found:#?}");
            let promotes = found.iter().find(|f| f.contains("replctl promote"));
            assert_eq!(promotes, None, "{found:#?}");
            let (_, hint) = found[0].rsplit_once(" | ").unwrap();
            assert!(hint.ends_with(ends), "{hint}");
            assert_eq!(operator.run(&["endpoint"]).code(4).stdout, "");
            assert_eq!(shell(hint).trim(), "OK", "{hint}");
            await_that("the script to end", Duration::from_secs(5), || {
                ask(&trio.servers[0], &["PING"]) == "PONG"
            });
            operator.run(&["status", "--no-ssh"]).ok();
        }
    });
}

/// K6.4: a server that answers and hides INFO is not a server that does not answer.
#[test]
fn a_server_without_info_lives() {
    each_family(|_, family| {
        let hidden = family.start(&["rename-command INFO \"\""]);
        let folder = tempfile::TempDir::new().unwrap();
        let node = NodeText::new("a", "127.0.0.1")
            .port(hidden.port)
            .ssh_port(1);
        let text = InventoryText::new("orders").node(node);
        let operator = Replctl::new().inventory(&text.write(folder.path()));
        let ran = operator.run(&["status", "--no-ssh"]).code(4);
        assert!(!ran.stdout.contains("not answer"), "{ran}");
        assert!(!ran.stdout.contains("no node answers"), "{ran}");
        ran.says("NO PRIMARY SEEN - `a` lives: its command INFO is renamed or switched off")
            .says("hint: take `rename-command INFO` out of the configuration file of `a`, and restart it");
    });
}

/// K6.5: protected mode is ended from its own host, and the hint says how.
#[test]
fn protected_mode_is_no_circle() {
    let Some(family) = Family::debian() else {
        return;
    };
    let Some(wire) = crate::support::wire::Wire::new() else {
        return;
    };
    let ip = "10.99.0.1";
    wire.inside(&["ip", "address", "add", "10.99.0.1/32", "dev", "lo"])
        .ok();
    let both = format!("bind {ip} 127.0.0.1");
    let server = family.start_at(&wire, ip.parse().unwrap(), None, &[&both]);
    let folder = tempfile::TempDir::new().unwrap();
    let node = NodeText::new("a", ip)
        .port(server.port)
        .line("ssh = \"ops@bastion:2222\"")
        .line("via = \"direct\"");
    let text = InventoryText::new("orders").node(node);
    let operator = Replctl::on_wire(&wire).inventory(&text.write(folder.path()));
    let mut client = server.client();
    let reply = client.command(&["CONFIG", "SET", "protected-mode", "yes"]);
    assert_eq!(reply.text(), "OK");
    drop(client);
    let found = findings(&operator, &["--no-ssh"]);
    let way = format!(
        "ssh -p 2222 ops@bastion redis-cli -h 127.0.0.1 -p {} config set protected-mode no",
        server.port
    );
    assert!(found[0].ends_with(&way), "{found:#?}");
    assert_eq!(
        found.iter().find(|f| f.contains("replctl setup")),
        None,
        "{found:#?}"
    );
    // There, it does what it says.
    let (_, there) = way.split_once("ops@bastion ").unwrap();
    let words: Vec<&str> = there.split(' ').collect();
    assert_eq!(wire.inside(&words).ok().stdout.trim(), "OK");
    operator.run(&["status", "--no-ssh"]).ok();
}

/// K6.7: a node that was seen through its host is shown as such, with the reason.
#[test]
fn a_node_behind_a_tunnel_is_shown_so() {
    let Some(family) = Family::debian() else {
        return;
    };
    let Some(sshds) = Sshds::start(1) else {
        return;
    };
    let trio = Trio::start(family, &[]);
    let host = &sshds.hosts()[0];
    let mut text = InventoryText::new("orders")
        .ssh("identity_file", sshds.key().to_str().unwrap())
        .ssh("known_hosts", sshds.known_hosts().to_str().unwrap())
        .ssh("user", &sshds.user());
    for (name, server) in NAMES.iter().zip(&trio.servers) {
        let mut node = NodeText::new(name, "127.0.0.1")
            .port(server.port)
            .line(&format!("ssh = \"127.0.0.1:{}\"", host.port));
        if *name == "slave1" {
            node = node.line("via = \"ssh\"");
        }
        text = text.node(if *name == "master" {
            node
        } else {
            node.replicaof("master")
        });
    }
    let operator = Replctl::new().inventory(&text.write(trio.folder()));
    let ran = operator.run(&["status"]);
    let line = |name: &str| {
        let mut lines = ran.stdout.lines();
        lines
            .find(|l| l.contains(name) && l.contains("127.0.0.1:"))
            .unwrap()
            .to_owned()
    };
    assert!(
        line("- slave1").contains(&format!("127.0.0.1:{} via ssh", trio.servers[1].port)),
        "{ran}"
    );
    let json = operator.run(&["status", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["nodes"][1]["sight"]["through"]["host"], "127.0.0.1");
}

/// K6.9: where nothing runs, setup is the way.
#[test]
fn where_nothing_runs_setup_is_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut text = InventoryText::new("orders");
    for name in NAMES {
        let node = NodeText::new(name, "127.0.0.1")
            .port(crate::support::ports::free())
            .ssh_port(1);
        text = text.node(if name == "master" {
            node
        } else {
            node.replicaof("master")
        });
    }
    let operator = Replctl::new().inventory(&text.write(folder.path()));
    let found = findings(&operator, &["--no-ssh"]);
    assert!(found[0].ends_with("| replctl setup"), "{found:#?}");
}

/// K6.11: everything was copied, and nothing was written since then: the replicas have it all, at
/// offset 0.
#[test]
fn a_primary_that_dies_in_its_first_seconds_is_replaced() {
    each_family(|_, family| {
        let seed = family.start(&["dbfilename dump.rdb"]);
        let fill = "for i = 1, 1000 do redis.call('SET', i, i) end return 1";
        assert_eq!(ask(&seed, &["EVAL", fill, "0"]), "1");
        assert_eq!(ask(&seed, &["SAVE"]), "OK");
        // It starts with the data of an earlier life; its stream begins at 0, and all copy from it.
        let mut trio = Trio::start(family, &[]);
        trio.servers[0] = family.start_with(&seed.config_file().with_file_name("dump.rdb"));
        for replica in &trio.servers[1..] {
            replica.follow(&trio.servers[0]);
        }
        let info = trio.servers[1].client().info("replication");
        // Valkey 9.1 sends a PING as soon as a replica is there.
        if family.name != "valkey-9.1" {
            let offset = info["slave_repl_offset"].as_str();
            assert_eq!(offset, "0", "{}: too slow", family.name);
        }
        trio.servers[0].kill9();
        for server in &trio.servers[1..] {
            await_that("the links to be down", Duration::from_secs(5), || {
                server.client().info("replication")["master_link_status"] == "down"
            });
        }
        let operator = trio.operator();
        let found = findings(&operator, &["--no-ssh"]);
        assert!(found[0].ends_with("| replctl promote slave1"), "{found:#?}");
        let ran = operator.run(&["promote", "slave1", "--accept-split-brain", "--yes"]);
        assert!(!format!("{ran}").contains("never had"), "{ran}");
        let ran = ran.ok();
        drop(ran);
        assert_eq!(ask(&trio.servers[1], &["DBSIZE"]), "1000");
        assert_eq!(trio.role(1), "master");
        // One that never was linked is still not made the primary.
        let fresh = family.start(&[&format!(
            "replicaof 127.0.0.1 {}",
            crate::support::ports::free()
        )]);
        let folder = tempfile::TempDir::new().unwrap();
        let text = InventoryText::new("other")
            .node(
                NodeText::new("x", "127.0.0.1")
                    .port(trio.servers[0].port)
                    .ssh_port(1),
            )
            .node(
                NodeText::new("y", "127.0.0.1")
                    .port(fresh.port)
                    .ssh_port(1)
                    .replicaof("x"),
            );
        let operator = Replctl::new().inventory(&text.write(folder.path()));
        operator
            .run(&["promote", "y", "--accept-split-brain", "--yes"])
            .code(3)
            .says("`y` never had the data of the primary");
    });
}

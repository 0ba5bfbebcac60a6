//! Real scripts on this machine: in `sh` and in busybox, as root and as another user, with a real
//! server that is started and stopped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm
)]

mod adopted;
mod apart;
mod at_boot;
mod broken;
mod check;
mod check_more;
mod files;
mod folders;
mod holders;
mod local;
mod prepared;
mod stored;
mod tarball;

use super::*;
use crate::actions::host::{HostAction, Launch};
use crate::config::directives::{parse, persisted_role};
use crate::config::server::{Stamp, Supervision, render};
use crate::plan::facts::{Listener, StoredData};
use crate::topology::{Address, PersistedRole};
use local::{Bench, Local};

#[tokio::test]
async fn a_host_is_looked_at_by_any_shell_and_any_user() {
    for shell in [Local::root(), Local::busybox(), Local::nobody()] {
        let bench = Bench::new(&shell);
        let facts = bench.facts(&shell).await;
        assert_eq!(facts.arch, std::env::consts::ARCH, "{shell:?}");
        assert_eq!(facts.root, shell.can_root(), "{shell:?}");
        assert!(facts.free_bytes.unwrap() > 0 && facts.memory_bytes.unwrap() > 0);
        assert!(facts.clock_ahead_seconds.unwrap().abs() <= 1, "{shell:?}");
        assert_eq!(facts.missing, [""; 0], "{shell:?}");
        assert!(!facts.no_build.contains(&"tar".to_owned()), "{shell:?}");
        assert!(facts.writable && facts.config.is_none() && facts.servers.is_empty());
        assert!(facts.hosts.contains("localhost"));
        assert_eq!(facts.listener, Listener::Nobody);
        assert!(facts.package.unwrap().ends_with("/redis-server"));
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_seen() {
    let shell = Local::nobody();
    let mut bench = Bench::new(&shell);
    bench.inventory.server.directory = "/usr/lib/replctl-test".into();
    assert!(!bench.facts(&shell).await.writable);
}

#[tokio::test]
async fn somebody_elses_listener_is_foreign() {
    let shell = Local::root();
    let bench = Bench::new(&shell);
    let listener = std::net::TcpListener::bind(("127.0.0.1", bench.port())).unwrap();
    let pid = std::process::id();
    match bench.facts(&shell).await.listener {
        Listener::Foreign(who) => assert!(who.contains(&format!("(pid {pid})")), "{who}"),
        other => panic!("{other:?}"),
    }
    let launch = Launch::new(&bench.inventory, &bench.inventory.nodes[0]);
    let why = stop(&shell, &launch, Duration::from_secs(1))
        .await
        .unwrap_err();
    assert!(why.contains("held by something else"), "{why}");
    drop(listener);
}

/// From nothing to a running server and back, by the plan, in each kind of shell.
#[tokio::test]
async fn a_server_is_installed_started_seen_and_put_back() {
    for shell in [Local::root(), Local::busybox(), Local::nobody()] {
        let bench = Bench::new(&shell);
        let first = bench.plan(&shell, false).await;
        bench.carry_out(&shell, &first).await;
        assert_eq!(bench.cli(&["PING"]), "PONG", "{shell:?}");

        let facts = bench.facts(&shell).await;
        assert_eq!(facts.listener, Listener::Ours, "{shell:?}");
        let again = bench.plan(&shell, true).await;
        assert!(again.is_empty(), "{shell:?}: {:?}", again.stages);

        // What the server makes of its own file keeps what a later run needs to know.
        assert_eq!(bench.cli(&["SET", "k", "v"]), "OK");
        assert_eq!(bench.cli(&["CONFIG", "REWRITE"]), "OK");
        let config = bench.facts(&shell).await.config.unwrap();
        assert!(config.stamp.is_some(), "{shell:?}");
        assert_eq!(config.role, PersistedRole::Primary);
        assert_eq!(config.ownership.mode, 0o600, "{shell:?}: the umask holds");
        let named = |name: &str| config.directives.iter().any(|d| d.name == name);
        assert!(named("port") && !named("requirepass") && !named("masterauth"));

        bench.put_back(&shell, &first).await;
        let facts = bench.facts(&shell).await;
        assert_eq!(facts.listener, Listener::Nobody, "{shell:?}");
        assert!(facts.config.is_none() && facts.servers.is_empty() && facts.current.is_none());
        assert_eq!(
            facts.data,
            StoredData::Keys,
            "{shell:?}: data is never removed"
        );
    }
}

#[tokio::test]
async fn a_rewritten_file_tells_its_stamp_and_its_role() {
    let shell = Local::root();
    let bench = Bench::new(&shell);
    bench
        .carry_out(&shell, &bench.plan(&shell, false).await)
        .await;
    assert_eq!(bench.cli(&["REPLICAOF", "127.0.0.1", "1"]), "OK");
    assert_eq!(bench.cli(&["CONFIG", "REWRITE"]), "OK");
    let path = bench.paths().config();
    Bench::chmod(&path, 0o644);
    let facts = bench.facts(&shell).await;
    let config = facts.config.unwrap();
    assert_eq!(
        config.role,
        PersistedRole::ReplicaOf(Address::new("127.0.0.1", 1))
    );
    assert_eq!(config.ownership.mode, 0o644, "the trap is seen");
    let node = &bench.inventory.nodes[0];
    let rendered = render(&bench.inventory, node, Supervision::Daemon, None);
    assert_eq!(config.stamp, Some(rendered.stamp.clone()));

    let owner = bench.inventory.server.user.clone();
    let new = Stamp {
        settable: "0".repeat(32),
        ..rendered.stamp
    };
    for action in [
        HostAction::StampConfig {
            path: path.clone(),
            stamp: new.clone(),
            owner: owner.clone(),
        },
        HostAction::ProtectConfig { path, owner },
    ] {
        bench.act(&shell, &action).await.unwrap();
    }
    let config = bench.facts(&shell).await.config.unwrap();
    assert_eq!((config.stamp, config.ownership.mode), (Some(new), 0o600));
    assert_eq!(
        bench.cli(&["CONFIG", "REWRITE"]),
        "OK",
        "the server may still write it"
    );
}

#[tokio::test]
async fn a_failed_start_says_why() {
    for shell in [Local::root(), Local::busybox(), Local::nobody()] {
        for (name, value, words) in [
            ("no-such-directive", "1", "no-such-directive"),
            ("bind", "192.0.2.1", "192.0.2.1"),
            ("logfile", "/proc/nowhere", "open the log file"),
        ] {
            let mut bench = Bench::new(&shell);
            let config = &mut bench.inventory.nodes[0].config;
            config.insert(name.into(), vec![value.into()]);
            let plan = bench.plan(&shell, false).await;
            let why = bench.try_to(&shell, &plan).await.unwrap_err();
            assert!(why.contains(words), "{shell:?} {name}: {why}");
            bench.put_back(&shell, &plan).await;
            let facts = bench.facts(&shell).await;
            assert!(facts.config.is_none() && facts.servers.is_empty());
            // Its log is kept, for whoever looks for the reason.
            let kept = if name == "bind" { 3 } else { 0 };
            let paths = bench.paths();
            let mut own = facts.directories;
            own.retain(|path, _| path.starts_with(paths.root()));
            assert_eq!(own.len(), kept, "{shell:?} {name}");
        }
    }
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let shell = Local::root();
    let bench = Bench::new(&shell);
    let plan = bench.plan(&shell, false).await;
    let listener = std::net::TcpListener::bind(("127.0.0.1", bench.port())).unwrap();
    let why = bench.try_to(&shell, &plan).await.unwrap_err();
    assert!(why.contains("in use by another process"), "{why}");
    drop(listener);
}

#[tokio::test]
async fn a_frozen_server_is_killed_when_patience_ends() {
    let shell = Local::root();
    let bench = Bench::new(&shell);
    bench
        .carry_out(&shell, &bench.plan(&shell, false).await)
        .await;
    bench.freeze();
    let launch = Launch::new(&bench.inventory, &bench.inventory.nodes[0]);
    let said = stop(&shell, &launch, Duration::from_secs(1)).await.unwrap();
    assert!(said.starts_with("killed"), "{said}");
    assert_eq!(bench.facts(&shell).await.listener, Listener::Nobody);
    let again = stop(&shell, &launch, Duration::from_secs(1)).await.unwrap();
    assert_eq!(again, "it does not run");
}

#[tokio::test]
async fn the_password_goes_into_the_file_and_nowhere_else() {
    let shell = Local::root();
    let bench = Bench::with_password(&shell, "p \"w\\ä$'\n1");
    let plan = bench.plan(&shell, false).await;
    bench.carry_out(&shell, &plan).await;
    assert_eq!(bench.cli(&["PING"]), "PONG");
    let text = std::fs::read_to_string(bench.paths().config()).unwrap();
    let directives = parse(&text);
    let secret = directives.iter().find(|d| d.name == "masterauth").unwrap();
    assert_eq!(secret.args, ["p \"w\\ä$'\n1"]);
    assert_eq!(persisted_role(&directives), PersistedRole::Primary);
    assert!(!shell.commands().contains("p \"w"), "it was an argument");
    assert!(!serde_json::to_string(&plan).unwrap().contains("p \\\"w"));
    let facts = bench.facts(&shell).await;
    assert!(!format!("{facts:?}").contains("p \\\"w"));
    let write = HostAction::WriteConfig {
        path: bench.paths().config(),
        text: crate::config::server::PASSWORD.into(),
        owner: "root".into(),
    };
    let without = act(&shell, &write, &Bench::supplies(None)).await;
    assert_eq!(
        without.unwrap_err(),
        "the password for the file is not at hand"
    );
}

#[tokio::test]
async fn an_earlier_file_comes_back() {
    let shell = Local::root();
    let bench = Bench::new(&shell);
    let path = format!("{}/redis.cnf", bench.root());
    std::fs::write(&path, "port 1\n").unwrap();
    let write = HostAction::WriteConfig {
        path: path.clone(),
        text: "port 2\n".into(),
        owner: "redis".into(),
    };
    // Twice, as after a crash: the second must not take the first for the earlier file.
    bench.act(&shell, &write).await.unwrap();
    bench.act(&shell, &write).await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "port 2\n");
    let back = HostAction::RestoreConfig {
        path: path.clone(),
        mode: None,
    };
    bench.act(&shell, &back).await.unwrap();
    bench.act(&shell, &back).await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "port 1\n");
}

#[tokio::test]
async fn a_block_keeps_the_file_around_it() {
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let path = format!("{}/hosts", bench.root());
        std::fs::write(&path, "127.0.0.1 localhost\n\n# mine").unwrap();
        Bench::chmod(&path, 0o640);
        let owner = "orders".to_owned();
        let write = HostAction::WriteBlock {
            path: path.clone(),
            owner: owner.clone(),
            lines: vec!["10.0.0.1 master".into()],
        };
        bench.act(&shell, &write).await.unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "127.0.0.1 localhost\n\n# mine\n# replctl orders begin, behind a line without an end\n10.0.0.1 master\n# replctl orders end\n"
        );
        assert_eq!(Bench::mode(&path), 0o640);
        let remove = HostAction::RemoveBlock {
            path: path.clone(),
            owner,
        };
        bench.act(&shell, &remove).await.unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "127.0.0.1 localhost\n\n# mine"
        );
    }
}

#[tokio::test]
async fn a_link_is_moved_and_only_an_unused_server_is_removed() {
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let (root, link) = (bench.root(), format!("{}/current", bench.root()));
        for (name, target) in [("a", "a"), ("b", "b"), ("b", "a")] {
            std::fs::create_dir_all(format!("{root}/{name}")).unwrap();
            let target = target.to_owned();
            let link = link.clone();
            bench
                .act(&shell, &HostAction::LinkServer { link, target })
                .await
                .unwrap();
        }
        assert_eq!(std::fs::read_link(&link).unwrap().to_str(), Some("a"));
        for name in ["a", "b"] {
            let path = format!("{root}/{name}");
            let unless = link.clone();
            bench
                .act(
                    &shell,
                    &HostAction::RemoveServer {
                        path,
                        unless,
                        node: format!("{root}/6379"),
                    },
                )
                .await
                .unwrap();
        }
        let exists = |name: &str| std::fs::exists(format!("{root}/{name}")).unwrap();
        assert!(exists("a") && !exists("b"));
    }
}

#[tokio::test]
async fn an_upload_that_is_not_the_planned_one_is_refused() {
    let shell = Local::root();
    let mut bench = Bench::new(&shell);
    bench.payload.sha256 = "0".repeat(64);
    let plan = bench.plan(&shell, false).await;
    let why = bench.try_to(&shell, &plan).await.unwrap_err();
    assert_eq!(why, "the server at hand is not the one of the plan");
}

#[tokio::test]
async fn a_nodes_directory_goes_with_all_that_is_in_it_unless_somebody_works_there() {
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let own = std::path::PathBuf::from(bench.paths().data());
        let there = std::path::PathBuf::from(bench.root()).join("elsewhere");
        std::fs::create_dir_all(own.parent().unwrap()).unwrap();
        std::fs::create_dir_all(there.join("conf/.hidden")).unwrap();
        for file in ["redis.rdb", "..odd", ".dot", "conf/redis.cnf"] {
            std::fs::write(there.join(file), "x").unwrap();
        }
        // A link to where there was room, as operators make them.
        std::os::unix::fs::symlink(&there, &own).unwrap();
        let tree = |path: &std::path::Path| HostAction::RemoveTree {
            path: path.display().to_string(),
            bytes: None,
        };
        let mut sleeper = std::process::Command::new("sleep");
        let mut sleeper = sleeper.arg("60").current_dir(&there).spawn().unwrap();
        let why = bench.act(&shell, &tree(&own)).await.unwrap_err();
        assert!(
            why.contains("works in") && why.contains("(sleep)"),
            "{shell:?}: {why}"
        );
        assert!(there.join("redis.rdb").exists());
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
        let why = bench.act(&shell, &tree(&there)).await.unwrap_err();
        assert!(why.contains("is no directory of a node"), "{why}");
        bench.act(&shell, &tree(&own)).await.unwrap();
        assert!(!own.exists() && !own.is_symlink());
        assert_eq!(std::fs::read_dir(&there).unwrap().count(), 0, "{shell:?}");
        std::fs::create_dir_all(own.join("logs")).unwrap();
        bench.act(&shell, &tree(&own)).await.unwrap();
        bench.act(&shell, &tree(&own)).await.unwrap();
        assert!(!own.exists());
    }
}

/// What it printed, or why it failed.
fn stdout_or_stderr(ran: &Ran) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ran.status == 0)
        .then(|| text(&ran.stdout))
        .ok_or_else(|| text(&ran.stderr))
}

/// A port that nothing listens on and that no other test here is given; below the range from which
/// the kernel takes those of outgoing connections.
fn free_port() -> u16 {
    static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
    // Another run may be at work beside this one.
    let first = u16::try_from(std::process::id() % 80).unwrap() * 50;
    let tries = std::iter::repeat_with(|| NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    tries
        .take(1_000)
        .map(|n| 12_000 + (first + n) % 4_000)
        .find(|port| std::net::TcpListener::bind(("0.0.0.0", *port)).is_ok())
        .expect("a free port")
}

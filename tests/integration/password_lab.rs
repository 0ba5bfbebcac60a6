//! A change of the password on separate hosts: only there protected mode affects clients on other
//! hosts; on one machine it does not.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::support::inventory::write_password;
use crate::support::process::Ran;
use crate::support::{Flavour, InventoryText, Lab, RawRedis, Replctl, await_that};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

const NAMES: [&str; 3] = ["master", "slave1", "slave2"];
const OLD: &str = "canary-one-two-three";
const NEW: &str = "canary-four-five-six";

struct Bench<'a> {
    lab: &'a Lab,
    operator: Replctl<'a>,
    folder: TempDir,
}

impl<'a> Bench<'a> {
    fn set_up(lab: &'a Lab, password: Option<&str>) -> Self {
        let folder = TempDir::new().unwrap();
        let file: PathBuf = folder.path().join("inventory.toml");
        let operator = Replctl::in_lab(lab).inventory(&file);
        let this = Self {
            lab,
            operator,
            folder,
        };
        this.say(password);
        this.run(&["setup", "--yes"]).ok();
        this.in_sync(password);
        this
    }

    fn say(&self, password: Option<&str>) {
        let mut text = InventoryText::on_lab(self.lab);
        if let Some(password) = password {
            text = text.password_file(&write_password(self.folder.path(), password));
        }
        text.write(self.folder.path());
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Ran {
        let ran = self.operator.run_within(Duration::from_mins(2), arguments);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!said.contains("canary"), "a password is shown: {ran}");
        ran
    }

    /// A client on the operator's machine, which is no host of the deployment.
    fn connect(&self, node: &str, password: Option<&str>) -> Result<RawRedis, String> {
        let at = crate::support::deployed::address(node);
        let net = self.lab.net();
        let client = RawRedis::connect(&net, at, password, Duration::from_secs(5));
        let mut client = client.map_err(|e| e.to_string())?;
        let pong = client.try_command(&["PING"]).map_err(|e| e.to_string())?;
        if pong.text() == "PONG" {
            Ok(client)
        } else {
            Err(pong.text())
        }
    }

    #[track_caller]
    fn in_sync(&self, password: Option<&str>) {
        await_that("the replicas in sync", Duration::from_secs(20), || {
            let Ok(mut top) = self.connect("master", password) else {
                return false;
            };
            let top = top.info("replication");
            ["slave1", "slave2"].iter().all(|n| {
                self.connect(n, password).is_ok_and(|mut c| {
                    let info = c.info("replication");
                    info["master_link_status"] == "up"
                        && info["slave_repl_offset"] == top["master_repl_offset"]
                })
            })
        });
    }

    /// What `redis-cli` on a host says to a `PING` at another node.
    fn from(&self, host: &str, node: &str, password: Option<&str>) -> String {
        let at = crate::support::deployed::address(node).ip();
        let auth = password.map_or_else(String::new, |p| format!("AUTH {p}\\r\\n"));
        let line = format!(
            "exec 3<>/dev/tcp/{at}/6379; printf '{auth}PING\\r\\n' >&3; timeout 2 head -n {} <&3 | tail -n 1",
            if password.is_some() { 2 } else { 1 }
        );
        let ran = self.lab.inside(host, &format!("bash -c \"{line}\""));
        ran.stdout.trim().to_owned()
    }

    /// Asserts that everything has that password: for clients elsewhere, after every link was cut,
    /// and after a restart of every server.
    #[track_caller]
    fn is_at(&self, password: Option<&str>) {
        for restarted in [false, true] {
            if restarted {
                for host in NAMES {
                    self.lab.inside(host, "systemctl restart replctl-6379").ok();
                }
            }
            self.in_sync(password);
            for node in NAMES {
                assert!(self.connect(node, password).is_ok());
                assert_eq!(self.from("slave2", node, password), "+PONG", "{node}");
                if password.is_some() {
                    let why = self.connect(node, None).err().unwrap();
                    assert!(why.starts_with("NOAUTH"), "{node}: {why}");
                }
            }
            let mut top = self.connect("master", password).unwrap();
            top.command(&["CLIENT", "KILL", "TYPE", "replica"]);
            self.in_sync(password);
        }
        self.run(&["status"]).ok();
        self.run(&["setup", "--yes"]).ok().says("Nothing to do");
    }
}

#[test]
fn to_a_password_to_another_and_to_none() {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    let bench = Bench::set_up(&lab, None);
    for node in NAMES {
        assert_eq!(bench.from("slave2", node, None), "+PONG");
    }
    // A replica alone cannot have one.
    bench.say(Some(OLD));
    bench
        .run(&["setup", "slave1", "--yes"])
        .code(3)
        .says("it changes on all nodes at once")
        .says("hint: replctl setup");
    bench.in_sync(None);
    let ran = bench.run(&["setup", "--yes"]).ok();
    let warned = ran.stderr.find("it refuses new connections without it");
    let begun = ran.stderr.find("✓");
    assert!(warned < begun && warned.is_some(), "{ran}");
    bench.is_at(Some(OLD));
    bench.say(Some(NEW));
    bench.run(&["setup", "--yes"]).ok();
    bench.is_at(Some(NEW));
    assert!(bench.connect("master", Some(OLD)).is_err());
    bench.say(None);
    let ran = bench
        .run(&["setup", "--yes"])
        .ok()
        .says("protected-mode is switched off");
    assert!(ran.stderr.contains("everybody who reaches"), "{ran}");
    bench.is_at(None);
}

/// An earlier replctl, or a person, left protected mode on: replctl itself is shut out, and setup
/// repairs that.
#[test]
fn servers_that_shut_everybody_out_are_opened_again() {
    let Some(lab) = Lab::of_three(Flavour::Systemd) else {
        return;
    };
    let bench = Bench::set_up(&lab, None);
    // From the loopback of each host.
    let there = |words: &str| {
        for host in NAMES {
            let line = format!(
                "bash -c \"exec 3<>/dev/tcp/127.0.0.1/6379; printf '{words}\\r\\n' >&3; timeout 2 head -n 1 <&3\""
            );
            let said = lab.inside(host, &line).ok().stdout;
            assert_eq!(said.trim(), "+OK", "{host}");
        }
    };
    there(&format!("CONFIG SET masterauth {NEW}"));
    there("CONFIG SET protected-mode yes");
    for node in NAMES {
        let why = bench.connect(node, None).err().unwrap();
        assert!(why.starts_with("DENIED"), "{node}: {why}");
    }
    let status = bench.run(&["status"]).code(4);
    assert!(status.stdout.contains("hint: replctl setup"), "{status}");
    bench.say(Some(NEW));
    let status = bench.run(&["status"]).code(4);
    assert!(status.stdout.contains("hint: replctl setup"), "{status}");
    bench.run(&["setup", "--yes"]).ok();
    bench.is_at(Some(NEW));
    // The same where none is wanted.
    bench.say(None);
    bench.run(&["setup", "--yes"]).ok();
    bench.is_at(None);
    there("CONFIG SET protected-mode yes");
    let status = bench.run(&["status"]).code(4);
    assert!(status.stdout.contains("hint: replctl setup"), "{status}");
    bench.run(&["setup", "--yes"]).ok();
    bench.is_at(None);
}

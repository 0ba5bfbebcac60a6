//! A deployment that the program under test has set up on the hosts of a lab, at the tutorial's
//! addresses. Tests make faults in it.

use super::inventory::{InventoryText, write_password};
use super::process::Ran;
use super::redis::RawRedis;
use super::writer::Load;
use super::{Lab, Replctl, allowing_for_load, await_that, figure};
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// The password of every such deployment.
pub const PASSWORD: &str = "correct-horse-battery-staple";

/// Three nodes of the embedded server: master, slave1, slave2.
pub struct Deployed<'a> {
    /// The hosts.
    pub lab: &'a Lab,
    /// Who set it up.
    pub operator: Replctl<'a>,
    folder: TempDir,
}

impl<'a> Deployed<'a> {
    /// Runs `setup` on the hosts of [`Lab::of_three`].
    #[track_caller]
    pub fn set_up(lab: &'a Lab) -> Self {
        Self::set_up_with(lab, |inventory| inventory)
    }

    /// [`Deployed::set_up`] with a changed inventory.
    #[track_caller]
    pub fn set_up_with(lab: &'a Lab, change: impl FnOnce(InventoryText) -> InventoryText) -> Self {
        let folder = TempDir::new().unwrap();
        let password = write_password(folder.path(), PASSWORD);
        let text = change(InventoryText::on_lab(lab).password_file(&password));
        let operator = Replctl::in_lab(lab).inventory(&text.write(folder.path()));
        operator
            .run_within(Duration::from_mins(2), &["setup", "--yes"])
            .ok();
        Self {
            lab,
            operator,
            folder,
        }
    }

    /// The folder of the inventory and the password.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Another operator, with a separate inventory in this deployment's folder.
    pub fn other_operator(
        &self,
        password: &str,
        change: impl FnOnce(InventoryText) -> InventoryText,
    ) -> (Replctl<'a>, TempDir) {
        let folder = TempDir::new().unwrap();
        let password = write_password(folder.path(), password);
        let text = change(InventoryText::on_lab(self.lab).password_file(&password));
        let file: PathBuf = text.write(folder.path());
        (Replctl::in_lab(self.lab).inventory(&file), folder)
    }

    /// A client of a node's server, through the lab's network.
    #[track_caller]
    pub fn client(&self, node: &str) -> RawRedis {
        self.try_client(node)
            .unwrap_or_else(|e| panic!("{node}: {e}"))
    }

    /// [`Self::client`] of a server that may be down.
    fn try_client(&self, node: &str) -> io::Result<RawRedis> {
        let within = Duration::from_secs(5);
        RawRedis::connect(&self.lab.net(), address(node), Some(PASSWORD), within)
    }

    /// A command on a node's server, its answer as text.
    #[track_caller]
    pub fn ask(&self, node: &str, words: &[&str]) -> String {
        self.client(node).command(words).text()
    }

    /// One field of a node's INFO replication.
    #[track_caller]
    pub fn info(&self, node: &str, field: &str) -> String {
        let info = self.client(node).info("replication");
        info.get(field).cloned().unwrap_or_default()
    }

    /// Writers to all three nodes, beginning with `first`.
    pub fn load(&self, first: &str) -> Load {
        let others = ["master", "slave1", "slave2"]
            .into_iter()
            .filter(|n| *n != first);
        let mut load = Load::plain(&[]);
        load.net = self.lab.net();
        load.nodes = std::iter::once(first).chain(others).map(address).collect();
        load.password = Some(PASSWORD.to_owned());
        load.per_second = Some(1_000);
        load
    }

    /// Runs `status`, asserts its exit code and that it took less than 8 seconds, and prints the
    /// time. On a busy machine, replctl waits 6 seconds for a silent host.
    #[track_caller]
    pub fn status(&self, fault: &str, code: i32) -> Ran {
        let ran = self.operator.run(&["status"]).code(code);
        figure(&format!("status, {fault}: {:.2} s", ran.took.as_secs_f64()));
        assert!(
            ran.took < allowing_for_load(Duration::from_secs(8)),
            "it took too long; {ran}"
        );
        ran
    }

    /// `status --json`, with any exit code.
    #[track_caller]
    pub fn json(&self) -> Value {
        let ran = self.operator.run(&["status", "--json"]);
        let json: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran}"));
        assert_eq!(json["format"], 1);
        json
    }

    /// The finding of that code, from `status --json`.
    #[track_caller]
    pub fn finding(&self, code: &str) -> Value {
        let json = self.json();
        let all = json["findings"].as_array().unwrap();
        all.iter()
            .find(|f| f["code"] == code)
            .unwrap_or_else(|| panic!("no {code} in {json:#}"))
            .clone()
    }

    /// Runs the hint of the finding of that code, as an operator who pastes it and says yes.
    #[track_caller]
    pub fn paste(&self, code: &str) -> Ran {
        let finding = self.finding(code);
        let hint = finding["hint"]
            .as_str()
            .unwrap_or_else(|| panic!("no hint: {finding:#}"));
        let words = shlex::split(hint).unwrap();
        match words[0].as_str() {
            "replctl" => {
                let mut arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
                arguments.push("--yes");
                self.operator.run(&arguments)
            }
            "redis-cli" => {
                // What --askpass would ask for.
                let mut command = self.lab.operator("/usr/bin/redis-cli".as_ref());
                let arguments = words[1..].iter().filter(|w| *w != "--askpass");
                command.args(arguments).env("REDISCLI_AUTH", PASSWORD);
                super::process::run(&mut command, Duration::from_secs(10))
            }
            "ssh" => {
                let mut command = self.lab.operator("/usr/bin/ssh".as_ref());
                command.args(&words[1..]);
                super::process::run(&mut command, Duration::from_secs(10))
            }
            other => panic!("what is {other}? {hint}"),
        }
    }

    /// Waits until `status` finds nothing.
    #[track_caller]
    pub fn await_healthy(&self) {
        let mut last = None;
        let end = std::time::Instant::now() + Duration::from_secs(25);
        while std::time::Instant::now() < end {
            let ran = self.operator.run(&["status"]);
            if ran.code == Some(0) {
                return;
            }
            last = Some(ran);
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("it does not become healthy: {}", last.unwrap());
    }

    /// Asserts that `primary` is the only primary, and waits until the others are linked to it.
    #[track_caller]
    pub fn await_primary(&self, primary: &str, replicas: &[&str]) {
        assert_eq!(self.info(primary, "role"), "master", "{primary}");
        for replica in replicas {
            await_that(
                &format!("{replica} to follow {primary}"),
                Duration::from_secs(20),
                || {
                    // It may be on its way up: started a moment ago, it does not listen yet.
                    let Ok(mut client) = self.try_client(replica) else {
                        return false;
                    };
                    let info = client.info("replication");
                    info["role"] == "slave"
                        && info["master_host"] == address(primary).ip().to_string()
                        && info["master_link_status"] == "up"
                },
            );
        }
    }

    /// The process id of a node's server inside its host.
    #[track_caller]
    pub fn pid(&self, host: &str) -> String {
        let ran = self.lab.inside(host, "cat /db/redis/6379/pid/*").ok();
        ran.stdout.trim().to_owned()
    }

    /// Sends a signal (`-STOP`, `-KILL`) to a node's server, inside its host.
    #[track_caller]
    pub fn signal(&self, host: &str, signal: &str) {
        let pid = self.pid(host);
        self.lab.inside(host, &format!("kill {signal} {pid}")).ok();
    }

    /// The role line in a node's file: empty for a primary.
    #[track_caller]
    pub fn persisted(&self, host: &str) -> String {
        let line = "grep ^replicaof /db/redis/6379/conf/redis.cnf || true";
        self.lab.inside(host, line).ok().stdout.trim().to_owned()
    }
}

/// Where a node's server listens.
pub fn address(node: &str) -> SocketAddr {
    let last = match node {
        "master" => 120,
        "slave1" => 130,
        "slave2" => 140,
        other => panic!("no node {other}"),
    };
    ([192, 168, 0, last], 6379).into()
}

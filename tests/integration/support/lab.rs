//! Separate hosts: a lab (tests/lab/lab) for one test, which ends with the test.
//!
//! A lab's hosts may have the same addresses as those of another lab. Only some labs run at a time
//! on a machine (the kernel's default allows 14 systemd hosts), so [`Lab::up`] may wait for its
//! turn: a test makes one lab, with at most three systemd hosts.

use super::net::Net;
use super::process::{Ran, Running, run};
use super::{await_some, not_run, repository};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What kind of host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Debian with systemd as its first process, OpenSSH, sudo.
    Systemd,
    /// Debian without a service manager.
    Light,
    /// busybox and dropbear: no bash, no SFTP, no sudo, no package manager.
    Busybox,
}

const AT_A_TIME: usize = 4;
const ROOT: &str = "/tmp/replctl-lab";

/// A lab. It ends when this is dropped, or when the test process ends.
pub struct Lab {
    name: String,
    keeper: Child,
    lease: Option<ChildStdin>,
    _turn: File,
}

impl Lab {
    /// Starts a lab without hosts; `None`, after saying so loudly, where the machine cannot run
    /// any.
    pub fn up() -> Option<Self> {
        static ABLE: OnceLock<Result<(), String>> = OnceLock::new();
        if let Err(reason) = ABLE.get_or_init(able) {
            not_run(reason);
            return None;
        }
        let turn = turn();
        let name = name();
        let mut command = script(&["hold", &name]);
        let mut keeper = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("cannot start a lab");
        let lease = keeper.stdin.take();
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let lab = Self {
            name,
            keeper,
            lease,
            _turn: turn,
        };
        assert_eq!(line.trim(), "ready", "the lab {} did not start", lab.name);
        Some(lab)
    }

    /// Three hosts at the tutorial's addresses: master, slave1, slave2, all answering SSH.
    pub fn of_three(flavour: Flavour) -> Option<Self> {
        let lab = Self::up()?;
        for (name, address) in [
            ("master", "192.168.0.120"),
            ("slave1", "192.168.0.130"),
            ("slave2", "192.168.0.140"),
        ] {
            lab.host(name, address, flavour);
        }
        lab.wait();
        Some(lab)
    }

    /// Makes a host (a name of at most 12 characters) and boots it. [`Lab::wait`] waits until it
    /// answers.
    pub fn host(&self, host: &str, address: &str, flavour: Flavour) {
        self.host_with(host, address, flavour, &[]);
    }

    /// [`Lab::host`] with options of the lab script: `disk=64M`, `hostname=…`, `sshport=…`,
    /// `bind=SRC:DST`, `net=br1`, `addr2=… net2=br1`.
    pub fn host_with(&self, host: &str, address: &str, flavour: Flavour, options: &[&str]) {
        let (kind, base) = match flavour {
            Flavour::Systemd => ("systemd", base("mkbase")),
            Flavour::Light => ("light", base("mkbase")),
            Flavour::Busybox => ("light", base("mkbase-busybox")),
        };
        let base = format!("base={base}");
        let mut arguments = vec!["add", &self.name, host, address, kind, &base];
        arguments.extend(options);
        run(&mut script(&arguments), Duration::from_mins(1)).ok();
    }

    /// Waits until every host that the operator can reach answers SSH.
    pub fn wait(&self) {
        let ran = run(&mut script(&["wait", &self.name]), Duration::from_secs(90));
        if ran.code != Some(0) {
            let consoles: Vec<_> = self
                .hosts()
                .iter()
                .map(|h| format!("-- console of {h}\n{}", self.console(h)))
                .collect();
            panic!("{ran}\n{}", consoles.join("\n"));
        }
    }

    /// Waits until one host answers SSH (after [`Lab::boot`]).
    pub fn wait_for(&self, host: &str) {
        run(
            &mut script(&["wait", &self.name, host]),
            Duration::from_secs(90),
        )
        .ok();
    }

    /// A command in the lab's network, with this machine's files: nothing in its environment but
    /// `PATH`.
    pub fn operator(&self, program: &Path) -> Command {
        let mut command = script(&["exec", &self.name, "--"]);
        command.arg(program).env_clear().env("PATH", path());
        command
    }

    /// Runs a line of sh as root in a host, without SSH.
    #[track_caller]
    pub fn inside(&self, host: &str, line: &str) -> Ran {
        run(&mut self.inside_command(host, line), Duration::from_mins(1))
    }

    /// Starts a line of sh as root in a host, without SSH.
    pub fn start_inside(&self, host: &str, line: &str) -> Running {
        Running::start(&mut self.inside_command(host, line))
    }

    fn inside_command(&self, host: &str, line: &str) -> Command {
        script(&["in", &self.name, host, "--", "sh", "-c", line])
    }

    /// Drops all IP traffic of a host, silently. Connections hang.
    pub fn cut(&self, host: &str) {
        self.act(&["cut", host]);
    }

    /// Undoes [`Lab::cut`].
    pub fn heal(&self, host: &str) {
        self.act(&["heal", host]);
    }

    /// Drops the IP traffic between two hosts; the operator sees both.
    pub fn cut_between(&self, host: &str, other: &str) {
        self.act(&["cut", host, other]);
    }

    /// Undoes [`Lab::cut_between`].
    pub fn heal_between(&self, host: &str, other: &str) {
        self.act(&["heal", host, other]);
    }

    /// A firewall: drops new connections to a port of a host.
    pub fn refuse(&self, host: &str, port: u16) {
        self.act(&["refuse", host, &port.to_string()]);
    }

    /// Undoes [`Lab::refuse`].
    pub fn allow(&self, host: &str, port: u16) {
        self.act(&["allow", host, &port.to_string()]);
    }

    /// Power failure: no goodbye on the network, every process gone, disk kept.
    pub fn kill(&self, host: &str) {
        self.act(&["kill", host]);
    }

    /// Power on.
    pub fn boot(&self, host: &str) {
        self.act(&["boot", host]);
    }

    /// Freezes all processes of a host: it accepts connections and then says nothing.
    pub fn pause(&self, host: &str) {
        self.act(&["pause", host]);
    }

    /// Undoes [`Lab::pause`].
    pub fn resume(&self, host: &str) {
        self.act(&["resume", host]);
    }

    /// Pulls the network cable.
    pub fn unplug(&self, host: &str) {
        self.act(&["unplug", host]);
    }

    /// Undoes [`Lab::unplug`].
    pub fn plug(&self, host: &str) {
        self.act(&["plug", host]);
    }

    /// Ends a host and throws its disk away.
    pub fn destroy(&self, host: &str) {
        self.act(&["destroy", host]);
    }

    #[track_caller]
    fn act(&self, words: &[&str]) {
        let mut arguments = vec![words[0], &self.name];
        arguments.extend(&words[1..]);
        run(&mut script(&arguments), Duration::from_mins(1)).ok();
    }

    /// The lab's network, for a test's own connections.
    pub fn net(&self) -> Net {
        let pid = std::fs::read_to_string(self.folder().join("pid")).expect("the lab's pid file");
        Net::Namespace(format!("/proc/{}/ns/net", pid.split_whitespace().next().unwrap()).into())
    }

    /// The names of its hosts.
    pub fn hosts(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder().join("hosts")).unwrap();
        let mut hosts: Vec<String> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        hosts.sort();
        hosts
    }

    /// What a host has said on its console.
    pub fn console(&self, host: &str) -> String {
        std::fs::read_to_string(self.folder().join("hosts").join(host).join("console"))
            .unwrap_or_default()
    }

    /// The key that root (and ops, deploy, plain) of every host accepts.
    pub fn key(&self) -> PathBuf {
        self.folder().join("key")
    }

    /// The keys of all hosts, by name and by address.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder().join("known_hosts")
    }

    /// An OpenSSH client configuration that knows all hosts by name.
    pub fn ssh_config(&self) -> PathBuf {
        self.folder().join("ssh_config")
    }

    fn folder(&self) -> PathBuf {
        Path::new(ROOT).join(&self.name)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.lease.take());
        for _ in 0..500 {
            if !matches!(self.keeper.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
        // Removes the state folder and the empty cgroup folders that are left.
        let _ = script(&["down", &self.name])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

fn path() -> String {
    std::env::var("PATH").unwrap_or_else(|_| {
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()
    })
}

fn script(arguments: &[&str]) -> Command {
    let mut command = Command::new(repository().join("tests/lab/lab"));
    command.args(arguments).env("LAB_ROOT", ROOT);
    command
}

/// The path of a base, made where it is not there yet.
fn base(maker: &'static str) -> &'static str {
    static DEBIAN: OnceLock<String> = OnceLock::new();
    static BUSYBOX: OnceLock<String> = OnceLock::new();
    let cell = if maker == "mkbase" { &DEBIAN } else { &BUSYBOX };
    cell.get_or_init(|| {
        let ran = run(
            &mut Command::new(repository().join("tests/lab").join(maker)),
            Duration::from_mins(10),
        )
        .ok();
        ran.stdout
            .lines()
            .last()
            .expect("the path of the base")
            .to_owned()
    })
}

fn able() -> Result<(), String> {
    if super::user_id() != 0 {
        return Err("hosts in a lab need root".to_owned());
    }
    if !["/usr/bin/mmdebstrap", "/usr/local/bin/mmdebstrap"]
        .iter()
        .any(|p| Path::new(p).exists())
    {
        return Err("mmdebstrap is not installed".to_owned());
    }
    let checked = run(&mut script(&["check", &name()]), Duration::from_mins(1));
    if checked.code == Some(0) {
        Ok(())
    } else {
        Err(checked.stderr.trim().to_owned())
    }
}

/// At most 12 characters, unique on the machine: the process's id and a count, in base 36.
fn name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let digits = |mut n: u32| {
        let mut text = String::new();
        loop {
            text.insert(0, char::from_digit(n % 36, 36).unwrap());
            n /= 36;
            if n == 0 {
                return text;
            }
        }
    };
    format!(
        "t{}-{}",
        digits(std::process::id()),
        digits(COUNT.fetch_add(1, Ordering::Relaxed))
    )
}

/// One of the machine's places for labs, held as long as the file is open.
fn turn() -> File {
    let places: Vec<File> = (0..AT_A_TIME)
        .map(|n| {
            File::create(std::env::temp_dir().join(format!("replctl-lab-turn-{n}")))
                .expect("a file for taking turns")
        })
        .collect();
    let n = await_some("a turn to run a lab", Duration::from_mins(15), || {
        places.iter().position(|p| p.try_lock().is_ok())
    });
    places.into_iter().nth(n).unwrap()
}

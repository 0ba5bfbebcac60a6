//! SSH servers of the ordinary user on ports of 127.0.0.1: no root, no namespaces, any machine with
//! OpenSSH's sshd.
//!
//! All of them are this machine, with this user's rights; each "host" differs by its port, its host
//! key and its home folder. What a deployment leaves running in the folder is ended when this is
//! dropped.

use super::process::{Leased, Ran, family_of, living_in, run, signal};
use super::{await_that, not_run, ports};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Several hosts that accept one key.
pub struct Sshds {
    hosts: Vec<SshHost>,
    folder: TempDir,
    environment: String,
}

/// One of them.
pub struct SshHost {
    /// `h1`, `h2`, …; set as `LAB_HOST` in its sessions.
    pub name: String,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// What its sessions have as `HOME`.
    pub home: PathBuf,
    server: Leased,
}

const SSHD: &str = "/usr/sbin/sshd";

impl Sshds {
    /// Starts that many; `None`, after a loud message, if sshd is not installed.
    pub fn start(count: usize) -> Option<Self> {
        Self::in_environment(count, "")
    }

    /// The same with more variables, `NAME=VALUE …`, in their sessions.
    pub fn in_environment(count: usize, more: &str) -> Option<Self> {
        if !Path::new(SSHD).exists() {
            not_run("openssh-server is not installed");
            return None;
        }
        // sshd running as root wants this folder of the distribution's, which its service makes.
        let _ = std::fs::create_dir_all("/run/sshd");
        let folder = tempfile::Builder::new()
            .prefix("replctl-sshd-")
            .tempdir()
            .unwrap();
        keygen(&folder.path().join("key"));
        std::fs::copy(
            folder.path().join("key.pub"),
            folder.path().join("authorized_keys"),
        )
        .unwrap();
        let mut this = Self {
            hosts: Vec::new(),
            folder,
            environment: more.to_owned(),
        };
        this.hosts = (1..=count)
            .map(|n| this.start_one(&format!("h{n}")))
            .collect();
        this.write_known_hosts();
        Some(this)
    }

    fn start_one(&self, name: &str) -> SshHost {
        let own = self.folder.path().join(name);
        let home = own.join("home");
        std::fs::create_dir_all(&home).unwrap();
        keygen(&own.join("hostkey"));
        for _ in 0..10 {
            let port = ports::free();
            if let Some(server) = self.start_on(&own, name, port) {
                return SshHost {
                    name: name.to_owned(),
                    port,
                    home,
                    server,
                };
            }
        }
        panic!(
            "sshd does not start: {}",
            std::fs::read_to_string(own.join("log")).unwrap_or_default()
        );
    }

    fn start_on(&self, own: &Path, name: &str, port: u16) -> Option<Leased> {
        let pid_file = own.join("pid");
        let _ = std::fs::remove_file(&pid_file);
        let config = own.join("sshd_config");
        std::fs::write(&config, self.config(own, name, port)).unwrap();
        let log = own.join("log");
        let server = Leased::start(
            Path::new(SSHD),
            &["-D", "-e", "-f", config.to_str().unwrap()],
            &log,
        );
        let end = Instant::now() + Duration::from_secs(5);
        while server.is_alive() && Instant::now() < end {
            if std::fs::metadata(&pid_file).is_ok_and(|m| m.len() > 0) {
                return Some(server);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    fn config(&self, own: &Path, name: &str, port: u16) -> String {
        let (own, all) = (own.display(), self.folder.path().display());
        let sftp = [
            "/usr/lib/openssh/sftp-server",
            "/usr/libexec/openssh/sftp-server",
            "/usr/lib/ssh/sftp-server",
        ];
        let sftp = sftp
            .into_iter()
            .find(|p| Path::new(p).exists())
            .unwrap_or("internal-sftp");
        // Many tests connect at once: the default of MaxStartups drops some of more than ten.
        format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {own}/hostkey\nPidFile {own}/pid\nAuthorizedKeysFile {all}/authorized_keys\n\
             AuthenticationMethods publickey\nUsePAM {pam}\nStrictModes no\nPrintMotd no\nPrintLastLog no\nMaxStartups 200\nMaxSessions 100\n\
             PermitRootLogin prohibit-password\nAllowUsers {user}\nSetEnv LAB_HOST={name} HOME={own}/home {more}\nSubsystem sftp {sftp}\n",
            more = self.environment,
            user = self.user(),
            pam = if is_locked() { "yes" } else { "no" },
        )
    }

    fn write_known_hosts(&self) {
        let lines: Vec<String> = self
            .hosts
            .iter()
            .map(|h| format!("[127.0.0.1]:{} {}\n", h.port, self.host_key(h)))
            .collect();
        std::fs::write(self.known_hosts(), lines.concat()).unwrap();
    }

    /// Type and base64 of a host's public key.
    pub fn host_key(&self, host: &SshHost) -> String {
        let line = std::fs::read_to_string(self.folder.path().join(&host.name).join("hostkey.pub"))
            .unwrap();
        line.split_whitespace()
            .take(2)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The hosts.
    pub fn hosts(&self) -> &[SshHost] {
        &self.hosts
    }

    /// Replaces a host by one with another key on the same port; `known_hosts` keeps the old key.
    pub fn replace_host_key(&mut self, index: usize) {
        let host = &self.hosts[index];
        host.kill();
        let (name, port) = (host.name.clone(), host.port);
        let own = self.folder.path().join(&name);
        for file in ["hostkey", "hostkey.pub"] {
            std::fs::remove_file(own.join(file)).unwrap();
        }
        keygen(&own.join("hostkey"));
        self.hosts[index].server = self.start_on(&own, &name, port).expect("sshd starts again");
    }

    /// Starts a killed host again.
    pub fn restart(&mut self, index: usize) {
        let (name, port) = (self.hosts[index].name.clone(), self.hosts[index].port);
        let own = self.folder.path().join(&name);
        self.hosts[index].server = self.start_on(&own, &name, port).expect("sshd starts again");
    }

    /// The private key every host accepts.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    /// The keys of all hosts.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    /// A folder that goes with this; deployments are made in it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Who logs in: the user the tests run as.
    #[allow(clippy::unused_self)] // it reads as a property of these hosts
    pub fn user(&self) -> String {
        run(Command::new("id").arg("-un"), Duration::from_secs(10))
            .ok()
            .stdout
            .trim()
            .to_owned()
    }

    /// Runs a line in a host by the system's own `ssh`.
    #[track_caller]
    pub fn ssh(&self, host: &SshHost, line: &str) -> Ran {
        let mut command = Command::new("ssh");
        command.args([
            "-F",
            "/dev/null",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "ConnectTimeout=5",
        ]);
        command.arg("-o").arg(format!(
            "UserKnownHostsFile={}",
            self.known_hosts().display()
        ));
        command
            .arg("-i")
            .arg(self.key())
            .args(["-p", &host.port.to_string(), "127.0.0.1", line]);
        run(&mut command, Duration::from_secs(20))
    }
}

impl Drop for Sshds {
    fn drop(&mut self) {
        for host in &self.hosts {
            host.kill();
        }
        for pid in living_in(self.folder.path()) {
            signal(pid, libc::SIGKILL);
        }
    }
}

impl SshHost {
    /// Kills the server and all its sessions, and waits until nothing of it listens any more.
    pub fn kill(&self) {
        if self.server.is_alive() {
            for pid in family_of(self.server.pid) {
                signal(pid, libc::SIGKILL);
            }
            await_that("the ssh server to end", Duration::from_secs(5), || {
                self.server.is_gone()
            });
        }
    }

    /// Freezes the server: it accepts connections and then says nothing. Open sessions go on.
    pub fn pause(&self) {
        signal(self.server.pid, libc::SIGSTOP);
    }

    /// Undoes [`SshHost::pause`].
    pub fn resume(&self) {
        signal(self.server.pid, libc::SIGCONT);
    }
}

/// Without PAM, sshd refuses accounts with a locked password, such as root's on some installations.
fn is_locked() -> bool {
    std::fs::read_to_string("/etc/shadow").is_ok_and(|s| s.starts_with("root:!"))
}

fn keygen(file: &Path) {
    let mut command = Command::new("ssh-keygen");
    command
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "throwaway", "-f"])
        .arg(file);
    run(&mut command, Duration::from_secs(20)).ok();
}

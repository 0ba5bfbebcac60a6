//! Private sshd processes of the calling user on ports of 127.0.0.1, with everything they need in a
//! folder of their own. Ends only what it started, by its id.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::inventory::SshSettings;
use crate::world::ssh::{Ask, Host, Options, RemoteCommand, Ssh, SshError};
use secrecy::SecretString;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::future::Future;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A folder with a user key and a configuration; what else a test needs goes there, too.
pub struct Lab {
    folder: tempfile::TempDir,
    /// What stands in the place of another file for the daemons.
    instead: Mutex<Option<(PathBuf, &'static str)>>,
}

/// Ends with its test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub struct Sshd {
    process: Running,
    pub port: u16,
}

/// Ends a test that hangs.
pub async fn within<T>(seconds: u64, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(seconds), work)
        .await
        .expect("the test takes too long")
}

pub fn run(command: &mut Command) {
    let out = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        out.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
}

pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

impl Lab {
    /// With a user key in `key`, accepted by every sshd of this lab.
    pub fn new() -> Self {
        let lab = Self {
            folder: tempfile::tempdir().unwrap(),
            instead: Mutex::default(),
        };
        lab.keygen("key", "ed25519", "");
        lab.authorize("key");
        lab.configure("");
        lab
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn keygen(&self, name: &str, kind: &str, passphrase: &str) -> PathBuf {
        let file = self.path(name);
        let mut command = Command::new("ssh-keygen");
        command
            .args(["-q", "-t", kind, "-N", passphrase, "-C", name, "-f"])
            .arg(&file);
        if kind == "rsa" {
            command.args(["-b", "2048"]);
        }
        run(&mut command);
        file
    }

    /// Only this key is accepted from now on.
    pub fn authorize(&self, key: &str) {
        let file = self.path("authorized_keys");
        std::fs::copy(self.path(&format!("{key}.pub")), &file).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The configuration instead of `~/.ssh/config`: `first` goes before the defaults of the lab.
    pub fn configure(&self, first: &str) {
        let text = format!(
            "{first}\nHost *\n IdentityAgent none\n IdentityFile {}\n UserKnownHostsFile {}\n GlobalKnownHostsFile /dev/null\n HashKnownHosts no\n",
            self.path("key").display(),
            self.known_hosts().display()
        );
        std::fs::write(self.path("config"), text).unwrap();
    }

    pub fn known_hosts(&self) -> PathBuf {
        self.path("known_hosts")
    }

    pub fn known_lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.known_hosts()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub fn options(&self) -> Options {
        Options {
            ssh_config: Some(self.path("config")),
            accept_new_host_keys: true,
            ..Options::default()
        }
    }

    /// A host key of this lab and its public half (type and key).
    pub fn host_key(&self, name: &str, kind: &str) -> String {
        let file = self.path(name);
        if !file.exists() {
            self.keygen(name, kind, "");
        }
        let public = std::fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap();
        public.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// An sshd with an ed25519 host key and SFTP.
    pub fn sshd(&self) -> Sshd {
        self.host_key("hostkey", "ed25519");
        self.sshd_with(&["hostkey"], "Subsystem sftp internal-sftp\n")
    }

    /// An sshd for which the calling user has that login shell.
    pub fn sshd_of(&self, shell: &str) -> Sshd {
        use std::os::unix::fs::MetadataExt as _;
        let me = std::fs::metadata("/proc/self").unwrap().uid().to_string();
        let users = std::fs::read_to_string("/etc/passwd").unwrap();
        let with_shell = users.lines().map(|line| {
            let mut fields: Vec<&str> = line.split(':').collect();
            if fields[2] == me {
                fields[6] = shell;
            }
            fields.join(":") + "\n"
        });
        let file = self.path(&format!("passwd{}", shell.replace('/', "-")));
        std::fs::write(&file, with_shell.collect::<String>()).unwrap();
        *self.instead.lock().unwrap() = Some((file, "/etc/passwd"));
        let sshd = self.sshd();
        *self.instead.lock().unwrap() = None;
        sshd
    }

    /// An sshd for which PAM does what that file says.
    pub fn sshd_of_pam(&self, service: &Path, lines: &str) -> Sshd {
        *self.instead.lock().unwrap() = Some((service.to_owned(), "/etc/pam.d/sshd"));
        let sshd = self.sshd_with(&["hostkey"], &format!("UsePAM yes\n{lines}"));
        *self.instead.lock().unwrap() = None;
        sshd
    }

    pub fn sshd_with(&self, host_keys: &[&str], lines: &str) -> Sshd {
        // sshd insists on this folder where it runs as root.
        if std::fs::metadata("/proc/self")
            .is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
        {
            std::fs::create_dir_all("/run/sshd").unwrap();
        }
        for _ in 0..5 {
            if let Some(sshd) = self.try_sshd(free_port(), host_keys, lines) {
                return sshd;
            }
        }
        panic!(
            "sshd does not start: {}",
            std::fs::read_to_string(self.path("log")).unwrap_or_default()
        );
    }

    /// An sshd on that port; `None` where it does not come up.
    pub fn try_sshd(&self, port: u16, host_keys: &[&str], lines: &str) -> Option<Sshd> {
        // The first value counts.
        let mut config = format!(
            "{lines}\nListenAddress 127.0.0.1\nPort {port}\nPidFile none\nAuthorizedKeysFile {}\nStrictModes no\nPrintMotd no\nUsePAM no\n",
            self.path("authorized_keys").display()
        );
        for key in host_keys {
            writeln!(config, "HostKey {}", self.path(key).display()).unwrap();
        }
        let file = self.path(&format!("sshd_config.{port}"));
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new("/usr/sbin/sshd");
        if let Some((file, place)) = &*self.instead.lock().unwrap() {
            command = Command::new("unshare");
            command
                .args(["-m", "sh", "-c"])
                .arg("mount --bind \"$0\" \"$1\" && shift && exec /usr/sbin/sshd \"$@\"")
                .args([file.as_os_str(), place.as_ref()]);
        }
        let child = command
            .args(["-D", "-f"])
            .arg(&file)
            .arg("-E")
            .arg(self.path("log"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut sshd = Sshd {
            process: Running(child),
            port,
        };
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end && sshd.process.0.try_wait().unwrap().is_none() {
            if greets(port) {
                return Some(sshd);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

fn greets(port: u16) -> bool {
    let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    socket
        .set_read_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    // The whole line: to leave something unread would reset the connection, and sshd would log
    // that.
    let mut banner = Vec::new();
    while banner.last() != Some(&b'\n') {
        let mut byte = [0];
        if socket.read_exact(&mut byte).is_err() {
            return false;
        }
        banner.push(byte[0]);
    }
    banner.starts_with(b"SSH-")
}

impl Sshd {
    pub fn settings(&self) -> SshSettings {
        SshSettings {
            port: Some(self.port),
            ..SshSettings::default()
        }
    }

    /// The line of `known_hosts` for a host key as [`Lab::host_key`] returns it.
    pub fn known_line(&self, public: &str) -> String {
        format!("[127.0.0.1]:{} {public}\n", self.port)
    }

    pub async fn log_in(&self, options: Options) -> Result<Arc<Host>, SshError> {
        Ssh::new(options)
            .host("node", &self.settings(), "127.0.0.1")
            .await
    }

    /// Ends it and the processes of its sessions: the host is gone from one moment to the next.
    pub fn die(&mut self) {
        let sessions = self.sessions();
        let _ = self.process.0.kill();
        let _ = self.process.0.wait();
        end(&sessions);
    }

    /// Cuts all connections to it.
    pub fn cut(&self) {
        end(&self.sessions());
    }

    /// The processes of its sessions, by what the kernel says of their parents.
    pub fn sessions(&self) -> Vec<u32> {
        children_of(self.process.0.id())
    }
}

/// Ends these processes. The end of one, or of their parent, may be the end of another.
fn end(pids: &[u32]) {
    for pid in pids {
        let kill = Command::new("kill")
            .args(["-KILL", &pid.to_string()])
            .output();
        drop(kill.unwrap());
    }
}

pub fn children_of(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|n| n.parse::<u32>().ok())
        else {
            continue;
        };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
        if after.split(' ').nth(1) == Some(&parent.to_string()) {
            found.push(pid);
        }
    }
    found
}

/// Waits until a file has something in it.
pub async fn appears(file: &Path) {
    while std::fs::metadata(file).map_or(true, |m| m.len() == 0) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// How a command is run for at most that many seconds.
pub fn for_seconds(seconds: u64) -> RemoteCommand {
    RemoteCommand {
        timeout: Duration::from_secs(seconds),
        ..RemoteCommand::default()
    }
}

/// Answers questions from a list, and remembers them.
#[derive(Default)]
pub struct Scripted {
    pub yes: bool,
    pub secrets: Mutex<VecDeque<&'static str>>,
    pub asked: Mutex<Vec<String>>,
}

impl Scripted {
    pub fn secrets(list: &[&'static str]) -> Arc<Self> {
        Arc::new(Self {
            secrets: Mutex::new(list.iter().copied().collect()),
            ..Self::default()
        })
    }

    pub fn saying(yes: bool) -> Arc<Self> {
        Arc::new(Self {
            yes,
            ..Self::default()
        })
    }

    pub fn questions(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Ask for Scripted {
    fn confirm(&self, question: &str) -> bool {
        self.asked.lock().unwrap().push(question.to_owned());
        self.yes
    }

    fn secret(&self, prompt: &str) -> Option<SecretString> {
        self.asked.lock().unwrap().push(prompt.to_owned());
        self.secrets
            .lock()
            .unwrap()
            .pop_front()
            .map(SecretString::from)
    }
}

/// Whether a file is there.
pub fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

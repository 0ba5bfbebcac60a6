//! Two servers that somebody started by hand as the user `redis` of this machine, each with a
//! folder, a file and perhaps a link of its own.

use crate::support::inventory::{InventoryText, NodeText, write_password};
use crate::support::process::{Leased, run, signal};
use crate::support::{Family, Net, RawRedis, Replctl, Sshds, await_that, ports};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

pub const PASSWORD: &str = "a-password-of-the-files";

/// What its configuration file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// A file.
    No,
    /// A link to a file beside it, by its bare name.
    Beside,
    /// A link into another folder of the user's, as a relative path.
    Elsewhere,
    /// A link into a folder of root's.
    IntoRoots,
}

/// Owner, mode, link, and owner and mode of the folder.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub owner: &'static str,
    pub mode: u32,
    pub link: Link,
    pub folder: (&'static str, u32),
    /// Its file includes another one.
    pub include: bool,
}

/// One server.
pub struct Node {
    pub name: &'static str,
    pub port: u16,
    pub own: PathBuf,
    program: PathBuf,
    process: Option<Leased>,
}

/// Both servers, and their operator. The first is the primary.
pub struct Site {
    pub nodes: Vec<Node>,
    pub operator: Replctl<'static>,
    pub root: TempDir,
}

/// A line of sh as root.
#[track_caller]
pub fn sh(line: &str) -> String {
    let mut command = Command::new("sh");
    command.args(["-ec", line]);
    run(&mut command, Duration::from_secs(20)).ok().stdout
}

/// The output of `ls -l` and a hash for everything below a folder, by path.
pub fn tree(folder: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(path) = todo.pop() {
        let meta = std::fs::symlink_metadata(&path).unwrap();
        let mut said = format!("{:o} {}:{}", meta.mode(), meta.uid(), meta.gid());
        if meta.is_dir() {
            let inside = std::fs::read_dir(&path).unwrap();
            todo.extend(inside.map(|e| e.unwrap().path()));
        } else if meta.is_symlink() {
            let _ = write!(said, " -> {}", std::fs::read_link(&path).unwrap().display());
        } else if meta.is_file() {
            let _ = write!(
                said,
                " {:x?}",
                Sha256::digest(std::fs::read(&path).unwrap())
            );
        }
        all.insert(path.display().to_string(), said);
    }
    all
}

impl Node {
    fn lay_out(name: &'static str, root: &Path, family: &Family, case: Case) -> Self {
        let own = root.join(name);
        let port = ports::free();
        let this = Self {
            name,
            port,
            own,
            program: family.server.clone(),
            process: None,
        };
        let (own, file) = (this.own.display(), this.target(case.link));
        let (folder_owner, folder_mode) = case.folder;
        sh(&format!(
            "umask 022; mkdir -p {own}/conf {own}/store {own}/roots {own}/data; chown redis:redis {own}/store {own}/data"
        ));
        // Passwords stand in the file itself, or in one that it includes, which is nobody's to
        // change.
        let secrets = format!("requirepass {PASSWORD}\nmasterauth {PASSWORD}\n");
        let included = case.include.then(|| this.own.join("data/secrets.conf"));
        let secrets = match &included {
            Some(file) => {
                std::fs::write(file, secrets).unwrap();
                sh(&format!(
                    "chown redis:redis {0}; chmod 400 {0}",
                    file.display()
                ));
                format!("include {}\n", file.display())
            }
            None => secrets,
        };
        let text = format!(
            "# by hand\nport {port}\nbind 127.0.0.1\ndir {own}/data\nsave \"\"\nrepl-diskless-sync-delay 0\n{secrets}"
        );
        std::fs::write(&file, text).unwrap();
        let to = match case.link {
            Link::No => None,
            Link::Beside => Some("real.conf".to_owned()),
            Link::Elsewhere => Some("../store/redis.conf".to_owned()),
            Link::IntoRoots => Some(file.display().to_string()),
        };
        if let Some(to) = to {
            symlink(to, this.config()).unwrap();
        }
        sh(&format!(
            "chown {} {file}; chmod {:o} {file}; chown {folder_owner} {own}/conf; chmod {folder_mode:o} {own}/conf",
            case.owner,
            case.mode,
            file = file.display(),
        ));
        this
    }

    /// The path that it is started with.
    pub fn config(&self) -> PathBuf {
        self.own.join("conf/redis.conf")
    }

    /// The real file, after all links.
    pub fn target(&self, link: Link) -> PathBuf {
        self.own.join(match link {
            Link::No => "conf/redis.conf",
            Link::Beside => "conf/real.conf",
            Link::Elsewhere => "store/redis.conf",
            Link::IntoRoots => "roots/redis.conf",
        })
    }

    /// Starts it as an administrator does: as `redis` with its groups, umask 022.
    pub fn start(&mut self) {
        let (program, config) = (self.program.display(), self.config());
        let line = format!(
            "umask 022; cd /; exec setpriv --reuid redis --regid redis --init-groups {program} {}",
            config.display()
        );
        let log = self.own.join("log");
        self.process = Some(Leased::start(Path::new("/bin/sh"), &["-c", &line], &log));
        await_that("the server to answer", Duration::from_secs(10), || {
            self.connect()
                .is_ok_and(|mut c| c.try_command(&["PING"]).is_ok())
        });
    }

    /// Restarts it: it reads the present content of its file.
    pub fn restart(&mut self) {
        self.stop();
        self.start();
    }

    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            signal(process.pid, libc::SIGKILL);
            await_that("the server to end", Duration::from_secs(5), || {
                process.is_gone()
            });
        }
    }

    fn connect(&self) -> std::io::Result<RawRedis> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        RawRedis::connect(
            &Net::Machine,
            address,
            Some(PASSWORD),
            Duration::from_secs(5),
        )
    }

    pub fn client(&self) -> RawRedis {
        self.connect().unwrap()
    }

    /// `master`, or the port that it follows.
    pub fn role(&self) -> String {
        let info = self.client().info("replication");
        if info["role"] == "master" {
            "master".to_owned()
        } else {
            info["master_port"].clone()
        }
    }
}

impl Site {
    /// Starts both; `sshds` `None`: nodes without SSH.
    pub fn start(sshds: Option<&Sshds>, family: &Family, cases: [Case; 2]) -> Self {
        let root = tempfile::Builder::new()
            .prefix("replctl-files-")
            .tempdir()
            .unwrap();
        std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut nodes: Vec<Node> = ["a", "b"]
            .into_iter()
            .zip(cases)
            .map(|(name, case)| Node::lay_out(name, root.path(), family, case))
            .collect();
        for node in &mut nodes {
            node.start();
        }
        let operator = Self::operator(root.path(), sshds, &nodes);
        let this = Self {
            nodes,
            operator,
            root,
        };
        let primary = this.nodes[0].port.to_string();
        let mut replica = this.nodes[1].client();
        assert_eq!(
            replica
                .command(&["REPLICAOF", "127.0.0.1", &primary])
                .text(),
            "OK"
        );
        this.in_sync(1);
        this
    }

    fn operator(root: &Path, sshds: Option<&Sshds>, nodes: &[Node]) -> Replctl<'static> {
        let password = write_password(root, PASSWORD);
        let mut text = InventoryText::new("files")
            .password_file(&password)
            .without_sudo()
            .server("user", "redis")
            .server("directory", root.join("db").to_str().unwrap());
        if let Some(sshds) = sshds {
            text = text
                .ssh("user", &sshds.user())
                .ssh("identity_file", sshds.key().to_str().unwrap())
                .ssh("known_hosts", sshds.known_hosts().to_str().unwrap());
        }
        // Nothing listens on port 1.
        let ssh_port = sshds.map_or(1, |s| s.hosts()[0].port);
        for (n, node) in nodes.iter().enumerate() {
            let it = NodeText::new(node.name, "127.0.0.1")
                .port(node.port)
                .ssh_port(ssh_port);
            text = text.node(if n == 0 { it } else { it.replicaof("a") });
        }
        Replctl::new().inventory(&text.write(root))
    }

    /// Waits until that one follows the other one.
    pub fn in_sync(&self, replica: usize) {
        let (replica, primary) = (&self.nodes[replica], &self.nodes[1 - replica]);
        await_that("the replica to be in sync", Duration::from_secs(20), || {
            let info = replica.client().info("replication");
            info.get("master_port") == Some(&primary.port.to_string())
                && info.get("master_link_status").is_some_and(|s| s == "up")
                && primary
                    .client()
                    .info("replication")
                    .get("slave0")
                    .is_some_and(|s| s.contains("state=online"))
        });
    }
}

//! This machine as a host: commands in a chosen shell as a chosen user, and one node in a temporary
//! directory.

use super::{free_port, stdout_or_stderr};
use crate::actions::Action;
use crate::actions::host::{HostAction, PayloadInfo};
use crate::config::Paths;
use crate::engine::{Plan, Refusal, Setup, Undo};
use crate::inventory::{
    Auth, Inventory, NodeSpec, SecretSource, ServerSettings, ServerSource, SshSettings, Via,
};
use crate::operations::setup;
use crate::plan::facts::HostFacts;
use crate::topology::{Address, Node, Product, Topology, sample};
use crate::world::host::install::{ServerFiles, hex_sha256};
use crate::world::host::{Progress, Ran, Secrets, Shell, Supplies, UploadOptions, act, facts};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

const PROGRAM: &str = "/usr/bin/redis-server";
const NOBODY: &str = "65534";

const LONG: Duration = Duration::from_secs(20);

/// A shell on this machine.
pub struct Local {
    pub applets: Option<TempDir>,
    nobody: bool,
    commands: Mutex<String>,
    said: Mutex<usize>,
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shell = if self.applets.is_some() {
            "busybox"
        } else {
            "sh"
        };
        let user = if self.nobody { "nobody" } else { "root" };
        write!(f, "{shell} as {user}")
    }
}

impl Local {
    pub fn root() -> Self {
        let id = Command::new("id").arg("-u").output().unwrap().stdout;
        assert_eq!(
            id, b"0\n",
            "these tests make users' files: run them as root"
        );
        Self {
            applets: None,
            nobody: false,
            commands: Mutex::default(),
            said: Mutex::default(),
        }
    }

    /// Busybox's own applets come first.
    pub fn busybox() -> Self {
        let list = Command::new("busybox").arg("--list").output();
        let list = list.expect("busybox is needed for this test: apt-get install busybox");
        let dir = tempfile::tempdir().unwrap();
        let program = String::from_utf8(
            Command::new("sh")
                .args(["-c", "command -v busybox"])
                .output()
                .unwrap()
                .stdout,
        )
        .unwrap();
        for applet in String::from_utf8(list.stdout).unwrap().lines() {
            symlink(program.trim(), dir.path().join(applet)).unwrap();
        }
        Self {
            applets: Some(dir),
            ..Self::root()
        }
    }

    pub fn nobody() -> Self {
        Self {
            nobody: true,
            ..Self::root()
        }
    }

    pub fn commands(&self) -> String {
        self.commands.lock().unwrap().clone()
    }

    /// Bytes that the last command has printed.
    pub fn bytes_printed(&self) -> usize {
        *self.said.lock().unwrap()
    }

    fn command(&self, line: &str) -> tokio::process::Command {
        let mut command = if self.nobody {
            let mut command = tokio::process::Command::new("setpriv");
            command.args([
                "--reuid",
                NOBODY,
                "--regid",
                "65534",
                "--clear-groups",
                "sh",
            ]);
            command
        } else {
            tokio::process::Command::new("sh")
        };
        command.args(["-c", line]).current_dir("/").env_clear();
        let system = "/usr/bin:/bin";
        command.env(
            "PATH",
            match &self.applets {
                Some(dir) => format!("{}:{system}", dir.path().display()),
                None => system.to_owned(),
            },
        );
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }
}

impl Shell for Local {
    async fn run(
        &self,
        line: &str,
        stdin: Vec<u8>,
        root: bool,
        timeout: Duration,
    ) -> Result<Ran, String> {
        assert_eq!(root, self.can_root());
        self.commands.lock().unwrap().push_str(line);
        let mut child = self.command(line).spawn().map_err(|e| e.to_string())?;
        let mut input = child.stdin.take().unwrap();
        let _ = input.write_all(&stdin).await;
        drop(input);
        let output = tokio::time::timeout(timeout, child.wait_with_output()).await;
        let output = output
            .map_err(|_| "it took too long")?
            .map_err(|e| e.to_string())?;
        *self.said.lock().unwrap() = output.stdout.len();
        Ok(Ran {
            status: output.status.code().unwrap_or(128),
            stdout: output.stdout,
            stderr: output.stderr,
        })
    }

    async fn upload_files(
        &self,
        files: Vec<(String, Arc<Vec<u8>>)>,
        mode: u32,
        root: bool,
        progress: Progress,
        options: UploadOptions,
    ) -> Result<String, String> {
        for (path, data) in files.iter().rev() {
            progress(data.len() as u64);
            let line = format!(
                "umask 077; cat >'{path}.part' && chmod {mode:o} '{path}.part' && mv -f '{path}.part' '{path}'"
            );
            stdout_or_stderr(&self.run(&line, data.to_vec(), root, LONG).await?)?;
        }
        stdout_or_stderr(&self.run(&options.after, Vec::new(), root, LONG).await?)
    }

    fn can_root(&self) -> bool {
        !self.nobody
    }
}

/// One node on this machine. Its server, if it still runs at the end, is ended by its pid.
pub struct Bench {
    directory: TempDir,
    pub inventory: Inventory,
    pub payload: PayloadInfo,
    password: Option<SecretString>,
    plain: String,
}

impl Bench {
    pub fn new(shell: &Local) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        if shell.nobody {
            std::os::unix::fs::chown(directory.path(), Some(65534), Some(65534)).unwrap();
        }
        let port = free_port();
        let program = fs::read(PROGRAM)
            .expect("redis-server is needed for this test: apt-get install redis-server");
        let node = NodeSpec {
            name: "master".into(),
            line: (1, 1),
            address: Address::new("127.0.0.1", port),
            announce: None,
            replicaof: None,
            priority: None,
            ssh: SshSettings::default(),
            via: Via::Auto,
            service: crate::inventory::ServiceSettings::default(),
            tls: None,
            config: BTreeMap::new(),
        };
        let server = ServerSettings {
            source: ServerSource::Embedded,
            directory: format!("{}/db redis", directory.path().display()),
            databases: 16,
            user: "redis".into(),
            hostnames: false,
        };
        Self {
            inventory: Inventory {
                path: "inventory.toml".into(),
                digest: String::new(),
                name: "test".into(),
                auth: Auth::None,
                accounts: crate::inventory::Accounts::default(),
                tls: None,
                server,
                nodes: vec![node],
                sentinel: None,
                hooks: crate::inventory::hooks::Hooks::default(),
            },
            payload: PayloadInfo {
                arch: std::env::consts::ARCH.into(),
                product: Product::Redis,
                version: sample::version(7, 0, 15),
                sha256: hex_sha256(&program),
                bytes: program.len() as u64,
            },
            directory,
            password: None,
            plain: String::new(),
        }
    }

    pub fn with_password(shell: &Local, password: &str) -> Self {
        let mut bench = Self::new(shell);
        bench.inventory.auth = Auth::Password(SecretSource::Env("X".into()));
        bench.password = Some(password.to_owned().into());
        password.clone_into(&mut bench.plain);
        bench
    }

    /// A directory for the test's own files.
    pub fn root(&self) -> String {
        self.directory.path().display().to_string()
    }

    pub fn port(&self) -> u16 {
        self.inventory.nodes[0].address.port
    }

    pub fn paths(&self) -> Paths {
        Paths::new(&self.inventory.server.directory, self.port())
    }

    pub async fn facts(&self, shell: &Local) -> HostFacts {
        facts(shell, &self.inventory, &self.inventory.nodes[0])
            .await
            .unwrap()
    }

    /// The plan for this host; the server's own side is taken as read.
    pub async fn plan(&self, shell: &Local, up: bool) -> Plan {
        self.try_to_plan(shell, up).await.unwrap()
    }

    pub async fn try_to_plan(&self, shell: &Local, up: bool) -> Result<Plan, Vec<Refusal>> {
        let node = &self.inventory.nodes[0];
        let state = if up {
            sample::node("master", 0, None).state
        } else {
            sample::down("master", 0).state
        };
        let address = node.address.clone();
        let node_down = Node {
            state,
            announced: address.clone(),
            address,
            ..sample::down("master", 0)
        };
        let nodes = vec![node_down].into();
        let topology = Topology { nodes };
        let hosts = [(node.name.clone(), Ok(self.facts(shell).await))].into();
        let op = Setup {
            nodes: Vec::new(),
            discard_data: Vec::new(),
        };
        let payload = std::slice::from_ref(&self.payload);
        setup::plan::plan(&op, &self.inventory, &topology, &hosts, payload)
    }

    pub fn supplies(password: Option<&SecretString>) -> Supplies<'_> {
        fn program(_: &PayloadInfo) -> Result<ServerFiles, String> {
            let data = fs::read(PROGRAM).map_err(|e| e.to_string())?;
            Ok(vec![("redis-server".to_owned(), Arc::new(data))])
        }
        fn silent() -> Progress {
            Box::new(|_| {})
        }
        Supplies {
            secrets: Secrets {
                password,
                of_sentinels: None,
            },
            server: &program,
            progress: &silent,
        }
    }

    pub async fn act(&self, shell: &Local, action: &HostAction) -> Result<String, String> {
        act(shell, action, &Self::supplies(self.password.as_ref())).await
    }

    /// Every action of the plan, each twice: all can be repeated.
    pub async fn try_to(&self, shell: &Local, plan: &Plan) -> Result<(), String> {
        for step in plan.steps() {
            if let Action::Host(action) = &step.action {
                self.act(shell, action).await?;
                self.act(shell, action).await?;
            }
        }
        Ok(())
    }

    pub async fn carry_out(&self, shell: &Local, plan: &Plan) {
        self.try_to(shell, plan).await.unwrap();
    }

    /// Undoes the plan, last step first.
    pub async fn put_back(&self, shell: &Local, plan: &Plan) {
        let steps: Vec<_> = plan.steps().collect();
        for step in steps.iter().rev() {
            if let Undo::By(Action::Host(action)) = &step.undo {
                self.act(shell, action).await.unwrap();
            }
        }
    }

    pub fn cli(&self, args: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        command.args(["-p", &self.port().to_string()]).args(args);
        if !self.plain.is_empty() {
            command.env("REDISCLI_AUTH", &self.plain);
        }
        let output = command.output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn pid(&self) -> Option<String> {
        let text = fs::read_to_string(self.paths().pid()).ok()?;
        let pid = text.trim();
        let there = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
        let data = fs::canonicalize(self.paths().data()).ok()?;
        (there == data).then(|| pid.to_owned())
    }

    fn signal(&self, signal: &str) {
        let pids = self.pid();
        let _ = pids.map(|pid| Command::new("kill").args([signal, &pid]).status().unwrap());
    }

    pub fn freeze(&self) {
        assert!(self.pid().is_some());
        self.signal("-STOP");
    }

    pub fn chmod(path: &str, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    pub fn mode(path: &str) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.signal("-KILL");
    }
}

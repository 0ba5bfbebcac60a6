//! Tries the inventory's own directives on the program that will run, before anything is planned.
//! If the program is on the host, the trial runs there; else it runs here, if replctl carries the
//! same version. The program is started as an unprivileged user, without a port, in a folder that
//! is removed again.

use super::hosts::Hosts;
use super::{host, server_source};
use crate::actions::host::PayloadInfo;
use crate::config::server::{Supervision, render};
use crate::inventory::source::Arrival;
use crate::inventory::{Inventory, NodeSpec, locate};
use crate::plan::facts::trial::{Trial, TrialVerdict, WrongDirective, lines, read};
use crate::plan::facts::{HostFacts, Listener, Unseen};
use crate::topology::NodeName;
use futures::StreamExt;
use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A program says what it refuses within milliseconds.
const HERE: Duration = Duration::from_secs(10);

/// Directives that are refused are found one by one.
const MOST: usize = 12;

/// Where a program is that can be asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Program {
    /// On the host of the node.
    There(String),
    /// One that replctl carries, on this machine.
    Here(String),
}

/// Notes for each of these hosts which directives of its node the program refuses.
pub async fn try_directives(
    hosts: &Hosts,
    seen: &mut BTreeMap<NodeName, Result<HostFacts, Unseen>>,
    payload: &[PayloadInfo],
) {
    let carried = Carried::new(&hosts.inventory, payload);
    let good = seen
        .iter_mut()
        .filter_map(|(node, facts)| Some((hosts.inventory.get(node)?, facts.as_mut().ok()?)));
    let open = good.filter(|(node, facts)| is_open(&hosts.inventory, node, facts));
    let tries = open.map(|(node, facts)| async {
        facts.trial = tried(hosts, node, facts, payload, &carried).await;
    });
    futures::stream::iter(tries)
        .buffer_unordered(hosts.concurrency)
        .collect::<()>()
        .await;
}

async fn tried(
    hosts: &Hosts,
    node: &NodeSpec,
    facts: &HostFacts,
    payload: &[PayloadInfo],
    carried: &Carried<'_>,
) -> Trial {
    if node.config.contains_key("loadmodule") {
        return Trial::Untried("a module may add directives of its own".to_owned());
    }
    let program = match program(&hosts.inventory, facts, payload) {
        Ok(program) => program,
        Err(why) => return Trial::Untried(why),
    };
    let mut left = lines(node);
    let mut wrong = Vec::new();
    while !left.is_empty() && wrong.len() < MOST {
        let text: Vec<&str> = left.values().flatten().map(String::as_str).collect();
        let text = text.join("\n");
        let said = match &program {
            Program::There(path) => there(hosts, node, path, &text).await,
            Program::Here(arch) => carried.start(arch, &text).await,
        };
        match said.map(|output| read(&output)) {
            Ok(TrialVerdict::All) => break,
            Ok(TrialVerdict::Not(name, why)) if left.remove(&name).is_some() => {
                wrong.push(WrongDirective {
                    place: place_of(&hosts.inventory, node, &name),
                    name,
                    why,
                });
            }
            Ok(TrialVerdict::Not(name, why)) => return Trial::Untried(format!("{name}: {why}")),
            Ok(TrialVerdict::Unclear(why)) | Err(why) => return Trial::Untried(why),
        }
    }
    Trial::Heard(wrong)
}

async fn there(hosts: &Hosts, node: &NodeSpec, path: &str, text: &str) -> Result<String, String> {
    let host = hosts.session(&node.name).await.map_err(|e| e.brief())?;
    let user = &hosts.inventory.server.user;
    host::trial::trial(host.as_ref(), path, user, text).await
}

/// Where the inventory's file says it, if that is still the file that was read.
fn place_of(inventory: &Inventory, node: &NodeSpec, name: &str) -> Option<(usize, usize)> {
    let text = std::fs::read_to_string(&inventory.path).ok()?;
    let same = crate::inventory::edit::digest(&text) == inventory.digest;
    same.then(|| locate::directive(&text, &node.name.0, name))?
}

/// Whether its directives would come into its file, or into its server.
fn is_open(inventory: &Inventory, node: &NodeSpec, facts: &HostFacts) -> bool {
    let how = if facts.systemd && facts.root {
        Supervision::Systemd
    } else {
        Supervision::Daemon
    };
    let wanted = || render(inventory, node, how, None).stamp;
    let has = facts.config.as_ref().and_then(|c| c.stamp.as_ref());
    !node.config.is_empty()
        && match facts.listener {
            Listener::Nobody => true,
            Listener::Ours | Listener::Foreign(_) => {
                facts.made(node.address.port) && has != Some(&wanted())
            }
        }
}

/// The program that will read them; the reason where there is none yet.
fn program(
    inventory: &Inventory,
    facts: &HostFacts,
    payload: &[PayloadInfo],
) -> Result<Program, String> {
    let runs = facts.holder.as_ref().and_then(|h| h.program.as_ref());
    if let Some(path) = runs.filter(|_| facts.listener != Listener::Nobody) {
        return Ok(Program::There(path.clone()));
    }
    let beside = |name: &str| {
        let there = facts.servers.contains_key(name);
        let path = format!("{}/server/{name}/redis-server", inventory.server.directory);
        there.then_some(Program::There(path))
    };
    let source = &inventory.server.source;
    match source.arrival() {
        Arrival::Installed => facts
            .package
            .clone()
            .map(Program::There)
            .ok_or_else(|| "the package is not installed there yet".to_owned()),
        Arrival::Built => source
            .folder()
            .and_then(|folder| beside(&folder))
            .ok_or_else(|| "the server is not built there yet".to_owned()),
        Arrival::Sent => {
            let of = |arch: &str| payload.iter().find(|p| p.arch == arch);
            let own = of(&facts.arch);
            if let Some(there) = own.and_then(|p| beside(&p.directory_name())) {
                return Ok(there);
            }
            let here = of(std::env::consts::ARCH);
            let same = |p: &&PayloadInfo| {
                own.is_some_and(|o| (o.product, o.version) == (p.product, p.version))
            };
            here.filter(same)
                .map(|p| Program::Here(p.arch.clone()))
                .ok_or_else(|| format!("this machine cannot run a server for {}", facts.arch))
        }
    }
}

/// The programs that replctl carries, unpacked for a moment.
struct Carried<'a> {
    inventory: &'a Inventory,
    payload: &'a [PayloadInfo],
    folder: tokio::sync::OnceCell<Result<Folder, String>>,
}

impl<'a> Carried<'a> {
    fn new(inventory: &'a Inventory, payload: &'a [PayloadInfo]) -> Self {
        Self {
            inventory,
            payload,
            folder: tokio::sync::OnceCell::new(),
        }
    }

    /// Starts the program with these lines. Returns what it prints.
    async fn start(&self, arch: &str, text: &str) -> Result<String, String> {
        let unpack = async || self.unpack(arch);
        let folder = self.folder.get_or_init(unpack).await;
        let folder = folder.as_ref().map_err(Clone::clone)?;
        let mut command = tokio::process::Command::new("/bin/sh");
        command
            .args(["-c", &host::trial::text(), "sh"])
            .arg(folder.0.join("redis-server"))
            .arg("nobody")
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let run = async {
            use tokio::io::AsyncWriteExt;
            let mut child = command.spawn().map_err(|e| e.to_string())?;
            if let Some(mut input) = child.stdin.take() {
                let sent = input.write_all(text.as_bytes()).await;
                sent.map_err(|e| e.to_string())?;
            }
            let output = child.wait_with_output().await.map_err(|e| e.to_string())?;
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let ended = tokio::time::timeout(HERE, run).await;
        ended.map_err(|_| "it did not end in time".to_owned())?
    }

    fn unpack(&self, arch: &str) -> Result<Folder, String> {
        let wanted = self.payload.iter().find(|p| p.arch == arch);
        let wanted = wanted.ok_or("there is no such program")?;
        let files = server_source::files(self.inventory, wanted)?;
        let (_, data) = files
            .into_iter()
            .find(|(name, _)| name == "redis-server")
            .ok_or("there is no such program")?;
        let folder = Folder::new().map_err(|e| format!("no folder can be made here: {e}"))?;
        let path = folder.0.join("redis-server");
        write(&path, &data).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(folder)
    }
}

fn write(path: &Path, data: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o755);
    let mut file = options.open(path)?;
    file.write_all(data)?;
    // Whatever the umask: the user `nobody` may start it.
    file.set_permissions(Permissions::from_mode(0o755))
}

/// A folder that only this process writes, removed with all that is in it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let nanos = since.map_or(0, |d| d.subsec_nanos());
        let name = format!("replctl-trial-{}-{nanos:x}-{n}", std::process::id());
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        let folder = Self(path);
        std::fs::set_permissions(&folder.0, Permissions::from_mode(0o755))?;
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

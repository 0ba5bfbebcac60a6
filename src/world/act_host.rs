//! The actions of a plan on a host: what `setup` does there, stopping and starting a server, the
//! fence in a file.

use super::busy::patience;
use super::host::{self, Around, Progress, Ran, Secrets, Shell, Supplies};
use super::replication::seen;
use super::ssh::{Host, Output, Run};
use super::{World, server_source};
use crate::actions::host::{HostAction, Launch, PayloadInfo};
use crate::actions::service::ServiceAction;
use crate::engine::execute::Failure;
use crate::engine::journal::Seen;
use crate::inventory::NodeSpec;
use crate::output::screen::Screen;
use crate::plan::facts::{HostFacts, Unseen};
use crate::topology::NodeName;
use futures::StreamExt;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a server gets to end by itself before it is killed: it may be writing its dump.
const STOP: Duration = Duration::from_secs(10);

fn ran(output: Output) -> Ran {
    let status = if output.signal.is_some() {
        128
    } else {
        output.status
    };
    Ran {
        status,
        stdout: output.stdout,
        stderr: output.stderr,
    }
}

impl Shell for Host {
    async fn run(
        &self,
        command: &str,
        stdin: Vec<u8>,
        root: bool,
        timeout: Duration,
    ) -> Result<Ran, String> {
        let how = Run {
            stdin,
            root,
            timeout: patience(timeout),
        };
        let output = Self::run(self, command, how).await;
        output.map(ran).map_err(|e| e.brief())
    }

    async fn run_script(
        &self,
        script: &str,
        args: &[&str],
        stdin: Vec<u8>,
        root: bool,
        timeout: Duration,
    ) -> Result<Ran, String> {
        let Some(text) = host::in_itself(script, args, &stdin) else {
            let (line, stdin) = host::prepared(script, args, stdin);
            return Shell::run(self, &line, stdin, root, timeout).await;
        };
        let how = Run {
            root,
            timeout: patience(timeout),
            ..Run::default()
        };
        let output = self.script(text, how).await;
        output.map(ran).map_err(|e| e.brief())
    }

    async fn upload_around(
        &self,
        files: Vec<(String, Arc<Vec<u8>>)>,
        mode: u32,
        root: bool,
        progress: Progress,
        around: Around,
    ) -> Result<String, String> {
        let done = Self::upload_around(self, files, mode, root, progress, around);
        done.await.map_err(|e| e.brief())
    }

    fn can_root(&self) -> bool {
        Self::can_root(self)
    }
}

/// Whose turn it is on each host: nodes that share one write the same files there.
#[derive(Default)]
pub struct Turns(Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// The turn on a host, by the name SSH reaches it by.
    fn of(&self, host: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(host.to_ascii_lowercase()).or_default().clone()
    }
}

/// Whether a step touches what belongs to the host, or to all nodes on it.
fn is_shared(action: &HostAction) -> bool {
    match action {
        HostAction::MakeUser { .. }
        | HostAction::RemoveUser { .. }
        | HostAction::MakeDirectories { .. }
        | HostAction::RemoveDirectories { .. }
        | HostAction::PutServer { .. }
        | HostAction::RemoveServer { .. }
        | HostAction::InstallPackage { .. }
        | HostAction::BuildTarball { .. }
        | HostAction::LinkServer { .. }
        | HostAction::RemoveLink { .. }
        | HostAction::WriteBlock { .. }
        | HostAction::RemoveBlock { .. }
        | HostAction::SetHostName { .. } => true,
        HostAction::PutCertificates { .. }
        | HostAction::RemoveTree { .. }
        | HostAction::WriteConfig { .. }
        | HostAction::RemoveConfig { .. }
        | HostAction::RemoveFiles { .. }
        | HostAction::RestoreConfig { .. }
        | HostAction::ProtectConfig { .. }
        | HostAction::OwnAgain { .. }
        | HostAction::StampConfig { .. }
        | HostAction::WriteUnit { .. }
        | HostAction::RemoveUnit { .. }
        | HostAction::StartServer(_)
        | HostAction::StopServer(_) => false,
    }
}

impl World {
    /// Looks at the hosts of these nodes; the error is one phrase, with what to do.
    pub async fn facts(&self, nodes: &[NodeName]) -> BTreeMap<NodeName, Result<HostFacts, Unseen>> {
        let looks = nodes.iter().map(|node| async move {
            let facts = async {
                let host = self.host(node).await.map_err(|e| Unseen {
                    why: e.brief(),
                    hint: e.problem().hint,
                })?;
                let spec = self
                    .inventory
                    .get(node)
                    .ok_or_else(|| "it is not in the inventory".to_owned())?;
                let seen = host::facts(host.as_ref(), &self.inventory, spec).await;
                let mut facts = seen.map_err(Unseen::from)?;
                super::tls::files::for_host(&self.inventory, spec, &mut facts);
                Ok(facts)
            };
            (node.clone(), facts.await)
        });
        let seen: BTreeMap<NodeName, Result<HostFacts, Unseen>> = futures::stream::iter(looks)
            .buffer_unordered(self.concurrency())
            .collect()
            .await;
        self.remember_facts(&seen);
        seen
    }

    pub(super) fn remember_facts(&self, seen: &BTreeMap<NodeName, Result<HostFacts, Unseen>>) {
        let good = |(node, facts): (&NodeName, &Result<HostFacts, Unseen>)| {
            Some((node.clone(), facts.as_ref().ok()?.clone()))
        };
        let mut last = self
            .hosts_seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        last.extend(seen.iter().filter_map(good));
    }

    /// What was seen of hosts last.
    pub fn last_facts(&self) -> BTreeMap<NodeName, HostFacts> {
        let last = self.hosts_seen.lock();
        last.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn act_on_host(
        &self,
        node: &NodeName,
        action: &HostAction,
    ) -> Result<Seen, Failure> {
        let (spec, host) = self.node_on_host(node).await?;
        let place = spec.ssh.host.as_ref().unwrap_or(&spec.address.host);
        let turn = match (action, spec.ssh.port) {
            // It takes minutes, and hosts behind one address have a port each: what is one host all
            // the same has a lock of its own.
            (HostAction::BuildTarball { .. }, Some(port)) => {
                self.turns.of(&format!("{place}:{port}"))
            }
            _ => self.turns.of(place),
        };
        let _turn = if is_shared(action) {
            Some(turn.lock().await)
        } else {
            None
        };
        let done = self.setup_step(host.as_ref(), node, action).await;
        // What a command over SSH has done when its answer is lost is not known.
        done.map(seen).map_err(Failure::unknown)
    }

    /// Its server's process, or the role in its server's file, from its host.
    pub(super) async fn act_on_service(
        &self,
        node: &NodeName,
        action: &ServiceAction,
    ) -> Result<Seen, Failure> {
        let (spec, host) = self.node_on_host(node).await?;
        let shell = host.as_ref();
        let launch = Launch::new(&self.inventory, spec);
        let done = match action {
            ServiceAction::FenceFile { address } => {
                let service = self.service(node, None).await;
                let user = service.unit().and_then(|unit| unit.user.as_deref());
                let user = user.unwrap_or(&launch.user);
                match &service.file {
                    Some(file) => host::fence(shell, file, user, address).await,
                    None => Err("where its configuration file is, is not known".to_owned()),
                }
            }
            ServiceAction::StartServer => host::start(shell, &launch).await,
            ServiceAction::StopServer => {
                let unit = self.service(node, None).await;
                let unit = unit.unit().map(|unit| unit.name.clone());
                let launch = Launch {
                    unit: unit.unwrap_or_else(|| launch.unit.clone()),
                    ..launch
                };
                host::stop(shell, &launch, STOP).await
            }
        };
        done.map(seen).map_err(Failure::unknown)
    }

    /// A node as the inventory has it, and its host.
    async fn node_on_host(&self, node: &NodeName) -> Result<(&NodeSpec, Arc<Host>), Failure> {
        let spec = self
            .inventory
            .get(node)
            .ok_or_else(|| Failure::none(format!("the inventory has no node `{node}`")))?;
        let host = self
            .host(node)
            .await
            .map_err(|e| Failure::none(e.brief()))?;
        Ok((spec, host))
    }

    /// Shows the progress of a transfer to or from a node.
    pub(super) fn transferred(&self, node: &NodeName, bytes: u64, total: u64) {
        let screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(screen) = screen.as_ref() {
            screen.transferred(node, bytes, total);
        }
    }

    async fn setup_step(
        &self,
        shell: &Host,
        node: &NodeName,
        action: &HostAction,
    ) -> Result<String, String> {
        let screen = self
            .screen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let total = if let HostAction::PutServer { server, .. } = action {
            server.bytes
        } else {
            0
        };
        let progress = move || -> Progress { watcher(screen.clone(), node.clone(), total) };
        // Unpacking takes a moment of a processor.
        let server = |wanted: &PayloadInfo| {
            tokio::task::block_in_place(|| server_source::files(&self.inventory, wanted))
        };
        let supplies = Supplies {
            secrets: Secrets {
                password: self.logins.own.as_ref().map(|login| &login.password),
                of_sentinels: self.logins.sentinels.as_ref().map(|login| &login.password),
            },
            server: &server,
            progress: &progress,
        };
        host::act(shell, action, &supplies).await
    }
}

fn watcher(screen: Option<Arc<Screen>>, node: NodeName, total: u64) -> Progress {
    Box::new(move |bytes| {
        if let Some(screen) = &screen {
            screen.transferred(&node, bytes, total);
        }
    })
}

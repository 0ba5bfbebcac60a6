//! The actions of a plan on a host: what `setup` does there, stopping and starting a server, the
//! fence in a file.

use super::busy::patience;
use super::host::{self, Progress, Ran, Secrets, Shell, Supplies, UploadOptions};
use super::hosts::Hosts;
use super::login::Logins;
use super::replication::seen;
use super::ssh::{Host, Output, RemoteCommand};
use super::transfers::TransferProgress;
use super::{server_source, service};
use crate::actions::former::DataCopy;
use crate::actions::host::{HostAction, Launch, PayloadInfo};
use crate::actions::service::ServiceAction;
use crate::engine::execute::Failure;
use crate::engine::journal::Evidence;
use crate::topology::NodeName;
use crate::topology::service::Service;
use std::sync::Arc;
use std::time::Duration;

/// How long a server may take to end by itself before it is killed: it may still write its dump.
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
        let how = RemoteCommand {
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
        let how = RemoteCommand {
            root,
            timeout: patience(timeout),
            ..RemoteCommand::default()
        };
        let output = self.script(text, how).await;
        output.map(ran).map_err(|e| e.brief())
    }

    async fn upload_files(
        &self,
        files: Vec<(String, Arc<Vec<u8>>)>,
        mode: u32,
        root: bool,
        progress: Progress,
        options: UploadOptions,
    ) -> Result<String, String> {
        let done = Self::upload_files(self, files, mode, root, progress, options);
        done.await.map_err(|e| e.brief())
    }

    fn can_root(&self) -> bool {
        Self::can_root(self)
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
        | HostAction::SetKernel { .. }
        | HostAction::KeepFile { .. }
        | HostAction::DropFile { .. }
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
        | HostAction::StopServer(_)
        | HostAction::Former(_) => false,
    }
}

/// What steps on hosts work with.
pub(super) struct HostSteps<'a> {
    pub hosts: &'a Hosts,
    /// The passwords that are written into files there.
    pub logins: &'a Logins,
    /// Gets the progress of uploads.
    pub transfers: &'a TransferProgress,
}

impl HostSteps<'_> {
    /// Does one step.
    pub async fn act(&self, node: &NodeName, action: &HostAction) -> Result<Evidence, Failure> {
        let (spec, host) = self.hosts.node_on_host(node).await?;
        let place = spec.ssh.host.as_ref().unwrap_or(&spec.address.host);
        let turn = match (action, spec.ssh.port) {
            // A build takes minutes, and several hosts may share one address with different ports,
            // so the port is part of the turn. If they are one host, a lock on that host keeps
            // builds apart.
            (HostAction::BuildTarball { .. }, Some(port)) => {
                self.hosts.turn(&format!("{place}:{port}"))
            }
            _ => self.hosts.turn(place),
        };
        let _turn = if is_shared(action) {
            Some(turn.lock().await)
        } else {
            None
        };
        let done = self.setup_step(host.as_ref(), node, action).await;
        // If the answer of an SSH command is lost, its effect is not known.
        done.map(seen).map_err(Failure::unknown)
    }

    /// The process that works in the node's own directory.
    pub async fn own_process(
        &self,
        node: &NodeName,
        launch: &Launch,
    ) -> Result<Option<u32>, Failure> {
        let (_, host) = self.hosts.node_on_host(node).await?;
        let found = host::own_process(host.as_ref(), launch).await;
        found.map_err(Failure::unknown)
    }

    /// Copies the data of a server that was told to end at this time of its host.
    pub async fn copy_data(
        &self,
        node: &NodeName,
        copy: &DataCopy,
        since: u64,
    ) -> Result<Evidence, Failure> {
        let (_, host) = self.hosts.node_on_host(node).await?;
        let done = host::copy_data(host.as_ref(), copy, Some(since)).await;
        done.map(seen).map_err(Failure::unknown)
    }

    /// Stops the node's own server. `confirmed`: the process that has said that it may be stopped.
    pub async fn stop_own(
        &self,
        node: &NodeName,
        launch: &Launch,
        (fenced, confirmed): (bool, Option<u32>),
    ) -> Result<Evidence, Failure> {
        let (_, host) = self.hosts.node_on_host(node).await?;
        let done = host::stop_own(host.as_ref(), launch, fenced, confirmed).await;
        done.map(seen).map_err(Failure::unknown)
    }

    async fn setup_step(
        &self,
        shell: &Host,
        node: &NodeName,
        action: &HostAction,
    ) -> Result<String, String> {
        let total = if let HostAction::PutServer { server, .. } = action {
            server.bytes
        } else {
            0
        };
        let progress = || -> Progress { self.transfers.of(node, total) };
        // Unpacking takes a moment of a processor.
        let server = |wanted: &PayloadInfo| {
            tokio::task::block_in_place(|| server_source::files(&self.hosts.inventory, wanted))
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

/// Its server's process, or the role in its server's file, from its host.
pub(super) async fn act_on_service(
    hosts: &Hosts,
    node: &NodeName,
    action: &ServiceAction,
) -> Result<Evidence, Failure> {
    let (spec, host) = hosts.node_on_host(node).await?;
    let shell = host.as_ref();
    let launch = Launch::new(&hosts.inventory, spec);
    let done = match action {
        ServiceAction::FenceFile { address } => {
            let service = service::service(hosts, node, None).await;
            let user = service.user().unwrap_or(&launch.user);
            match &service.file {
                Some(file) => host::fence(shell, file, user, address).await,
                None => Err("where its configuration file is, is not known".to_owned()),
            }
        }
        ServiceAction::StartServer => {
            let service = service::service(hosts, node, None).await;
            match launch.by(&service) {
                Ok(launch) => host::start(shell, &launch).await,
                Err(why) => Err(why),
            }
        }
        ServiceAction::StopServer => {
            let service = service::service(hosts, node, None).await;
            host::stop(shell, &stopped_by(launch, &service), STOP).await
        }
    };
    done.map(seen).map_err(Failure::unknown)
}

/// How the server is stopped that `service` describes. One that others have made is known by its
/// unit, or by the folder of its data: another server may have the same port on another address.
fn stopped_by(launch: Launch, service: &Service) -> Launch {
    let unit = service.unit().map(|unit| unit.name.clone());
    let folder = service.data_files().and_then(|files| files.folder.clone());
    if service.is_foreign() && (unit.is_some() || folder.is_some()) {
        return Launch {
            unit: unit.unwrap_or_default(),
            data: folder.unwrap_or_default(),
            program: String::new(),
            pid_file: String::new(),
            ..launch
        };
    }
    Launch {
        unit: unit.unwrap_or_else(|| launch.unit.clone()),
        ..launch
    }
}

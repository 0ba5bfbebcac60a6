//! Does one planned action on a host.

use super::install::ServerFiles;
use super::{Progress, Shell, files, fixes, former, install, launch};
use crate::actions::host::{Certificates, HostAction, PayloadInfo};
use crate::world::host::files::{Secrets, quick};
use secrecy::zeroize::Zeroizing;
use std::path::PathBuf;
use std::time::Duration;

/// A server that was just started has nothing to save; more is for one that loads.
const PATIENCE: Duration = Duration::from_mins(1);

const USER: &str = include_str!("scripts/user.sh");
const NO_TREE: &str = include_str!("scripts/untree.sh");
const NO_USER: &str = include_str!("scripts/unuser.sh");

/// What actions need from the operator's machine.
pub struct Supplies<'a> {
    /// What belongs into configuration files.
    pub secrets: Secrets<'a>,
    /// Gives the files of a server.
    pub server: &'a (dyn Fn(&PayloadInfo) -> Result<ServerFiles, String> + Sync),
    /// Makes a watcher for one upload.
    pub progress: &'a (dyn Fn() -> Progress + Sync),
}

/// Does `action`, and says in a few words what was seen. The error is one sentence, with the host's
/// own last words.
pub async fn act(
    shell: &impl Shell,
    action: &HostAction,
    supplies: &Supplies<'_>,
) -> Result<String, String> {
    match action {
        HostAction::MakeUser { user } => trimmed(quick(shell, USER, &[user]).await),
        HostAction::RemoveUser { user, unless } => {
            trimmed(quick(shell, NO_USER, &[user, unless]).await)
        }
        HostAction::PutServer { server, into } => {
            let given = (supplies.server)(server)?;
            install::put(shell, server, given, into, supplies.progress).await
        }
        HostAction::RemoveServer { path, unless, node } => {
            done(install::remove(shell, path, unless, node).await)
        }
        HostAction::InstallPackage { name, into } => {
            install::package(shell, name.as_deref(), into).await
        }
        HostAction::BuildTarball {
            file,
            sha256,
            directory,
            into,
        } => {
            let tarball = read(file).await?;
            let progress = (supplies.progress)();
            install::build(shell, tarball, file, sha256, directory, into, progress).await
        }
        HostAction::LinkServer { link, target } => done(install::link(shell, link, target).await),
        HostAction::RemoveLink { link, node } => done(install::unlink(shell, link, node).await),
        HostAction::StartServer(it) => launch::start(shell, it).await,
        HostAction::StopServer(it) => launch::stop(shell, it, PATIENCE).await,
        HostAction::Former(action) => former::act(shell, action).await,
        HostAction::PutCertificates {
            files,
            program,
            owner,
        } => done(put_certificates(shell, files, program, owner).await),
        HostAction::SetKernel { .. }
        | HostAction::KeepFile { .. }
        | HostAction::DropFile { .. } => done(fixes::act(shell, action).await),
        HostAction::MakeDirectories { .. }
        | HostAction::RemoveDirectories { .. }
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
        | HostAction::WriteBlock { .. }
        | HostAction::RemoveBlock { .. }
        | HostAction::SetHostName { .. } => done(write(shell, action, supplies.secrets).await),
    }
}

/// The actions on files.
async fn write(
    shell: &impl Shell,
    action: &HostAction,
    secrets: Secrets<'_>,
) -> Result<(), String> {
    match action {
        HostAction::MakeDirectories {
            shared,
            private,
            owner,
        } => files::directories(shell, shared, private, owner).await,
        HostAction::RemoveDirectories { paths } => files::remove_directories(shell, paths).await,
        HostAction::WriteConfig { path, text, owner } => {
            files::config(shell, path, text, owner, secrets).await
        }
        HostAction::RemoveTree { path, .. } => {
            let text = format!("{}{NO_TREE}", super::owner::OWNER);
            quick(shell, &text, &[path]).await.map(drop)
        }
        HostAction::RemoveConfig { path } => files::remove(shell, path, false).await,
        HostAction::RemoveFiles { paths } => {
            for path in paths {
                files::remove(shell, path, true).await?;
            }
            Ok(())
        }
        HostAction::RestoreConfig { path, mode } => files::restore(shell, path, *mode).await,
        HostAction::ProtectConfig { path, owner } => files::protect(shell, path, owner).await,
        HostAction::OwnAgain { all } => {
            for (path, was) in all.iter().rev() {
                files::own_again(shell, path, *was).await?;
            }
            Ok(())
        }
        HostAction::StampConfig { path, stamp, owner } => {
            files::stamp(shell, path, stamp, owner).await
        }
        HostAction::WriteUnit { name, text } => files::unit(shell, name, text).await,
        HostAction::RemoveUnit { name } => files::remove_unit(shell, name).await,
        HostAction::WriteBlock { path, owner, lines } => {
            files::edit_block(shell, path, owner, Some(lines)).await
        }
        HostAction::RemoveBlock { path, owner } => {
            files::edit_block(shell, path, owner, None).await
        }
        HostAction::SetHostName { name } => files::host_name(shell, name).await,
        HostAction::MakeUser { .. }
        | HostAction::RemoveUser { .. }
        | HostAction::PutServer { .. }
        | HostAction::RemoveServer { .. }
        | HostAction::InstallPackage { .. }
        | HostAction::BuildTarball { .. }
        | HostAction::PutCertificates { .. }
        | HostAction::LinkServer { .. }
        | HostAction::RemoveLink { .. }
        | HostAction::SetKernel { .. }
        | HostAction::KeepFile { .. }
        | HostAction::DropFile { .. }
        | HostAction::StartServer(_)
        | HostAction::StopServer(_)
        | HostAction::Former(_) => Ok(()),
    }
}

/// Reads them anew: a key is in no plan and no journal.
async fn put_certificates(
    shell: &impl Shell,
    all: &[Certificates],
    program: &str,
    owner: &str,
) -> Result<(), String> {
    const KNOWS: &str = r#"grep -q tls-auth-clients "$1" || { echo "the server program there was built without TLS: $1" >&2; exit 1; }"#;
    quick(shell, KNOWS, &[program]).await?;
    for file in all {
        let mut bytes = Zeroizing::new(Vec::new());
        for source in &file.sources {
            bytes.extend_from_slice(&Zeroizing::new(read(source).await?));
            bytes.push(b'\n');
        }
        if install::hex_sha256(&bytes) != file.sha256 {
            let sources = file.sources.join(", ");
            return Err(format!(
                "{sources} is not what it was when this was planned"
            ));
        }
        files::certificates(shell, &file.path, std::mem::take(&mut *bytes), owner).await?;
    }
    Ok(())
}

fn trimmed(result: Result<String, String>) -> Result<String, String> {
    result.map(|text| text.trim().to_owned())
}

fn done(result: Result<(), String>) -> Result<String, String> {
    result.map(|()| String::new())
}

async fn read(file: &str) -> Result<Vec<u8>, String> {
    let path = PathBuf::from(file);
    let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
    match read {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(format!("cannot read {file}: {error}")),
        Err(error) => Err(format!("cannot read {file}: {error}")),
    }
}

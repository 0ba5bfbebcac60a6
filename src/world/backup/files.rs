//! Copies the data files of a stopped server from its host, piece by piece, and compares them with
//! their hashes there.

use super::folder::Folder;
use super::{Backup, side, unwritten};
use crate::config::Paths;
use crate::engine::execute::Failure;
use crate::output::escape;
use crate::rescue::manifest::{Manifest, OnlyThere};
use crate::topology::{NodeName, phrases};
use crate::world::host::owner::line;
use crate::world::replication::{Acted, seen};
use crate::world::service::service;
use crate::world::ssh::{Host, RemoteCommand};
use std::path::Path;
use std::time::Duration;

/// Bytes of one piece: what is kept of a command's output.
const PIECE: u64 = crate::world::ssh::KEPT as u64;
/// How long one piece, or the hashes of all files, may take.
const ONE: Duration = Duration::from_mins(10);
/// Files that a data directory may hold.
const MOST: usize = 1000;

/// Size, hash and path of each file that a server loads, below the data directory.
const LIST: &str = include_str!("../host/scripts/list.sh");

/// One file as the host tells it.
struct ListedFile {
    bytes: u64,
    sha256: String,
    path: String,
}

/// Where a server's data files are.
struct Data {
    folder: String,
    snapshot: String,
    log: String,
    log_folder: String,
    /// The name of the server's user.
    user: String,
}

impl Backup<'_> {
    /// Where the data files of a stopped server are: a server that others have made keeps them
    /// where its own file says.
    async fn data(&self, node: &NodeName, port: u16) -> Result<Data, String> {
        let inventory = &self.hosts.inventory;
        let service = service(self.hosts, node, None).await;
        let user = service.user().map(str::to_owned);
        let (folder, files) = if let Some(settings) = service.of_others()? {
            let folder = settings.data.folder.clone();
            let unknown = "the folder of its data is not known";
            (folder.ok_or_else(|| unknown.to_owned())?, &settings.data)
        } else {
            let settings = service.settings.as_ref().map_err(String::clone)?;
            let folder = Paths::new(&inventory.server.directory, port).data();
            (folder, &settings.data)
        };
        Ok(Data {
            folder,
            snapshot: files.snapshot.clone(),
            log: files.log.clone(),
            log_folder: files.log_folder.clone(),
            user: user.unwrap_or_else(|| inventory.server.user.clone()),
        })
    }

    /// Copies what the server of `node` would load at its next start.
    pub(in crate::world) async fn back_up_files(
        &self,
        node: &NodeName,
        primary: &NodeName,
        wanted: &str,
    ) -> Acted {
        let topology = self.streams.servers.look().await;
        let (Some(old), Some(new)) = (topology.get(node), topology.get(primary)) else {
            return Err(Failure::none("the inventory does not have both nodes"));
        };
        if old.server().is_some() {
            return Err(Failure::none("it runs again: its files are not at rest"));
        }
        let host = self
            .hosts
            .session(node)
            .await
            .map_err(|e| Failure::none(e.brief()))?;
        let data = self
            .data(node, old.address.port)
            .await
            .map_err(Failure::none)?;
        let mut folder =
            Folder::make(Path::new(wanted)).map_err(|e| unwritten(Path::new(wanted), &e))?;
        let copied = self.copy(node, &host, &data, &mut folder).await;
        if let Err(failure) = copied {
            folder.abandon();
            return Err(failure);
        }
        let manifest = Manifest {
            format: 1,
            deployment: self.hosts.inventory.name.clone(),
            made: jiff::Timestamp::now(),
            node: side(old),
            primary: side(new),
            replid: String::new(),
            up_to: None,
            only_there: OnlyThere::Unknown {
                why: "its server was stopped".to_owned(),
            },
            files: folder.held().to_vec(),
        };
        let total: u64 = manifest.files.iter().map(|f| f.bytes).sum();
        let path = folder.path().to_owned();
        folder.finish(&manifest).map_err(|e| unwritten(&path, &e))?;
        Ok(seen(format!(
            "{}: {} files of its data directory ({}, their hashes compared)",
            path.display(),
            manifest.files.len(),
            phrases::bytes(total)
        )))
    }

    async fn copy(
        &self,
        node: &NodeName,
        host: &Host,
        data: &Data,
        folder: &mut Folder,
    ) -> Result<(), Failure> {
        let files = list(host, data).await?;
        let all: u64 = files.iter().map(|f| f.bytes).sum();
        let mut come = 0;
        for file in &files {
            // One folder holds them all: `appendonlydir/x.aof` becomes `appendonlydir%x.aof`.
            let name = file.path.replace('/', "%");
            let mut sink = folder.begin(&name);
            let mut at = 0;
            while at < file.bytes {
                let path = format!("{}/{}", data.folder, file.path);
                let piece = piece(host, &path, &data.user, at).await?;
                if piece.is_empty() {
                    return Err(Failure::none(format!("{} became shorter", file.path)));
                }
                at += piece.len() as u64;
                come += piece.len() as u64;
                self.transfers.transferred(node, come, all);
                let written = sink.push(piece).await;
                written.map_err(|e| unwritten(folder.path(), &e))?;
            }
            let kept = folder.keep(sink, None).await;
            kept.map_err(|e| unwritten(folder.path(), &e))?;
            let same = folder
                .held()
                .last()
                .is_some_and(|h| h.bytes == file.bytes && h.sha256 == file.sha256);
            if !same {
                return Err(Failure::none(format!(
                    "{} is not what it was on its host",
                    file.path
                )));
            }
        }
        Ok(())
    }
}

async fn list(host: &Host, data: &Data) -> Result<Vec<ListedFile>, Failure> {
    let names = [&data.snapshot, &data.log, &data.log_folder].map(String::as_str);
    let text = run(host, line(LIST, &data.folder, &data.user, &names)).await?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let files: Vec<ListedFile> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            let bytes = words.next()?.parse().ok()?;
            let sha256 = words.next()?.to_owned();
            let path = words.next()?.to_owned();
            let plain = !path.starts_with('/') && !path.split('/').any(|p| p == "..");
            plain.then_some(ListedFile {
                bytes,
                sha256,
                path,
            })
        })
        .collect();
    if files.is_empty() || files.len() > MOST || files.len() != text.lines().count() {
        return Err(Failure::none(format!(
            "the data files in {} cannot be listed: {}",
            data.folder,
            escape(&text.chars().take(200).collect::<String>())
        )));
    }
    Ok(files)
}

async fn piece(host: &Host, path: &str, user: &str, at: u64) -> Result<Vec<u8>, Failure> {
    const PART: &str = r#"plain "$p"; dd if="$p" bs="$3" skip="$4" count=1 2>/dev/null"#;
    let (size, skip) = (PIECE.to_string(), (at / PIECE).to_string());
    run(host, line(PART, path, user, &[&size, &skip])).await
}

async fn run(host: &Host, (line, stdin): (String, Vec<u8>)) -> Result<Vec<u8>, Failure> {
    let how = RemoteCommand {
        stdin,
        root: host.can_root(),
        timeout: ONE,
    };
    let out = host
        .run(&line, how)
        .await
        .map_err(|e| Failure::none(e.brief()))?;
    match out.failure() {
        Some(why) => Err(Failure::none(escape(&why))),
        None if out.dropped > 0 => Err(Failure::none("its answer is too long")),
        None => Ok(out.stdout),
    }
}

//! Backs up an old primary before its data are given up: a dump over the replication protocol, the
//! commands that only it has, and a manifest. It changes nothing on the server.

mod dump;
mod files;
mod folder;
mod lost;

pub(super) use folder::latest;
pub use lost::lost_in_backup;

use super::guard::FenceGuards;
use super::hosts::Hosts;
use super::lost::{Streams, Unread, decode, judged};
use super::replication::{Acted, pause_writes, seen};
use super::transfers::TransferProgress;
use crate::engine::execute::Failure;
use crate::inventory::secrets::Secrets;
use crate::output::escape;
use crate::rescue::lost_writes::LostWrites;
use crate::rescue::manifest::{
    AFTER, CONFLICTS, DUMP, LOST, Manifest, OnlyThere, ServerState, Side,
};
use crate::rescue::replay::replayable;
use crate::rescue::split::{Judged, Wanted};
use crate::topology::lineage::position;
use crate::topology::{Node, NodeName, phrases};
use dump::Fetched;
use folder::Folder;
use std::path::Path;
use std::time::Duration;

/// Pause between two signs of life to the guard of a fence.
const ALIVE: Duration = Duration::from_secs(1);

/// What a backup works with.
pub(super) struct Backup<'a> {
    pub streams: &'a Streams,
    /// Where the files of a stopped server are.
    pub hosts: &'a Hosts,
    /// The guards, which lift a fence if replctl dies.
    pub guards: &'a FenceGuards,
    /// Gets the progress of the backup.
    pub transfers: &'a TransferProgress,
    /// The secrets that must not be repeated from servers' replies.
    pub secrets: &'a Secrets,
}

impl Backup<'_> {
    /// Backs up `node`, which must still be a primary. `fence_ms`: the pause of writes to be
    /// renewed meanwhile.
    pub async fn back_up(
        &self,
        node: &NodeName,
        primary: &NodeName,
        folder: &str,
        fence_ms: Option<u64>,
    ) -> Acted {
        let work = self.back_up_fenced(node, primary, Path::new(folder));
        let Some(ms) = fence_ms else {
            // The fence lasts by itself. Its guard would lift it if replctl died, and gets signs of
            // life here.
            let alive = async {
                loop {
                    self.guards.stands(node).await;
                    tokio::time::sleep(ALIVE).await;
                }
            };
            return tokio::select! {
                done = work => done,
                never = alive => never,
            };
        };
        tokio::select! {
            done = work => done,
            failure = self.renew_fence(node, ms) => Err(failure),
        }
    }

    /// Renews the pause of writes again and again; ends only where that fails.
    async fn renew_fence(&self, node: &NodeName, ms: u64) -> Failure {
        loop {
            tokio::time::sleep(Duration::from_millis(ms / 4)).await;
            let renewed = async {
                let conn = self.streams.connections.get(node).await?;
                pause_writes(&conn, ms).await
            };
            if let Err(failure) = renewed.await {
                let why = format!("the pause of its writes cannot be renewed: {}", failure.why);
                return Failure::none(why);
            }
        }
    }

    async fn back_up_fenced(&self, node: &NodeName, primary: &NodeName, wanted: &Path) -> Acted {
        let topology = self.streams.servers.look().await;
        let of = |name: &NodeName| topology.get(name).filter(|n| n.is_primary());
        let (Some(old), Some(new)) = (of(node), of(primary)) else {
            return Err(Failure::none(format!(
                "`{node}` and `{primary}` are not both primaries any more"
            )));
        };
        let mut folder = Folder::make(wanted).map_err(|e| unwritten(wanted, &e))?;
        let done = self.fill(old, new, &mut folder).await;
        match done {
            Ok(manifest) => {
                let text = description(&manifest, folder.path());
                let path = folder.path().to_owned();
                folder.finish(&manifest).map_err(|e| unwritten(&path, &e))?;
                Ok(seen(text))
            }
            Err(failure) => {
                folder.abandon();
                Err(failure)
            }
        }
    }

    /// Writes the files. The manifest belongs at the end, when all files are there.
    async fn fill(&self, old: &Node, new: &Node, folder: &mut Folder) -> Result<Manifest, Failure> {
        let (begun, _) = self
            .streams
            .look_twice(&old.name)
            .await
            .map_err(|e| failed(&e))?;
        // Before the dump: a server that forgot its history begins a new one when it is asked for a
        // dump.
        let (only_there, read_to) = match self.streams.looked_for(old, new, u64::MAX).await {
            Ok(None) => (OnlyThere::Nothing, Some(position(&begun))),
            Ok(Some(found)) => (write_lost(&found, folder).await?, Some(found.to)),
            // These writes would be in the dump only, and could not be replayed from there.
            Err(Unread::Failed(error)) => return Err(failed(&error)),
            Err(Unread::Unknown(error)) => {
                let why = self.secrets.hide(&super::rejoin::sentence(&error));
                (OnlyThere::Unknown { why }, None)
            }
        };
        let stream = match self.hosts.inventory.get(&old.name) {
            Some(spec) => self
                .streams
                .servers
                .raw(spec)
                .await
                .map_err(|t| Failure::none(t.detail))?,
            None => return Err(Failure::none("the inventory does not have it")),
        };
        let total = old.server().and_then(|s| s.used_memory).unwrap_or(0);
        let progress = |bytes| self.transfers.transferred(&old.name, bytes, total);
        let fetched = dump::fetch(stream, folder, DUMP, progress)
            .await
            .map_err(|t| Failure::none(format!("no dump came of it: {}", escape(&t.detail))))?;
        if let Some(to) = read_to.filter(|to| fetched.offset > *to)
            && !self
                .streams
                .no_commands(&old.name, to + 1, fetched.offset)
                .await
        {
            return Err(Failure::none(
                "it was written to while its own commands were read",
            ));
        }
        let up_to = self.after(&old.name, &fetched, folder).await?;
        Ok(Manifest {
            format: 1,
            deployment: self.hosts.inventory.name.clone(),
            made: jiff::Timestamp::now(),
            node: side(old),
            primary: side(new),
            replid: fetched.replid,
            up_to: Some(up_to),
            only_there,
            files: folder.held().to_vec(),
        })
    }

    /// Writes what came after the beginning of the dump: nothing, if the fence held. Returns the
    /// offset up to which the backup has everything.
    async fn after(
        &self,
        node: &NodeName,
        fetched: &Fetched,
        folder: &mut Folder,
    ) -> Result<u64, Failure> {
        let (now, _) = self
            .streams
            .look_twice(node)
            .await
            .map_err(|e| failed(&e))?;
        if now.replid != fetched.replid {
            return Err(Failure::none("its history changed during the backup"));
        }
        let (from, to) = (fetched.offset + 1, position(&now));
        if to < from {
            return Ok(fetched.offset);
        }
        let spool = self
            .streams
            .tap(node, &now.replid, from, to)
            .await
            .map_err(|e| failed(&e))?;
        // After a dump, a server names the database before the first command.
        let tail = decode(spool, None).await.map_err(Failure::none)?;
        for unit in tail.units() {
            if unit.map_err(Failure::none)?.db.is_none() {
                return Err(Failure::none(
                    "it was written to during the backup, into a database that cannot be known",
                ));
            }
        }
        if tail.commands > 0 {
            let written = folder.write(AFTER, replayable(&tail, |_| true)).await;
            written.map_err(|e| unwritten(folder.path(), &e))?;
        }
        Ok(to)
    }
}

async fn write_lost(found: &LostWrites, folder: &mut Folder) -> Result<OnlyThere, Failure> {
    let judged = judged(found).await.map_err(|e| failed(&e))?;
    if found.lost.commands > 0 {
        for (name, wanted) in [
            (LOST, Judged::is_safe as Wanted),
            (CONFLICTS, Judged::is_conflict),
        ] {
            let pieces = replayable(&found.lost, |n| wanted(&judged, n));
            let written = folder.write(name, pieces).await;
            written.map_err(|e| unwritten(folder.path(), &e))?;
        }
    }
    Ok(OnlyThere::Commands {
        from: found.from,
        to: found.to,
        commands: judged.counts.commands,
        safe: judged.counts.safe,
        replayed: judged.counts.replayed,
        keys: judged.keys,
    })
}

fn side(node: &Node) -> Side {
    Side {
        node: node.name.clone(),
        address: node.address.clone(),
        server: node.server().map(ServerState::of),
    }
}

/// An error as the failure of a step.
fn failed(error: &crate::error::Error) -> Failure {
    Failure::none(super::rejoin::sentence(error))
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::none(format!("{} cannot be written: {error}", path.display()))
}

/// The content of the backup, for people.
fn description(manifest: &Manifest, path: &Path) -> String {
    let dump = manifest.files.iter().find(|f| f.name == DUMP);
    let dump = dump.map_or_else(String::new, |f| {
        let checked = if f.dump.is_some_and(|d| d.checksum) {
            "its checksum compared"
        } else {
            "its server makes no checksum"
        };
        format!("{DUMP} ({}, {checked})", phrases::bytes(f.bytes))
    });
    let lost = match &manifest.only_there {
        OnlyThere::Nothing => String::new(),
        OnlyThere::Commands {
            commands,
            safe,
            replayed,
            ..
        } => {
            let already = if *replayed == 0 {
                String::new()
            } else {
                format!("{replayed} replayed already, ")
            };
            format!(
                ", {commands} commands ({already}{safe} safe to replay in {LOST}, the rest in {CONFLICTS})"
            )
        }
        OnlyThere::Unknown { .. } => ", its own commands not among it".to_owned(),
    };
    let replay = match &manifest.only_there {
        OnlyThere::Commands { safe, .. } if *safe > 0 => {
            let folder = path.display().to_string();
            let folder = shlex::try_quote(&folder).unwrap_or_default().into_owned();
            let node = &manifest.node.node;
            format!("; to replay those: replctl lost {node} --backup {folder} --replay")
        }
        OnlyThere::Nothing | OnlyThere::Commands { .. } | OnlyThere::Unknown { .. } => {
            String::new()
        }
    };
    format!("{}: {dump}{lost}{replay}", path.display())
}

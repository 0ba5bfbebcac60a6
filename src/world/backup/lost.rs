//! What only an old primary had, read from the backup that was made before its data were given up.

use super::folder;
use crate::error::{Exit, Problem, Result};
use crate::output::escape;
use crate::rescue::lost_writes::{LostWrites, StreamPiece};
use crate::rescue::manifest::{CONFLICTS, LOST, Manifest, OnlyThere};
use crate::rescue::stream::Tail;
use crate::topology::{Node, NodeName};
use crate::world::lost::{Streams, decode};
use crate::world::spool::Spool;
use std::path::Path;

/// Reads the writes of `of` that the backup in `folder` has and that `new` lacks. `None`: there are
/// none.
///
/// # Errors
/// The folder is no such backup, or the backup does not know.
pub async fn lost_in_backup(
    streams: &Streams,
    folder: &Path,
    of: &NodeName,
    new: &Node,
) -> Result<Option<LostWrites>> {
    let unusable = |why: String| {
        Problem::new(format!(
            "{} is no backup of `{of}` that can be used",
            folder.display()
        ))
        .cause(escape(&why))
        .hint(format!(
            "name the folder that `replctl rejoin {of}` has told; it has a manifest.json"
        ))
        .exit(Exit::Failed)
    };
    let manifest = folder::read(folder).map_err(unusable)?;
    if manifest.node.node != *of || manifest.deployment != streams.servers.inventory.name {
        return Err(unusable(format!(
            "it is of `{}` of the deployment `{}`",
            manifest.node.node, manifest.deployment
        )));
    }
    let (from, to) = match &manifest.only_there {
        OnlyThere::Nothing => return Ok(None),
        OnlyThere::Commands { from, to, .. } => (*from, *to),
        OnlyThere::Unknown { why } => {
            let why = format!("its commands are not in it: {why}");
            return Err(unusable(why));
        }
    };
    let mut lost = Tail::default();
    for name in [LOST, CONFLICTS] {
        let file = folder::file(folder, &manifest, name).map_err(unusable)?;
        if let Some(file) = file {
            let part = decode(Spool::of(file), None).await;
            lost.append(part.map_err(|why| unusable(format!("{name}: {why}")))?);
        }
    }
    let since = since_backup(streams, &manifest, new, from).await;
    Ok(Some(LostWrites {
        from,
        to,
        lost,
        since,
    }))
}

/// What the primary wrote since the divergence. It is known while the primary's history is the one
/// from then, or continues that one.
async fn since_backup(
    streams: &Streams,
    manifest: &Manifest,
    new: &Node,
    from: u64,
) -> std::result::Result<StreamPiece, String> {
    let then = manifest.primary.server.as_ref().map(|s| &s.replid);
    let now = new.server().map(|s| &s.replication);
    let goes_on = now.is_some_and(|r| {
        then.is_some_and(|then| r.replid == *then || r.replid2.as_ref() == Some(then))
    });
    if !goes_on {
        return Err(format!(
            "the history of `{}` is another than when the backup was made",
            new.name
        ));
    }
    streams.since(&new.name, from, None).await
}

//! Reads a piece of a server's replication stream as a replica would. It never lets the server make
//! a dump: where the answer to PSYNC is anything but "continue", the connection is closed at once.

use super::bounded::Stream;
use super::resp::{REPLY, push};
use super::unreachable::{from_reply, hung_up, trouble};
use crate::topology::{Trouble, TroubleKind};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// The longest silence while bytes are missing.
const STALL: Duration = Duration::from_secs(10);
/// Least speed, bytes a second. It limits the whole time for a piece, however steadily the bytes
/// come.
const LEAST: u64 = 64 << 10;
/// Longest line before the stream.
const MAX_LINE: usize = 1024;

/// Gives `take` the bytes of the history `replid` from offset `from` to `to`, both included, as
/// they come. The caller has checked that the backlog has them.
///
/// # Errors
/// The one reason why they did not come, or the error of `take`.
pub async fn read(
    mut stream: Box<dyn Stream>,
    replid: &str,
    from: u64,
    to: u64,
    mut take: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<(), Trouble> {
    let mut wanted = (to + 1).saturating_sub(from);
    let broken =
        |e: std::io::Error| trouble(TroubleKind::Other, format!("the connection failed: {e}"));
    let mut bytes = Vec::new();
    // One after the other: a server takes no PSYNC while an answer is still on its way.
    let mut request = Vec::new();
    push(&mut request, &["REPLCONF", "capa", "psync2"]);
    stream.write_all(&request).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let first = line(&mut stream, &mut bytes).await?;
    if first != "+OK" {
        return Err(from_reply(first.trim_start_matches('-')));
    }
    request.clear();
    push(&mut request, &["PSYNC", replid, &from.to_string()]);
    stream.write_all(&request).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let second = line(&mut stream, &mut bytes).await?;
    if !second.starts_with("+CONTINUE") {
        let why = if second.starts_with("+FULLRESYNC") {
            trouble(
                TroubleKind::Other,
                "it no longer has that part of its stream",
            )
        } else {
            from_reply(second.trim_start_matches('-'))
        };
        return Err(why);
    }
    let end = Instant::now() + STALL + Duration::from_secs(wanted / LEAST);
    let mut piece = vec![0; 64 * 1024];
    loop {
        let count = usize::try_from(wanted)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        take(&bytes[..count]).map_err(|why| trouble(TroubleKind::Other, why))?;
        wanted -= count as u64;
        if wanted == 0 {
            return Ok(());
        }
        if Instant::now() > end {
            let why = "it comes too slowly: less than 64 KiB a second";
            return Err(trouble(TroubleKind::Other, why));
        }
        let read = timeout(STALL, stream.read(&mut piece)).await;
        let count = read
            .map_err(|_| crate::world::unreachable::silent(STALL))?
            .map_err(broken)?;
        if count == 0 {
            return Err(hung_up());
        }
        bytes.clear();
        bytes.extend_from_slice(&piece[..count]);
    }
}

/// One line, without the newlines a server sends to keep a waiting replica's connection open.
pub(super) async fn line(
    stream: &mut Box<dyn Stream>,
    pending: &mut Vec<u8>,
) -> Result<String, Trouble> {
    loop {
        while pending.first().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
            pending.remove(0);
        }
        if let Some(end) = pending.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        if pending.len() > MAX_LINE {
            return Err(crate::world::unreachable::not_redis(pending));
        }
        // No more than the line, as far as can be: what follows it belongs to the stream, and stays
        // in `pending`.
        let mut piece = [0; 1024];
        let read = timeout(REPLY, stream.read(&mut piece)).await;
        match read.map_err(|_| crate::world::unreachable::silent(REPLY))? {
            Ok(0) | Err(_) => return Err(hung_up()),
            Ok(count) => pending.extend_from_slice(&piece[..count]),
        }
    }
}

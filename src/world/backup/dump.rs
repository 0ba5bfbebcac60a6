//! Fetches a server's dump over the replication protocol, as a replica would, into a file. What
//! arrives is checked on its way.

use super::folder::{Folder, Sink};
use crate::rescue::dump::{Check, Framing, Unframed};
use crate::topology::{Trouble, TroubleKind};
use crate::world::bounded::Stream;
use crate::world::psync::line;
use crate::world::resp::push;
use crate::world::unreachable::{from_reply, hung_up, silent, trouble};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// The longest silence. A server that makes its dump sends a sign of life once a second; one that
/// cannot reach its disk may wait longer.
const STALL: Duration = Duration::from_mins(1);

/// A dump that arrived.
pub struct Fetched {
    /// The history it is of.
    pub replid: String,
    /// Its offset in that history.
    pub offset: u64,
}

/// Asks for a dump and writes it into `folder` under `name`. `progress` gets the number of received
/// bytes.
///
/// # Errors
/// The one reason why there is no dump.
pub async fn fetch(
    mut stream: Box<dyn Stream>,
    folder: &mut Folder,
    name: &str,
    progress: impl Fn(u64),
) -> Result<Fetched, Trouble> {
    let mut pending = Vec::new();
    for (words, needed) in [
        (&["REPLCONF", "capa", "eof", "capa", "psync2"][..], true),
        // Older servers do not know this option. They then keep new writes for us meanwhile.
        (&["REPLCONF", "rdb-only", "1"], false),
    ] {
        say(&mut stream, words).await?;
        let said = line(&mut stream, &mut pending).await?;
        if needed && said != "+OK" {
            return Err(from_reply(said.trim_start_matches('-')));
        }
    }
    say(&mut stream, &["PSYNC", "?", "-1"]).await?;
    let said = waited(&mut stream, &mut pending).await?;
    let (replid, offset) = of_history(&said)?;
    let header = waited(&mut stream, &mut pending).await?;
    let framing = Framing::parse(&header).ok_or_else(|| refused(&header))?;
    let mut sink = folder.begin(name);
    let checked = receive(&mut stream, pending, framing, &mut sink, progress).await?;
    let whole = checked
        .finish()
        .map_err(|why| trouble(TroubleKind::Other, format!("its dump is not whole: {why}")))?;
    let kept = folder.keep(sink, Some(whole)).await;
    kept.map_err(|e| unwritten(&e))?;
    Ok(Fetched { replid, offset })
}

async fn say(stream: &mut Box<dyn Stream>, words: &[&str]) -> Result<(), Trouble> {
    let mut request = Vec::new();
    push(&mut request, words);
    let broken =
        |e: std::io::Error| trouble(TroubleKind::Other, format!("the connection failed: {e}"));
    stream.write_all(&request).await.map_err(broken)?;
    stream.flush().await.map_err(broken)
}

/// A line that the server may take long for: it makes its dump first.
async fn waited(stream: &mut Box<dyn Stream>, pending: &mut Vec<u8>) -> Result<String, Trouble> {
    loop {
        match line(stream, pending).await {
            // Nothing but newlines, which are signs of life.
            Err(t) if t.kind == TroubleKind::Frozen && pending.is_empty() => {
                let mut piece = [0; 1];
                let read = timeout(STALL, stream.read(&mut piece)).await;
                match read.map_err(|_| silent(STALL))? {
                    Ok(0) | Err(_) => return Err(hung_up()),
                    Ok(_) => pending.extend_from_slice(&piece),
                }
            }
            other => return other,
        }
    }
}

/// `+FULLRESYNC replid offset`.
fn of_history(said: &str) -> Result<(String, u64), Trouble> {
    let mut words = said.split_whitespace();
    let parsed = match (words.next(), words.next(), words.next()) {
        (Some("+FULLRESYNC"), Some(replid), Some(offset)) => offset
            .parse()
            .ok()
            .map(|offset| (replid.to_owned(), offset)),
        _ => None,
    };
    parsed.ok_or_else(|| refused(said))
}

fn refused(said: &str) -> Trouble {
    from_reply(said.trim_start_matches('-'))
}

fn unwritten(error: &std::io::Error) -> Trouble {
    trouble(
        TroubleKind::Other,
        format!("the backup cannot be written: {error}"),
    )
}

async fn receive(
    stream: &mut Box<dyn Stream>,
    mut bytes: Vec<u8>,
    framing: Framing,
    sink: &mut Sink,
    progress: impl Fn(u64),
) -> Result<Check, Trouble> {
    let (mut unframed, mut check) = (Unframed::new(framing), Check::default());
    let (mut piece, mut come) = (vec![0; 256 * 1024], 0);
    loop {
        let (part, ended) = unframed.take(&bytes);
        come += part.len() as u64;
        check.take(&part);
        if !part.is_empty() {
            sink.push(part).await.map_err(|e| unwritten(&e))?;
        }
        progress(come);
        if ended {
            return Ok(check);
        }
        let read = timeout(STALL, stream.read(&mut piece)).await;
        match read.map_err(|_| silent(STALL))? {
            Ok(0) | Err(_) => return Err(hung_up()),
            Ok(count) => bytes = piece[..count].to_vec(),
        }
    }
}

//! Listens to what Sentinels tell each other through a node they watch: that is how they are found
//! without any configuration.
//!
//! Anybody with the node's password can send on the channel. So the reading is bounded in size and
//! time, and the parser is strict.

use crate::topology::Trouble;
use crate::topology::sentinel::Hello;
use crate::world::bounded::{Bounded, Stream};
use crate::world::login::ServerLogin;
use crate::world::observe::SENTINELS;
use crate::world::resp::{greet, push};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;

/// Each Sentinel says hello every two seconds.
const LISTEN: Duration = Duration::from_millis(2_600);
/// No line or message of the channel is longer.
const LONGEST: usize = 4096;
/// More Sentinels than this are not listened for.
const MOST: usize = 64;

/// Listens on a fresh stream to a node until `wanted` Sentinels have said hello, for at most 2.6 s.
/// Returns the last hello of each, by its id. `told` gets each hello when it arrives.
///
/// # Errors
/// The one reason for not having been able to listen at all.
pub async fn listen(
    stream: impl Stream,
    login: Option<&ServerLogin>,
    wanted: u64,
    told: &UnboundedSender<Hello>,
) -> Result<BTreeMap<String, Hello>, Trouble> {
    let mut stream = Bounded::new(stream);
    timeout(crate::world::resp::REPLY, greet(&mut stream, login))
        .await
        .map_err(|_| crate::world::unreachable::silent(crate::world::resp::REPLY))??;
    let mut request = Vec::new();
    push(&mut request, &["SUBSCRIBE", SENTINELS]);
    let mut heard = BTreeMap::new();
    if stream.write_all(&request).await.is_err() || stream.flush().await.is_err() {
        return Ok(heard);
    }
    // Whatever ends the listening, a silent node or one that says something else: what was heard
    // counts.
    let _ = timeout(LISTEN, hear(&mut stream, wanted, (&mut heard, told))).await;
    Ok(heard)
}

async fn hear(
    stream: &mut (impl Stream + ?Sized),
    wanted: u64,
    (heard, told): (&mut BTreeMap<String, Hello>, &UnboundedSender<Hello>),
) -> Option<()> {
    let mut pending = Vec::new();
    while (heard.len() as u64) < wanted && heard.len() < MOST {
        let [kind, channel, message] = three(stream, &mut pending).await?;
        if kind == b"message"
            && channel == SENTINELS.as_bytes()
            && let Some(hello) = Hello::parse(&message)
        {
            // The receiver may be gone already.
            let _ = told.send(hello.clone());
            heard.insert(hello.run_id.clone(), hello);
        }
    }
    Some(())
}

/// One push of the channel: three texts, the last of which may be a number (the confirmation of the
/// subscription).
async fn three(stream: &mut (impl Stream + ?Sized), pending: &mut Vec<u8>) -> Option<[Vec<u8>; 3]> {
    if line(stream, pending).await? != b"*3" {
        return None;
    }
    let mut parts = Vec::new();
    for _ in 0..3 {
        let head = line(stream, pending).await?;
        if head.starts_with(b":") {
            parts.push(head);
            continue;
        }
        let length = std::str::from_utf8(head.strip_prefix(b"$")?).ok()?;
        let length = length.parse::<usize>().ok().filter(|n| *n <= LONGEST)?;
        fill(stream, pending, length + 2).await?;
        let mut part: Vec<u8> = pending.drain(..length + 2).collect();
        part.truncate(length);
        parts.push(part);
    }
    parts.try_into().ok()
}

async fn line(stream: &mut (impl Stream + ?Sized), pending: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(end) = pending.windows(2).position(|w| w == b"\r\n") {
            let line = pending.drain(..end + 2).take(end).collect();
            return Some(line);
        }
        let more = pending.len() + 1;
        if more > LONGEST {
            return None;
        }
        fill(stream, pending, more).await?;
    }
}

/// Reads until there are `wanted` bytes.
async fn fill(
    stream: &mut (impl Stream + ?Sized),
    pending: &mut Vec<u8>,
    wanted: usize,
) -> Option<()> {
    while pending.len() < wanted {
        let mut piece = [0; 1024];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => pending.extend_from_slice(&piece[..n]),
        }
    }
    Some(())
}

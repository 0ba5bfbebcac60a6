//! What a server says before any command. A server that refuses a client says why and hangs up. If
//! our first command has arrived by then, the system resets the connection, and the reason is lost.
//! So we connect once more, and only listen.

use super::bounded::Stream;
use super::unreachable::from_reply;
use crate::topology::{Trouble, TroubleKind};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

/// How long we listen: the server speaks at once, or not at all.
const LISTEN: Duration = Duration::from_millis(500);
/// Longest refusal that is read, bytes; protected mode's has about 1,300.
const LONGEST: usize = 4096;

/// Why a server refuses every client from here, if it says so unasked.
pub async fn unasked(mut stream: Box<dyn Stream>) -> Option<Trouble> {
    let mut heard = Vec::new();
    let listening = async {
        let mut piece = [0; 1024];
        while heard.len() < LONGEST && !heard.contains(&b'\n') {
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => break,
                Ok(n) => heard.extend_from_slice(&piece[..n]),
            }
        }
    };
    let _ = timeout(LISTEN, listening).await;
    let text = String::from_utf8_lossy(&heard);
    let line = text.lines().next()?.strip_prefix('-')?;
    let refused = from_reply(line);
    (refused.kind != TroubleKind::Other).then_some(refused)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::io::AsyncWriteExt;

    async fn heard(said: &[u8]) -> Option<TroubleKind> {
        let (mut server, client) = tokio::io::duplex(4096);
        server.write_all(said).await.unwrap();
        drop(server);
        unasked(Box::new(client)).await.map(|t| t.kind)
    }

    #[tokio::test]
    async fn a_refusal_is_heard_and_anything_else_is_not_one() {
        let denied = heard(b"-DENIED Redis is running in protected mode\r\n").await;
        assert_eq!(denied, Some(TroubleKind::ProtectedMode));
        let full = heard(b"-ERR max number of clients reached\r\n").await;
        assert_eq!(full, Some(TroubleKind::TooManyClients));
        assert_eq!(heard(b"").await, None);
        assert_eq!(heard(b"HTTP/1.1 400\r\n").await, None);
        assert_eq!(heard(b"-ERR whatever\r\n").await, None);
    }
}

//! The connection that carries a claim: it has a name, listens if its user may, and is never
//! silent. It uses no client library, because it only listens.

use crate::inventory::NodeSpec;
use crate::topology::claims::CHANNEL;
use crate::topology::{Trouble, TroubleKind};
use crate::world::bounded::{Bounded, Stream};
use crate::world::login::ServerLogin;
use crate::world::observe::Reach;
use crate::world::resp::{REPLY, log_in, push};
use crate::world::transport::ServerRoutes;
use crate::world::unreachable::{hung_up, not_redis, silent, trouble};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};

/// How long the whole way to a node may take.
const OPEN: Duration = Duration::from_secs(10);
/// Pause between two signs of life.
const ALIVE: Duration = Duration::from_secs(1);
/// Longest beginning of an answer that is read for its meaning, bytes.
const LINE: usize = 512;

/// A claim's connection to one node.
pub(super) struct Connection {
    stream: Bounded<Box<dyn Stream>>,
    /// It listens on the channel, too.
    pub(super) listens: bool,
}

impl Connection {
    /// Connects, logs in, and sets the name.
    pub(super) async fn open(
        routes: &ServerRoutes,
        spec: &NodeSpec,
        login: Option<&ServerLogin>,
        name: &str,
    ) -> Result<Self, Trouble> {
        let stream = async || {
            let opened = timeout(OPEN, routes.open(spec)).await;
            opened.map_err(|_| silent(OPEN))?
        };
        let stream = match logged_in(stream().await?, login).await {
            Err(refused) if refused.kind.is_about_password() => {
                let Some(other) = routes.otherwise(&spec.name) else {
                    return Err(refused);
                };
                logged_in(stream().await?, Some(&other)).await?
            }
            stream => stream?,
        };
        let mut request = Vec::new();
        push(&mut request, &["CLIENT", "SETNAME", name]);
        push(&mut request, &["SUBSCRIBE", CHANNEL]);
        let mut stream = Bounded::new(stream);
        let answers = timeout(REPLY, async {
            let _ = stream.write_all(&request).await;
            let _ = stream.flush().await;
            answers(&mut stream).await
        });
        let (named, listens) = answers.await.map_err(|_| silent(REPLY))??;
        if !named {
            return Err(trouble(
                TroubleKind::Forbidden,
                "it does not take a name for a connection",
            ));
        }
        Ok(Self { stream, listens })
    }

    /// Says something each second until the connection ends.
    pub(super) async fn stay(&mut self) {
        let mut ping = Vec::new();
        push(&mut ping, &["PING"]);
        let mut next = Instant::now() + ALIVE;
        let mut heard = [0; 1024];
        loop {
            tokio::select! {
                read = self.stream.read(&mut heard) => match read {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                },
                () = sleep_until(next) => {
                    next = Instant::now() + ALIVE;
                    let sent = timeout(ALIVE, self.stream.write_all(&ping)).await;
                    if matches!(sent, Ok(Err(_))) {
                        return;
                    }
                    let _ = timeout(ALIVE, self.stream.flush()).await;
                }
            }
        }
    }
}

async fn logged_in(
    mut stream: Box<dyn Stream>,
    login: Option<&ServerLogin>,
) -> Result<Box<dyn Stream>, Trouble> {
    log_in(&mut *stream, login).await?;
    Ok(stream)
}

/// The answers to the two commands: whether each was taken.
async fn answers(stream: &mut (impl Stream + ?Sized)) -> Result<(bool, bool), Trouble> {
    let mut heard: Vec<u8> = Vec::new();
    loop {
        if let Some(end) = heard.iter().position(|b| *b == b'\n')
            && let Some(second) = heard.get(end + 1)
        {
            return Ok((heard.first() == Some(&b'+'), *second != b'-'));
        }
        if heard.len() > LINE {
            return Err(not_redis(&heard));
        }
        let mut piece = [0; LINE];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return Err(hung_up()),
            Ok(n) => heard.extend_from_slice(&piece[..n]),
        }
    }
}

//! TLS to servers: what the inventory says of it is read once, and then each stream is wrapped before the first word is said on it.
//!
//! It sends nothing of its own but handshakes, and a PING where nobody answers one. Nothing secret is said before a handshake is done.

mod files;
mod first;
mod words;

pub use words::from_io;

use super::bounded::Stream;
use super::trouble::trouble;
use crate::error::{Error, Exit, Problem, Result};
use crate::inventory::tls::Verify;
use crate::inventory::{Inventory, NodeSpec, Tls};
use crate::topology::tls::Certificate;
use crate::topology::{NodeName, Trouble, TroubleKind};
use first::First;
use jiff::Timestamp;
use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslVerifyMode, SslVersion};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_openssl::SslStream;
use words::{Failed, Reading};

/// How long the handshake may take.
pub const HANDSHAKE: Duration = Duration::from_secs(2);
/// How long a server that said nothing to a handshake may take to answer a PING without TLS.
const PLAIN: Duration = Duration::from_millis(500);

/// Everything that is needed to speak TLS with the servers of one deployment.
pub struct Keyring {
    contexts: BTreeMap<Tls, SslContext>,
    until: Mutex<BTreeMap<NodeName, i64>>,
}

impl Keyring {
    /// Reads the files that the inventory names.
    ///
    /// # Errors
    /// [`Exit::Refused`] with all that is wrong with any of them.
    pub fn read(inventory: &Inventory) -> Result<Self> {
        let of_nodes = inventory.nodes.iter().chain(inventory.sentinels());
        let said = of_nodes.map(|n| n.tls.as_ref());
        let said = said.chain([inventory.tls_of_sentinels()]).flatten();
        let mut contexts = BTreeMap::new();
        let mut problems: Vec<Problem> = Vec::new();
        for tls in said {
            if contexts.contains_key(tls) {
                continue;
            }
            match context(tls) {
                Ok(context) => {
                    contexts.insert(tls.clone(), context);
                }
                Err(wrong) => {
                    for problem in wrong {
                        // Nodes that differ in something else name the same files.
                        if problems.iter().all(|known| known.what != problem.what) {
                            problems.push(problem);
                        }
                    }
                }
            }
        }
        if problems.is_empty() {
            return Ok(Self {
                contexts,
                until: Mutex::default(),
            });
        }
        Err(Error {
            problems,
            exit: Exit::Refused,
        })
    }

    /// The stream as the node is spoken to: over TLS where the inventory says so.
    ///
    /// # Errors
    /// The one reason for not being able to.
    pub async fn dress(
        &self,
        stream: Box<dyn Stream>,
        node: &NodeSpec,
    ) -> std::result::Result<Box<dyn Stream>, Trouble> {
        match &node.tls {
            Some(tls) => {
                let (stream, until) = self.wrap(stream, tls, &node.address.host).await?;
                if let Some(until) = until {
                    self.seen().insert(node.name.clone(), until);
                }
                Ok(stream)
            }
            None => Ok(stream),
        }
    }

    /// The same for a server that is no node of the inventory.
    ///
    /// # Errors
    /// The one reason for not being able to.
    pub async fn dress_as(
        &self,
        stream: Box<dyn Stream>,
        tls: Option<&Tls>,
        host: &str,
    ) -> std::result::Result<Box<dyn Stream>, Trouble> {
        match tls {
            Some(tls) => Ok(self.wrap(stream, tls, host).await?.0),
            None => Ok(stream),
        }
    }

    /// The certificate that a node showed last, as it is at a moment.
    pub fn certificate(&self, node: &NodeName, now: Timestamp) -> Option<Certificate> {
        let until = Timestamp::from_second(*self.seen().get(node)?).ok()?;
        Some(Certificate {
            until,
            left_seconds: until.as_second() - now.as_second(),
        })
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, BTreeMap<NodeName, i64>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wrap(
        &self,
        stream: Box<dyn Stream>,
        tls: &Tls,
        host: &str,
    ) -> std::result::Result<(Box<dyn Stream>, Option<i64>), Trouble> {
        let Some(context) = self.contexts.get(tls) else {
            return Err(trouble(
                TroubleKind::Tls,
                "its certificates were not read when the program began",
            ));
        };
        let reading = Arc::new(Mutex::new(Reading::default()));
        let name = tls.server_name.as_deref().unwrap_or(host);
        let unusable = |e: ErrorStack| trouble(TroubleKind::Tls, format!("TLS cannot begin: {e}"));
        let session = session(context, tls, name, &reading).map_err(unusable)?;
        let mut stream = SslStream::new(session, First::new(stream)).map_err(unusable)?;
        let shaken = timeout(HANDSHAKE, Pin::new(&mut stream).connect()).await;
        match shaken {
            Ok(Ok(())) => {
                let certificate = stream.ssl().peer_certificate();
                let until = certificate.and_then(|c| words::seconds(c.not_after()));
                Ok((Box::new(stream), until))
            }
            Ok(Err(error)) => Err(words::explain(&Failed {
                error: &error,
                first: stream.get_ref().first(),
                reading: &reading.lock().unwrap_or_else(PoisonError::into_inner),
                name,
                with_own: tls.own.is_some(),
            })),
            Err(_) => Err(words::plain(stream.get_ref().first())
                .unwrap_or_else(|| super::trouble::silent(HANDSHAKE))),
        }
    }
}

/// One session of a context, which checks for `name`.
fn session(
    context: &SslContext,
    tls: &Tls,
    name: &str,
    reading: &Arc<Mutex<Reading>>,
) -> std::result::Result<Ssl, ErrorStack> {
    let mut session = Ssl::new(context)?;
    let ip = name.parse::<IpAddr>();
    if ip.is_err() {
        session.set_hostname(name)?;
    }
    if tls.verify == Verify::None {
        return Ok(session);
    }
    if tls.verify == Verify::Full {
        match ip {
            Ok(ip) => session.param_mut().set_ip(ip)?,
            Err(_) => session.param_mut().set_host(name)?,
        }
    }
    let reading = Arc::clone(reading);
    session.set_verify_callback(SslVerifyMode::PEER, move |good, chain| {
        if !good {
            let mut reading = reading.lock().unwrap_or_else(PoisonError::into_inner);
            reading.note(chain);
        }
        good
    });
    Ok(session)
}

/// What one table of the inventory makes: its files, read and found to fit together.
fn context(tls: &Tls) -> std::result::Result<SslContext, Vec<Problem>> {
    let failed = |e: ErrorStack| vec![Problem::new("TLS cannot be used").cause(e)];
    let mut builder = SslContext::builder(SslMethod::tls_client()).map_err(failed)?;
    builder
        .set_min_proto_version(Some(SslVersion::TLS1_2))
        .map_err(failed)?;
    builder.set_verify(match tls.verify {
        Verify::None => SslVerifyMode::NONE,
        Verify::Full | Verify::Ca => SslVerifyMode::PEER,
    });
    let mut problems = Vec::new();
    if tls.verify != Verify::None {
        problems.extend(files::trust(&mut builder, &tls.ca));
    }
    if let Some(own) = &tls.own {
        problems.extend(files::own(&mut builder, own));
    }
    if problems.is_empty() {
        Ok(builder.build())
    } else {
        Err(problems)
    }
}

/// What a server says to a handshake that it did not answer is asked over a fresh stream, without TLS and without any secret: one with no TLS on its
/// port takes a handshake for the beginning of a line, and waits for its end.
pub async fn plain(mut stream: Box<dyn Stream>) -> Option<Trouble> {
    let mut piece = [0; 200];
    let asked = async {
        stream.write_all(b"PING\r\n").await.ok()?;
        stream.flush().await.ok()?;
        stream.read(&mut piece).await.ok()
    };
    let count = timeout(PLAIN, asked).await.ok()??;
    words::plain(piece.get(..count)?)
}

/// Whether a server that hung up without a word speaks TLS: asked over a fresh stream by the beginning of a handshake.
pub async fn spoken(stream: Box<dyn Stream>) -> bool {
    let context = SslContext::builder(SslMethod::tls_client());
    let session = context.and_then(|builder| Ssl::new(&builder.build()));
    let stream = session.and_then(|session| SslStream::new(session, First::new(stream)));
    let Ok(mut stream) = stream else {
        return false;
    };
    let _ = timeout(HANDSHAKE, Pin::new(&mut stream).connect()).await;
    matches!(stream.get_ref().first(), [0x15 | 0x16, 3, ..])
}

#[cfg(test)]
mod tests;

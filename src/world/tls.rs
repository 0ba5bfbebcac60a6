//! TLS to servers: the inventory's settings are read once. Then each stream is wrapped before
//! anything is sent on it.
//!
//! Its only own messages are handshakes, and a PING if a handshake gets no answer. No secret is
//! sent before a handshake is done.

pub mod files;
mod first;
mod words;

pub use words::from_io;

use super::bounded::Stream;
use super::login::ServerLogin;
use super::resp::Conn;
use super::unreachable::{hung_up, trouble, wants_tls};
use crate::error::{Error, Exit, Problem, Result};
use crate::inventory::tls::Verify;
use crate::inventory::{Inventory, NodeSpec, Tls};
use crate::topology::tls::Certificate;
use crate::topology::{NodeName, Trouble, TroubleKind};
use first::First;
use futures::future::BoxFuture;
use jiff::Timestamp;
use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::verify::X509CheckFlags;
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

/// A stream without TLS, or the one reason for having none.
pub type Bare = std::result::Result<Box<dyn Stream>, Trouble>;

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
        let said = said.map(Tls::spoken);
        let mut contexts = BTreeMap::new();
        let mut problems: Vec<Problem> = Vec::new();
        for tls in said {
            if contexts.contains_key(&tls) {
                continue;
            }
            match context(&tls) {
                Ok(context) => {
                    contexts.insert(tls, context);
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

    /// A stream to a node, as it is spoken to: over TLS where the inventory says so. `bare` makes a
    /// stream without.
    ///
    /// # Errors
    /// The one reason for having none.
    pub async fn open<'a>(
        &self,
        node: &NodeSpec,
        bare: impl Fn() -> BoxFuture<'a, Bare> + Sync,
    ) -> std::result::Result<Box<dyn Stream>, Trouble> {
        let Some(tls) = &node.tls else {
            return bare().await;
        };
        let (stream, until) = self.wrap(tls, &node.address.host, bare).await?;
        if let Some(until) = until {
            self.seen().insert(node.name.clone(), until);
        }
        Ok(stream)
    }

    /// The same to a server that is no node of the inventory.
    ///
    /// # Errors
    /// The one reason for having none.
    pub async fn open_as<'a>(
        &self,
        tls: Option<&Tls>,
        host: &str,
        bare: impl Fn() -> BoxFuture<'a, Bare> + Sync,
    ) -> std::result::Result<Box<dyn Stream>, Trouble> {
        match tls {
            Some(tls) => Ok(self.wrap(tls, host, bare).await?.0),
            None => bare().await,
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

    async fn wrap<'a>(
        &self,
        tls: &Tls,
        host: &str,
        bare: impl Fn() -> BoxFuture<'a, Bare> + Sync,
    ) -> std::result::Result<(Box<dyn Stream>, Option<i64>), Trouble> {
        let Some(context) = self.contexts.get(&tls.spoken()) else {
            return Err(trouble(
                TroubleKind::Tls,
                "its certificates were not read when the program began",
            ));
        };
        match shake(context, tls, host, bare().await?).await {
            // A server without TLS takes a handshake for the beginning of a line, and waits for its
            // end.
            Err(silent) if silent.kind == TroubleKind::Frozen => {
                Err(plain(bare().await?).await.unwrap_or(silent))
            }
            shaken => shaken,
        }
    }
}

/// The handshake; it also says until when the certificate of the other side is valid.
async fn shake(
    context: &SslContext,
    tls: &Tls,
    host: &str,
    stream: Box<dyn Stream>,
) -> std::result::Result<(Box<dyn Stream>, Option<i64>), Trouble> {
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
            .unwrap_or_else(|| crate::world::unreachable::silent(HANDSHAKE))),
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
        let about = session.param_mut();
        if let Ok(ip) = ip {
            about.set_ip(ip)?;
        } else {
            about.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
            about.set_host(name)?;
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

/// The TLS context of one table of the inventory: its files were read and fit together.
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
        problems.extend(files::own(&mut builder, own, ["cert", "key"]));
    }
    if problems.is_empty() {
        Ok(builder.build())
    } else {
        Err(problems)
    }
}

/// Asks a server that did not answer a handshake whether it speaks without TLS: over a fresh
/// stream, without TLS and without any secret.
async fn plain(mut stream: Box<dyn Stream>) -> Option<Trouble> {
    let mut piece = [0; 200];
    let asked = async {
        stream.write_all(b"PING\r\n").await.ok()?;
        stream.flush().await.ok()?;
        stream.read(&mut piece).await.ok()
    };
    let count = timeout(PLAIN, asked).await.ok()??;
    words::plain(piece.get(..count)?)
}

/// Logs in over a stream that `open` makes. If a server without TLS in the inventory hangs up
/// without a word, it is asked whether it wants TLS.
///
/// # Errors
/// The one reason for having no connection.
pub async fn log_in<'a>(
    tls: Option<&Tls>,
    login: Option<&ServerLogin>,
    open: impl Fn() -> BoxFuture<'a, Bare> + Sync,
) -> std::result::Result<Conn, Trouble> {
    match Conn::open(open().await?, login).await {
        Err(wordless) if tls.is_none() && wordless == hung_up() => {
            if let Some(refused) = super::refusal::unasked(open().await?).await {
                Err(refused)
            } else if spoken(open().await?).await {
                Err(wants_tls())
            } else {
                Err(wordless)
            }
        }
        conn => conn,
    }
}

/// Whether a server answers the beginning of a handshake.
async fn spoken(stream: Box<dyn Stream>) -> bool {
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

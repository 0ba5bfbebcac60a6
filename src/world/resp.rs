//! Connections to servers: log in, say who we are, ask, and know the one reason where that fails.
//! Every wait has a deadline.
//!
//! It must not know what the commands mean. The first commands do not use the client library: a
//! server that refuses a client says why unasked, and the library would drop that.

use super::bounded::{Bounded, Stream};
use super::login::ServerLogin;
use super::unreachable::{
    from_connect, from_login, from_redis, from_reply, hung_up, no_answer, not_redis, silent,
    trouble,
};
use crate::inventory::secrets::Secrets;
use crate::topology::claims::worker;
use crate::topology::{Address, Trouble, TroubleKind};
use futures::stream::{FuturesUnordered, StreamExt};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, Pipeline, RedisConnectionInfo, Value};
use secrecy::zeroize::Zeroizing;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long a name look-up may take.
pub const LOOKUP: Duration = Duration::from_secs(2);
/// How long a connection attempt may take.
pub const CONNECT: Duration = Duration::from_secs(2);
/// How long an ordinary reply may take.
pub const REPLY: Duration = Duration::from_secs(2);
/// Longest line in the first exchange, bytes. That of protected mode has about 1,300.
const MAX_LINE: usize = 4096;

/// A connection that is logged in. It ends with this value.
pub struct Conn {
    inner: MultiplexedConnection,
    driver: JoinHandle<()>,
    secrets: Secrets,
    client_id: Option<u64>,
    has_password: bool,
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Conn {
    /// Logs in over a fresh stream, also where no password is set: see [`Conn::has_password`].
    ///
    /// # Errors
    /// The one reason for having no usable connection.
    pub async fn open(
        stream: impl Stream + 'static,
        login: Option<&ServerLogin>,
    ) -> Result<Self, Trouble> {
        let mut stream = Bounded::new(stream);
        let welcome = timeout(REPLY, greet(&mut stream, login))
            .await
            .map_err(|_| silent(REPLY))??;
        let info = RedisConnectionInfo::default().set_skip_set_lib_name();
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let made = MultiplexedConnection::new_with_config(&info, stream, config).await;
        let (inner, driver) = made.map_err(|error| from_redis(&error))?;
        let driver = tokio::spawn(driver);
        Ok(Self {
            inner,
            driver,
            secrets: secrets_of(login),
            client_id: welcome.client_id,
            has_password: welcome.has_password,
        })
    }

    /// The server's number for this connection (`CLIENT ID`); `None` where it may not be asked.
    pub fn client_id(&self) -> Option<u64> {
        self.client_id
    }

    /// Whether the server asks its clients for a password.
    pub fn has_password(&self) -> bool {
        self.has_password
    }

    /// One command. An error reply is a trouble, too.
    ///
    /// # Errors
    /// The one reason. [`TroubleKind::Frozen`]: no answer `within` that time; whether the command
    /// was or will be run is then unknown.
    pub async fn call(&self, command: &Cmd, within: Duration) -> Result<Value, Trouble> {
        let mut inner = self.inner.clone();
        let reply = timeout(within, inner.send_packed_command(command))
            .await
            .map_err(|_| silent(within))?;
        let failed = match reply {
            Ok(Value::ServerError(error)) => from_redis(&error.into()),
            Ok(value) => return Ok(value),
            Err(error) => from_redis(&error),
        };
        Err(hidden(failed, &self.secrets))
    }

    /// Several commands in one go. Error replies stand in the list as [`Value::ServerError`].
    ///
    /// # Errors
    /// The one reason for having no answers.
    pub async fn exchange(
        &self,
        commands: &Pipeline,
        within: Duration,
    ) -> Result<Vec<Value>, Trouble> {
        let mut inner = self.inner.clone();
        let replies = timeout(
            within,
            inner.send_packed_commands(commands, 0, commands.len()),
        )
        .await;
        replies
            .map_err(|_| silent(within))?
            .map_err(|error| hidden(from_redis(&error), &self.secrets))
    }
}

/// The secrets that we send to a server and must not repeat.
fn secrets_of(login: Option<&ServerLogin>) -> Secrets {
    Secrets::new(login.map(|login| &login.password))
}

/// The trouble, without the secrets that we sent and must not repeat.
fn hidden(mut trouble: Trouble, secrets: &Secrets) -> Trouble {
    trouble.detail = secrets.hide(&trouble.detail);
    trouble
}

/// What the first exchange told.
pub(super) struct Welcome {
    client_id: Option<u64>,
    has_password: bool,
}

/// Logs in over a fresh stream that is then used by hand.
///
/// # Errors
/// The one reason for not being let in.
pub async fn log_in(
    stream: &mut (impl Stream + ?Sized),
    login: Option<&ServerLogin>,
) -> Result<(), Trouble> {
    let welcome = timeout(REPLY, greet(stream, login));
    welcome.await.map_err(|_| silent(REPLY))?.map(|_| ())
}

/// Whether a server lets somebody in, over a fresh stream; false: it asks for no password.
///
/// # Errors
/// The one reason for not being let in.
pub async fn lets_in(
    stream: &mut (impl Stream + ?Sized),
    login: Option<&ServerLogin>,
) -> Result<bool, Trouble> {
    let mut request = Zeroizing::new(Vec::new());
    let words = login.map_or(vec!["PING"], ServerLogin::words);
    push(&mut request, &words);
    let asked = async {
        let _ = stream.write_all(&request).await;
        let _ = stream.flush().await;
        let mut lines = Lines {
            stream,
            pending: Vec::new(),
        };
        if let Some(login) = login {
            return authenticated(&mut lines, login).await;
        }
        match lines.next().await? {
            First::Error(reply) if reply.starts_with("NOAUTH") => Err(from_reply(&reply)),
            First::Error(_) | First::Fine(_) => Ok(false),
        }
    };
    let answered = timeout(REPLY, asked).await.map_err(|_| silent(REPLY))?;
    answered.map_err(|trouble| hidden(trouble, &secrets_of(login)))
}

/// The answer to AUTH; false: the server asks nobody for a password.
async fn authenticated<S: Stream + ?Sized>(
    lines: &mut Lines<'_, S>,
    login: &ServerLogin,
) -> Result<bool, Trouble> {
    match lines.next().await? {
        First::Fine(_) => Ok(true),
        First::Error(reply)
            if reply.contains("without any password") || reply.contains("no password is set") =>
        {
            Ok(false)
        }
        First::Error(reply) => Err(from_login(login.user.as_deref(), &reply)),
    }
}

/// AUTH, PING, CLIENT SETNAME, CLIENT ID in one round trip.
pub(super) async fn greet(
    stream: &mut (impl Stream + ?Sized),
    login: Option<&ServerLogin>,
) -> Result<Welcome, Trouble> {
    let greeted = first_words(stream, login).await;
    greeted.map_err(|trouble| hidden(trouble, &secrets_of(login)))
}

async fn first_words(
    stream: &mut (impl Stream + ?Sized),
    login: Option<&ServerLogin>,
) -> Result<Welcome, Trouble> {
    let mut request = Zeroizing::new(Vec::new());
    if let Some(login) = login {
        push(&mut request, &login.words());
    }
    push(&mut request, &["PING"]);
    let name = worker(super::claim::token());
    push(&mut request, &["CLIENT", "SETNAME", &name]);
    push(&mut request, &["CLIENT", "ID"]);
    // A server that refuses us may have hung up already. Its earlier words can still be read.
    let _ = stream.write_all(&request).await;
    let _ = stream.flush().await;

    let mut lines = Lines {
        stream,
        pending: Vec::new(),
    };
    let has_password = match login {
        Some(login) => authenticated(&mut lines, login).await?,
        None => false,
    };
    if let First::Error(reply) = lines.next().await? {
        let refused = from_reply(&reply);
        if !refused.kind.info_still_answers() {
            return Err(refused);
        }
    }
    lines.next().await?;
    let client_id = match lines.next().await? {
        First::Fine(id) => id.parse().ok(),
        First::Error(_) => None,
    };
    Ok(Welcome {
        client_id,
        has_password,
    })
}

/// A one-line reply of a server.
enum First {
    /// `+PONG`, `+OK`, `:12`, without the first character.
    Fine(String),
    /// `-ERR …`, without the first character.
    Error(String),
}

/// Reads one-line replies and nothing else.
struct Lines<'a, S: ?Sized> {
    stream: &'a mut S,
    pending: Vec<u8>,
}

impl<S: Stream + ?Sized> Lines<'_, S> {
    async fn next(&mut self) -> Result<First, Trouble> {
        let line = loop {
            if let Some(end) = self.pending.iter().position(|b| *b == b'\n') {
                break self.pending.drain(..=end).collect::<Vec<u8>>();
            }
            if self.pending.len() > MAX_LINE || !plausible(&self.pending) {
                return Err(not_redis(&self.pending));
            }
            let mut piece = [0; 1024];
            match self.stream.read(&mut piece).await {
                Ok(0) if self.pending.is_empty() => return Err(hung_up()),
                Err(e) if self.pending.is_empty() => return Err(super::tls::from_io(&e)),
                Ok(0) | Err(_) => return Err(not_redis(&self.pending)),
                Ok(n) => self.pending.extend_from_slice(&piece[..n]),
            }
        };
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\r', '\n']);
        match text.split_at_checked(1) {
            Some(("-", error)) => Ok(First::Error(error.to_owned())),
            Some(("+", "OK" | "PONG")) => Ok(First::Fine(text[1..].to_owned())),
            Some((":", number)) if number.bytes().all(|b| b.is_ascii_digit()) => {
                Ok(First::Fine(number.to_owned()))
            }
            _ => Err(not_redis(&line)),
        }
    }
}

/// Whether a beginning of an answer can be a server's.
fn plausible(begin: &[u8]) -> bool {
    begin.first().is_none_or(|b| b"+-:".contains(b))
}

/// Adds one command in the wire's form.
pub(super) fn push(request: &mut Vec<u8>, words: &[&str]) {
    request.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        request.extend_from_slice(word.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
}

/// What a host name stands for. Looked up on a thread of its own: a hanging resolver must keep
/// neither the runtime nor the program's end waiting.
///
/// # Errors
/// [`TroubleKind::NameUnknown`].
pub async fn lookup(host: &str, within: Duration) -> Result<Vec<IpAddr>, Trouble> {
    if let Ok(ip) = host.parse() {
        return Ok(vec![ip]);
    }
    let (tell, told) = tokio::sync::oneshot::channel();
    let name = host.to_owned();
    let thread = std::thread::Builder::new().name("lookup".into());
    let started = thread.spawn(move || {
        let found = (name.as_str(), 0)
            .to_socket_addrs()
            .map(|all| all.map(|a| a.ip()).collect::<Vec<_>>());
        let _ = tell.send(found); // nobody may be waiting any more
    });
    started.map_err(|error| {
        trouble(
            TroubleKind::Other,
            format!("cannot look up `{host}`: {error}"),
        )
    })?;
    let unknown = |why: String| {
        trouble(
            TroubleKind::NameUnknown,
            format!("the name `{host}` does not resolve: {why}"),
        )
    };
    match timeout(within, told).await {
        Ok(Ok(Ok(mut found))) => {
            let mut seen = std::collections::BTreeSet::new();
            found.retain(|ip| seen.insert(*ip));
            if found.is_empty() {
                Err(unknown("it has no address".into()))
            } else {
                Ok(found)
            }
        }
        Ok(Ok(Err(error))) => Err(unknown(error.to_string())),
        Ok(Err(_)) => Err(unknown("the look-up ended without a result".into())),
        Err(_) => Err(unknown(format!(
            "no answer within {} s",
            within.as_secs_f32()
        ))),
    }
}

/// A TCP connection to the first of the address's hosts that takes it.
///
/// # Errors
/// The one reason; of several addresses, the one that came nearest.
pub async fn tcp(address: &Address) -> Result<TcpStream, Trouble> {
    let hosts = lookup(&address.host, LOOKUP).await?;
    let mut attempts: FuturesUnordered<_> = hosts
        .into_iter()
        .map(|ip| TcpStream::connect(SocketAddr::new(ip, address.port)))
        .collect();
    let mut nearest: Option<Trouble> = None;
    let first = async {
        while let Some(attempt) = attempts.next().await {
            match attempt {
                Ok(stream) => return Some(stream),
                Err(error) => {
                    let reason = from_connect(&error);
                    if nearest.is_none() || reason.kind == TroubleKind::Refused {
                        nearest = Some(reason);
                    }
                }
            }
        }
        None
    };
    match timeout(CONNECT, first).await {
        Ok(Some(stream)) => {
            // Answers are small, and the caller waits for them.
            stream
                .set_nodelay(true)
                .map_err(|error| from_connect(&error))?;
            Ok(stream)
        }
        Ok(None) => Err(nearest.unwrap_or_else(|| no_answer(CONNECT))),
        Err(_) => Err(no_answer(CONNECT)),
    }
}

#[cfg(test)]
mod tests;

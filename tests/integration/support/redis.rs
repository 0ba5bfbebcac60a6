//! A small separate client for checks of servers: blocking, one connection, every wait bounded.

use super::net::Net;
use openssl::ssl::SslConnector;
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// `+`
    Simple(String),
    /// `-`
    Error(String),
    /// `:`
    Integer(i64),
    /// `$`; `None` is nil.
    Bulk(Option<Vec<u8>>),
    /// `*`; `None` is nil.
    Array(Option<Vec<Reply>>),
}

impl Reply {
    /// As text: simple strings, bulk strings, integers, errors. Nil is the empty text.
    ///
    /// # Panics
    /// On an array.
    pub fn text(&self) -> String {
        match self {
            Self::Simple(s) | Self::Error(s) => s.clone(),
            Self::Integer(n) => n.to_string(),
            Self::Bulk(b) => b
                .as_deref()
                .map(|b| String::from_utf8_lossy(b).into_owned())
                .unwrap_or_default(),
            Self::Array(_) => panic!("an array is no text: {self:?}"),
        }
    }

    /// The elements of an array; none of nil.
    ///
    /// # Panics
    /// On anything else.
    pub fn items(self) -> Vec<Reply> {
        match self {
            Self::Array(items) => items.unwrap_or_default(),
            other @ (Self::Simple(_) | Self::Error(_) | Self::Integer(_) | Self::Bulk(_)) => {
                panic!("not an array: {other:?}")
            }
        }
    }

    /// Whether it is an error, or nil, or holds an error (a transaction that did nothing, or only
    /// in part).
    pub fn failed(&self) -> bool {
        match self {
            Self::Error(_) | Self::Bulk(None) | Self::Array(None) => true,
            Self::Array(Some(items)) => items.iter().any(Self::failed),
            Self::Simple(_) | Self::Integer(_) | Self::Bulk(Some(_)) => false,
        }
    }
}

/// What a connection goes over.
trait Line: Read + Write + Send {}
impl<T: Read + Write + Send> Line for T {}

/// One connection.
pub struct RawRedis {
    to: BufReader<Box<dyn Line>>,
    /// Where it goes, for messages.
    pub address: SocketAddr,
}

impl RawRedis {
    /// Connects; `within` bounds the connection and each answer. Authenticates when there is a
    /// password.
    pub fn connect(
        net: &Net,
        address: SocketAddr,
        password: Option<&str>,
        within: Duration,
    ) -> io::Result<Self> {
        Self::connect_over(net, address, None, password, within)
    }

    /// The same over TLS, where that is given. The server's name is not looked at.
    pub fn connect_over(
        net: &Net,
        address: SocketAddr,
        tls: Option<&SslConnector>,
        password: Option<&str>,
        within: Duration,
    ) -> io::Result<Self> {
        let plain = net.connect(address, within)?;
        let line: Box<dyn Line> = match tls {
            Some(tls) => {
                let mut about = tls.configure().map_err(io::Error::other)?;
                about.set_verify_hostname(false);
                let line = about.connect("localhost", plain);
                Box::new(line.map_err(|e| io::Error::other(e.to_string()))?)
            }
            None => Box::new(plain),
        };
        let mut this = Self {
            to: BufReader::with_capacity(64 * 1024, line),
            address,
        };
        if let Some(password) = password {
            let answer = this.try_command(&["AUTH", password])?;
            if answer.failed() {
                return Err(io::Error::other(format!("{address}: {answer:?}")));
            }
        }
        Ok(this)
    }

    /// To a port of 127.0.0.1, without a password, with 5 seconds for everything.
    ///
    /// # Panics
    /// When there is no server.
    #[track_caller]
    pub fn local(port: u16) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Self::connect(&Net::Machine, address, None, Duration::from_secs(5))
            .unwrap_or_else(|e| panic!("{address}: {e}"))
    }

    /// Sends a command and reads its answer.
    ///
    /// # Panics
    /// When the connection fails.
    #[track_caller]
    pub fn command(&mut self, words: &[&str]) -> Reply {
        let address = self.address;
        self.try_command(words)
            .unwrap_or_else(|e| panic!("{address}: {words:?}: {e}"))
    }

    /// Sends a command and reads its answer.
    pub fn try_command(&mut self, words: &[&str]) -> io::Result<Reply> {
        let mut bytes = Vec::with_capacity(64);
        encode(&mut bytes, words);
        self.send(&bytes)?;
        self.read()
    }

    /// Sends bytes as they are (several commands at once, made by [`encode`], or nonsense).
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to.get_mut().write_all(bytes)
    }

    /// Reads one answer.
    pub fn read(&mut self) -> io::Result<Reply> {
        let mut line = String::new();
        if self.to.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let rest = line.get(1..).unwrap_or_default().trim_end();
        let number = || rest.parse::<i64>().map_err(io::Error::other);
        Ok(match line.as_bytes()[0] {
            b'+' => Reply::Simple(rest.to_owned()),
            b'-' => Reply::Error(rest.to_owned()),
            b':' => Reply::Integer(number()?),
            b'$' => match usize::try_from(number()?) {
                Err(_) => Reply::Bulk(None),
                Ok(length) => {
                    let mut bytes = vec![0; length + 2];
                    self.to.read_exact(&mut bytes)?;
                    bytes.truncate(length);
                    Reply::Bulk(Some(bytes))
                }
            },
            b'*' => match usize::try_from(number()?) {
                Err(_) => Reply::Array(None),
                Ok(length) => Reply::Array(Some(
                    (0..length)
                        .map(|_| self.read())
                        .collect::<io::Result<_>>()?,
                )),
            },
            _ => return Err(io::Error::other(format!("no answer of a server: {line:?}"))),
        })
    }

    /// The fields of `INFO section`.
    #[track_caller]
    pub fn info(&mut self, section: &str) -> HashMap<String, String> {
        let text = self.command(&["INFO", section]).text();
        text.lines()
            .filter_map(|l| l.split_once(':'))
            .map(|(k, v)| (k.to_owned(), v.trim_end().to_owned()))
            .collect()
    }

    /// The value of one configuration directive.
    #[track_caller]
    pub fn config(&mut self, directive: &str) -> String {
        self.command(&["CONFIG", "GET", directive])
            .items()
            .get(1)
            .map(Reply::text)
            .unwrap_or_default()
    }
}

/// Appends a command in the wire's form.
pub fn encode(into: &mut Vec<u8>, words: &[&str]) {
    // Writing to a vector cannot fail.
    let _ = write!(into, "*{}\r\n", words.len());
    for word in words {
        let _ = write!(into, "${}\r\n{word}\r\n", word.len());
    }
}

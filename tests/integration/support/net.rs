//! Connections from the test process: through this machine's network, or out of a lab's.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::time::Duration;

/// The network a connection is made in.
#[derive(Debug, Clone)]
pub enum Net {
    /// This machine's.
    Machine,
    /// The network namespace behind that file of /proc.
    Namespace(PathBuf),
}

impl Net {
    /// Connects, with `within` as the time-out of the connection, of each read and of each write.
    pub fn connect(&self, to: SocketAddr, within: Duration) -> io::Result<TcpStream> {
        let stream = match self {
            Self::Machine => TcpStream::connect_timeout(&to, within)?,
            Self::Namespace(file) => {
                let file = std::fs::File::open(file)?;
                // A socket belongs to the namespace its thread was in when it was made; the thread
                // ends, the socket stays.
                std::thread::scope(|s| {
                    s.spawn(|| enter(&file).and_then(|()| TcpStream::connect_timeout(&to, within)))
                        .join()
                })
                .expect("connecting does not panic")?
            }
        };
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(within))?;
        stream.set_write_timeout(Some(within))?;
        Ok(stream)
    }
}

fn enter(namespace: &std::fs::File) -> io::Result<()> {
    // SAFETY: setns(2) on an open descriptor; it changes this thread only.
    #[allow(unsafe_code)]
    let done = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

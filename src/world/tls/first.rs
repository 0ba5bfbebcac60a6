//! A stream that remembers the first bytes that came over it: they tell a server without TLS from
//! one with it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes. The longest greeting of a server is longer, and its beginning tells enough.
const KEPT: usize = 200;

/// A stream, and the first bytes that came over it.
pub struct First<S> {
    inner: S,
    kept: Vec<u8>,
}

impl<S> First<S> {
    /// Nothing has come yet.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            kept: Vec::new(),
        }
    }

    /// What came first.
    pub fn first(&self) -> &[u8] {
        &self.kept
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for First<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        let room = KEPT.saturating_sub(self.kept.len());
        let came = buf.filled().get(before..).unwrap_or_default();
        self.kept.extend(came.iter().take(room));
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for First<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

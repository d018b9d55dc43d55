//! A client's connection that is given up when the client keeps the proxy waiting.
//!
//! hyper times the heads of requests only from the moment it knows which version of HTTP a
//! connection speaks, and never how long a client takes to read an answer. Both are timed here.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// What a client says first that speaks HTTP/2 without TLS.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long a client may keep the proxy waiting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For the first head, from the moment the connection stands.
    pub(super) first_head: Duration,
    /// For a single byte of an answer to be taken.
    pub(super) reading: Duration,
}

/// The connection.
#[derive(Debug)]
pub(super) struct Patient<T> {
    inner: T,
    /// Runs until the client has shown which version of HTTP it speaks.
    opening: Option<Opening>,
    reading: Duration,
    /// Runs while the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug)]
struct Opening {
    deadline: Pin<Box<Sleep>>,
    /// Bytes of HTTP/2's preface that came so far.
    preface: usize,
}

impl<T> Patient<T> {
    pub(super) fn new(inner: T, patience: Patience) -> Self {
        Self {
            inner,
            opening: Some(Opening {
                deadline: Box::pin(sleep(patience.first_head)),
                preface: 0,
            }),
            reading: patience.reading,
            stalled: None,
        }
    }

    /// Follows what the client sends until its version is plain.
    fn arrived(&mut self, bytes: &[u8]) {
        let Some(opening) = &mut self.opening else {
            return;
        };
        let expected = &HTTP2_PREFACE[opening.preface..];
        let common = bytes.len().min(expected.len());
        opening.preface += common;
        if bytes[..common] != expected[..common] || opening.preface == HTTP2_PREFACE.len() {
            self.opening = None;
        }
    }

    /// Times how long a write is refused.
    fn timed<R>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let reading = self.reading;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(reading)));
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, out);
        match read {
            Poll::Ready(Ok(())) => self.arrived(&out.filled()[before..]),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                if let Some(opening) = &mut self.opening
                    && opening.deadline.as_mut().poll(cx).is_ready()
                {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buffer);
        self.timed(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.timed(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.timed(cx, shut)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, buffers);
        self.timed(cx, written)
    }
}

//! Writes a request target that `http::Uri` cannot hold.
//!
//! `http::Uri` cuts a target at `#`, and refuses or reshapes others that real clients send and
//! that the reference answers (contract §1.1). Such a request is given to hyper with a placeholder
//! target, and the first bytes it writes are corrected on their way to the socket.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use hyper::rt::{Read, ReadBufCursor, Write};
use parking_lot::Mutex;

/// The one replacement that is due on a connection, shared with whoever sends on it.
pub type Slot = Arc<Mutex<Option<Replacement>>>;

/// What hyper will write as target, and what is written instead.
#[derive(Debug, Clone)]
pub struct Replacement {
    pub placeholder: Bytes,
    pub target: Bytes,
}

/// A connection whose next request line can be corrected.
#[derive(Debug)]
pub struct Retargeting<T> {
    inner: T,
    slot: Slot,
    /// A corrected head, not yet written in full.
    pending: BytesMut,
}

impl<T> Retargeting<T> {
    pub fn new(inner: T, slot: Slot) -> Self {
        Self {
            inner,
            slot,
            pending: BytesMut::new(),
        }
    }
}

impl<T: Write + Unpin> Retargeting<T> {
    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.pending.has_remaining() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.pending))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.pending.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Takes the replacement that is due, if any, and the bytes it applies to: all of them, so that
    /// a head leaves in one piece as it would have without. Says whether there was one.
    fn correct(&mut self, buffer: &[u8]) -> io::Result<bool> {
        let Some(replacement) = self.slot.lock().take() else {
            return Ok(false);
        };
        let start = buffer
            .iter()
            .position(|byte| *byte == b' ')
            .map(|at| at + 1);
        let placeholder = &replacement.placeholder[..];
        match start {
            Some(start) if buffer[start..].starts_with(placeholder) => {
                self.pending.extend_from_slice(&buffer[..start]);
                self.pending.extend_from_slice(&replacement.target);
                let rest = &buffer[start + placeholder.len()..];
                self.pending.extend_from_slice(rest);
                Ok(true)
            }
            _ => Err(io::Error::other(
                "the request line was not written in one piece",
            )),
        }
    }
}

impl<T: Read + Unpin> Read for Retargeting<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<T: Write + Unpin> Write for Retargeting<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_pending(cx))?;
        if self.correct(buffer)? {
            // What cannot be written now goes first the next time.
            if let Poll::Ready(Err(error)) = self.poll_pending(cx) {
                return Poll::Ready(Err(error));
            }
            return Poll::Ready(Ok(buffer.len()));
        }
        Pin::new(&mut self.inner).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_pending(cx))?;
        let first = buffers.iter().find(|buffer| !buffer.is_empty());
        if let Some(first) = first
            && self.slot.lock().is_some()
        {
            return self.poll_write(cx, first);
        }
        Pin::new(&mut self.inner).poll_write_vectored(cx, buffers)
    }
}

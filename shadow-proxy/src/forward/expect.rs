//! `Expect: 100-continue`: the client's body is not touched before the backend wants it.
//!
//! Touching it makes the server side send `100 Continue`, so a client that waits for permission
//! gets it only when the backend gave it, and a backend that refuses never sees the body.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, header::EXPECT};
use http_body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::{sync::oneshot, time::Sleep};

use super::body::{Body, BodyError, ClientBodyError};

/// A backend that knows nothing of `100-continue` must get the body anyway (RFC 9110 §10.1.1).
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether the client waits for permission.
pub fn is_expected(headers: &HeaderMap) -> bool {
    headers
        .get(EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Opens the gate for the body, or closes it for good when dropped.
#[derive(Debug, Clone)]
pub struct Permission(Arc<Mutex<Option<oneshot::Sender<()>>>>);

impl Permission {
    /// The backend wants the body.
    pub fn grant(&self) {
        if let Some(sender) = self.0.lock().take() {
            // The body may be gone already; then nobody waits.
            let _ = sender.send(());
        }
    }

    /// The exchange is over; a body that was not wanted until now is not sent.
    pub fn withdraw(&self) {
        drop(self.0.lock().take());
    }
}

/// A body behind the gate.
#[derive(Debug)]
pub struct Gated {
    inner: Body,
    gate: Option<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    permission: oneshot::Receiver<()>,
    patience: Pin<Box<Sleep>>,
}

/// Puts a body behind a gate.
pub fn gate(inner: Body) -> (Gated, Permission) {
    let (sender, permission) = oneshot::channel();
    let gated = Gated {
        inner,
        gate: Some(Waiting {
            permission,
            patience: Box::pin(tokio::time::sleep(PATIENCE)),
        }),
    };
    (gated, Permission(Arc::new(Mutex::new(Some(sender)))))
}

impl HttpBody for Gated {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(waiting) = &mut self.gate {
            match Pin::new(&mut waiting.permission).poll(cx) {
                Poll::Ready(Ok(())) => self.gate = None,
                Poll::Ready(Err(_)) => {
                    return Poll::Ready(Some(Err(ClientBodyError::NotWanted.into())));
                }
                Poll::Pending if waiting.patience.as_mut().poll(cx).is_ready() => self.gate = None,
                Poll::Pending => return Poll::Pending,
            }
        }
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.gate.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

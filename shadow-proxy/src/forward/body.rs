//! Bodies on the primary path: streamed frame by frame, never collected.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use tokio::time::{Instant, Sleep};

/// Whatever ended a body early.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body on its way through the proxy.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// A body without bytes.
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that is there already.
pub fn full(bytes: Bytes) -> Body {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// An empty body of announced length. hyper moves `Content-Length: 0` to the end of the head when
/// it knows beforehand that nothing follows; this body lets it find out.
#[derive(Debug)]
struct AnnouncedEmpty;

impl HttpBody for AnnouncedEmpty {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(0)
    }
}

/// The answer, with its `Content-Length: 0` where the backend put it.
pub fn in_order(response: Response<Body>) -> Response<Body> {
    let announces_none = |headers: &HeaderMap| {
        let length = headers.get(header::CONTENT_LENGTH);
        length.is_some_and(|length| length == "0")
    };
    if response.body().is_end_stream() && announces_none(response.headers()) {
        response.map(|_| Body::new(AnnouncedEmpty))
    } else {
        response
    }
}

/// Why a body could not be held as a whole.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    #[error("the body broke off: {0}")]
    Broken(BodyError),
}

/// Reads a body to its end, up to `cap` bytes.
///
/// # Errors
/// When it is longer, or breaks off.
pub async fn collect<B>(mut body: B, cap: usize) -> Result<Bytes, CollectError>
where
    B: HttpBody<Data = Bytes, Error = BodyError> + Unpin,
{
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(CollectError::Broken)?;
        if let Some(data) = frame.data_ref() {
            if collected.len() + data.len() > cap {
                return Err(CollectError::TooLarge(cap));
            }
            collected.extend_from_slice(data);
        }
    }
    Ok(collected.freeze())
}

/// The client stopped sending, or sent something that is no body.
#[derive(Debug, thiserror::Error)]
pub enum ClientBodyError {
    #[error("the client sent nothing for {} ms in the middle of its body", .0.as_millis())]
    Idle(Duration),
    #[error("the client's body is longer than {0} bytes")]
    TooLarge(u64),
    #[error("the client broke off its body: {0}")]
    Broken(#[source] hyper::Error),
    /// The backend answered before it wanted the body (`Expect: 100-continue`).
    #[error("the body was not wanted")]
    NotWanted,
}

/// The backend fell silent in the middle of its answer.
#[derive(Debug, thiserror::Error)]
#[error("the backend sent nothing for {} ms in the middle of its answer", .0.as_millis())]
pub struct BackendIdle(pub Duration);

/// A timer that runs only while a body makes no progress, so that a body that is there costs none.
#[derive(Debug)]
pub struct IdleTimer {
    limit: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl IdleTimer {
    pub fn new(limit: Duration) -> Self {
        Self { limit, sleep: None }
    }

    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Progress was made: the next silence starts from zero.
    pub fn reset(&mut self) {
        self.sleep = None;
    }

    /// Ready when the silence has lasted longer than allowed.
    pub fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limit = self.limit;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + limit)));
        sleep.as_mut().poll(cx)
    }
}

/// The client's body under the limits for clients.
#[derive(Debug)]
pub struct ClientBody {
    inner: hyper::body::Incoming,
    idle: IdleTimer,
    /// Bytes still allowed; `None` is without limit.
    room: Option<u64>,
    limit: u64,
}

impl ClientBody {
    /// `limit` in bytes, 0 for none.
    pub fn new(inner: hyper::body::Incoming, idle: Duration, limit: u64) -> Self {
        Self {
            inner,
            idle: IdleTimer::new(idle),
            room: (limit > 0).then_some(limit),
            limit,
        }
    }
}

impl HttpBody for ClientBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let Poll::Ready(next) = Pin::new(&mut this.inner).poll_frame(cx) else {
            ready!(this.idle.poll_silence(cx));
            let error = ClientBodyError::Idle(this.idle.limit());
            return Poll::Ready(Some(Err(error.into())));
        };
        this.idle.reset();
        Poll::Ready(match next {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                match this.room {
                    Some(room) if room < length => {
                        Some(Err(ClientBodyError::TooLarge(this.limit).into()))
                    }
                    room => {
                        this.room = room.map(|room| room - length);
                        Some(Ok(frame))
                    }
                }
            }
            Some(Err(error)) => Some(Err(ClientBodyError::Broken(error).into())),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

//! Shares the bytes of an exchange with the mirror while they stream to their destination.
//!
//! The frames are reference-counted; nothing waits, and over its cap a body is let go of while the
//! stream goes on.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body::{Body as HttpBody, Frame, SizeHint};
use parity::exchange;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{
    accounts::Fate,
    forward::{
        self, Outbound,
        body::{self, Body, BodyError},
    },
    mirror::{Held, Mirror},
    recording::Place,
    route,
};

/// A request without its body, as the backend got it.
#[derive(Debug, Clone)]
pub struct RequestHead {
    pub method: Method,
    pub uri: Uri,
    pub raw_target: Option<Bytes>,
    pub headers: HeaderMap,
}

impl RequestHead {
    pub fn of(outbound: &Outbound) -> Self {
        let request = &outbound.request;
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            raw_target: outbound.raw_target.clone(),
            headers: request.headers().clone(),
        }
    }

    fn target(&self) -> String {
        match &self.raw_target {
            Some(raw) => String::from_utf8_lossy(raw).into_owned(),
            None => self.uri.to_string(),
        }
    }

    /// The path, decoded as the reference decodes it.
    pub fn path(&self) -> String {
        let target = self.target();
        route::percent_decode(target.split('?').next().unwrap_or_default()).into_owned()
    }

    /// The request as `parity` knows it.
    pub fn to_request(&self, body: Bytes) -> exchange::Request {
        exchange::Request {
            method: self.method.as_str().to_owned(),
            target: self.target(),
            headers: headers_of(&self.headers),
            body,
        }
    }
}

/// Header fields as `parity` knows them.
pub fn headers_of(headers: &HeaderMap) -> exchange::Headers {
    let fields = headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    exchange::Headers(fields.collect())
}

/// How far a capture has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Open,
    Complete,
    OverCap,
}

/// The bytes of a body, up to a cap.
#[derive(Debug)]
struct Capture {
    frames: Vec<Bytes>,
    length: usize,
    cap: usize,
    progress: Progress,
    /// Who waits for the whole body while the exchange goes on.
    waiting: Option<oneshot::Sender<Bytes>>,
}

impl Capture {
    fn new(cap: usize) -> Self {
        Self {
            frames: Vec::new(),
            length: 0,
            cap,
            progress: Progress::Open,
            waiting: None,
        }
    }

    fn push(&mut self, data: &Bytes) {
        if self.progress != Progress::Open || data.is_empty() {
            return;
        }
        self.length += data.len();
        if self.length > self.cap {
            self.frames = Vec::new();
            self.progress = Progress::OverCap;
            self.waiting = None;
        } else {
            self.frames.push(data.clone());
        }
    }

    fn finish(&mut self) {
        if self.progress == Progress::Open {
            self.progress = Progress::Complete;
            if let Some(waiting) = self.waiting.take() {
                let body = self.take();
                self.frames.push(body.clone());
                // Whoever waited may have gone.
                let _ = waiting.send(body);
            }
        }
    }

    /// The bytes in one piece: their one copy. A frame shared as it is would keep the whole
    /// connection buffer it was cut from, however small it is itself.
    fn take(&mut self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.length);
        for frame in self.frames.drain(..) {
            bytes.extend_from_slice(&frame);
        }
        bytes.freeze()
    }
}

/// The request's side of a tee.
#[derive(Debug, Clone)]
pub struct RequestCapture(Option<Arc<Mutex<Capture>>>);

impl RequestCapture {
    /// Puts a tee into the request's body, if it has one.
    pub fn tap(request: &mut Request<Body>, cap: usize) -> Self {
        if request.body().is_end_stream() {
            return Self(None);
        }
        let capture = Arc::new(Mutex::new(Capture::new(cap)));
        let inner = std::mem::replace(request.body_mut(), body::empty());
        *request.body_mut() = Body::new(RequestTee {
            inner,
            capture: Arc::clone(&capture),
        });
        Self(Some(capture))
    }

    /// The whole body as soon as it went by; nothing when it does not.
    pub fn whole(&self) -> oneshot::Receiver<Bytes> {
        let (sender, receiver) = oneshot::channel();
        match &self.0 {
            Some(capture) => capture.lock().waiting = Some(sender),
            None => {
                // The receiver is at hand.
                let _ = sender.send(Bytes::new());
            }
        }
        receiver
    }

    /// The whole body.
    ///
    /// # Errors
    /// What becomes of the request instead.
    fn take(&self) -> Result<Bytes, Fate> {
        let Some(capture) = &self.0 else {
            return Ok(Bytes::new());
        };
        let mut capture = capture.lock();
        match capture.progress {
            Progress::Complete => Ok(capture.take()),
            Progress::OverCap => Err(Fate::Declined("request_over_cap")),
            // The backend answered before it had read everything.
            Progress::Open => Err(Fate::Declined("request_incomplete")),
        }
    }
}

#[derive(Debug)]
struct RequestTee {
    inner: Body,
    capture: Arc<Mutex<Capture>>,
}

impl HttpBody for RequestTee {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let next = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        let mut capture = self.capture.lock();
        match &next {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    capture.push(data);
                }
                if self.inner.is_end_stream() {
                    capture.finish();
                }
            }
            Some(Err(_)) => {}
            None => capture.finish(),
        }
        drop(capture);
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An exchange that went by in full.
#[derive(Debug)]
pub struct Tapped {
    pub head: RequestHead,
    pub body: Bytes,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub response_body: Bytes,
    pub held: Held,
}

/// Who wants the bytes of an exchange.
#[derive(Debug)]
pub struct Audience {
    pub mirror: Option<(Arc<Mirror>, Held)>,
    pub recording: Option<Place>,
}

impl Audience {
    pub fn is_empty(&self) -> bool {
        self.mirror.is_none() && self.recording.is_none()
    }

    /// The exchange will not be there in full.
    pub fn settle(self, fate: Fate) {
        if let (Some(place), Fate::Declined(_)) = (self.recording, fate) {
            place.decline();
        }
        if let Some((_, held)) = self.mirror {
            held.settle(fate);
        }
    }
}

/// What is known of an exchange while its answer streams.
#[derive(Debug)]
struct Streaming {
    audience: Audience,
    head: RequestHead,
    request: RequestCapture,
    status: StatusCode,
    headers: HeaderMap,
}

/// An answer on its way to the client, with a tee in it.
#[derive(Debug)]
pub struct ResponseTee<B> {
    inner: B,
    capture: Capture,
    streaming: Option<Box<Streaming>>,
}

impl<B: HttpBody<Data = Bytes, Error = BodyError> + Unpin> ResponseTee<B> {
    /// Puts a tee into an answer; the audience gets the exchange with the answer's last byte. More
    /// than `cap` bytes are not held.
    pub fn tap(
        response: Response<B>,
        audience: Audience,
        head: RequestHead,
        request: RequestCapture,
        cap: usize,
    ) -> Response<Self> {
        let mut headers = response.headers().clone();
        forward::headers::remove(&mut headers, &http::header::TRANSFER_ENCODING);
        let streaming = Streaming {
            audience,
            head,
            request,
            status: response.status(),
            headers,
        };
        response.map(|inner| {
            let mut tee = Self {
                inner,
                capture: Capture::new(cap),
                streaming: Some(Box::new(streaming)),
            };
            if tee.inner.is_end_stream() {
                tee.complete();
            }
            tee
        })
    }

    fn complete(&mut self) {
        let Some(streaming) = self.streaming.take() else {
            return;
        };
        let Streaming {
            audience,
            head,
            request,
            status,
            headers,
        } = *streaming;
        let body = match request.take() {
            Err(fate) => return audience.settle(fate),
            Ok(body) => body,
        };
        let response_body = self.capture.take();
        if let Some(place) = audience.recording {
            let (head, body, headers) = (head.clone(), body.clone(), headers.clone());
            place.record(head, body, status, headers, response_body.clone());
        }
        if let Some((mirror, held)) = audience.mirror {
            mirror.offer(Tapped {
                head,
                body,
                status,
                headers,
                response_body,
                held,
            });
        }
    }
}

impl<B> ResponseTee<B> {
    fn settle(&mut self, fate: Fate) {
        if let Some(streaming) = self.streaming.take() {
            streaming.audience.settle(fate);
        }
    }
}

impl<B> Drop for ResponseTee<B> {
    fn drop(&mut self) {
        self.settle(Fate::NotComparable("client_aborted"));
    }
}

impl<B: HttpBody<Data = Bytes, Error = BodyError> + Unpin> HttpBody for ResponseTee<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let next = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &next {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.capture.push(data);
                }
                if self.capture.progress == Progress::OverCap {
                    self.settle(Fate::Declined("response_over_cap"));
                } else if self.inner.is_end_stream() {
                    self.complete();
                }
            }
            Some(Err(_)) => self.settle(Fate::NotComparable("reference_broke_off")),
            None => self.complete(),
        }
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

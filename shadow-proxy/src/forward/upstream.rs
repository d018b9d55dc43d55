//! A backend: its pool of connections, and one exchange over them.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, Uri, Version, header, uri};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

use super::{
    body::{self, BackendIdle, Body, BodyError, IdleTimer},
    connect::{BackendError, Connector},
    deadline::{Deadline, Elapsed},
    expect::{self, Permission},
    failure::{self, Failure},
    headers,
    pool::{Connection, Pool},
    retarget::{Replacement, Retargeting, Slot},
};
use crate::config::{Backend, Limits, Protocol};

/// A backend and the connections to it.
#[derive(Debug)]
pub struct Upstream {
    connector: Connector,
    scheme: uri::Scheme,
    authority: uri::Authority,
    settings: Backend,
    head_limit: usize,
    header_count: usize,
    idle: Pool,
    http2: Mutex<Option<http2::SendRequest<Body>>>,
    /// Held while an HTTP/2 connection is made, so that a burst makes one.
    connecting: tokio::sync::Mutex<()>,
    /// One permit for each exchange; connections never outnumber them.
    room: Arc<Semaphore>,
}

impl Upstream {
    /// # Errors
    /// When the backend's URL or certificates cannot be used.
    pub fn new(settings: &Backend, limits: &Limits) -> Result<Self, BackendError> {
        let (scheme, authority) = settings.origin().map_err(BackendError::Url)?;
        Ok(Self {
            connector: Connector::new(settings)?,
            scheme,
            authority,
            head_limit: limits.head.bytes().max(8 * 1024),
            header_count: limits.header_count,
            idle: Pool::new(settings.pool_idle_timeout.0),
            http2: Mutex::new(None),
            connecting: tokio::sync::Mutex::new(()),
            room: Arc::new(Semaphore::new(settings.max_connections)),
            settings: settings.clone(),
        })
    }

    /// Sends one request and gives back the answer as soon as its head is there. `raw` is the
    /// target to write where the request's own cannot express it.
    ///
    /// # Errors
    /// Says which side failed and how; nothing has been given to the client yet.
    pub async fn exchange(
        self: &Arc<Self>,
        mut request: Request<Body>,
        raw: Option<Bytes>,
    ) -> Result<Response<UpstreamBody>, Failure> {
        let permit = self.permit().await?;
        let permission = self.prepare(&mut request);
        let result = match self.settings.protocol {
            Protocol::Http1 => self.over_http1(request, raw).await,
            Protocol::Http2 if raw.is_some() => Err(Failure::Unforwardable),
            Protocol::Http2 => Box::pin(self.over_http2(request)).await,
        };
        match result {
            Ok((response, connection)) => {
                let lease = Lease {
                    upstream: Arc::clone(self),
                    connection,
                    _permit: permit,
                };
                let idle = self.settings.body_idle_timeout.0;
                Ok(response.map(|body| UpstreamBody::new(body, idle, lease, permission)))
            }
            Err(failure) => {
                if let Some(permission) = permission {
                    permission.withdraw();
                }
                Err(failure)
            }
        }
    }

    /// Room for one exchange; waited for as long as for a connection.
    async fn permit(&self) -> Result<OwnedSemaphorePermit, Failure> {
        if let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
            return Ok(permit);
        }
        let waiting = Arc::clone(&self.room).acquire_owned();
        match timeout(self.settings.connect_timeout.0, waiting).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Failure::Saturated),
        }
    }

    /// Puts the request into the form the protocol wants; the gate of `100-continue` too.
    fn prepare(&self, request: &mut Request<Body>) -> Option<Permission> {
        match self.settings.protocol {
            Protocol::Http1 => {
                *request.version_mut() = Version::HTTP_11;
                if self.settings.rewrite_host || !request.headers().contains_key(header::HOST) {
                    let host = header::HeaderValue::from_str(self.authority.as_str());
                    if let Ok(host) = host {
                        request.headers_mut().insert(header::HOST, host);
                    }
                }
            }
            Protocol::Http2 => {
                *request.version_mut() = Version::HTTP_2;
                let named = (!self.settings.rewrite_host)
                    .then(|| request.headers().get(header::HOST))
                    .flatten()
                    .and_then(|host| uri::Authority::try_from(host.as_bytes()).ok());
                headers::remove(request.headers_mut(), &header::HOST);
                let mut parts = std::mem::take(request.uri_mut()).into_parts();
                parts.scheme = Some(self.scheme.clone());
                parts.authority = Some(named.unwrap_or_else(|| self.authority.clone()));
                if parts.path_and_query.is_none() {
                    parts.path_and_query = Some(uri::PathAndQuery::from_static("/"));
                }
                *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
            }
        }
        if request.body().is_end_stream() || !expect::is_expected(request.headers()) {
            return None;
        }
        let (gated, permission) =
            expect::gate(std::mem::replace(request.body_mut(), body::empty()));
        *request.body_mut() = Body::new(gated);
        let granting = permission.clone();
        hyper::ext::on_informational(request, move |informational| {
            if informational.status() == http::StatusCode::CONTINUE {
                granting.grant();
            }
        });
        Some(permission)
    }

    async fn over_http1(
        self: &Arc<Self>,
        mut request: Request<Body>,
        raw: Option<Bytes>,
    ) -> Result<(Response<Incoming>, Option<Connection>), Failure> {
        loop {
            let (mut connection, reused) = match self.idle.take() {
                Some(connection) => (connection, true),
                None => (Box::pin(self.open_http1()).await?, false),
            };
            if let Some(target) = &raw {
                *connection.retarget.lock() = Some(Replacement {
                    placeholder: Bytes::from(request.uri().to_string()),
                    target: target.clone(),
                });
            }
            let again = if reused { repeatable(&request) } else { None };
            let progress = Progress::watch(&mut request);
            let Connection {
                sender, deadline, ..
            } = &mut connection;
            let sent = sender.try_send_request(request);
            match self.answer(sent, deadline, progress).await? {
                Ok(response) => return Ok((response, Some(connection))),
                Err(mut error) => match (error.take_message(), again) {
                    // The backend closed an idle connection before anything was written on it.
                    (Some(unsent), _) if reused => request = unsent,
                    // It closed just as a request without effects of its own arrived.
                    (None, Some(copy)) if is_lost(error.error()) => request = copy,
                    _ => return Err(Failure::of_exchange(error.error())),
                },
            }
        }
    }

    async fn over_http2(
        self: &Arc<Self>,
        mut request: Request<Body>,
    ) -> Result<(Response<Incoming>, Option<Connection>), Failure> {
        let mut attempts = 0;
        loop {
            let mut sender = self.http2_connection().await?;
            attempts += 1;
            let progress = Progress::watch(&mut request);
            let sent = sender.try_send_request(request);
            let deadline = &mut Deadline::default();
            match self.answer(sent, deadline, progress).await? {
                Ok(response) => return Ok((response, None)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) if attempts < 3 => request = unsent,
                    _ => return Err(Failure::of_exchange(error.error())),
                },
            }
        }
    }

    /// Waits for the head of the answer; the clock starts again with every piece of the request
    /// body that moves.
    async fn answer<T>(
        &self,
        sent: impl Future<Output = T>,
        deadline: &mut Deadline,
        progress: Option<Progress>,
    ) -> Result<T, Failure> {
        let limit = self.settings.response_timeout.0;
        let begun = Instant::now();
        let due = || progress.as_ref().map_or(begun, Progress::last) + limit;
        let answer = deadline.limit(due, sent).await;
        answer.map_err(|Elapsed| Failure::ResponseTimeout)
    }

    async fn open_http1(&self) -> Result<Connection, Failure> {
        let stream = self.connector.connect().await?;
        let retarget = Slot::default();
        let io = Retargeting::new(TokioIo::new(stream), Arc::clone(&retarget));
        let (sender, connection) = http1::Builder::new()
            .preserve_header_case(true)
            .max_headers(self.header_count)
            .max_buf_size(self.head_limit)
            .handshake(io)
            .await
            .map_err(|error| Failure::of_exchange(&error))?;
        // Errors of the connection reach whoever waits for an answer on it.
        tokio::spawn(async move { drop(connection.with_upgrades().await) });
        Ok(Connection {
            sender,
            retarget,
            deadline: Deadline::default(),
        })
    }

    async fn http2_connection(&self) -> Result<http2::SendRequest<Body>, Failure> {
        let ready = || {
            let slot = self.http2.lock();
            slot.as_ref().filter(|sender| !sender.is_closed()).cloned()
        };
        if let Some(sender) = ready() {
            return Ok(sender);
        }
        let _connecting = self.connecting.lock().await;
        if let Some(sender) = ready() {
            return Ok(sender);
        }
        let stream = self.connector.connect().await?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .adaptive_window(true)
            .keep_alive_interval(Duration::from_secs(15))
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Failure::of_exchange(&error))?;
        tokio::spawn(async move { drop(connection.await) });
        *self.http2.lock() = Some(sender.clone());
        Ok(sender)
    }
}

/// Whether the connection ended, and not the exchange on it: also by a reset, which is what a
/// request meets that arrives after the backend has closed.
fn is_lost(error: &hyper::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    error.is_incomplete_message()
        || error.is_closed()
        || error.is_canceled()
        || failure::find::<io::Error>(error).is_some_and(|cause| {
            matches!(
                cause.kind(),
                ConnectionReset | ConnectionAborted | BrokenPipe
            )
        })
}

/// A copy to send again, for requests that may be repeated (RFC 9110 §9.2.2) and have no body.
pub(super) fn repeatable(request: &Request<Body>) -> Option<Request<Body>> {
    let safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if !safe || !request.body().is_end_stream() {
        return None;
    }
    let mut copy = Request::new(body::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    Some(copy)
}

/// When a request body last moved.
#[derive(Debug, Clone)]
struct Progress(Arc<Mutex<Instant>>);

impl Progress {
    /// Absent for a request without body: it is sent at once.
    fn watch(request: &mut Request<Body>) -> Option<Self> {
        if request.body().is_end_stream() {
            return None;
        }
        let progress = Self(Arc::new(Mutex::new(Instant::now())));
        let inner = std::mem::replace(request.body_mut(), body::empty());
        *request.body_mut() = Body::new(Watched {
            inner,
            progress: progress.clone(),
        });
        Some(progress)
    }

    fn last(&self) -> Instant {
        *self.0.lock()
    }
}

#[derive(Debug)]
struct Watched {
    inner: Body,
    progress: Progress,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let next = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        *self.progress.0.lock() = Instant::now();
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// What an exchange holds until its last byte.
#[derive(Debug)]
struct Lease {
    upstream: Arc<Upstream>,
    connection: Option<Connection>,
    _permit: OwnedSemaphorePermit,
}

/// A backend's answer. Read to its end it gives the connection back; dropped before, the
/// connection is closed, because the rest of the answer is still on it.
#[derive(Debug)]
pub struct UpstreamBody {
    inner: Incoming,
    idle: IdleTimer,
    lease: Option<Lease>,
    permission: Option<Permission>,
}

impl UpstreamBody {
    fn new(inner: Incoming, idle: Duration, lease: Lease, permission: Option<Permission>) -> Self {
        let mut body = Self {
            inner,
            idle: IdleTimer::new(idle),
            lease: Some(lease),
            permission,
        };
        if body.inner.is_end_stream() {
            body.finish();
        }
        body
    }

    fn finish(&mut self) {
        if let Some(permission) = self.permission.take() {
            permission.withdraw();
        }
        if let Some(mut lease) = self.lease.take()
            && let Some(connection) = lease.connection.take()
        {
            lease.upstream.idle.put(connection);
        }
    }
}

impl Drop for UpstreamBody {
    fn drop(&mut self) {
        if let Some(permission) = self.permission.take() {
            permission.withdraw();
        }
    }
}

impl HttpBody for UpstreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let Poll::Ready(next) = Pin::new(&mut this.inner).poll_frame(cx) else {
            ready!(this.idle.poll_silence(cx));
            return Poll::Ready(Some(Err(BackendIdle(this.idle.limit()).into())));
        };
        this.idle.reset();
        let ended = next.is_none() || this.inner.is_end_stream();
        if ended && !matches!(next, Some(Err(_))) {
            this.finish();
        }
        Poll::Ready(next.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

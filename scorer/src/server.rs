//! The service over HTTP/1.1 and cleartext HTTP/2.
//!
//! [`Server::start`] listens on two addresses: one for the service, one for operators (metrics).
//! `/health`, `/ready` and `/openapi.json` are answered here, before the service.

mod body;
mod head;
mod http1;
mod http2;
mod operations;

use std::{net::SocketAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use chrono::Utc;
use futures::FutureExt;
use hyper_util::server::graceful::GracefulConnection;
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument, field};

use crate::{
    message::{Mode, Reply, Request, Response},
    service::Service,
    telemetry::Metrics,
};

/// How long open requests may go on after a stop was asked for.
const GRACE: Duration = Duration::from_secs(30);
/// How long a new connection may take to show which protocol it speaks.
const FIRST_BYTES: Duration = Duration::from_secs(75);
/// Connections served at one time; more wait in the kernel's backlog.
const CONNECTIONS: usize = 10_000;
/// Pause after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// What a client says first that speaks HTTP/2 without TLS.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A running server. Dropping it does not stop it: call [`shutdown`](Self::shutdown).
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    metrics_address: SocketAddr,
    stop: CancellationToken,
    connections: TaskTracker,
}

/// What a connection needs.
struct App {
    service: Arc<Service>,
    metrics: Arc<Metrics>,
}

impl Server {
    /// Listens on the addresses of the settings; port 0 picks a free one.
    ///
    /// # Errors
    /// An address cannot be bound.
    pub async fn start(service: Arc<Service>) -> std::io::Result<Self> {
        let settings = service.settings();
        let listener = TcpListener::bind(settings.listen).await?;
        let operations = TcpListener::bind(settings.metrics_listen).await?;
        let server = Self {
            address: listener.local_addr()?,
            metrics_address: operations.local_addr()?,
            stop: CancellationToken::new(),
            connections: TaskTracker::new(),
        };
        let app = Arc::new(App {
            metrics: Arc::new(Metrics::new()),
            service,
        });
        tokio::spawn(operations::serve(
            operations,
            Arc::clone(&app),
            server.stop.clone(),
        ));
        let connections = server.connections.clone();
        tokio::spawn(accept(listener, app, server.stop.clone(), connections));
        Ok(server)
    }

    /// Where the service listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics are.
    #[must_use]
    pub fn metrics_address(&self) -> SocketAddr {
        self.metrics_address
    }

    /// Takes no more connections, lets open requests finish, and returns whether all did in time.
    pub async fn shutdown(self) -> bool {
        self.stop.cancel();
        self.connections.close();
        timeout(GRACE, self.connections.wait()).await.is_ok()
    }
}

async fn accept(
    listener: TcpListener,
    app: Arc<App>,
    stop: CancellationToken,
    connections: TaskTracker,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = accept_one(&listener, &room) => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, place)) => {
                let served = serve(stream, Arc::clone(&app), stop.clone());
                connections.spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of descriptors, most likely: others have to close theirs first.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn accept_one(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await;
    let place = place.map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

/// Finds out which protocol a connection speaks, and speaks it.
async fn serve(mut stream: TcpStream, app: Arc<App>, stop: CancellationToken) {
    // Answers are small and written at once: waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let mut buffer = BytesMut::with_capacity(8 * 1024);
    let deadline = Instant::now() + FIRST_BYTES;
    while buffer.len() < HTTP2_PREFACE.len() && HTTP2_PREFACE.starts_with(&buffer) {
        let read = tokio::select! {
            read = timeout_at(deadline, stream.read_buf(&mut buffer)) => read,
            () = stop.cancelled() => return,
        };
        match read {
            Ok(Ok(count)) if count > 0 => {}
            _ => return,
        }
    }
    if buffer.starts_with(HTTP2_PREFACE) {
        http2::serve(stream, buffer, app, stop).await;
    } else {
        http1::serve(stream, buffer, app, stop).await;
    }
}

/// Serves a connection to its end; when the server is told to stop, only what is open on it.
async fn serve_until_stopped<C: GracefulConnection>(
    connection: C,
    stop: CancellationToken,
) -> Result<(), C::Error> {
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

impl App {
    /// Answers a request and accounts for it. A panic becomes the 500 page.
    async fn call(&self, request: Request) -> Response {
        let begun = Instant::now();
        let method = request.method.clone();
        let span = tracing::info_span!(
            "request",
            method,
            request_id = %uuid::Uuid::new_v4(),
            route = field::Empty,
            status = field::Empty,
        );
        let (route, response) = self.route(request).instrument(span.clone()).await;
        span.record("route", route);
        span.record("status", response.status);
        self.metrics
            .observe(route, &method, response.status, begun.elapsed());
        let duration_ms = begun.elapsed().as_secs_f64() * 1_000.0;
        span.in_scope(|| tracing::info!(duration_ms, "answered"));
        response
    }

    /// Answers a request, here or by the service, and names what answered.
    async fn route(&self, request: Request) -> (&'static str, Response) {
        if let Some(response) = operations::answer(&self.service, &request).await {
            return ("operations", response);
        }
        let called = AssertUnwindSafe(self.service.call(request, Mode::CommitUnlisted));
        match called.catch_unwind().await {
            Ok(Reply {
                route, response, ..
            }) => (route, response),
            Err(_) => ("panic", self.service.server_error()),
        }
    }
}

/// Now, as the `date` header has it.
fn http_date() -> String {
    Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A response of this layer, not of the service.
fn plain(status: u16, content_type: &str, body: impl Into<Bytes>) -> Response {
    let body = body.into();
    let length = body.len().to_string().into_bytes();
    Response {
        status,
        headers: vec![
            ("Content-Type".to_owned(), content_type.as_bytes().to_vec()),
            ("Content-Length".to_owned(), length),
        ],
        body,
    }
}

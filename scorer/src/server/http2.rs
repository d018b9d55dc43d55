//! Cleartext HTTP/2, for proxies that know of it beforehand.

use std::{convert::Infallible, io, pin::Pin, sync::Arc, task};

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

use super::App;
use crate::message::{Request, Response};

/// Bytes of a body kept in memory; HTTP/2 bodies need not announce their length.
const MAXIMUM_BODY: usize = 64 * 1024 * 1024;

/// Serves a connection whose first bytes are in `buffer`.
pub(super) async fn serve(
    stream: TcpStream,
    buffer: BytesMut,
    app: Arc<App>,
    stop: CancellationToken,
) {
    let service = service_fn(move |request| {
        let app = Arc::clone(&app);
        async move { Ok::<_, Infallible>(answer(&app, request).await) }
    });
    let io = TokioIo::new(Prefixed { buffer, stream });
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .serve_connection(io, service);
    let ended = super::serve_until_stopped(connection, stop).await;
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP/2 connection ended");
    }
}

async fn answer(app: &App, request: http::Request<Incoming>) -> http::Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, MAXIMUM_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            let status = match error.downcast_ref::<LengthLimitError>() {
                Some(_) => 413,
                None => 400,
            };
            return convert(super::plain(status, "text/plain", ""));
        }
    };
    let target = head
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let mut headers: Vec<_> = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    if let Some(authority) = head.uri.authority()
        && !head.headers.contains_key(http::header::HOST)
    {
        headers.insert(
            0,
            ("host".to_owned(), authority.as_str().as_bytes().to_vec()),
        );
    }
    let request = Request {
        method: head.method.as_str().to_owned(),
        target: target.to_owned(),
        headers,
        body,
    };
    convert(app.call(request).await)
}

/// Drops what belongs to HTTP/1 connections.
fn convert(response: Response) -> http::Response<Full<Bytes>> {
    let mut converted = http::Response::new(Full::new(response.body));
    *converted.status_mut() = http::StatusCode::from_u16(response.status)
        .unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in response.headers {
        if name.eq_ignore_ascii_case("Transfer-Encoding") {
            continue;
        }
        if let (Ok(name), Ok(value)) = (
            http::HeaderName::try_from(name),
            http::HeaderValue::from_bytes(&value),
        ) {
            converted.headers_mut().append(name, value);
        }
    }
    converted
}

/// A stream some of whose bytes were read already.
struct Prefixed {
    buffer: BytesMut,
    stream: TcpStream,
}

impl AsyncRead for Prefixed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
        target: &mut ReadBuf<'_>,
    ) -> task::Poll<io::Result<()>> {
        if self.buffer.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, target);
        }
        let count = self.buffer.len().min(target.remaining());
        target.put_slice(&self.buffer[..count]);
        self.buffer.advance(count);
        task::Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Prefixed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
        bytes: &[u8],
    ) -> task::Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> task::Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> task::Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

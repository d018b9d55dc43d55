//! A small HTTP/1.1 and HTTP/2 server for commands that stand in for a backend.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{future::BoxFuture, stream};
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use parity::exchange::{Headers, Request, Response};
use shadow_proxy::{
    config::Limits,
    forward::target::{self, TargetKeeping},
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Answers whole requests with whole responses.
pub trait Handler: Send + Sync + 'static {
    fn answer(&self, request: Request) -> BoxFuture<'_, Response>;
}

/// A running server; it stops when this is dropped.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl HttpServer {
    /// Serves on this address; port 0 takes a free one.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(address: SocketAddr, handler: Arc<dyn Handler>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        tokio::spawn(serve(stream, Arc::clone(&handler)));
                    }
                    // Too many open files pass; the next client may find room.
                    Err(error) => {
                        tracing::warn!(%error, "a connection was refused");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            }
        });
        Ok(Self { address, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// An answer of this tool itself, in plain text.
pub fn plain(status: u16, text: &str) -> Response {
    Response {
        status,
        headers: Headers(vec![("content-type".to_owned(), b"text/plain".to_vec())]),
        body: Bytes::from(format!("{text}\n")),
    }
}

async fn serve(stream: TcpStream, handler: Arc<dyn Handler>) {
    let service = service_fn(|request: http::Request<Incoming>| {
        let handler = Arc::clone(&handler);
        async move {
            let response = match read(request).await {
                Ok(request) => handler.answer(request).await,
                Err(error) => plain(400, &format!("the request broke off: {error}")),
            };
            Ok::<_, Infallible>(message(&response))
        }
    });
    let stream = TargetKeeping::new(stream, &Limits::default(), Arc::default());
    let connection = auto::Builder::new(TokioExecutor::new());
    if let Err(error) = connection
        .serve_connection(TokioIo::new(stream), service)
        .await
    {
        tracing::debug!(error, "a client left");
    }
}

async fn read(request: http::Request<Incoming>) -> Result<Request, hyper::Error> {
    let (head, body) = request.into_parts();
    let target = match (target::decode(head.uri.path()), head.uri.path_and_query()) {
        (Some(raw), _) => String::from_utf8_lossy(&raw).into_owned(),
        (None, Some(kept)) => kept.to_string(),
        (None, None) => head.uri.to_string(),
    };
    Ok(Request {
        method: head.method.to_string(),
        target,
        headers: Headers(
            head.headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
                .collect(),
        ),
        body: body.collect().await?.to_bytes(),
    })
}

/// A body of announced length, or one in chunks.
type Body = Either<Full<Bytes>, StreamBody<stream::Iter<std::option::IntoIter<Chunk>>>>;
type Chunk = Result<Frame<Bytes>, Infallible>;

/// An answer without `Content-Length` goes out in chunks, so that it gets no header it did not have.
fn body_of(response: &Response) -> Body {
    if response.headers.get("content-length").is_some() {
        return Either::Left(Full::new(response.body.clone()));
    }
    let chunk = (!response.body.is_empty()).then(|| Ok(Frame::data(response.body.clone())));
    Either::Right(StreamBody::new(stream::iter(chunk)))
}

fn message(response: &Response) -> http::Response<Body> {
    let mut builder = http::Response::builder().status(response.status);
    for (name, value) in &response.headers.0 {
        // The connection frames the body itself.
        if !name.eq_ignore_ascii_case("transfer-encoding")
            && !name.eq_ignore_ascii_case("connection")
        {
            builder = builder.header(name.as_str(), value.as_slice());
        }
    }
    builder.body(body_of(response)).unwrap_or_else(|error| {
        let text = format!("the answer is no HTTP: {error}\n");
        let mut response = http::Response::new(Either::Left(Full::new(Bytes::from(text))));
        *response.status_mut() = http::StatusCode::BAD_GATEWAY;
        response
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    struct Echo;

    impl Handler for Echo {
        fn answer(&self, request: Request) -> BoxFuture<'_, Response> {
            Box::pin(async move { plain(200, &request.target) })
        }
    }

    #[tokio::test]
    async fn a_target_with_a_number_sign_comes_in_whole() {
        let server = HttpServer::start("127.0.0.1:0".parse().unwrap(), Arc::new(Echo));
        let server = server.await.unwrap();
        let mut client = TcpStream::connect(server.address()).await.unwrap();
        let request = b"GET /a?b#c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        client.write_all(request).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("/a?b#c"), "{answer}");
    }
}

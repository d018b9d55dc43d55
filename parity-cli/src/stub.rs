//! Recorded answers served as a backend: the reference where there is no Python.

mod playback;

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{rt::TokioExecutor, rt::TokioIo, server::conn::auto};
use parity::{
    exchange::{Headers, Request, Response},
    fixture::Scenario,
};
use tokio::{net::TcpListener, task::JoinHandle};

use self::playback::Playback;

/// Header by which a client may say which scenario its request belongs to.
pub const SCENARIO_HEADER: &str = "x-parity-scenario";

/// Answer to a request that was not recorded.
const NOT_RECORDED: u16 = 501;

/// A server of recorded answers; it stops when this is dropped.
#[derive(Debug)]
pub struct Stub {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Stub {
    /// Serves the answers of these scenarios, each after `latency`. A request gets the answer that
    /// was recorded for the same method, target, headers and body; where several were, the one that
    /// continues the scenario in progress.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(
        address: SocketAddr,
        scenarios: Vec<Scenario>,
        latency: Duration,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let playback = Arc::new(Playback::new(scenarios));
        let serving = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let playback = Arc::clone(&playback);
                        tokio::spawn(serve(stream, playback, latency));
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

impl Drop for Stub {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(stream: tokio::net::TcpStream, playback: Arc<Playback>, latency: Duration) {
    let service = service_fn(|request: http::Request<Incoming>| {
        let playback = Arc::clone(&playback);
        async move {
            let response = match read(request).await {
                Ok(request) => playback.answer(&request).map_or_else(
                    || refusal(&format!("no answer is recorded for {}", request.target)),
                    |recorded| message(&recorded),
                ),
                Err(error) => refusal(&format!("the request broke off: {error}")),
            };
            tokio::time::sleep(latency).await;
            Ok::<_, Infallible>(response)
        }
    });
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
    let target = head
        .uri
        .path_and_query()
        .map_or_else(|| head.uri.to_string(), ToString::to_string);
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

fn message(recorded: &Response) -> http::Response<Full<Bytes>> {
    let mut builder = http::Response::builder().status(recorded.status);
    for (name, value) in &recorded.headers.0 {
        // The body is sent whole, whatever way it was recorded.
        if !name.eq_ignore_ascii_case("transfer-encoding")
            && !name.eq_ignore_ascii_case("connection")
        {
            builder = builder.header(name.as_str(), value.as_slice());
        }
    }
    builder
        .body(Full::new(recorded.body.clone()))
        .unwrap_or_else(|error| refusal(&format!("the recorded answer is no HTTP: {error}")))
}

fn refusal(why: &str) -> http::Response<Full<Bytes>> {
    let mut response = http::Response::new(Full::new(Bytes::from(format!("{why}\n"))));
    *response.status_mut() =
        http::StatusCode::from_u16(NOT_RECORDED).unwrap_or(http::StatusCode::NOT_IMPLEMENTED);
    response
}

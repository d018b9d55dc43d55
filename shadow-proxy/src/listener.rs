//! Accepts clients and speaks HTTP/1.1 and HTTP/2 (with prior knowledge) with them.

mod patience;

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use http::{HeaderValue, Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use self::patience::{Patience, Patient};
use crate::{
    config::{Limits, units::Span},
    forward::{body::Body, target::TargetKeeping},
    lanes::Lanes,
};

/// Who asks, and on what connection.
#[derive(Debug, Clone)]
pub struct Client {
    pub address: SocketAddr,
    /// Its address for the header, the same for all requests of a connection.
    pub forwarded_for: HeaderValue,
    /// To be set when the connection is switched to another protocol.
    pub switched: Arc<AtomicBool>,
}

impl Client {
    fn new(address: SocketAddr) -> Self {
        let name = address.ip().to_canonical().to_string();
        Self {
            address,
            forwarded_for: HeaderValue::try_from(name).expect("addresses are written in ASCII"),
            switched: Arc::default(),
        }
    }
}

/// Answers requests; never fails, because an error is an answer too.
pub trait Answer: Send + Sync + 'static {
    fn answer(
        self: Arc<Self>,
        client: Client,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// Accepts until `stop`, then lets open exchanges finish for at most `drain`. Connections are
/// served by `lanes`.
pub async fn run(
    listener: TcpListener,
    service: Arc<impl Answer>,
    lanes: Arc<Lanes>,
    limits: Limits,
    drain: Span,
    stop: CancellationToken,
) {
    let server = Arc::new(server(&limits));
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(limits.connections));
    let limits = Arc::new(limits);
    let patience = Patience {
        first_head: limits.head_timeout.0,
        reading: limits.body_idle_timeout.0,
    };
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &room) => accepted,
        };
        let Some((stream, address, permit)) = accepted else {
            continue;
        };
        // Taken off this runtime's events, to be put on its lane's.
        let Ok(stream) = stream.into_std() else {
            continue;
        };
        let client = Client::new(address);
        let limits = Arc::clone(&limits);
        let (server, service) = (Arc::clone(&server), Arc::clone(&service));
        let watcher = graceful.watcher();
        lanes.next().spawn(async move {
            let stream = match TcpStream::from_std(stream) {
                Ok(stream) => stream,
                Err(error) => return tracing::warn!(%error, "cannot serve a connection"),
            };
            let switched = Arc::clone(&client.switched);
            let followed = TargetKeeping::new(stream, &limits, switched);
            let io = TokioIo::new(Patient::new(followed, patience));
            let service = service_fn(move |request| {
                // On the heap, because hyper moves it twice.
                let answer = Box::pin(Arc::clone(&service).answer(client.clone(), request));
                async move { Ok::<_, Infallible>(answer.await) }
            });
            let connection = server
                .serve_connection_with_upgrades(io, service)
                .into_owned();
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(%error, "a client connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    if timeout(drain.0, graceful.shutdown()).await.is_err() {
        tracing::warn!("some exchanges did not finish in time and were broken off");
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => {
            // A kernel that refuses the option only makes us slower.
            let _ = stream.set_nodelay(true);
            Some((stream, address, permit))
        }
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            // Out of file descriptors: trying again at once would only burn the processor.
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

fn server(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout.0)
        .max_headers(limits.header_count)
        .max_buf_size(limits.head.bytes().max(8 * 1024))
        .preserve_header_case(true)
        // The answer is the backend's: no field of our own.
        .auto_date_header(false);
    server
        .http2()
        .timer(TokioTimer::new())
        .adaptive_window(true)
        .max_header_list_size(u32::try_from(limits.head.0).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(30))
        .auto_date_header(false);
    server
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_forwarded_as_the_one_it_maps() {
        for (address, name) in [
            ("[::ffff:10.0.0.9]:1", "10.0.0.9"),
            ("[2001:db8::1]:1", "2001:db8::1"),
        ] {
            assert_eq!(Client::new(address.parse().unwrap()).forwarded_for, name);
        }
    }
}

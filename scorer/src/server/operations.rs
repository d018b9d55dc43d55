//! What operators ask: is it up, can it work, what did it do.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{App, plain};
use crate::{
    message::{Request, Response},
    service::Service,
    store::probe,
};

/// How long a dependency may take to answer before the service counts as not ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// Connections to the metrics port at one time.
const CONNECTIONS: usize = 64;
/// How long a head may take on the metrics port, and a connection be idle.
const HEAD: Duration = Duration::from_secs(30);

/// The API as OpenAPI describes it.
const OPENAPI: &str = include_str!("../../openapi.json");

/// Answers the operational paths of the service's own address.
pub(super) async fn answer(service: &Service, request: &Request) -> Option<Response> {
    if request.method != "GET" {
        return None;
    }
    match request.target.as_str() {
        "/health" => Some(plain(200, "text/plain", "ok")),
        "/ready" => Some(match readiness(service).await {
            Ok(()) => plain(200, "text/plain", "ready"),
            Err(what) => plain(503, "text/plain", what),
        }),
        "/openapi.json" => Some(plain(200, "application/json", OPENAPI)),
        _ => None,
    }
}

/// Whether the databases and the cache answer, or which does not.
async fn readiness(service: &Service) -> Result<(), &'static str> {
    let missing = dependencies(service).await.into_iter().find(|(_, up)| !up);
    match missing {
        None => Ok(()),
        Some((PRIMARY, _)) => Err("the database does not answer"),
        Some((READ, _)) => Err("the read database does not answer"),
        Some(_) => Err("the cache does not answer"),
    }
}

const PRIMARY: &str = "database";
const READ: &str = "read_database";
const CACHE: &str = "cache";

/// What the service depends on, and whether it answers now.
async fn dependencies(service: &Service) -> [(&'static str, bool); 3] {
    let databases = service.databases();
    let answers = |pool| async move {
        let asked = timeout(PATIENCE, probe::answers(pool)).await;
        matches!(asked, Ok(Ok(())))
    };
    let (primary, read, cache) = tokio::join!(
        answers(&databases.primary),
        answers(&databases.read),
        timeout(PATIENCE, service.cache().ping()),
    );
    let cache = matches!(cache, Ok(Ok(())));
    [(PRIMARY, primary), (READ, read), (CACHE, cache)]
}

/// Serves metrics until told to stop.
pub(super) async fn serve(listener: TcpListener, app: Arc<App>, stop: CancellationToken) {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/health", get(|| async { "ok" }))
        .route("/ready", get(ready))
        .with_state(app);
    let service = TowerToHyperService::new(router);
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = super::accept_one(&listener, &room) => accepted,
            () = stop.cancelled() => return,
        };
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection for metrics could not be accepted");
                tokio::time::sleep(super::ACCEPT_PAUSE).await;
                continue;
            }
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(stream), service.clone());
        let stop = stop.clone();
        tokio::spawn(async move {
            let ended = super::serve_until_stopped(connection, stop).await;
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection for metrics ended early");
            }
            drop(place);
        });
    }
}

async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let dependencies = dependencies(&app.service).await;
    app.metrics.render(&app.service, &dependencies)
}

async fn ready(State(app): State<Arc<App>>) -> impl IntoResponse {
    match readiness(&app.service).await {
        Ok(()) => (StatusCode::OK, "ready"),
        Err(what) => (StatusCode::SERVICE_UNAVAILABLE, what),
    }
}

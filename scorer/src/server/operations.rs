//! What operators ask: is it up, can it work, what did it do.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{App, plain};
use crate::{
    message::{Request, Response},
    service::Service,
    store::probe,
};

/// How long a dependency may take to answer before the service counts as not ready.
const PATIENCE: Duration = Duration::from_secs(2);

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
    let databases = service.databases();
    for (pool, what) in [
        (&databases.primary, "the database does not answer"),
        (&databases.read, "the read database does not answer"),
    ] {
        timeout(PATIENCE, probe::answers(pool))
            .await
            .map_err(|_| what)?
            .map_err(|_| what)?;
    }
    let what = "the cache does not answer";
    timeout(PATIENCE, service.cache().ping())
        .await
        .map_err(|_| what)?
        .map_err(|_| what)
}

/// Serves metrics until told to stop.
pub(super) async fn serve(listener: TcpListener, app: Arc<App>, stop: CancellationToken) {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/health", get(|| async { "ok" }))
        .route("/ready", get(ready))
        .with_state(app);
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = served.await {
        tracing::error!(%error, "metrics are no longer served");
    }
}

async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    app.metrics.render(&app.service)
}

async fn ready(State(app): State<Arc<App>>) -> impl IntoResponse {
    match readiness(&app.service).await {
        Ok(()) => (StatusCode::OK, "ready"),
        Err(what) => (StatusCode::SERVICE_UNAVAILABLE, what),
    }
}

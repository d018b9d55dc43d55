//! The port for operators: metrics, health, findings, and the stage.

mod api;
mod dashboard;
mod metrics;
mod origin;
pub mod token;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;

pub use token::{Token, TokenError};

use crate::{
    forward::body::{self, Body},
    listener::{Answer, Client},
    serve::Service,
};

/// Largest body of a request for operators.
const BODY_LIMIT: usize = 64 * 1024;

/// Answers operators.
#[derive(Debug)]
pub(crate) struct Admin {
    service: Arc<Service>,
    /// Absent on a loopback address without a configured token.
    token: Option<Token>,
}

impl Admin {
    pub(crate) fn new(service: Arc<Service>, token: Option<Token>) -> Self {
        Self { service, token }
    }

    /// The answer to whoever may not ask: a page of another site, or one without the token.
    fn refusal(&self, request: &Request<Incoming>) -> Option<Response<Body>> {
        let Some(token) = &self.token else {
            let foreign = origin::check(request.uri(), request.headers()).err()?;
            return Some(problem(StatusCode::FORBIDDEN, &foreign.to_string()));
        };
        if token.admits(request.headers()) {
            return None;
        }
        let mut refused = problem(StatusCode::UNAUTHORIZED, "a bearer token is required");
        let challenge = HeaderValue::from_static("Bearer");
        refused
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
        Some(refused)
    }

    async fn respond(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let query = request.uri().query().unwrap_or_default().to_owned();
        // Probes come without a token and learn how the proxy does, nothing of the traffic; the
        // page and its files are the same for everyone, and it asks for the token itself.
        match (request.method(), path.as_str()) {
            (&Method::GET, "/healthz") => return text(StatusCode::OK, "ok\n"),
            (&Method::GET, "/readyz") => return api::ready(&self.service),
            (&Method::GET, path) => {
                if let Some(file) = dashboard::file(path) {
                    return file;
                }
            }
            _ => {}
        }
        if let Some(refused) = self.refusal(&request) {
            return refused;
        }
        match (request.method(), path.as_str()) {
            (&Method::GET, "/metrics") => metrics::respond(&self.service),
            (&Method::GET, "/api/status") => api::status(&self.service),
            (&Method::GET, "/api/verdicts") => api::verdicts(&self.service),
            (&Method::GET, "/api/clusters") => api::clusters(&self.service),
            (&Method::GET, "/api/divergences") => api::divergences(&self.service, &query).await,
            (&Method::GET, "/api/latency") => api::latency(&self.service, &query),
            (&Method::GET, "/api/noise") => api::noise(&self.service),
            (&Method::GET, "/api/noise.toml") => api::noise_as_rules(&self.service),
            (&Method::GET, "/api/audit") => api::audit(&self.service),
            (&Method::POST, "/api/stage" | "/api/kill") => {
                // A page in a browser cannot send this type to another origin unasked.
                let json = HeaderValue::from_static("application/json");
                if request.headers().get(header::CONTENT_TYPE) != Some(&json) {
                    return problem(
                        StatusCode::UNSUPPORTED_MEDIA_TYPE,
                        "send Content-Type: application/json",
                    );
                }
                let incoming = crate::forward::body::ClientBody::new(
                    request.into_body(),
                    std::time::Duration::from_secs(10),
                    BODY_LIMIT as u64,
                );
                match body::collect(incoming, BODY_LIMIT).await {
                    Ok(bytes) if path == "/api/kill" => api::kill(&self.service, &bytes).await,
                    Ok(bytes) => api::change_stage(&self.service, &bytes).await,
                    Err(_) => problem(StatusCode::BAD_REQUEST, "the body did not arrive"),
                }
            }
            _ => problem(StatusCode::NOT_FOUND, "there is nothing here"),
        }
    }
}

impl Answer for Admin {
    async fn answer(self: Arc<Self>, _: Client, request: Request<Incoming>) -> Response<Body> {
        let mut response = self.respond(request).await;
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        response
    }
}

fn respond(status: StatusCode, media: &'static str, bytes: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(body::full(bytes.into()));
    *response.status_mut() = status;
    let media = HeaderValue::from_static(media);
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    respond(status, "text/plain; charset=utf-8", text)
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    respond(status, "application/json", value.to_string())
}

fn problem(status: StatusCode, message: &str) -> Response<Body> {
    json(status, &serde_json::json!({ "error": message }))
}

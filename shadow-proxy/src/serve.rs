//! The path of one request.

use std::sync::{Arc, atomic::Ordering};

use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use parking_lot::RwLock;

use crate::{
    config::Config,
    forward::{
        Outbound,
        body::{Body, ClientBody},
        connect::BackendError,
        failure::Failure,
        target,
        upstream::Upstream,
    },
    listener::{Answer, Client},
};

/// Everything that follows from one reading of the configuration.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) config: Config,
    pub(crate) reference: Arc<Upstream>,
}

impl Live {
    /// # Errors
    /// When a backend cannot be set up.
    pub(crate) fn new(config: Config) -> Result<Self, BackendError> {
        Ok(Self {
            reference: Arc::new(Upstream::new(&config.reference, &config.limits)?),
            config,
        })
    }
}

/// The proxy as its connections see it.
#[derive(Debug)]
pub(crate) struct Service {
    live: RwLock<Arc<Live>>,
}

impl Service {
    pub(crate) fn new(live: Live) -> Self {
        Self {
            live: RwLock::new(Arc::new(live)),
        }
    }

    /// The configuration in force; a request keeps the one it began with.
    pub(crate) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.read())
    }

    /// Puts a new configuration in force for the requests that follow.
    pub(crate) fn replace(&self, live: Live) {
        *self.live.write() = Arc::new(live);
    }
}

impl Answer for Service {
    async fn answer(self: Arc<Self>, client: Client, request: Request<Incoming>) -> Response<Body> {
        let live = self.live();
        match forward(&live, &client, request).await {
            Ok(response) => response,
            Err(failure) => {
                if failure.is_backend() {
                    tracing::warn!(class = failure.class(), "the reference did not answer");
                }
                failure.response()
            }
        }
    }
}

async fn forward(
    live: &Live,
    client: &Client,
    request: Request<Incoming>,
) -> Result<Response<Body>, Failure> {
    let limits = &live.config.limits;
    let raw_target = target::decode(request.uri().path());
    if limits.request_body.0 > 0 && announced_length(&request) > limits.request_body.0 {
        return Err(Failure::ClientBodyTooLarge);
    }
    let request = request.map(|body| {
        ClientBody::new(body, limits.body_idle_timeout.0, limits.request_body.0).boxed_unsync()
    });
    let outbound = Outbound::new(
        request,
        raw_target,
        client.address.ip(),
        live.config.forwarded.mode,
    );
    if outbound.may_switch() {
        // From here on the bytes of this connection may be no HTTP.
        client.switched.store(true, Ordering::Release);
    }
    let response = outbound.send(&live.reference).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(response.map(|_| crate::forward::body::empty()));
    }
    Ok(response.map(BodyExt::boxed_unsync))
}

/// Length the client announced, 0 when it did not.
fn announced_length(request: &Request<Incoming>) -> u64 {
    request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .unwrap_or(0)
}

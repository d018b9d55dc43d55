//! A backend asked over HTTP, for comparison: the whole answer is read, up to a cap.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use parity::{compare::Observation, exchange};

use super::AskError;
use crate::{
    forward::{
        body::{self, CollectError},
        upstream::Upstream,
    },
    tee::RequestHead,
};

/// An HTTP backend with its own connections.
#[derive(Debug)]
pub struct HttpBackend {
    upstream: Arc<Upstream>,
    /// Largest answer that is read, in bytes.
    cap: usize,
}

impl HttpBackend {
    pub fn new(upstream: Arc<Upstream>, cap: usize) -> Self {
        Self { upstream, cap }
    }

    /// # Errors
    /// When there is no answer, or none that can be held.
    pub async fn ask(&self, head: &RequestHead, body: Bytes) -> Result<Observation, AskError> {
        let mut request = Request::new(body::full(body));
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = head.uri.clone();
        *request.headers_mut() = head.headers.clone();
        // The body is at hand: nobody has to be asked for permission to send it.
        request.headers_mut().remove(http::header::EXPECT);
        let response = self
            .upstream
            .exchange(request, head.raw_target.clone())
            .await
            .map_err(|failure| AskError::Failed(failure.class()))?;
        let (mut parts, body) = response.into_parts();
        crate::forward::headers::strip_hop_by_hop(&mut parts.headers);
        let body = body::collect(body, self.cap)
            .await
            .map_err(|error| match error {
                CollectError::TooLarge(_) => AskError::TooLarge,
                CollectError::Broken(_) => AskError::Failed("answer_broken_off"),
            })?;
        Ok(Observation {
            response: exchange::Response {
                status: parts.status.as_u16(),
                headers: crate::tee::headers_of(&parts.headers),
                body,
            },
            effects: None,
        })
    }
}

//! A backend asked over HTTP, for comparison: the whole answer is read, up to a cap.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::Request;
use http_body_util::BodyExt;
use parity::{compare::Observation, exchange};

use super::AskError;
use crate::{
    forward::{body, upstream::Upstream},
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
        let (mut parts, mut body) = response.into_parts();
        crate::forward::headers::strip_hop_by_hop(&mut parts.headers);
        let mut collected = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| AskError::Failed("answer_broken_off"))?;
            if let Some(data) = frame.data_ref() {
                if collected.len() + data.len() > self.cap {
                    return Err(AskError::TooLarge);
                }
                collected.extend_from_slice(data);
            }
        }
        Ok(Observation {
            response: exchange::Response {
                status: parts.status.as_u16(),
                headers: crate::tee::headers_of(&parts.headers),
                body: collected.freeze(),
            },
            effects: None,
        })
    }
}

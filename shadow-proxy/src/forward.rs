//! The primary path: from the client to a backend and back, streaming both ways.
//!
//! Knows nothing of mirroring. What it changes is listed in [`headers`]; bodies, targets, status
//! lines and the rest of the headers pass as they came.

pub mod body;
pub mod connect;
pub mod deadline;
pub mod expect;
pub mod failure;
pub mod headers;
pub mod pool;
pub mod retarget;
pub mod target;
pub mod upstream;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::Body as _;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use self::{
    body::Body,
    failure::Failure,
    upstream::{Upstream, UpstreamBody},
};
use crate::config::ForwardedMode;

/// A request ready to be sent to a backend, and what is needed to answer it.
#[derive(Debug)]
pub struct Outbound {
    pub request: Request<Body>,
    /// Target to write where `request`'s own cannot express it.
    pub raw_target: Option<Bytes>,
    /// The client's side of a connection that may switch protocols.
    pub upgrade: Option<OnUpgrade>,
    client_version: Version,
}

impl Outbound {
    /// Takes over the request of a client with this address; the body is wrapped by the caller.
    pub fn new(
        mut request: Request<Body>,
        raw_target: Option<Bytes>,
        client: &HeaderValue,
        forwarded: ForwardedMode,
    ) -> Self {
        let client_version = request.version();
        let switch = headers::upgrade_of(request.headers());
        let may_switch = switch.is_some() || *request.method() == Method::CONNECT;
        let upgrade = may_switch.then(|| hyper::upgrade::on(&mut request));
        address_by_host(&mut request);
        let fields = request.headers_mut();
        if client_version == Version::HTTP_2 {
            headers::join_cookies(fields);
        }
        headers::strip_hop_by_hop(fields);
        headers::set_forwarded(fields, forwarded, client);
        if let Some(protocol) = switch {
            switch_to(fields, protocol);
        }
        Self {
            request,
            raw_target,
            upgrade,
            client_version,
        }
    }

    /// A copy to send elsewhere, for requests without body that may be repeated.
    pub fn repeatable(&self) -> Option<Self> {
        if self.may_switch() {
            return None;
        }
        Some(Self {
            request: upstream::repeatable(&self.request)?,
            raw_target: self.raw_target.clone(),
            upgrade: None,
            client_version: self.client_version,
        })
    }

    /// Whether the client asked for another protocol; such an exchange cannot be compared.
    pub fn may_switch(&self) -> bool {
        self.upgrade.is_some()
    }

    /// Sends it to `backend`. A switch of protocols is carried on behind the scenes.
    ///
    /// # Errors
    /// When there is no answer to give to the client.
    pub async fn send(self, backend: &Arc<Upstream>) -> Result<Response<UpstreamBody>, Failure> {
        let connect = *self.request.method() == Method::CONNECT;
        let mut response = backend.exchange(self.request, self.raw_target).await?;
        let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS
            || (connect && response.status().is_success());
        let protocol = switched
            .then(|| response.headers().get(header::UPGRADE).cloned())
            .flatten();
        // Chunks stay chunks: the field keeps its place, and hyper frames the body by it.
        let stays_chunked = self.client_version == Version::HTTP_11
            && !response.body().is_end_stream()
            && headers::is_chunked(response.headers());
        headers::strip_hop_by_hop_but(response.headers_mut(), stays_chunked);
        *response.version_mut() = self.client_version;
        if let Some(protocol) = protocol {
            switch_to(response.headers_mut(), protocol);
        }
        if switched && let Some(client) = self.upgrade {
            tunnel(client, hyper::upgrade::on(&mut response));
        }
        Ok(response)
    }
}

fn switch_to(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, protocol);
}

/// An HTTP/2 client names the host in its target; HTTP/1.1 wants it in `Host`.
fn address_by_host(request: &mut Request<Body>) {
    if *request.method() == Method::CONNECT {
        return;
    }
    let uri = std::mem::take(request.uri_mut());
    let parts = uri.into_parts();
    if let Some(authority) = parts.authority
        && !request.headers().contains_key(header::HOST)
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        request.headers_mut().insert(header::HOST, host);
    }
    if let Some(path) = parts.path_and_query {
        *request.uri_mut() = path.into();
    }
}

/// Carries bytes both ways until one side closes.
fn tunnel(client: OnUpgrade, backend: OnUpgrade) {
    tokio::spawn(async move {
        match tokio::try_join!(client, backend) {
            Ok((client, backend)) => {
                let (mut client, mut backend) = (TokioIo::new(client), TokioIo::new(backend));
                // Either side may close whenever it likes; nobody is left to be told.
                let _ = tokio::io::copy_bidirectional(&mut client, &mut backend).await;
            }
            Err(error) => tracing::debug!(%error, "a switch of protocols did not come about"),
        }
    });
}

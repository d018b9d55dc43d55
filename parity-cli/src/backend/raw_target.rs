//! A request whose target `http::Uri` does not keep, such as one with `#`.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use shadow_proxy::{
    config,
    forward::{
        connect::Connector,
        retarget::{Replacement, Retargeting, Slot},
    },
};

use super::{BackendError, http::broken};

/// Sends `message` with `target` in the place of its own, on a connection of its own to the backend
/// at `base`.
pub(super) async fn send(
    base: &str,
    message: Request<Full<Bytes>>,
    target: &str,
) -> Result<Response<Incoming>, BackendError> {
    let connector = Connector::new(&config::Backend::new(base)).map_err(broken)?;
    let stream = connector
        .connect()
        .await
        .map_err(|failure| BackendError::Broken(format!("{base}: {}", failure.class())))?;
    let slot = Slot::default();
    *slot.lock() = Some(Replacement {
        placeholder: Bytes::from(message.uri().to_string()),
        target: Bytes::from(target.to_owned()),
    });
    let stream = Retargeting::new(TokioIo::new(stream), Arc::clone(&slot));
    let (mut sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .handshake(stream)
        .await
        .map_err(broken)?;
    // Errors of the connection reach whoever waits for the answer on it.
    tokio::spawn(async move { drop(connection.await) });
    sender.send_request(message).await.map_err(broken)
}

//! A collector of traces, as far as an exporter can tell.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use tokio::net::TcpListener;

/// Bodies that were posted to it.
pub(crate) type Exports = Arc<Mutex<Vec<Bytes>>>;

/// Listens until the test ends.
pub(crate) async fn collector() -> (SocketAddr, Exports) {
    let exports = Exports::default();
    let router = Router::new()
        .route(
            "/v1/traces",
            post(|State(exports): State<Exports>, body: Bytes| async move {
                exports.lock().unwrap().push(body);
            }),
        )
        .with_state(Arc::clone(&exports));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, exports)
}

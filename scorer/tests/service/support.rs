//! A server over a database, and a client that sends bytes as they are.

use std::{net::SocketAddr, sync::Arc};

use chrono::{DateTime, Utc};
use scorer::{
    cache::Cache,
    clock::Clock,
    server::Server,
    service::{Databases, Service},
    settings::Settings,
};
use sqlx::PgPool;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What the recordings were made with; the instant is that of `tests/vectors/tokens.py`.
const SETTINGS: [(&str, &str); 8] = [
    (
        "SECRET_KEY",
        "vector-secret-key-0123456789abcdef0123456789abcdef",
    ),
    ("CGRANTS_API_TOKEN", "vector-internal-token"),
    ("CERAMIC_CACHE_SCORER_ID", "1"),
    ("TRUSTED_IAM_ISSUERS", r#"["did:key:z"]"#),
    ("DEBUG", "off"),
    ("FF_V2_API", "on"),
    ("SCORER_LISTEN", "127.0.0.1:0"),
    ("SCORER_METRICS_LISTEN", "127.0.0.1:0"),
];
const NOW: &str = "2026-01-15T12:00:00.123456Z";

pub(crate) async fn start(pool: &PgPool, cache: Cache, extra: &[(&str, &str)]) -> Server {
    let pairs = SETTINGS.iter().chain(extra);
    let settings =
        Settings::from_pairs(pairs.map(|(name, value)| (name.to_string(), value.to_string())));
    let clock = Clock::fixed(NOW.parse::<DateTime<Utc>>().unwrap());
    let databases = Databases::single(pool.clone());
    let service = Service::new(settings.unwrap(), databases, cache, clock);
    Server::start(Arc::new(service)).await.unwrap()
}

/// Sends bytes, then reads until the server closes the connection, as Latin-1.
pub(crate) async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    received.into_iter().map(char::from).collect()
}

//! A server on free ports, and a client that sends bytes as they are.

use std::{net::SocketAddr, sync::Arc};

use scorer::{
    cache::Cache,
    clock::Clock,
    server::Server,
    service::{Databases, Service},
    settings::Settings,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub(crate) const TOKEN: &str = "canary-internal-token-6f1c";
pub(crate) const SECRET_KEY: &str = "canary-secret-key-93ab";

pub(crate) async fn start(extra: &[(&str, &str)]) -> Server {
    let pairs = [
        ("SECRET_KEY", SECRET_KEY),
        ("CGRANTS_API_TOKEN", TOKEN),
        ("CERAMIC_CACHE_SCORER_ID", "1"),
        ("TRUSTED_IAM_ISSUERS", r#"["did:key:z"]"#),
        ("ALLOWED_HOSTS", r#"["h"]"#),
        ("DEBUG", "off"),
        ("FF_V2_API", "on"),
        ("SCORER_LISTEN", "127.0.0.1:0"),
        ("SCORER_METRICS_LISTEN", "127.0.0.1:0"),
        // Nothing listens there.
        (
            "DATABASE_URL",
            "postgres://nobody:canary-database-password-77d0@127.0.0.1:1/none",
        ),
    ];
    let pairs = pairs.iter().chain(extra);
    let settings =
        Settings::from_pairs(pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
            .unwrap();
    let databases = Databases::connect(&settings).unwrap();
    let service = Service::new(settings, databases, Cache::in_process(), Clock::system());
    Server::start(Arc::new(service)).await.unwrap()
}

/// Sends bytes, then reads until the server closes the connection.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    read_to_end(&mut stream).await
}

pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut received = Vec::new();
    // A reset after the answer is an end too.
    let _ = stream.read_to_end(&mut received).await;
    String::from_utf8_lossy(&received).into_owned()
}

/// A request that asks the server to close the connection after it.
pub(crate) fn last(request_line: &str, fields: &str) -> Vec<u8> {
    format!("{request_line} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{fields}\r\n").into_bytes()
}

pub(crate) fn status(response: &str) -> &str {
    response.split(' ').nth(1).unwrap_or_default()
}

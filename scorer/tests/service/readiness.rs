//! Ready is what can do its work.

use scorer::{
    cache::Cache,
    embedded::{Options, Postgres},
    server::Server,
    settings::{CacheUrls, Secret},
};

use crate::support::{exchange, start};

/// Status and body of `/ready` at both ports.
async fn readiness(server: &Server) -> [String; 2] {
    let request = b"GET /ready HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let short = |response: String| {
        let status = response.split(' ').nth(1).unwrap_or_default();
        let body = response.split("\r\n\r\n").nth(1).unwrap_or_default();
        format!("{status} {body}")
    };
    [
        short(exchange(server.address(), request).await),
        short(exchange(server.metrics_address(), request).await),
    ]
}

#[tokio::test]
async fn ready_means_that_the_database_and_the_cache_answer() {
    let postgres = Postgres::start(Options::default()).await.unwrap();
    let pool = postgres.pool();
    let gone = CacheUrls {
        // Nothing listens there.
        write: Secret::new("redis://127.0.0.1:1/0"),
        reads: Vec::new(),
    };
    let without_cache = Cache::from_urls(Some(&gone)).unwrap();
    let server = start(&pool, without_cache, &[]).await;
    let answers = readiness(&server).await;
    assert_eq!(answers, ["503 the cache does not answer"; 2]);

    let server = start(&pool, Cache::in_process(), &[]).await;
    assert_eq!(readiness(&server).await, ["200 ready"; 2]);
    pool.close().await;
    let answers = readiness(&server).await;
    assert_eq!(answers, ["503 the database does not answer"; 2]);
}

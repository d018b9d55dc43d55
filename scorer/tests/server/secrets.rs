//! Secrets of settings and requests stay out of logs and metrics.

use crate::{
    captured::Captured,
    support::{exchange, last, start, status},
};

#[tokio::test]
async fn secrets_reach_neither_logs_nor_metrics() {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(captured.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let server = start(&[]).await;
    let fields = "X-API-Key: canary01.canary-api-key-51ee\r\n\
                  Authorization: Bearer canary-bearer-0c2d\r\n\
                  Cookie: sessionid=canary-cookie-8d7a\r\n";
    for request_line in [
        "GET /v2/stamps/1/score/0x12?token=canary-query-4b4b",
        "GET /ceramic-cache/score/canary-path-a0a0",
        "POST /internal/check-bans",
    ] {
        let response = exchange(server.address(), &last(request_line, fields)).await;
        assert!(["401", "500"].contains(&status(&response)), "{response}");
    }
    let metrics = exchange(server.metrics_address(), &last("GET /metrics", "")).await;
    let logs = captured.text();
    assert!(
        logs.contains("\"answered\""),
        "nothing was captured: {logs}"
    );
    for text in [logs, metrics] {
        assert!(!text.contains("canary"), "{text}");
    }
}

//! Secrets of settings and requests stay out of logs and metrics.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use tracing_subscriber::fmt::MakeWriter;

use crate::support::{exchange, last, start, status};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

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
    let logs = String::from_utf8_lossy(&captured.0.lock().unwrap()).into_owned();
    assert!(
        logs.contains("\"answered\""),
        "nothing was captured: {logs}"
    );
    for text in [logs, metrics] {
        assert!(!text.contains("canary"), "{text}");
    }
}

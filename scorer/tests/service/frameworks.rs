//! What the frameworks of the reference service answered to random requests
//! (`tests/vectors/http/make.py`): the same bytes are sent to a scorer over an empty database.

use scorer::{
    cache::Cache,
    embedded::{Options, Postgres, migrate},
};
use serde::Deserialize;

use crate::support::{exchange, start};

/// Bytes as Latin-1 texts.
#[derive(Deserialize)]
struct Vector {
    request: String,
    response: String,
}

#[tokio::test]
async fn the_frameworks_answers_are_ours() {
    let postgres = Postgres::start(Options::default()).await.unwrap();
    let pool = postgres.pool();
    migrate(&pool).await.unwrap();
    for (lines, least, settings) in [
        (
            include_str!("../vectors/http/plain.jsonl"),
            1_200,
            &[
                ("ALLOWED_HOSTS", r#"["*"]"#),
                ("LOGGING_STRATEGY", "structlog_json"),
            ][..],
        ),
        (
            include_str!("../vectors/http/hosts.jsonl"),
            150,
            &[("ALLOWED_HOSTS", r#"["h", ".h.test", "[::1]"]"#)],
        ),
        (
            include_str!("../vectors/http/secure.jsonl"),
            150,
            &[
                ("ALLOWED_HOSTS", r#"["*"]"#),
                ("SECURE_SSL_REDIRECT", "on"),
                (
                    "SECURE_PROXY_SSL_HEADER",
                    r#"["HTTP_X_FORWARDED_PROTO", "https"]"#,
                ),
            ],
        ),
    ] {
        let server = start(&pool, Cache::in_process(), settings).await;
        let mut compared = 0;
        let mut differing = Vec::new();
        for line in lines.lines() {
            let Vector { request, response } = serde_json::from_str(line).unwrap();
            let ours = exchange(server.address(), &latin1(&request)).await;
            let ours = comparable(&ours);
            if ours != response {
                differing.push(format!(
                    "{request}\n  python: {response:?}\n  ours:   {ours:?}"
                ));
            }
            compared += 1;
        }
        assert!(compared >= least, "only {compared} vectors");
        assert!(
            differing.is_empty(),
            "{} of {compared} differ\n{}",
            differing.len(),
            differing[..differing.len().min(5)].join("\n\n")
        );
        assert!(server.shutdown().await);
    }
    pool.close().await;
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|character| u8::try_from(character).unwrap())
        .collect()
}

/// Without the date, and with what is random in each process in the form of the recordings.
fn comparable(response: &str) -> String {
    let lines = response.split("\r\n").filter_map(|line| {
        if let Some(methods) = line.strip_prefix("Allow: ") {
            let mut methods: Vec<_> = methods.split(", ").collect();
            methods.sort_unstable();
            return Some(format!("Allow: {}", methods.join(", ")));
        }
        match line.strip_prefix("Set-Cookie: csrftoken=") {
            Some(cookie) => {
                let attributes = cookie.splitn(3, "; ").nth(2).unwrap_or_default();
                Some(format!(
                    "Set-Cookie: csrftoken=***; expires=***; {attributes}"
                ))
            }
            None => (!line.starts_with("date: ")).then(|| line.to_owned()),
        }
    });
    lines.collect::<Vec<_>>().join("\r\n")
}

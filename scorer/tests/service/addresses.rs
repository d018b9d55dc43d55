//! Addresses that no column takes.

use scorer::{
    cache::Cache,
    embedded::{Options, Postgres, migrate},
};

use crate::support::{exchange, start};

/// Its `did` is `x:` and a NUL.
const TOKEN: &str = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoyMDgyNzU4NDAwLCJqdGkiOiJ4IiwiZGlkIjoieDpcdTAwMDAifQ.UmXpeNuuuewttpz9PLdcQLYAqRr7a_E5ctajK7w3RGk";

/// Seen to be answered so by Django 4.2.6 and PostgreSQL.
#[tokio::test]
async fn an_odd_address_fails_only_where_the_database_is_asked_for_it() {
    let postgres = Postgres::start(Options::default()).await.unwrap();
    let pool = postgres.pool();
    migrate(&pool).await.unwrap();
    let server = start(&pool, Cache::in_process(), &[("ALLOWED_HOSTS", r#"["h"]"#)]).await;
    let subject = |id: &str| {
        format!(r#"[{{"credentialSubject": {{"hash": "", "provider": null, "id": "{id}"}}}}]"#)
    };
    let bans = ("POST", "/internal/check-bans", "vector-internal-token");
    let bulk = ("DELETE", "/ceramic-cache/stamps/bulk", TOKEN);
    for ((method, target, authorization), body, status) in [
        (bans, subject(r"\ud83c:0x1"), 200),
        (bans, subject(r"did:\ud83c"), 500),
        (bulk, "[]".to_owned(), 404),
        (bulk, r#"[{"provider": "A"}]"#.to_owned(), 500),
    ] {
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
             Authorization: {authorization}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = exchange(server.address(), request.as_bytes()).await;
        let expected = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&expected), "{method} {body}: {answer}");
    }
    pool.close().await;
}

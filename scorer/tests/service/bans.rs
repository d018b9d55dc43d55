//! Bans as PostgreSQL can hold them.

use scorer::{
    cache::Cache,
    embedded::{Options, Postgres, migrate},
};

use crate::support::{exchange, start};

#[tokio::test]
async fn a_ban_until_infinity_ends_with_pythons_last_instant() {
    let postgres = Postgres::start(Options::default()).await.unwrap();
    let pool = postgres.pool();
    migrate(&pool).await.unwrap();
    for (hash, end) in [
        ("endless", "'infinity'"),
        ("unlimited", "NULL"),
        ("past", "'-infinity'"),
        ("unreadable", "'10000-01-01Z'"),
    ] {
        let ban = format!(
            "INSERT INTO ceramic_cache_ban (type, provider, hash, address, end_time, created_at, reason)
             VALUES ('hash', '', '{hash}', '', {end}, now(), 'r')"
        );
        sqlx::query(sqlx::AssertSqlSafe(ban))
            .execute(&pool)
            .await
            .unwrap();
    }
    let server = start(&pool, Cache::in_process(), &[("ALLOWED_HOSTS", r#"["h"]"#)]).await;
    for (hash, expected) in [
        (
            "endless",
            r#""is_banned": true, "end_time": "9999-12-31T23:59:59.999Z""#,
        ),
        ("unlimited", r#""is_banned": true, "end_time": null"#),
        ("past", r#""is_banned": false, "end_time": null"#),
        ("unreadable", r#"{"detail": "Failed to check bans"}"#),
    ] {
        let body = format!(
            r#"[{{"credentialSubject": {{"hash": "{hash}", "provider": "A", "id": "did:x:0x1"}}}}]"#
        );
        let request = format!(
            "POST /internal/check-bans HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
             Authorization: vector-internal-token\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = exchange(server.address(), request.as_bytes()).await;
        assert!(answer.contains(expected), "{hash}: {answer}");
    }
    pool.close().await;
}

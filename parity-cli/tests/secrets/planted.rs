//! Secrets in every slot, and beside them what may be seen.

use bytes::Bytes;
use futures::future::BoxFuture;
use parity::exchange::{Headers, Request, Response};
use parity_cli::http_server::Handler;
use sqlx::PgPool;

/// Begins every planted secret.
pub(crate) const CANARY: &str = "CANARY-51e7";

/// Begins what is no secret and stands beside them: an artefact that does not hold it was not
/// searched for anything.
pub(crate) const MARKER: &str = "MARKER-51e7";

/// A backend whose answers, and whose rows if it has a database, are full of secrets.
pub(crate) struct Leaky {
    pub(crate) pool: Option<PgPool>,
    pub(crate) name: &'static str,
}

impl Handler for Leaky {
    fn answer(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            if let (Some(pool), "POST") = (&self.pool, request.method.as_str()) {
                sqlx::query(
                    "INSERT INTO ceramic_cache_ceramiccache (address, provider, stamp, proof_value, created_at,
                         updated_at, type, compose_db_save_status, compose_db_stream_id)
                     VALUES ('0x1', $3, $1::jsonb, $2, now(), now(), 1, '', '')
                     ON CONFLICT DO NOTHING",
                )
                .bind(format!(r#"{{"proof": {{"jws": "{CANARY}-row-{0}"}}}}"#, self.name))
                .bind(format!("{CANARY}-column-{}", self.name))
                .bind(format!("{MARKER}-row"))
                .execute(pool)
                .await
                .unwrap();
            }
            response(self.name)
        })
    }
}

/// What a side answers.
pub(crate) fn response(side: &str) -> Response {
    let body = format!(
        r#"{{"note": "{MARKER}-{side}", "access_token": "{CANARY}-body-{side}", "a": [{{"proof": "{CANARY}-proof-{side}"}}]}}"#
    );
    let fields = [
        ("Content-Type", "application/json".to_owned()),
        ("Content-Length", body.len().to_string()),
        ("Set-Cookie", format!("session={CANARY}-cookie-{side}")),
        ("X-Whatever", format!("{CANARY}-header-{side}")),
        ("Location", format!("/next?code={CANARY}-location-{side}")),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.into_bytes()));
    Response {
        status: 200,
        headers: Headers(fields.into()),
        body: Bytes::from(body),
    }
}

pub(crate) fn requests() -> [Request; 3] {
    let request = |method: &str, target: &str, media: &str, body: &str| {
        let fields = [
            ("Host", "localhost".to_owned()),
            ("Content-Type", media.to_owned()),
            ("Authorization", format!("Bearer {CANARY}-bearer")),
            ("Cookie", format!("sessionid={CANARY}-session")),
            ("X-API-Key", format!("{CANARY}-key")),
            ("X-Unheard-Of", format!("{CANARY}-other")),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.into_bytes()));
        Request {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Headers(fields.into()),
            body: Bytes::from(body.to_owned()),
        }
    };
    [
        request(
            "GET",
            &format!("/a?x={MARKER}-query&token={CANARY}-query&API_KEY={CANARY}-parameter"),
            "text/plain",
            "",
        ),
        request(
            "POST",
            "/b",
            "application/json",
            &format!(
                r#"[{{"stamp": {{"proof": {{"jws": "{CANARY}-stamp"}}}}, "password": "{CANARY}-password"}}]"#
            ),
        ),
        request(
            "POST",
            "/c",
            "application/x-www-form-urlencoded",
            &format!("n=1&secret={CANARY}-form"),
        ),
    ]
}

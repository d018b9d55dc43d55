//! A secret in every slot of the served program, rows and settings among them: nothing that it says
//! at its most talkative holds one, also while what it depends on fails.

use sqlx::{AssertSqlSafe, PgPool};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    collector::collector,
    process::{ADDRESS, API_KEY, Redis, SEED, Scorer, free_port, program},
    restartable::{Ending, Restartable},
    world::World,
};

/// Begins every planted secret.
const CANARY: &str = "CANARY-2b90";

/// Secrets in the rows that a score is made of.
const ROWS: &str = "
    UPDATE account_accountapikey SET name = 'CANARY-2b90-name';
    UPDATE ceramic_cache_ceramiccache SET proof_value = 'CANARY-2b90-column',
        stamp = jsonb_set(stamp, '{proof,canary}', '\"CANARY-2b90-row\"')
        WHERE jsonb_typeof(stamp -> 'proof') = 'object';";

fn request(line: &str, body: &str) -> String {
    format!(
        "{line} HTTP/1.1\r\nHost: h\r\nCookie: sessionid={CANARY}-cookie\r\nX-Unheard-Of: {CANARY}-other\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n",
        body.len()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_of_settings_requests_or_rows_is_in_logs_metrics_or_traces() {
    let mut database = Restartable::start(async |pool: &PgPool| {
        for sql in [SEED, ROWS] {
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(pool)
                .await
                .unwrap();
        }
        let planted = format!(
            "ceramic_cache_ceramiccache WHERE address = '{ADDRESS}' AND stamp::text LIKE '%{CANARY}%'"
        );
        assert!(World::count_in(pool, &planted).await > 0);
    })
    .await;
    let planted = database
        .url()
        .replace("postgres@", &format!("postgres:{CANARY}-database@"));
    let (password, token) = (format!("{CANARY}-redis"), format!("{CANARY}-internal"));
    let redis = Redis::with_password(free_port(), &password);
    let (collector, exports) = collector().await;
    let mut command = program(&planted, Some(&redis));
    command
        .env("RUST_LOG", "trace")
        .env("SECRET_KEY", format!("{CANARY}-secret-key"))
        .env("CGRANTS_API_TOKEN", &token)
        .env("DEMO_API_KEY", format!("{CANARY}-demo-key"))
        .env("DEMO_API_KEY_ALIASES", format!(r#"["{CANARY}-alias"]"#))
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}"));
    let scorer = Scorer::run(command);
    scorer.recovered().await;

    let score = format!("GET /v2/stamps/1/score/{ADDRESS}?token={CANARY}-query");
    let internal = format!("GET /internal/score/v2/1/{ADDRESS}");
    let stamps =
        format!(r#"[{{"provider": "P", "stamp": {{"proof": {{"jws": "{CANARY}-body"}}}}}}]"#);
    let key = format!("X-API-Key: {API_KEY}\r\n");
    let address = scorer.address;
    let ask = |line: &str, field: &str, body: &str| {
        let request = format!("{}{field}\r\n{body}", request(line, body));
        async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            // Reset after the answer is an end too.
            let _ = stream.read_to_end(&mut answer).await;
            String::from_utf8_lossy(&answer).into_owned()
        }
    };
    let authorization = |value: &str| format!("Authorization: {value}\r\n");
    for (line, field, body, status) in [
        (score.as_str(), key.clone(), "", "200"),
        (&score, format!("X-API-Key: {CANARY}.key\r\n"), "", "401"),
        (&score, format!("X-API-Key: {CANARY}-alias\r\n"), "", "401"),
        (&internal, authorization(&token), "", "200"),
        (
            &internal,
            authorization(&format!("{CANARY}-wrong")),
            "",
            "401",
        ),
        (
            "POST /ceramic-cache/stamps/bulk",
            authorization(&format!("Bearer {CANARY}.{CANARY}.{CANARY}")),
            &stamps,
            "401",
        ),
        (&format!("GET /\0{CANARY}"), String::new(), "", "400"),
    ] {
        let answer = ask(line, &field, body).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{line}: {answer}"
        );
    }
    database.end(Ending::Killed).await;
    let answer = ask(&internal, &authorization(&token), "").await;
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    database.resume().await;
    scorer.recovered().await;
    drop(redis);
    let answer = ask(&score, &key, "").await;
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    let metrics = scorer.metrics().await;
    scorer.signal("TERM");
    let log = scorer.log();
    assert!(scorer.ended().await.success());
    let log = log.lock().unwrap().clone();
    assert!(
        log.contains("FROM ceramic_cache_ceramiccache"),
        "statements are logged, without what they read"
    );
    let traces = exports.lock().unwrap().concat();
    let traces = String::from_utf8_lossy(&traces).into_owned();
    let secret_half = API_KEY.split('.').nth(1).unwrap();
    for (what, told) in [("log", log), ("metrics", metrics), ("traces", traces)] {
        assert!(
            told.contains("v2-score"),
            "{what} was not looked through: {told}"
        );
        for secret in [CANARY, secret_half] {
            let at = told.find(secret);
            let around = at.map(|at| told[..at].lines().last().unwrap_or_default().to_owned());
            assert_eq!(around, None, "{what}");
        }
    }
}

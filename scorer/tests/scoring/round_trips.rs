//! Round trips to the database, counted on the wire.

use bytes::Bytes;
use scorer::{
    cache::Cache,
    clock::Clock,
    message::{Mode, Request},
    service::{Databases, Service},
    settings::Settings,
};
use sqlx::postgres::PgPoolOptions;

use crate::{
    wire::relay,
    world::{World, address},
};

const KEY: &str = "AbCdEf12.0123456789abcdef0123456789abcdef";

#[tokio::test(flavor = "multi_thread")]
async fn a_scoring_takes_three_round_trips_first_and_repeated() {
    let world = World::start().await;
    world.community(1).await;
    sqlx::query(
        "INSERT INTO account_accountapikey (id, prefix, hashed_key, created, name, revoked, account_id,
             rate_limit, submit_passports, read_scores, create_scorers, historical_endpoint, hashed_key_sha256)
         VALUES ('key', 'AbCdEf12', '', now(), 'k', false, 1, '', true, true, false, false,
                 'sha256$' || encode(sha256($1::bytea), 'hex'))",
    )
    .bind(KEY.as_bytes())
    .execute(&world.pool)
    .await
    .unwrap();
    for user in 0..2 {
        world
            .stamp(&address(user), "A", &[&format!("v0:{user}")])
            .await;
    }
    let (connect, trips) = relay(&world.postgres).await;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false)
        .connect_with(connect)
        .await
        .unwrap();
    let service = service(pool);

    // The first use of a statement on a connection prepares it.
    score(&service, 0).await;
    score(&service, 0).await;
    trips.take();
    score(&service, 1).await;
    assert_eq!(trips.take(), 3, "first: key, load, apply");
    score(&service, 1).await;
    assert_eq!(trips.take(), 3, "repeated: key, load, apply");
    assert_eq!(
        world.count("account_accountapikeyanalytics").await,
        4,
        "in the same round trip"
    );
}

fn service(pool: sqlx::PgPool) -> Service {
    let pairs = [
        ("SECRET_KEY", "secret"),
        ("DEBUG", "off"),
        ("ALLOWED_HOSTS", "[\"*\"]"),
        ("CGRANTS_API_TOKEN", "token"),
        ("CERAMIC_CACHE_SCORER_ID", "1"),
        ("TRUSTED_IAM_ISSUERS", "[\"did:key:issuer\"]"),
        ("FF_V2_API", "on"),
        ("FF_API_ANALYTICS", "on"),
    ];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings = Settings::from_pairs(pairs).unwrap();
    Service::new(
        settings,
        Databases::single(pool),
        Cache::in_process(),
        Clock::system(),
    )
}

async fn score(service: &Service, user: usize) {
    let request = Request {
        method: "GET".to_owned(),
        target: format!("/v2/stamps/1/score/{}", address(user)),
        headers: vec![
            ("Host".to_owned(), b"localhost".to_vec()),
            ("X-API-Key".to_owned(), KEY.as_bytes().to_vec()),
        ],
        body: Bytes::new(),
    };
    let reply = service.call(request, Mode::Commit).await;
    let body = String::from_utf8_lossy(&reply.response.body);
    assert_eq!(reply.response.status, 200, "{body}");
}

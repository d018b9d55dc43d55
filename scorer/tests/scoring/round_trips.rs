//! Round trips to the database, counted on the wire, of every endpoint that scores.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use scorer::{
    cache::Cache,
    clock::Clock,
    message::{Mode, Request},
    python::json,
    service::{Databases, Service},
    settings::Settings,
};
use sha2::Sha256;
use sqlx::postgres::PgPoolOptions;

use crate::{
    wire::relay,
    world::{World, address, credential},
};

const KEY: &str = "AbCdEf12.0123456789abcdef0123456789abcdef";

/// A way to ask for a score, and what it may cost.
struct Endpoint {
    name: &'static str,
    ask: fn(&str) -> Request,
    /// Of an address never scored before, and of one that was.
    trips: [usize; 2],
}

const ENDPOINTS: [Endpoint; 7] = [
    Endpoint {
        name: "v2 score: key, load, apply with the analytics row",
        ask: |user| get(&format!("/v2/stamps/1/score/{user}"), "X-API-Key", KEY),
        trips: [3, 3],
    },
    Endpoint {
        name: "internal score: load, apply",
        ask: |user| {
            get(
                &format!("/internal/score/v2/1/{user}"),
                "Authorization",
                "token",
            )
        },
        trips: [2, 2],
    },
    Endpoint {
        name: "embed score: load, apply",
        ask: |user| get(&format!("/internal/embed/score/1/{user}"), "Accept", "*/*"),
        trips: [2, 2],
    },
    Endpoint {
        name: "embed stamps: delete, insert, load, apply",
        ask: |user| {
            let stamp = json::dumps(&credential(user, "A", &[&format!("v0:{user}")]));
            let body = format!(r#"{{"scorer_id": 1, "stamps": [{stamp}]}}"#);
            post(&format!("/internal/embed/stamps/{user}"), "token", body)
        },
        trips: [4, 4],
    },
    Endpoint {
        name: "ceramic-cache stamps: delete, insert, load, apply",
        ask: |user| {
            let stamp = json::dumps(&credential(user, "A", &[&format!("v0:{user}")]));
            let body = format!(r#"[{{"provider": "A", "stamp": {stamp}}}]"#);
            post("/ceramic-cache/stamps/bulk", &bearer(user), body)
        },
        trips: [4, 4],
    },
    Endpoint {
        name: "ceramic-cache score: look, and the first time load and apply",
        ask: |user| {
            let target = format!("/ceramic-cache/score/{user}");
            get(&target, "Authorization", &bearer(user))
        },
        trips: [3, 1],
    },
    Endpoint {
        name: "ceramic-cache new score: load, apply",
        ask: |user| {
            let target = format!("/ceramic-cache/score/{user}");
            let body = r#"{"alternate_scorer_id": 1}"#.to_owned();
            post(&target, &bearer(user), body)
        },
        trips: [2, 2],
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn a_score_takes_as_few_round_trips_as_promised() {
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
    let (connect, trips) = relay(&world.postgres).await;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false)
        .connect_with(connect)
        .await
        .unwrap();
    let service = service(pool);
    for (number, endpoint) in ENDPOINTS.iter().enumerate() {
        let [warm_up, user] = [2 * number, 2 * number + 1].map(address);
        for user in [&warm_up, &user] {
            world.stamp(user, "A", &[&format!("v0:{user}")]).await;
        }
        // The first use of a statement on a connection prepares it.
        for _ in 0..2 {
            call(&service, (endpoint.ask)(&warm_up)).await;
        }
        trips.take();
        let taken = [(); 2].map(|()| (endpoint.ask)(&user));
        let mut counts = Vec::new();
        for request in taken {
            call(&service, request).await;
            counts.push(trips.take());
        }
        assert_eq!(counts, endpoint.trips, "{}", endpoint.name);
    }
    assert_eq!(world.count("account_accountapikeyanalytics").await, 4);
}

fn get(target: &str, header: &str, value: &str) -> Request {
    request("GET", target, (header, value), String::new())
}

fn post(target: &str, authorization: &str, body: String) -> Request {
    request("POST", target, ("Authorization", authorization), body)
}

fn request(method: &str, target: &str, header: (&str, &str), body: String) -> Request {
    let headers = [
        ("Host", "localhost"),
        ("Content-Type", "application/json"),
        header,
    ];
    Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
            .to_vec(),
        body: Bytes::from(body),
    }
}

/// An access token of the address.
fn bearer(user: &str) -> String {
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let claims = format!(
        r#"{{"token_type": "access", "exp": 4102444800, "jti": "1", "did": "did:pkh:eip155:1:{user}"}}"#
    );
    let signed = format!(
        "{}.{}",
        encode(r#"{"alg": "HS256", "typ": "JWT"}"#),
        encode(&claims)
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
    mac.update(signed.as_bytes());
    let signature = BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("Bearer {signed}.{signature}")
}

async fn call(service: &Service, request: Request) {
    let target = request.target.clone();
    let reply = service.call(request, Mode::Commit).await;
    let body = String::from_utf8_lossy(&reply.response.body);
    assert!(
        matches!(reply.response.status, 200 | 201),
        "{target}: {body}"
    );
}

pub(crate) fn settings() -> Vec<(String, String)> {
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
    let owned = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    owned.to_vec()
}

fn service(pool: sqlx::PgPool) -> Service {
    Service::new(
        Settings::from_pairs(settings()).unwrap(),
        Databases::single(pool),
        Cache::in_process(),
        Clock::system(),
    )
}

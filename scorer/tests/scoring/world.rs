//! A small world to score in: one account, communities, stamps.

use chrono::{DateTime, Utc};
use num_bigint::BigInt;
use scorer::{
    clock::Clock,
    domain::{
        rules::{HumanPointsRules, Rules},
        validate::ProofVerifier,
    },
    embedded::{Options, Postgres, Source, migrate},
    python::{Value, json},
    store::{
        CommunityRef,
        scoring::{Engine, Listing, ScoreRequest},
    },
};
use sqlx::{PgPool, postgres::PgPoolOptions};

pub(crate) const ISSUER: &str = "did:key:issuer";
pub(crate) const ACCOUNT: i64 = 1;

/// Takes every proof for good: races are not about signatures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Believe;

impl ProofVerifier for Believe {
    fn verify(&self, _: &Value, _: DateTime<Utc>) -> bool {
        true
    }
}

pub(crate) struct World {
    pub(crate) pool: PgPool,
    pub(crate) postgres: Postgres,
}

impl World {
    /// Needs an installed PostgreSQL: the carried one has no second connection to race with.
    pub(crate) async fn start() -> Self {
        let postgres = Postgres::start(Options::temporary(Source::Installed))
            .await
            .unwrap();
        let pool = postgres.pool();
        populate(&pool).await;
        World { pool, postgres }
    }

    /// Another database in the same server, with the same account and scorer.
    pub(crate) async fn second_database(&self) -> PgPool {
        sqlx::query("CREATE DATABASE second")
            .execute(&self.pool)
            .await
            .unwrap();
        let options = self.postgres.connect_options().clone().database("second");
        let pool = PgPoolOptions::new().connect_lazy_with(options);
        populate(&pool).await;
        pool
    }

    pub(crate) async fn community(&self, id: i64) {
        community(&self.pool, id).await;
    }

    pub(crate) async fn stamp(&self, address: &str, provider: &str, nullifiers: &[&str]) {
        Self::add_stamp(&self.pool, address, provider, nullifiers).await;
    }

    pub(crate) async fn add_stamp(
        pool: &PgPool,
        address: &str,
        provider: &str,
        nullifiers: &[&str],
    ) {
        sqlx::query(
            "INSERT INTO ceramic_cache_ceramiccache (address, provider, stamp, proof_value, created_at,
                 updated_at, type, compose_db_save_status, compose_db_stream_id)
             VALUES ($1, $2, $3::jsonb, '0x', now(), now(), 1, '', '')",
        )
        .bind(address)
        .bind(provider)
        .bind(json::dumps(&credential(address, provider, nullifiers)))
        .execute(pool)
        .await
        .unwrap();
    }

    pub(crate) fn engine(&self, connections: u32) -> Engine<Believe> {
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .test_before_acquire(false)
            .connect_lazy_with(self.postgres.connect_options().clone());
        engine(pool, Clock::system())
    }

    pub(crate) async fn count(&self, from: &str) -> i64 {
        Self::count_in(&self.pool, from).await
    }

    pub(crate) async fn count_in(pool: &PgPool, from: &str) -> i64 {
        let statement = format!("SELECT count(*) FROM {from}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .fetch_one(pool)
            .await
            .unwrap()
    }
}

/// The schema, an account and a scorer.
pub(crate) async fn populate(pool: &PgPool) {
    migrate(pool).await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email,
                                    is_staff, is_active, date_joined)
             VALUES (1, '', false, 'owner', '', '', '', false, true, now());
             INSERT INTO account_account (id, address, user_id) VALUES (1, '0xowner', 1);
             INSERT INTO scorer_weighted_scorer (id, type, exclude_from_weight_updates)
             VALUES (1, 'WEIGHTED', false);
             INSERT INTO scorer_weighted_weightedscorer (scorer_ptr_id, weights, threshold)
             VALUES (1, '{\"A\": \"1\", \"B\": 0.1, \"C\": 2, \"D\": \"0.5\"}', 2.5);",
    )
    .execute(pool)
    .await
    .unwrap();
}

pub(crate) async fn community(pool: &PgPool, id: i64) {
    sqlx::query(
        "INSERT INTO account_community (id, name, created_at, rule, description, account_id,
                                        scorer_id, human_points_program)
         VALUES ($1, 'c' || $1, now(), 'LIFO', '', 1, 1, true)",
    )
    .bind(id)
    .execute(pool)
    .await
    .unwrap();
}

pub(crate) fn engine(pool: PgPool, clock: Clock) -> Engine<Believe> {
    let rules = Rules {
        trusted_issuers: vec![ISSUER.to_owned()],
        human_points: HumanPointsRules {
            enabled: true,
            ..HumanPointsRules::default()
        },
        ..Rules::default()
    };
    Engine::new(pool, rules, Believe, clock)
}

pub(crate) fn address(number: usize) -> String {
    format!("0x{number:040x}")
}

pub(crate) fn credential(address: &str, provider: &str, nullifiers: &[&str]) -> Value {
    let text = format!(
        r#"{{"issuer": "{ISSUER}", "expirationDate": "2100-01-01T00:00:00Z", "proof": {{"proofValue": "0x"}},
            "credentialSubject": {{"id": "did:pkh:eip155:1:{address}", "provider": "{provider}", "nullifiers": {nullifiers:?}}}}}"#
    );
    json::loads(text.as_bytes()).unwrap()
}

pub(crate) fn request(community: i64, address: &str) -> ScoreRequest<'_> {
    ScoreRequest {
        community: CommunityRef::InAccount {
            account_id: ACCOUNT,
            id: BigInt::from(community),
        },
        address,
        show_points: false,
        listing: Listing::None,
        extra: None,
    }
}

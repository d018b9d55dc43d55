//! Databases made fresh per scenario, on a real server and on the carried one.

use std::{fs, path::Path};

use parity_cli::database::{DatabaseError, FreshDatabase, FreshDatabases, Seed};
use scorer::embedded::{Options, Postgres, Source};

fn public_seed() -> Seed {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/passport/seed.sql");
    Seed {
        sql: fs::read_to_string(&path).expect("the committed seed"),
        origin: "seed.sql".to_owned(),
    }
}

async fn start(source: Source) -> Postgres {
    Postgres::start(Options::temporary(source))
        .await
        .expect("a database")
}

#[tokio::test]
async fn every_scenario_starts_from_the_seed() {
    assert_fresh_and_captured(Source::Any).await;
}

#[tokio::test]
async fn every_scenario_starts_from_the_seed_on_the_carried_postgres() {
    assert_fresh_and_captured(Source::Carried).await;
}

/// Two scenarios that insert, update and delete must each find the seed and the same next ids.
async fn assert_fresh_and_captured(source: Source) {
    let postgres = start(source).await;
    let databases = FreshDatabases::prepare(&postgres, &public_seed())
        .await
        .expect("a template");
    let mut seen = Vec::new();
    for _ in 0..2 {
        let mut database = databases.take().await.expect("a fresh database");
        seen.push(changes(&mut database).await);
    }
    assert_eq!(seen[0], seen[1]);
    let effects = &seen[0];
    assert_eq!(
        effects,
        concat!(
            r#"{"registry_passport":{"inserted":[{"id":21,"community_id":1,"address":"0xé","#,
            r#""requires_calculation":null}]},"#,
            r#""stake_stake":{"updated":[{"pk":7,"before":{"unlock_time":"2026-07-01T00:00:00+00:00","#,
            r#""current_amount":"1000000.000000000000000000"},"after":{"unlock_time":"2026-01-15T11:00:00.5+00:00","#,
            r#""current_amount":"1.500000000000000000"}}]}}"#
        )
    );
    databases.close().await;
}

async fn changes(database: &mut FreshDatabase) -> String {
    database
        .prepare("DELETE FROM registry_event; DELETE FROM stake_stake WHERE id = 1")
        .await
        .expect("SQL before the step");
    database.capture.skip().await.expect("captured rows");
    for statement in [
        // The time zone of whoever writes must not show.
        "SET timezone = 'Asia/Tokyo'",
        "INSERT INTO registry_passport (address, community_id) VALUES ('0xé', 1)",
        "UPDATE stake_stake SET current_amount = 2 WHERE id = 7",
        "UPDATE stake_stake SET current_amount = 1.5, unlock_time = '2026-01-15T12:00:00.5+01:00' WHERE id = 7",
        "UPDATE stake_stake SET current_amount = current_amount WHERE id = 6",
    ] {
        sqlx::query(statement)
            .execute(&database.pool)
            .await
            .expect("a change");
    }
    let effects = database.capture.take().await.expect("captured rows");
    assert!(
        database
            .capture
            .take()
            .await
            .expect("captured rows")
            .is_empty(),
        "rows are captured once"
    );
    serde_json::to_string(&effects)
        .expect("effects")
        .replace(": ", ":")
        .replace(", ", ",")
}

/// A service may read rows in the order in which they lie on disk, so rows of the seed and rows that
/// follow must lie as in a database never used, whatever was written and restored before.
#[tokio::test]
async fn a_restored_database_puts_rows_where_an_unused_one_does() {
    let postgres = start(Source::Any).await;
    let databases = FreshDatabases::prepare(&postgres, &public_seed())
        .await
        .expect("a template");
    let mut unused = None;
    for round in 0..16 {
        let mut database = databases.take().await.expect("a fresh database");
        database.prepare(INSERT_STAMPS).await.expect("new rows");
        let order: Vec<i64> = sqlx::query_scalar(
            "SELECT array_agg(id ORDER BY ctid) FROM ceramic_cache_ceramiccache",
        )
        .fetch_one(&database.pool)
        .await
        .expect("ids");
        assert_eq!(&order, unused.get_or_insert(order.clone()), "round {round}");
        if round % 2 == 0 {
            let update =
                "UPDATE ceramic_cache_ceramiccache SET updated_at = now() WHERE id % 7 = 0";
            database.prepare(update).await.expect("changed rows");
        }
    }
    databases.close().await;
}

const INSERT_STAMPS: &str = "
    INSERT INTO ceramic_cache_ceramiccache (address, provider, stamp, created_at, updated_at, type,
        compose_db_save_status, compose_db_stream_id, proof_value)
    SELECT 'new' || id, provider, stamp, created_at, updated_at, type, compose_db_save_status,
        compose_db_stream_id, proof_value
    FROM ceramic_cache_ceramiccache ORDER BY id LIMIT 40";

#[tokio::test]
async fn a_seed_that_does_not_load_is_named_with_its_line() {
    let postgres = start(Source::Any).await;
    let seed = Seed {
        origin: "fixtures/seed.sql".to_owned(),
        sql: "SELECT 1;\n\nINSERT INTO no_such_table VALUES (1);\n".to_owned(),
    };
    let error = FreshDatabases::prepare(&postgres, &seed).await.unwrap_err();
    assert!(
        matches!(error, DatabaseError::SeedLine { line: 3, .. }),
        "{error}"
    );
    assert!(
        error.to_string().starts_with("fixtures/seed.sql:3: "),
        "{error}"
    );
}

#[tokio::test]
async fn databases_of_a_run_are_dropped_at_its_end() {
    let postgres = start(Source::Any).await;
    let count = "SELECT count(*) FROM pg_database WHERE datname LIKE 'parity_replay_%'";
    let databases = FreshDatabases::prepare(&postgres, &Seed::default())
        .await
        .unwrap();
    let used = databases.take().await.unwrap();
    drop(used);
    databases.close().await;
    let left: i64 = sqlx::query_scalar(count)
        .fetch_one(&postgres.pool())
        .await
        .unwrap();
    assert_eq!(left, 0);
}
